"""The register's holds for the deleter of the store (law 7): asked before each day, claimed before it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cior_register.deleting import Deleter
from cior_register.holds import Deletion
from cior_store.expire import Hold, Outcome

_DAY = timedelta(days=1)
PART = "cior.sink"
"""The actor of what retention deletes."""


class RegisterHolds:
    """What ``deleter`` raises keeps everything."""

    def __init__(self, deleter: Deleter, *, now_ms: Callable[[], int]) -> None:
        self._deleter, self._now_ms = deleter, now_ms
        self._mark = -1

    def holds(self) -> Sequence[Hold]:
        """All that stand. Raises as :meth:`Deleter.standing`: nothing is deleted."""
        found = self._deleter.standing()
        self._mark = found.mark
        return [Hold(id=each.id, since_ms=each.since_ms, until_ms=each.until_ms) for each in found.holds]

    def claim(self, outcome: Outcome) -> None:
        """Write down what is about to go, in the ledger. Raises as :meth:`Deleter.claim`: then it must not go."""
        subject = f"{outcome.target} {outcome.day}".strip()
        self._deleter.claim([_deletion(outcome, self._now_ms())], mark=self._mark, subject=subject)

    def close(self) -> None:
        """Let the register go; idempotent."""
        self._deleter.close()


def _deletion(outcome: Outcome, at_ms: int) -> Deletion:
    """A day of receipt; what has no day (a media object) is gone whatever the time."""
    if not outcome.day:
        return Deletion(outcome.target, "", 0, 0, at_ms)
    start = datetime.fromisoformat(outcome.day).replace(tzinfo=UTC)
    since_ms, until_ms = (round(each.timestamp() * 1000) for each in (start, start + _DAY))
    return Deletion(outcome.target, outcome.day, since_ms, until_ms, at_ms)
