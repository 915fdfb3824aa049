"""The wire form of an event: CloudEvents 1.0 structured-mode JSON (cloudevents/spec, json-format.md), both ways.

Where a fact stands::

    attribute                        Event                      data member (all others)
    id, source, subject              the same                   phase, clock, clock_error_s, place, raw, producer,
    type  ar.cior.<code>.v1          type = <code>              registered, independence, native_key, native_type,
    time  (RFC 3339, ms, Z)          occurred_ms                native_priority, summary, attributes
    receivedtime, recordedtime       received_ms, recorded_ms
    dataclassification, lane         data_class, lane
    lifesafety, drill, traceparent   life_safety, drill, traceparent
    partitionkey, dataschema         derived from subject and type; kept in ``extra`` when a peer wrote something else

**Unknown is kept (law 12).** Attributes we do not know are in ``Event.extra`` by their names; data members we do not
know, at any depth of the members we do, are in ``Event.extra["data"]`` (``data`` can be no attribute's name).
Encoding puts them back; what we know always wins.

**Two roads, one answer.** Bytes that equal what :func:`encode` writes take a typed road; equality itself proves that
nothing is unknown, doubled or misplaced. Everything else takes the strict road: duplicate keys, NaN, byte-order
marks, surrogate halves and wrong types are refused. Both raise nothing but :class:`PayloadRejected`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NoReturn

import msgspec

from cior_core.canonical import canonical
from cior_core.errors import PayloadRejected
from cior_core.model import (
    UNKNOWN_PLACE,
    ClockQuality,
    DataClass,
    Event,
    EventId,
    Lane,
    Phase,
    Place,
    Producer,
    RawPointer,
    TypeCode,
)
from cior_core.rfc3339 import from_rfc3339, to_rfc3339

__all__ = [
    "CONTENT_TYPE",
    "MAX_EVENT_BYTES",
    "WireEvent",
    "canonical",
    "decode",
    "decode_many",
    "encode",
    "from_rfc3339",
    "to_rfc3339",
]

CONTENT_TYPE: Final = "application/cloudevents+json"
MAX_EVENT_BYTES: Final = 1_000_000
"""One event, below the topics' 1 MiB message limit. Pictures and clips travel by reference."""

MAX_DEPTH: Final = 32
_ATTRIBUTES_DEPTH: Final = MAX_DEPTH - 2
SCHEMA_BASE: Final = "urn:cior:schema:event:v1"

_PREFIX: Final = "ar.cior."
_SUFFIX: Final = ".v1"
_TYPE: Final = re.compile(r"ar\.cior\.([a-z0-9_]+(?:\.[a-z0-9_]+)*)\.v(\d+)")
_ATTRIBUTE_NAME: Final = re.compile(r"[a-z0-9]+")
_INT_LIMIT: Final = 2**63


