"""What may wait is let in as fast as it is done, and no press waits long behind it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_streams.pace import ENTRIES_MAX, ENTRY_S, WIDTH_MAX, WORK_S, Pace


@pytest.mark.parametrize(("fixed_s", "item_s"), [(0.02, 0.002), (0.01, 0.0005), (0.03, 0.01), (0.0, 0.03)])
def test_entries_come_to_take_what_they_should(fixed_s: float, item_s: float) -> None:
    """A confirmation and so much an item: the widths settle where an entry takes its time, or at the bounds."""
    pace, dice = Pace(), random.Random(1)
    for _ in range(30):
        pace.done(pace.width, (fixed_s + item_s * pace.width) * dice.uniform(0.9, 1.1))
    wanted = min(WIDTH_MAX, max(1, (ENTRY_S - fixed_s) / item_s))
    assert wanted * 0.6 - 1 <= pace.width <= wanted * 1.4 + 1


def test_a_machine_that_stalls_is_let_in_less_at_once() -> None:
    pace = Pace()
    for _ in range(30):
        pace.done(pace.width, 0.001)
    assert pace.width == WIDTH_MAX
    pace.done(WIDTH_MAX, 10.0)
    assert pace.width == WIDTH_MAX // 2


def test_small_entries_that_are_quick_do_not_open_the_door_for_wide_ones() -> None:
    pace = Pace()
    first = pace.width
    for _ in range(100):
        pace.done(1, 0.001)
    assert pace.width == first


@given(st.lists(st.tuples(st.integers(1, WIDTH_MAX), st.floats(0, 1e6)), max_size=50))
def test_whatever_entries_take_there_is_room_when_nothing_waits_and_a_bound(
    told: list[tuple[int, float]],
) -> None:
    pace = Pace()
    for items, took_s in told:
        pace.done(items, took_s)
    assert 1 <= pace.room(0, 0) <= WIDTH_MAX
    assert pace.room(2 * pace.width, 1) == 0
    assert pace.room(1, ENTRIES_MAX) == 0


@pytest.mark.parametrize(("confirmed_s", "item_s"), [(0.1, 0.003), (0.3, 0.002), (0.07, 0.004)])
def test_a_slow_confirmation_does_not_narrow_the_door_to_nothing(confirmed_s: float, item_s: float) -> None:
    """A busy broker: narrower entries would wait as long, and let in one thirtieth as much."""
    pace, dice = Pace(), random.Random(2)
    for _ in range(30):
        work_s = item_s * pace.width * dice.uniform(0.9, 1.1)
        pace.done(pace.width, confirmed_s + work_s, work_s)
    assert WORK_S / item_s * 0.6 - 1 <= pace.width <= WORK_S / item_s * 1.4 + 1


def test_work_that_is_said_to_take_longer_than_all_of_it_counts_as_all_of_it() -> None:
    told, bare = Pace(), Pace()
    told.done(8, 0.2, 5.0)
    bare.done(8, 0.2)
    assert told.width == bare.width
