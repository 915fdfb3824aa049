"""Everything the correlator hears goes through the area log, stamped once with the instant of appending (law 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from cior_bus import topics
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec, identity, signatures
from cior_core.attributes import PACED
from cior_core.catalogue import Kind
from cior_core.model import (
    ActionItem,
    AreaId,
    ClockQuality,
    Event,
    EventItem,
    Receipt,
    ReceiptItem,
    TickItem,
)
from cior_core.ports import Clock
from cior_core.signatures import OpensActions, nobody_signs
from cior_core.system_events import system_event
from cior_streams.domain import Areas


def may_wait(event: Event) -> bool:
    """Whether ``event`` lets presses go first: it is no life-safety, or one of a whole file of its sender's."""
    return not event.life_safety or event.attributes.get(PACED) is True


class Sequencer:
    """Appends to ``cior.area.v1`` and returns when the entry is confirmed."""

    def __init__(
        self,
        bus: DurableSink,
        *,
        clock: Clock,
        areas: Areas,
        partitions: int,
        drill: bool = False,
        opens: OpensActions = nobody_signs,
    ) -> None:
        self._bus, self._clock, self._areas, self._drill = bus, clock, areas, drill
        self._opens = opens
        self.partitions = partitions

    async def action(self, record: RecordIn) -> None:
        """One operator's decision, signed by the part that took it. Raises ``PayloadRejected`` (``action.*``)."""
        action, now_ms = signatures.read(record.value), self._clock.now_ms()
        self._opens(action, at_ms=now_ms)
        if (record.key or b"") != action.area.encode():
            raise signatures.refused("message_key")
        item = ActionItem(
            id=identity.item_id("action", action.area, action.id),
            area=action.area,
            at_ms=now_ms,
            action=action,
            stood=f"{record.partition}:{record.offset}:{record.timestamp_ms}",
        )
        await self._bus.publish([MessageOut.of(item)])

    async def receipt(self, record: RecordIn) -> None:
        """One answer of a device. Its area is the message's key."""
        receipt = cast("Receipt", codec.decode(Kind.RECEIPT, record.value))
        area = AreaId((record.key or b"").decode() or self._areas.default)
        key = f"{receipt.command_id}:{receipt.device}:{receipt.outcome}:{receipt.at_ms}"
        item = ReceiptItem(
            id=identity.item_id("receipt", area, key), area=area, at_ms=self._clock.now_ms(), receipt=receipt
        )
        await self._bus.publish([MessageOut.of(item)])

    async def tick(self, areas: Iterable[AreaId]) -> None:
        """Time passing, for each of ``areas``."""
        now_ms = self._clock.now_ms()
        items = [
            TickItem(id=identity.item_id("tick", area, str(now_ms)), area=area, at_ms=now_ms)
            for area in areas
        ]
        await self._bus.publish([MessageOut.of(item) for item in items])

    def items_of(self, events: Sequence[Event]) -> list[MessageOut]:
        """Events as entries of their areas' logs: life-safety at once, the rest by way of the waiting room.

        An area's waiting events are one envelope.
        """
        messages = [MessageOut.of(self._item(event)) for event in events if not may_wait(event)]
        waiting: dict[AreaId, list[bytes]] = {}
        for event in events:
            if may_wait(event):
                waiting.setdefault(self._areas.of(event), []).append(codec.encode(self._item(event)))
        for area, items in waiting.items():
            value = items[0] if len(items) == 1 else codec.join(items)
            messages.append(MessageOut(topic=topics.WAITING.name, key=area.encode(), value=value))
        return messages

    def _item(self, event: Event) -> EventItem:
        area = self._areas.of(event)
        return EventItem(
            id=identity.item_id("event", area, event.id), area=area, at_ms=self._clock.now_ms(), event=event
        )

    def undecoded(self, record: RecordIn, _error: BaseException) -> list[MessageOut]:
        """Unreadable bytes on a life-safety lane: a press may be inside, so a life-safety event says so.

        Its id follows from where they lay.
        """
        where = f"{record.topic}:{record.partition}:{record.offset}"
        now_ms = self._clock.now_ms()
        event = system_event(
            "source.undecoded",
            source="cior.streams",
            subject=(record.key or b"").decode("utf-8", "replace") or "unknown",
            key=where,
            at_ms=now_ms,
            occurred_ms=record.timestamp_ms if record.timestamp_ms > 0 else now_ms,
            clock=ClockQuality.SYNCED,
            life_safety=True,
            drill=self._drill,
            native_key=where,
        )
        return self.items_of([event])
