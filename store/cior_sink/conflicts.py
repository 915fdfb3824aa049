"""Watches what the sink stores: a second, different raw record under an id is an integrity event (law 15).

The look comes after the insert and before the batch counts as stored, so a sink that is killed between the two looks
again at its next start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core.catalogue import Kind
from cior_core.chain import fingerprint
from cior_core.model import ClockQuality, Event, Producer
from cior_core.system_events import system_event
from cior_store import conflicts
from cior_store.conflicts import Conflict
from cior_store.engine import Store
from cior_store.kinds import Entry

log = structlog.get_logger("cior_sink.conflicts")

SOURCE = "urn:cior:store"
TYPE = "integrity.conflict"
NAMED = 20
"""An event names so many ids and counts the rest: whoever republishes a day's records raises one alert, not a flood."""
_RAW = frozenset({Kind.RAW, Kind.SEALED})


def conflict_event(kind: Kind, found: Sequence[Conflict], *, now_ms: int, drill: bool = False) -> Event:
    """The event of the conflicts of one batch. Its id follows from them: found again, they say nothing new.

    Of sealed records it tells that there are some, and neither ids nor digests.
    """
    key = fingerprint(TYPE, *(f"{each.raw_id} {each.digest}" for each in found))
    named = [] if kind is Kind.SEALED else [each.raw_id for each in found[:NAMED]]
    return system_event(
        TYPE,
        source=SOURCE,
        subject=f"store:{kind.value}",
        key=key,
        at_ms=now_ms,
        clock=ClockQuality.SYNCED,
        producer=Producer(connector="cior.store", version="1"),
        drill=drill,
        native_key=key,
        attributes={"records": len({each.raw_id for each in found}), "raw_ids": named},
    )


class ConflictWatch:
    """``look`` after each batch of raw records; used by one thread."""

    def __init__(self, store: Store, bus: Bus, *, now_ms: Callable[[], int], drill: bool = False) -> None:
        self._store, self._bus, self._now_ms, self._drill = store, bus, now_ms, drill

    def look(self, kind: Kind, entries: Sequence[Entry]) -> tuple[Conflict, ...]:
        """What is new among these records: said on the urgent lane, then kept in the store, both before this returns.

        Raises ``SourceUnavailable``: then the batch is written, and looked at, again.
        """
        if kind not in _RAW:
            return ()
        found = conflicts.find(self._store, [entry.record.id for entry in entries])
        if found:
            log.error("raw_record_conflicts", kind=kind.value, records=len(found))
            now_ms = self._now_ms()
            event = conflict_event(kind, found, now_ms=now_ms, drill=self._drill)
            self._bus.publish_sync([MessageOut.of(event)])
            conflicts.record(self._store, found, now_ms=now_ms)
        return found
