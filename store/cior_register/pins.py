"""How far the ledger stands on signed pages outside the database. What must not leave before its page waits here (law
15): who signs pages tells, who holds something back waits.
"""

from __future__ import annotations

import threading

from cior_core.errors import CiorError, SourceUnavailable


class Pins:
    """``wanted`` wakes whoever signs pages. ``kept`` and ``failed`` are told by that thread, any may ``wait``."""

    def __init__(self, wanted: threading.Event) -> None:
        self._wanted = wanted
        self._changed = threading.Condition()
        self._seq = self._failures = 0
        self._fault: CiorError | None = None

    def kept(self, seq: int) -> None:
        """A page says how the ledger was at its entry ``seq``."""
        with self._changed:
            self._seq = seq
            self._changed.notify_all()

    def failed(self, fault: CiorError) -> None:
        """The page that was to be written now is not there."""
        with self._changed:
            self._fault = fault
            self._failures += 1
            self._changed.notify_all()

    def wait(self, seq: int, *, patience_s: float) -> None:
        """Return once a page covers entry ``seq``. Raises ``SourceUnavailable`` (``checkpoint.unwritten``)."""
        with self._changed:
            before = self._failures
            self._wanted.set()
            self._changed.wait_for(lambda: self._seq >= seq or self._failures > before, patience_s)
            if self._seq < seq:
                raise _unwritten(self._fault if self._failures > before else None)


def _unwritten(fault: CiorError | None) -> SourceUnavailable:
    why = f" ({fault.code})" if fault is not None else ""
    return SourceUnavailable(
        "checkpoint.unwritten",
        f"no signed page of the ledger was written in time{why}",
        cure="give the folder `checkpoints/register` room and the console the right to write there",
    )
