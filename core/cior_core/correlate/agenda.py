"""A persistent ordered set of instants: what is due until now, what lies near an instant; one entry more or less copies
one small run.

What it holds follows from what the area remembers, so it is never stored: it is made again with the state (law 5).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Final

import msgspec

Entry = tuple[int, str, int]
"""An instant (UTC ms), whose it is, and a number that its reader gave it."""

_RUN: Final = 256
_EVER_MS: Final = 1 << 60
Run = tuple[Entry, ...]


class Agenda(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Immutable; :meth:`put` and :meth:`drop` return a new one. Two are equal when they hold the same entries."""

    _runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Agenda:
        """One of ``entries``, in one pass."""
        ordered = sorted(set(entries))
        half = _RUN // 2
        return cls(tuple(tuple(ordered[at : at + half]) for at in range(0, len(ordered), half)))

    def put(self, entry: Entry) -> Agenda:
        """With ``entry``; itself when it holds it."""
        if not self._runs:
            return Agenda(((entry,),))
        at, place = self._find(entry)
        run = self._runs[at]
        if place < len(run) and run[place] == entry:
            return self
        if place == len(run) and at == len(self._runs) - 1 and place >= _RUN:
            return Agenda((*self._runs, (entry,)))  # time goes on: full runs stay as they are
        # Sums, not stars: a sum of tuples copies in one go.
        grown = run[:place] + (entry,) + run[place:]  # noqa: RUF005
        half = _RUN // 2
        new = (grown,) if len(grown) <= _RUN else (grown[:half], grown[half:])
        return Agenda(self._runs[:at] + new + self._runs[at + 1 :])

    def drop(self, entry: Entry) -> Agenda:
        """Without ``entry``; itself when it does not hold it."""
        if not self._runs:
            return self
        at, place = self._find(entry)
        run = self._runs[at]
        if place == len(run) or run[place] != entry:
            return self
        left = run[:place] + run[place + 1 :]
        return Agenda(self._runs[:at] + ((left,) if left else ()) + self._runs[at + 1 :])

    def until(self, last_ms: int, *, limit: int | None = None) -> list[Entry]:
        """The entries not later than ``last_ms``, the earliest first, ``limit`` at most."""
        return list(islice(takewhile(lambda entry: entry[0] <= last_ms, iter(self)), limit))

    def around(self, at_ms: int, within_ms: int | None, *, limit: int) -> list[Entry]:
        """The entries at most ``within_ms`` away from ``at_ms`` (None: any), the nearest ``limit`` of each side."""
        if not self._runs:
            return []
        far = _EVER_MS if within_ms is None else within_ms
        run = self._runs[0]
        if len(self._runs) == 1 and len(run) <= limit:  # as under most keys
            place = bisect_left(run, (at_ms, "", 0))
            since = bisect_left(run, (at_ms - far, "", 0), 0, place)
            return [*run[place : bisect_left(run, (at_ms + far + 1, "", 0), place)], *run[since:place][::-1]]
        at, place = self._find((at_ms, "", 0))
        later, earlier = (
            self._later(at, place, at_ms + far, limit),
            self._earlier(at, place, at_ms - far, limit),
        )
        return [*later, *earlier]

    def _later(self, at: int, place: int, last_ms: int, limit: int) -> list[Entry]:
        """From a place on, the earliest first; nothing after ``last_ms``."""
        found: list[Entry] = []
        end: Entry = (last_ms + 1, "", 0)
        for run in islice(self._runs, at, None):
            upto = bisect_left(run, end, place)
            found += run[place : min(upto, place + limit - len(found))]
            if upto < len(run) or len(found) >= limit:
                break
            place = 0
        return found

    def _earlier(self, at: int, place: int, first_ms: int, limit: int) -> list[Entry]:
        """Before a place, the latest first; nothing before ``first_ms``."""
        found: list[Entry] = []
        begin: Entry = (first_ms, "", 0)
        for n in range(at, -1, -1):
            run = self._runs[n]
            upto = place if n == at else len(run)
            since = bisect_left(run, begin, 0, upto)
            found += reversed(run[max(since, upto - limit + len(found)) : upto])
            if since > 0 or len(found) >= limit:
                break
        return found

    def _find(self, entry: Entry) -> tuple[int, int]:
        """(the run that ``entry`` belongs to, its place there)."""
        last = self._runs[-1]
        if last[-1] < entry:  # most are: time goes on
            return len(self._runs) - 1, len(last)
        at = max(0, bisect_right(self._runs, entry, key=_first) - 1)
        return at, bisect_left(self._runs[at], entry)

    def __iter__(self) -> Iterator[Entry]:
        for run in self._runs:
            yield from run

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Agenda) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable

    def __repr__(self) -> str:
        return f"Agenda({list(self)!r})"


def _first(run: Run) -> Entry:
    return run[0]
