"""The one way to obey ``cior.commands.v1``, for any actuator: connectors (sirens) and the recorder (video holds).

A reader with a group of its own puts the commands for this actuator's targets into the journal and goes on; from there
they are carried out, one at a time for each target, so that a device that is away delays nobody else. A command id acts
at most once, through any crash; its outcome goes out as a receipt, at least once and always the same. What a drill asks
of people is answered here, and reaches no actuator, unless the drill says that it rings.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeVar, cast

import msgspec
import structlog

from cior_bus import metrics as m
from cior_bus import topics
from cior_bus.command_journal import CommandJournal
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.dead_letters import dead_letter
from cior_bus.gathering import BatchLimits
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_bus.settings import BusSettings
from cior_core import codec
from cior_core.catalogue import Kind, TopicSpec
from cior_core.errors import CiorError, CredentialsRefused, PayloadRejected, SourceUnavailable
from cior_core.model import Command, CommandKind, Receipt, Target

T = TypeVar("T")
QUIET_DRILL = "drill.quiet"
"""Detail of a receipt: the command was a drill's, and no real phone or siren was used."""
_LOG = structlog.get_logger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_STOP_WITHIN_S = 1.5
_DETAIL_CHARS = 500
# A siren must not wait for a fuller batch.
_LIMITS = BatchLimits(max_records=500, max_wait_s=0.05, retry_to_s=2.0)


class Actuator(Protocol):
    """What can be commanded."""

    @property
    def targets(self) -> Collection[Target]:
        """Whom it acts for; looked at anew for each command."""
        ...

    async def act(self, command: Command, /) -> Receipt:
        """Carry out ``command``. Called at most once for an id, except after ``SourceUnavailable``.

        ``SourceUnavailable`` says that *nothing was done*: it is asked again until the command expires. Any other error
        of ours is a refusal. A receipt of ``refused`` or ``failed`` is an answer like every other.
        """
        ...


