"""What was accepted and never stored becomes an alarm of its own: once for each gap, on the urgent lane of a real
broker.
"""

from __future__ import annotations

import threading
from pathlib import Path

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.embedded.tansu import Tansu
from cior_bus.gathering import BatchLimits
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Event, EventId, Lane, Producer, TypeCode
from cior_sink.reconciling import Reconciler
from cior_store.engine import Store
from cior_store.kinds import Entry, Origin
from cior_store.migrate import migrate
from cior_store.reconcile import ReconcileSettings
from cior_store.writers import Writers

NOW_MS = 1_795_000_000_000 // 60_000 * 60_000 + 30_000
LONG_AGO_MS = NOW_MS - 10 * 60_000


def claim(count: int) -> Entry:
    """A connector instance says that it made ``count`` raw records durable in a minute ten minutes ago."""
    event = Event(
        id=EventId(f"claim-{count}"),
        source="urn:cior:connector:panels",
        type=TypeCode("accounting"),
        subject="connector:panels",
        occurred_ms=NOW_MS,
        received_ms=NOW_MS,
        lane=Lane.TELEMETRY,
        producer=Producer(connector="dc09", version="1", instance="panels"),
        attributes={"accepted": count, "by_minute": {str(LONG_AGO_MS): count}},
    )
    body = codec.encode(event)
    return Entry(
        record=event,
        body=body,
        origin=Origin(topic="cior.telemetry.v1", partition=0, offset=count, timestamp_ms=NOW_MS),
    )


def urgent_events(settings: BusSettings, *, count: int) -> list[Event]:
    stop = threading.Event()
    found: list[object] = []
    consumer = BatchConsumer(
        settings, group="test", topics=[topics.URGENT.name], limits=BatchLimits(max_wait_s=0.05)
    )

    def take(batch: Batch) -> None:
        found.extend(codec.decode(Kind.EVENT, record.value) for record in batch.records)
        if len(found) >= count:
            stop.set()

    timer = threading.Timer(10, stop.set)
    timer.start()
    consumer.run(take, stop=stop)
    timer.cancel()
    return [event for event in found if isinstance(event, Event)]


def test_a_claim_without_records_is_one_gap_event_and_a_young_one_is_in_flight(
    tansu: Tansu, tmp_path: Path
) -> None:
    settings = BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")
    Topics(settings).ensure()
    store = Store.open(f"chdb://{tmp_path / 'store'}")
    try:
        migrate(store)
        with Bus(settings) as bus:
            patient = Reconciler(store, bus, now_ms=lambda: NOW_MS, settings=ReconcileSettings(grace_s=3600))
            strict = Reconciler(store, bus, now_ms=lambda: NOW_MS)
            assert strict.look() == ()
            assert Writers(store).write(Kind.EVENT, [claim(3)], token="t-1") == ()
            assert patient.look() == ()
            first, again = strict.look(), strict.look()
    finally:
        store.close()
    assert [gap.missing_raw for gap in first] == [3]
    assert first == again
    events = urgent_events(settings, count=1)
    assert [event.type for event in events] == ["accounting.gap"]
    assert events[0].attributes["missing_raw"] == 3
