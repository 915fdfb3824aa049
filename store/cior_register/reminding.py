"""Reminders of requests on their way to people: told, then in the ledger that they were. The ledger is the outbox: what
it does not say is told again, and by its id a reminder that was told twice rings once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.reminding import STILL_TOLD_MS, Reminder, reminders
from cior_core.people import LedgerEntry
from cior_core.requests import RequestStatus
from cior_register import ledger, requests
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register
from cior_register.request_clock import PART
from cior_register.requests import RequestQuestion
from cior_register.writer import nothing

REMINDED = "request.reminded"
"""The act of the ledger: somebody was told about a request."""
_PAGE = 1_000
_PATIENCE_S = 30.0
_MOST = 5_000


class Reminding:
    """``look`` tells what is due and was not told. ``tell`` returns once it is durable on its way, or raises what keeps
    it from being so; then it is due at the next look.
    """

    def __init__(
        self,
        register: Register,
        rules: Rules,
        tell: Callable[[Sequence[Reminder]], object],
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._register, self._rules, self._tell, self._now_ms = register, rules, tell, now_ms
        self._told: set[str] | None = None

    def look(self) -> None:
        """Raises ``SourceUnavailable``."""
        now_ms = self._now_ms()
        if self._told is None:
            self._told = set(self._register.read_now(lambda each: list(_told(each, now_ms))))
        for each in self._register.read_now(lambda connection: list(_due(connection, self._rules, now_ms))):
            if each.id not in self._told:
                self._tell([each])
                self._note(each, now_ms)
                self._told.add(each.id)

    def _note(self, told: Reminder, now_ms: int) -> None:
        entry = LedgerEntry(
            at_ms=now_ms, actor=PART, act=REMINDED, subject=told.request,
            detail={"reminder": told.id, "matter": told.matter.value, "at_ms": told.at_ms},
        )  # fmt: skip
        self._register.submit(entry, nothing).result(_PATIENCE_S)


def _due(connection: Any, rules: Rules, now_ms: int) -> Iterator[Reminder]:
    for state in RequestStatus:
        for request in requests.asked(connection, RequestQuestion(state=state.value, limit=_MOST)):
            yield from reminders(request, rules, now_ms=now_ms)


def _told(connection: Any, now_ms: int) -> Iterator[str]:
    """Ids of what the ledger says was told, as far back as anything is told."""
    before: int | None = None
    while True:
        asked = LedgerQuestion(
            act=REMINDED, since_ms=now_ms - 2 * STILL_TOLD_MS, before_seq=before, limit=_PAGE
        )
        rows = ledger.rows(connection, asked)
        yield from (str(row.entry.detail.get("reminder", "")) for row in rows)
        if len(rows) < _PAGE:
            return
        before = rows[-1].place.seq
