"""The index of a day of which everything is gone becomes one line of its camera's past days, so that what a ring knows
of what it no longer has stays for years and takes no room to speak of: a day of 43,200 lines is 30 MB.

A day is ready when it is neither of the newest two of its camera, was over a day ago, has no segment's file, and
nothing holds any of its instants; where a segment is gone by no rule, not before it would have gone by its age. Who
holds is asked first, as by whoever removes (law 7). Beside the index, only files that no recorder could read again may
lie in such a day: they are claimed and go with it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from cior_bus.durable_file import sync_folder
from cior_core import footage
from cior_core.errors import AccessDenied, IntegrityBroken
from cior_core.footage import DAY_MS, PastDay
from cior_core.footage_past import DayWalk
from cior_core.model import Struct
from cior_recorder.court import Claimed, CourtPort, Kept
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from cior_recorder.segment_file import PART
from cior_recorder.sweeping import days_of

LOG = structlog.get_logger("cior.recorder.pruning")
BUDGET_BYTES = 64 * 1024 * 1024
"""So much of indexes is gone through a turn, and at least one day."""
BUDGET_DAYS = 50
"""A recorder that was off for a year has told of each of its days; the sweep is not held up by them."""
_STAY = 2


class _Whole(Struct, frozen=True):
    """A day of the ring, as a shot of its camera."""

    camera: str
    day: str

    @property
    def start_ms(self) -> int:
        """Its midnight."""
        return footage.instant_of(self.day, "000000000")

    @property
    def end_ms(self) -> int:
        """The latest end of what began in it."""
        return self.start_ms + DAY_MS + footage.LONGEST_MS


class Pruner:
    """``prune`` from one thread, the sweeper's. ``ledgers`` by camera."""

    def __init__(
        self,
        ring: Path,
        ledgers: Mapping[str, Ledger],
        *,
        holds: Holds,
        court: CourtPort,
        now_ms: Callable[[], int],
    ) -> None:
        self._ring, self._ledgers, self._holds, self._court = ring, ledgers, holds, court
        self._now_ms = now_ms
        self._later: dict[_Whole, float] = {}

    def prune(self, *, keep_ms: int, years: int) -> int:
        """How many days became past. ``years``: how long past days are known. Raises ``OSError``, and ``CiorError``
        when nobody knows what is held: then nothing is done.
        """
        standing = self._court.standing()
        kept = Kept(self._ledgers, own=self._holds.active(), court=standing.holds)
        done, left = 0, BUDGET_BYTES
        for whole in self._ready(kept):
            size = self._size(whole)
            if done and (size > left or done == BUDGET_DAYS):
                break
            left -= size
            try:
                done += self._reduce(whole, keep_ms=keep_ms, mark=standing.mark)
            except IntegrityBroken as error:
                LOG.error("day_stays", camera=whole.camera, day=whole.day, code=error.code)  # noqa: TRY400  (its code says it)
                self._later[whole] = math.inf
            except AccessDenied as error:
                LOG.info("prune_asks_again", code=error.code)
                break
        year = datetime.fromtimestamp(self._now_ms() / 1000, UTC).year
        for ledger in self._ledgers.values():
            ledger.forget_past(year - years)
        return done

    def _ready(self, kept: Kept) -> Iterator[_Whole]:
        """Days without a segment's file that nothing holds, oldest first within a camera, up to the first that has one:
        what is not held goes oldest first, and to look into each of thirty days at each sweep is not cheap.
        """
        for camera in self._ledgers:
            for day in days_of(self._ring, camera)[:-_STAY]:
                whole = _Whole(camera, day)
                if whole.end_ms + DAY_MS > self._now_ms():
                    break
                if kept.covers(whole) or self._later.get(whole, 0) > self._now_ms():
                    continue
                if self._has_segments(whole):
                    break
                yield whole

    def _has_segments(self, whole: _Whole) -> bool:
        with os.scandir(self._folder(whole)) as found:
            return any(each.name.endswith(".mp4") for each in found)

    def _size(self, whole: _Whole) -> int:
        try:
            return self._index(whole).stat().st_size
        except FileNotFoundError:
            return 0

    def _reduce(self, whole: _Whole, *, keep_ms: int, mark: int) -> bool:
        """Whether the day is past now. Raises ``IntegrityBroken``, ``AccessDenied``, ``OSError``."""
        aged_ms = whole.end_ms + keep_ms
        walk = self._walk(whole) if self._size(whole) else None
        size = self._size(whole)
        left = [each for each in self._folder(whole).iterdir() if each.name.endswith(PART)]
        if (left or (walk is not None and walk.unexplained)) and aged_ms > self._now_ms():
            self._later[whole] = aged_ms
            return False
        if left:
            self._court.claim([Claimed(whole.camera, whole.start_ms, whole.end_ms)], mark=mark)
        past = walk.past(self._now_ms()) if walk is not None else None
        for _ in reducing(self._folder(whole), past, ledger=self._ledgers[whole.camera], index_bytes=size):
            pass
        self._later.pop(whole, None)
        LOG.info("day_is_past", camera=whole.camera, day=whole.day, index_bytes=size, unreadable=len(left))
        return past is not None

    def _walk(self, whole: _Whole) -> DayWalk:
        walk = DayWalk(whole.camera, whole.day, named=self._ledgers[whole.camera].named(whole.day))
        with self._ledgers[whole.camera].mended(whole.day).open("rb") as file:
            for line in file:
                walk.take(line)
        return walk

    def _folder(self, whole: _Whole) -> Path:
        return self._ring / whole.camera / whole.day

    def _index(self, whole: _Whole) -> Path:
        return self._folder(whole) / footage.INDEX


def reducing(folder: Path, past: PastDay | None, *, ledger: Ledger, index_bytes: int) -> Iterator[str]:
    """The steps of a day becoming past (None: it has no index); a process may die between any two. Only when the line
    stands does the index go, and the folder last. Raises ``OSError``, ``IntegrityBroken``.
    """
    if past is not None:
        yield from ledger.becoming_past(past, index_bytes)
        if (folder / footage.INDEX).exists():
            return
    for path in sorted(folder.glob(f"*{PART}")):
        path.unlink()
        yield "unreadable"
    with suppress(OSError):  # whatever else somebody laid there is not ours to remove
        folder.rmdir()
        sync_folder(folder.parent)
    yield "folder"
