"""The process that owns the store and serves the wall: sink threads, live feed, reconciliation each minute, housekeeping, HTTP.

With chDB one process must own the folder, so both jobs live here; with a ClickHouse server the same process may run once more elsewhere with
``sink=False`` as a console only.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from cior.readiness import announce
from cior_bus import topics
from cior_bus.consumer import Batch, BatchConsumer, BatchLimits
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_console.feed import AlertFeed
from cior_console.wall_questions import wall_questions
from cior_console.web import WallConfig, create_app
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable
from cior_core.model import Alert
from cior_core.taxonomy import Taxonomy
from cior_sink.housekeeping import Housekeeper
from cior_sink.reconciling import Reconciler
from cior_sink.storing import StoreSink
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import Questions

log = structlog.get_logger("cior.centre")


class CentreProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What this process needs; made by the composition root."""

    bus: BusSettings
    store_dsn: str
    host: str
    port: int
    token: str
    name: str
    city: bytes
    taxonomy: Taxonomy
    ready_file: Path


def wall_ms() -> int:
    """The one clock reading of this edge."""
    return time.time_ns() // 1_000_000


async def run(settings: CentreProcess, *, stop: asyncio.Event) -> None:
    """Until ``stop``. Raises ``CiorError`` when a part of it cannot go on: the supervisor starts the process again."""
    store = await asyncio.to_thread(Store.open, settings.store_dsn)
    bus = Bus(settings.bus)
    try:
        await asyncio.to_thread(migrate, store)
        await _serve(settings, store, bus, stop)
    finally:
        bus.close()
        store.close()


async def _serve(settings: CentreProcess, store: Store, bus: Bus, stop: asyncio.Event) -> None:
    sink = StoreSink(settings.bus, store, bus)
    feed = AlertFeed(settings.taxonomy, now_ms=wall_ms)
    reader = FeedReader(settings.bus, feed.apply)
    reconciler = Reconciler(store, bus, now_ms=wall_ms)
    housekeeper = Housekeeper(store, now_ms=wall_ms)
    config = WallConfig(
        token=settings.token,
        centre=settings.name,
        city=settings.city,
        questions=wall_questions(Questions(store), wall_ms),
        now_ms=wall_ms,
    )
    runner = web.AppRunner(create_app(feed, config), shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    try:
        sink.start()
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        reader.start()
        reconciler.thread.start()
        housekeeper.thread.start()
        announce(settings.ready_file, port=runner.addresses[0][1])
        await _until(stop, lambda: sink.failure or reader.failure)
    finally:
        settings.ready_file.unlink(missing_ok=True)
        await asyncio.to_thread(housekeeper.thread.stop)
        await asyncio.to_thread(reconciler.thread.stop)
        await asyncio.to_thread(reader.stop)
        await asyncio.to_thread(sink.stop)
        await runner.cleanup()


async def _until(stop: asyncio.Event, failed: Callable[[], CiorError | None]) -> None:
    while not stop.is_set():
        error = failed()
        if error is not None:
            raise error
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            continue


class FeedReader:
    """Reads ``cior.alerts.v1`` from its beginning (it is compacted: the current state) and goes on live; commits nothing."""

    def __init__(self, settings: BusSettings, take: Callable[[Alert], None]) -> None:
        group = f"cior-feed-{os.getpid()}-{time.monotonic_ns()}"
        self._consumer = BatchConsumer(
            settings,
            group=group,
            topics=[topics.ALERTS.name],
            limits=BatchLimits(max_wait_s=0.02, max_records=500),
            commits=False,
        )
        self._take = take
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: CiorError | None = None

    def start(self) -> None:
        """Begin to read in a thread."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._consumer.run(self._apply, stop=self._stop)
            except SourceUnavailable as error:
                log.warning("feed_interrupted", code=error.code)
                if error.code == "bus.topic_missing":
                    self.failure = error
                    return
                self._stop.wait(0.5)

    def _apply(self, batch: Batch) -> None:
        for record in batch.records:
            if record.value is None:
                continue
            try:
                alert = codec.decode(Kind.ALERT, record.value)
            except PayloadRejected as error:  # the sink dead-letters it with its bytes
                log.warning("alert_unreadable", code=error.code, offset=record.offset)
                continue
            if isinstance(alert, Alert):
                self._take(alert)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
