"""Partitions that leave, or leave and come back, while a batch is being retried: nothing of what was read before is
handed out again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from confluent_kafka import TopicPartition

from cior_bus.batch_plan import BatchPlan, MemoryPlans
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.message import RecordIn
from cior_bus.settings import BusSettings
from cior_core.errors import SourceUnavailable


class Read:
    """A message as the client gives it."""

    def __init__(self, partition: int, offset: int) -> None:
        self._partition, self._offset = partition, offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 1

    def key(self) -> bytes:
        return b""

    def value(self) -> bytes:
        return b"x"

    def headers(self) -> None:
        return None


class FakeConsumer:
    """Runs ``on_poll`` or ``on_consume`` whenever it is asked, as librdkafka runs its rebalance callbacks; notes
    commits. A partition that moves stays paused, as there.
    """

    def __init__(self) -> None:
        self.on_poll: Callable[[], Read | None] = lambda: None
        self.on_consume: Callable[[], list[Read]] = list
        self.commits: list[tuple[int, int]] = []
        self.mine: set[int] = set()
        self.paused: set[int] = set()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("t", each) for each in sorted(self.mine)]

    def pause(self, partitions: list[TopicPartition]) -> None:
        assert {each.partition for each in partitions} <= self.mine
        self.paused |= {each.partition for each in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert {each.partition for each in partitions} <= self.mine
        self.paused -= {each.partition for each in partitions}

    def poll(self, _timeout_s: float) -> Read | None:
        return self.on_poll()

    def consume(self, _most: int, *, timeout: float) -> list[Read]:
        assert timeout == 0
        return self.on_consume()

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
        self.fake.mine |= set(partitions)
        self.consumer._assigned(self.fake, got)  # type: ignore[arg-type]

    def lose(self, *partitions: int) -> None:
        self.fake.mine -= set(partitions)
        self.consumer._revoked(self.fake, [TopicPartition("t", each) for each in partitions])  # type: ignore[arg-type]

    def read(self, partition: int, offset: int) -> None:
        self.consumer._buffers["t", partition].add(
            RecordIn(topic="t", partition=partition, offset=offset, timestamp_ms=1, key=b"", value=b"x")
        )

    def pull(self) -> None:
        self.consumer._pull(self.fake, 0.1)  # type: ignore[arg-type]  # a fake

    def waiting(self, partition: int) -> list[int]:
        return [each.offset for each in self.consumer._buffers["t", partition].records]

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


def test_law_4_what_arrives_of_a_partition_that_came_while_a_batch_was_retried_is_kept() -> None:
    """Not paused yet: its next message would be read past it, and committed past it."""
    group = Group()
    arrives = iter([Read(2, 0), Read(2, 1)])

    def came() -> Read | None:
        if 2 not in group.fake.mine:
            group.get(2)
        return next(arrives, None)

    group.fake.on_poll = came
    group.hand_out(fails=1)
    assert group.waiting(2) == [0, 1]


def test_law_4_a_partition_that_left_paused_is_read_when_it_comes_back() -> None:
    group = Group()
    group.fake.on_poll = lambda: group.lose(1)
    group.hand_out(fails=1)
    assert group.fake.paused == {1}
    group.fake.on_poll = lambda: None
    group.pull()
    assert group.fake.paused == {1}, "it is another's now"
    group.get(1)
    group.pull()
    assert group.fake.paused == set()


def test_law_4_what_was_read_before_partitions_moved_does_not_come_before_their_first_message() -> None:
    group = Group()

    def moved() -> list[Read]:
        group.lose(0, 1)
        group.get(0, 1)
        return [Read(0, 0), Read(0, 1)]

    group.fake.on_poll = lambda: Read(0, 7)
    group.fake.on_consume = moved
    group.pull()
    assert group.waiting(0) == [0, 1]


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
