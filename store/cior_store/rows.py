"""Records to rows: pure functions, one a table.

Columns are listed beside the function that fills them, in the same order.

A row keeps the record's exact bytes in ``body`` (law 12: what we do not know yet is kept), and typed hot columns beside
it for walls and searches. Instants are passed as integer milliseconds, which the driver writes as they are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import h3.api.basic_int as h3
import msgspec

from cior_core.attributes import ROUTE
from cior_core.catalogue import ENTRIES, KINDS, Kind, RecordKind
from cior_core.errors import PayloadRejected
from cior_core.handling import AlertStatus, Disposition
from cior_core.model import (
    Action,
    Alert,
    DataClass,
    DeadLetter,
    Event,
    Lane,
    Phase,
    Place,
    Producer,
    RawRecord,
    Transition,
)
from cior_core.model import PlaceMethod as Method
from cior_core.raw_chain import NOWHERE, record_digest
from cior_store.kinds import Entry, Origin
from cior_store.ledger_rows import LEDGER_COLUMNS, ledger_row
from cior_store.plain_rows import plain_row

Row = tuple[Any, ...]
_JSON = msgspec.json.Encoder()
_HEALTHS = frozenset({"up", "degraded", "down", "silent"})
_HEALTH_OF_SUFFIX = {
    "silent": "silent", "silence": "silent", "lost": "silent", "offline": "down", "down": "down",
    "degraded": "degraded", "stuck": "degraded", "stuck_button": "degraded", "clock": "degraded",
    "signal_loss": "silent", "frozen": "degraded", "obstructed": "degraded", "tamper": "degraded",
    "moved": "degraded", "damaged": "degraded",
    "jamming": "degraded", "power_cut": "degraded", "low_battery": "degraded", "trouble": "degraded",
    "conflict": "degraded", "returned": "up", "restored": "up", "online": "up", "up": "up", "ok": "up",
}  # fmt: skip
_MINUTE_MS = 60_000
_SUPERVISED = frozenset({"source", "device", "camera", "connector", "heartbeat"})
_OVER = frozenset({Phase.RESTORE, Phase.END, Phase.CANCEL})
ACCOUNTING_TYPE = "accounting"
"""Type of the telemetry event by which a connector instance states what it made durable.

Exact with ``by_minute`` (``{"<minute of receipt, ms>": count}``) or ``minute_ms`` and ``accepted``; with ``accepted``
alone it speaks of the time since its last statement.
"""

_PLACED = (0, 0, 0)


def cells(place: Place) -> tuple[int, int, int]:
    """H3 cells of a located place at resolutions 7, 8 and 9 as integers; zeros when it has no usable coordinates."""
    if not place.located or place.lat is None or place.lon is None:
        return _PLACED
    if not (-90 <= place.lat <= 90 and -180 <= place.lon <= 180):
        return _PLACED
    fine = h3.latlng_to_cell(place.lat, place.lon, 9)
    return h3.cell_to_parent(fine, 7), h3.cell_to_parent(fine, 8), fine


def health_of(event: Event) -> str:
    """``up``, ``degraded``, ``down``, ``silent`` for an event about a source's own condition, else empty."""
    family, _, rest = event.type.partition(".")
    if family not in _SUPERVISED:
        return ""
    for word in ("health", "state"):
        said = event.attributes.get(word)
        if isinstance(said, str) and said in _HEALTHS:
            return said
    found = _HEALTH_OF_SUFFIX.get(rest.rpartition(".")[2], "")
    return "up" if found and event.phase in _OVER else found


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _producer(producer: Producer | None) -> tuple[str, str, str]:
    return (producer.connector, producer.version, producer.instance) if producer else ("", "", "")


def _stood(origin: Origin) -> tuple[str, int, int]:
    return origin.topic, origin.partition, origin.offset


RAW_COLUMNS = (
    "raw_id", "source", "subject", "received", "payload", "sha256", "content_type", "facts", "connector",
    "connector_version", "instance", "events", "dead", "data_class", "drill", "chain", "chain_seq", "chain_previous",
    "chain_void", "digest", "topic", "part", "pos",
)  # fmt: skip


