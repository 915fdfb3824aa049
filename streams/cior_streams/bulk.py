"""The bulk agents' body: one envelope in, device states of its bucket on, derived events out, one table write.

An envelope is keyed by device bucket, and so is the table: all devices of a bucket are one value
(``cior_core.device_state.Bucket``), which carries the source offsets it has applied. Time passes here as an *empty
envelope* with an instant in its header, sent through the telemetry lane itself: when it is read, the lane has been read
up to that instant, so nobody is called silent for lying in a backlog.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import partial
from typing import cast

import msgspec

from cior_bus import metrics as m
from cior_bus import topics
from cior_bus.lanes import BUCKETS, bucket_key
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.device_state import Bucket, DeviceState
from cior_core.devices import DeviceSettings
from cior_core.errors import PayloadRejected
from cior_core.model import Event
from cior_core.ports import Clock
from cior_streams import metrics as s
from cior_streams.device_table import DeviceTable
from cior_streams.domain import AlertFilter
from cior_streams.guard import Guard
from cior_streams.partitions import partition_of
from cior_streams.sequencing import Sequencer

TICK_HEADER = "tick_ms"
_AGENT = {topics.EVENTS.name: "normal", topics.TELEMETRY.name: "telemetry"}


class _Done(msgspec.Struct):
    """What became of an envelope: its devices' new states, what tracking derived, what the correlator is to see, and
    what buries those that failed.
    """

    states: dict[str, DeviceState] = msgspec.field(default_factory=dict)
    derived: list[Event] = msgspec.field(default_factory=list)
    alerting: list[Event] = msgspec.field(default_factory=list)
    buried: list[MessageOut] = msgspec.field(default_factory=list)


class Bulk:
    """One per worker of the bulk application."""

    def __init__(  # noqa: PLR0913  (the parts of one agent)
        self,
        table: DeviceTable,
        *,
        settings: DeviceSettings,
        alert_filter: AlertFilter,
        bus: DurableSink,
        sequencer: Sequencer,
        guard: Guard,
        clock: Clock,
        metrics: m.Metrics,
    ) -> None:
        self._table, self._settings, self._alert_filter = table, settings, alert_filter
        self._bus, self._sequencer, self._guard, self._clock, self._metrics = (
            bus,
            sequencer,
            guard,
            clock,
            metrics,
        )

    async def envelope(self, record: RecordIn) -> None:
        """One message of a bulk lane: an envelope, a single event, or a tick."""
        if record.headers and (tick := dict(record.headers).get(TICK_HEADER)):
            await self._sweep(record, int(tick))
            return
        name = record.key or b""
        bucket = self._table.load(name)
        if not self._table.is_new(bucket, record):
            self._metrics.add(s.REPLAYED, _AGENT[record.topic])
            return
        done = self._stepped(record, bucket, await self._decoded(record))
        await self._tell(done.derived, done.alerting, done.buried)
        self._table.keep(name, bucket, done.states, record)

    async def _decoded(self, record: RecordIn) -> list[tuple[int, Event]]:
        """The readable events of an envelope with their positions; each unreadable one is dead-lettered alone, its
        siblings go on.
        """
        if not record.value:
            raise PayloadRejected("codec.empty", "an empty message on a bulk lane")
        with contextlib.suppress(PayloadRejected):
            return list(enumerate(cast("list[Event]", codec.records(Kind.EVENT, record.value))))
        events: list[tuple[int, Event]] = []
        for index, part in enumerate(codec.split(Kind.EVENT, record.value)):
            try:
                events.append((index, cast("Event", codec.decode(Kind.EVENT, bytes(part)))))
            except PayloadRejected as error:
                await self._guard.bury_part(
                    record, bytes(part), index, error=error, agent=_AGENT[record.topic]
                )
        return events

    def _stepped(self, record: RecordIn, bucket: Bucket, events: Iterable[tuple[int, Event]]) -> _Done:
        """Every event applied to its device. What tracking derived is not tracked again. One that its device's state
        cannot take is buried alone, and goes on bare where it may alert: its siblings are others' calls for help.
        """
        now_ms, done, agent = self._clock.now_ms(), _Done(), _AGENT[record.topic]
        for index, event in events:
            if event.source == devices.SOURCE:  # it has no device state, and no device's clock either
                done.alerting += [event] if self._alert_filter(event) else []
                continue
            state = done.states.get(event.subject) or bucket.states.get(event.subject)
            stepped, buried = self._guard.attempt(
                partial(_part, record, index),
                partial(self._step, state, event, now_ms),
                agent=agent,
                rescue=partial(self._bare, event),
            )
            done.buried += buried
            if stepped is not None:
                after, derived, alerting = stepped
                done.states[event.subject] = after
                done.derived += derived
                done.alerting += alerting
        return done

    def _step(
        self, state: DeviceState | None, event: Event, now_ms: int
    ) -> tuple[DeviceState, Iterable[Event], list[Event]]:
        """The device's new state, what it tells, and the event as the correlator may see it."""
        after, derived = devices.step(state, event, now_ms, self._settings)
        is_seen = self._alert_filter(event)
        return after, derived, [devices.widened(event, after, self._settings)] if is_seen else []

    def _bare(self, event: Event, _record: RecordIn, _error: BaseException) -> list[MessageOut]:
        return self._sequencer.items_of([event]) if self._alert_filter(event) else []

    async def _sweep(self, record: RecordIn, now_ms: int) -> None:
        """Time up to which this partition has been read: who is silent? For every bucket of the partition."""
        for name in buckets_of(record.partition, self._sequencer.partitions):
            bucket = self._table.load(name)
            if not bucket.states:
                continue
            changed, derived = devices.sweep(bucket.states, now_ms, self._settings)
            if changed:
                await self._tell(list(derived), [], [])
                self._table.keep(name, bucket, changed, None)

    async def _tell(self, derived: list[Event], alerting: list[Event], buried: list[MessageOut]) -> None:
        messages = [MessageOut.of(event) for event in (*derived, *devices.offsets(derived))]
        messages += [*self._sequencer.items_of(alerting), *buried]
        if messages:
            await self._bus.publish(messages)
        for event in derived:
            self._metrics.add(s.DERIVED, event.type)

    async def tick(self, partitions: Iterable[int]) -> None:
        """Send time through the telemetry lane, one message for each partition of this worker."""
        now_ms = b"%d" % self._clock.now_ms()
        names = [
            next(iter(buckets_of(each, self._sequencer.partitions)), None) for each in sorted(partitions)
        ]
        ticks = [
            MessageOut(topic=topics.TELEMETRY.name, key=name, value=b"[]", headers=((TICK_HEADER, now_ms),))
            for name in names
            if name
        ]
        await self._bus.publish(ticks)


def _part(record: RecordIn, index: int) -> RecordIn:
    """One record of an envelope, with its own bytes."""
    parts = codec.split(Kind.EVENT, record.value or b"")
    return msgspec.structs.replace(record, value=bytes(parts[index]), index=index)


def buckets_of(partition: int, partitions: int) -> list[bytes]:
    """The bucket keys that lie in one partition."""
    return [key for key in map(bucket_key, range(BUCKETS)) if partition_of(key, partitions) == partition]
