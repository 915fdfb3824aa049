"""Clocks: a wrong clock never loses a press, and never pretends to know when it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import clock
from cior_core.clock import ClockHistory, Mark
from cior_core.errors import PayloadRejected
from cior_core.model import ClockQuality

SYNCED, SKEWED, UNKNOWN = ClockQuality.SYNCED, ClockQuality.SKEWED, ClockQuality.UNKNOWN


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-22 12:00:00")
S, H, DAY = 1000, 3_600_000, 86_400_000
WEEKS_1024 = timedelta(weeks=1024) // timedelta(milliseconds=1)

#          what the device says              occurred        quality  mark
TABLE = {
    "nothing": (None, NOW, UNKNOWN, Mark.NO_TIME),
    "right now": (NOW, NOW, SYNCED, None),
    "a minute ago": (NOW - 60 * S, NOW - 60 * S, SYNCED, None),
    "in 100 s, clocks drift": (NOW + 100 * S, NOW + 100 * S, SYNCED, None),
    "in 121 s": (NOW + 121 * S, NOW, SKEWED, Mark.FUTURE),
    "in three years": (NOW + 1100 * DAY, NOW, SKEWED, Mark.FUTURE),
    "an hour ago": (NOW - H, NOW - H, UNKNOWN, Mark.LATE),
    "six days ago, buffered": (NOW - 6 * DAY, NOW - 6 * DAY, UNKNOWN, Mark.LATE),
    "eight days ago": (NOW - 8 * DAY, NOW, UNKNOWN, Mark.FAR_OFF),
    "two years ago": (NOW - 730 * DAY, NOW, UNKNOWN, Mark.FAR_OFF),
    "Unix epoch": (0, NOW, UNKNOWN, Mark.DEFAULT_EPOCH),
    "Unix epoch, up for three days": (3 * DAY, NOW, UNKNOWN, Mark.DEFAULT_EPOCH),
    "before the Unix epoch": (-5, NOW, UNKNOWN, Mark.DEFAULT_EPOCH),
    "GPS epoch": (ms("1980-01-06 00:00:07"), NOW, UNKNOWN, Mark.DEFAULT_EPOCH),
    "chip epoch": (ms("2000-01-01 00:03:00"), NOW, UNKNOWN, Mark.DEFAULT_EPOCH),
    "1024 weeks ago": (NOW - WEEKS_1024 - 2 * S, NOW - 2 * S, SKEWED, Mark.GPS_ROLLOVER),
    "1024 weeks and 5 days ago": (NOW - WEEKS_1024 - 5 * DAY, NOW - 5 * DAY, SKEWED, Mark.GPS_ROLLOVER),
    "2048 weeks ago": (NOW - 2 * WEEKS_1024 - 2 * S, NOW - 2 * S, SKEWED, Mark.GPS_ROLLOVER),
    "1024 weeks and a month ago": (NOW - WEEKS_1024 - 30 * DAY, NOW, UNKNOWN, Mark.FAR_OFF),
    "1024 weeks ahead": (NOW + WEEKS_1024, NOW, SKEWED, Mark.FUTURE),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_device_instant_is_judged_by_the_table(case: str) -> None:
    device_ms, occurred_ms, quality, mark = TABLE[case]
    found = clock.judge(device_ms, NOW)
    assert (found.occurred_ms, found.quality, found.mark) == (occurred_ms, quality, mark)
    assert found.device_ms == device_ms, "what the device said is kept"


def test_error_says_how_far_off_an_instant_may_be() -> None:
    assert clock.judge(NOW - 20 * S, NOW).error_s == 20.0
    assert clock.judge(NOW, NOW, precision_s=60.0).error_s == 60.0
    assert clock.judge(NOW + 600 * S, NOW).error_s == 600.0
    assert clock.judge(NOW - H, NOW).error_s is None, "late or wrong: nobody can tell"


#                 history                                 device        occurred       quality  mark
WITH_HISTORY = {
    "ten minutes slow as ever": (
        ClockHistory(offset_s=600.0),
        NOW - 605 * S,
        NOW - 5 * S,
        SKEWED,
        Mark.OFFSET_CORRECTED,
    ),
    "slow clock, but this one was buffered for an hour": (
        ClockHistory(offset_s=600.0),
        NOW - 4200 * S,
        NOW - 4200 * S,
        UNKNOWN,
        Mark.LATE,
    ),
    "good clock, buffered for an hour": (ClockHistory(offset_s=0.8), NOW - H, NOW - H, SYNCED, Mark.LATE),
    "stepped back ten minutes": (
        ClockHistory(offset_s=1.0, last_device_ms=NOW - 5 * S),
        NOW - 605 * S,
        NOW - 605 * S,
        SKEWED,
        Mark.STEPPED_BACK,
    ),
    "out of order by seconds": (
        ClockHistory(offset_s=1.0, last_device_ms=NOW),
        NOW - 40 * S,
        NOW - 40 * S,
        SYNCED,
        None,
    ),
    "was years ahead, is right now": (
        ClockHistory(last_device_ms=NOW + 1100 * DAY),
        NOW - S,
        NOW - S,
        SKEWED,
        Mark.STEPPED_BACK,
    ),
}


@pytest.mark.parametrize("case", WITH_HISTORY)
def test_history_of_the_device_refines_the_judgement(case: str) -> None:
    history, device_ms, occurred_ms, quality, mark = WITH_HISTORY[case]
    found = clock.judge(device_ms, NOW, history=history)
    assert (found.occurred_ms, found.quality, found.mark) == (occurred_ms, quality, mark)


def test_a_buffered_message_is_no_step_back() -> None:
    history = ClockHistory(offset_s=1.0, last_device_ms=NOW)
    found = clock.judge(NOW - H, NOW, buffered=True, history=history)
    assert (found.quality, found.mark) == (SYNCED, Mark.LATE)


@given(st.none() | st.integers(-(10**14), 10**14), st.integers(ms("2020-01-01"), ms("2040-01-01")))
def test_nothing_is_ever_said_to_have_happened_long_after_it_was_received(
    device_ms: int | None, received_ms: int
) -> None:
    found = clock.judge(device_ms, received_ms)
    assert found.occurred_ms - received_ms <= 120_000
    assert received_ms - found.occurred_ms <= 7 * DAY
    assert found.error_s is None or found.error_s >= 0


# --- local times --------------------------------------------------------------------------------------------

ROSARIO, NEW_YORK = ZoneInfo("America/Argentina/Cordoba"), ZoneInfo("America/New_York")
MINUTES = "%Y-%m-%d %H:%M"

LOCAL = {
    "Rosario is UTC-3 all year": ("2026-01-15 12:01", MINUTES, ROSARIO, "2026-01-15 15:01:00", 60.0, None),
    "and in July too": ("2026-07-15 12:01", MINUTES, ROSARIO, "2026-07-15 15:01:00", 60.0, None),
    "but had summer time in 2008": ("2008-01-15 12:01", MINUTES, ROSARIO, "2008-01-15 14:01:00", 60.0, None),
    "New York winter": ("2016-01-15 12:01", MINUTES, NEW_YORK, "2016-01-15 17:01:00", 60.0, None),
    "New York summer": ("2016-07-15 12:01", MINUTES, NEW_YORK, "2016-07-15 16:01:00", 60.0, None),
    "an hour that happened twice": (
        "2016-11-06 01:30",
        MINUTES,
        NEW_YORK,
        "2016-11-06 05:30:00",
        3660.0,
        Mark.AMBIGUOUS_HOUR,
    ),
    "an hour that never was": (
        "2016-03-13 02:30",
        MINUTES,
        NEW_YORK,
        "2016-03-13 07:30:00",
        3660.0,
        Mark.SKIPPED_HOUR,
    ),
    "seconds": ("15/01/2026 12:01:30", "%d/%m/%Y %H:%M:%S", ROSARIO, "2026-01-15 15:01:30", 1.0, None),
    "own offset": ("2026-01-15 12:01 -0500", "%Y-%m-%d %H:%M %z", ROSARIO, "2026-01-15 17:01:00", 60.0, None),
    "a day only": ("2026-01-15", "%Y-%m-%d", ROSARIO, "2026-01-15 03:00:00", 86400.0, None),
}


@pytest.mark.parametrize("case", LOCAL)
def test_local_times_become_utc_with_their_width(case: str) -> None:
    text, pattern, zone, utc, error_s, mark = LOCAL[case]
    found = clock.from_local(text, pattern, zone)
    assert (found.instant_ms, found.error_s, found.mark) == (ms(utc), error_s, mark)


def test_the_doubled_hour_is_the_later_one_that_was_already_past_at_receipt() -> None:
    second = ms("2016-11-06 06:30:00")
    assert (
        clock.from_local("2016-11-06 01:30", MINUTES, NEW_YORK, received_ms=second + 5).instant_ms == second
    )
    assert (
        clock.from_local("2016-11-06 01:30", MINUTES, NEW_YORK, received_ms=second - 5).instant_ms
        == second - H
    )


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01 00:00", "2026-01-15T12:01", "15/01/2026 12:01", "0000-01-01 00:00"]
)
def test_a_local_time_that_does_not_fit_is_rejected(text: str) -> None:
    with pytest.raises(PayloadRejected, match=r"clock\.local_time"):
        clock.from_local(text, MINUTES, ROSARIO)