def raw(entry: Entry) -> Row:
    """A raw record; ``payload`` is its exact bytes. Refuses a payload that does not have its own digest.

    ``digest`` is over all of it: the server refuses another one, and it belongs to the table's key (law 15).
    """
    it: RawRecord = entry.record
    place = it.chain or NOWHERE
    if hashlib.sha256(it.payload).hexdigest() != it.sha256.lower():
        raise PayloadRejected(
            "store.raw_digest",
            "a raw record's payload does not have the digest it carries",
            cure="find what rewrote it in transit",
        )
    return (
        it.id, it.source, it.subject, it.received_ms, it.payload, it.sha256, it.content_type, it.facts,
        *_producer(it.producer), it.events, it.dead, it.data_class.value, it.drill, place.chain, place.seq,
        place.previous, place.void, record_digest(it), *_stood(entry.origin),
    )  # fmt: skip


EVENT_COLUMNS = (
    "event_id", "source", "type", "subject", "phase", "occurred", "received", "recorded", "clock", "clock_error_s",
    "place_method", "lat", "lon", "accuracy_m", "fix_age_s", "h3_7", "h3_8", "h3_9", "district", "data_class",
    "life_safety", "lane", "drill", "registered", "native_key", "native_type", "native_priority", "connector",
    "connector_version", "instance", "raw_id", "raw_sha256", "raw_index", "summary", "health", "route", "body",
    "topic", "part", "pos",
)  # fmt: skip


def event(entry: Entry) -> Row:
    """An event with its exact CloudEvents bytes.

    Refuses a sealed event that carries an exact place: that must never stand here.
    """
    it: Event = entry.record
    place = it.place
    if it.data_class is DataClass.SEALED and _tells_place(place):
        raise PayloadRejected(
            "store.sealed_place",
            "a sealed event carries an exact place",
            cure="its connector must seal place and identity",
        )
    return (
        it.id, it.source, it.type, it.subject, it.phase.value, it.occurred_ms, it.received_ms, it.recorded_ms,
        it.clock.value, _finite(it.clock_error_s), place.method.value, _finite(place.lat), _finite(place.lon),
        _finite(place.accuracy_m), _finite(place.fix_age_s), *cells(place), place.district or "", it.data_class.value,
        it.life_safety, it.lane.value, it.drill, it.registered, it.native_key or "", it.native_type or "",
        it.native_priority or "", *_producer(it.producer), it.raw.raw_id if it.raw else "",
        it.raw.sha256 if it.raw else "", it.raw.index if it.raw else 0, it.summary or "", health_of(it), _route(it),
        entry.body, *_stood(entry.origin),
    )  # fmt: skip


def _route(it: Event) -> str:
    """The line of the vehicle; a sealed event tells none, whatever it carries."""
    said = it.attributes.get(ROUTE)
    return said if isinstance(said, str) and it.data_class is not DataClass.SEALED else ""


def _tells_place(place: Place) -> bool:
    return place.lat is not None or place.lon is not None or bool(place.text) or place.h3 is not None


OBSERVATION_COLUMNS = ("metric", "device", "at", "value", "event_id", "received", "drill")


def observations(entry: Entry) -> Iterator[Row]:
    """The finite numbers of a telemetry event's attributes, one row each."""
    it: Event = entry.record
    if it.lane is not Lane.TELEMETRY or it.type == ACCOUNTING_TYPE or it.data_class is DataClass.SEALED:
        return
    for metric, value in it.attributes.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield metric, it.subject, it.occurred_ms, float(value), it.id, it.received_ms, it.drill


ACCOUNTING_COLUMNS = (
    "minute",
    "connector",
    "instance",
    "accepted",
    "refused",
    "dropped",
    "exact",
    "at",
    "event_id",
    "chain",
    "chain_seq",
    "chain_head",
)


