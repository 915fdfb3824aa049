"""How long the supervisor waits before it starts a dead part again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cior.supervisor import Limits, pause_before_restart

LIMITS = Limits()


def test_the_first_death_is_mended_at_once_and_the_pause_grows() -> None:
    deaths: list[float] = []
    pauses = []
    for at in (10.0, 11.0, 12.0, 13.0, 14.0):
        deaths.append(at)
        pauses.append(pause_before_restart(deaths, at, LIMITS))
    assert [pause for pause, _ in pauses] == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert not any(flapping for _, flapping in pauses)


def test_the_sixth_death_in_a_minute_is_flapping_and_a_quiet_minute_forgives() -> None:
    deaths = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
    assert pause_before_restart(deaths, 15.0, LIMITS) == (30.0, True)
    assert pause_before_restart([*deaths, 100.0], 100.0, LIMITS) == (0.2, False)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=40))
def test_a_part_is_always_started_again_within_the_slow_pause(deaths: list[float]) -> None:
    pause, _ = pause_before_restart(sorted(deaths), max(deaths), LIMITS)
    assert 0 < pause <= LIMITS.slow_pause_s
