"""A desk's life-safety calls of one file, joined on their lane: each is still its own call, whatever fails beside it
and wherever the bulk worker is killed (laws 2, 4 and 16).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

import msgspec
import pytest

from cior_bus import lanes, topics
from cior_bus.message import MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_bus.spool import SpoolClass
from cior_city import packs
from cior_core import codec, devices, identity
from cior_core.attributes import PACED
from cior_core.catalogue import Kind
from cior_core.device_state import DeviceState
from cior_core.devices import DeviceSettings
from cior_core.model import Event, Lane, Place, PlaceMethod, TypeCode
from cior_streams.bulk import Bulk
from cior_streams.device_table import DeviceTable, Registry
from cior_streams.domain import AlertFilter, Areas
from cior_streams.guard import Guard
from cior_streams.sequencing import Sequencer
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock
from doubles.killing import Changelog, Fuse, Killed

CALLS = 12
TYPES = packs.taxonomy()
ALERTS = AlertFilter(TYPES)


def call(number: int) -> Event:
    """A chest pain of a desk's file, beyond the desk's pace."""
    return Event(
        id=identity.event_id("cad", str(number)),
        source="urn:cior:cad:911",
        type=TypeCode("medical.emergency"),
        subject="cad:911",
        occurred_ms=T0 - 60_000 + number,
        received_ms=T0,
        lane=Lane.NORMAL,
        life_safety=True,
        place=Place(method=PlaceMethod.GPS, lat=-32.9 + number * 0.01, lon=-60.7, accuracy_m=10.0),
        independence=f"cad:911/{number}",
        attributes={PACED: True},
    )


def published(calls: list[Event]) -> list[bytes]:
    """What the connector's bus sends of one publish."""
    messages = [MessageOut.of(each, spool_class=SpoolClass.LIFE_SAFETY) for each in calls]
    return [entry.value for entry in lanes.merge(message.entry for message in messages)]


def envelope(value: bytes) -> RecordIn:
    return record_in(
        value, topic=topics.EVENTS.name, offset=7, key=lanes.device_bucket("cad:911"), timestamp_ms=T0
    )


def worker(bus: MemoryBus, table: MutableMapping[bytes, bytes]) -> tuple[Bulk, Guard]:
    clock, metrics = FakeClock(), Metrics()
    guard = Guard(bus, clock=clock, metrics=metrics)
    bulk = Bulk(
        DeviceTable(table, registry=Registry(), clock=clock, on_reset=lambda: None),
        settings=devices.DEFAULT_SETTINGS,
        alert_filter=ALERTS,
        bus=bus,
        sequencer=Sequencer(bus, clock=clock, areas=Areas(), partitions=4),
        guard=guard,
        clock=clock,
        metrics=metrics,
    )
    return bulk, guard


def waiting(bus: MemoryBus) -> list[Any]:
    """The items that were sent to the door of the area log, in order."""
    return [item for sent in bus.on(topics.WAITING.name) for item in codec.records(Kind.WAITING, sent.value)]


def test_calls_of_one_publish_are_one_message_in_their_order() -> None:
    (value,) = published([call(n) for n in range(CALLS)])
    events = codec.records(Kind.EVENT, value)
    assert [event.id for event in events] == [call(n).id for n in range(CALLS)]


async def test_they_go_to_the_door_of_the_area_log_as_one_message_in_their_order() -> None:
    bus = MemoryBus()
    bulk, guard = worker(bus, {})
    (value,) = published([call(n) for n in range(CALLS)])
    await guard.run(envelope(value), bulk.envelope, agent="normal")
    assert len(bus.on(topics.WAITING.name)) == 1
    assert [item.event.id for item in waiting(bus)] == [call(n).id for n in range(CALLS)]


async def test_law_4_a_worker_killed_between_any_two_writes_loses_no_call_and_tells_none_as_another() -> None:
    (value,) = published([call(n) for n in range(CALLS)])
    for left in range(10):
        fuse, stored = Fuse(left), dict[bytes, bytes]()
        bus = MemoryBus(around=fuse.burn)
        killed = False
        bulk, guard = worker(bus, Changelog(stored, fuse))
        try:
            await guard.run(envelope(value), bulk.envelope, agent="normal")
        except Killed:
            killed, fuse.left = True, 10_000
            bulk, guard = worker(bus, Changelog(stored, fuse))
            await guard.run(envelope(value), bulk.envelope, agent="normal")
        assert {item.id for item in waiting(bus)} == {
            identity.item_id("event", item.area, call(n).id)
            for item in waiting(bus)[:1]
            for n in range(CALLS)
        }
        told = len(waiting(bus))
        await guard.run(envelope(value), bulk.envelope, agent="normal")
        assert len(waiting(bus)) == told, "what was applied is not told again"
        if not killed:
            return
    raise AssertionError("the fuse never outlasted the run")


async def test_law_2_a_call_that_cannot_be_worked_out_is_buried_alone_and_rings_bare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its siblings go on; its dead letter holds its own bytes, not those of a hundred others."""
    bad, really = call(5), devices.step

    def step(
        state: DeviceState | None, event: Event, now_ms: int, settings: DeviceSettings
    ) -> tuple[DeviceState, tuple[Event, ...]]:
        if event.id == bad.id:
            raise ZeroDivisionError
        return really(state, event, now_ms, settings)

    monkeypatch.setattr(devices, "step", step)
    bus = MemoryBus()
    bulk, guard = worker(bus, {})
    (value,) = published([call(n) for n in range(CALLS)])
    await guard.run(envelope(value), bulk.envelope, agent="normal")
    (letter,) = (codec.decode(Kind.DEAD, sent.value) for sent in bus.on(topics.DEAD.name))
    assert codec.decode(Kind.EVENT, letter.payload).id == bad.id
    assert (letter.topic, letter.offset) == (topics.EVENTS.name, 7)
    assert sorted(item.event.id for item in waiting(bus)) == sorted(call(n).id for n in range(CALLS))


async def test_one_that_cannot_be_read_does_not_hide_the_others() -> None:
    """Positions count what cannot be read too: the dead letter of a later one is still its own."""
    parts = [codec.encode(call(n)) for n in range(4)]
    bus = MemoryBus()
    bulk, guard = worker(bus, {})
    await guard.run(envelope(codec.join([parts[0], b'{"id":7}', *parts[1:]])), bulk.envelope, agent="normal")
    (letter,) = (codec.decode(Kind.DEAD, sent.value) for sent in bus.on(topics.DEAD.name))
    assert cast("bytes", letter.payload) == b'{"id":7}'
    assert [item.event.id for item in waiting(bus)] == [call(n).id for n in range(4)]


def test_what_was_joined_comes_apart_again() -> None:
    """So that of an envelope which the broker refuses for good only what is really refused is buried."""
    entries = [MessageOut.of(call(n), spool_class=SpoolClass.LIFE_SAFETY).entry for n in range(CALLS)]
    (joined,) = lanes.merge(entries)
    assert lanes.parts(joined) == entries
    torn = msgspec.structs.replace(joined, value=joined.value[:-2])
    assert lanes.parts(torn) == [torn]
    assert lanes.parts(entries[0]) == [entries[0]]
