"""The two clocks of a request: when an answer is due, and when retention would take what it asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cior_core.duty import Day
from cior_core.judicial.asking import Filing, Span
from cior_core.judicial.jurisdiction import Calendar, Rules

_WEEK = tuple(Day)
_DAY = timedelta(days=1)
_FARTHEST_DAYS = 40_000


def counts(day: date, calendar: Calendar) -> bool:
    """Whether ``day`` is a day of this calendar."""
    is_off = day in calendar.holidays or any(each.covers(day) for each in calendar.off)
    return _WEEK[day.weekday()] in calendar.weekdays and not is_off


def after(day: date, days: int, calendar: Calendar) -> date:
    """The last of the next ``days`` days of ``calendar`` after ``day``, which itself never counts."""
    left = days
    for _ in range(_FARTHEST_DAYS):
        if left == 0:
            break
        day += _DAY
        left -= counts(day, calendar)
    return day


def end_of_ms(day: date, zone: tzinfo) -> int:
    """The instant at which ``day`` is over in ``zone``: the next midnight, the later one where it comes twice."""
    midnight = datetime.combine(day + _DAY, time.min, tzinfo=zone).replace(fold=1)
    return round(midnight.astimezone(UTC).timestamp() * 1000)


def day_of(instant_ms: int, zone: tzinfo) -> date:
    """The civil day of an instant."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(zone).date()


def deadline_ms(filing: Filing, received_ms: int, rules: Rules) -> int:
    """When an answer is due: investigations run on their own calendar."""
    rows = rules.jurisdiction.deadlines
    row = rows.investigation if filing.investigation else rows.other
    calendar = rules.jurisdiction.calendar[row.calendar]
    return end_of_ms(after(day_of(received_ms, rules.zone), row.days, calendar), rules.zone)


def expiry_ms(taken_ms: int, rules: Rules) -> int:
    """When nothing but a hold keeps what was taken then: the longest retention wins."""
    day = day_of(taken_ms, rules.zone)
    calendars = rules.jurisdiction.calendar
    ends = (after(day, row.days, calendars[row.calendar]) for row in rules.jurisdiction.kept)
    return max(end_of_ms(each, rules.zone) for each in ends)


def earliest_expiry_ms(spans: Iterable[Span], rules: Rules) -> int | None:
    """When the first second of these would be deleted if no hold kept it."""
    return min((expiry_ms(span.since_s * 1000, rules) for span in spans), default=None)
