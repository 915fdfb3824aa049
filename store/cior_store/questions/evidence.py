"""Exact records as they travelled, for whoever must show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from cior_core.model import Struct
from cior_store.answers import EventRow, RawRow
from cior_store.questions.asking import Asking

S = TypeVar("S", bound=Struct)
_FIRST = """
WITH known AS (SELECT digest, min(first) AS at FROM ops.raw_digests WHERE raw_id = {{id:String}} GROUP BY digest)
SELECT r.raw_id, r.source, toUnixTimestamp64Milli(r.received), r.sha256, r.content_type,
    toUInt32(greatest((SELECT count() FROM known), 1) - 1), r.payload
FROM {table} AS r LEFT JOIN known ON known.digest = r.digest
WHERE r.raw_id = {{id:String}}
ORDER BY r.digest != '', known.at, r.stored, r.pos LIMIT 1
"""
"""A row from before migration 015 has no digest and was there before any that has one."""


class EvidenceQuestions(Asking):
    """Exact records as they travelled, for whoever must show them."""

    def event(self, event_id: str) -> EventRow | None:
        """One event with its exact bytes; of several copies the last stored."""
        sql = """SELECT event_id, source, type, subject, toUnixTimestamp64Milli(occurred),
            toUnixTimestamp64Milli(received),
            toUnixTimestamp64Milli(stored), raw_id, data_class, drill, body
            FROM ops.events WHERE event_id = {id:String} ORDER BY stored DESC, pos DESC LIMIT 1"""
        found = self._store.blobs(sql, {"id": event_id})
        return _bytes_row(EventRow, found)

    def raw(self, raw_id: str) -> RawRow | None:
        """One raw record with its exact payload, as received; of several different ones the first stored."""
        return self._first_of("ops.raw", raw_id)

    def raws_of_event(self, event_id: str) -> tuple[str, ...]:
        """Ids of every raw record that carried this event: all re-sent copies of one press."""
        rows = self._store.rows(
            "SELECT DISTINCT raw_id FROM ops.event_links WHERE event_id = {id:String} ORDER BY raw_id",
            {"id": event_id},
        )
        return tuple(str(row["raw_id"]) for row in rows)

    def dead_payload(self, dead_id: str) -> bytes | None:
        """The exact bytes of a dead letter; empty for a sealed source's, which only the response team reads."""
        found = self._store.blobs(
            "SELECT payload FROM ops.dead_letters FINAL WHERE dead_id = {id:String}", {"id": dead_id}
        )
        return found[0][0] if found else None

    def sealed_raw(self, raw_id: str) -> RawRow | None:
        """One sealed record's box. A server refuses all but the users that may read them (``AccessDenied``)."""
        return self._first_of("sealed.raw", raw_id)

    def sealed_raws(self, raw_ids: Sequence[str]) -> list[RawRow | None]:
        """The same of several."""
        return [self.sealed_raw(raw_id) for raw_id in raw_ids]

    def _first_of(self, table: str, raw_id: str) -> RawRow | None:
        found = self._store.blobs(_FIRST.format(table=table), {"id": raw_id})
        return _bytes_row(RawRow, found)


def _bytes_row(kind: type[S], found: list[tuple[Any, ...]]) -> S | None:
    """The first row as ``kind``: every cell is text or a number but the last, which stays the exact bytes."""
    if not found:
        return None
    *plain, payload = found[0]
    names = kind.__struct_fields__
    return kind(**dict(zip(names, [*map(_text, plain), payload], strict=True)))


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
