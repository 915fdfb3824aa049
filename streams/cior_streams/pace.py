"""How much of what may wait is let into the area log at once, so that a press waits for a bounded time behind it.

Pure; the worker feeds it with how long its entries took.
"""

from __future__ import annotations

from typing import Final

ENTRY_S: Final = 0.08
"""What one entry should take. At most two whole ones lie before a press."""
WORK_S: Final = ENTRY_S / 2
"""What its steps may take, however long its confirmation does: that is no shorter for fewer items."""
WIDTH_MAX: Final = 64
"""Items in one entry, however fast the machine is."""
ENTRIES_MAX: Final = 4
"""Entries before a press, however small they are: each is confirmed for itself."""
_WIDTH_FIRST: Final = 8
_GROWS, _SHRINKS = 1.5, 0.5


class Pace:
    """Begins narrow, widens while entries take less than :data:`ENTRY_S`, and narrows at once when they take longer.

    Where confirmations alone take longer than that (a busy broker), narrower entries would only be more of them: one
    item an entry is thirty a second, and no press waits less. So what the steps take decides then.
    """

    def __init__(self, entry_s: float = ENTRY_S) -> None:
        self._entry_s, self._width = entry_s, float(_WIDTH_FIRST)

    @property
    def width(self) -> int:
        """Items that one entry may hold."""
        return int(self._width)

    def done(self, items: int, took_s: float, work_s: float | None = None) -> None:
        """An entry of so many items was processed in ``took_s``, from when its turn came; ``work_s`` of it was work on
        its items (None: all), the rest waiting.
        """
        work_s = took_s if work_s is None else min(work_s, took_s)
        budget_s = max(self._entry_s - (took_s - work_s), self._entry_s * WORK_S / ENTRY_S)
        factor = min(_GROWS, max(_SHRINKS, budget_s / max(work_s, 1e-6)))
        # A narrow entry that was quick says nothing about a wide one.
        if factor < 1 or items >= self.width:
            self._width = min(float(WIDTH_MAX), max(1.0, self._width * factor))

    def room(self, items: int, entries: int) -> int:
        """How many more may go in when so many items in so many entries wait there; none: 0."""
        if entries >= ENTRIES_MAX:
            return 0
        return max(0, min(self.width, 2 * self.width - items))
