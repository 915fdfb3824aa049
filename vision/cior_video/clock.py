"""The only place of this room that reads a clock (law 6). Everything behind it is told the time."""

from __future__ import annotations

import time
from typing import Protocol


class EdgeClock(Protocol):
    """Wall clock for evidence, monotonic clock for waiting and for silence."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds of ``CLOCK_MONOTONIC``."""
        return time.monotonic()


class StandingClock:
    """A clock that does not run: a replay happens at the instant it is told, and can be repeated byte for byte."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The instant given."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """The same instant in seconds."""
        return self._now_ms / 1000
