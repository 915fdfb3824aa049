"""Which of the centre's keys names a thing: the one that was the centre's when it happened (law 17).

After a rotation the same press must keep its name, or its retransmission would ring as a second one. So what happened
before the rotation, and is told while it may still be told again, is named with the key of its time. Pure.
"""

from __future__ import annotations

from typing import Final

from cior_core.model import Struct

REMEMBERED_MS: Final = 72 * 3_600_000
"""How long after a rotation the old key still names what happened before it: as long as the correlator knows ids."""


class RetiredKey(Struct, frozen=True, kw_only=True):
    """A key that was the centre's until ``until_ms`` (UTC), and names what is older for ``remembered_ms`` more."""

    key: bytes
    until_ms: int
    remembered_ms: int = REMEMBERED_MS

    def __repr__(self) -> str:
        return "RetiredKey(***)"

    def is_remembered(self, now_ms: int) -> bool:
        """Whether marks that were written with it still count."""
        return now_ms < self.until_ms + self.remembered_ms

    def names(self, occurred_ms: int, *, received_ms: int) -> bool:
        """Whether what happened at ``occurred_ms`` and was heard at ``received_ms`` has its name from this key."""
        return occurred_ms < self.until_ms and self.is_remembered(received_ms)
