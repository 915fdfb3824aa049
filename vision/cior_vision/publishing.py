"""From events and stretches to bus messages, and on to a sink without ever holding up a camera.

Three bounded queues, in order of worth: incidents and camera conditions, records of stretches, health and
detections. When the sink is away each drops its own oldest, so none takes another's room. Law 11: what is dropped is
counted by queue and logged once per outage.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from cior_bus.message import DurableSink, MessageOut
from cior_bus.metrics import Metrics
from cior_bus.spool import SpoolClass
from cior_core.errors import SourceUnavailable
from cior_core.model import Event, Lane, RawRecord
from cior_vision import metrics as m

LOG = structlog.get_logger("cior.vision.publishing")


class Outbox:
    """What waits for the sink. ``on_durable`` hears of each record that is. Used from the event loop only."""

    def __init__(
        self,
        sink: DurableSink,
        *,
        limit: int,
        now_ms: Callable[[], int],
        metrics: Metrics,
        on_durable: Callable[[Event | RawRecord], None] = lambda _record: None,
        retry_s: float = 0.5,
    ) -> None:
        self._on_durable = on_durable
        self._sink = sink
        self._now_ms, self._metrics = now_ms, metrics
        self._limit = limit
        self._retry_s = retry_s
        self._queues: tuple[deque[Event | RawRecord], ...] = (deque(), deque(), deque())
        self._news = asyncio.Event()
        self._away = False
        self.dropped: dict[str, int] = {}
        self.published = 0

    def add(self, record: Event | RawRecord) -> None:
        """Accept an event or a stretch; never blocks."""
        queue = self._queues[_rank(record)]
        if len(queue) >= self._limit:
            lost = _lane(queue.popleft())
            self.dropped[lost] = self.dropped.get(lost, 0) + 1
            self._metrics.add(m.DROPPED, lost, "outbox_full", "true")
        queue.append(record)
        self._news.set()

    def dropped_rows(self) -> list[dict[str, str | int | bool]]:
        """What was dropped so far, as publishable rows."""
        return [
            {"reason": "outbox_full", "lane": lane, "intentional": True, "count": count}
            for lane, count in sorted(self.dropped.items())
        ]

    @property
    def waiting(self) -> int:
        """Events not yet durable."""
        return sum(len(queue) for queue in self._queues)

    async def run(self) -> None:
        """Publish for ever, what matters first. Cancel to end; :meth:`flush` before that."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self.waiting:
                if not await self._send():
                    await asyncio.sleep(self._retry_s)

    async def flush(self, *, within_s: float) -> bool:
        """Whether everything became durable in time."""
        try:
            async with asyncio.timeout(within_s):
                while self.waiting:
                    if not await self._send():
                        await asyncio.sleep(min(self._retry_s, 0.1))
        except TimeoutError:
            LOG.error("events_abandoned", count=self.waiting)  # noqa: TRY400  (no trace: time is up, nothing failed)
            return False
        return True

    async def _send(self) -> bool:
        """One batch. At-least-once: a batch whose outcome is unknown is sent again with the same ids (law 4)."""
        queue = next((each for each in self._queues if each), self._queues[0])
        batch = [queue[index] for index in range(min(len(queue), 100))]
        try:
            await self._sink.publish([_message(record) for record in batch])
        except SourceUnavailable as error:
            if not self._away:
                LOG.warning("sink_lost", code=error.code)
            self._away = True
            return False
        if self._away:
            LOG.info("sink_returned", waiting=self.waiting)
        self._away = False
        self._measure(batch)
        sent = {record.id for record in batch}
        while queue and queue[0].id in sent:
            queue.popleft()
        return True

    def _measure(self, batch: Sequence[Event | RawRecord]) -> None:
        self.published += len(batch)
        now_ms = self._now_ms()
        for record in batch:
            lane = _lane(record)
            self._metrics.add(m.PUBLISHED, lane)
            if isinstance(record, Event):
                self._metrics.observe(m.EVENT_LATENCY, lane, value_s=(now_ms - record.received_ms) / 1000)
            self._on_durable(record)


def _message(record: Event | RawRecord) -> MessageOut:
    """Events as the catalogue says; a stretch is no press, so it may gather with others in an envelope."""
    return MessageOut.of(record, spool_class=SpoolClass.NORMAL if isinstance(record, RawRecord) else None)


def _rank(record: Event | RawRecord) -> int:
    if isinstance(record, RawRecord):
        return 1
    return 2 if record.lane is Lane.TELEMETRY else 0


def _lane(record: Event | RawRecord) -> str:
    return record.lane.value if isinstance(record, Event) else "stretch"
