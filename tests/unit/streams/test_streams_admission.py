"""In the area log presses overtake: what may wait is let in a little at a time, and everything is let in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.message import MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_core import bundled, codec, devices, rule_loading
from cior_core.attributes import PACED
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected, SourceUnavailable
from cior_core.model import Event, EventId, EventItem, Item, Lane, TypeCode
from cior_core.taxonomy import Taxonomy
from cior_streams.admission import AHEAD_MAX, ENTRY_BYTES, Admission
from cior_streams.area_memory import AreaMemory
from cior_streams.correlating import Correlation
from cior_streams.device_table import DeviceTable, Registry
from cior_streams.domain import Areas, CoreCorrelator
from cior_streams.guard import Guard
from cior_streams.pace import ENTRIES_MAX, Pace
from cior_streams.pressing import Pressing
from cior_streams.sequencing import Sequencer
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock

RULES = Path(__file__).parents[3] / "streams" / "rules"


def correlator() -> CoreCorrelator:
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.toml")}
    return CoreCorrelator(rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml"))))


def call(n: int, *, kind: str = "burglary.report", life_safety: bool = False, **more: object) -> Event:
    event = Event(
        id=EventId(f"call-{n}"),
        source="urn:cad",
        type=TypeCode(kind),
        subject="cad:911",
        independence=f"cad:911/{n}",
        occurred_ms=T0,
        received_ms=T0,
        lane=Lane.URGENT,
        life_safety=life_safety,
    )
    return msgspec.structs.replace(event, **more)


def press(n: int) -> Event:
    return call(
        n, kind="panic.bus", life_safety=True, id=EventId(f"press-{n}"), subject=f"bus-{n}", independence=None
    )


class Worker:
    """The urgent application without Faust: who wants to run takes the next message of a topic."""

    def __init__(self) -> None:
        self.bus, clock, metrics = MemoryBus(), FakeClock(), Metrics()
        self.sequencer = Sequencer(self.bus, clock=clock, areas=Areas(), partitions=4)
        self.pressing = Pressing(
            DeviceTable({}, registry=Registry(), clock=clock, on_reset=lambda: None),
            settings=devices.DEFAULT_SETTINGS,
            bus=self.bus,
            sequencer=self.sequencer,
            metrics=metrics,
        )
        self.admission = Admission(self.bus, clock=clock, metrics=metrics, patience_s=0.05)
        self.correlation = Correlation(
            self.bus,
            AreaMemory({}, correlator()),
            clock=clock,
            metrics=metrics,
            guard=Guard(self.bus, clock=clock, metrics=metrics),
            applied=self.admission.applied,
        )
        self.read: dict[str, int] = {}

    def next(self, topic: str) -> RecordIn | None:
        offset = self.read.get(topic, 0)
        waiting = self.bus.on(topic)
        if offset >= len(waiting):
            return None
        self.read[topic] = offset + 1
        return as_record(waiting[offset], offset)

    def unread(self) -> int:
        log = self.bus.on(topics.AREA.name)[self.read.get(topics.AREA.name, 0) :]
        return sum(len(codec.records(Kind.ITEM, entry.value)) for entry in log)

    async def hears(self, event: Event, offset: int) -> None:
        record = record_in(
            codec.encode(event), offset=offset, key=event.subject.encode(), timestamp_ms=T0 + offset
        )
        await self.pressing.press(record)

    async def correlates(self) -> list[Item]:
        if (record := self.next(topics.AREA.name)) is None:
            return []
        await self.correlation.apply(record)
        return codec.records(Kind.ITEM, record.value)

    async def admits(self) -> None:
        while (record := self.next(topics.WAITING.name)) is not None:
            await self.admission.admit(record)


def as_record(message: MessageOut, offset: int) -> RecordIn:
    return record_in(
        message.value, topic=message.topic, offset=offset, key=message.key, timestamp_ms=T0 + offset
    )


async def test_law_16_a_press_finds_a_bounded_number_of_others_before_it_and_nothing_is_left_out() -> None:
    worker = Worker()
    for n in range(300):
        await worker.hears(call(n), n)
    admitting = asyncio.ensure_future(worker.admits())
    done: list[str] = []
    pressed_at: dict[str, int] = {}
    offset = 300
    for turn in range(2_000):
        await asyncio.sleep(0)
        assert worker.unread() <= ENTRIES_MAX + 1, "the log holds few that may wait"
        if turn in {40, 90}:
            await worker.hears(press(turn), offset)
            offset += 1
            pressed_at[f"press-{turn}"] = len(done)
        items = await worker.correlates()
        done += [item.event.id for item in items if isinstance(item, EventItem)]
        if not items and admitting.done():
            break
    await admitting
    assert sorted(done) == sorted([*(f"call-{n}" for n in range(300)), "press-40", "press-90"])
    assert [each for each in done if each.startswith("call")] == [f"call-{n}" for n in range(300)], "in order"
    for name, at in pressed_at.items():
        assert done.index(name) - at <= ENTRIES_MAX, "each call is an entry of its own"


async def test_law_16_a_press_finds_a_bounded_number_of_a_whole_file_before_it() -> None:
    """The desk's file comes in envelopes: more are let in while they are quick, and never more than the bound."""
    worker = Worker()
    messages = [worker.sequencer.items_of([call(100 * k + n) for n in range(100)])[0] for k in range(12)]

    async def admits() -> None:
        for offset, message in enumerate(messages):
            await worker.admission.admit(as_record(message, offset))

    admitting = asyncio.ensure_future(admits())
    done: list[str] = []
    widest, pressed_at, offset = 0, 0, 0
    while not admitting.done() or worker.unread():
        await asyncio.sleep(0)
        widest = max(widest, worker.unread())
        if len(done) > 600 and not offset:
            await worker.hears(press(1), (offset := 1))
            pressed_at = len(done)
        items = await worker.correlates()
        done += [item.event.id for item in items if isinstance(item, EventItem)]
    assert AHEAD_MAX / 2 < widest <= AHEAD_MAX + 1
    assert 0 <= done.index("press-1") - pressed_at <= AHEAD_MAX
    assert [each for each in done if each.startswith("call")] == [f"call-{n}" for n in range(1_200)], (
        "in order"
    )


