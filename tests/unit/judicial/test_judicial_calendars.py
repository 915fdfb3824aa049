"""Two clocks: when an answer is due, and when retention would take what is asked."""

from __future__ import annotations

from datetime import UTC, date

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.judicial import calendars
from cior_core.judicial.jurisdiction import Calendar, Jurisdiction, Kept, Off, Rules
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


def with_recess(*off: Off) -> Rules:
    calendar = replace(WORKING, off=(*WORKING.off, *off))
    told = {**SANTA_FE.jurisdiction.calendar, "habiles": calendar}
    return Rules(replace(SANTA_FE.jurisdiction, calendar=told), SANTA_FE.zone)


JANUARY = Off(since=date(2027, 1, 1), until=date(2027, 1, 31), es="Feria de enero", source="acuerdo")
WINTER = Off(since=date(2026, 7, 6), until=date(2026, 7, 19), es="Feria de invierno", source="acuerdo")


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-12-28T12:00", "2027-02-03T03:00"),  # three days of December, then 1 and 2 February
        (
            "2026-12-23T12:00",
            "2027-01-01T03:00",
        ),  # over on the last day before it: 24, 28, 29, 30 and 31 December
        ("2027-01-15T12:00", "2027-02-06T03:00"),  # within it: the first day that counts is 1 February
        ("2026-07-03T12:00", "2026-07-25T03:00"),  # a Friday before the winter's two weeks, 9 July among them
    ],
)
def test_days_of_a_recess_do_not_count_before_in_or_after_it(received: str, due: str) -> None:
    rules = with_recess(JANUARY, WINTER)
    assert calendars.deadline_ms(order(investigation=False), ms(received), rules) == ms(due)
    investigation = calendars.deadline_ms(order(), ms(received), rules)
    assert investigation == calendars.deadline_ms(order(), ms(received), SANTA_FE), (
        "an investigation has no recess"
    )


def test_a_recess_lets_footage_live_longer_and_never_shorter() -> None:
    for month in range(1, 13):
        taken_ms = ms(f"2026-{month:02}-10T12:00")
        assert calendars.expiry_ms(taken_ms, with_recess(JANUARY, WINTER)) >= calendars.expiry_ms(
            taken_ms, SANTA_FE
        )
    assert calendars.expiry_ms(ms("2026-12-20T12:00"), with_recess(JANUARY)) > ms("2027-02-10T03:00")


def test_holidays_of_santa_fe_have_their_law_and_movable_ones_are_mondays() -> None:
    assert all(each.source.startswith("Ley ") and each.until is None for each in WORKING.off)
    assert len({each.since for each in WORKING.off}) == len(WORKING.off)
    assert {each.since.year for each in WORKING.off} == {2026, 2027}
    moved = ("Güemes", "San Martín", "Diversidad", "Soberanía")
    assert {each.since.weekday() for each in WORKING.off if any(one in each.es for one in moved)} == {0}
    assert {each.since.weekday() for each in WORKING.off if each.es == "Carnaval"} == {0, 1}
    assert {each.since.weekday() for each in WORKING.off if each.es == "Viernes Santo"} == {4}
    assert WORKING.lacks, "what was not found is said"
    # Received on Friday 13 November 2026: Monday 16 (Ley 26.674) and Monday 23 do not count.
    assert calendars.deadline_ms(order(investigation=False), ms("2026-11-13T12:00"), SANTA_FE) == ms(
        "2026-11-25T03:00"
    )


def test_a_recess_that_ends_before_it_begins_is_refused() -> None:
    text = bundled.text("jurisdictions/santa_fe.toml").replace(
        "since = 2026-01-01, es", "since = 2026-01-01, until = 2025-01-31, es", 1
    )
    with pytest.raises(ConfigInvalid) as refused:
        Jurisdiction.load(text, file="santa_fe.toml")
    assert refused.value.code == "jurisdiction.off"


def test_what_arrives_before_midnight_in_utc_belongs_to_the_civil_day() -> None:
    late_thursday = ms("2026-11-27T02:30")
    assert calendars.day_of(late_thursday, SANTA_FE.zone) == date(2026, 11, 26)


def test_the_longest_retention_wins_whichever_row_it_is() -> None:
    # From a Thursday thirty days end on 26 Dec, twenty working days, less two holidays, on 28 Dec.
    taken_ms = HOUR_SPAN.since_s * 1000
    assert calendars.expiry_ms(taken_ms, SANTA_FE) == ms("2026-12-29T03:00")
    # From 1 September, twenty working days (one holiday in October is far) end on 29 Sep, thirty days on 1 Oct.
    assert calendars.expiry_ms(ms("2026-09-01T12:00"), SANTA_FE) == ms("2026-10-02T03:00")
    longer = replace(
        SANTA_FE.jurisdiction, kept=(*SANTA_FE.jurisdiction.kept, Kept(calendar="habiles", days=25))
    )
    assert calendars.expiry_ms(taken_ms, Rules(longer, SANTA_FE.zone)) == ms("2027-01-06T03:00")


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