class WireData(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The ``data`` member. Field order is the wire order."""

    phase: Phase = Phase.NEW
    clock: ClockQuality = ClockQuality.UNKNOWN
    clock_error_s: float | None = None
    place: Place = UNKNOWN_PLACE
    raw: RawPointer | None = None
    producer: Producer | None = None
    recovered: bool = False
    registered: bool | None = None
    independence: str | None = None
    native_key: str | None = None
    native_type: str | None = None
    native_priority: str | None = None
    summary: str | None = None
    attributes: dict[str, Any] = {}


class WireEvent(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The CloudEvents attributes we know. Field order is the wire order."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    receivedtime: str
    recordedtime: str | None = None
    dataclassification: DataClass
    lane: Lane
    lifesafety: bool = False
    drill: bool = False
    traceparent: str | None = None
    partitionkey: str
    datacontenttype: str
    dataschema: str
    data: WireData


_KNOWN_ATTRIBUTES: Final = frozenset(WireEvent.__struct_fields__)
_KNOWN_DATA: Final = frozenset(WireData.__struct_fields__)
_KNOWN_PARTS: Final[dict[str, frozenset[str]]] = {
    "place": frozenset(Place.__struct_fields__),
    "raw": frozenset(RawPointer.__struct_fields__),
    "producer": frozenset(Producer.__struct_fields__),
}
_encode_wire: Final = msgspec.json.Encoder().encode
_decode_wire: Final = msgspec.json.Decoder(WireEvent).decode
_decode_wires: Final = msgspec.json.Decoder(list[WireEvent]).decode
_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NOT_OURS: Final = (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError, PayloadRejected)


def _type_code(name: str) -> TypeCode:
    """``ar.cior.panic.bus.v1`` to ``panic.bus``. Raises ``event.type_foreign`` or ``event.type_version``."""
    found = _TYPE.fullmatch(name)
    if found is None:
        _reject(
            "event.type_foreign",
            "the type is not ar.cior.<code>.v1",
            cure="map foreign events in a connector",
        )
    if found.group(2) != "1":
        _reject(
            "event.type_version",
            f"version v{found.group(2)} of the event type is not spoken here",
            cure="update this reader",
        )
    return TypeCode(found.group(1))


def encode(event: Event) -> bytes:
    """``event`` as CloudEvents JSON; equal events give equal bytes.

    Raises :class:`PayloadRejected` when a value has no JSON form that reads back the same (``event.not_finite``,
    ``event.value_type``, ``event.depth``, ``event.time_range``, ``event.type_foreign``, ``event.required``,
    ``event.encoding``) or the result is over :data:`MAX_EVENT_BYTES` (``event.too_large``).
    """
    _check_event(event)
    wire = _to_wire(event)
    try:
        encoded = _encode_wire(_with_extra(wire, event.extra) if event.extra else wire)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, RecursionError, TypeError) as error:
        raise PayloadRejected(
            "event.encoding", f"the event has no JSON form ({type(error).__name__})"
        ) from error
    if len(encoded) > MAX_EVENT_BYTES:
        _reject(
            "event.too_large",
            f"{len(encoded)} bytes, limit {MAX_EVENT_BYTES}",
            cure="send large media by reference",
        )
    return encoded


def decode(payload: bytes, *, limit_bytes: int = MAX_EVENT_BYTES) -> Event:
    """The event in ``payload``.

    Raises :class:`PayloadRejected` (codes ``event.*``, listed in core/README.md) and nothing else, for any bytes.
    """
    if len(payload) > limit_bytes:
        _reject(
            "event.too_large",
            f"{len(payload)} bytes, limit {limit_bytes}",
            cure="send large media by reference",
        )
    try:
        wire = _decode_wire(payload)
        if _encode_wire(wire) == payload and (event := _from_canonical(wire)) is not None:
            return event
    except _NOT_OURS:
        pass  # not our own writing, or wrong: the strict road decides and says why
    return _decode_strictly(payload)


def decode_many(payload: bytes) -> list[Event]:
    """The events of a JSON array of them, as :func:`decode` gives each: an envelope of our own writing in one go.

    Raises :class:`PayloadRejected` for the first that is wrong.
    """
    if len(payload) <= MAX_EVENT_BYTES:
        try:
            wires = _decode_wires(payload)
            if _encode_wire(wires) == payload:
                found = [event for wire in wires if (event := _from_canonical(wire)) is not None]
                if len(found) == len(wires):
                    return found
        except _NOT_OURS:
            pass
    try:
        parts = _split(payload)
    except _NOT_OURS as error:
        raise PayloadRejected("event.malformed", "not a JSON array", cure="look at its producer") from error
    return [decode(bytes(part)) for part in parts]


# --- out ----------------------------------------------------------------------------------------------------


def _to_wire(event: Event) -> WireEvent:
    return WireEvent(
        specversion="1.0",
        id=event.id,
        source=event.source,
        type=f"{_PREFIX}{event.type}{_SUFFIX}",
        subject=event.subject,
        time=to_rfc3339(event.occurred_ms),
        receivedtime=to_rfc3339(event.received_ms),
        recordedtime=None if event.recorded_ms is None else to_rfc3339(event.recorded_ms),
        dataclassification=event.data_class,
        lane=event.lane,
        lifesafety=event.life_safety,
        drill=event.drill,
        traceparent=event.traceparent,
        partitionkey=event.subject,
        datacontenttype="application/json",
        dataschema=SCHEMA_BASE,
        data=WireData(
            phase=event.phase,
            clock=event.clock,
            clock_error_s=event.clock_error_s,
            place=event.place,
            raw=event.raw,
            producer=event.producer,
            recovered=event.recovered,
            registered=event.registered,
            independence=event.independence,
            native_key=event.native_key,
            native_type=event.native_type,
            native_priority=event.native_priority,
            summary=event.summary,
            attributes=event.attributes,
        ),
    )


def _check_event(event: Event) -> None:
    """Refuses what JSON would silently change: msgspec writes NaN as null and bytes as text."""
    if not (event.id and event.source and event.subject):
        _reject("event.required", "id, source and subject must not be empty")
    _known_type(f"{_PREFIX}{event.type}{_SUFFIX}")
    place = event.place
    for fact in (event.clock_error_s, place.lat, place.lon, place.accuracy_m, place.fix_age_s):
        if fact is not None and not isfinite(fact):
            _reject("event.not_finite", "NaN and infinity are no JSON numbers")
    if event.attributes:
        _check_value(event.attributes, _ATTRIBUTES_DEPTH)
    if event.extra:
        _check_value(event.extra, MAX_DEPTH)


def _check_value(value: object, depth: int) -> None:
    """Refuses what does not read back the same. Called for every event on both ways, hence the plain tests by type."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is float:
        if not isfinite(value):  # type: ignore[arg-type]  # mypy does not narrow by a bound type()
            _reject("event.not_finite", "NaN and infinity are no JSON numbers")
    elif kind is int:
        if not -_INT_LIMIT <= value < _INT_LIMIT:  # type: ignore[operator]  # as above
            _reject("event.int_range", "an integer needs more than 64 bits", cure="send it as text")
    elif isinstance(value, dict | list | tuple):
        _check_container(value, depth)
    elif not isinstance(value, str):  # a StrEnum member is text
        _reject("event.value_type", f"{kind.__name__} has no JSON form that reads back the same")


def _check_container(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> None:
    if depth == 0:
        _reject("event.depth", f"more than {MAX_DEPTH} levels of nesting")
    if isinstance(value, dict):
        for name, member in value.items():
            if type(name) is not str:
                _reject("event.value_type", "a member's name is not text")
            # The most frequent values without another call.
            kind = type(member)
            if kind is not str and kind is not bool and member is not None:
                _check_value(member, depth - 1)
    else:
        for item in value:
            _check_value(item, depth - 1)


def _with_extra(wire: WireEvent, extra: dict[str, Any]) -> dict[str, Any]:
    """``wire`` as a dict with what others wrote put back; what we know wins, except the three attributes we derive."""
    known: dict[str, Any] = msgspec.to_builtins(wire)
    for name, value in extra.items():
        if name in {"partitionkey", "dataschema"}:
            known[name] = value
        elif name == "data" and isinstance(value, dict):
            _fill(known["data"], value)
        elif _ATTRIBUTE_NAME.fullmatch(name) is not None and name not in _KNOWN_ATTRIBUTES:
            known[name] = value
        else:
            _reject(
                "event.extra_name",
                "extra holds a name that is known here or is no CloudEvents attribute name",
            )
    return known


def _fill(target: dict[str, Any], unknown: dict[str, Any]) -> None:
    for name, value in unknown.items():
        part = _KNOWN_PARTS.get(name)
        if part is not None and isinstance(value, dict) and isinstance(target.get(name, {}), dict):
            _fill_part(target.setdefault(name, {}), value, part)
        elif name not in _KNOWN_DATA:
            target[name] = value
        else:
            _reject("event.extra_name", "extra.data holds a member that is known here")


def _fill_part(target: dict[str, Any], unknown: dict[str, Any], known: frozenset[str]) -> None:
    for name, value in unknown.items():
        if name in known:
            _reject("event.extra_name", "extra.data holds a member that is known here")
        target[name] = value


# --- in -----------------------------------------------------------------------------------------------------


def _from_canonical(wire: WireEvent) -> Event | None:
    """The event of bytes that equal our own writing; None when one of the fixed attributes is another's, so the
    strict road decides.
    """
    if (
        wire.specversion != "1.0"
        or wire.datacontenttype != "application/json"
        or wire.dataschema != SCHEMA_BASE
        or wire.partitionkey != wire.subject
    ):
        return None
    if wire.data.attributes:
        _check_value(wire.data.attributes, _ATTRIBUTES_DEPTH)
    return _to_event(wire, {})


@lru_cache(maxsize=1024)
def _known_type(name: str) -> TypeCode:
    return _type_code(name)


def _to_event(wire: WireEvent, extra: dict[str, Any]) -> Event:
    if not (wire.id and wire.source and wire.subject):
        _reject("event.required", "id, source and subject must not be empty")
    data = wire.data
    return Event(
        id=EventId(wire.id),
        source=wire.source,
        type=_known_type(wire.type),
        subject=wire.subject,
        phase=data.phase,
        occurred_ms=from_rfc3339(wire.time),
        received_ms=from_rfc3339(wire.receivedtime),
        recorded_ms=None if wire.recordedtime is None else from_rfc3339(wire.recordedtime),
        clock=data.clock,
        clock_error_s=data.clock_error_s,
        place=data.place,
        data_class=wire.dataclassification,
        life_safety=wire.lifesafety,
        lane=wire.lane,
        raw=data.raw,
        producer=data.producer,
        drill=wire.drill,
        recovered=data.recovered,
        registered=data.registered,
        independence=data.independence,
        native_key=data.native_key,
        native_type=data.native_type,
        native_priority=data.native_priority,
        summary=data.summary,
        attributes=data.attributes,
        traceparent=wire.traceparent,
        extra=extra,
    )


def _decode_strictly(payload: bytes) -> Event:
    tree = _parse(payload)
    if tree.get("specversion") != "1.0":
        _reject("event.specversion", "not a CloudEvents 1.0 event")
    if "data_base64" in tree or tree.get("datacontenttype", "application/json") != "application/json":
        _reject("event.content_type", "the data is not JSON")
    extra = _take_unknown(tree)
    tree.setdefault("receivedtime", tree.get("time"))
    tree.setdefault("dataclassification", DataClass.RESTRICTED)
    tree.setdefault("lane", Lane.NORMAL)
    tree.update(partitionkey="", dataschema="", datacontenttype="application/json")
    try:
        wire = msgspec.convert(tree, WireEvent)
    except msgspec.ValidationError as error:
        raise PayloadRejected(
            "event.field", str(error), cure="compare with docs/schemas/event.v1.json"
        ) from error
    return _to_event(wire, extra)


def _parse(payload: bytes) -> dict[str, Any]:
    """Strict JSON: UTF-8 without mark, no duplicate keys, finite numbers, whole surrogate pairs, bounded depth and
    integers.
    """
    if payload.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        _reject("event.bom", "the bytes start with a byte-order mark", cure="send UTF-8 without it")
    try:
        tree = json.loads(
            payload.decode(),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise PayloadRejected("event.encoding", "the bytes are not UTF-8") from error
    except RecursionError as error:
        raise PayloadRejected("event.depth", "the nesting never seems to end") from error
    except ValueError as error:  # JSONDecodeError, and Python's limit of digits in one integer
        raise PayloadRejected("event.json", "the bytes are not JSON") from error
    if not isinstance(tree, dict):
        _reject("event.json", "the JSON is not an object")
    _check_value(tree, MAX_DEPTH)
    try:
        _encode_wire(tree)
    except (UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise PayloadRejected("event.encoding", "a text holds half of a surrogate pair") from error
    return tree


def _take_unknown(tree: dict[str, Any]) -> dict[str, Any]:
    """Removes from ``tree`` what this version does not know and returns it in the form of ``Event.extra``."""
    extra = {name: tree.pop(name) for name in [*tree] if name not in _KNOWN_ATTRIBUTES}
    if any(_ATTRIBUTE_NAME.fullmatch(name) is None for name in extra):
        _reject(
            "event.attribute_name",
            "an attribute's name is not lowercase letters and digits (CloudEvents 1.0)",
        )
    for name, derived in (("partitionkey", tree.get("subject")), ("dataschema", SCHEMA_BASE)):
        if name in tree and tree[name] != derived:
            extra[name] = tree[name]
    data = tree.setdefault("data", {})
    if not isinstance(data, dict):
        _reject("event.field", "data is not an object")
    unknown = {name: data.pop(name) for name in [*data] if name not in _KNOWN_DATA}
    for part, known in _KNOWN_PARTS.items():
        if isinstance(inner := data.get(part), dict):
            rest = {name: inner.pop(name) for name in [*inner] if name not in known}
            if rest:
                unknown[part] = rest
    return {**extra, "data": unknown} if unknown else extra


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _reject("event.duplicate_key", "an object has one key twice")
    return members


def _no_constant(_: str) -> NoReturn:
    _reject("event.not_finite", "NaN and infinity are no JSON numbers")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        _reject("event.not_finite", "a number is beyond the range of a double")
    return value


def _reject(code: str, sentence: str, *, cure: str = "") -> NoReturn:
    raise PayloadRejected(code, sentence, cure=cure)
