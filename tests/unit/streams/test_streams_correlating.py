"""The correlate agent's body with the real correlator and rules, killed between any two of its writes (law 4), and
over a log that started anew.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec
import pytest

from cior import packs
from cior_bus import topics
from cior_bus.message import RecordIn
from cior_bus.metrics import Metrics
from cior_core import codec, identity
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_core.model import (
    DEFAULT_AREA,
    DataClass,
    Event,
    EventItem,
    Item,
    Lane,
    Place,
    PlaceMethod,
    TickItem,
    TypeCode,
)
from cior_streams import metrics as s
from cior_streams import routing
from cior_streams.area_memory import AreaMemory
from cior_streams.correlating import Correlation
from cior_streams.domain import CoreCorrelator
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches kill -9."""


class Fuse:
    """Lets ``left`` writes pass, then kills."""

    def __init__(self, left: int) -> None:
        self.left = left

    def burn(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


class Changelog(MutableMapping[bytes, bytes]):
    """A table whose every write is durable at once, in order, until the fuse burns through."""

    def __init__(self, stored: dict[bytes, bytes], fuse: Fuse) -> None:
        self.stored, self.fuse = stored, fuse

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.fuse.burn()
        self.stored[key] = value

    def __delitem__(self, key: bytes) -> None:
        self.fuse.burn()
        del self.stored[key]

    def __getitem__(self, key: bytes) -> bytes:
        return self.stored[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def log_of(fuse: Fuse) -> MemoryBus:
    """A topic that keeps what was published; each publish burns the fuse before and after."""
    return MemoryBus(around=fuse.burn)


def arrived(offset: int, value: bytes, key: bytes = DEFAULT_AREA.encode()) -> RecordIn:
    """An entry of the area log."""
    return record_in(value, topic=topics.AREA.name, offset=offset, key=key)


@pytest.fixture(scope="module")
def correlator() -> CoreCorrelator:
    return CoreCorrelator(packs.rule_pack())


def event(n: int, *, lat: float, life_safety: bool = True) -> Event:
    return Event(
        id=identity.event_id("test", str(n)),
        source="test",
        type=TypeCode("panic.bus"),
        subject=f"bus-{n}",
        occurred_ms=T0 + n,
        received_ms=T0 + n,
        lane=Lane.URGENT,
        life_safety=life_safety,
        place=Place(method=PlaceMethod.GPS, lat=lat, lon=-60.7, accuracy_m=10.0),
    )


def item(n: int, *, lat: float) -> EventItem:
    told = event(n, lat=lat)
    return EventItem(
        id=identity.item_id("event", DEFAULT_AREA, told.id),
        area=DEFAULT_AREA,
        at_ms=T0 + n * 1_000,
        event=told,
    )


def story() -> list[Item]:
    """Two incidents, one of which grows; time passes."""
    tick = TickItem(id="tick-1", area=DEFAULT_AREA, at_ms=T0 + 400_000)
    return [
        item(1, lat=-32.9),
        item(2, lat=-32.9),
        item(3, lat=-32.5),
        tick,
        msgspec.structs.replace(item(4, lat=-32.5), at_ms=T0 + 500_000),
    ]


def body(
    stored: dict[bytes, bytes],
    log: MemoryBus,
    correlator: CoreCorrelator,
    fuse: Fuse,
    metrics: Metrics | None = None,
) -> Correlation:
    memory = AreaMemory(Changelog(stored, fuse), correlator)
    return Correlation(log, memory, correlator, clock=FakeClock(), metrics=metrics or Metrics())


def collapsed(log: MemoryBus) -> dict[tuple[str, str], bytes]:
    """What readers see after collapsing by id and version; two different bodies under one name fail the test."""
    seen: dict[tuple[str, str], bytes] = {}
    for message in log.sent:
        record: Any = msgspec.json.decode(message.value)
        name = (message.topic, f"{record['id']}:{record.get('version', '')}")
        assert seen.setdefault(name, message.value) == message.value, f"{name} was told in two ways"
    return seen


async def whole(correlator: CoreCorrelator) -> tuple[dict[tuple[str, str], bytes], dict[bytes, bytes], int]:
    fuse, stored = Fuse(10**9), dict[bytes, bytes]()
    log = log_of(fuse)
    correlation = body(stored, log, correlator, fuse)
    for offset, each in enumerate(story()):
        await correlation.apply(arrived(offset, codec.encode(each)))
    return collapsed(log), stored, 10**9 - fuse.left


async def test_law_4_a_kill_between_any_two_writes_changes_nothing_that_a_reader_sees(
    correlator: CoreCorrelator,
) -> None:
    """Every write of the story is once the last one; the next process reads the table and the log from the last
    commit (here: from the start).
    """
    wanted, final, writes = await whole(correlator)
    assert writes > 40
    for last in range(writes):
        fuse, stored = Fuse(last), dict[bytes, bytes]()
        log = log_of(fuse)
        first = body(stored, log, correlator, fuse)
        with pytest.raises(Killed):  # noqa: PT012
            for offset, each in enumerate(story()):
                await first.apply(arrived(offset, codec.encode(each)))
        fuse.left = 10**9
        second = body(stored, log, correlator, fuse)
        for offset, each in enumerate(story()):
            await second.apply(arrived(offset, codec.encode(each)))
        assert collapsed(log) == wanted, f"killed after write {last}"
        heads = {key: value for key, value in stored.items() if key.endswith(b"\0head")}
        assert heads == {key: value for key, value in final.items() if key.endswith(b"\0head")}


async def test_a_redelivered_item_is_skipped(correlator: CoreCorrelator) -> None:
    fuse, stored, metrics = Fuse(10**9), dict[bytes, bytes](), Metrics()
    log = log_of(fuse)
    correlation = body(stored, log, correlator, fuse, metrics)
    for _ in range(3):
        await correlation.apply(arrived(0, codec.encode(item(1, lat=-32.9))))
    assert metrics.value(s.REPLAYED, "correlate") == 2
    assert len(log.sent) == len(collapsed(log))


async def test_after_the_broker_lost_its_data_new_items_at_old_offsets_are_taken(
    correlator: CoreCorrelator,
) -> None:
    """The table outlived the log (RocksDB does): offsets start again at 0, and a press must not be mistaken for an
    old one.
    """
    fuse, stored, metrics = Fuse(10**9), dict[bytes, bytes](), Metrics()
    log = log_of(fuse)
    correlation = body(stored, log, correlator, fuse, metrics)
    for offset in range(5):
        await correlation.apply(arrived(100 + offset, codec.encode(item(offset + 1, lat=-32.9 + offset))))
    again = item(50, lat=-20.0)
    await correlation.apply(arrived(0, codec.encode(again)))
    assert metrics.value(s.RESETS, "correlate") == 1
    members = {
        member["event_id"]
        for message in log.sent
        if message.topic == topics.ALERTS.name
        for member in msgspec.json.decode(message.value)["members"]
    }
    assert again.event.id in members
    await correlation.apply(arrived(0, codec.encode(again)))
    assert metrics.value(s.REPLAYED, "correlate") == 1


async def test_law_3_a_step_that_fails_still_puts_a_life_safety_item_on_the_wall(
    correlator: CoreCorrelator,
) -> None:
    correlation = body({}, log_of(Fuse(10**9)), correlator, Fuse(10**9))
    sent = correlation.degrade(arrived(3, codec.encode(item(1, lat=-32.9))), ValueError())
    assert [message.topic for message in sent] == [topics.ALERTS.name, topics.TRANSITIONS.name]
    alert: Any = codec.decode(Kind.ALERT, sent[0].value)
    assert (alert.degraded, alert.level, alert.life_safety, alert.type) == (True, "P1", True, "panic.bus")
    unread: Any = codec.decode(Kind.ALERT, correlation.degrade(arrived(4, b"\xff"), ValueError())[0].value)
    assert (unread.degraded, unread.type) == (True, "source.undecoded")
    assert correlation.degrade(arrived(5, codec.encode(story()[3])), ValueError()) == [], (
        "a tick is nobody's press"
    )
    assert (
        correlation.degrade(arrived(3, codec.encode(item(1, lat=-32.9))), ValueError())[0].value
        == sent[0].value
    ), "a repeat is the same alert"


async def test_law_9_even_a_step_that_fails_shows_no_more_than_the_district_of_a_sealed_event(
    correlator: CoreCorrelator,
) -> None:
    correlation = body({}, log_of(Fuse(10**9)), correlator, Fuse(10**9))
    loud = item(1, lat=-32.912345)
    place = msgspec.structs.replace(loud.event.place, district="sur", text="San Lorenzo 1234")
    sealed = msgspec.structs.replace(loud.event, data_class=DataClass.SEALED, place=place)
    sent = correlation.degrade(
        arrived(3, codec.encode(msgspec.structs.replace(loud, event=sealed))), ValueError()
    )
    alert: Any = codec.decode(Kind.ALERT, sent[0].value)
    assert (alert.silent, alert.place.district) == (True, "sur")
    for message in sent:
        assert b"32.912345" not in message.value
        assert b"San Lorenzo" not in message.value


async def test_an_item_under_another_areas_key_is_refused(correlator: CoreCorrelator) -> None:
    """Keyed wrongly it would lie in another partition, out of order with its area."""
    correlation = body({}, log_of(Fuse(10**9)), correlator, Fuse(10**9))
    with pytest.raises(PayloadRejected, match="key_mismatch"):
        await correlation.apply(arrived(0, codec.encode(item(1, lat=-32.9)), key=b"other"))


def test_alerts_are_published_before_their_story_and_commands() -> None:
    kinds = [type(effect).__name__ for effect in routing_order()]
    assert kinds[0] == "UpsertAlert"


def routing_order() -> list[Any]:
    from cior_core import correlate

    rules = packs.rule_pack()
    _, effects = correlate.step(correlate.initial(DEFAULT_AREA), item(1, lat=-32.9), rules)
    assert len(effects) > 1
    by_topic = {topics.ALERTS.name: 0, topics.TRANSITIONS.name: 1, topics.COMMANDS.name: 1}
    sent = routing.of_effects(effects)
    assert [by_topic[message.topic] for message in sent] == sorted(
        by_topic[message.topic] for message in sent
    )
    return sorted(effects, key=lambda effect: type(effect).__name__ != "UpsertAlert")
