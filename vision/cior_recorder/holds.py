"""Holds: what must not be removed, as files on the ring's own file system, so that nothing is copied and nothing else
need be asked (law 7).

A hold is a folder ``+holds/<digest of its id>/`` with ``hold.json`` and, below it, a hard link to each segment of its
interval, under the segment's path in the ring. The link alone keeps the bytes, whoever removes the ring's own name;
the interval keeps what is recorded later. Of a hold that cannot be read, nobody knows what it holds: then nothing may
be removed at all.

Placing and removing are sequences of steps, each one call of the file system; between any two of them a process may die
or the other sequence may run. :meth:`Holds.placing` and :func:`cior_recorder.sweeping.removing` are generators that
stop between steps, so that a test can run every interleaving; one lock of the machine keeps them apart besides.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, cast

import msgspec
import structlog

from cior_bus import durable_file
from cior_core.canonical import canonical
from cior_core.errors import IntegrityBroken
from cior_core.footage import Segment
from cior_core.model import Struct

LOG = structlog.get_logger("cior.recorder.holds")
FOLDER: Final = "+holds"
"""No camera's id can be that."""
_STATEMENT: Final = "hold.json"


class Shot(Protocol):
    """Some seconds of a camera, UTC ms."""

    @property
    def camera(self) -> str:
        """Its id."""
        ...

    @property
    def start_ms(self) -> int:
        """The first instant."""
        ...

    @property
    def end_ms(self) -> int:
        """The instant after the last."""
        ...


class Hold(Struct, frozen=True, kw_only=True):
    """Footage of ``camera`` in ``[from_ms, to_ms)`` is kept until ``until_ms`` (UTC ms; None: until somebody lifts it).

    ``reason`` names what asked for it (an alert, a request); no person.
    """

    id: str
    camera: str
    from_ms: int
    to_ms: int
    placed_ms: int
    reason: str
    until_ms: int | None = None

    def covers(self, segment: Shot) -> bool:
        """Whether it needs some of the segment."""
        return (
            self.camera == segment.camera and segment.start_ms < self.to_ms and segment.end_ms > self.from_ms
        )


class Placed(Struct, frozen=True, kw_only=True):
    """What a hold keeps from now on, by number; ``missing`` were recorded and were gone before it came."""

    kept: tuple[int, ...]
    missing: tuple[int, ...]


class HoldsPort(Protocol):
    """Whom a deleter asks."""

    def active(self) -> tuple[Hold, ...]:
        """Every hold. Raises ``IntegrityBroken`` when one cannot be read: nothing may be removed then."""
        ...


class Holds:
    """The holds of one ring. Any thread and any process."""

    def __init__(self, ring: Path) -> None:
        self._ring, self._folder = ring, ring / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._seen: tuple[int, tuple[Hold, ...]] = (0, ())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among those who place, lift and remove, on this machine."""
        with (self._folder / ".lock").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def active(self) -> tuple[Hold, ...]:
        """Every hold, by id. Raises ``IntegrityBroken`` (``hold.unreadable``)."""
        found = []
        for folder in sorted(each for each in self._folder.iterdir() if not each.name.startswith(".")):
            try:
                found.append(msgspec.json.decode((folder / _STATEMENT).read_bytes(), type=Hold))
            except (OSError, msgspec.MsgspecError) as error:
                raise IntegrityBroken(
                    "hold.unreadable",
                    f"the hold {folder.name} cannot be read, so nothing is removed from this ring",
                    cure=f"restore {_STATEMENT} in its folder; ask who placed it",
                ) from error
        return tuple(found)

    def recent(self) -> tuple[Hold, ...]:
        """The same, read again when a hold came or went, as far as the file system's clock tells: not for whoever
        removes.
        """
        changed_ns = self._folder.stat().st_mtime_ns
        if self._seen[0] != changed_ns:
            self._seen = (changed_ns, self.active())
        return self._seen[1]

    def place(self, hold: Hold, segments: Iterable[Segment]) -> Placed:
        """The hold stands, and the segments of its interval are kept, on return. The same again changes nothing.

        Raises ``OSError``.
        """
        with self.locked():
            steps = self.placing(hold, segments)
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    return cast("Placed", done.value)

    def placing(self, hold: Hold, segments: Iterable[Segment]) -> Generator[str, None, Placed]:
        """The steps of :meth:`place`, its value at the end; ``segments`` are looked at once the hold stands."""
        folder = self._folder / name_of(hold.id)
        if not (folder / _STATEMENT).exists():
            fresh = folder.with_name(f".{folder.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            yield "folder"
            durable_file.replace(fresh / _STATEMENT, canonical(hold))
            yield "statement"
            fresh.rename(folder)  # whole or not there: a folder without its statement would stop all removal
            durable_file.sync_folder(self._folder)
            yield "stands"
        kept: list[int] = []
        missing: list[int] = []
        for segment in segments:
            if hold.covers(segment):
                (kept if self._link(folder, segment) else missing).append(segment.number)
                yield "link"
        return Placed(kept=tuple(kept), missing=tuple(missing))

    def keep(self, segment: Segment, holds: Iterable[Hold]) -> None:
        """A segment that was just closed, for the holds that wait for it. Raises ``OSError``."""
        for hold in holds:
            if hold.covers(segment):
                self._link(self._folder / name_of(hold.id), segment)

    def lapse(self, now_ms: int) -> tuple[Hold, ...]:
        """Take away the holds whose time is over; which they were."""
        with self.locked():
            over = [each for each in self.active() if each.until_ms is not None and each.until_ms <= now_ms]
            for hold in over:
                folder = self._folder / name_of(hold.id)
                gone = folder.with_name(f".{folder.name}.gone")
                folder.rename(gone)
                shutil.rmtree(gone)
                LOG.info("hold_lapsed", hold=hold.id, camera=hold.camera)
            for left in [each for each in self._folder.iterdir() if each.suffix in {".gone", ".new"}]:
                shutil.rmtree(
                    left
                )  # a kill came between: links that nobody counts on keep bytes all the same
                LOG.info("hold_cleared", folder=left.name)
        return tuple(over)

    def link_of(self, segment: Segment) -> Path | None:
        """A hold's own link to a segment; None: no hold has one."""
        return next(self._folder.glob(f"*/{segment.path}"), None)

    def held_bytes(self) -> int:
        """Bytes that holds keep, each file once, however many hold it."""
        sizes = {}
        for path in self._folder.glob("*/*/*/*.mp4"):
            with suppress(FileNotFoundError):
                found = path.stat()
                sizes[found.st_ino] = found.st_size
        return sum(sizes.values())

    def _link(self, folder: Path, segment: Segment) -> bool:
        """Whether the bytes are the hold's from now on."""
        target = folder / segment.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._ring / segment.path, target)
        except FileExistsError:
            return True
        except FileNotFoundError:
            return False
        durable_file.sync_folder(target.parent)
        return True


def name_of(hold_id: str) -> str:
    """The folder of a hold: ids are anybody's text."""
    return hashlib.sha256(hold_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
