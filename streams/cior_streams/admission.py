"""The door of the area log for what may wait: an item is let in only while few others of its kind lie before it there.

Inside the log the order is final (law 5), so overtaking happens here: a press is appended at once, and finds at most
:data:`AHEAD_MAX` items that may wait before it, however many wait outside. The worker that correlates an area is the
one that reads its waiting room (their partitions are assigned together), so it knows at once what was processed.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from cior_bus import metrics as m
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CiorError, PayloadRejected
from cior_core.model import Item
from cior_core.ports import Clock
from cior_streams import metrics as s

AHEAD_MAX: Final = 12
"""Items that may wait, in the log and not processed: some tens of milliseconds of work, and enough to keep it busy."""
_PATIENCE_S: Final = 5.0


class Admission:
    """One per worker: :meth:`admit` is the agent's body, :meth:`applied` is told of every item that was processed."""

    def __init__(
        self, bus: DurableSink, *, clock: Clock, metrics: m.Metrics, patience_s: float = _PATIENCE_S
    ) -> None:
        self._bus, self._clock, self._metrics, self._patience_s = bus, clock, metrics, patience_s
        self._ahead: set[str] = set()
        self._moved = asyncio.Event()

    async def admit(self, record: RecordIn) -> None:
        """Append the items of one message, each stamped when it is let in; returns when all are in the log."""
        left = codec.records(Kind.WAITING, record.value)
        if not left:
            raise PayloadRejected("area.empty_envelope", "an envelope of the waiting room holds nothing")
        if any((record.key or b"") != item.area.encode() for item in left):
            raise PayloadRejected(
                "area.key_mismatch",
                "an item waits under the key of another area",
                cure="key the waiting room by area",
            )
        while left:
            room = await self._room()
            entering, left = left[:room], left[room:]
            await self._append(entering)

    async def _room(self) -> int:
        """How many may go in now, waiting for the first place."""
        while (room := AHEAD_MAX - len(self._ahead)) <= 0:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), self._patience_s)
            except TimeoutError:
                # Nobody says what became of them (an unreadable log, a partition that went away): begin anew.
                self._metrics.add(s.UNANSWERED)
                self._ahead.clear()
        return room

    async def _append(self, items: list[Any]) -> None:
        now_ms = self._clock.now_ms()
        stamped: list[Item] = [msgspec.structs.replace(item, at_ms=now_ms) for item in items]
        self._ahead.update(item.id for item in stamped)
        try:
            await self._bus.publish([MessageOut.of(item) for item in stamped])
        except CiorError:
            self._ahead.difference_update(item.id for item in stamped)
            raise
        self._metrics.add(s.ADMITTED, amount=len(stamped))
        self._tell()

    def applied(self, item_id: str) -> None:
        """An item of the area log was processed, or buried."""
        if item_id in self._ahead:
            self._ahead.discard(item_id)
            self._moved.set()
            self._tell()

    def forget(self) -> None:
        """The partitions have changed: what was let in is somebody else's to process."""
        self._ahead.clear()
        self._moved.set()

    def _tell(self) -> None:
        self._metrics.set(s.AHEAD, value=len(self._ahead))
