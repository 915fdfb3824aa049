"""What is removed, and never what is held (law 7).

A segment goes when it is older than the retention, or, oldest first over all cameras, when the disk's reserve is
needed. Who asks: the recorder's own holds are files beside the footage; those of courts stand in the register, which is
asked first and told what is about to go (a claim), so that no hold that comes later says that it keeps it. A removal is
written in the index *before* the files go: a crash between leaves files that the next sweep takes, never a hole that
nothing explains. When holds of either kind cannot be read, nothing is removed: the reserve, and in the end the
recording, give way first.

Claims are entries of a ledger, so much goes by one: footage goes by slots of ten minutes, and what the reserve needs
goes a tenth of it further than it must.

Files are found by their names, which say camera, instant and number; so a segment counts as
:data:`cior_core.footage.LONGEST_MS` long, and up to a minute more than a hold asks for stays before it.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path

import structlog

from cior_core import footage
from cior_core.errors import AccessDenied, CiorError
from cior_core.footage import Removal, RemovalRule
from cior_core.model import Struct
from cior_recorder.court import Claimed, CourtHolds, CourtPort, Kept
from cior_recorder.disk import Room
from cior_recorder.holds import Holds, HoldsPort
from cior_recorder.ledger import Ledger

LOG = structlog.get_logger("cior.recorder.sweeping")
BATCH = 5_000
"""Files that one claim is about, at most."""
SLOT_MS = 600_000
"""What is over its time goes when all of its slot is."""
TRIES = 3
"""Holds may come while a sweep decides; then it asks again, so often."""


class Stored(Struct, frozen=True, kw_only=True):
    """A segment's file; ``path`` relative to the ring."""

    camera: str
    number: int
    start_ms: int
    path: str

    @property
    def day(self) -> str:
        """The day of the ring that it is of."""
        return footage.day_of(self.start_ms)

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
    """``sweep`` from one thread. ``ledgers`` by camera. ``court_bytes``: what only courts keep, each file once; weighed
    when their holds changed, and each slot.
    """

    def __init__(
        self,
        ring: Path,
        ledgers: Mapping[str, Ledger],
        *,
        holds: Holds,
        court: CourtPort,
        room: Callable[[], Room],
        now_ms: Callable[[], int],
    ) -> None:
        self._ring, self._ledgers, self._holds, self._court = ring, ledgers, holds, court
        self._room, self._now_ms = room, now_ms
        self._removed = self._freed = 0
        self._weighed: tuple[int, int] | None = None
        self.court_bytes = 0

    def sweep(self, *, keep_ms: int, reserve_bytes: int) -> Swept:
        """Remove what is over its time, then what the reserve needs. Raises ``OSError``."""
        self._removed = self._freed = 0
        is_blocked = False
        try:
            self._try(keep_ms=keep_ms, reserve_bytes=reserve_bytes)
        except CiorError as error:
            LOG.error("sweep_blocked", code=error.code)  # noqa: TRY400  (the code says it, a trace adds nothing)
            is_blocked = True
        return Swept(
            removed=self._removed,
            freed_bytes=self._freed,
            is_blocked=is_blocked,
            is_short=self._is_short(reserve_bytes),
        )

    def _try(self, *, keep_ms: int, reserve_bytes: int) -> None:
        """Until no hold came in between. Raises ``CiorError`` when nobody knows what is held."""
        for _ in range(TRIES):
            try:
                standing = self._court.standing()
                self._weigh(standing)
                for files, rule in self._due(standing, keep_ms=keep_ms, reserve_bytes=reserve_bytes):
                    self._court.claim(list(_claims(files)), mark=standing.mark)
                    self._remove(files, rule)
            except AccessDenied as error:
                LOG.info("sweep_asks_again", code=error.code)
            else:
                return

    def _weigh(self, standing: CourtHolds) -> None:
        seen = (standing.mark, self._now_ms() // SLOT_MS)
        if seen != self._weighed:
            kept = Kept(self._ledgers, own=(), court=standing.holds)
            self.court_bytes, self._weighed = _bytes_of(self._ring, kept), seen

    def _remove(self, files: list[Stored], rule: RemovalRule) -> None:
        ordered = sorted(files, key=lambda each: each.path)
        for (camera, _), part in groupby(ordered, key=lambda each: (each.camera, each.day)):
            ledger, now_ms = self._ledgers[camera], self._now_ms()
            with self._holds.locked():
                for size in removing(
                    list(part), rule, ring=self._ring, ledger=ledger, holds=self._holds, now_ms=now_ms
                ):
                    self._removed, self._freed = self._removed + (size is not None), self._freed + (size or 0)

    def _is_short(self, reserve_bytes: int) -> bool:
        return self._room().free_bytes < reserve_bytes

    def _due(
        self, standing: CourtHolds, *, keep_ms: int, reserve_bytes: int
    ) -> Iterator[tuple[list[Stored], RemovalRule]]:
        kept = Kept(self._ledgers, own=self._holds.active(), court=standing.holds)
        until_ms = (self._now_ms() - keep_ms - footage.LONGEST_MS) // SLOT_MS * SLOT_MS
        old = heapq.merge(*(self._before(each, until_ms) for each in self._ledgers), key=_age)
        while batch := list(islice(_free(old, kept), BATCH)):
            yield batch, RemovalRule.RETENTION
        if not self._is_short(reserve_bytes):
            return
        wanted_bytes = reserve_bytes + reserve_bytes // 10
        oldest = _free(heapq.merge(*map(self._oldest, self._ledgers), key=_age), kept)
        while self._is_short(wanted_bytes):
            batch = list(self._enough(oldest, wanted_bytes - self._room().free_bytes))
            if not batch:
                return
            yield batch, RemovalRule.RESERVE

    def _before(self, camera: str, until_ms: int) -> Iterator[Stored]:
        """Oldest first, those that begin before ``until_ms``."""
        for day in days_of(self._ring, camera):
            if day > footage.day_of(until_ms):
                return
            yield from stored(self._ring, camera, day, until_ms=until_ms - 1)

    def _oldest(self, camera: str) -> Iterator[Stored]:
        for day in days_of(self._ring, camera):
            yield from stored(self._ring, camera, day)

    def _enough(self, files: Iterator[Stored], wanted_bytes: int) -> Iterator[Stored]:
        """As many as free so much; what something else links frees nothing."""
        for count, each in enumerate(files, start=1):
            yield each
            found = (self._ring / each.path).stat()
            wanted_bytes -= found.st_size if found.st_nlink == 1 else 0
            if wanted_bytes <= 0 or count == BATCH:
                return


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
    kept = Kept({each.camera for each in files}, own=holds.active(), court=())
    free = list(_free(files, kept))
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


def stored(ring: Path, camera: str, day: str, *, until_ms: int | None = None) -> Iterator[Stored]:
    """The segments' files of a day, oldest first; ``until_ms``: those that begin by then."""
    for name in sorted(os.listdir(ring / camera / day)):  # noqa: PTH208  (tens of thousands, each half minute)
        clock, _, number = name.removesuffix(".mp4").partition("-")
        if not (name.endswith(".mp4") and clock.isdigit() and number.isdigit()):
            continue
        start_ms = footage.instant_of(day, clock)
        if until_ms is not None and start_ms > until_ms:
            return
        path = f"{camera}/{day}/{name}"
        yield Stored(camera=camera, number=int(number), start_ms=start_ms, path=path)


def _age(each: Stored) -> int:
    return each.start_ms


def _free(files: Iterable[Stored], kept: Kept) -> Iterator[Stored]:
    return (each for each in files if not kept.covers(each))


def _claims(files: Iterable[Stored]) -> Iterator[Claimed]:
    """What a register is told of files that go: neighbours of a camera and day together, in order of time."""
    first: Stored | None = None
    last: Stored | None = None
    for each in sorted(files, key=lambda one: (one.camera, one.start_ms)):
        if first and last and (each.camera, each.day) == (first.camera, first.day) and _touch(last, each):
            last = each
            continue
        if first and last:
            yield Claimed(first.camera, first.start_ms, last.end_ms)
        first = last = each
    if first and last:
        yield Claimed(first.camera, first.start_ms, last.end_ms)


def _touch(before: Stored, after: Stored) -> bool:
    return after.start_ms <= before.end_ms


def _runs(files: list[Stored]) -> Iterator[tuple[int, int]]:
    """Spans of consecutive numbers."""
    numbers = sorted(each.number for each in files)
    first = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[first], numbers[at - 1]
            first = at


def _bytes_of(ring: Path, kept: Kept) -> int:
    """Of the footage that is kept and that nothing else links."""
    sizes = 0
    for camera in kept.cameras():
        for day in days_of(ring, camera):
            for each in stored(ring, camera, day):
                if kept.covers(each):
                    found = (ring / each.path).stat()
                    sizes += found.st_size if found.st_nlink == 1 else 0
    return sizes
