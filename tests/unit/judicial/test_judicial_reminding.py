"""Of what people are reminded, by a request as it stands and the time: each matter once, at its instant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, Span
from cior_core.judicial.calendars import deadline_ms
from cior_core.judicial.reminding import Matter, Reminder, reminders
from cior_core.judicial.state import Hold, HoldReason, Request
from cior_core.judicial.stepping import replay
from cior_core.privacy import LegalBasis
from cior_core.requests import RequestStatus
from integration.register.request_child import ITEM, NOW_MS, RULES

DAY_MS = 86_400_000
NOTICE_MS = RULES.jurisdiction.limits.notice_days * DAY_MS


def request(**changes: Any) -> Request:
    filing = Filing("fiscalia", "F", "21-1", "O", "motivo", (ITEM,), order=LegalBasis.PROSECUTOR_ORDER)
    acts: list[a.Act] = [
        a.File("p", NOW_MS, "r1", filing, ("c",)),
        a.Hold("s", NOW_MS),
        a.TakeUp("clerk", NOW_MS + 1),
    ]
    made = replay(acts, RULES)
    assert made is not None
    return msgspec.structs.replace(made, **changes)


def held_until(expires_ms: int | None) -> Hold:
    return Hold("h", "r1", HoldReason.ORDER, ("c",), Span(0, 60), NOW_MS, expires_ms)


def told(found: Request, now_ms: int) -> list[tuple[Matter, int]]:
    return [(each.matter, each.at_ms) for each in reminders(found, RULES, now_ms=now_ms)]


def test_a_deadline_is_told_a_day_before_and_when_it_is_over_and_never_once_it_was_answered() -> None:
    found = request(holds=())
    due_ms = found.deadline_ms
    assert due_ms is not None
    assert told(found, due_ms - DAY_MS - 1) == []
    assert told(found, due_ms - DAY_MS) == [(Matter.DEADLINE_SOON, due_ms)]
    assert told(found, due_ms) == [(Matter.DEADLINE_OVER, due_ms)]
    answered = msgspec.structs.replace(found, answered_ms=due_ms - DAY_MS)
    assert told(answered, due_ms) == []


@pytest.mark.parametrize("investigation", [True, False])
def test_the_deadline_is_that_of_the_requests_own_calendar(investigation: bool) -> None:
    """Two days of every kind for an investigation; five of the courts' own days for the rest."""
    filing = msgspec.structs.replace(request().filing, investigation=investigation)
    due_ms = deadline_ms(filing, NOW_MS, RULES)
    found = request(filing=filing, holds=(), deadline_ms=due_ms)
    assert told(found, due_ms) == [(Matter.DEADLINE_OVER, due_ms)]
    assert (due_ms - NOW_MS > 4 * DAY_MS) is not investigation


def test_a_hold_that_ends_is_told_and_one_without_an_end_is_not() -> None:
    ends_ms = NOW_MS + 400 * DAY_MS
    found = request(holds=(held_until(ends_ms), held_until(None)), answered_ms=NOW_MS)
    assert told(found, ends_ms - NOTICE_MS - 1) == []
    assert told(found, ends_ms - NOTICE_MS) == [(Matter.HOLD_ENDS, ends_ms)]
    assert told(found, ends_ms) == [(Matter.HOLD_ENDS, ends_ms)]
    assert told(found, ends_ms + 1) == []


def test_several_holds_that_end_together_are_told_as_one() -> None:
    ends_ms = NOW_MS + 10 * DAY_MS
    found = request(holds=(held_until(ends_ms), held_until(ends_ms)), answered_ms=NOW_MS)
    assert told(found, ends_ms) == [(Matter.HOLD_ENDS, ends_ms)]


def test_a_preservation_that_lapsed_is_told_also_to_who_was_off_and_not_after_a_month() -> None:
    found = request(state=RequestStatus.LAPSED, closed_ms=NOW_MS, holds=())
    assert told(found, NOW_MS) == [(Matter.LAPSED, NOW_MS)]
    assert told(found, NOW_MS + 30 * DAY_MS) == [(Matter.LAPSED, NOW_MS)]
    assert told(found, NOW_MS + 31 * DAY_MS) == []


def test_the_clock_of_retention_is_told_while_nobody_answered() -> None:
    found = request(holds=(), deadline_ms=None)
    kept_ms = found.expiry_ms
    assert kept_ms is not None
    assert told(found, kept_ms - NOTICE_MS) == [(Matter.RETENTION_SOON, kept_ms)]
    assert told(msgspec.structs.replace(found, state=RequestStatus.DELIVERED), kept_ms - NOTICE_MS) == []


def test_the_id_tells_request_matter_and_instant_apart_and_nothing_else() -> None:
    one = Reminder("r1", Matter.LAPSED, 1)
    others = {Reminder("r2", Matter.LAPSED, 1).id, Reminder("r1", Matter.HOLD_ENDS, 1).id}
    others.add(Reminder("r1", Matter.LAPSED, 2).id)
    assert one.id not in others
    assert len(others) == 3
    assert Reminder("r1", Matter.LAPSED, 1, drill=True).id == one.id
