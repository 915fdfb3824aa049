"""The one guard around every agent body (law 3).

Faust acknowledges what raises, so nothing may raise.

* ``SourceUnavailable`` (broker, disk, store away): wait and try the same message again, inside the loop. The input
  waits; that is the backpressure.
* Any other exception: a dead letter with key, original bytes and reason, and what the agent's ``rescue`` says about it
  (a degraded alert for life-safety); both *confirmed* before the message counts as handled. If they cannot be written,
  wait and try again; never skip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from cior_bus import metrics as m
from cior_bus import topics
from cior_bus.dead_letters import dead_letter
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import DataClass
from cior_core.ports import Clock
from cior_streams import metrics as s

_LOG = structlog.get_logger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 2.0


T = TypeVar("T")
Handle = Callable[[RecordIn], Awaitable[None]]
Rescue = Callable[[RecordIn, BaseException], Sequence[MessageOut]]


def nothing_to_rescue(_record: RecordIn, _error: BaseException) -> Sequence[MessageOut]:
    """For agents whose items are not life-safety: the dead letter is all."""
    return ()


class Guard:
    """One per worker. ``queued``: how many messages lie before each topic's agent, when asked."""

    def __init__(self, bus: DurableSink, *, clock: Clock, metrics: m.Metrics) -> None:
        self._bus, self._clock, self._metrics = bus, clock, metrics
        self.done: dict[tuple[str, int], int] = {}
        self.queued: dict[str, Callable[[], int]] = {}

    async def run(
        self,
        record: RecordIn,
        handle: Handle,
        *,
        agent: str,
        rescue: Rescue = nothing_to_rescue,
        queued: Callable[[], int] = lambda: 0,
    ) -> None:
        """Handle one message. Returns when it is handled or buried; raises nothing but cancellation. ``queued`` says
        how many lie behind it.

        ``done`` then holds the next offset of its partition: under load the committed one is seconds behind it.
        """
        self.queued[record.topic] = queued
        await self._run(record, handle, agent=agent, rescue=rescue)
        self.done[record.topic, record.partition] = record.offset + 1

    async def _run(self, record: RecordIn, handle: Handle, *, agent: str, rescue: Rescue) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await handle(record)
            except SourceUnavailable as away:
                self._metrics.add(s.RETRIED, agent, away.code)
                await asyncio.sleep(max(wait_s, min(away.retry_after_s or 0.0, _LONGEST_WAIT_S)))
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            except Exception as error:  # noqa: BLE001  (this is the guard)
                await self._bury(record, error, agent=agent, rescue=rescue)
                return
            else:
                self._metrics.add(s.HANDLED, agent)
                return

    async def bury_part(
        self, record: RecordIn, part: bytes, index: int, *, error: BaseException, agent: str
    ) -> None:
        """One bad record of an envelope: its own bytes become the dead letter, its siblings go on.

        Raises ``SourceUnavailable``.
        """
        await self._bus.publish([self._letter(record, part, error, index=index)])
        self._count(agent, error)

    def attempt(
        self,
        part: Callable[[], RecordIn],
        make: Callable[[], T],
        *,
        agent: str,
        rescue: Rescue = nothing_to_rescue,
    ) -> tuple[T | None, list[MessageOut]]:
        """What comes of one record of an envelope (``part`` gives that one, with its own bytes and index); or
        None and what buries it alone, which its caller publishes with what its siblings gave.
        """
        try:
            return make(), []
        except Exception as error:  # noqa: BLE001  (this is the guard)
            record = part()
            _told(record, error, agent)
            letter = self._letter(record, record.value or b"", error, index=record.index)
            rescued = _rescued(record, error, rescue)
            self._count(agent, error, is_degraded=bool(rescued))
            return None, [letter, *rescued]

    async def quietly(self, turn: Callable[[], Awaitable[None]]) -> None:
        """A timer's turn: a fault is counted and the next turn comes anyway."""
        try:
            await turn()
        except SourceUnavailable as away:
            self._metrics.add(s.FAULTS, away.code)
        except Exception as error:  # noqa: BLE001  (this is the guard)
            self._metrics.add(s.FAULTS, _code(error))
            _LOG.exception("timer_failed", error=type(error).__name__)

    async def _bury(self, record: RecordIn, error: Exception, *, agent: str, rescue: Rescue) -> None:
        _told(record, error, agent)
        messages = [self._letter(record, record.value or b"", error), *_rescued(record, error, rescue)]
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await self._bus.publish(messages)
            except CiorError as refused:
                self._metrics.add(s.RETRIED, agent, refused.code)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                break
        self._count(agent, error, is_degraded=len(messages) > 1)

    def _letter(
        self, record: RecordIn, payload: bytes, error: BaseException, *, index: int | None = None
    ) -> MessageOut:
        letter = dead_letter(
            stage="agent",
            error=error,
            payload=payload,
            at_ms=self._clock.now_ms(),
            source=(record.key or b"").decode("utf-8", "replace") or "unknown",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            index=index,
            life_safety=_is_life_safety(record),
            data_class=DataClass.RESTRICTED,
        )
        return MessageOut.of(letter)

    def _count(self, agent: str, error: BaseException, *, is_degraded: bool = False) -> None:
        self._metrics.add(s.BURIED, agent, _code(error), "false")
        if is_degraded:
            self._metrics.add(s.DEGRADED, agent)


def _told(record: RecordIn, error: Exception, agent: str) -> None:
    _LOG.error(
        "message_buried",
        agent=agent,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        code=_code(error),
        trace=_trace(error),
    )


def _is_life_safety(record: RecordIn) -> bool:
    """Bytes that nobody can read are judged by their lane: on these, a press may be inside."""
    return record.topic in {topics.URGENT.name, topics.AREA.name, topics.WAITING.name, topics.ACTIONS.name}


def _rescued(record: RecordIn, error: Exception, rescue: Rescue) -> Sequence[MessageOut]:
    try:
        return rescue(record, error)
    except Exception as second:  # noqa: BLE001  (this is the guard)
        _LOG.error(
            "rescue_failed",
            topic=record.topic,
            offset=record.offset,
            code=_code(second),
            trace=_trace(second),
        )
        return ()


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, CiorError) else f"bug.{type(error).__name__}"


def _trace(error: BaseException) -> list[str]:
    """File and line of each frame, without any value: a message text may quote the payload."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        lines.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return lines[-8:]
