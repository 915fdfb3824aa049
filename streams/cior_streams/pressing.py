"""The presses agent's body: what is known of the device is written beside its press, and the press goes on at once (law 2: nothing is held back)."""

from __future__ import annotations

from typing import cast

from cior_bus import metrics as m
from cior_bus.message import DurableSink, MessageOut
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.device_state import Bucket
from cior_core.devices import DeviceSettings
from cior_core.errors import PayloadRejected
from cior_core.model import Event
from cior_streams import metrics as s
from cior_streams.device_table import DeviceTable
from cior_streams.guard import Incoming
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

    async def press(self, incoming: Incoming) -> None:
        """One urgent event. A redelivered one was forwarded before its state was written, so it is skipped."""
        event = cast("Event", codec.decode(Kind.EVENT, incoming.value))
        name = incoming.key or b""
        bucket = self._table.load(name)
        if not self._table.is_new(bucket, incoming):
            self._metrics.add(s.REPLAYED, "presses")
            return
        if event.source == devices.SOURCE:
            await self._bus.publish(self._sequencer.items_of([event]))
            return
        if devices.is_ending(event):
            self._learn(name, bucket, event, incoming)
            return
        state, derived = devices.step(
            bucket.states.get(event.subject), event, event.received_ms, self._settings
        )
        told = devices.annotated(event, state, self._settings)
        await self._bus.publish(
            [*self._sequencer.items_of([told]), *(MessageOut.of(each) for each in derived)]
        )
        self._table.keep(name, bucket, {event.subject: state}, incoming)

    def _learn(self, name: bytes, bucket: Bucket, ending: Event, incoming: Incoming) -> None:
        """How an alert ended is for the next press of its device; it is no event of the city."""
        known = bucket.states.get(ending.subject)
        states = {} if known is None else {ending.subject: devices.learned(known, ending)}
        self._table.keep(name, bucket, states, incoming)

    def rescue(self, incoming: Incoming, error: BaseException) -> list[MessageOut]:
        """A press whose device state could not be worked out goes on bare; bytes that nobody can read become a life-safety event that says so."""
        try:
            event = cast("Event", codec.decode(Kind.EVENT, incoming.value))
        except PayloadRejected:
            return self._sequencer.undecoded(incoming, error)
        return self._sequencer.items_of([event])
