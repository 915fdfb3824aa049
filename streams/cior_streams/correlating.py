"""The correlate agent's body: restore, step, publish and confirm, then remember.

A kill anywhere in between repeats the same step (law 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import msgspec

from cior_bus import metrics as m
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.correlate import degraded
from cior_core.errors import PayloadRejected
from cior_core.model import Effect, EventItem, Item
from cior_core.ports import Clock
from cior_streams import metrics as s
from cior_streams import routing
from cior_streams.area_memory import AreaMemory
from cior_streams.guard import Guard, Rescue

T = TypeVar("T")
Applied = Callable[[str, float], None]
"""Hears of each item that is done, and of the seconds of work that it took."""
_Part = tuple[RecordIn, Item]
"""Where an item lies, and the item."""


class Correlation:
    """One per worker; serves the areas whose partitions the worker has. ``applied`` hears of each item that is done."""

    def __init__(
        self,
        bus: DurableSink,
        memory: AreaMemory,
        *,
        clock: Clock,
        metrics: m.Metrics,
        guard: Guard,
        applied: Applied = lambda _item_id, _work_s: None,
        rescue: Rescue | None = None,
    ) -> None:
        self._bus, self._memory, self._correlator, self._clock = bus, memory, memory.correlator, clock
        self._metrics, self._guard, self._applied = metrics, guard, applied
        self._rescue = rescue or self.degrade

    async def apply(self, record: RecordIn) -> None:
        """One entry of the area log: an item, or an envelope of items that were let in together.

        An envelope is stepped item by item and kept as one: its effects are confirmed together, its state is written
        once. An item of it that fails is buried alone.
        """
        if not codec.is_envelope(record.value or b""):
            await self._apply(record, [(record, self._read(record))], [])
            return
        items, buried = list[_Part](), list[MessageOut]()
        for part in _parts(record):
            item, letters = self._attempt(part, partial(self._read, part))
            buried += letters
            items += [] if item is None else [(part, item)]
        if not items:
            raise PayloadRejected(
                "area.unreadable_envelope", "an envelope of the area log holds no readable item"
            )
        await self._apply(record, items, buried)

    def _attempt(self, part: RecordIn, make: Callable[[], T]) -> tuple[T | None, list[MessageOut]]:
        return self._guard.attempt(lambda: part, make, agent="correlate", rescue=self._rescue)

    def _read(self, record: RecordIn) -> Item:
        item = cast("Item", codec.decode(Kind.ITEM, record.value))
        if (record.key or b"") != item.area.encode():
            raise PayloadRejected(
                "area.key_mismatch",
                "an item lies under the key of another area",
                cure="key the area log by area",
            )
        return item

    async def _apply(self, record: RecordIn, items: list[_Part], buried: list[MessageOut]) -> None:
        area, at_ms = items[0][1].area, max(item.at_ms for _, item in items)
        held, work_s = self._memory.load(area), 0.0
        now_s = asyncio.get_running_loop().time
        if held.has_applied(record.offset, at_ms):
            self._metrics.add(s.REPLAYED, "correlate")
        else:
            if held.is_reset(record.offset, at_ms):
                self._metrics.add(s.RESETS, "correlate")
            began_s = now_s()
            state, effects, letters = self._stepped(held.state, items)
            messages = [*routing.of_effects(effects), *buried, *letters]
            work_s = now_s() - began_s
            if messages:
                await self._bus.publish(messages)
            for effect in effects:
                self._metrics.add(s.EFFECTS, type(effect).__name__)
            began_s = now_s()
            self._memory.keep(area, held, state, offset=record.offset, at_ms=at_ms)
            work_s += now_s() - began_s
            self._tell_latency(items)
        for _, item in items:
            self._applied(item.id, work_s / len(items))

    def _stepped(self, state: Any, items: list[_Part]) -> tuple[Any, list[Effect], list[MessageOut]]:
        """The state after all of them, what they told, and what buries those that failed."""
        if len(items) == 1 and items[0][0].index is None:
            after, effects = self._step(state, items[0][1])
            return after, list(effects), []
        told, buried, before = list[Effect](), list[MessageOut](), state
        for part, item in items:
            stepped, letters = self._attempt(part, partial(self._step, state, item))
            buried += letters
            if stepped is not None:
                state = stepped[0] if state is before else self._correlator.carry(state, stepped[0])
                told += stepped[1]
        return state, told, buried

    def _step(self, state: Any, item: Item) -> tuple[Any, tuple[Effect, ...]]:
        self._correlator.admit(state, item)
        return self._correlator.step(state, item)

    def _tell_latency(self, items: list[_Part]) -> None:
        now_ms = self._clock.now_ms()
        for _, item in items:
            if isinstance(item, EventItem):
                self._metrics.observe(
                    s.DECISION_LATENCY,
                    str(item.event.life_safety).lower(),
                    value_s=(now_ms - item.event.received_ms) / 1000,
                )

    def degrade(self, record: RecordIn, _error: BaseException) -> list[MessageOut]:
        """An uncorrelated alert, straight to the wall, for each life-safety item that the step could not take."""
        found = [effect for part in _parts(record) for effect in self._degraded(part)]
        return routing.of_effects(found)

    def _degraded(self, part: RecordIn) -> tuple[Effect, ...]:
        try:
            item: Item | None = cast("Item", codec.decode(Kind.ITEM, part.value))
        except PayloadRejected:
            item = None
        if item is not None:
            self._applied(item.id, 0.0)
        return degraded.degrade(item, where=part.where, now_ms=self._clock.now_ms())


def _parts(record: RecordIn) -> list[RecordIn]:
    """The records of an envelope; the message itself when it is none, or cannot be taken apart."""
    value = record.value or b""
    try:
        parts = codec.split(Kind.ITEM, value) if codec.is_envelope(value) else []
    except PayloadRejected:
        parts = []
    return [
        msgspec.structs.replace(record, value=bytes(part), index=index) for index, part in enumerate(parts)
    ] or [record]
