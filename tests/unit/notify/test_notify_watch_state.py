"""When a watcher rings: never for one lost request, always for two, and it says when it is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_connectors.builtin.notify.watch_state import Bounds, Call, CentreWatch, Look

EPOCH_S = 1_795_780_800.0


def looks(*seen: str, every_s: float = 5.0, bounds: Bounds | None = None) -> list[Call | None]:
    """``ok``, ``lost``, ``late``, ``old`` (a press waits for 31 s), ``mute`` (no metrics), or ``+n`` (the clock is n
    seconds ahead from then on).
    """
    watch, told, ahead_s = CentreWatch(bounds or Bounds()), [], 0.0
    for n, each in enumerate(seen):
        at_s = n * every_s
        if each[0] in "+-":
            ahead_s = float(each)
        look = Look(
            at_s=at_s,
            centre_s=None if each == "lost" else EPOCH_S + at_s + ahead_s,
            is_late=each == "late",
            waiting_s=31.0 if each == "old" else 0.1,
            has_metrics=each != "mute",
        )
        told.append(watch.looked(look))
    return told


def codes(calls: list[Call | None]) -> list[str]:
    """What was rung, look by look: codes, ``over``, or ``-``."""
    return [
        "-" if call is None else "over" if call.is_over else "+".join(each.code for each in call.troubles)
        for call in calls
    ]


def test_one_lost_request_rings_nobody_and_two_do() -> None:
    assert codes(looks("ok", "lost", "ok", "lost", "ok")) == ["-"] * 5
    assert codes(looks("ok", "lost", "lost")) == ["-", "-", "silent"]


def test_a_centre_that_was_never_heard_rings_too() -> None:
    assert codes(looks("lost", "lost")) == ["-", "silent"]


def test_it_says_once_that_it_is_over_and_how_long_it_lasted() -> None:
    told = looks("ok", "lost", "lost", "lost", "ok", "ok", "ok")
    assert codes(told) == ["-", "-", "silent", "-", "-", "over", "-"]
    over = told[5]
    assert over is not None
    assert over.lasted_s == 20.0


def test_one_good_answer_among_lost_ones_is_no_recovery() -> None:
    assert codes(looks("ok", "lost", "lost", "ok", "lost", "lost", "ok", "ok"))[3:] == [
        "-",
        "-",
        "-",
        "-",
        "over",
    ]


@pytest.mark.parametrize(("seen", "code"), [("late", "late"), ("old", "waiting"), ("mute", "metrics")])
def test_a_centre_that_answers_and_is_not_well_rings(seen: str, code: str) -> None:
    assert codes(looks("ok", seen, "ok", seen, seen)) == ["-", "-", "-", "-", code]


@pytest.mark.parametrize("jump", ["+3600", "-3600", "+6"])
def test_a_clock_that_jumps_rings_and_is_then_the_clock(jump: str) -> None:
    assert codes(looks("ok", jump, "ok", "ok", "ok")) == ["-", "-", "clock", "-", "over"]


def test_a_clock_that_drifts_does_not() -> None:
    assert codes(looks(*(f"+{n * 2}" for n in range(20)))) == ["-"] * 20


def test_while_it_lasts_it_rings_again_but_not_at_each_look() -> None:
    told = codes(looks("ok", *["lost"] * 130, bounds=Bounds(again_s=300.0)))
    assert [n for n, code in enumerate(told) if code == "silent"] == [2, 62, 122]


def test_another_reason_rings_at_once() -> None:
    assert codes(looks("ok", "lost", "lost", "late", "late")) == ["-", "-", "silent", "late", "-"]


@given(st.lists(st.sampled_from(["ok", "lost", "late"]), min_size=1, max_size=40))
def test_it_never_rings_without_two_in_a_row_nor_recovers_without_two(seen: list[str]) -> None:
    for n, call in enumerate(looks(*seen)):
        if call is not None:
            last_two = {each != "ok" for each in seen[max(0, n - 1) : n + 1]}
            assert n >= 1
            assert last_two == {not call.is_over}
