"""Rollups of a closed day that do not add up are filled again by the process that owns the store; the open day is
left alone.
"""

from __future__ import annotations

from pathlib import Path

from cior_core.catalogue import Kind
from cior_core.model import Event, EventId, Lane, TypeCode
from cior_sink.housekeeping import Housekeeper
from cior_store.engine import Store
from cior_store.kinds import Entry, Origin
from cior_store.migrate import migrate
from cior_store.writers import Writers

DAY_MS = 86_400_000
NOON_MS = 1_795_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2


def arrived(number: int, *, at_ms: int) -> Entry:
    event = Event(
        id=EventId(f"event-{number}"),
        source="urn:test",
        type=TypeCode("device.position"),
        subject=f"bus-{number}",
        occurred_ms=at_ms,
        received_ms=at_ms,
        lane=Lane.TELEMETRY,
    )
    return Entry(
        record=event,
        body=b"{}",
        origin=Origin(topic="t", partition=0, offset=number, timestamp_ms=at_ms),
    )


def counted(store: Store, at_ms: int) -> int:
    return int(
        store.value(f"SELECT sum(n) FROM ops.ev_minute WHERE day = toDate(fromUnixTimestamp64Milli({at_ms}))")
    )


def test_copies_that_a_rollup_counted_twice_are_taken_out_of_closed_days_only(tmp_path: Path) -> None:
    with Store.open(f"chdb://{tmp_path}") as store:
        migrate(store)
        writers, yesterday_ms = Writers(store), NOON_MS - DAY_MS
        for at_ms in (yesterday_ms, NOON_MS):
            entries = [arrived(number, at_ms=at_ms) for number in range(10)]
            writers.write(Kind.EVENT, entries, token=f"first-{at_ms}")
            writers.write(Kind.EVENT, entries[:4], token=f"the device sent them again-{at_ms}")
        assert (counted(store, yesterday_ms), counted(store, NOON_MS)) == (14, 14)
        keeper = Housekeeper(store, now_ms=lambda: NOON_MS)
        assert {each.rollup for each in keeper.look()} == {"ev_minute", "kpi_hour"}
        assert (counted(store, yesterday_ms), counted(store, NOON_MS)) == (10, 14)
        assert keeper.look() == ()
