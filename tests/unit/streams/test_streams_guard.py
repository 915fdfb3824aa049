"""Law 3: nothing an agent's body does can make a message disappear."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from cior_bus import topics
from cior_bus.message import MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected, SourceUnavailable
from cior_streams import guard as guard_module
from cior_streams import metrics as s
from cior_streams.guard import Guard
from doubles.bus import MemoryBus, record_in
from doubles.clock import FakeClock


def arrived(value: bytes | None = b"\xffbytes") -> RecordIn:
    return record_in(value, partition=2, offset=7)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "_FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(guard_module, "_LONGEST_WAIT_S", 0.001)


def failing(*errors: BaseException) -> Any:
    left = list(errors)

    async def handle(_record: RecordIn) -> None:
        if left:
            raise left.pop(0)

    return handle


EVERYTHING = [
    PayloadRejected("codec.malformed", "cannot be read"),
    ValueError("secret name in here"),
    KeyError("x"),
    ZeroDivisionError(),
    RecursionError(),
    MemoryError(),
    AssertionError(),
    StopAsyncIteration(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ExceptionGroup("many", [ValueError("a")]),
    TimeoutError(),
]


@pytest.mark.parametrize("error", EVERYTHING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("value", [b"\xffbytes", b"", None, b"x" * 2_000_000])
async def test_law_3_whatever_a_body_raises_the_bytes_are_in_a_dead_letter(
    error: Exception, value: bytes | None
) -> None:
    bus, metrics = MemoryBus(), Metrics()
    await Guard(bus, clock=FakeClock(), metrics=metrics).run(arrived(value), failing(error), agent="presses")
    [sent] = bus.sent
    letter: Any = codec.decode(Kind.DEAD, sent.value)
    assert sent.topic == topics.DEAD.name
    assert letter.payload == (value or b"")[:900_000]
    assert (letter.topic, letter.partition, letter.offset, letter.source, letter.life_safety) == (
        topics.URGENT.name,
        2,
        7,
        "bus-12",
        True,
    )
    assert "secret" not in letter.reason, "a foreign error's text may quote the payload"
    assert metrics.value(s.BURIED, "presses") == 1
    assert metrics.value(s.HANDLED) == 0


async def test_law_3_an_unreachable_dead_letter_topic_holds_the_message_and_never_skips_it() -> None:
    bus = MemoryBus(away=50)
    await Guard(bus, clock=FakeClock(), metrics=Metrics()).run(
        arrived(), failing(ValueError()), agent="presses"
    )
    assert bus.away == 0
    assert len(bus.sent) == 1


async def test_law_3_a_burial_that_is_refused_for_another_reason_is_tried_again_too() -> None:
    class Refusing(MemoryBus):
        refusals = 3

        async def publish(self, messages: Sequence[MessageOut]) -> None:
            if self.refusals:
                self.refusals -= 1
                raise PayloadRejected("bus.too_large", "larger than its topic takes")
            await super().publish(messages)

    bus, metrics = Refusing(), Metrics()
    await Guard(bus, clock=FakeClock(), metrics=metrics).run(
        arrived(), failing(ValueError()), agent="presses"
    )
    assert len(bus.sent) == 1
    assert metrics.value(s.RETRIED, "presses", "bus.too_large") == 3


@pytest.mark.parametrize(
    ("topic", "life_safety"),
    [
        (topics.URGENT, True),
        (topics.AREA, True),
        (topics.ACTIONS, True),
        (topics.RECEIPTS, False),
        (topics.EVENTS, False),
        (topics.TELEMETRY, False),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_law_3_what_nobody_can_read_counts_as_life_safety_where_a_press_or_a_decision_may_be_inside(
    topic: topics.TopicSpec, life_safety: bool
) -> None:
    bus = MemoryBus()
    guard = Guard(bus, clock=FakeClock(), metrics=Metrics())
    await guard.run(record_in(b"\xff", topic=topic.name), failing(ValueError()), agent="any")
    letter: Any = codec.decode(Kind.DEAD, bus.sent[0].value)
    assert letter.life_safety is life_safety


async def test_a_sink_that_is_away_is_waited_for_and_nothing_is_buried() -> None:
    bus, metrics = MemoryBus(), Metrics()
    away = [SourceUnavailable("bus.broker_away", "away", retry_after_s=5.0) for _ in range(20)]
    await Guard(bus, clock=FakeClock(), metrics=metrics).run(arrived(), failing(*away), agent="correlate")
    assert bus.sent == []
    assert metrics.value(s.RETRIED, "correlate", "bus.broker_away") == 20
    assert metrics.value(s.HANDLED, "correlate") == 1


async def test_waiting_for_what_is_away_grows_and_stays_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)

    monkeypatch.setattr(guard_module, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(guard_module, "_LONGEST_WAIT_S", 2.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    away = [SourceUnavailable("bus.broker_away", "away") for _ in range(20)]
    guard = Guard(MemoryBus(away=20), clock=FakeClock(), metrics=Metrics())
    await guard.run(arrived(), failing(*away, ValueError()), agent="correlate")
    handling, burying = waits[:20], waits[20:]
    assert handling == burying == [min(0.05 * 2**n, 2.0) for n in range(20)]


async def test_the_rescue_goes_with_the_dead_letter_and_its_own_failure_does_not_stop_it() -> None:
    bus, metrics = MemoryBus(), Metrics()
    guard = Guard(bus, clock=FakeClock(), metrics=metrics)
    alarm = MessageOut(topic=topics.ALERTS.name, key=b"a", value=b"{}")
    await guard.run(arrived(), failing(ValueError()), agent="correlate", rescue=lambda *_: [alarm])
    assert [sent.topic for sent in bus.sent] == [topics.DEAD.name, topics.ALERTS.name]
    assert metrics.value(s.DEGRADED, "correlate") == 1

    def broken(*_: Any) -> list[MessageOut]:
        raise RuntimeError

    await guard.run(arrived(), failing(ValueError()), agent="correlate", rescue=broken)
    assert [sent.topic for sent in bus.sent][2:] == [topics.DEAD.name]


async def test_a_cancelled_body_is_neither_handled_nor_buried() -> None:
    """Cancelling means that the worker is going; the message is not acknowledged and comes again."""
    bus, metrics = MemoryBus(), Metrics()

    async def slow(_record: RecordIn) -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(
        Guard(bus, clock=FakeClock(), metrics=metrics).run(arrived(), slow, agent="presses")
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (bus.sent, metrics.value(s.HANDLED), metrics.value(s.BURIED)) == ([], 0, 0)


async def test_a_timers_fault_is_counted_and_the_timer_lives() -> None:
    metrics = Metrics()
    guard = Guard(MemoryBus(), clock=FakeClock(), metrics=metrics)

    async def turn() -> None:
        raise ValueError

    await guard.quietly(turn)
    assert metrics.value(s.FAULTS, "bug.ValueError") == 1


async def test_the_same_message_buried_twice_is_one_dead_letter() -> None:
    bus = MemoryBus()
    guard = Guard(bus, clock=FakeClock(), metrics=Metrics())
    for _ in range(2):
        await guard.run(arrived(), failing(ValueError()), agent="presses")
    first, second = (codec.decode(Kind.DEAD, sent.value) for sent in bus.sent)
    assert first.id == second.id
