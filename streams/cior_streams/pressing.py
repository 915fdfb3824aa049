"""The presses agent's body: what is known of a device is written beside its press, and the press goes on at once.

Nothing is held back (law 2).
"""

from __future__ import annotations

from typing import cast

from cior_bus import metrics as m
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.device_state import Bucket
from cior_core.devices import DeviceSettings
from cior_core.errors import PayloadRejected
from cior_core.model import Event
from cior_streams import metrics as s
from cior_streams.device_table import DeviceTable
from cior_streams.sequencing import Sequencer


class Pressing:
    """One per worker of the urgent application."""

    def __init__(
        self,
        table: DeviceTable,
        *,
        settings: DeviceSettings,
        bus: DurableSink,
        sequencer: Sequencer,
        metrics: m.Metrics,
    ) -> None:
        self._table, self._settings, self._bus, self._sequencer, self._metrics = (
            table,
            settings,
            bus,
            sequencer,
            metrics,
        )

    async def press(self, record: RecordIn) -> None:
        """One urgent event. A redelivered one was forwarded before its state was written, so it is skipped."""
        event = cast("Event", codec.decode(Kind.EVENT, record.value))
        name = record.key or b""
        bucket = self._table.load(name)
        if not self._table.is_new(bucket, record):
            self._metrics.add(s.REPLAYED, "presses")
            return
        if event.source == devices.SOURCE:
            await self._bus.publish(self._sequencer.items_of([event]))
            return
        if devices.is_offset(event):
            told_state = devices.told_offset(bucket.states.get(event.subject), event)
            self._table.keep(name, bucket, {event.subject: told_state}, record)
            return
        if devices.is_ending(event):
            self._learn(name, bucket, event, record)
            return
        state, derived = devices.step(
            bucket.states.get(event.subject), event, event.received_ms, self._settings
        )
        told = devices.annotated(event, state, self._settings)
        await self._bus.publish(
            [*self._sequencer.items_of([told]), *(MessageOut.of(each) for each in derived)]
        )
        self._table.keep(name, bucket, {event.subject: state}, record)

    def _learn(self, name: bytes, bucket: Bucket, ending: Event, record: RecordIn) -> None:
        """How an alert ended is for the next press of its device; it is no event of the city."""
        known = bucket.states.get(ending.subject)
        states = {} if known is None else {ending.subject: devices.learned(known, ending)}
        self._table.keep(name, bucket, states, record)

    def rescue(self, record: RecordIn, error: BaseException) -> list[MessageOut]:
        """A press whose device state could not be worked out goes on bare.

        Bytes that nobody can read become a life-safety event that says so.
        """
        try:
            event = cast("Event", codec.decode(Kind.EVENT, record.value))
        except PayloadRejected:
            return self._sequencer.undecoded(record, error)
        return self._sequencer.items_of([event])
