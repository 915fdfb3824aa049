"""The live feed: the current alerts in memory and everyone who watches them.

``AlertFeed.apply`` may be called from a consumer thread; watchers live on the event loop. A watcher that does not
keep up is not waited for: its queue is cleared and it is told to take a new snapshot, so one slow browser cannot
delay another's press.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.wall_view import TypeNames, WallAlert, project
from cior_core.alert_age import opening_receipt_ms
from cior_core.model import Alert, AlertStatus

_GONE = frozenset({AlertStatus.CLOSED, AlertStatus.MERGED})
_LATE_MS = 2_000
"""From the receipt of a signal to its alert here; beyond it the wall is red (law 16)."""
_LATE_SHOWN_MS = 60_000


class FeedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a watcher: ``alert`` upsert, ``gone`` (closed or merged), or ``resync`` (take a snapshot)."""

    kind: str
    seq: int
    alert: WallAlert | None = None
    id: str | None = None
    late: bool = False


class Watcher:
    """One open page. ``queue`` holds encoded messages."""

    def __init__(self, limit: int) -> None:
        self.queue: asyncio.Queue[FeedMessage] = asyncio.Queue(limit)
        self.resyncs = 0

    def offer(self, message: FeedMessage) -> bool:
        """Queue without waiting; when full, drop all that waits and ask for a new snapshot (counted in ``resyncs``):
        then false.
        """
        full = self.queue.full()
        if full:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.resyncs += 1
            message = FeedMessage(kind="resync", seq=message.seq)
        self.queue.put_nowait(message)
        return not full


class AlertFeed:
    """Alerts by id, newest version wins; closed ones leave the wall."""

    def __init__(
        self,
        names: Mapping[str, TypeNames],
        *,
        now_ms: Callable[[], int],
        watcher_limit: int = 500,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._metrics.read_at_scrape(lambda: {(m.WATCHERS.name, ()): float(len(self._watchers))})
        self._since_ms = now_ms()
        self._names = names
        self._now_ms = now_ms
        self._limit = watcher_limit
        self._rows: dict[str, WallAlert] = {}
        self._versions: dict[str, int] = {}
        self._watchers: set[Watcher] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.seq = 0
        self.last_applied_ms: int | None = None
        self._late_ms: int | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call once on the loop that serves pages, before ``apply`` is called from another thread."""
        self._loop = loop

    def apply(self, alert: Alert) -> None:
        """Take a new state of an alert; thread-safe, never blocks, older versions are ignored."""
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._apply, alert)

    def _apply(self, alert: Alert) -> None:
        self.last_applied_ms = self._now_ms()
        if alert.version <= self._versions.get(alert.id, 0):
            return
        self._versions[alert.id] = alert.version
        self.seq += 1
        self._measure(alert)
        message = self._take(alert)
        if message is not None:
            for watcher in self._watchers:
                if not watcher.offer(message):
                    self._metrics.add(m.RESYNCS)

    def _measure(self, alert: Alert) -> None:
        # What was opened before we began to read waited for us, not for the feed.
        if (received_ms := opening_receipt_ms(alert)) is not None and alert.opened_ms >= self._since_ms:
            waited_ms = self._now_ms() - received_ms
            self._metrics.observe(m.FEED_LATENCY, value_s=waited_ms / 1000)
            if alert.life_safety and waited_ms > _LATE_MS:
                self._late_ms = self._now_ms()

    @property
    def is_late(self) -> bool:
        """Whether, in the last minute, an alert with life at risk came here more than two seconds after its signal."""
        return self._late_ms is not None and self._now_ms() - self._late_ms < _LATE_SHOWN_MS

    def _take(self, alert: Alert) -> FeedMessage | None:
        if alert.status in _GONE:
            shown = self._rows.pop(alert.id, None)
            return FeedMessage(kind="gone", seq=self.seq, id=alert.id) if shown else None
        row = project(alert, self._names)
        self._rows[alert.id] = row
        return FeedMessage(kind="alert", seq=self.seq, alert=row, late=self.is_late)

    def snapshot(self) -> list[WallAlert]:
        """All alerts on the wall, in the order of :func:`cior_core.priority.order`."""
        return sorted(self._rows.values(), key=lambda row: row.order)

    def watch(self) -> Watcher:
        """Register a page; pass it to :meth:`leave` when it goes."""
        watcher = Watcher(self._limit)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a page; idempotent."""
        self._watchers.discard(watcher)

    @property
    def watchers(self) -> int:
        """How many pages are open."""
        return len(self._watchers)
