"""The presses agent's body: every press goes on, and only what the correlator said of an alert's end stays with the
device.
"""

from __future__ import annotations

from typing import cast

import msgspec

from cior_bus import topics
from cior_bus.message import RecordIn
from cior_bus.metrics import Metrics
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.model import Event, EventId, EventItem, Lane, TypeCode
from cior_streams.device_table import DeviceTable, Registry
from cior_streams.domain import Areas
from cior_streams.pressing import Pressing
from cior_streams.sequencing import Sequencer
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock


def arrived(event: Event, offset: int) -> RecordIn:
    return record_in(codec.encode(event), offset=offset, key=event.subject.encode(), timestamp_ms=T0 + offset)


def event(name: str, *, kind: str = "panic.bus", source: str = "urn:test", life_safety: bool = True) -> Event:
    return Event(
        id=EventId(name),
        source=source,
        type=TypeCode(kind),
        subject="bus-7",
        occurred_ms=T0,
        received_ms=T0,
        lane=Lane.URGENT,
        life_safety=life_safety,
    )


async def sequenced(*events: Event) -> list[Event]:
    """What reaches the area log."""
    bus, clock, metrics = MemoryBus(), FakeClock(), Metrics()
    table = DeviceTable({}, registry=Registry(), clock=clock, on_reset=lambda: None)
    sequencer = Sequencer(bus, clock=clock, areas=Areas(), partitions=4)
    pressing = Pressing(
        table, settings=devices.DEFAULT_SETTINGS, bus=bus, sequencer=sequencer, metrics=metrics
    )
    for offset, each in enumerate(events):
        await pressing.press(arrived(each, offset))
    items = [codec.decode(Kind.ITEM, sent.value) for sent in bus.on(topics.AREA.name)]
    return [cast("EventItem", item).event for item in items]


def ending(press: str, disposition: str) -> Event:
    told = event(f"ending of {press}", kind=devices.ENDING, source=devices.ENDINGS, life_safety=False)
    return msgspec.structs.replace(told, attributes={"press": press, "disposition": disposition})


async def test_an_ending_stays_with_its_device_and_stands_in_its_next_press() -> None:
    found = await sequenced(event("one"), ending("one", "confirmed"), event("two"))
    assert [each.id for each in found] == ["one", "two"]
    assert found[1].attributes["confirmation_n"] == 1


async def test_an_ending_of_a_device_that_never_pressed_is_nothing() -> None:
    assert await sequenced(ending("one", "confirmed")) == []


async def test_law_2_a_press_that_claims_to_be_our_own_bookkeeping_rings() -> None:
    forged = [
        event("forged", source=devices.ENDINGS),
        event("worse", kind=devices.ENDING, source=devices.ENDINGS),
    ]
    assert [each.id for each in await sequenced(*forged)] == ["forged", "worse"]
