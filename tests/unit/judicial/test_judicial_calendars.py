"""Two clocks: when an answer is due, and when retention would take what is asked."""

from __future__ import annotations

from datetime import UTC, date

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from cior_core.judicial import calendars
from cior_core.judicial.jurisdiction import Calendar, Kept, Rules
from unit.judicial.judicial_city import DAY_MS, HOUR_SPAN, NOW_MS, SANTA_FE, ms, order

replace = msgspec.structs.replace
HOUR_MS = 3_600_000
WORKING = SANTA_FE.jurisdiction.calendar["habiles"]


def test_an_investigation_counts_every_day_and_all_else_working_days() -> None:
    # 27 Nov 2026 is a Friday; a day ends at midnight in Santa Fe, three hours after UTC's.
    investigation = calendars.deadline_ms(order(), NOW_MS, SANTA_FE)
    other = calendars.deadline_ms(order(investigation=False), NOW_MS, SANTA_FE)
    assert investigation == ms("2026-11-30T03:00")
    assert other == ms("2026-12-05T03:00")


def test_a_holiday_moves_the_deadline() -> None:
    holiday = replace(WORKING, holidays=frozenset({date(2026, 12, 1)}))
    jurisdiction = replace(
        SANTA_FE.jurisdiction, calendar={**SANTA_FE.jurisdiction.calendar, "habiles": holiday}
    )
    assert calendars.deadline_ms(
        order(investigation=False), NOW_MS, Rules(jurisdiction, SANTA_FE.zone)
    ) == ms("2026-12-08T03:00")


def test_what_arrives_before_midnight_in_utc_belongs_to_the_civil_day() -> None:
    late_thursday = ms("2026-11-27T02:30")
    assert calendars.day_of(late_thursday, SANTA_FE.zone) == date(2026, 11, 26)


def test_the_longest_retention_wins_whichever_row_it_is() -> None:
    # From a Thursday thirty days end on 26 Dec, twenty working days on 24 Dec.
    taken_ms = HOUR_SPAN.since_s * 1000
    assert calendars.expiry_ms(taken_ms, SANTA_FE) == ms("2026-12-27T03:00")
    longer = replace(
        SANTA_FE.jurisdiction, kept=(*SANTA_FE.jurisdiction.kept, Kept(calendar="habiles", days=25))
    )
    assert calendars.expiry_ms(taken_ms, Rules(longer, SANTA_FE.zone)) == ms("2027-01-01T03:00")


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(1, 60),
    st.sets(st.dates(date(2000, 1, 1), date(2100, 1, 1)), max_size=5),
)
def test_between_receipt_and_deadline_lie_just_that_many_days(
    day: date, days: int, holidays: set[date]
) -> None:
    calendar = Calendar(weekdays=WORKING.weekdays, holidays=frozenset(holidays))
    last = calendars.after(day, days, calendar)
    counted = [
        day.fromordinal(n)
        for n in range(day.toordinal() + 1, last.toordinal() + 1)
        if day.fromordinal(n).weekday() < 5 and day.fromordinal(n) not in holidays
    ]
    assert len(counted) == days
    assert counted[-1] == last


@example(127_533_600_000)  # clocks went forward a week later: one of the thirty days had 23 hours
@given(st.integers(0, 4_000_000_000_000))
def test_retention_never_ends_before_its_days_are_over(taken_ms: int) -> None:
    expiry_ms = calendars.expiry_ms(taken_ms, SANTA_FE)
    taken, last = (calendars.day_of(each, SANTA_FE.zone) for each in (taken_ms, expiry_ms - 1))
    assert (last - taken).days == 30
    assert taken_ms + 30 * DAY_MS - HOUR_MS <= expiry_ms <= taken_ms + 32 * DAY_MS


def test_a_day_is_over_when_the_next_begins() -> None:
    assert calendars.end_of_ms(date(2026, 1, 1), UTC) == ms("2026-01-02T00:00")
