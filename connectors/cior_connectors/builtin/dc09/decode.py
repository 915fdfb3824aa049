"""A DC-09 frame to events.

Pure: keys come from the configuration, the receipt's labels (first receipt, repeats, other address) from
``facts.details``.

Every readable frame gives at least one event: an unknown code is an alarm nobody classified, an unregistered account
still alarms, a wrong clock still alarms. Only what is no frame, cannot be opened, or is of a kind we do not handle is
rejected, with its bytes.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import msgspec

from cior_connectors.builtin.dc09 import contact_id, frame, reply, sia_dcs, times
from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.extended import attributes_of, occurrence_ms, place_of
from cior_connectors.builtin.dc09.message import Message, parse
from cior_connectors.contract import Decoded, Facts
from cior_connectors.decoding import clock_notes, make_event
from cior_core.attributes import AUTHENTICATED, UNBELIEVED, VERIFIED
from cior_core.clock import Judgement
from cior_core.errors import PayloadRejected
from cior_core.identity import press_key
from cior_core.model import DataClass, Event, Phase

UNCLASSIFIED = "alarm.unclassified"
VERIFIED_PRESS = "panic.verified"
PRESSES = ("panic.alarm", VERIFIED_PRESS)
"""What a panel's panic codes mean when its registration says nothing more. A duress code stays silent whoever sends it.
"""
NOTICE = "device.notice"
HEARTBEAT = "heartbeat"
CONFLICT = "source.conflict"
WITHOUT_ENCRYPTION = "without_encryption"
MAX_TEXT = 200
ALIVE_BUCKET_MS = 10_000
"""Link tests of one panel within it are one sign of life: a resend after a lost answer, not a second test (panels test
every 30 s at most).
"""


class _Meaning(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def exact(self) -> bool: ...
    @property
    def verified(self) -> bool: ...


CONFLICT_EVERY_MS = 3_600_000
"""One account's conflict of a kind is one finding an hour, however many frames show it."""


class _Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame proves: ``timely`` that its key's holder sent it now; ``believed`` False: it ought to have proved
    that and did not.
    """

    timely: bool
    believed: bool

    @property
    def notes(self) -> dict[str, Any]:
        """As attributes of its events."""
        return {AUTHENTICATED: self.timely} | ({} if self.believed else {UNBELIEVED: True})


class AlarmTaxonomy(Protocol):
    """The part of ``cior_core.taxonomy.Taxonomy`` that panels need."""

    def map_contact_id(self, qualifier: str, code: str) -> _Meaning | None:
        """Meaning of a Contact ID event."""

    def map_sia(self, code: str) -> _Meaning | None:
        """Meaning of a SIA code."""


class _Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a message says, before it becomes an event."""

    type_code: str
    phase: Phase
    native: str
    attributes: dict[str, Any]


def decode(raw: bytes, facts: Facts) -> Decoded:
    """``raw`` as framed. Raises ``PayloadRejected``: ``dc09.noise``, ``dc09.truncated``, ``dc09.oversize``,
    ``dc09.bad_header``, ``dc09.bad_length``, ``dc09.bad_crc``, and the codes of :func:`message.parse`,
    :mod:`contact_id` and :mod:`sia_dcs`, ``dc09.unsupported_token``.
    """
    config: Dc09Config = facts.known.config
    kind = frame.classify(raw)
    if facts.details.get("frame") == frame.FrameKind.OVERSIZE:
        kind = frame.FrameKind.OVERSIZE
    if kind is not frame.FrameKind.FRAME:
        raise PayloadRejected(
            f"dc09.{kind.value}",
            "not a DC-09 frame: no answer was sent",
            cure="look at the line or the panel's CRC setting",
        )
    message = parse(frame.body_of(raw), config.keys)
    subject = f"{config.subject_prefix}{message.account}"
    registered = facts.known.registry.get(subject)
    said = tuple(
        _as_registered(fact, config.press_types.get(registered.kind if registered is not None else ""))
        for fact in _as_written(raw, _said(message, cast("AlarmTaxonomy", facts.known.taxonomy)))
    )
    when = times.judged(message, facts, subject=subject)
    trust = _trust(message, facts, must_encrypt=config.must_encrypt(message.account, registered))
    events = tuple(
        _event(fact, message, facts, subject=subject, when=when, trust=trust, index=n)
        for n, fact in enumerate(said)
    )
    sealed = any(event.data_class is DataClass.SEALED for event in events)
    return Decoded(
        events=(
            *events,
            *(() if sealed or not trust.believed else _alive(message, facts, subject=subject)),
            *_conflicts(message, facts, trust, subject=subject),
        ),
        clocks=times.reading(message, subject=subject),
        believed=trust.believed,
    )