class Obeyer:
    """``run`` until cancelled. ``name`` is unique in the centre: it names the group; ``folder`` keeps the journal.

    ``kinds``: the kinds of command that are for it (empty: all). ``is_repeatable``: the actuator knows a command that
    it has carried out by its id, so that one which a crash interrupted is carried out again, not given up.
    ``topics_of``: where its commands come.
    """

    def __init__(  # noqa: PLR0913  what it works with, all named
        self,
        actuator: Actuator,
        *,
        name: str,
        broker: BusSettings,
        bus: DurableSink,
        folder: Path,
        now_ms: Callable[[], int],
        metrics: m.Metrics,
        kinds: Collection[CommandKind] = (),
        is_repeatable: bool = False,
        topics_of: Collection[TopicSpec] = (topics.COMMANDS,),
    ) -> None:
        self._topics = [each.name for each in topics_of]
        self._kinds, self._is_repeatable = frozenset(kinds), is_repeatable
        self._actuator, self._name, self._broker, self._bus = actuator, name, broker, bus
        self._now_ms, self._metrics = now_ms, metrics
        self._journal = CommandJournal(folder / "commands.journal", now_ms=now_ms)
        # One reads the topic, one writes the journal.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"obey-{name}")
        self._waiting: dict[str, deque[Command]] = {}

    async def run(self) -> None:
        """Finish what the last process left, then obey what comes. Once only; ends by cancellation, within 2 s."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for command in self._journal.unfinished:
                    self._line_up(command, tasks)
                while True:
                    await self._read(tasks)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._journal.close()

    # --- from the topic into the journal ---

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        """Until the reader gives up (the broker is away for long, the topics are not there)."""
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def handle(batch: Batch) -> None:
            commands, letters = self._sifted(batch)
            if letters:
                asyncio.run_coroutine_threadsafe(self._bus.publish(letters), loop).result()
            for command in self._journal.take(commands):
                loop.call_soon_threadsafe(self._line_up, command, tasks)

        consumer = BatchConsumer(
            self._broker,
            group=f"cior-obeying-{self._name}",
            topics=self._topics,
            limits=_LIMITS,
            metrics=self._metrics,
        )
        reading = loop.run_in_executor(self._threads, partial(consumer.run, handle, stop=stop))
        try:
            await asyncio.shield(reading)
        except (SourceUnavailable, CredentialsRefused) as away:  # a refusal ends the process from outside
            _LOG.warning("commands_unread", obeyer=self._name, code=away.code)
            await asyncio.sleep(_LONGEST_WAIT_S)
        finally:
            stop.set()
            await asyncio.wait({reading}, timeout=_STOP_WITHIN_S)

    def _sifted(self, batch: Batch) -> tuple[list[Command], list[MessageOut]]:
        """The commands for our targets; dead letters for what nobody can read. The rest is for others."""
        commands: list[Command] = []
        letters: list[MessageOut] = []
        for record in batch.records:
            try:
                command = cast("Command", codec.decode(Kind.COMMAND, record.value))
                target = Target.parse(command.target)
            except PayloadRejected as error:
                letters.append(self._letter(record, error))
                continue
            if self._is_ours(command.kind, target):
                commands.append(command)
        return commands, letters

    def _is_ours(self, kind: CommandKind, target: Target) -> bool:
        return (not self._kinds or kind in self._kinds) and target in self._actuator.targets

    def _letter(self, record: RecordIn, error: PayloadRejected) -> MessageOut:
        # Every obeyer finds it; its id is that of its place in the topic, so they all write the same letter.
        letter = dead_letter(
            stage="topic",
            error=error,
            payload=record.value or b"",
            at_ms=self._now_ms(),
            source=(record.key or b"").decode("utf-8", "replace") or "unknown",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
        self._metrics.add(m.DEAD_LETTERS, letter.stage, letter.code)
        return MessageOut.of(letter)

    # --- from the journal to the device, and its answer ---

    def _line_up(self, command: Command, tasks: asyncio.TaskGroup) -> None:
        """Behind what waits for the same target."""
        waiting = self._waiting.setdefault(command.target, deque())
        waiting.append(command)
        if len(waiting) == 1:
            tasks.create_task(self._work_off(command.target, waiting))

    async def _work_off(self, target: str, waiting: deque[Command]) -> None:
        while waiting:
            await self._carry_out(waiting[0])
            waiting.popleft()
        del self._waiting[target]

    async def _carry_out(self, command: Command) -> None:
        receipt = self._journal[command.id].receipt
        if receipt is None:
            if command.is_kept_quiet:
                receipt = self._receipt(command, "done", QUIET_DRILL)
            else:
                receipt = await self._outcome(command)
            await self._write(self._journal.end, receipt)
            self._metrics.add(m.OBEYED, command.kind.value, receipt.outcome)
            _LOG.info("command_ended", obeyer=self._name, command=command.id, outcome=receipt.outcome)
        await self._insist(partial(self._bus.publish, [MessageOut.of(receipt, key=command.area)]))
        await self._write(self._journal.told, command.id)

    async def _outcome(self, command: Command) -> Receipt:
        """What became of it. Whatever the actuator does, this returns a receipt (or is cancelled)."""
        if self._journal[command.id].began and not self._is_repeatable:
            # The process died between the two: the device may have done it, and must not do it twice.
            return self._receipt(command, "failed", "command.interrupted")
        wait_s = _FIRST_WAIT_S
        while (left_s := (command.expires_ms - self._now_ms()) / 1000) > 0:
            await self._write(self._journal.begin, command.id)
            try:
                async with asyncio.timeout(left_s):
                    told = await self._actuator.act(command)
                return msgspec.structs.replace(
                    told, command_id=command.id, detail=told.detail[:_DETAIL_CHARS]
                )
            except SourceUnavailable as away:
                await self._write(self._journal.not_done, command.id)
                await asyncio.sleep(min(left_s, max(wait_s, away.retry_after_s or 0.0)))
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            except TimeoutError:
                return self._receipt(command, "failed", "command.unanswered")
            except CiorError as refusal:
                return self._receipt(command, "refused", refusal.code)
            except Exception as bug:  # noqa: BLE001  (the guard around an author's code)
                return self._receipt(command, "failed", f"bug.{type(bug).__name__}")
        return self._receipt(command, "expired", "")

    def _receipt(
        self, command: Command, outcome: Literal["done", "refused", "failed", "expired"], detail: str
    ) -> Receipt:
        return Receipt(
            command_id=command.id,
            device=Target.parse(command.target).id,
            at_ms=self._now_ms(),
            outcome=outcome,
            detail=detail,
        )

    async def _write(self, write: Callable[[T], None], what: T) -> None:
        """A line of the journal, durable on return. A full disk holds everything up: nothing is done unwritten."""
        loop = asyncio.get_running_loop()

        async def once() -> None:
            await loop.run_in_executor(self._threads, write, what)

        await self._insist(once)

    async def _insist(self, do: Callable[[], Awaitable[None]]) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await do()
            except SourceUnavailable as away:
                _LOG.warning("receipt_postponed", obeyer=self._name, code=away.code)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                return
