"""What people are to be reminded of, by one request as it stands: holds that end, a preservation that lapsed, the two
clocks of an answer. Pure, and nothing is remembered: the same request at the same time is reminded of the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from cior_core.canonical import canonical
from cior_core.integrity import digest
from cior_core.judicial.holding import DAY_MS
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Request
from cior_core.model import Struct
from cior_core.requests import RequestStatus as S

STILL_TOLD_MS: Final = 30 * DAY_MS
"""How long ago something may have happened to be told still: a centre that was off tells it when it is back."""
_OVER: Final = frozenset({S.REJECTED, S.LAPSED, S.REPLACED, S.CLOSED, S.DELIVERED, S.RECEIPTED})


class Matter(StrEnum):
    """What is told. ``RETENTION_SOON``: from then on nothing but its hold keeps what it asks for."""

    HOLD_ENDS = "hold_ends"
    LAPSED = "lapsed"
    DEADLINE_SOON = "deadline_soon"
    DEADLINE_OVER = "deadline_over"
    RETENTION_SOON = "retention_soon"


class Reminder(Struct, frozen=True):
    """``at_ms``: the instant that it is about. Told twice it is one, by its ``id``."""

    request: str
    matter: Matter
    at_ms: int
    drill: bool = False

    @property
    def id(self) -> str:
        """The same for the same matter of the same request and instant."""
        return digest(canonical(("cior.reminder.v1", self.request, self.matter.value, self.at_ms)))[:32]


def reminders(request: Request, rules: Rules, *, now_ms: int) -> tuple[Reminder, ...]:
    """All that is to be told by now, in order of its instants; what was told before is among it."""
    found = {(each.at_ms, each.matter): each for each in _all(request, rules, now_ms)}
    return tuple(found[key] for key in sorted(found))


def _all(request: Request, rules: Rules, now_ms: int) -> Iterator[Reminder]:
    limits = rules.jurisdiction.limits
    for hold in request.holds:
        if hold.expires_ms is not None and _is_near(hold.expires_ms, limits.notice_days, now_ms):
            yield _told(request, Matter.HOLD_ENDS, hold.expires_ms)
    if request.state is S.LAPSED:
        ended_ms = request.closed_ms or 0
        if _is_fresh(ended_ms, now_ms):
            yield _told(request, Matter.LAPSED, ended_ms)
    if request.answered_ms is None and request.state not in _OVER:
        yield from _clocks(request, rules, now_ms)


def _clocks(request: Request, rules: Rules, now_ms: int) -> Iterator[Reminder]:
    """Of one that waits for its answer. Its deadline was reckoned by the calendar of its kind when it came."""
    limits, due_ms, taken_ms = rules.jurisdiction.limits, request.deadline_ms, request.expiry_ms
    if due_ms is not None and _is_fresh(due_ms, now_ms):
        yield _told(request, Matter.DEADLINE_OVER, due_ms)
    elif due_ms is not None and _is_near(due_ms, limits.deadline_notice_days, now_ms):
        yield _told(request, Matter.DEADLINE_SOON, due_ms)
    if taken_ms is not None and _is_near(taken_ms, limits.notice_days, now_ms):
        yield _told(request, Matter.RETENTION_SOON, taken_ms)


def _is_near(at_ms: int, days: int, now_ms: int) -> bool:
    return at_ms - days * DAY_MS <= now_ms <= at_ms


def _is_fresh(at_ms: int, now_ms: int) -> bool:
    return now_ms - STILL_TOLD_MS <= at_ms <= now_ms


def _told(request: Request, matter: Matter, at_ms: int) -> Reminder:
    return Reminder(request.id, matter, at_ms, request.filing.drill)
