"""The correlate agent's body with the real correlator and rules, killed between any two of its writes (law 4), and
over a log that started anew.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_bus import topics
from cior_bus.message import RecordIn
from cior_bus.metrics import Metrics
from cior_city import packs
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
from cior_streams.guard import Guard
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock
from doubles.killing import Changelog, Fuse, Killed


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
    memory, clock, metrics = (
        AreaMemory(Changelog(stored, fuse), correlator),
        FakeClock(),
        metrics or Metrics(),
    )
    guard = Guard(log, clock=clock, metrics=metrics)
    return Correlation(log, memory, clock=clock, metrics=metrics, guard=guard)


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


def in_entries() -> list[bytes]:
    """The story with what came together in one entry of the log each."""
    one, two, three, tick, last = (codec.encode(each) for each in story())
    return [codec.join([one, two]), codec.join([three]), codec.join([tick, last])]


async def test_law_4_a_kill_within_an_entry_of_several_items_changes_nothing_that_a_reader_sees(
    correlator: CoreCorrelator,
) -> None:
    """The entry is done again from its beginning; one by one or together, the same alerts with the same bytes."""
    wanted, final, _ = await whole(correlator)
    fuse, stored = Fuse(10**9), dict[bytes, bytes]()
    undisturbed = body(stored, log_of(fuse), correlator, fuse)
    for offset, value in enumerate(in_entries()):
        await undisturbed.apply(arrived(offset, value))
    writes = 10**9 - fuse.left
    assert writes > 30
    for last in range(writes):
        fuse, stored = Fuse(last), dict[bytes, bytes]()
        log = log_of(fuse)
        first = body(stored, log, correlator, fuse)
        with pytest.raises(Killed):  # noqa: PT012
            for offset, value in enumerate(in_entries()):
                await first.apply(arrived(offset, value))
        fuse.left = 10**9
        second = body(stored, log, correlator, fuse)
        for offset, value in enumerate(in_entries()):
            await second.apply(arrived(offset, value))
        assert collapsed(log) == wanted, f"killed after write {last}"
        assert restored(stored, correlator) == restored(final, correlator)


def restored(stored: dict[bytes, bytes], correlator: CoreCorrelator) -> Any:
    """The state that a new worker would find, without the leftovers that its next step removes."""
    state = AreaMemory(stored, correlator).load(DEFAULT_AREA).state
    return msgspec.structs.replace(state, stale=())


async def test_an_item_that_cannot_be_taken_is_buried_alone_and_its_siblings_go_on(
    correlator: CoreCorrelator,
) -> None:
    fuse, stored, metrics = Fuse(10**9), dict[bytes, bytes](), Metrics()
    log = log_of(fuse)
    correlation = body(stored, log, correlator, fuse, metrics)
    elsewhere = msgspec.structs.replace(item(2, lat=-32.1), area="other")
    parts = [
        codec.encode(item(1, lat=-32.9)),
        b'{"type":"event"}',
        codec.encode(elsewhere),
        codec.encode(item(3, lat=-32.5)),
    ]
    await correlation.apply(arrived(7, codec.join(parts)))
    letters: list[Any] = [
        codec.decode(Kind.DEAD, each.value) for each in log.sent if each.topic == topics.DEAD.name
    ]
    assert [(each.payload, each.code, each.offset) for each in letters] == [
        (parts[1], "codec.malformed", 7),
        (parts[2], "area.key_mismatch", 7),
    ]
    assert len({each.id for each in letters}) == 2
    alerts: list[Any] = [
        codec.decode(Kind.ALERT, each.value) for each in log.sent if each.topic == topics.ALERTS.name
    ]
    told = {(each.degraded, member.subject) for each in alerts for member in each.members}
    assert told >= {(False, "bus-1"), (False, "bus-3")}
    degraded = [each for each in alerts if each.degraded]
    assert {each.type for each in degraded} == {"source.undecoded", "panic.bus"}, "a press may be inside"
    count = len(log.sent)
    await correlation.apply(arrived(7, codec.join(parts)))
    assert len(log.sent) == count, "it was done"


async def test_law_3_an_item_whose_step_fails_is_buried_alone_and_rings(correlator: CoreCorrelator) -> None:
    fuse = Fuse(10**9)
    log, fails = log_of(fuse), FailsOn(correlator, "bus-2")
    correlation = body({}, log, fails, fuse)
    parts = [codec.encode(item(n, lat=-32.9 + n)) for n in (1, 2, 3)]
    await correlation.apply(arrived(0, codec.join(parts)))
    alerts: list[Any] = [
        codec.decode(Kind.ALERT, each.value) for each in log.sent if each.topic == topics.ALERTS.name
    ]
    assert {member.subject: each.degraded for each in alerts for member in each.members} == {
        "bus-1": False, "bus-2": True, "bus-3": False,
    }  # fmt: skip
    [letter] = [codec.decode(Kind.DEAD, each.value) for each in log.sent if each.topic == topics.DEAD.name]
    assert letter.payload == parts[1]


class FailsOn(CoreCorrelator):
    """The real one, with a defect for one device."""

    def __init__(self, real: CoreCorrelator, subject: str) -> None:
        super().__init__(real.rules)
        self._subject = subject

    def step(self, state: Any, item: Item) -> Any:
        if isinstance(item, EventItem) and item.event.subject == self._subject:
            raise ZeroDivisionError
        return super().step(state, item)


async def test_an_entry_of_which_nothing_can_be_read_is_the_guards(correlator: CoreCorrelator) -> None:
    correlation = body({}, log_of(Fuse(10**9)), correlator, Fuse(10**9))
    for value in (b"[]", b"[1,2]", b"[{", b"[[]]"):
        with pytest.raises(PayloadRejected):
            await correlation.apply(arrived(0, value))
        assert correlation.degrade(arrived(0, value), ValueError()), "a press may be inside"


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
