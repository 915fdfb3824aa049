"""Partitions that leave, or leave and come back, while a batch is being retried: nothing of what was read before is
handed out again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import TopicPartition

from cior_bus.batch_plan import BatchPlan, MemoryPlans
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.message import RecordIn
from cior_bus.settings import BusSettings
from cior_core.errors import SourceUnavailable


class FakeConsumer:
    """Runs ``on_poll`` whenever it is polled, as librdkafka runs its rebalance callbacks; notes commits."""

    def __init__(self) -> None:
        self.on_poll: Callable[[], None] = lambda: None
        self.commits: list[tuple[int, int]] = []

    def assignment(self) -> list[TopicPartition]:
        return []

    def pause(self, _partitions: Any) -> None: ...

    def resume(self, _partitions: Any) -> None: ...

    def poll(self, _timeout_s: float) -> None:
        self.on_poll()

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self.commits += [(each.partition, each.offset) for each in offsets]


class Group:
    """One member of a group with two partitions of one topic, three records read of each."""

    def __init__(self) -> None:
        self.fake = FakeConsumer()
        self.consumer = BatchConsumer(
            BusSettings(bootstrap="nowhere:1"),
            group="g",
            topics=["t"],
            limits=BatchLimits(max_wait_s=0.0, retry_from_s=0.05),
        )
        self.handed: list[tuple[int, int, int]] = []
        self.get(0, 1)
        for partition in (0, 1):
            for offset in range(3):
                self.read(partition, offset)

    def get(self, *partitions: int) -> None:
        got = [TopicPartition("t", each, 0) for each in partitions]
        self.consumer._assigned(self.fake, got)  # type: ignore[arg-type]

    def lose(self, *partitions: int) -> None:
        self.consumer._revoked(self.fake, [TopicPartition("t", each) for each in partitions])  # type: ignore[arg-type]

    def read(self, partition: int, offset: int) -> None:
        self.consumer._buffers["t", partition].add(
            RecordIn(topic="t", partition=partition, offset=offset, timestamp_ms=1, key=b"", value=b"x")
        )

    def hand_out(self, *, fails: int) -> None:
        left = fails

        def handler(batch: Batch) -> None:
            nonlocal left
            self.handed.append((batch.partition, batch.first, batch.last))
            left -= 1
            if left >= 0:
                raise SourceUnavailable("store.away", "away", retry_after_s=0.05)

        self.consumer._hand_out(self.fake, handler, threading.Event())  # type: ignore[arg-type]  # a fake


def test_a_partition_that_left_while_another_was_retried_is_not_handed_out() -> None:
    group = Group()
    group.fake.on_poll = lambda: group.lose(1)
    group.hand_out(fails=1)
    assert group.handed == [(0, 0, 2), (0, 0, 2)]
    assert group.fake.commits == [(0, 3)]


def test_a_batch_whose_partition_left_and_came_back_is_read_again_and_not_committed() -> None:
    group = Group()

    def moved() -> None:
        group.fake.on_poll = lambda: None
        group.lose(0, 1)
        group.get(0, 1)

    group.fake.on_poll = moved
    group.hand_out(fails=1)
    assert group.handed == [(0, 0, 2)]
    assert group.fake.commits == []
    assert group.consumer.status().waiting_records == 0, (
        "what was read before is gone; the broker gives it again"
    )


def test_without_a_rebalance_the_same_batch_is_handed_out_until_it_is_taken() -> None:
    group = Group()
    group.hand_out(fails=2)
    assert group.handed == [(0, 0, 2), (0, 0, 2), (0, 0, 2), (1, 0, 2)]
    assert group.fake.commits == [(0, 3), (1, 3)]


def test_a_plan_of_before_does_not_outlive_the_partition() -> None:
    plans = MemoryPlans()
    plans.plan("t", 0, BatchPlan(first=5, last=9))
    assert plans.planned("t", 0, since=5) == BatchPlan(first=5, last=9)
    plans.assigned("t", 0)
    assert plans.planned("t", 0, since=5) is None, "another may have planned otherwise meanwhile"
