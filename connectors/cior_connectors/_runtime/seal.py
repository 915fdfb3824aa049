"""The sealed channel at the connector (design §5): connectors can seal and cannot open.

What leaves in clear for a sealed payload: a pseudonym (HMAC-SHA256 with the centre's key), the type ``silent`` for
whatever is life-safety, the district, and instants. A device has two pseudonyms: a stable one for supervision, which no
alert shows, and one an alert; who joins them needs the box, or the key.

The exact bytes, identity and place travel only inside a sealed box (:mod:`cior_bus.sealed_box`) for the response team.
What nobody could read has a second recipient, the holder of the repair key, so that a decoder can be mended; what was
read has the team alone. Box content: :class:`cior_bus.sealed_content.SealedContent` as MessagePack.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from cior_bus import sealed_box
from cior_bus.sealed_content import SealedContent
from cior_connectors._runtime import clocks
from cior_connectors._runtime.codes import HEARTBEAT, SILENT, UNDECODED
from cior_connectors.contract import Facts
from cior_core import codec, identity
from cior_core.identity import payload_sha256
from cior_core.keyed import RetiredKey
from cior_core.model import (
    UNKNOWN_PLACE,
    DataClass,
    Device,
    Event,
    EventId,
    Lane,
    Place,
    PlaceMethod,
    Producer,
    RawPointer,
    TypeCode,
)

DistrictOf = Callable[[Place], str | None]


def _public_type(event: Event) -> TypeCode:
    """A life-safety type becomes silent, loud ones and silent ones alike: neither siren nor name of the deed leaves.

    Supervision must go on, so the rest stays.
    """
    return SILENT if is_press(event) and event.type != UNDECODED else event.type


def is_press(event: Event) -> bool:
    """Whether a sealed event calls for help."""
    return event.life_safety or event.type.partition(".")[0] == SILENT


def is_condition(event: Event, device: Device | None) -> bool:
    """Whether a sealed event tells how a device does, and nothing of an incident: its supervision's business."""
    told = device is not None or event.lane is Lane.TELEMETRY or event.type.partition(".")[0] in _CONDITIONS
    return told and not is_press(event)


MAX_EVENTS_BYTES = 300_000
APART_MS = 180_000
"""Presses of one device that are further apart are of two alerts (correlation joins by device for two minutes)."""
MAX_EPISODES = 50_000
_CONDITIONS = frozenset({"device", "source", "supervision", "access", "clock"})