def accounting(entry: Entry) -> Iterator[Row]:
    """A connector instance's own count of what it made durable, from its :data:`ACCOUNTING_TYPE` event; one row a
    minute it speaks of.
    """
    it: Event = entry.record
    if it.type != ACCOUNTING_TYPE:
        return
    connector, _, instance = _producer(it.producer)
    try:
        exact, claims = _claims(it)
        more = int(it.attributes.get("refused", 0)), int(it.attributes.get("dropped", 0))
        head = _head(it.attributes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PayloadRejected(
            "store.accounting", "an accounting event does not say what was accepted"
        ) from error
    for minute_ms, count in claims:
        minute = minute_ms // _MINUTE_MS * 60
        yield minute, connector, instance, count, *more, exact, it.received_ms, it.id, *head
        more = 0, 0


def _head(said: Mapping[str, Any]) -> tuple[str, int, str]:
    """The head of its clear chain that an instance states."""
    return str(said.get("chain", "")), int(said.get("chain_seq", 0)), str(said.get("chain_head", ""))


def _claims(it: Event) -> tuple[bool, list[tuple[int, int]]]:
    """(exact, [(minute, count)]).

    What was answered with a rejection is durable too: its raw record stands and its dead letter.
    """
    said = it.attributes
    if "by_minute" in said:
        return True, sorted((int(minute_ms), int(count)) for minute_ms, count in said["by_minute"].items())
    durable = int(said["accepted"]) + int(said.get("rejected", 0))
    if "minute_ms" in said:
        return True, [(int(said["minute_ms"]), durable)]
    return False, [(it.occurred_ms - 1, durable)]


DEAD_COLUMNS = (
    "dead_id", "at", "stage", "code", "reason", "source", "payload", "payload_sha256", "payload_bytes",
    "truncated_from_bytes", "raw_id", "raw_sha256", "raw_index", "origin_topic", "origin_part", "origin_pos",
    "life_safety", "data_class", "connector", "instance", "topic", "part", "pos",
)  # fmt: skip


def dead(entry: Entry) -> Row:
    """A dead letter. Of a sealed one only the digest and size stand here; :func:`sealed_dead` keeps the bytes."""
    it: DeadLetter = entry.record
    sealed = it.data_class is DataClass.SEALED
    connector, _, instance = _producer(it.producer)
    return (
        it.id, it.at_ms, it.stage, it.code, "" if sealed else it.reason, it.source, b"" if sealed else it.payload,
        hashlib.sha256(it.payload).hexdigest(), len(it.payload), it.truncated_from_bytes,
        it.raw.raw_id if it.raw else "", it.raw.sha256 if it.raw else "", it.raw.index if it.raw else 0,
        it.topic or "", it.partition, it.offset, it.life_safety, it.data_class.value, connector, instance,
        *_stood(entry.origin),
    )  # fmt: skip


SEALED_DEAD_COLUMNS = ("dead_id", "at", "source", "payload", "payload_sha256")


def sealed_dead(entry: Entry) -> Iterator[Row]:
    """The bytes of a sealed dead letter, for the sealed database."""
    it: DeadLetter = entry.record
    if it.data_class is DataClass.SEALED:
        yield it.id, it.at_ms, it.source, it.payload, hashlib.sha256(it.payload).hexdigest()


ALERT_COLUMNS = (
    "alert_id", "version", "area", "type", "level", "score", "status", "opened", "updated", "first_occurred",
    "last_occurred", "first_received", "cause_received", "place_method", "lat", "lon", "accuracy_m", "h3_9",
    "district", "data_class", "life_safety", "silent", "degraded", "drill", "suppressed_by", "suppressed_reason",
    "suppressed_until", "assignee", "disposition", "merged_into", "links", "protocol", "protocol_version",
    "rules_version", "acknowledged", "dispatched", "on_scene", "closed", "member_ids", "sources", "reason_codes",
    "reason_points", "reasons_es", "reasons_en", "line", "silence_hid", "body", "topic", "part", "pos",
)  # fmt: skip


def alert(entry: Entry) -> Row:
    """An alert's state at one version.

    A sealed or silent one is stripped to its district first, whatever it carries (see :func:`discreet`).
    """
    it: Alert = entry.record
    safe = discreet(it)
    body = entry.body if safe is it else _JSON.encode(safe)
    received = [member.received_ms for member in safe.members] or [safe.opened_ms]
    place, mute = safe.place, safe.suppression
    return (
        safe.id, safe.version, safe.area, safe.type, safe.level.value, safe.score, safe.status.value, safe.opened_ms,
        safe.updated_ms, safe.first_occurred_ms, safe.last_occurred_ms, min(received), max(received),
        place.method.value, _finite(place.lat), _finite(place.lon), _finite(place.accuracy_m), cells(place)[2],
        place.district or "", safe.data_class.value, safe.life_safety, safe.silent, safe.degraded, safe.drill,
        mute.by if mute else "", mute.reason if mute else "", mute.until_ms if mute else None, safe.assignee or "",
        safe.disposition.value if safe.disposition else "", safe.merged_into or "", list(safe.links), safe.protocol,
        safe.protocol_version, safe.rules_version, safe.acknowledged_ms, safe.dispatched_ms, safe.on_scene_ms,
        safe.closed_ms, [member.event_id for member in safe.members],
        sorted({member.source for member in safe.members}), [reason.code for reason in safe.reasons],
        [reason.points for reason in safe.reasons], [reason.text_es for reason in safe.reasons],
        [reason.text_en for reason in safe.reasons], safe.group, mute.hidden if mute else 0, body,
        *_stood(entry.origin),
    )  # fmt: skip


def discreet(it: Alert) -> Alert:
    """The alert itself, or for a sealed or silent one a copy whose places are its district alone.

    A second wall behind the connector's sealing and the correlator: an alert must reach its operators, so it is
    stripped here and not refused.
    """
    if it.data_class is not DataClass.SEALED and not it.silent:
        return it
    if (
        not _tells_place(it.place)
        and not it.watchings
        and not any(_tells_place(member.place) or member.summary for member in it.members)
    ):
        return it
    members = tuple(
        msgspec.structs.replace(member, place=_district(member.place), summary=None) for member in it.members
    )
    return msgspec.structs.replace(it, place=_district(it.place), members=members, watchings=())


def _district(place: Place) -> Place:
    return (
        Place(method=Method.DISTRICT, district=place.district)
        if place.district
        else Place(method=Method.UNKNOWN)
    )


ALERT_CLOCK_COLUMNS = (
    "alert_id", "version", "type", "level", "district", "status", "disposition", "counted", "reserved", "drill",
    "flood", "opened", "first_occurred", "first_received", "acknowledged", "dispatched", "on_scene", "sources",
    "devices", "opened_exact", "member_ids",
)  # fmt: skip
RESERVED_TYPE = "reservada"
"""What a reserved alert's type is called wherever statistics look."""
_UNCOUNTED = frozenset({Disposition.TEST, Disposition.DUPLICATE})
_TOLD_CLASSES = frozenset({DataClass.PUBLIC, DataClass.RESTRICTED})


def is_reserved(it: Alert) -> bool:
    """Sealed, or silent by its flag or type: what no audience may tell apart. The store's own ``is_reserved`` is the
    same rule for what is asked of it in SQL.
    """
    return it.silent or it.data_class not in _TOLD_CLASSES or it.type.startswith("silent.")


def alert_clock(entry: Entry) -> Row:
    """An alert's stamps, judgement and members, narrow, as statistics ask for them: of a reserved one its level,
    status, district and times to the minute. ``opened_exact`` is for who builds packages.

    A row of its own, written after the alert's: as a materialised view it made each press wait for it.
    """
    it: Alert = entry.record
    hidden = is_reserved(it)

    def told(at_ms: int | None) -> int | None:
        return at_ms if at_ms is None or not hidden else at_ms // _MINUTE_MS * _MINUTE_MS

    received = [member.received_ms for member in it.members] or [it.opened_ms]
    return (
        it.id, it.version, RESERVED_TYPE if hidden else it.type, it.level.value, it.place.district or "",
        it.status.value, it.disposition.value if it.disposition and not hidden else "",
        it.status is not AlertStatus.MERGED and it.disposition not in _UNCOUNTED, hidden, it.drill,
        any(reason.code == "flood.begun" for reason in it.reasons), told(it.opened_ms), told(it.first_occurred_ms),
        told(min(received)), told(it.acknowledged_ms), told(it.dispatched_ms), told(it.on_scene_ms),
        [] if hidden else sorted({member.source for member in it.members}),
        [] if hidden else sorted({member.subject for member in it.members}), it.opened_ms,
        [] if hidden else [member.event_id for member in it.members],
    )  # fmt: skip


TRANSITION_COLUMNS = (
    "transition_id", "alert_id", "area", "version", "at", "kind", "actor", "level", "status", "detail_es",
    "detail_en", "reason_codes", "item_id", "drill", "data_class", "body", "topic", "part", "pos",
)  # fmt: skip


def transition(entry: Entry) -> Row:
    """One line of an alert's story."""
    it: Transition = entry.record
    return (
        it.id, it.alert_id, it.area, it.version, it.at_ms, it.kind, it.actor, it.level.value, it.status.value,
        it.detail_es, it.detail_en, [reason.code for reason in it.reasons], it.item_id or "", it.drill,
        it.data_class.value, entry.body, *_stood(entry.origin),
    )  # fmt: skip


ACTION_COLUMNS = (
    "action_id",
    "kind",
    "actor",
    "at",
    "area",
    "alert_id",
    "target_ids",
    "reason",
    "disposition",
    "body",
    "topic",
    "part",
    "pos",
)


def action(entry: Entry) -> Row:
    """An operator's decision; ``body`` has its proof."""
    it: Action = entry.record
    return (
        it.id, it.kind.value, it.actor, it.at_ms, it.area, it.alert_id or "", list(it.target_ids), it.reason,
        it.disposition.value if it.disposition else "", entry.body, *_stood(entry.origin),
    )  # fmt: skip


def _one(make: Callable[[Entry], Row]) -> Callable[[Entry], Sequence[Row]]:
    return lambda entry: (make(entry),)


def _some(make: Callable[[Entry], Iterator[Row]]) -> Callable[[Entry], Sequence[Row]]:
    return lambda entry: tuple(make(entry))


Table = tuple[str, tuple[str, ...], Callable[[Entry], Sequence[Row]]]


def _main(kind: Kind, columns: tuple[str, ...], make: Callable[[Entry], Row]) -> Table:
    return KINDS[kind].table, columns, _one(make)


_SPECIAL: dict[Kind, tuple[Table, ...]] = {
    Kind.RAW: (_main(Kind.RAW, RAW_COLUMNS, raw),),
    Kind.SEALED: (_main(Kind.SEALED, RAW_COLUMNS, raw),),
    Kind.EVENT: (
        _main(Kind.EVENT, EVENT_COLUMNS, event),
        ("ops.observations", OBSERVATION_COLUMNS, _some(observations)),
        ("ops.accounting", ACCOUNTING_COLUMNS, _some(accounting)),
    ),
    Kind.ALERT: (
        _main(Kind.ALERT, ALERT_COLUMNS, alert),
        ("ops.alert_clock", ALERT_CLOCK_COLUMNS, _one(alert_clock)),
    ),
    Kind.TRANSITION: (_main(Kind.TRANSITION, TRANSITION_COLUMNS, transition),),
    Kind.ACTION: (_main(Kind.ACTION, ACTION_COLUMNS, action),),
    Kind.LEDGER: (_main(Kind.LEDGER, LEDGER_COLUMNS, ledger_row),),
    Kind.DEAD: (
        _main(Kind.DEAD, DEAD_COLUMNS, dead),
        ("sealed.dead_payloads", SEALED_DEAD_COLUMNS, _some(sealed_dead)),
    ),
}
"""Kinds whose rows are more than their fields."""


def _tables(entry: RecordKind) -> tuple[Table, ...]:
    if entry.kind in _SPECIAL:
        return _SPECIAL[entry.kind]
    columns, make = plain_row(entry)
    return (_main(entry.kind, columns, make),)


TABLES: dict[Kind, tuple[Table, ...]] = {entry.kind: _tables(entry) for entry in ENTRIES if entry.table}
"""Which tables each kind of record fills: the whole of "one writer per table"."""
