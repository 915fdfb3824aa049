"""From one decoded payload to the messages that become durable together, and to the answer the source will give.

Pure but for the sealed box's key.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cior_bus.message import MessageOut
from cior_bus.spool import SpoolClass
from cior_connectors._runtime.codes import CONFLICT, HEARTBEAT, POSITION, UNDECODED
from cior_connectors._runtime.guard import DecodeResult
from cior_connectors._runtime.seal import Sealer, is_condition
from cior_connectors._runtime.signs import Sign, Signs
from cior_connectors._runtime.stored_facts import stored_facts
from cior_connectors._runtime.unread import UnreadPace
from cior_connectors.contract import Accepted, DecodeContext, Facts, Outcome, Rejected, RejectedPart
from cior_core.attributes import AUTHENTICATED, PACED, UNBELIEVED
from cior_core.device_state import may_be_forged
from cior_core.errors import PayloadRejected
from cior_core.identity import dead_id, payload_sha256
from cior_core.model import (
    UNKNOWN_PLACE,
    DataClass,
    DeadLetter,
    Device,
    Event,
    EventId,
    Lane,
    Place,
    PlaceMethod,
    RawPointer,
    RawRecord,
)
from cior_core.system_events import system_event
from cior_core.vicinity import Vicinity

MAX_EVENT_BYTES = 1_000_000
SEALED_CODE = "sealed.rejected"
NUMBERS = frozenset({"sequence", "repeat"})
"""Attributes from which a gap can be read."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One payload, ready: all ``messages`` become durable or none does, then ``outcome`` is told to the source.

    ``record`` is encoded last, because it gets its place in the chain when its turn has come. ``signs``: what is not
    told by itself, but with its device's next sign of life.
    """

    record: RawRecord
    others: tuple[MessageOut, ...]
    outcome: Outcome
    spool_class: SpoolClass
    lanes: tuple[Lane, ...]
    dead_codes: tuple[str, ...]
    sealed: bool
    life_safety: bool = False
    unregistered: int = 0
    signs: tuple[Sign, ...] = ()

    @property
    def messages(self) -> tuple[MessageOut, ...]:
        """The raw record first."""
        return MessageOut.of(self.record, spool_class=self.spool_class), *self.others


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """What a publication must know about the instance. ``keep`` is the telemetry limit, placed after decoding.

    ``carries_sealed``: what cannot be read here may be of somebody sealed. ``placed`` fills in cell and district;
    ``vicinity`` knows what stands around a place; ``unread`` bounds how often the line says that it could not read
    something (None: each time). ``numbered``: frames carry numbers, so that one which is missing outside shows.
    ``signs`` keeps what is told once a period.
    """

    context: DecodeContext
    sealer: Sealer
    life_safety: bool
    sealed: bool
    carries_sealed: bool
    keep: Callable[[tuple[Event, ...]], tuple[Event, ...]]
    expected_every_s: Callable[[str], float | None]
    placed: Callable[[Place], Place] = lambda place: place
    vicinity: Vicinity = Vicinity({})
    unread: UnreadPace | None = None
    numbered: bool = False
    signs: Signs | None = None

    def says(self, facts: Facts) -> bool:
        """Whether one thing that could not be read is said by itself."""
        return self.unread is None or self.unread.allows(facts.peer, now_ms=facts.received_ms)


def publication_of(channel: Channel, payload: bytes, facts: Facts, decoded: DecodeResult) -> Publication:
    """The messages of one payload.

    Sealed payloads are stripped here, before anything is encoded for a topic, a log or a metric.
    """
    events = channel.keep(tuple(_completed(event, channel) for event in decoded.events))
    rejected = decoded.rejected
    if decoded.code is not None:
        rejected = (RejectedPart(code=decoded.code, reason=decoded.reason, payload=payload),)
    given = _Input(channel=channel, payload=payload, facts=facts, decoded=decoded)
    try:
        return _build(given, events, rejected)
    except PayloadRejected:
        return _build(given, *_without_unpublishable(events, rejected, payload))


class _Input(msgspec.Struct, frozen=True, kw_only=True):
    """What one publication is made of."""

    channel: Channel
    payload: bytes
    facts: Facts
    decoded: DecodeResult
    spool_class: SpoolClass = SpoolClass.LIFE_SAFETY
    sealed: bool = False


def _build(given: _Input, events: tuple[Event, ...], rejected: tuple[RejectedPart, ...]) -> Publication:
    sealed = _is_sealed(given.channel, given.facts, events)
    # Who could not be read may be anybody, also somebody who must not be named (law 17).
    boxed = sealed or (given.channel.carries_sealed and (bool(rejected) or given.channel.numbered))
    if rejected and given.channel.life_safety and given.channel.says(given.facts):
        events = (*events, _undecoded(given.channel, given.facts, rejected, sealed=boxed))
    # Asked before anything is stripped: a sealed event does not say whether it was proven.
    spool_class = _class_of(given, events, undecoded=bool(rejected))
    given = msgspec.structs.replace(given, spool_class=spool_class, sealed=sealed)
    return (_boxed if boxed else _clear)(given, events, rejected)


def _completed(event: Event, channel: Channel) -> Event:
    """``event`` with all that is known of its device and place.

    Every located event leaves with its H3 cell and its one district (S05), so that walls, stores and rules agree about
    where it was; and with what protocols and priority ask for: block, siren, cameras, facilities beside it. The
    registry's word goes over the wire's.
    """
    device = channel.context.registry.get(event.subject)
    event = enrich(event, device, channel.expected_every_s(event.subject))
    place = channel.placed(event.place)
    event = event if place is event.place else msgspec.structs.replace(event, place=place)
    facts = channel.vicinity.facts(event, device)
    return msgspec.structs.replace(event, attributes=event.attributes | facts) if facts else event


def enrich(event: Event, device: Device | None, expected_every_s: float | None = None) -> Event:
    """The registered-devices gate.

    It marks and completes, and can refuse nothing: an unregistered press goes on (law 2).
    """
    changes: dict[str, object] = {"registered": device is not None} if event.registered is None else {}
    if expected_every_s is not None and "expected_every_s" not in event.attributes:
        changes["attributes"] = {**event.attributes, "expected_every_s": expected_every_s}
    if device is not None:
        changes |= _from_registration(event, device)
    return msgspec.structs.replace(event, **changes)


def _from_registration(event: Event, device: Device) -> dict[str, object]:
    changes: dict[str, object] = {"drill": event.drill or device.drill}
    if event.place.method is PlaceMethod.UNKNOWN and device.place.method is not PlaceMethod.UNKNOWN:
        changes["place"] = (
            device.place if device.place.method is not PlaceMethod.GPS else _as_site(device.place)
        )
    if device.data_class is DataClass.SEALED or event.data_class is DataClass.SEALED:
        changes["data_class"] = DataClass.SEALED
    return changes


def _as_site(place: Place) -> Place:
    return msgspec.structs.replace(place, method=PlaceMethod.SITE)


def _published(event: Event, spool_class: SpoolClass) -> MessageOut:
    """The event as a message. Raises ``PayloadRejected`` for one that no topic can carry."""
    try:
        message = MessageOut.of(event, spool_class=spool_class)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PayloadRejected("event.unpublishable", "an event holds what JSON cannot carry") from error
    if len(message.value) > MAX_EVENT_BYTES:
        raise PayloadRejected(
            "event.unpublishable", "an event is larger than a topic takes", cure="media by reference"
        )
    return message


def _without_unpublishable(
    events: tuple[Event, ...], rejected: tuple[RejectedPart, ...], payload: bytes
) -> tuple[tuple[Event, ...], tuple[RejectedPart, ...]]:
    """The events that can be published; each other one as a dead letter, so that it cannot block its siblings."""
    kept: list[Event] = []
    lost: list[RejectedPart] = []
    for event in events:
        try:
            _published(event, SpoolClass.LIFE_SAFETY)
            kept.append(event)
        except PayloadRejected as error:
            lost.append(RejectedPart(code=error.code, reason=error.sentence, payload=payload))
    return tuple(kept), (*rejected, *lost)


def _is_sealed(channel: Channel, facts: Facts, events: tuple[Event, ...]) -> bool:
    registry = channel.context.registry
    subjects = {facts.subject, *(event.subject for event in events)}
    return (
        channel.sealed
        or facts.sealed
        or any(event.data_class is DataClass.SEALED for event in events)
        or any(
            (device := registry.get(subject)) is not None and device.data_class is DataClass.SEALED
            for subject in subjects
        )
    )


def _undecoded(channel: Channel, facts: Facts, rejected: tuple[RejectedPart, ...], *, sealed: bool) -> Event:
    """A life-safety channel said something we cannot read: an operator must see that it spoke (design §4.2)."""
    subject = facts.subject or facts.source
    device = channel.context.registry.get(subject)
    return system_event(
        UNDECODED,
        source=facts.source,
        subject=subject,
        key=f"undecoded:{facts.raw_id}",
        at_ms=facts.received_ms,
        place=device.place if device is not None else UNKNOWN_PLACE,
        data_class=DataClass.SEALED if sealed else DataClass.RESTRICTED,
        life_safety=True,
        producer=channel.context.producer,
        registered=device is not None if facts.subject else None,
        drill=facts.drill or channel.context.drill,
        attributes={
            "code": rejected[0].code,
            "parts": len(rejected),
            "bytes": sum(len(part.payload) for part in rejected),
        }
        # Whoever writes noise with a panel's number on it does not show that the panel lives.
        | ({} if facts.authenticated else {UNBELIEVED: True}),
    )


def _clear(given: _Input, events: tuple[Event, ...], rejected: tuple[RejectedPart, ...]) -> Publication:
    channel, payload, facts = given.channel, given.payload, given.facts
    digest = payload_sha256(payload)
    pointer = RawPointer(raw_id=facts.raw_id, sha256=digest)
    record = RawRecord(
        id=facts.raw_id,
        source=facts.source,
        subject=facts.subject or (events[0].subject if events else ""),
        received_ms=facts.received_ms,
        payload=payload,
        sha256=digest,
        content_type=facts.content_type,
        facts=stored_facts(facts),
        producer=channel.context.producer,
        events=len(events),
        dead=len(rejected),
        data_class=max(
            (event.data_class for event in events), key=list(DataClass).index, default=DataClass.RESTRICTED
        ),
        drill=facts.drill or channel.context.drill,
    )
    letters = tuple(_letter(given, part, _at(pointer, n)) for n, part in enumerate(rejected))
    pointed = tuple(_pointed(event, pointer, n) for n, event in enumerate(events))
    return _assembled(given, record, pointed, letters)


def _boxed(given: _Input, events: tuple[Event, ...], rejected: tuple[RejectedPart, ...]) -> Publication:
    """The bytes in a box. Of a sealed unit every event is stripped; of one that only could not be read to its end, what
    was read stays what it is (a loud press stays loud), and the rest is a word of the district.
    """
    channel, facts, sealer = given.channel, given.facts, given.channel.sealer
    box = sealer.box(
        facts,
        given.payload,
        events=events,
        code=given.decoded.code or "",
        reason=given.decoded.reason,
        unread=bool(rejected),
    )
    pointer = RawPointer(raw_id=facts.raw_id, sha256=payload_sha256(box))
    identity = facts.subject or next((event.subject for event in events), "") or facts.source
    registry = channel.context.registry
    record = RawRecord(
        id=facts.raw_id,
        source=sealer.source(facts.source),
        subject=sealer.subject(facts.source, identity, registry.get(identity)),
        received_ms=facts.received_ms,
        payload=box,
        sha256=pointer.sha256,
        producer=sealer.producer(channel.context.producer) or channel.context.producer,
        dead=len(rejected),
        data_class=DataClass.SEALED,
        sealed=True,
        drill=facts.drill or channel.context.drill,
    )
    shown, signs = _outside(given, events, pointer)
    record = msgspec.structs.replace(record, events=len(shown))
    letters = tuple(_sealed_letter(given, part, _at(pointer, n)) for n, part in enumerate(rejected))
    ready = _assembled(given, record, shown, letters)
    return msgspec.structs.replace(ready, signs=signs)


def _outside(
    given: _Input, events: tuple[Event, ...], pointer: RawPointer
) -> tuple[tuple[Event, ...], tuple[Sign, ...]]:
    """What of a boxed payload leaves by itself, and what only with the next sign of life."""
    shown: list[Event] = []
    signs: list[Sign] = []
    for n, event in enumerate(events):
        if given.sealed:
            own, sign = _sealed_event(given, event, _at(pointer, n))
        elif event.data_class is DataClass.SEALED:
            own, sign = (
                given.channel.sealer.strip(event, raw=_at(pointer, n), device=_device(given, event)),
                None,
            )
        else:
            own, sign = _numbered_event(given, event, _at(pointer, n))
        shown += [own] if own is not None else []
        signs += [sign] if sign is not None else []
    return tuple(shown), tuple(signs)


def _sealed_event(given: _Input, event: Event, pointer: RawPointer) -> tuple[Event | None, Sign | None]:
    """A press leaves at once, in its alert's name; the rest with the sign of life, in its supervision's."""
    channel, device = given.channel, _device(given, event)
    stripped = channel.sealer.strip(event, raw=pointer, device=device)
    if channel.signs is None:
        return stripped, None
    is_held = is_condition(event, device)
    sealed_device = device is not None and device.data_class is DataClass.SEALED
    if not (sealed_device or channel.sealed or given.facts.sealed):
        # In the open it is what it was before it pressed: neither heard of again nor missed.
        sign = Sign(subject=event.subject)
    else:
        alive = channel.sealer.alive(event, device=device)
        every_s = device.expected_every_s if device is not None else None
        is_sign = event.type in (HEARTBEAT, POSITION)
        said = None if is_sign or not is_held else msgspec.structs.replace(stripped, subject=alive.subject)
        sign = Sign(
            subject=alive.subject,
            alive=alive,
            every_s=every_s or channel.expected_every_s(event.subject),
            said=said,
        )
    heard = None if may_be_forged(event) or event.type == UNDECODED else sign
    return (None if is_held else stripped), heard


def _numbered_event(given: _Input, event: Event, pointer: RawPointer) -> tuple[Event | None, Sign | None]:
    """Of a line whose frames are numbered nothing leaves that tells a number: neither the number, nor an id that is
    made of it and could be tried out, nor when each frame came of which nothing else is told.
    """
    channel, sealer = given.channel, given.channel.sealer
    if not channel.numbered:
        return _pointed(event, pointer, pointer.index), None
    told = msgspec.structs.replace(
        event,
        id=EventId(sealer.pseudonym("event", event.id)),
        native_key=None if event.native_key is None else sealer.pseudonym("key", event.native_key),
        attributes={name: value for name, value in event.attributes.items() if name not in NUMBERS},
        raw=pointer,
    )
    if event.type != HEARTBEAT or channel.signs is None:
        return told, None
    every_s = event.attributes.get("expected_every_s") or channel.expected_every_s(event.subject)
    return None, Sign(subject=event.subject, alive=told, every_s=every_s)


def _device(given: _Input, event: Event) -> Device | None:
    return given.channel.context.registry.get(event.subject)


def _assembled(
    given: _Input, record: RawRecord, events: tuple[Event, ...], letters: tuple[DeadLetter, ...]
) -> Publication:
    spool_class = given.spool_class
    # Of what was too long the box has the head alone: the source must keep its own.
    in_box_alone = record.sealed and given.facts.truncated_from_bytes is None
    others = (
        *(_published(event, spool_class) for event in events),
        *(MessageOut.of(letter, spool_class=spool_class) for letter in letters),
    )
    return Publication(
        record=record,
        others=others,
        outcome=Accepted(events=len(events), believed=given.decoded.believed, sealed=in_box_alone)
        if given.decoded.code is None
        else Rejected(code=given.decoded.code, sealed=in_box_alone),
        spool_class=spool_class,
        lanes=tuple(event.lane for event in events),
        dead_codes=tuple(letter.code for letter in letters),
        sealed=record.sealed,
        life_safety=any(event.life_safety for event in events),
        unregistered=sum(event.registered is False for event in events),
    )


def _class_of(given: _Input, events: tuple[Event, ...], *, undecoded: bool) -> SpoolClass:
    """How the payload may be treated when capacity is short: whatever could be a press is refused rather than dropped,
    and what anybody could have sent has room of its own, so that it takes none from what proved itself. What only gave
    way to presses (:class:`~cior_connectors._runtime.limits.DeskPace`) is worth no less for that.
    """
    pressing = [
        event
        for event in events
        if event.life_safety or event.lane is Lane.URGENT or PACED in event.attributes
    ]
    said = [event for event in pressing if event.type not in (UNDECODED, CONFLICT)]
    if any(event.attributes.get(AUTHENTICATED) is not False for event in said):
        return SpoolClass.LIFE_SAFETY
    if pressing or (undecoded and given.channel.life_safety):
        if given.facts.authenticated:
            return SpoolClass.LIFE_SAFETY
        read = [event for event in events if event.type != UNDECODED]
        return SpoolClass.UNPROVEN if read else SpoolClass.UNREAD
    if events and not undecoded and all(event.lane is Lane.TELEMETRY for event in events):
        return SpoolClass.TELEMETRY
    return SpoolClass.NORMAL


def _letter(given: _Input, part: RejectedPart, pointer: RawPointer) -> DeadLetter:
    channel, facts = given.channel, given.facts
    return DeadLetter(
        id=dead_id(facts.raw_id, "decode", pointer.index),
        stage="decode",
        code=part.code,
        reason=part.reason,
        payload=part.payload,
        at_ms=facts.received_ms,
        source=facts.source,
        raw=pointer,
        life_safety=channel.life_safety,
        data_class=DataClass.RESTRICTED,
        producer=channel.context.producer,
        truncated_from_bytes=facts.truncated_from_bytes,
    )


def _sealed_letter(given: _Input, part: RejectedPart, pointer: RawPointer) -> DeadLetter:
    """A dead letter in a box for the team and for whoever mends decoders.

    Its reason is fixed, because an author's words may quote the payload. What only could not be read keeps its code, a
    constant; what is sealed by name does not.
    """
    channel, facts, sealer = given.channel, given.facts, given.channel.sealer
    by_name = channel.sealed or facts.sealed or bool(given.decoded.events)
    return DeadLetter(
        id=dead_id(facts.raw_id, "decode", pointer.index),
        stage="decode",
        code=SEALED_CODE if by_name and given.sealed else part.code,
        reason="in the box",
        payload=sealer.box(facts, part.payload, code=part.code, reason=part.reason, unread=True),
        at_ms=facts.received_ms,
        source=sealer.source(facts.source),
        raw=pointer,
        life_safety=channel.life_safety,
        data_class=DataClass.SEALED,
        producer=sealer.producer(channel.context.producer),
    )


def _pointed(event: Event, pointer: RawPointer, index: int) -> Event:
    return msgspec.structs.replace(event, raw=_at(pointer, index))


def _at(pointer: RawPointer, index: int) -> RawPointer:
    return RawPointer(raw_id=pointer.raw_id, sha256=pointer.sha256, index=index)
