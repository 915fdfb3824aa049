"""What is removed, and never what is held (law 7).

A segment goes when it is older than the retention, or, oldest first over all cameras, when the disk's reserve is
needed. A removal is written in the index *before* the files go: a crash between leaves files that the next sweep
takes, never a hole that nothing explains. When holds cannot be read, nothing is removed: the reserve, and in the end
the recording, give way first.

Files are found by their names, which say camera, instant and number; so a segment counts as
:data:`cior_core.footage.LONGEST_MS` long, and up to a minute more than a hold asks for stays before it.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog

from cior_core import footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import Removal, RemovalRule
from cior_core.model import Struct
from cior_recorder.disk import Room
from cior_recorder.holds import Hold, Holds, HoldsPort
from cior_recorder.ledger import Ledger

LOG = structlog.get_logger("cior.recorder.sweeping")
BATCH = 200


class Stored(Struct, frozen=True, kw_only=True):
    """A segment's file; ``path`` relative to the ring."""

    camera: str
    number: int
    start_ms: int
    path: str

    @property
    def end_ms(self) -> int:
        """Its latest possible end."""
        return self.start_ms + footage.LONGEST_MS


class Swept(Struct, frozen=True, kw_only=True):
    """What a sweep did; ``freed_bytes`` without files that something else links. ``is_short``: the reserve is not met,
    and nothing may be removed for it. ``is_blocked``: the holds could not be read.
    """

    removed: int = 0
    freed_bytes: int = 0
    is_short: bool = False
    is_blocked: bool = False


class Sweeper:
    """``sweep`` from one thread. ``ledgers`` by camera."""

    def __init__(
        self,
        ring: Path,
        ledgers: Mapping[str, Ledger],
        *,
        holds: Holds,
        room: Callable[[], Room],
        now_ms: Callable[[], int],
    ) -> None:
        self._ring, self._ledgers, self._holds, self._room, self._now_ms = ring, ledgers, holds, room, now_ms

    def sweep(self, *, keep_ms: int, reserve_bytes: int) -> Swept:
        """Remove what is over its time, then what the reserve needs. Raises ``OSError``."""
        removed = freed = 0
        try:
            for batch, rule in self._due(keep_ms=keep_ms, reserve_bytes=reserve_bytes):
                with self._holds.locked():
                    ledger, now_ms = self._ledgers[batch[0].camera], self._now_ms()
                    for size in removing(
                        batch, rule, ring=self._ring, ledger=ledger, holds=self._holds, now_ms=now_ms
                    ):
                        removed, freed = removed + (size is not None), freed + (size or 0)
        except IntegrityBroken as error:
            LOG.error("sweep_blocked", code=error.code)  # noqa: TRY400  (the code says it, a trace adds nothing)
            return Swept(
                removed=removed, freed_bytes=freed, is_blocked=True, is_short=self._is_short(reserve_bytes)
            )
        return Swept(removed=removed, freed_bytes=freed, is_short=self._is_short(reserve_bytes))

    def _is_short(self, reserve_bytes: int) -> bool:
        return self._room().free_bytes < reserve_bytes

    def _due(self, *, keep_ms: int, reserve_bytes: int) -> Iterator[tuple[list[Stored], RemovalRule]]:
        before_ms, held = self._now_ms() - keep_ms, self._holds.active()
        for camera in self._ledgers:
            for day in days_of(self._ring, camera):
                if day > footage.day_of(before_ms):
                    break
                old = stored(self._ring, camera, day, until_ms=before_ms - footage.LONGEST_MS)
                yield from ((part, RemovalRule.RETENTION) for part in _batches(_free(old, held)))
        if not self._is_short(reserve_bytes):
            return
        oldest = heapq.merge(*map(self._oldest, self._ledgers), key=lambda each: each.start_ms)
        for each in _free(oldest, held):
            if not self._is_short(reserve_bytes):
                return
            yield [each], RemovalRule.RESERVE

    def _oldest(self, camera: str) -> Iterator[Stored]:
        for day in days_of(self._ring, camera):
            yield from stored(self._ring, camera, day)


def removing(
    files: list[Stored],
    rule: RemovalRule,
    *,
    ring: Path,
    ledger: Ledger,
    holds: HoldsPort,
    now_ms: int,
) -> Iterator[int | None]:
    """The steps of removing files of one camera and day; yields None between steps, and for each file that is gone the
    bytes that this freed: none while something else links it.

    Raises ``IntegrityBroken`` when the holds do not answer: then nothing is removed. ``OSError``.
    """
    free = list(_free(files, holds.active()))
    yield None
    for first, last in _runs(free):
        size = sum((ring / each.path).stat().st_size for each in free if first <= each.number <= last)
        removal = Removal(
            camera=free[0].camera, first=first, last=last, size_bytes=size, at_ms=now_ms, rule=rule
        )
        ledger.append_to(footage.day_of(free[0].start_ms), removal)
        yield None
    for each in free:
        found = (ring / each.path).stat()
        (ring / each.path).unlink()
        yield found.st_size if found.st_nlink == 1 else 0


def days_of(ring: Path, camera: str) -> tuple[str, ...]:
    """Days of a camera with a folder, oldest first."""
    return tuple(sorted(each.name for each in (ring / camera).glob("????-??-??")))


def stored(ring: Path, camera: str, day: str, *, until_ms: int | None = None) -> list[Stored]:
    """The segments' files of a day, oldest first; ``until_ms``: those that begin by then."""
    found = []
    for name in sorted(os.listdir(ring / camera / day)):  # noqa: PTH208  (tens of thousands, each half minute)
        clock, _, number = name.removesuffix(".mp4").partition("-")
        if not (name.endswith(".mp4") and clock.isdigit() and number.isdigit()):
            continue
        start_ms = footage.instant_of(day, clock)
        if until_ms is not None and start_ms > until_ms:
            break
        found.append(
            Stored(camera=camera, number=int(number), start_ms=start_ms, path=f"{camera}/{day}/{name}")
        )
    return found


def _free(files: Iterator[Stored] | list[Stored], held: tuple[Hold, ...]) -> Iterator[Stored]:
    return (each for each in files if not any(hold.covers(each) for hold in held))


def _runs(files: list[Stored]) -> Iterator[tuple[int, int]]:
    """Spans of consecutive numbers."""
    numbers = sorted(each.number for each in files)
    first = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[first], numbers[at - 1]
            first = at


def _batches(files: Iterator[Stored]) -> Iterator[list[Stored]]:
    batch: list[Stored] = []
    for each in files:
        batch.append(each)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