def _trust(message: Message, facts: Facts, *, must_encrypt: bool) -> _Trust:
    arrived_ms = _number(facts.details.get("arrived_ms", "")) or facts.received_ms
    timely = message.encrypted and reply.timely(message, arrived_ms)
    return _Trust(timely=timely, believed=timely or not (message.encrypted or must_encrypt))


def _said(message: Message, taxonomy: AlarmTaxonomy) -> tuple[_Fact, ...]:
    """What the message reports; nothing for link tests.

    Raises ``PayloadRejected`` (``dc09.unsupported_token``) for kinds we do not handle.
    """
    match message.token:
        case "ADM-CID":
            return (_from_contact_id(contact_id.parse(message.data), taxonomy),)
        case "SIA-DCS":
            return _from_sia(sia_dcs.parse(message.data), taxonomy)
        case token if token in reply.LINK_TOKENS:
            return ()
        case _:
            raise PayloadRejected(
                "dc09.unsupported_token",
                "a kind of message this receiver does not handle",
                cure="set the panel to Contact ID or SIA",
            )


def _as_written(raw: bytes, said: tuple[_Fact, ...]) -> tuple[_Fact, ...]:
    """With the panel's dialect, when it is not the standard's: whoever looks for a line fault wants to know."""
    told = str(frame.dialect_of(raw))
    return tuple(
        msgspec.structs.replace(fact, attributes=fact.attributes | ({"frame_dialect": told} if told else {}))
        for fact in said
    )


def _from_contact_id(event: contact_id.ContactId, taxonomy: AlarmTaxonomy) -> _Fact:
    meaning = taxonomy.map_contact_id(event.qualifier, event.code)
    attributes: dict[str, Any] = {
        "code": event.code,
        "qualifier": event.qualifier,
        "partition": event.partition,
        "point": event.point,
    }
    if event.text:
        attributes["panel_text"] = _clean(event.text)
    if meaning is None or not meaning.exact:
        attributes["unknown_code"] = True
    return _Fact(
        type_code=meaning.type if meaning else UNCLASSIFIED,
        phase=meaning.phase if meaning else event.phase,
        native=f"CID {event.qualifier}{event.code}",
        attributes=attributes,
    )


def _from_sia(block: sia_dcs.SiaBlock, taxonomy: AlarmTaxonomy) -> tuple[_Fact, ...]:
    if not block.events:
        return (
            _Fact(
                type_code=NOTICE,
                phase=Phase.NEW,
                native="SIA A",
                attributes={"panel_text": _clean(block.text)},
            ),
        )
    return tuple(_from_code(event, block.text, taxonomy) for event in block.events)


def _from_code(event: sia_dcs.SiaEvent, text: str, taxonomy: AlarmTaxonomy) -> _Fact:
    meaning = taxonomy.map_sia(event.code)
    attributes: dict[str, Any] = {"code": event.code, "point": event.point}
    attributes |= {f"sia_{letters}": _clean(value) for letters, value in event.modifiers.items()}
    attributes |= {"panel_text": _clean(text)} if text else {}
    attributes |= {"point_name": _clean(event.name)} if event.name else {}
    if meaning is None or not meaning.exact:
        attributes["unknown_code"] = True
    elif meaning.verified:
        attributes[VERIFIED] = True
    phase = meaning.phase if meaning else Phase.NEW
    if not event.new and phase is Phase.NEW:
        phase = Phase.STILL
    return _Fact(
        type_code=meaning.type if meaning else UNCLASSIFIED,
        phase=phase,
        native=f"SIA {event.code}",
        attributes=attributes,
    )


def _as_registered(fact: _Fact, named: str | None) -> _Fact:
    """A panic code as the device's kind means it.

    That the station verified it stays said, where the type says so no longer.
    """
    if named is None or fact.type_code not in PRESSES:
        return fact
    told = {VERIFIED: True} if fact.type_code == VERIFIED_PRESS else {}
    return msgspec.structs.replace(fact, type_code=named, attributes=fact.attributes | told)


