"""Messages on their way: for each channel a queue in which the more urgent goes first, tried again within bounds.

Nothing waits in a worker: what is to be tried again goes back into the queue when its time has come, so that a far side
that is ill holds nobody up but itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count

import structlog

from cior_connectors.builtin.notify.channels import URGENT_RANK, Channel, Message
from cior_core.errors import CiorError, SourceUnavailable

_LOG = structlog.get_logger(__name__)
Ended = Callable[[Message, str], Awaitable[None]]
"""A message and why it was given up; empty: the far side has taken it."""

_LOOK_AGAIN_S = 0.05
EXPIRED = "notify.expired"


class Line:
    """One channel at work. ``run`` until cancelled."""

    def __init__(self, channel: Channel, *, now_ms: Callable[[], int], ended: Ended) -> None:
        self.channel, self._now_ms, self._ended = channel, now_ms, ended
        self._queue: asyncio.PriorityQueue[tuple[int, int, int, Message]] = asyncio.PriorityQueue()
        self._numbers = count()
        self._pace = _Pace(channel.limits.per_minute)
        self._later: set[asyncio.TimerHandle] = set()

    def put(self, message: Message, *, tried: int = 0) -> None:
        """Behind what is as urgent or more."""
        self._queue.put_nowait((message.rank, next(self._numbers), tried, message))

    async def run(self) -> None:
        """Work with as many at once as the channel allows."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self.channel.limits.at_once):
                    tasks.create_task(self._work())
        finally:
            for handle in self._later:
                handle.cancel()

    async def _work(self) -> None:
        while True:
            rank, _, tried, message = await self._queue.get()
            if rank > URGENT_RANK and not self._pace.may(asyncio.get_running_loop().time()):
                self.put(message, tried=tried)
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            await self._try(message, tried)

    async def _try(self, message: Message, tried: int) -> None:
        left_s = (message.until_ms - self._now_ms()) / 1000
        if left_s <= 0:
            await self._ended(message, EXPIRED)
            return
        try:
            async with asyncio.timeout(min(left_s, self.channel.limits.try_s)):
                await self.channel.send(message)
        except TimeoutError:
            await self._again(message, tried, SourceUnavailable("notify.away", "no answer in time"))
        except SourceUnavailable as away:
            await self._again(message, tried, away)
        except CiorError as never:
            _LOG.warning("notice_refused", channel=self.channel.name, code=never.code, key=message.key)
            await self._ended(message, never.code)
        else:
            await self._ended(message, "")

    async def _again(self, message: Message, tried: int, why: SourceUnavailable) -> None:
        limits = self.channel.limits
        wait_s = max(backoff_s(tried, limits.first_wait_s, limits.longest_wait_s), why.retry_after_s or 0.0)
        _LOG.info(
            "notice_postponed", channel=self.channel.name, code=why.code, key=message.key, tried=tried + 1
        )
        if tried + 1 >= limits.tries:
            await self._ended(message, why.code)
        elif self._now_ms() + wait_s * 1000 >= message.until_ms:
            await self._ended(message, EXPIRED)
        else:
            self._put_later(message, tried + 1, wait_s)

    def _put_later(self, message: Message, tried: int, wait_s: float) -> None:
        def now() -> None:
            self._later.discard(handle)
            self.put(message, tried=tried)

        handle = asyncio.get_running_loop().call_later(wait_s, now)
        self._later.add(handle)


def backoff_s(
    tried: int, first_s: float, longest_s: float, *, draw: Callable[[], float] = random.random
) -> float:
    """Twice as long each time, up to a bound, a quarter of it by chance: a crowd that was refused does not come back as
    one.
    """
    return float(min(longest_s, first_s * 2 ** min(tried, 30))) * (0.75 + draw() / 4)


class _Pace:
    """A bucket of as many as a minute allows, filled evenly (seconds of a monotonic clock)."""

    def __init__(self, per_minute: int) -> None:
        self._size = max(1.0, per_minute / 6)
        self._per_s = per_minute / 60
        self._left, self._seen_s = self._size, 0.0

    def may(self, now_s: float) -> bool:
        """Whether one may go now; then it is counted."""
        self._left = min(self._size, self._left + max(0.0, now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
