"""What is held is copied into a bucket that locks it, segment by segment, each proven against the chain of its day.

The ring stays where footage is recorded, and is the spool: a held segment lies there as long as its hold, copied or
not, so nothing is lost while the bucket is away. All that is remembered is how far each day was gone through; a process
that begins anew goes through the held days once more, and finds what is copied by its receipts (:mod:`copy_notes`) or
in the bucket itself.

With the segments of a day goes the part of its index that they are in, whole lines from the first to the last, so that
whoever has the bucket alone can check the chain and see the gaps.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from cior_bus.metrics import Metrics
from cior_core import footage
from cior_core.errors import CiorError
from cior_core.footage import Entry, Segment
from cior_recorder import metrics as m
from cior_recorder.copy_notes import Note, Notes
from cior_recorder.copy_plan import Held, Plan, lock_of, of_day, planned, together
from cior_recorder.court import CourtHold, CourtPort
from cior_recorder.holds import Hold, Holds
from cior_store.locked import Kept, Lock, LockedBucket

LOG = structlog.get_logger("cior.recorder.copying")
BUDGET: Final = 200
"""So many objects a look: holds that come meanwhile are asked for again before the next."""
_CHUNK_BYTES: Final = 1_048_576


class Pause(Protocol):
    """Who keeps the copying from taking all of a line or disk."""

    def __call__(self, size_bytes: int, /) -> None:
        """Wait as long as so much may take. Raises :class:`Stopped`."""
        ...


class Stopped(Exception):
    """The process ends."""


@dataclass
class _Day:
    """How far a day was gone through for what holds it. ``part``: first and last byte of the lines that are held;
    ``lapses_ms``: of a day that nothing holds any more, when the last of it may be deleted.
    """

    held: tuple[Held, ...]
    may_lift: bool
    offset: int = 0
    part: tuple[int, int] | None = None
    is_told: bool = False
    lapses_ms: int | None = None


@dataclass(frozen=True)
class Where:
    """``prefix``: what names of objects begin with, ending in ``/`` or empty; ``ring``: of ``cameras``."""

    ring: Path
    cameras: tuple[str, ...]
    prefix: str


class FootageCopier:
    """:meth:`look` from one thread. ``court``: its own, not the sweeper's."""

    def __init__(
        self,
        where: Where,
        *,
        notes: Notes,
        holds: Holds,
        court: CourtPort,
        now_ms: Callable[[], int],
        metrics: Metrics,
        pause: Pause = lambda _: None,
    ) -> None:
        self._where, self._cameras, self._notes = where, where.cameras, notes
        self._holds, self._court, self._now_ms, self._metrics = holds, court, now_ms, metrics
        self._pause = pause
        self._days: dict[tuple[str, str], _Day] = {}
        self._known: tuple[CourtHold, ...] = ()
        self._left = 0

    def look(self, bucket: LockedBucket) -> bool:
        """Copy and lock what is held, lift what is not any more; whether there is more than one look may do.

        Raises what :class:`LockedBucket` raises, ``OSError``, and :class:`Stopped`.
        """
        self._left = BUDGET
        plan, may_lift = self._plan()
        wanted = self._wanted_days(plan)
        self._days = {each: state for each, state in self._days.items() if each in set(wanted)}
        for camera, day in wanted:
            held = of_day(plan.get(camera, ()), day)
            state = self._state(camera, day, held, may_lift=may_lift)
            walked = (
                self._held_day(bucket, camera, day, state)
                if held
                else self._free_day(bucket, camera, day, state)
            )
            if not walked:
                return True
        return False

    def _plan(self) -> tuple[Plan, bool]:
        """What is held, and whether all who hold answered: nothing is unlocked because nobody answers."""
        may_lift, own = True, tuple[Hold, ...]()
        try:
            own = self._holds.active()
        except CiorError as error:
            LOG.warning("holds_unknown", code=error.code)
            may_lift = False
        try:
            self._known = self._court.standing().holds
        except CiorError as error:
            LOG.warning("holds_unknown", code=error.code)
            may_lift = False
        return planned(self._cameras, own=own, court=self._known, now_ms=self._now_ms()), may_lift

    def _wanted_days(self, plan: Plan) -> list[tuple[str, str]]:
        """Days of which something is held or was copied: first those that a protocol holds, which are short."""
        wanted = {
            (camera, path.parent.name): any(each.is_own for each in of_day(plan[camera], path.parent.name))
            for camera in self._cameras
            if plan[camera]
            for path in (self._where.ring / camera).glob(f"*/{footage.INDEX}")
            if of_day(plan[camera], path.parent.name)
        }
        for each in self._notes.days():
            wanted.setdefault(each, False)
        return sorted(wanted, key=lambda each: (not wanted[each], each[1], each[0]))

    # --- a day ----------------------------------------------------------------------------------------------

    def _state(self, camera: str, day: str, held: tuple[Held, ...], *, may_lift: bool) -> _Day:
        """Gone through from its beginning when what holds it changed."""
        state = self._days.get((camera, day))
        if state is None or (state.held, state.may_lift) != (held, may_lift):
            state = self._days[camera, day] = _Day(held, may_lift)
        return state

    def _held_day(self, bucket: LockedBucket, camera: str, day: str, state: _Day) -> bool:
        """Whether all of it that stands in the index is done."""
        path = self._where.ring / footage.index_path(camera, day)
        if not path.exists():  # all of it was gone before the hold came
            return self._relocked(bucket, camera, day, state)
        if state.offset < path.stat().st_size:
            notes = self._notes.of(camera, day)
            for start, end, entry in _lines(path, state.offset):
                segment = entry.record
                if isinstance(segment, Segment):
                    if not self._segment(bucket, segment, entry, state=state, note=notes.get(segment.path)):
                        return False
                    if lock_of(state.held, segment) is not None:
                        state.part = ((state.part or (start, end))[0], end)
                state.offset = end
        return self._indexed(bucket, camera, day, state)

    def _relocked(self, bucket: LockedBucket, camera: str, day: str, state: _Day) -> bool:
        """What was copied once, of a day that the ring does not have any more: for all that holds the day now."""
        lock = together(each.lock for each in state.held)
        notes = self._notes.of(camera, day).values()
        return all(self._locked_as(bucket, camera, each, lock, may_lift=state.may_lift) for each in notes)

    def _free_day(self, bucket: LockedBucket, camera: str, day: str, state: _Day) -> bool:
        """What nothing holds any more is open no more; receipts go with the last lock."""
        if state.lapses_ms is not None and state.lapses_ms > self._now_ms():
            return True
        for note in self._notes.of(camera, day).values():
            if not self._locked_as(bucket, camera, note, None, may_lift=state.may_lift):
                return False
        locks = [each.kept.lock for each in self._notes.of(camera, day).values()]
        if not any(each.is_open for each in locks):
            state.lapses_ms = max((each.until_ms or 0 for each in locks), default=0)
            if state.lapses_ms <= self._now_ms():
                self._notes.drop(camera, day)
        return True

    def _segment(
        self, bucket: LockedBucket, segment: Segment, entry: Entry, *, state: _Day, note: Note | None
    ) -> bool:
        """Whether the look may go on after it."""
        lock = lock_of(state.held, segment)
        if note is not None:
            return self._locked_as(bucket, segment.camera, note, lock, may_lift=state.may_lift)
        content = self._bytes_of(segment, entry) if lock is not None else None
        if lock is None or content is None:
            return True
        kept = bucket.keep(
            f"{self._where.prefix}{segment.path}",
            io.BytesIO(content),
            size_bytes=len(content),
            sha256=segment.sha256,
            lock=lock,
            told={"sha256": segment.sha256, "link": entry.link},
        )
        return self._done(segment.camera, segment.path, kept)

    def _locked_as(
        self, bucket: LockedBucket, camera: str, note: Note, lock: Lock | None, *, may_lift: bool
    ) -> bool:
        """What is copied is locked for longer when a hold asks for it, and open no more when all who hold say so."""
        wanted, has = lock or Lock(), note.kept.lock
        is_open = wanted.is_open or (has.is_open and not may_lift)
        if has.reaches(wanted) and is_open == has.is_open:
            return True
        kept = bucket.relock(note.kept, Lock(until_ms=wanted.until_ms, is_open=is_open))
        return self._done(camera, note.name, kept, is_new=False)

    def _done(self, camera: str, name: str, kept: Kept, *, is_new: bool = True) -> bool:
        """A receipt first; whether the look may go on."""
        self._notes.add(camera, name.split("/")[1], Note(name=name, kept=kept, at_ms=self._now_ms()))
        self._left -= 1
        if is_new:
            self._metrics.add(m.COPIED)
            self._metrics.add(m.COPIED_BYTES, amount=kept.size_bytes)
        self._pause(kept.size_bytes if is_new else 0)
        return self._left > 0

    def _bytes_of(self, segment: Segment, entry: Entry) -> bytes | None:
        """As the chain says they are. What is gone or changed is told and not copied: the others go on."""
        path = self._where.ring / segment.path
        try:
            content = (path if path.exists() else self._holds.link_of(segment) or path).read_bytes()
        except FileNotFoundError:
            code = "copies.gone"
        else:
            if hashlib.sha256(content).hexdigest() == segment.sha256 and not footage.defects((entry,)):
                return content
            code = "copies.not_as_recorded"
        self._metrics.add(m.COPIES_LOST)
        LOG.error("held_segment_not_copied", camera=segment.camera, number=segment.number, code=code)
        return None

    # --- its index ------------------------------------------------------------------------------------------

    def _indexed(self, bucket: LockedBucket, camera: str, day: str, state: _Day) -> bool:
        """Once what is held of the day is over, its lines are copied too."""
        last_ms = max((each.to_ms for each in state.held), default=0)
        if state.is_told or state.part is None or last_ms + footage.LONGEST_MS > self._now_ms():
            return True
        lock = together(each.lock for each in state.held)
        assert lock is not None
        start, end = state.part
        with (self._where.ring / footage.index_path(camera, day)).open("rb") as file:
            file.seek(start)
            lines = file.read(end - start)
        name, digest = f"{camera}/{day}/index-{start}-{end}.jsonl", hashlib.sha256(lines).hexdigest()
        note = self._notes.of(camera, day).get(name)
        if note is not None:
            state.is_told = True
            return self._locked_as(bucket, camera, note, lock, may_lift=state.may_lift)
        kept = bucket.keep(
            f"{self._where.prefix}{name}",
            io.BytesIO(lines),
            size_bytes=len(lines),
            sha256=digest,
            lock=lock,
            told={"sha256": digest},
        )
        state.is_told = True
        return self._done(camera, name, kept)


def _lines(path: Path, offset: int) -> Iterator[tuple[int, int, Entry]]:
    """Whole lines of an index from a byte on: first byte, the one after the last, and what it says. What cannot be read
    is left out.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        left = b""
        while chunk := file.read(_CHUNK_BYTES):
            *whole, left = (left + chunk).split(b"\n")
            for line in whole:
                end = offset + len(line) + 1
                found = footage.read_index(line + b"\n")
                if found.faults:
                    LOG.error("index_line_unreadable", file=path.parent.name, byte=offset)
                for entry in found.entries:
                    yield offset, end, entry
                offset = end
