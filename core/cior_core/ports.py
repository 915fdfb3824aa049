"""What the rooms ask of the outside world, as protocols.

Implementations live at the edges; tests have in-memory twins.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The one reading of the wall clock (law 6). Edges hold one; the core never does."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        ...
