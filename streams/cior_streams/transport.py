"""Faust's Kafka driver with three repairs, each for events or state that were seen to be lost (law 4).

Only :mod:`cior_streams.app` uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from cior_bus.log_end import Place
from cior_core.errors import SourceUnavailable

Ends = Callable[[Mapping[Place, int]], Mapping[Place, int]]
"""The right ends of logs, from those that the broker tells; blocks."""


class ConfirmedProducer(driver.Producer):
    """Flushed when the broker has confirmed every table entry that was handed over before.

    Faust commits after :meth:`flush`. Its own gives up after a tenth of a second without progress and does not see the
    entry on its way from the buffer to the client, so on a busy machine an offset was committed before the state of its
    step, and a kill then lost that state. An entry that the broker refused fails every later flush: the app crashes
    rather than commit past it. One that it confirms in no time fails the flush that waits for it: the worker begins
    again from what is committed, instead of standing still.
    """

    confirm_within_s: float = 60.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unconfirmed: set[asyncio.Future[Any]] = set()
        self._refusal: BaseException | None = None

    def send_soon(self, fut: Any) -> None:
        """Every table entry comes this way."""
        self._unconfirmed.add(fut)
        fut.add_done_callback(self._settle)
        super().send_soon(fut)

    def _settle(self, entry: asyncio.Future[Any]) -> None:
        self._unconfirmed.discard(entry)
        if not entry.cancelled() and entry.exception() is not None:
            self._refusal = entry.exception()

    async def flush(self) -> None:
        """Wait for what was sent so far. Raises what the broker said of an entry that it refused, and
        ``SourceUnavailable`` (``streams.unconfirmed``) when it says nothing for ``confirm_within_s``.
        """
        try:
            async with asyncio.timeout(self.confirm_within_s):
                await super().flush()
                if self._unconfirmed:
                    await asyncio.wait(tuple(self._unconfirmed))
        except TimeoutError as error:
            raise self._unanswered() from error
        if self._refusal is not None:
            raise self._refusal

    def _unanswered(self) -> SourceUnavailable:
        return SourceUnavailable(
            "streams.unconfirmed",
            f"{len(self._unconfirmed)} table entries were not confirmed within {self.confirm_within_s:g} s",
            cure="look at the broker; the worker starts again and reads on from what is committed",
        )


class RewindingConsumer(driver.Consumer):
    """Goes back to what is committed in *every* partition, also where nothing is committed yet: to its beginning.

    After a rebalance Faust drops what it had fetched and seeks to the committed offsets. Its client leaves a partition
    without one where it stands, so what was dropped there was never read again: one message was lost for good, more
    than one stopped the partition until the next start.
    """

    async def seek_to_committed(self) -> Any:
        """Seek, and the committed offsets by partition (None: none)."""
        committed = await super().seek_to_committed()
        fresh = [
            each for each in self.assignment() if not committed.get(each) and not self._is_changelog_tp(each)
        ]
        if fresh:
            beginnings = await self.earliest_offsets(*fresh)
            await self.seek_wait(beginnings)
        return committed

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The ends up to which a recovery reads its changelogs.

        The embedded broker tells an end before the last batch's: a recovery that believed it forgot the entries of a
        worker's last moments, although their offset was committed.
        """
        told = await super().highwaters(*partitions)
        find = cast("Transport", self.transport).ends
        if find is None or not told:
            return told
        ends = await asyncio.to_thread(find, {(tp.topic, tp.partition): told[tp] for tp in told})
        return {tp: ends[tp.topic, tp.partition] for tp in told}


class Transport(driver.Transport):
    """All of them. ``ends``: for a broker whose own word on the end of a log is not to be taken."""

    Consumer = RewindingConsumer
    Producer = ConfirmedProducer
    ends: Ends | None = None
