"""The door of the area log for what may wait: an item is let in only while few others of its kind lie before it there.

Inside the log the order is final (law 5), so overtaking happens here: a press is appended at once, and finds at most
:data:`AHEAD_MAX` items that may wait before it, however many wait outside; fewer where they take longer
(:mod:`cior_streams.pace`). What is let in together is one entry of the log, stepped item by item and kept as one. The
worker that correlates an area is the one that reads its waiting room (their partitions are assigned together), so it
knows at once what was processed.
"""

from __future__ import annotations

import asyncio
from itertools import accumulate
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
from cior_streams.pace import WIDTH_MAX, Pace

AHEAD_MAX: Final = 2 * WIDTH_MAX
"""Items that may wait, in the log and not processed."""
ENTRY_BYTES: Final = 262_144
"""The longest entry of more than one item."""
_PATIENCE_S: Final = 5.0


class _Entry(msgspec.Struct):
    """One message of the log with what may wait: the items not yet processed, how many there were, and since when it
    could have its turn (event loop's time); ``work_s``: what its items took so far, without their confirmation."""

    left: set[str]
    items: int
    since_s: float
    work_s: float = 0.0


class Admission:
    """One per worker: :meth:`admit` is the agent's body, :meth:`applied` is told of every item that was processed."""

    def __init__(
        self, bus: DurableSink, *, clock: Clock, metrics: m.Metrics, patience_s: float = _PATIENCE_S
    ) -> None:
        self._bus, self._clock, self._metrics, self._patience_s = bus, clock, metrics, patience_s
        self._entries: list[_Entry] = []
        self._pace = Pace()
        self._moved = asyncio.Event()

    async def admit(self, record: RecordIn) -> None:
        """Append the items of one message, stamped when they are let in; returns when all are in the log."""
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
            count = await self._append(left[:room])
            left = left[count:]

    async def _room(self) -> int:
        """How many may go in now, waiting for the first place."""
        while (room := self._pace.room(self._ahead, len(self._entries))) <= 0:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), self._patience_s)
            except TimeoutError:
                # Nobody says what became of them (an unreadable log, a partition that went away): begin anew.
                self._metrics.add(s.UNANSWERED)
                self._entries.clear()
        return room

    @property
    def _ahead(self) -> int:
        return sum(len(entry.left) for entry in self._entries)

    async def _append(self, items: list[Any]) -> int:
        """Append the first of them as one entry; how many."""
        now_ms = self._clock.now_ms()
        stamped: list[Item] = [msgspec.structs.replace(item, at_ms=now_ms) for item in items]
        values = _fitting([codec.encode(item) for item in stamped])
        stamped = stamped[: len(values)]
        entry = _Entry(
            left={item.id for item in stamped}, items=len(stamped), since_s=asyncio.get_running_loop().time()
        )
        self._entries.append(entry)
        message = MessageOut.of(stamped[0])
        if len(values) > 1:
            message = msgspec.structs.replace(message, value=codec.join(values))
        try:
            await self._bus.publish([message])
        except CiorError:
            self._leave(entry)
            raise
        self._metrics.add(s.ADMITTED, amount=len(stamped))
        self._tell()
        return len(values)

    def applied(self, item_id: str, work_s: float = 0.0) -> None:
        """An item of the area log was processed, or buried; ``work_s``: what its own step and entries took."""
        entry = next((each for each in self._entries if item_id in each.left), None)
        if entry is None:
            return
        entry.left.discard(item_id)
        entry.work_s += work_s
        if not entry.left:
            now_s = asyncio.get_running_loop().time()
            self._pace.done(entry.items, now_s - entry.since_s, entry.work_s)
            self._leave(entry)
            for after in self._entries:
                after.since_s = now_s  # its turn comes now
        self._moved.set()
        self._tell()

    def _leave(self, entry: _Entry) -> None:
        self._entries = [each for each in self._entries if each is not entry]

    def forget(self) -> None:
        """The partitions have changed: what was let in is somebody else's to process."""
        self._entries.clear()
        self._moved.set()

    def _tell(self) -> None:
        self._metrics.set(s.AHEAD, value=self._ahead)


def _fitting(values: list[bytes]) -> list[bytes]:
    """The first of them that one entry takes: at least one."""
    sizes = accumulate(len(value) + 1 for value in values)
    return values[: max(1, sum(size <= ENTRY_BYTES for size in sizes))]
