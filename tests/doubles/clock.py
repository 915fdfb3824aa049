"""A clock that stands still until a test moves it."""

from __future__ import annotations

T0_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z: when nothing else is said."""


class FakeClock:
    """The edge's clock (``cior_core.ports.Clock``) at ``at_ms``."""

    def __init__(self, at_ms: int = T0_MS) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def advance(self, ms: int) -> None:
        self.at_ms += ms