def _event(
    fact: _Fact, message: Message, facts: Facts, *, subject: str, when: Judgement, trust: _Trust, index: int
) -> Event:
    attributes = (
        attributes_of(message)
        | fact.attributes
        | {"sequence": message.sequence, "encrypted": message.encrypted}
    )
    attributes |= {"receiver": message.receiver} if message.receiver is not None else {}
    attributes |= {"line": message.line} if message.line is not None else {}
    if message.data_account and message.data_account != message.account:
        attributes["data_account"] = message.data_account
    if message.unhashed:
        attributes["doubtful"] = "data_account_without_hash"
    if (repeat := _number(facts.details.get("press_repeat", ""))) > 0:
        attributes["repeat"] = repeat
    if message.encrypted and not trust.timely:
        attributes["timestamp_refused"] = True
    return make_event(
        facts,
        type_code=fact.type_code,
        subject=subject,
        key=_press(message, facts, subject=subject),
        index=index,
        occurred_ms=_first_ms(facts) if when.by_receipt else when.occurred_ms,
        phase=fact.phase,
        place=place_of(message),
        clock=when.quality,
        clock_error_s=when.error_s,
        native_type=fact.native,
        attributes=attributes | trust.notes | clock_notes(when),
    )


def _press(message: Message, facts: Facts, *, subject: str) -> str:
    """The native key of what the message reports.

    With its own event time (block H) that time is part of it, so a copy buffered for hours is still the same press;
    without, the window does it: the first receipt's instant stands for all resends.
    """
    body = message.identity().encode()
    own_ms = occurrence_ms(message)
    if own_ms is not None:
        return press_key(
            subject, facts.raw_id, sequence=message.sequence, device_ms=own_ms, part=message.identity()
        )
    return press_key(
        subject, facts.raw_id, sequence=message.sequence, received_ms=_first_ms(facts), body=body
    )


def _first_ms(facts: Facts) -> int:
    return _number(facts.details.get("press_first_ms", "")) or facts.first_received_ms or facts.received_ms


def _alive(message: Message, facts: Facts, *, subject: str) -> tuple[Event, ...]:
    """A frame that is believed restarts the panel's supervision. Not beside a sealed event: the frame travels sealed as
    a whole. Of a panel that cannot encrypt, it says that anybody could have sent it: a blind spot.
    """
    key = f"{subject}/alive/{message.sequence}/{facts.received_ms // ALIVE_BUCKET_MS}"
    if message.token not in reply.LINK_TOKENS:
        key = _press(message, facts, subject=subject) + "/alive"
    attributes: dict[str, Any] = {"token": message.token, "encrypted": message.encrypted}
    if not message.encrypted:
        attributes |= {"state": "degraded", "reason": WITHOUT_ENCRYPTION, AUTHENTICATED: False}
    return (
        make_event(
            facts,
            type_code=HEARTBEAT,
            subject=subject,
            key=key,
            occurred_ms=facts.received_ms,
            attributes=attributes,
        ),
    )


def _conflicts(message: Message, facts: Facts, trust: _Trust, *, subject: str) -> tuple[Event, ...]:
    """Facts about the channel that an operator must see, once an hour each: one account from two addresses, plain text
    where encryption is due, a key sent in clear. Accounts that nobody registered share one word of the line's.
    """
    found: list[str] = []
    if facts.details.get("other_peer"):
        found.append("account_at_two_addresses")
    if not message.encrypted and not trust.believed:
        found.append("plain_where_encryption_is_due")
    if message.carried_key and not message.encrypted:
        found.append("key_sent_in_clear")
    whose = subject if _is_known(message, facts, subject=subject) else facts.source
    hour = facts.received_ms // CONFLICT_EVERY_MS
    return tuple(
        make_event(
            facts,
            type_code=CONFLICT,
            subject=whose,
            key=f"{whose}/{why}/{hour}",
            occurred_ms=hour * CONFLICT_EVERY_MS,
            attributes={"reason": why},
        )
        for why in found
    )


def _is_known(message: Message, facts: Facts, *, subject: str) -> bool:
    config: Dc09Config = facts.known.config
    return subject in facts.known.registry or message.account in config.accounts


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _clean(text: str) -> str:
    """A stranger's text: printable, bounded."""
    return "".join(character if character.isprintable() else " " for character in text[:MAX_TEXT]).strip()
