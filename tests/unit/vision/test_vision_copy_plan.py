"""For how long a copy is locked: as long as the hold on it that ends last, and never for less than any of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cior_core import footage
from cior_core.model import Struct
from cior_recorder.copy_plan import SHORTEST_MS, Held, lock_of, of_day, planned, together
from cior_recorder.court import CourtHold
from cior_recorder.holds import Hold
from cior_store.locked import Lock

NOON_MS = 1_795_780_800_000
MINUTE_MS = 60_000


class Shot(Struct, frozen=True):
    camera: str
    start_ms: int
    end_ms: int


def own(camera: str, *, until_ms: int | None, from_ms: int = NOON_MS) -> Hold:
    return Hold(
        id="h", camera=camera, from_ms=from_ms, to_ms=from_ms + MINUTE_MS, placed_ms=NOON_MS, reason="alert 1",
        until_ms=until_ms,
    )  # fmt: skip


def shot(start_ms: int, camera: str = "plaza") -> Shot:
    return Shot(camera=camera, start_ms=start_ms, end_ms=start_ms + 2_000)


def test_the_hold_that_ends_last_counts_and_one_without_an_end_makes_it_open() -> None:
    day = footage.DAY_MS
    plan = planned(
        ("plaza", "esquina"),
        own=[own("plaza", until_ms=NOON_MS + 30 * day), own("elsewhere", until_ms=None)],
        court=[
            CourtHold(("plaza",), NOON_MS, NOON_MS + MINUTE_MS, NOON_MS + 90 * day),
            CourtHold((), NOON_MS + 30_000, NOON_MS + MINUTE_MS),
        ],
        now_ms=NOON_MS,
    )
    assert set(plan) == {"plaza", "esquina"}
    assert lock_of(plan["plaza"], shot(NOON_MS)) == Lock(until_ms=NOON_MS + 90 * day)
    assert lock_of(plan["plaza"], shot(NOON_MS + 29_000)) == Lock(until_ms=NOON_MS + 90 * day, is_open=True)
    assert lock_of(plan["plaza"], shot(NOON_MS + MINUTE_MS)) is None, "an interval ends before its end"
    assert lock_of(plan["plaza"], shot(NOON_MS - 2_000)) is None
    assert lock_of(plan["esquina"], shot(NOON_MS + 58_000)) == Lock(is_open=True), "an order without cameras"


def test_a_hold_that_is_about_to_end_asks_no_server_for_a_date_of_the_past() -> None:
    ends_ms = NOON_MS + 10 * MINUTE_MS
    plan = planned(
        ("plaza",), own=[own("plaza", until_ms=ends_ms)], court=(), now_ms=ends_ms - SHORTEST_MS + 1
    )
    assert plan == {"plaza": ()}
    plan = planned(("plaza",), own=[own("plaza", until_ms=ends_ms)], court=(), now_ms=ends_ms - SHORTEST_MS)
    assert len(plan["plaza"]) == 1


def test_a_day_has_what_may_hold_some_of_it_also_over_midnight() -> None:
    midnight_ms = NOON_MS // footage.DAY_MS * footage.DAY_MS + footage.DAY_MS
    before = Held(midnight_ms - MINUTE_MS, midnight_ms, Lock(is_open=True))
    over = Held(midnight_ms - 1_000, midnight_ms + 1_000, Lock(is_open=True))
    day, next_day = footage.day_of(midnight_ms - 1), footage.day_of(midnight_ms)
    assert of_day((before, over), day) == (before, over)
    assert of_day((before, over), next_day) == (over,)
    assert of_day((before, over), footage.day_of(midnight_ms + footage.DAY_MS)) == ()


locks = st.builds(
    Lock,
    until_ms=st.none() | st.integers(min_value=0, max_value=10).map(lambda each_s: NOON_MS + each_s * 1_000),
    is_open=st.booleans(),
)


@given(st.lists(locks, min_size=1, max_size=5), locks)
def test_what_all_ask_for_together_reaches_each_and_is_no_more_than_one_of_them_asks(
    found: list[Lock], other: Lock
) -> None:
    least = together(found)
    assert least is not None
    assert all(least.reaches(each) for each in found)
    assert least.until_ms in {each.until_ms for each in found}
    assert least.is_open == any(each.is_open for each in found)
    if other.reaches(least):
        assert all(other.reaches(each) for each in found)


def test_a_lock_of_whole_seconds_reaches_no_instant_after_it() -> None:
    assert Lock(until_ms=5_000).reaches(Lock(until_ms=5_000))
    assert not Lock(until_ms=5_000).reaches(Lock(until_ms=5_001)), (
        "servers keep seconds: the next one is asked for"
    )
    assert not Lock().reaches(Lock(until_ms=1))
    assert not Lock(until_ms=9).reaches(Lock(is_open=True))
