"""Faust's Kafka driver with two repairs, each for events or state that were seen to be lost (law 4).

Only :mod:`cior_streams.app` uses it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from faust.transport.drivers import aiokafka as driver


class ConfirmedProducer(driver.Producer):
    """Flushed when the broker has confirmed every table entry that was handed over before.

    Faust commits after :meth:`flush`. Its own gives up after a tenth of a second without progress and does not see the
    entry on its way from the buffer to the client, so on a busy machine an offset was committed before the state of its
    step, and a kill then lost that state. An entry that the broker refused fails every later flush: the app crashes
    rather than commit past it.
    """

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
        """Wait for what was sent so far. Raises what the broker said of an entry that it refused."""
        await super().flush()
        if self._unconfirmed:
            await asyncio.wait(tuple(self._unconfirmed))
        if self._refusal is not None:
            raise self._refusal


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


class Transport(driver.Transport):
    """Both."""

    Consumer = RewindingConsumer
    Producer = ConfirmedProducer
