"""From events to bus messages, and on to a sink without ever holding up a camera.

Order of worth when the sink is away: health and detections are dropped oldest first (counted), incidents and camera conditions never while there is room,
and the room is for them alone. Law 11: what is dropped is counted by lane and logged once per outage.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from cior_bus.message import DurableSink, MessageOut
from cior_bus.metrics import Metrics
from cior_core.errors import SourceUnavailable
from cior_core.model import Event, Lane
from cior_vision import metrics as m

LOG = structlog.get_logger("cior.vision.publishing")


class Outbox:
    """Events waiting for the sink, two bounded queues: what matters, and what only informs. Used from the event loop only."""

    def __init__(
        self,
        sink: DurableSink,
        *,
        limit: int,
        now_ms: Callable[[], int],
        metrics: Metrics,
        retry_s: float = 0.5,
    ) -> None:
        self._sink = sink
        self._now_ms, self._metrics = now_ms, metrics
        self._limit = limit
        self._retry_s = retry_s
        self._queues: dict[bool, deque[Event]] = {True: deque(), False: deque()}
        self._news = asyncio.Event()
        self._away = False
        self.dropped: dict[Lane, int] = {}
        self.published = 0

    def add(self, event: Event) -> None:
        """Take an event; never blocks."""
        queue = self._queues[event.lane is not Lane.TELEMETRY]
        if len(queue) >= self._limit:
            lost = queue.popleft()
            self.dropped[lost.lane] = self.dropped.get(lost.lane, 0) + 1
            self._metrics.add(m.DROPPED, lost.lane.value, "outbox_full", "true")
        queue.append(event)
        self._news.set()

    def dropped_rows(self) -> list[dict[str, str | int | bool]]:
        """What was dropped so far, as publishable rows."""
        return [
            {"reason": "outbox_full", "lane": str(lane), "intentional": True, "count": count}
            for lane, count in sorted(self.dropped.items())
        ]

    @property
    def waiting(self) -> int:
        """Events not yet durable."""
        return sum(len(queue) for queue in self._queues.values())

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
        queue = self._queues[True] or self._queues[False]
        batch = [queue[index] for index in range(min(len(queue), 100))]
        try:
            await self._sink.publish([MessageOut.of(event) for event in batch])
        except SourceUnavailable as error:
            if not self._away:
                LOG.warning("sink_lost", code=error.code)
            self._away = True
            return False
        if self._away:
            LOG.info("sink_returned", waiting=self.waiting)
        self._away = False
        self._measure(batch)
        sent = {event.id for event in batch}
        while queue and queue[0].id in sent:
            queue.popleft()
        return True

    def _measure(self, batch: Sequence[Event]) -> None:
        self.published += len(batch)
        now_ms = self._now_ms()
        for event in batch:
            lane = event.lane.value
            self._metrics.add(m.PUBLISHED, lane)
            self._metrics.observe(m.EVENT_LATENCY, lane, value_s=(now_ms - event.received_ms) / 1000)
