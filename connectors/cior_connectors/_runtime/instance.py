"""One running connector: opens its source, pumps payloads through the pipeline, restarts it, tells the centre how it
does, stops within two seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from cior_bus.message import MessageOut
from cior_bus.obeying import Obeyer
from cior_bus.rights import commands_of
from cior_bus.settings import BusSettings
from cior_bus.spool import SpoolClass
from cior_connectors._runtime import codes
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.accounting import Accounting
from cior_connectors._runtime.backoff import Backoff
from cior_connectors._runtime.certificates import tell_end
from cior_connectors._runtime.chains import Chains
from cior_connectors._runtime.commands import WhileOpen
from cior_connectors._runtime.health import Health, HealthBook, State
from cior_connectors._runtime.limits import DeskPace, TelemetryLimit
from cior_connectors._runtime.marks import Mark, watched
from cior_connectors._runtime.pipeline import Pipeline
from cior_connectors._runtime.records import Channel
from cior_connectors._runtime.settings import InstanceSettings
from cior_connectors._runtime.signs import Signs, tell
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors._runtime.unread import UnreadPace, speak
from cior_connectors.contract import (
    Commandable,
    DecodeContext,
    Heartbeating,
    Manifest,
    Outcome,
    Received,
    Replayable,
    Source,
)
from cior_core.duty import DutyBook
from cior_core.errors import AccessDenied, CiorError, SourceUnavailable
from cior_core.model import Action, AreaId, DataClass, Event, Lane, Receipt, TypeCode
from cior_core.system_events import system_event

_LOG = structlog.get_logger(__name__)
STOP_WITHIN_S = 2.0
BATCH_PAYLOADS = 200
HEALTHY_AFTER_S = 5.0
_OPEN = (State.UP, State.DEGRADED)


class Instance:
    """``run`` until cancelled. Also the ``OpenContext`` of its source."""

    def __init__(
        self,
        source: Source,
        *,
        manifest: Manifest,
        settings: InstanceSettings,
        context: DecodeContext,
        around: Surroundings,
        backoff: Backoff | None = None,
    ) -> None:
        self.source = source
        self.manifest = manifest
        self.settings = settings
        self._around = around
        self._context = context
        self._boot = uuid4().hex[:12]
        self._own_events = 0
        self._posts: asyncio.Queue[Event] = asyncio.Queue(1_000)
        self._queue: asyncio.Queue[Received] = asyncio.Queue(settings.max_in_flight)
        self._last_received_s = time.monotonic()
        self._refusing = False
        self._backoff = backoff or Backoff(life_safety=manifest.life_safety)
        self._limit = TelemetryLimit(rate_per_s=settings.max_events_per_s)
        self._desk = DeskPace()
        self._unread = UnreadPace()
        self.signs = Signs(key=around.sealer.pseudonym)
        self.accounting = Accounting(instance=settings.name, metrics=around.metrics)
        self.book = HealthBook(
            instance=settings.name,
            now_ms=around.now_ms,
            metrics=around.metrics,
            on_change=self._health_changed,
        )
        self._mark = Mark(self.state_dir / "history.mark")
        self._chains = Chains(
            self.state_dir / "chains",
            instance=settings.name,
            sealer=around.sealer,
            on_fault=lambda reason: self._alarm("connector.chain_unwritten", reason),
        )
        around.metrics.read_at_scrape(lambda: {(m.QUEUED.name, (settings.name,)): float(self._queue.qsize())})
        self.pipeline = Pipeline(
            source,
            manifest=manifest,
            channel=self._channel(),
            sink=around.sink,
            now_ms=around.now_ms,
            metrics=around.metrics,
            accounting=self.accounting,
            boot=self._boot,
            chains=self._chains,
            on_refusal=self._refusal_changed,
        )

    @property
    def instance(self) -> str:
        """Name of this instance."""
        return self.settings.name

    @property
    def state_dir(self) -> Path:
        """Durable folder of this instance alone."""
        folder = self._around.state_dir / self.settings.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def max_payload_bytes(self) -> int:
        """Longest payload that is taken whole."""
        return self.settings.max_payload_bytes

    def now_ms(self) -> int:
        """The edge's clock."""
        return self._around.now_ms()

    def keyed(self, *words: str) -> str:
        """A digest of ``words`` that nobody without the centre's key can try out."""
        return self._around.sealer.pseudonym("mark", self.instance, *words)

    def keyed_before(self, *words: str) -> tuple[str, ...]:
        """The same by keys that were replaced and are remembered, newest first."""
        return self._around.sealer.before("mark", self.instance, *words, now_ms=self.now_ms())

    def degraded(self, reason: str, /) -> None:
        """The source works, but not well."""
        self.book.turn(State.DEGRADED, reason)

    def recovered(self) -> None:
        """The source is well again."""
        if self.book.health.state is State.DEGRADED:
            self.book.turn(State.UP)

    @property
    def duty(self) -> DutyBook | None:
        """The register's directory, as it was told last."""
        return self._around.duty()

    async def answer(self, receipt: Receipt, /, *, area: AreaId) -> None:
        """A further receipt, durable on return."""
        await self._around.sink.publish([MessageOut.of(receipt, key=area)])

    async def decide(self, action: Action, /) -> None:
        """A person's decision, signed and durable on return."""
        if (signer := self._around.signer) is None:
            raise AccessDenied(
                "connector.signs_nothing", "no key for decisions", cure="run it with `cior up`"
            )
        await self._around.sink.publish([MessageOut.of(signer.sign(action, at_ms=self.now_ms()))])

    async def run(self) -> None:
        """Supervise until cancelled; then stop within :data:`STOP_WITHIN_S`."""
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                self._supervise(),
                self._minutes(),
                self._post(),
                self._watch_silence(),
                self._obey(),
                tell(self.signs, self._around.sink, self.now_ms),
                speak(self._unread, lambda told: self._say(codes.UNDECODED, told), self.now_ms),
            )
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
            await self._last_words()
            self._chains.close()
            _LOG.info("connector_stopped", instance=self.instance)

    async def _supervise(self) -> None:
        while True:
            began_s = time.monotonic()
            error = await self._one_session()
            if time.monotonic() - began_s >= HEALTHY_AFTER_S:
                self._backoff.succeeded()
            await asyncio.sleep(self._judged(error))

    def _judged(self, error: Exception | None) -> float:
        """Record the end of a session; give the seconds to wait."""
        code = (
            error.code
            if isinstance(error, CiorError)
            else "source.ended"
            if error is None
            else f"bug.{type(error).__name__}"
        )
        self._around.metrics.add(m.FAILURES, self.instance, code)
        self.book.turn(State.DOWN, code)
        delay_s = self._backoff.after(error, at_s=time.monotonic())
        needs_human = isinstance(error, CiorError) and not isinstance(error, SourceUnavailable)
        if needs_human or self._backoff.is_looping(at_s=time.monotonic()):
            self._alarm("connector.restarting_slowly", code)
        return delay_s

    async def _one_session(self) -> Exception | None:
        """Open, pump, close. Gives the error that ended it; only cancellation passes through."""
        try:
            await self.source.open(self)
            self._around.metrics.add(m.CONNECTS, self.instance)
            tell_end(self.settings.config, instance=self.instance, metrics=self._around.metrics)
            self._last_received_s = time.monotonic()
            self.book.turn(State.UP)
            await self._pump()
        except Exception as error:  # noqa: BLE001  the supervisor: named exemption of style §11
            return error
        finally:
            await self._close()
        return None

    async def _pump(self) -> None:
        reader = asyncio.ensure_future(self._read(self.source.receive()))
        worker = asyncio.ensure_future(self._work())
        history = asyncio.ensure_future(self._reconcile())
        try:
            await asyncio.wait({reader, worker, history}, return_when=asyncio.FIRST_COMPLETED)
            for task in (worker, history, reader):
                if task.done():
                    task.result()
            await self._queue.join()
        finally:
            for task in (reader, history):
                task.cancel()
            await self._wind_down(worker)
            await asyncio.gather(reader, history, worker, return_exceptions=True)

    async def _read(self, arriving: AsyncIterator[Received]) -> None:
        """Ask the source for the next payload only when there is capacity: that is the back-pressure."""
        async for received in arriving:
            self._last_received_s = time.monotonic()
            await self._queue.put(self.pipeline.stamp(received))

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_PAYLOADS and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self.pipeline.ingest(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _wind_down(self, worker: asyncio.Future[None]) -> None:
        """Let what is being published finish; what nobody judged yet is refused, so the far side keeps it."""
        waiting: list[Received] = []
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            while not self._queue.empty():
                waiting.append(self._queue.get_nowait())
                self._queue.task_done()
        for received in waiting:
            await self.pipeline.refuse(received, "connector.stopping")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), STOP_WITHIN_S * 0.6)
        worker.cancel()

    async def _close(self) -> None:
        try:
            await asyncio.wait_for(self.source.close(), STOP_WITHIN_S / 2)
        except Exception as error:  # noqa: BLE001  the supervisor: one that cannot close is started again
            _LOG.warning("connector_close_failed", instance=self.instance, error=type(error).__name__)

    async def _obey(self) -> None:
        """The commands for a two-way source's targets, as long as this instance lives."""
        if (
            not (self.manifest.commands and isinstance(self.source, Commandable))
            or self._around.broker is None
        ):
            await asyncio.Event().wait()
            return
        while True:
            try:
                await self._obeyer(self.source, self._around.broker).run()
            except OSError as error:  # no journal, no commands; what this source receives goes on
                self._alarm("connector.commands_unobeyed", type(error).__name__)
                await asyncio.sleep(HEALTHY_AFTER_S)

    def _obeyer(self, source: Commandable, broker: BusSettings) -> Obeyer:
        return Obeyer(
            WhileOpen(source, is_open=lambda: self.book.health.state in _OPEN),
            name=f"{self.manifest.name}.{self.instance}",  # the broker lets a family into its own groups only
            broker=broker,
            bus=self._around.sink,
            folder=self.state_dir / "commands",
            now_ms=self.now_ms,
            metrics=self._around.metrics,
            kinds=self.manifest.command_kinds,
            is_repeatable=self.manifest.repeatable,
            topics_of=commands_of(self.manifest.name),
        )

    async def _reconcile(self) -> None:
        """Ask a replayable source for what we may have missed: after every open, then every ``reconcile_every_s``."""
        if (
            not (self.manifest.replays and isinstance(self.source, Replayable))
            or self.settings.reconcile_every_s is None
        ):
            await asyncio.Event().wait()
            return
        while True:
            began_ms = self.now_ms()
            try:
                await self._ask_history(self.source, began_ms)
            except CiorError as error:
                self._history_failed(error)
            await asyncio.sleep(self.settings.reconcile_every_s)

    async def _ask_history(self, source: Replayable, began_ms: int) -> None:
        overlap_ms = int(self.settings.reconcile_overlap_s * 1000)
        since_ms = self._mark.read(default=began_ms - overlap_ms) - overlap_ms
        refused: list[Outcome] = []
        async for received in source.since(since_ms):
            self._around.metrics.add(m.RECONCILED, self.instance)
            await self._queue.put(self.pipeline.stamp(watched(received, refused)))
        await self._queue.join()
        if not refused:
            self._mark.write(began_ms)
        self.recovered()

    def _history_failed(self, error: CiorError) -> None:
        """Tell that history was not read; it is tried again."""
        # The net below the live channel never takes it down.
        self._around.metrics.add(m.FAILURES, self.instance, error.code)
        self.degraded(error.code)
        if not isinstance(error, SourceUnavailable):
            self._alarm("connector.history_stopped", error.code)

    async def _minutes(self) -> None:
        while True:
            await asyncio.sleep(self._around.accounting_every_s)
            self._account()
            self._say(codes.HEARTBEAT, self.book.health.told)

    def _account(self) -> None:
        counts = self.accounting.close_minute()
        self._say(
            codes.ACCOUNTING,
            {
                **counts,
                "by_minute": self.accounting.close_receipts(),
                **self._chains.stated(),
                "window_s": self._around.accounting_every_s,
            },
        )

    async def _last_words(self) -> None:
        """What was accepted since the last statement, and whatever else still waits to be said."""
        self._account()
        waiting = [self._posts.get_nowait() for _ in range(self._posts.qsize())]
        try:
            # Bounded: the process is ending.
            await asyncio.wait_for(
                self._around.sink.publish([_message(event) for event in waiting]), STOP_WITHIN_S / 2
            )
        except (SourceUnavailable, TimeoutError):
            _LOG.warning("last_words_unsaid", instance=self.instance, events=len(waiting))

    async def _watch_silence(self) -> None:
        """Silence beyond the expected interval is an event, also while the connection looks well."""
        expected_s = self.settings.expect_every_s
        while expected_s is not None:
            await asyncio.sleep(min(1.0, expected_s / 4))
            silent = time.monotonic() - self._last_received_s > expected_s
            if silent and self.book.health.state is State.UP:
                self.degraded("source.silent")
            elif not silent and self.book.health == msgspec.structs.replace(
                self.book.health, state=State.DEGRADED, reason="source.silent"
            ):
                self.recovered()
        await asyncio.Event().wait()

    async def _post(self) -> None:
        """Publish the runtime's own events; they wait here while neither broker nor spool takes them."""
        while True:
            event = await self._posts.get()
            while True:
                try:
                    await self._around.sink.publish([_message(event)])
                    break
                except SourceUnavailable:
                    await asyncio.sleep(0.5)

    def _health_changed(self, health: Health, before: State) -> None:
        match (before, health.state):
            case (State.UNKNOWN, State.UP):
                type_code = codes.HEARTBEAT
            case (_, State.UP):
                type_code = codes.RESTORED
            case _:
                type_code = codes.SILENT_SOURCE if health.reason == "source.silent" else codes.DEGRADED
        self._say(type_code, health.told)

    def _refusal_changed(self, refusing: bool) -> None:  # noqa: FBT001  a callback's one fact
        if refusing == self._refusing:
            return
        self._refusing = refusing
        if refusing:
            _LOG.error("life_safety_refused", instance=self.instance)
            self._alarm("connector.refusing", "neither broker nor spool takes life-safety input")
        else:
            _LOG.info("life_safety_taken_again", instance=self.instance)

    def _alarm(self, code: str, reason: str) -> None:
        _LOG.error("operator_alarm_raised", instance=self.instance, code=code, reason=reason)
        self._say(codes.DEGRADED, {"code": code, "reason": reason})

    def _say(self, type_code: TypeCode, attributes: dict[str, Any]) -> None:
        self._own_events += 1
        event = system_event(
            type_code,
            source=f"urn:cior:connector:{self.instance}",
            subject=f"connector:{self.instance}",
            key=f"{type_code}:{self._boot}:{self._own_events}",
            at_ms=self.now_ms(),
            lane=self._context.taxonomy[type_code].lane,
            producer=self._context.producer,
            life_safety=type_code == codes.UNDECODED,
            registered=True,
            drill=self._context.drill,
            attributes={
                **attributes,
                "connector": self.manifest.name,
                "life_safety": self.manifest.life_safety,
            },
        )
        if self._posts.full():
            self._posts.get_nowait()
            self.accounting.dropped(1, reason="own_events_waiting")
        self._posts.put_nowait(event)

    def _channel(self) -> Channel:
        settings, registry = self.settings, self._context.registry
        any_sealed = any(device.data_class is DataClass.SEALED for device in registry.values())
        may_carry_sealed = self.manifest.life_safety or any_sealed
        return Channel(
            context=self._context,
            sealer=self._around.sealer,
            life_safety=self.manifest.life_safety,
            sealed=settings.sealed,
            carries_sealed=may_carry_sealed if settings.carries_sealed is None else settings.carries_sealed,
            keep=self._keep,
            placed=self._around.placed,
            vicinity=self._around.vicinity,
            unread=self._unread,
            numbered=self.manifest.numbered,
            signs=self.signs,
            expected_every_s=self.source.expected_every_s
            if isinstance(self.source, Heartbeating)
            else lambda _subject: None,
        )

    def _keep(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        kept = self._limit.keep(events, now_ms=self.now_ms())
        if len(kept) < len(events):
            self.accounting.dropped(len(events) - len(kept), reason="telemetry_rate")
        return self._desk.paced(kept, now_ms=self.now_ms())


def _message(event: Event) -> MessageOut:
    # An instance's own word is never sampled out, whatever its lane: the accounts rest on it.
    return MessageOut.of(event, spool_class=None if event.lane is Lane.URGENT else SpoolClass.NORMAL)