def _fitting(events: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The events, unless they would make the box too large for its topic: the team decodes the bytes again then."""
    return events if sum(map(len, events)) <= MAX_EVENTS_BYTES else ()


class Sealer:
    """Seals bytes and strips events.

    ``team_key`` 32 bytes X25519, ``keeper_key`` (a second keeper, who opens what the team opens) and ``repair_key`` the
    same or None; ``hmac_key`` >= 32 bytes, ``retired`` those before it, oldest first; ``district_of`` from coordinates
    to a district.
    """

    def __init__(
        self,
        *,
        team_key: bytes,
        hmac_key: bytes,
        repair_key: bytes | None = None,
        keeper_key: bytes | None = None,
        retired: tuple[RetiredKey, ...] = (),
        district_of: DistrictOf = lambda place: place.district,
    ) -> None:
        self._team = (team_key,) if keeper_key is None else (team_key, keeper_key)
        self._menders = self._team if repair_key is None else (*self._team, repair_key)
        self._hmac_key = hmac_key
        self._retired = tuple(
            (each, Sealer(team_key=team_key, hmac_key=each.key, district_of=district_of)) for each in retired
        )
        self._episodes: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._district_of = district_of

    def pseudonym(self, *words: str) -> str:
        """``p-`` and 32 hex digits: the same for the same words; nobody without the centre's key gets back."""
        return identity.pseudonym(self._hmac_key, *words)

    def lasting(self, *words: str) -> str:
        """The pseudonym that no rotation changes: by the oldest key. For what must stay one, and names no person."""
        return self._retired[0][1].pseudonym(*words) if self._retired else self.pseudonym(*words)

    def before(self, *words: str, now_ms: int) -> tuple[str, ...]:
        """The pseudonyms by the keys that were replaced and are remembered, newest first."""
        return tuple(
            sealer.pseudonym(*words) for key, sealer in reversed(self._retired) if key.is_remembered(now_ms)
        )

    def subject(self, source: str, subject: str, device: Device | None) -> str:
        """Who speaks, in public: a registered device by the one name it is enrolled and missed under, anybody else by
        one of its channel's."""
        if device is None:
            return self.pseudonym("subject", source, subject)
        return identity.device_pseudonym(self._hmac_key, device.id)

    def alert_subject(self, supervised: str, occurred_ms: int) -> str:
        """The pseudonym of one alert of the device that is supervised as ``supervised``: presses that follow each other
        within :data:`APART_MS` share it, so that they find their alert; the next alert has another.

        Begun anew after a restart, and by bins of an instant so that two channels of one device agree: at worst one
        episode has two names, which is an alert too many and never a press too few.
        """
        begun_ms, last_ms = self._episodes.get(supervised, (occurred_ms, occurred_ms))
        if not begun_ms - APART_MS <= occurred_ms <= last_ms + APART_MS:
            begun_ms = last_ms = occurred_ms
        self._episodes[supervised] = begun_ms, max(last_ms, occurred_ms)
        self._episodes.move_to_end(supervised)
        while len(self._episodes) > MAX_EPISODES:
            self._episodes.popitem(last=False)
        return self.pseudonym("alert", supervised, str(begun_ms // APART_MS))

    def source(self, source: str) -> str:
        """The channel's urn in public."""
        return "urn:cior:sealed:" + self.pseudonym("source", source)

    def box(
        self,
        facts: Facts,
        payload: bytes,
        *,
        events: tuple[Event, ...] = (),
        code: str = "",
        reason: str = "",
        unread: bool = False,
    ) -> bytes:
        """The sealed box of one payload. ``payload`` is what is left of the bytes as received; ``unread``: something in
        it could not be read, so whoever mends decoders may open it too.
        """
        content = SealedContent(
            payload=payload,
            sha256=payload_sha256(payload),
            source=facts.source,
            subject=facts.subject,
            peer=facts.peer,
            instance=facts.context.producer.instance if facts.context else "",
            content_type=facts.content_type,
            details=facts.details | clocks.as_facts(facts.clocks),
            events=_fitting(tuple(codec.encode(event) for event in events)),
            code=code,
            reason=reason,
            truncated_from_bytes=facts.truncated_from_bytes,
            first_received_ms=facts.first_received_ms,
            drill=facts.drill,
        )
        recipients = self._menders if unread else self._team
        return sealed_box.seal(msgspec.msgpack.encode(content), recipients)

    def strip(self, event: Event, *, raw: RawPointer | None, device: Device | None) -> Event:
        """The event that may leave.

        Built from nothing, so a field added to ``Event`` later stays inside until someone lets it out here. What
        happened before the key was replaced keeps the names of its time, so that a retransmission is still one press.
        """
        for key, sealer in self._retired:
            if key.names(event.occurred_ms, received_ms=event.received_ms):
                return sealer.strip(event, raw=raw, device=device)
        supervised = self.subject(event.source, event.subject, device)
        subject = self.alert_subject(supervised, event.occurred_ms) if is_press(event) else supervised
        return Event(
            id=EventId(self.pseudonym("event", event.id)),
            source=self.source(event.source),
            type=_public_type(event),
            subject=subject,
            phase=event.phase,
            occurred_ms=event.occurred_ms,
            received_ms=event.received_ms,
            clock=event.clock,
            place=self._district(event.place if is_press(event) else UNKNOWN_PLACE, device),
            data_class=DataClass.SEALED,
            life_safety=event.life_safety,
            lane=Lane.URGENT if event.life_safety else event.lane,
            raw=raw,
            producer=self.producer(event.producer),
            drill=event.drill,
            recovered=event.recovered,
            registered=event.registered,
            independence=self.pseudonym("independence", event.independence or subject),
        )

    def alive(self, event: Event, *, device: Device | None) -> Event:
        """That a sealed device spoke, in the words of its supervision: no alert's, and of no place but its own site's,
        so that a tracker leaves no track.
        """
        supervised = self.subject(event.source, event.subject, device)
        return Event(
            id=EventId(""),
            source=self.source(event.source),
            type=HEARTBEAT,
            subject=supervised,
            occurred_ms=event.received_ms,
            received_ms=event.received_ms,
            place=self._district(UNKNOWN_PLACE, device),
            data_class=DataClass.SEALED,
            lane=Lane.TELEMETRY,
            producer=self.producer(event.producer),
            drill=event.drill,
            registered=event.registered,
        )

    def producer(self, producer: Producer | None) -> Producer | None:
        """Program and version; the instance's name could name a person."""
        return None if producer is None else Producer(connector=producer.connector, version=producer.version)

    def _district(self, place: Place, device: Device | None) -> Place:
        site = device.place if device is not None else UNKNOWN_PLACE
        district = place.district or self._district_of(place) or site.district or self._district_of(site)
        return Place(method=PlaceMethod.UNKNOWN, district=district).district_only()
