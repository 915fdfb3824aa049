"""A backlog is handed out in few batches; what waited at the broker while a batch was written waits no second time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import count

from confluent_kafka import TopicPartition

from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.settings import BusSettings


class Sent:
    """A message as the client gives it."""

    def __init__(self, offset: int, *, ago_s: float) -> None:
        self._offset, self._at_ms = offset, round((time.time() - ago_s) * 1000)

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms

    def key(self) -> bytes:
        return b""

    def value(self) -> bytes:
        return b"x"

    def headers(self) -> None:
        return None


class Fetched:
    """A client whose log comes in pieces: the next is there when this one is read."""

    def __init__(self, pieces: Iterable[int], *, ago_s: float = 0.0) -> None:
        offsets = count()
        self._pieces: Iterator[list[Sent]] = (
            [Sent(next(offsets), ago_s=ago_s) for _ in range(size)] for size in pieces
        )
        self._left: list[Sent] = []

    def poll(self, _timeout_s: float) -> Sent | None:
        self._left = next(self._pieces, [])
        return self._left.pop(0) if self._left else None

    def consume(self, _most: int, *, timeout: float) -> list[Sent]:
        assert timeout == 0
        return self._left

    def commit(self, **_what: object) -> None: ...


class Reader:
    """A consumer of one partition."""

    def __init__(self, fetched: Fetched, limits: BatchLimits) -> None:
        self.fetched = fetched
        self.consumer = BatchConsumer(
            BusSettings(bootstrap="nowhere:1"), group="g", topics=["t"], limits=limits
        )
        self.consumer._assigned(fetched, [TopicPartition("t", 0, 0)])  # type: ignore[arg-type]

    def turn(self) -> list[int]:
        """Reads on and hands out what is due: the sizes of the batches."""
        sizes: list[int] = []

        def handler(batch: Batch) -> None:
            sizes.append(len(batch.records))

        self.consumer._catch_up(self.fetched)  # type: ignore[arg-type]
        self.consumer._hand_out(self.fetched, handler, threading.Event())  # type: ignore[arg-type]
        return sizes

    def worked(self, for_s: float) -> None:
        """As if a handler had worked so long since the last look."""
        self.consumer._pulled_s -= for_s


def test_a_backlog_that_comes_in_pieces_is_one_batch() -> None:
    reader = Reader(Fetched([700, 300, 150, 5], ago_s=60.0), BatchLimits(max_wait_s=4.0))
    reader.worked(10.0)
    assert reader.turn() == [1_155]


def test_a_batch_that_is_full_waits_for_no_more_of_the_backlog() -> None:
    reader = Reader(Fetched([700, 700, 700], ago_s=60.0), BatchLimits(max_wait_s=4.0, max_records=1_000))
    assert reader.turn() == [1_000]
    assert reader.turn() == [1_000]


def test_a_flood_that_never_ends_holds_no_message_longer_than_it_may_wait() -> None:
    began_s = time.monotonic()
    reader = Reader(Fetched(100 for _ in count()), BatchLimits(max_wait_s=0.05, max_records=10_000_000))
    handed = reader.turn() or reader.turn()
    assert sum(handed) >= 100
    assert time.monotonic() - began_s < 10.0


def test_what_waited_at_the_broker_while_a_batch_was_written_is_due_at_once() -> None:
    reader = Reader(Fetched([10], ago_s=4.5), BatchLimits(max_wait_s=4.0))
    reader.worked(5.0)
    assert reader.turn() == [10]


def test_what_has_just_come_waits_however_long_the_last_batch_took() -> None:
    reader = Reader(Fetched([10]), BatchLimits(max_wait_s=4.0))
    reader.worked(5.0)
    assert reader.turn() == []


def test_an_old_timestamp_alone_makes_nothing_due() -> None:
    """Whoever sends a signal again, or has another clock, tells an instant of long ago."""
    reader = Reader(Fetched([10], ago_s=86_400.0), BatchLimits(max_wait_s=4.0))
    assert reader.turn() == []