async def test_law_16_life_safety_of_a_whole_file_waits_too_and_a_single_one_does_not() -> None:
    worker = Worker()
    paced = call(1, kind="gun.shooting", life_safety=True, attributes={PACED: True})
    for n, event in enumerate([paced, call(2, kind="gun.shooting", life_safety=True), press(3), call(4)]):
        await worker.hears(event, n)
    at_once = [codec.decode(Kind.ITEM, each.value).event.id for each in worker.bus.on(topics.AREA.name)]
    later = [codec.decode(Kind.ITEM, each.value).event.id for each in worker.bus.on(topics.WAITING.name)]
    assert (at_once, later) == (["call-2", "press-3"], ["call-1", "call-4"])


async def test_what_is_let_in_carries_the_instant_at_which_it_was_let_in() -> None:
    worker = Worker()
    await worker.hears(call(1), 1)
    clock = FakeClock()
    clock.at_ms = T0 + 60_000
    admission = Admission(worker.bus, clock=clock, metrics=Metrics())
    record = worker.next(topics.WAITING.name)
    assert record is not None
    await admission.admit(record)
    [entry] = worker.bus.on(topics.AREA.name)
    assert codec.decode(Kind.ITEM, entry.value).at_ms == T0 + 60_000


async def test_an_envelope_is_let_in_whole_by_and_by() -> None:
    worker = Worker()
    [message] = worker.sequencer.items_of([call(n) for n in range(100)])
    admitting = asyncio.ensure_future(worker.admission.admit(as_record(message, 0)))
    await asyncio.sleep(0)
    assert worker.unread() == 2 * Pace().width
    done = 0
    while not admitting.done() or worker.unread():
        done += len(await worker.correlates())
        await asyncio.sleep(0)
    assert done == 100


async def test_an_entry_of_the_log_keeps_to_its_size_and_one_long_item_goes_alone() -> None:
    worker = Worker()
    long = "x" * (ENTRY_BYTES // 2)
    events = [call(n, summary=long) for n in range(2)] + [call(2, summary=long * 3), call(3), call(4)]
    [message] = worker.sequencer.items_of(events)
    admitting = asyncio.ensure_future(worker.admission.admit(as_record(message, 0)))
    entries: list[int] = []
    while not admitting.done() or worker.unread():
        if items := await worker.correlates():
            entries.append(len(items))
        await asyncio.sleep(0)
    assert entries == [1, 1, 1, 2]


async def test_a_buried_item_makes_room_as_a_processed_one_does() -> None:
    worker = Worker()
    [message] = worker.sequencer.items_of([call(n) for n in range(2 * Pace().width + 1)])
    admitting = asyncio.ensure_future(worker.admission.admit(as_record(message, 0)))
    await asyncio.sleep(0)
    assert not admitting.done()
    record = worker.next(topics.AREA.name)
    assert record is not None
    worker.correlation.degrade(record, ValueError("a step that fails"))
    await asyncio.wait_for(admitting, 1)


async def test_when_nobody_says_what_became_of_them_the_door_opens_again() -> None:
    """A partition that went to another worker between append and read must not shut the door for ever."""
    worker = Worker()
    [message] = worker.sequencer.items_of([call(n) for n in range(AHEAD_MAX * 3)])
    await asyncio.wait_for(worker.admission.admit(as_record(message, 0)), 5)
    assert worker.unread() == AHEAD_MAX * 3


async def test_a_broker_that_is_away_shuts_nothing() -> None:
    worker = Worker()
    [message] = worker.sequencer.items_of([call(n) for n in range(5)])
    worker.bus.away = 2
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await worker.admission.admit(as_record(message, 0))
    await worker.admission.admit(as_record(message, 0))
    assert worker.unread() == 5


async def test_an_item_under_the_key_of_another_area_is_refused() -> None:
    worker = Worker()
    [message] = worker.sequencer.items_of([call(1)])
    with pytest.raises(PayloadRejected, match="area"):
        await worker.admission.admit(msgspec.structs.replace(as_record(message, 0), key=b"elsewhere"))
