"""The register's holds for the deleter of the store (law 7): asked before each day, claimed before it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cior_core.errors import SourceUnavailable
from cior_core.people import LedgerEntry
from cior_register import holds
from cior_register.holds import Deletion
from cior_register.register import Register
from cior_store.expire import Hold, Outcome

_PATIENCE_S = 30.0
_DAY = timedelta(days=1)
PART = "cior.sink"
"""The actor of what retention deletes."""


class RegisterHolds:
    """``open_register`` is called once, when something is due; what it raises keeps everything."""

    def __init__(self, open_register: Callable[[], Register], *, now_ms: Callable[[], int]) -> None:
        self._open, self._now_ms = open_register, now_ms
        self._register: Register | None = None
        self._mark = -1

    def holds(self) -> Sequence[Hold]:
        """All that stand. Raises ``SourceUnavailable`` (``register.away``) or ``ConfigInvalid``: nothing is deleted."""
        now_ms = self._now_ms()
        found = self._opened().read_now(lambda each: holds.standing(each, now_ms=now_ms))
        self._mark = found.mark
        return [Hold(id=each.id, since_ms=each.since_ms, until_ms=each.until_ms) for each in found.holds]

    def claim(self, outcome: Outcome) -> None:
        """Write down what is about to go, in the ledger. Raises ``AccessDenied`` (``hold.placed_meanwhile``) when a
        hold was placed since the holds were asked, ``SourceUnavailable``: then it must not go.
        """
        deletion, mark = _deletion(outcome, self._now_ms()), self._mark
        entry = LedgerEntry(
            at_ms=deletion.at_ms,
            actor=PART,
            act="retention.delete",
            subject=f"{outcome.target} {outcome.day}".strip(),
        )
        claimed = self._opened().submit(entry, lambda each: holds.claim(each, deletion, mark=mark))
        try:
            claimed.result(_PATIENCE_S)
        except TimeoutError:
            raise SourceUnavailable("register.slow", "the register did not answer in time") from None

    def close(self) -> None:
        """Let the register go; idempotent."""
        if self._register is not None:
            self._register.close()
            self._register = None

    def _opened(self) -> Register:
        if self._register is None:
            self._register = self._open()
        return self._register


def _deletion(outcome: Outcome, at_ms: int) -> Deletion:
    """A day of receipt; what has no day (a media object) is gone whatever the time."""
    if not outcome.day:
        return Deletion(outcome.target, "", 0, 0, at_ms)
    start = datetime.fromisoformat(outcome.day).replace(tzinfo=UTC)
    since_ms, until_ms = (round(each.timestamp() * 1000) for each in (start, start + _DAY))
    return Deletion(outcome.target, outcome.day, since_ms, until_ms, at_ms)
