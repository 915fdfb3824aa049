"""The demo's verdict finds fault with what must be found fault with: it cannot pass by being empty."""

from __future__ import annotations

import msgspec
import pytest

from cior_console.summary import Balance, Summary
from cior_console.wall_questions import settled_until_ms
from cior_demo.desk import Desk
from cior_demo.player import Truth
from cior_demo.script import Do, Step
from cior_demo.verdict import P1_AIM_MS, Shown, heard, percentile, verdict
from cior_demo.watching import Seen, WallWatch
from cior_store.answers import DeadCount, LatencyRow, SourceCount

LATENCY = LatencyRow(
    alerts=1,
    decide_p50_ms=1,
    decide_p95_ms=1,
    decide_p99_ms=1,
    visible_p50_ms=1,
    visible_p95_ms=1,
    visible_p99_ms=1,
)
EVEN = Balance(
    accepted=3, raw=3, declared=3, events=2, dead=1, missing_raw=0, unclaimed_raw=0, missing_outcomes=0
)


def source(name: str) -> SourceCount:
    return SourceCount(source=name, signals=1, events=1, dead=0, drills=0, last_ms=0)


GOOD = Summary(
    sources=(
        source("urn:cior:dc09:panels"),
        source("urn:cior:traccar:vehicles"),
        source("urn:cior:cad:calls"),
    ),
    cameras=4,
    dead=(DeadCount(code="frame.crc", count=1),),
    levels=(),
    latency=LATENCY,
    false_alarms=(),
    balance=EVEN,
    drill_alerts=1,
)


def watch(*, p1_ms: int | None = 5) -> WallWatch:
    one = WallWatch("http://127.0.0.1:1/?token=x")
    one.seen["a"] = Seen(id="a", first_ms=5, level="P1", received_ms=1, p1_ms=p1_ms)
    return one


def desk(*missed: Step) -> Desk:
    one = Desk.__new__(Desk)
    one.missed = list(missed)
    return one


def sent(do: Do, *, acked_ms: int | None, wire: str = "traccar") -> Truth:
    return Truth(
        at_ms=1,
        acked_ms=acked_ms,
        attempts=1,
        wire=wire,
        actor="bus-001",
        subject="vehicle:bus-001",
        do=do,
        story=True,
    )


ANSWERED = (
    sent(Do.PRESS, acked_ms=2),
    sent(Do.CALL, acked_ms=None, wire="cad"),
    sent(Do.WRONG_CRC, acked_ms=None, wire="dc09"),
)


def shown(**change: object) -> Shown:
    good = Shown(summary=GOOD, watch=watch(), desk=desk(), sent=ANSWERED, same_bytes=True, leaks={})
    return msgspec.structs.replace(good, **change)


def test_a_good_demo_has_nothing_against_it() -> None:
    assert verdict(shown()) == []
    assert heard(GOOD) == {"dc09": 1, "traccar": 1, "cad": 1, "vision": 4}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sources": GOOD.sources[1:]}, "dc09"),
        ({"cameras": 0}, "vision"),
        ({"dead": ()}, "dead letter"),
        ({"drill_alerts": 0}, "drill"),
        ({"balance": msgspec.structs.replace(EVEN, missing_raw=1)}, "balance"),
        ({"balance": msgspec.structs.replace(EVEN, unclaimed_raw=1)}, "balance"),
        ({"balance": msgspec.structs.replace(EVEN, missing_outcomes=1)}, "balance"),
    ],
)
def test_each_promise_that_is_not_kept_is_said(change: dict[str, object], word: str) -> None:
    wrong = verdict(shown(summary=msgspec.structs.replace(GOOD, **change)))
    assert len(wrong) == 1
    assert word in wrong[0]


def test_no_p1_two_different_replays_and_an_idle_operator_are_said() -> None:
    step = Step(at_s=1, who="operadora", do=Do.CLOSE)
    assert len(verdict(shown(watch=watch(p1_ms=None), desk=desk(step), same_bytes=False))) == 3


def test_a_p1_alert_that_came_late_to_the_page_is_said() -> None:
    late = watch()
    late.seen["a"].first_ms = late.seen["a"].p1_ms = 1 + int(P1_AIM_MS) + 1
    (fault,) = verdict(shown(watch=late))
    assert "501 ms" in fault


@pytest.mark.parametrize(
    ("signal", "word"),
    [
        (sent(Do.PRESS, acked_ms=None), "never acknowledged"),
        (sent(Do.ALARM, acked_ms=None, wire="dc09"), "never acknowledged"),
        (sent(Do.WRONG_CRC, acked_ms=3, wire="dc09"), "wrong checksum"),
    ],
)
def test_an_unanswered_device_and_an_answer_to_noise_are_said(signal: Truth, word: str) -> None:
    (fault,) = verdict(shown(sent=(*ANSWERED, signal)))
    assert word in fault


def test_a_sealed_identity_anywhere_is_said_with_its_place() -> None:
    (fault,) = verdict(shown(leaks={"cior.alerts.v1": 2}))
    assert "cior.alerts.v1 (2)" in fault


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)) == (51.0, 100.0, 0.0)


@pytest.mark.parametrize(("second", "expected_minute"), [(0, 7), (29, 7), (30, 8), (59, 8)])
def test_the_walls_balance_is_of_whole_minutes_that_have_been_stated(
    second: int, expected_minute: int
) -> None:
    now_ms = (10 * 60 + second - 60) * 1000
    assert settled_until_ms(now_ms, in_flight_s=90.0) == expected_minute * 60_000
