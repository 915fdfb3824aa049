"""Re-run ``decode`` over archived raw records and tell what would change; nothing is published.

Records come as NDJSON (one ``RawRecord`` or ``DeadLetter`` a line, as the topics carry them). The other side of the
comparison is the archive of events, when one is given; without it the report says what the bytes decode to now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from cior_connectors._runtime.guard import DecodeResult, guarded
from cior_connectors._runtime.stored_facts import facts_of
from cior_connectors.contract import DecodeContext, Source
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_core.model import DeadLetter, Event, Producer, RawId, RawRecord


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payload whose decoding changes.

    Ids and codes only: a diff may be shown around, payloads and identities may not.
    """

    raw_id: str
    change: Literal["decodes_now", "rejected_now", "gained", "lost", "altered", "other_code"]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found."""

    payloads: int
    skipped_sealed: int
    unreadable: int
    events: int
    rejected: int
    differences: tuple[Difference, ...]


def records(lines: Iterable[bytes], *, dead: bool) -> Iterator[RawRecord | None]:
    """Raw records of an archive; a dead letter becomes the record it points to. None for a line that cannot be read."""
    kind = Kind.DEAD if dead else Kind.RAW
    for line in lines:
        if not line.strip():
            continue
        try:
            for found in codec.records(kind, line):
                yield _as_record(found) if isinstance(found, DeadLetter) else found
        except PayloadRejected:
            yield None


def replay(
    source: Source,
    *,
    context: DecodeContext,
    archive: Iterable[RawRecord | None],
    live: Mapping[str, list[Event]] | None,
    code: str = "",
) -> Report:
    """Decode every record. ``live``: archived events by raw id. ``code``: only dead letters of that code."""
    counts = {"payloads": 0, "sealed": 0, "unreadable": 0, "events": 0, "rejected": 0}
    differences: list[Difference] = []
    for record in archive:
        if record is None:
            counts["unreadable"] += 1
            continue
        if code and record.facts.get("~code", "") != code:
            continue
        counts["payloads"] += 1
        if record.sealed:
            counts["sealed"] += 1
            continue
        decoded = guarded(source.decode, record.payload, facts_of(record, context))
        counts["events"] += len(decoded.events)
        counts["rejected"] += decoded.code is not None
        differences += _compared(record, decoded, live)
    return Report(
        payloads=counts["payloads"],
        skipped_sealed=counts["sealed"],
        unreadable=counts["unreadable"],
        events=counts["events"],
        rejected=counts["rejected"],
        differences=tuple(differences),
    )


def events_by_raw(lines: Iterable[bytes]) -> dict[str, list[Event]]:
    """Archived events by the raw record they came from. Lines that are no events are left out."""
    found: dict[str, list[Event]] = {}
    for line in lines:
        try:
            for event in codec.records(Kind.EVENT, line):
                if event.raw is not None:
                    found.setdefault(event.raw.raw_id, []).append(event)
        except PayloadRejected:
            continue
    return found


def _compared(
    record: RawRecord, decoded: DecodeResult, live: Mapping[str, list[Event]] | None
) -> Iterator[Difference]:
    old_code = record.facts.get("~code", "")
    if old_code and decoded.code is None:
        yield Difference(
            raw_id=record.id,
            change="decodes_now",
            before=(old_code,),
            after=tuple(event.type for event in decoded.events),
        )
    elif old_code and decoded.code != old_code:
        yield Difference(
            raw_id=record.id, change="other_code", before=(old_code,), after=(decoded.code or "",)
        )
    elif not old_code and decoded.code is not None and record.dead == 0:
        yield Difference(raw_id=record.id, change="rejected_now", after=(decoded.code,))
    if live is None or old_code:
        return
    yield from _event_changes(
        record.id,
        {event.id: event for event in live.get(record.id, [])},
        {event.id: event for event in decoded.events},
    )


def _event_changes(
    raw_id: str, before: Mapping[str, Event], after: Mapping[str, Event]
) -> Iterator[Difference]:
    if lost := tuple(
        event.type for key, event in before.items() if key not in after and event.type != "source.undecoded"
    ):
        yield Difference(raw_id=raw_id, change="lost", before=lost)
    if gained := tuple(event.type for key, event in after.items() if key not in before):
        yield Difference(raw_id=raw_id, change="gained", after=gained)
    for key in before.keys() & after.keys():
        fields = tuple(name for name in _COMPARED if getattr(before[key], name) != getattr(after[key], name))
        if fields:
            yield Difference(
                raw_id=raw_id,
                change="altered",
                before=(before[key].type,),
                after=(after[key].type,),
                fields=fields,
            )


_COMPARED = (
    "type",
    "subject",
    "phase",
    "occurred_ms",
    "clock",
    "life_safety",
    "lane",
    "native_type",
    "native_key",
    "summary",
)


def _as_record(letter: DeadLetter) -> RawRecord:
    pointer = letter.raw
    return RawRecord(
        id=pointer.raw_id if pointer is not None else RawId(letter.id),
        source=letter.source,
        subject="",
        received_ms=letter.at_ms,
        payload=letter.payload,
        sha256=pointer.sha256 if pointer is not None else "",
        facts={"~code": letter.code},
        producer=letter.producer or Producer(connector="", version=""),
        dead=1,
        data_class=letter.data_class,
        sealed=letter.data_class == "sealed",
    )
