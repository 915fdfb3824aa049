"""The correlate agent's body: restore, step, publish and confirm, then remember.

A kill anywhere in between repeats the same step (law 4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cior_bus import metrics as m
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.correlate import degraded
from cior_core.errors import PayloadRejected
from cior_core.model import EventItem, Item
from cior_core.ports import Clock
from cior_streams import metrics as s
from cior_streams import routing
from cior_streams.area_memory import AreaMemory
from cior_streams.domain import Correlator


class Correlation:
    """One per worker; serves the areas whose partitions the worker has. ``applied`` hears of each item that is done."""

    def __init__(
        self,
        bus: DurableSink,
        memory: AreaMemory,
        correlator: Correlator,
        *,
        clock: Clock,
        metrics: m.Metrics,
        applied: Callable[[str], None] = lambda _item_id: None,
    ) -> None:
        self._applied = applied
        self._bus, self._memory, self._correlator, self._clock, self._metrics = (
            bus,
            memory,
            correlator,
            clock,
            metrics,
        )

    async def apply(self, record: RecordIn) -> None:
        """One entry of the area log."""
        item = cast("Item", codec.decode(Kind.ITEM, record.value))
        if (record.key or b"") != item.area.encode():
            raise PayloadRejected(
                "area.key_mismatch",
                "an item lies under the key of another area",
                cure="key the area log by area",
            )
        held = self._memory.load(item.area)
        if held.has_applied(record.offset, item.at_ms):
            self._metrics.add(s.REPLAYED, "correlate")
            self._applied(item.id)
            return
        if held.is_reset(record.offset, item.at_ms):
            self._metrics.add(s.RESETS, "correlate")
        self._correlator.admit(held.state, item)
        state, effects = self._correlator.step(held.state, item)
        if effects:
            await self._bus.publish(routing.of_effects(effects))
        for effect in effects:
            self._metrics.add(s.EFFECTS, type(effect).__name__)
        self._memory.keep(item.area, held, state, offset=record.offset, at_ms=item.at_ms)
        self._applied(item.id)
        if isinstance(item, EventItem):
            self._metrics.observe(
                s.DECISION_LATENCY,
                str(item.event.life_safety).lower(),
                value_s=(self._clock.now_ms() - item.event.received_ms) / 1000,
            )

    def degrade(self, record: RecordIn, _error: BaseException) -> list[MessageOut]:
        """An uncorrelated alert, straight to the wall, for a life-safety item that the step could not take."""
        try:
            item: Item | None = cast("Item", codec.decode(Kind.ITEM, record.value))
        except PayloadRejected:
            item = None
        if item is not None:
            self._applied(item.id)
        where = f"{record.topic}:{record.partition}:{record.offset}"
        return routing.of_effects(degraded.degrade(item, where=where, now_ms=self._clock.now_ms()))
