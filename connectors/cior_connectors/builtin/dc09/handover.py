"""What the sockets have and the runtime has not taken yet: places by what a frame has shown.

Garbage waits in few places of its own, behind what can be read; that waits behind what opened with a key. A sender
whose places are taken is not read (TCP) or not answered (UDP), so a flood of one kind costs no other kind its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cior_connectors.contract import Received
from cior_connectors.crowd import Standing

PLACES: Mapping[Standing, int] = {Standing.PROVEN: 256, Standing.HEARD: 256, Standing.STRANGER: 32}


class Handover:
    """Three queues that end in one."""

    def __init__(self) -> None:
        self._queues = {
            standing: asyncio.Queue[Received](PLACES[standing]) for standing in sorted(PLACES, reverse=True)
        }
        self._arrived = asyncio.Event()

    async def put(self, received: Received, standing: Standing) -> None:
        """Wait for a place of its kind."""
        await self._queues[standing].put(received)
        self._arrived.set()

    def offer(self, received: Received, standing: Standing) -> bool:
        """The same without waiting. False: no place of its kind is free."""
        if self._queues[standing].full():
            return False
        self._queues[standing].put_nowait(received)
        self._arrived.set()
        return True

    async def get(self) -> Received:
        """The next one: of those that have shown most, the oldest."""
        while True:
            for queue in self._queues.values():
                if not queue.empty():
                    return queue.get_nowait()
            self._arrived.clear()
            await self._arrived.wait()
