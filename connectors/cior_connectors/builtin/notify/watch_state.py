"""Whether the centre is well, as seen from another machine: what a look said, and when to ring. Pure.

One look that fails is nothing: so many in a row ring, and as many good ones end it.
"""

from __future__ import annotations

from typing import Final

from cior_core.model import Struct

SILENT: Final = "silent"
LATE: Final = "late"
WAITING: Final = "waiting"
METRICS: Final = "metrics"
CLOCK: Final = "clock"


class Bounds(Struct, frozen=True, kw_only=True):
    """When it rings. ``misses``: bad looks in a row; ``waiting_s``: age of the oldest press that nobody processed;
    ``clock_s``: how far the centre's clock may jump; ``again_s``: how often it rings again while nothing changes.
    """

    misses: int = 2
    waiting_s: float = 30.0
    clock_s: float = 5.0
    again_s: float = 300.0


class Look(Struct, frozen=True, kw_only=True):
    """What one look saw. ``at_s``: our clock that nobody sets (seconds); the rest is the centre's word.

    ``centre_s``: its clock (Unix seconds), None when it did not answer. ``waiting_s``: age of its oldest press, None
    when nobody says it. ``has_metrics``: whether those who were asked for it answered.
    """

    at_s: float
    centre_s: float | None = None
    is_late: bool = False
    waiting_s: float | None = None
    has_metrics: bool = True


class Trouble(Struct, frozen=True, kw_only=True):
    """One thing that is wrong and its measure in seconds."""

    code: str
    seconds: float = 0.0


class Call(Struct, frozen=True, kw_only=True):
    """Ring now: what is wrong since ``since_s``. ``is_over``: nothing is any more, after ``lasted_s``."""

    since_s: float
    troubles: tuple[Trouble, ...] = ()
    is_over: bool = False
    lasted_s: float = 0.0


class CentreWatch:
    """Feed it with :meth:`looked`, in order."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._bad, self._good = 0, 0
        self._first_bad_s = 0.0
        self._rang_s: float | None = None
        self._offset_s: float | None = None
        self._told: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it rings now; empty: all is well, or not yet sure."""
        return self._told if self._rang_s is not None else ()

    def looked(self, look: Look) -> Call | None:
        """Whether to ring after this look."""
        troubles = self._troubles(look)
        if troubles:
            return self._is_bad(look, troubles)
        self._bad = 0
        return self._is_good(look)

    def _is_bad(self, look: Look, troubles: tuple[Trouble, ...]) -> Call | None:
        self._good = 0
        self._bad += 1
        if self._bad == 1 and self._rang_s is None:
            self._first_bad_s = look.at_s
        if self._bad < self._bounds.misses:
            return None
        codes = tuple(each.code for each in troubles)
        is_due = self._rang_s is None or look.at_s - self._rang_s >= self._bounds.again_s
        if not is_due and codes == self._told:
            return None
        if CLOCK in codes:  # told; from here on it is the clock that the centre has
            self._offset_s = self._measured(look)
        self._rang_s, self._told = look.at_s, codes
        return Call(since_s=self._first_bad_s, troubles=troubles)

    def _is_good(self, look: Look) -> Call | None:
        self._good += 1
        if self._rang_s is None or self._good < self._bounds.misses:
            return None
        self._rang_s, self._told = None, ()
        return Call(since_s=self._first_bad_s, is_over=True, lasted_s=look.at_s - self._first_bad_s)

    def _troubles(self, look: Look) -> tuple[Trouble, ...]:
        if look.centre_s is None:
            since_s = look.at_s if self._bad == 0 and self._rang_s is None else self._first_bad_s
            return (Trouble(code=SILENT, seconds=look.at_s - since_s),)
        found = [Trouble(code=LATE)] if look.is_late else []
        if not look.has_metrics:
            found.append(Trouble(code=METRICS))
        if look.waiting_s is not None and look.waiting_s > self._bounds.waiting_s:
            found.append(Trouble(code=WAITING, seconds=look.waiting_s))
        if (jump_s := self._jump_s(look)) is not None:
            found.append(Trouble(code=CLOCK, seconds=jump_s))
        return tuple(found)

    def _jump_s(self, look: Look) -> float | None:
        """How far its clock jumped since it was last believed; what drifts slowly is followed."""
        offset_s = self._measured(look)
        if self._offset_s is None or abs(offset_s - self._offset_s) <= self._bounds.clock_s:
            self._offset_s = offset_s
            return None
        return offset_s - self._offset_s

    @staticmethod
    def _measured(look: Look) -> float:
        assert look.centre_s is not None
        return look.centre_s - look.at_s
