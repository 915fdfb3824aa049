"""The outbox: what matters goes first, an absent sink holds up nobody, and what is dropped is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.model import Event, EventId, Lane, TypeCode
from cior_vision import metrics as m
from cior_vision.publishing import Outbox


def event(name: str, lane: Lane = Lane.NORMAL) -> Event:
    return Event(
        id=EventId(name),
        source="vision/c1",
        type=TypeCode("vision.intrusion"),
        subject="c1",
        occurred_ms=1,
        received_ms=2,
        lane=lane,
    )


class Broker:
    """Keeps what it got; away until told otherwise; may take a batch and fail to say so."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.loses_next_answer = False
        self.got: list[str] = []

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        if self.away:
            raise SourceUnavailable("bus.broker_away", "the broker is away")
        self.got += [codec.records(Kind.EVENT, one.value)[0].id for one in messages]
        if self.loses_next_answer:
            self.loses_next_answer = False
            raise SourceUnavailable("bus.unconfirmed", "no answer in time")


def outbox_to(broker: Broker, *, limit: int = 100, metrics: Metrics | None = None) -> Outbox:
    return Outbox(broker, limit=limit, now_ms=lambda: 252, metrics=metrics or Metrics(), retry_s=0.01)


def test_urgent_events_travel_alone_and_the_others_in_bulk() -> None:
    urgent, telemetry = MessageOut.of(event("a", Lane.URGENT)), MessageOut.of(event("b", Lane.TELEMETRY))
    assert (urgent.topic, urgent.key, urgent.bulk) == (topics.URGENT.name, b"c1", False)
    assert (telemetry.topic, telemetry.bulk) == (topics.TELEMETRY.name, True)
    assert telemetry.key != b"c1"


async def test_what_matters_overtakes_what_informs() -> None:
    broker = Broker()
    outbox = outbox_to(broker, limit=100)
    for n in range(3):
        outbox.add(event(f"t{n}", Lane.TELEMETRY))
    outbox.add(event("incident", Lane.URGENT))
    assert await outbox.flush(within_s=1.0)
    assert broker.got == ["incident", "t0", "t1", "t2"]


async def test_nothing_is_lost_while_the_sink_is_away_and_order_is_kept() -> None:
    broker = Broker(away=True)
    outbox = outbox_to(broker, limit=100)
    running = asyncio.create_task(outbox.run())
    for n in range(10):
        outbox.add(event(f"e{n}"))
    await asyncio.sleep(0.05)
    assert (broker.got, outbox.waiting) == ([], 10)
    broker.away = False
    await asyncio.sleep(0.1)
    running.cancel()
    assert broker.got == [f"e{n}" for n in range(10)]
    assert outbox.dropped_rows() == []


async def test_law_4_a_batch_of_unknown_outcome_is_sent_again_with_the_same_ids() -> None:
    broker = Broker()
    broker.loses_next_answer = True
    outbox = outbox_to(broker, limit=100)
    outbox.add(event("e"))
    assert await outbox.flush(within_s=1.0)
    assert broker.got == ["e", "e"]


async def test_law_11_a_full_outbox_drops_the_oldest_of_the_same_kind_and_counts_it() -> None:
    broker, metrics = Broker(away=True), Metrics()
    outbox = outbox_to(broker, limit=3, metrics=metrics)
    outbox.add(event("incident", Lane.URGENT))
    for n in range(5):
        outbox.add(event(f"t{n}", Lane.TELEMETRY))
    assert outbox.dropped_rows() == [
        {"reason": "outbox_full", "lane": "telemetry", "intentional": True, "count": 2}
    ]
    broker.away = False
    assert await outbox.flush(within_s=1.0)
    assert broker.got == ["incident", "t2", "t3", "t4"]
    assert metrics.value(m.DROPPED, "telemetry", "outbox_full", "true") == 2
    assert metrics.value(m.PUBLISHED) == 4


async def test_the_way_from_picture_to_event_is_measured_until_it_is_durable() -> None:
    broker, metrics = Broker(away=True), Metrics()
    outbox = outbox_to(broker, metrics=metrics)
    outbox.add(event("incident", Lane.URGENT))
    assert not await outbox.flush(within_s=0.05)
    assert metrics.value(m.EVENT_LATENCY) == 0, "not durable yet"
    broker.away = False
    assert await outbox.flush(within_s=1.0)
    assert metrics.value(m.EVENT_LATENCY, "urgent") == 1
    assert 'cior_vision_frame_to_event_seconds_sum{lane="urgent"} 0.25' in metrics.text()


async def test_stopping_does_not_wait_for_an_absent_sink_longer_than_allowed() -> None:
    outbox = outbox_to(Broker(away=True), limit=10)
    outbox.add(event("e"))
    started_s = asyncio.get_running_loop().time()
    assert not await outbox.flush(within_s=0.2)
    assert asyncio.get_running_loop().time() - started_s < 0.5
