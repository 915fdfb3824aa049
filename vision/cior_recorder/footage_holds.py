"""The register's holds for a recorder, which knows no register: asked before it removes footage, told what goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cior_core.rfc3339 import to_rfc3339
from cior_recorder.court import Claimed, CourtHold, CourtHolds
from cior_register.deleting import Deleter
from cior_register.holds import Deletion, footage_of

_NAMED = 100
"""Characters of cameras that an entry names; all of them are in the claim."""


class FootageHolds:
    """What ``deleter`` raises keeps all footage. ``name``: the recorder's."""

    def __init__(self, deleter: Deleter, *, name: str, now_ms: Callable[[], int]) -> None:
        self._deleter, self._name, self._now_ms = deleter, name, now_ms

    def standing(self) -> CourtHolds:
        """All that stand. Raises as :meth:`Deleter.standing`."""
        found = self._deleter.standing()
        return CourtHolds(
            found.mark,
            tuple(
                CourtHold(each.cameras, each.since_ms, each.until_ms, each.expires_ms) for each in found.holds
            ),
        )

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        """In one entry of the ledger. Raises as :meth:`Deleter.claim`."""
        at_ms = self._now_ms()
        deletions = [_deletion(each, at_ms) for each in claimed]
        self._deleter.claim(deletions, mark=mark, subject=f"footage {self._name} {_told(claimed)}")

    def close(self) -> None:
        """Let the register go; idempotent."""
        self._deleter.close()


def _deletion(claimed: Claimed, at_ms: int) -> Deletion:
    day = to_rfc3339(claimed.from_ms)[: len("2026-11-27T12:00:00")]
    return Deletion(footage_of(claimed.camera), day, claimed.from_ms, claimed.to_ms, at_ms)


def _told(claimed: Sequence[Claimed]) -> str:
    cameras = " ".join(sorted({each.camera for each in claimed}))
    short = cameras if len(cameras) <= _NAMED else f"{cameras[:_NAMED]}…"
    return f"{to_rfc3339(min(each.from_ms for each in claimed))[:19]} {short}"
