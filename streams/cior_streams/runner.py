"""One stream worker as a process.

Start, recover, be ready, be watched, stop cleanly or end non-zero for its supervisor.

The embedding follows research on stream processing §7: a new App per start, ``app.start()`` as a task, ``app.crashed``
polled (a crash does not propagate by itself), a shielded stop with a time limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import faust
import msgspec
import structlog

from cior_bus import durable_file
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.self_test import SelfTest
from cior_bus.settings import Profile
from cior_bus.topics import CATALOGUE
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.ports import Clock
from cior_streams import app as edge
from cior_streams import metrics as s
from cior_streams.guard import Guard
from cior_streams.health import Health, health_path
from cior_streams.lateness import Lateness
from cior_streams.settings import Role, StreamSettings
from cior_streams.watchdog import FATAL, WORKING, Diagnosis, LogReader, Observation, Watchdog, watch
from cior_streams.wiring import Domain, build

_LOG = structlog.get_logger(__name__)
_STOP_LIMIT_S = 10.0
EXIT_REFUSED = 2
EXIT_CRASHED = 70
EXIT_WATCHDOG = 75
EXIT_STUCK = 76


class WallClock:
    """The one reading of the clock (law 6)."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000


class Worker:
    """Runs one role until told to stop."""

    def __init__(
        self,
        settings: StreamSettings,
        domain: Domain,
        *,
        clock: Clock | None = None,
        metrics: Metrics | None = None,
        metrics_url: str = "",
    ) -> None:
        self._rights = SelfTest(
            settings.bus, settings.user if settings.bus.secured else None, group=settings.group
        )
        bus = msgspec.structs.replace(settings.bus, on_refused=self._rights.doubt)
        self.settings, self.domain = msgspec.structs.replace(settings, bus=bus), domain
        self.metrics, self._metrics_url = metrics or Metrics(), metrics_url
        self._clock = clock or WallClock()
        self._stop = asyncio.Event()
        self._over = threading.Event()
        self._diagnosis, self._commit_age_s = Diagnosis.BROKER_AWAY, 0.0
        self._dog = Watchdog(stall_s=settings.stall_s, urgent=settings.urgent_topics)
        self._done: dict[tuple[str, int], int] = {}
        self._queued: dict[str, Callable[[], int]] = {}
        self._lateness = Lateness(
            self._clock, worker=f"{settings.app_id}-{settings.worker}", drill=domain.drill
        )
        self._seen = Observation(
            at_s=time.monotonic(), is_reading=False, committed={}, assigned=frozenset(), topics=frozenset()
        )

    def stop(self) -> None:
        """Ask for a clean end. Call in the loop."""
        self._stop.set()

    async def run(self) -> int:
        """The exit code: 0 stopped, 2 the broker refuses us, 70 the app crashed, 75 the watchdog ended it."""
        for each in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError, NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(each, self.stop)
        self._write_health(ready=False)
        if not await self._wait_for_broker():
            return EXIT_REFUSED if self._rights.failure is not None else 0
        bus = Bus(
            msgspec.structs.replace(self.settings.bus, linger_ms=0, client_id=self.settings.app_id),
            metrics=self.metrics,
        )
        try:
            return await self._serve(bus)
        finally:
            self._over.set()
            bus.close()
            self._write_health(ready=False)

    async def _wait_for_broker(self) -> bool:
        """Topics are there before Faust looks for them: made here, or, where only an administrator may, made
        beforehand. False: stopped or refused meanwhile.
        """
        admin = Topics(self.settings.bus, timeout_s=5.0)
        while not self._stop.is_set():
            try:
                epoch = await asyncio.to_thread(self._prepared, admin)
            except SourceUnavailable as away:
                _LOG.warning("broker_awaited", code=away.code)
                self._write_health(ready=False)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 0.5)
            else:
                self.settings = msgspec.structs.replace(self.settings, epoch=epoch or "")
                return epoch is not None
        return False

    def _prepared(self, admin: Topics) -> str | None:
        """The epoch of the log; None: the broker refuses us. Raises ``SourceUnavailable`` while the broker is away."""
        bus = self.settings.bus
        if bus.profile is Profile.KAFKA and not self._rights.holds():
            return None
        if not bus.secured:
            specs = (*CATALOGUE, *(self.settings.changelogs if bus.profile is Profile.KAFKA else ()))
            admin.ensure(specs, partitions=self.settings.partitions)
        return admin.epoch()

    async def _serve(self, bus: Bus) -> int:
        guard = Guard(bus, clock=self._clock, metrics=self.metrics)
        app = build(self.settings, self.domain, bus, guard=guard, clock=self._clock, metrics=self.metrics)
        self._done, self._queued = guard.done, guard.queued
        app.loop = asyncio.get_running_loop()
        app.finalize()
        starting = asyncio.ensure_future(app.start())
        dog = asyncio.ensure_future(asyncio.to_thread(self._watch))
        try:
            return await self._until_over(app, starting, dog, bus)
        finally:
            self._over.set()
            await _end(app, starting)
            await dog

    async def _until_over(
        self, app: faust.App, starting: asyncio.Future[None], dog: asyncio.Future[Diagnosis], bus: Bus
    ) -> int:
        while not self._stop.is_set():
            if self._rights.failure is not None:
                return EXIT_REFUSED
            if starting.done() and starting.exception() is not None:
                _LOG.error("worker_not_started", error=type(starting.exception()).__name__)
                return EXIT_CRASHED
            if app.crashed:
                _LOG.error("worker_crashed", error=type(app.crash_reason).__name__)
                return EXIT_CRASHED
            if dog.done():
                _LOG.error("worker_ended_by_watchdog", diagnosis=self._diagnosis.value)
                return EXIT_WATCHDOG
            self._observe(app, is_started=starting.done())
            await self._tell_lateness(bus)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.5)
        return 0

    def _observe(self, app: faust.App, *, is_started: bool) -> None:
        is_reading = is_started and edge.is_ready(app)
        names = {spec.name for spec in self.settings.sources}
        self._seen = Observation(
            at_s=time.monotonic(),
            is_reading=is_reading,
            committed=edge.committed_offsets(app) if is_started else {},
            assigned=frozenset(
                (tp.topic, tp.partition) for tp in app.consumer.assignment() if tp.topic in names
            )
            if is_started
            else frozenset(),
            topics=frozenset(names | edge.changelogs(app)) if is_reading else frozenset(names),
            unsent=edge.send_errors(app),
            done=dict(self._done),
            queued={topic: count() for topic, count in self._queued.items()},
        )
        ready = is_reading and self._diagnosis in WORKING
        self.metrics.set(s.READY, value=ready)
        self.metrics.set(s.OLDEST_WAITING, value=self._dog.oldest_s * 1000)
        self._write_health(ready=ready)

    async def _tell_lateness(self, bus: Bus) -> None:
        """Who watches the wall must hear that presses wait; a broker that is away hears it later."""
        if (event := self._lateness.told(self._diagnosis)) is not None:
            with contextlib.suppress(CiorError):
                await bus.publish([MessageOut.of(event)])

    def _watch(self) -> Diagnosis:
        reader = LogReader(self.settings.bus)
        try:
            return watch(
                lambda: self._seen, reader, self._dog, is_over=self._over.wait, report=self._diagnosed
            )
        finally:
            reader.close()

    def _diagnosed(self, diagnosis: Diagnosis) -> None:
        if diagnosis is not self._diagnosis:
            _LOG.warning("diagnosis_changed", diagnosis=diagnosis.value, role=self.settings.role.value)
        self._diagnosis, self._commit_age_s = diagnosis, self._dog.commit_age_s
        if diagnosis is Diagnosis.LOOP_STUCK:
            os._exit(EXIT_STUCK)  # the loop that would stop us cleanly does not turn
        if diagnosis in FATAL:
            threading.Timer(_STOP_LIMIT_S * 2, os._exit, (EXIT_STUCK,)).start()

    def _write_health(self, *, ready: bool) -> None:
        health = Health(
            ready=ready,
            diagnosis=self._diagnosis.value,
            commit_age_s=round(self._commit_age_s, 1),
            at_ms=self._clock.now_ms(),
            pid=os.getpid(),
            worker=self.settings.worker,
            metrics_url=self._metrics_url,
            oldest_waiting_s=round(self._dog.oldest_s, 1),
        )
        path = health_path(self.settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        durable_file.replace(path, msgspec.json.encode(health), is_synced=False)


async def _end(app: faust.App, starting: asyncio.Future[None]) -> None:
    """Stop within a limit, whatever state the app is in; then its start task."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(app.stop())), _STOP_LIMIT_S)
    starting.cancel()
    with contextlib.suppress(Exception, asyncio.CancelledError):
        await starting


def run_worker(
    settings: StreamSettings, domain: Domain, *, metrics: Metrics | None = None, metrics_url: str = ""
) -> int:
    """Run one worker in this process, on uvloop, until SIGTERM. Returns the exit code for ``sys.exit``."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_main(settings, domain, metrics, metrics_url))
    if code:
        # Faust may have left a thread that waits for a broker that is gone; the supervisor waits for us.
        os._exit(code)
    return code


async def _main(settings: StreamSettings, domain: Domain, metrics: Metrics | None, metrics_url: str) -> int:
    return await Worker(settings, domain, metrics=metrics, metrics_url=metrics_url).run()


__all__ = ["Domain", "Role", "StreamSettings", "Worker", "run_worker"]
