"""Reminders of requests: the ledger says what was told, so a kill, a bus that is away and a restart lose none and
double none.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cior_core.errors import SourceUnavailable
from cior_core.judicial.reminding import Matter, Reminder
from cior_register import ledger, requests
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register
from cior_register.reminding import REMINDED, Reminding
from integration.register.request_child import RULES, file


class Told(list[Reminder]):
    """What reached the bus; ``away``: it takes nothing."""

    is_away = False

    def tell(self, found: Sequence[Reminder]) -> None:
        if self.is_away:
            raise SourceUnavailable("bus.away", "away")
        self.extend(found)


def due_ms(register: Register, request_id: str) -> int:
    found = register.read_now(lambda each: requests.the(each, request_id)).deadline_ms
    assert found is not None
    return found


def rows(register: Register) -> list[tuple[str, str]]:
    found = register.read_now(lambda each: ledger.rows(each, LedgerQuestion(act=REMINDED)))
    return [(row.entry.subject, str(row.entry.detail["matter"])) for row in found]


def test_what_is_due_is_told_once_and_stands_in_the_ledger(register: Register) -> None:
    for name in ("r1", "r2"):
        file(register, name)
    told, now_ms = Told(), due_ms(register, "r1")
    Reminding(register, RULES, told.tell, now_ms=lambda: now_ms - 10 * 86_400_000).look()
    assert told == []
    part = Reminding(register, RULES, told.tell, now_ms=lambda: now_ms)
    part.look()
    part.look()
    assert sorted((each.request, each.matter) for each in told) == [
        ("r1", Matter.DEADLINE_OVER), ("r2", Matter.DEADLINE_OVER),
    ]  # fmt: skip
    assert sorted(rows(register)) == [("r1", "deadline_over"), ("r2", "deadline_over")]
    Reminding(register, RULES, told.tell, now_ms=lambda: now_ms).look()
    assert len(told) == 2, "another process tells nobody again"


def test_while_the_bus_is_away_nothing_is_said_to_be_told_and_then_it_is(register: Register) -> None:
    file(register, "r1")
    told, now_ms = Told(), due_ms(register, "r1")
    part = Reminding(register, RULES, told.tell, now_ms=lambda: now_ms)
    told.is_away = True
    with pytest.raises(SourceUnavailable):
        part.look()
    assert rows(register) == []
    told.is_away = False
    part.look()
    assert [each.matter for each in told] == [Matter.DEADLINE_OVER]


def test_killed_between_the_bus_and_the_ledger_it_is_told_again_under_its_own_id(register: Register) -> None:
    class Killed(BaseException):
        """Nothing catches it."""

    file(register, "r1")
    told, now_ms = Told(), due_ms(register, "r1")

    def killed(found: Sequence[Reminder]) -> None:
        told.tell(found)
        raise Killed

    with pytest.raises(Killed):
        Reminding(register, RULES, killed, now_ms=lambda: now_ms).look()
    Reminding(register, RULES, told.tell, now_ms=lambda: now_ms).look()
    assert len(told) == 2
    assert len({each.id for each in told}) == 1
    assert rows(register) == [("r1", "deadline_over")]
