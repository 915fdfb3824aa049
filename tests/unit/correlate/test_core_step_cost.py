"""A step costs the same however many alerts are open: lines of the core that run are counted, not seconds (law 16)."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.correlate import State, initial, persist, step
from cior_core.correlate.agenda import Agenda
from cior_core.model import DEFAULT_AREA, Action, ActionItem, ActionKind, EventItem, Item, TickItem
from cior_core.rules import RulePack
from cior_core.scenario import START_MS, Signal, make_event
from unit.correlate.histories import histories, play, steps

FEW, MANY = 60, 600
GROWTH = 1.25
"""How much more may run with ten times as many open alerts: runs of an agenda split, a cell is fuller."""


def item(signal: Signal, n: int) -> EventItem:
    event = make_event(signal, n=n)
    return EventItem(id=f"i-{n}", area=DEFAULT_AREA, at_ms=START_MS + round(signal.at_s * 1000), event=event)


def open_alert(n: int, where: str) -> Signal:
    """One alert of its own: far from the others, or at their corner but long after them, or in their second at
    another's place of a crowded city."""
    kinds = ("panic.bus", "burglary.alarm", "suspicious.activity", "gun.shooting", "source.silent")
    match where:
        case "spread":
            place, at_s = (n % 40 * 1500.0, n // 40 * 1500.0), n * 2.0
        case "one corner":
            place, at_s = (0.0, 0.0), n * 3000.0
        case _:
            place, at_s = (n % 40 * 1500.0, n // 40 * 1500.0), n * 0.01
    return Signal(
        at_s=at_s,
        event=kinds[n % len(kinds)],
        source=f"dev-{n}",
        east_m=place[0],
        north_m=place[1],
        district="center",
        registered=True,
        attributes={"block": f"b-{n}"},
    )


def filled(pack: RulePack, count: int, where: str) -> State:
    state = initial(DEFAULT_AREA)
    for n in range(count):
        state, _ = step(state, item(open_alert(n, where), n), pack)
    at_ms = state.head.now_ms + 2 * 3_600_000
    for n in range(40):  # whatever was due has run, as on any day
        state, _ = step(state, TickItem(id=f"t-{n}", area=DEFAULT_AREA, at_ms=at_ms + n * 1000), pack)
    assert sum(alert.status == "open" for alert in state.alerts) > count * 0.6
    return state


def lines_run(state: State, todo: Item, pack: RulePack) -> int:
    """How many lines of the core one step and its entries run."""
    count = 0

    def local(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def every(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local if "cior_core" in frame.f_code.co_filename else None

    sys.settrace(every)
    try:
        after, _ = step(state, todo, pack)
        persist.entries(state, after)
    finally:
        sys.settrace(None)
    return count


def todo(kind: str, state: State) -> Item:
    at_s = (state.head.now_ms - START_MS) / 1000 + 1.0
    at_ms = START_MS + round(at_s * 1000)
    match kind:
        case "tick":
            return TickItem(id="t", area=DEFAULT_AREA, at_ms=at_ms)
        case "note":
            alert = state.alerts[0]
            note = Action(
                id="a", kind=ActionKind.NOTE, actor="op", at_ms=at_ms, alert_id=alert.id, reason="seen"
            )
            return ActionItem(id="ai", area=DEFAULT_AREA, at_ms=at_ms, action=note)
        case code:
            signal = Signal(at_s=at_s, event=code, source="new-1", district="center", registered=False)
            return item(signal, 1_000_000)


@pytest.mark.parametrize("where", ["spread", "one corner", "one second"])
def test_law_16_a_step_runs_no_more_lines_because_more_alerts_are_open(pack: RulePack, where: str) -> None:
    few, many = filled(pack, FEW, where), filled(pack, MANY, where)
    for kind in (
        "tick",
        "note",
        "panic.bus",
        "silent.duress",
        "burglary.alarm",
        "gun.shooting",
        "gun.injury_admission",
        "source.silent",
        "light.outage",
        "vision.loitering",
    ):
        one, other = lines_run(few, todo(kind, few), pack), lines_run(many, todo(kind, many), pack)
        assert other <= one * GROWTH + 200, (kind, one, other)


def test_law_16_at_a_corner_where_hundreds_press_at_once_an_event_is_compared_with_a_bounded_number(
    pack: RulePack,
) -> None:
    def crowded(count: int) -> State:
        state = initial(DEFAULT_AREA)
        for n in range(count):
            signal = Signal(at_s=n * 0.05, event="panic.bus", source=f"bus-{n}", registered=True)
            state, _ = step(state, item(signal, n), pack)
        return state

    few, many = crowded(400), crowded(1600)
    last = Signal(at_s=100.0, event="panic.bus", source="bus-x", registered=True)
    one, other = (lines_run(state, item(last, 9_999), pack) for state in (few, many))
    assert other <= one * GROWTH + 200, (one, other)


def test_law_16_what_a_busy_day_left_is_forgotten_in_small_parts(pack: RulePack) -> None:
    state = initial(DEFAULT_AREA)
    for n in range(500):
        signal = Signal(at_s=n * 0.01, event="camera.health", source=f"cam-{n}")
        state, _ = step(state, item(signal, n), pack)
    assert len(state.seen) == 500
    at_ms, before = START_MS + 100 * 3_600_000, 500
    for n in range(10):
        tick = TickItem(id=f"t-{n}", area=DEFAULT_AREA, at_ms=at_ms + n * 1000)
        state, _ = step(state, tick, pack)
        assert before - len(state.seen) <= 128
        before = len(state.seen)
    assert before == 0


@given(signals=histories)
def test_law_5_what_is_not_stored_is_the_same_when_it_is_made_again(
    pack: RulePack, signals: list[Signal]
) -> None:
    table: dict[str, bytes] = {}
    state = None
    for before, _, after, _ in steps(play(signals, pack).items, pack):
        for key, value in persist.entries(before, after).items():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        state = after
    assert state is not None
    again = persist.restore(table, pack)
    assert again.dues == state.dues
    assert again.index == state.index
    assert again.uses == state.uses


entries = st.tuples(st.integers(0, 50), st.sampled_from("abc"), st.integers(0, 1))


@given(changes=st.lists(st.tuples(st.booleans(), entries), max_size=60), more=st.integers(0, 700))
def test_an_agenda_is_an_ordered_set(changes: list[tuple[bool, tuple[int, str, int]]], more: int) -> None:
    kept = {(n * 7, "x", 0) for n in range(more)}
    agenda = Agenda.of(kept)
    for is_new, entry in changes:
        (kept.add if is_new else kept.discard)(entry)
        agenda = agenda.put(entry) if is_new else agenda.drop(entry)
    assert list(agenda) == sorted(kept)
    assert agenda == Agenda.of(kept)
    assert agenda.until(25) == [entry for entry in sorted(kept) if entry[0] <= 25]
    assert agenda.until(25, limit=3) == agenda.until(25)[:3]
    near = agenda.around(20, 10, limit=1000)
    assert sorted(near) == [entry for entry in sorted(kept) if 10 <= entry[0] <= 30]
    assert len(agenda.around(20, None, limit=2)) <= 4
    assert bool(agenda) == bool(kept)
