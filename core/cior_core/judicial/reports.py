"""Sums over requests: the year's report, which equals the register, and what the public may see of it. Pure.

Drills count nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from cior_core.judicial.calendars import day_of, end_of_ms
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Request, public_state
from cior_core.model import Struct
from cior_core.requests import RequestStatus
from cior_core.suppression import TOTAL, suppress

K = 5
"""Below this a count of the public table is hidden."""
PENDING = "pending"
"""The answer of a request that has none yet."""
UNANSWERED_LAPSE = "lapsed"
"""The answer of a preservation whose order never came, and of what another request replaced."""


class Waits(Struct, frozen=True):
    """How long something took, in ms, of ``count`` requests that got so far: the middle one, and nine of ten."""

    count: int
    p50_ms: int | None = None
    p90_ms: int | None = None


class YearReport(Struct, frozen=True):
    """Requests received in a civil year. Each of the tables by kind, state and answer adds up to ``received``.

    ``refusals``, ``negatives``: by code; ``late``: answered, or still open, after the deadline; ``missing_minutes``:
    minutes of cameras that were asked and were not there; ``held_in_a_second``: of those with a hold.
    """

    year: int
    received: int
    by_kind: Mapping[str, int]
    by_state: Mapping[str, int]
    by_answer: Mapping[str, int]
    refusals: Mapping[str, int]
    negatives: Mapping[str, int]
    items_asked: int
    items_denied: int
    missing_minutes: int
    copies: int
    receipts: int
    lapsed: int
    late: int
    held: int
    held_in_a_second: int
    to_hold: Waits
    to_delivery: Waits


class PublicCount(Struct, frozen=True):
    """One count of the public table; empty ``kind`` or ``answer``: a total. ``count`` None: too few to tell."""

    kind: str
    answer: str
    count: int | None


def of_year(requests: Iterable[Request], year: int, rules: Rules) -> list[Request]:
    """Those received in a civil year, without drills."""
    return [
        each
        for each in requests
        if not each.filing.drill and day_of(each.received_ms, rules.zone).year == year
    ]


def answer_of(request: Request) -> str:
    """How it was answered, in one word for every request."""
    if request.answer is not None:
        return request.answer.value
    over = {RequestStatus.LAPSED, RequestStatus.REPLACED}
    return UNANSWERED_LAPSE if request.state in over else PENDING


def year_report(requests: Iterable[Request], *, year: int, now_ms: int, rules: Rules) -> YearReport:
    """The report of a year as it is at ``now_ms``."""
    found = of_year(requests, year, rules)
    held = [each.held_ms - each.received_ms for each in found if each.held_ms is not None]
    return YearReport(
        year=year,
        received=len(found),
        by_kind=_counted(_kind(each, rules) for each in found),
        by_state=_counted(each.state.value for each in found),
        by_answer=_counted(map(answer_of, found)),
        refusals=_codes(found, "refused"),
        negatives=_codes(found, "negative"),
        items_asked=sum(len(each.asked) for each in found),
        items_denied=sum(bool(item.denied) for each in found for item in each.asked),
        missing_minutes=sum(_missing_minutes(each) for each in found),
        copies=sum(len(each.deliveries) for each in found),
        receipts=sum(copy.receipt_ms is not None for each in found for copy in each.deliveries),
        lapsed=sum(each.state is RequestStatus.LAPSED for each in found),
        late=sum(is_late(each, now_ms) for each in found),
        held=len(held),
        held_in_a_second=sum(each <= 1_000 for each in held),
        to_hold=_waits(held),
        to_delivery=_waits([took for each in found if (took := _delivery_ms(each)) is not None]),
    )


def is_late(request: Request, now_ms: int) -> bool:
    """Whether it was answered after its deadline, or is open after it."""
    if request.deadline_ms is None or answer_of(request) == UNANSWERED_LAPSE:
        return False
    took = _delivery_ms(request)
    ended_ms = request.received_ms + took if took is not None else request.closed_ms
    return (now_ms if ended_ms is None else ended_ms) > request.deadline_ms


def public_counts(requests: Iterable[Request], *, year: int, rules: Rules, k: int = K) -> list[PublicCount]:
    """Requests by kind of authority and first answer, small counts hidden so that totals do not tell them (ADR 15).

    As it was when the year ended: the same table for ever, so that two editions tell no more than one. Whoever asks
    sees to it that the year is over.
    """
    end_ms = end_of_ms(date(year, 12, 31), rules.zone)
    counted = Counter(
        (_kind(each, rules), _answered_by(each, end_ms)) for each in of_year(requests, year, rules)
    )
    if not counted:
        return []
    table = suppress(counted, k=k)
    keys = sorted(table, key=lambda key: (key[0] == TOTAL, key[0], key[1] == TOTAL, key[1]))
    return [PublicCount(kind=kind, answer=answer, count=table[kind, answer]) for kind, answer in keys]


def _answered_by(request: Request, end_ms: int) -> str:
    is_answered = request.answered_ms is not None and request.answered_ms < end_ms
    return request.first_answer.value if is_answered and request.first_answer is not None else PENDING


def _kind(request: Request, rules: Rules) -> str:
    return public_state(request, rules).authority_kind.value


def _counted(words: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(words).items()))


def _codes(requests: Iterable[Request], answer: str) -> Mapping[str, int]:
    return _counted(each.answer_code for each in requests if answer_of(each) == answer)


def _missing_minutes(request: Request) -> int:
    return sum(
        len({minute for missing in item.missing for minute in missing.minutes}) for item in request.asked
    )


def _delivery_ms(request: Request) -> int | None:
    first = min((each.at_ms for each in request.deliveries), default=None)
    return None if first is None else first - request.received_ms


def _waits(took: Sequence[int]) -> Waits:
    if not took:
        return Waits(count=0)
    ranked = sorted(took)
    return Waits(count=len(ranked), p50_ms=_rank(ranked, 0.5), p90_ms=_rank(ranked, 0.9))


def _rank(ranked: Sequence[int], share: float) -> int:
    """Nearest rank: the smallest value that at least ``share`` of all do not exceed."""
    return ranked[max(0, -(-len(ranked) * round(share * 100) // 100) - 1)]
