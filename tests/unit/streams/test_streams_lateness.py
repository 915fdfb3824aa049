"""Presses that wait are said: in the health file, as a number, and as an event that the wall can show."""

from __future__ import annotations

from cior_bus import topics
from cior_core.model import Phase
from cior_streams.lateness import Lateness
from cior_streams.watchdog import FATAL, Diagnosis, Logs, Observation, Watchdog
from doubles.clock import FakeClock

URGENT, EVENTS = (topics.URGENT.name, 0), (topics.EVENTS.name, 0)
NAMES = frozenset({URGENT[0], EVENTS[0]})


def look(dog: Watchdog, at_s: float, *, done: int, end: int, place: tuple[str, int] = URGENT) -> Diagnosis:
    seen = Observation(
        at_s=at_s, is_reading=True, committed={place: done}, assigned=frozenset({place}), topics=NAMES
    )
    return dog.diagnose(seen, Logs(topics=NAMES, ends={place: end}), now_s=at_s)


def dog() -> Watchdog:
    return Watchdog(stall_s=30, urgent=frozenset({URGENT[0]}))


def test_law_16_a_press_that_waits_for_more_than_two_seconds_turns_health_red() -> None:
    one = dog()
    assert look(one, 0, done=5, end=5) is Diagnosis.FINE
    assert look(one, 1, done=5, end=6) is Diagnosis.FINE
    assert look(one, 3, done=5, end=6) is Diagnosis.FINE
    assert look(one, 3.5, done=5, end=6) is Diagnosis.LATE
    assert one.oldest_s == 2.5
    assert look(one, 4, done=6, end=6) is Diagnosis.FINE
    assert one.oldest_s == 0


def test_law_16_work_that_goes_on_too_slowly_is_red_though_every_look_sees_progress() -> None:
    """Thirty thousand rows: something is committed every second, and a press waits for minutes."""
    one = dog()
    found = [look(one, t, done=10 * t, end=1000) for t in range(60)]
    assert set(found[4:]) == {Diagnosis.LATE}
    assert one.oldest_s == 59


def test_a_busy_log_that_is_followed_is_fine() -> None:
    one = dog()
    assert {look(one, t, done=1500 * t - 900, end=1500 * t) for t in range(1, 100)} == {Diagnosis.FINE}


def test_what_may_wait_never_turns_it_red() -> None:
    one = dog()
    assert {look(one, t, done=0, end=9, place=EVENTS) for t in range(20)} == {Diagnosis.FINE}


def test_late_is_no_reason_to_end_the_worker() -> None:
    assert Diagnosis.LATE not in FATAL


def test_the_wall_hears_once_that_presses_wait_and_once_that_they_no_longer_do() -> None:
    clock = FakeClock()
    lateness = Lateness(clock, worker="cior-urgent-1", drill=True)
    looks = [Diagnosis.FINE] * 3 + [Diagnosis.LATE] * 40 + [Diagnosis.FINE] * 40 + [Diagnosis.LATE] * 40
    told = []
    for each in looks:
        clock.at_ms += 500
        if (event := lateness.told(each)) is not None:
            told.append(event)
    assert [(each.type, each.phase) for each in told] == [
        ("source.degraded", Phase.NEW),
        ("source.restored", Phase.RESTORE),
        ("source.degraded", Phase.NEW),
    ]
    assert len({each.id for each in told}) == 3
    assert told[0].native_key == told[1].native_key, "the end belongs to its beginning"
    assert not any(each.life_safety for each in told)
    assert all(each.drill for each in told), "what an exercise says of itself is part of it"


def test_a_backlog_that_was_there_at_the_start_and_a_single_slow_look_say_nothing() -> None:
    lateness = Lateness(FakeClock(), worker="w")
    assert [lateness.told(Diagnosis.LATE) for _ in range(30)] == [None] * 30
    looks = [Diagnosis.FINE, Diagnosis.LATE, Diagnosis.LATE, Diagnosis.FINE] * 5
    assert [lateness.told(each) for each in looks] == [None] * 20


def test_what_is_processed_and_not_committed_yet_does_not_wait() -> None:
    """Under load a commit takes seconds; what was done by then is no delay."""
    one = dog()
    for at_s in range(20):
        seen = Observation(
            at_s=at_s,
            is_reading=True,
            committed={URGENT: 0},
            assigned=frozenset({URGENT}),
            topics=NAMES,
            done={URGENT: 10 * at_s},
        )
        logs = Logs(topics=NAMES, ends={URGENT: 10 * at_s + 3})
        assert one.diagnose(seen, logs, now_s=at_s) is Diagnosis.FINE
