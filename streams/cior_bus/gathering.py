"""What gathers to a batch, and for how long: longer while writing takes more than its share of the machine."""

from __future__ import annotations

import time
from collections import deque

from cior_bus.batch_plan import BatchPlan
from cior_bus.message import RecordIn
from cior_core.model import Struct

_PLAN_PATIENCE_S = 5.0


class BatchLimits(Struct, frozen=True):
    """When a batch is due, and how retries are spaced.

    ``share``: what the handler should take of the time. While it takes more, batches gather longer than ``max_wait_s``,
    up to ``gather_s`` at twice the share: an insert has a price whatever it holds, and the same rows in fewer inserts
    leave processor time to presses.

    ``start_patience_s``: how long a broker that does not tell its partitions yet (it starts, its group coordinator
    moves) is asked again before :meth:`BatchConsumer.run` gives up.
    """

    max_records: int = 5_000
    max_bytes: int = 16_777_216
    max_wait_s: float = 1.0
    gather_s: float = 0.0
    share: float = 1.0
    retry_from_s: float = 0.2
    retry_to_s: float = 10.0
    start_patience_s: float = 60.0
    stall_s: float = 120.0


class Gathering:
    """How long a batch gathers now, from what the last ones cost."""

    def __init__(self, limits: BatchLimits) -> None:
        self._least_s, self._most_s = limits.max_wait_s, max(limits.max_wait_s, limits.gather_s)
        self._share, self._window_s = limits.share, max(1.0, 2.5 * self._most_s)
        self._spent: deque[tuple[float, float]] = deque()

    def spent(self, took_s: float, *, now_s: float) -> None:
        """A batch was handled in ``took_s``."""
        self._spent.append((now_s, took_s))

    def wait_s(self, now_s: float) -> float:
        """So long from the first message on."""
        while self._spent and self._spent[0][0] <= now_s - self._window_s:
            self._spent.popleft()
        taken = sum(took_s for _, took_s in self._spent) / self._window_s
        excess = min(1.0, max(0.0, taken / self._share - 1.0))
        return self._least_s + (self._most_s - self._least_s) * excess


class Buffer:
    """The uncommitted messages of one partition."""

    def __init__(self, plan: BatchPlan | None) -> None:
        self.records: list[RecordIn] = []
        self.size_bytes = 0
        self.since_s = 0.0
        self.plan = plan

    def begins_at(self, offset: int) -> bool:
        """Whether it has the plan of the batch that begins there."""
        return self.plan is not None and self.plan.first == offset

    def add(self, record: RecordIn, *, waited_s: float = 0.0) -> None:
        """The next message of the partition, which could have been read ``waited_s`` ago."""
        if not self.records:
            self.since_s = time.monotonic() - waited_s
            if not self.begins_at(record.offset):
                self.plan = None
        self.records.append(record)
        self.size_bytes += len(record.value or b"")

    def due(self, limits: BatchLimits, now_s: float, wait_s: float) -> int:
        """How many records make a batch now, when one gathers for ``wait_s``; 0: none yet."""
        if not self.records:
            return 0
        if self.plan is not None:
            inside = sum(1 for record in self.records if record.offset <= self.plan.last)
            if self.records[-1].offset >= self.plan.last:
                return inside
            if now_s - self.since_s < _PLAN_PATIENCE_S:
                return 0
            self.plan = None  # a log that started over is shorter than the plan of its former epoch
        if len(self.records) >= limits.max_records:
            return limits.max_records
        return len(self.records) if self.is_full(limits) or now_s - self.since_s >= wait_s else 0

    def is_full(self, limits: BatchLimits) -> bool:
        """Whether no more belongs into its next batch."""
        return len(self.records) >= limits.max_records or self.size_bytes >= limits.max_bytes

    def take(self, count: int) -> tuple[RecordIn, ...]:
        """The first ``count`` messages, as a batch."""
        taken, self.records = tuple(self.records[:count]), self.records[count:]
        self.size_bytes = sum(len(record.value or b"") for record in self.records)
        self.plan, self.since_s = None, time.monotonic()
        return taken
