"""A camera's index files: one writer, append only, on the disk before anybody relies on them (:mod:`cior_core.footage`
says what stands in them).
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import structlog

from cior_bus.durable_file import sync_folder
from cior_core import footage
from cior_core.chain import Head
from cior_core.errors import IntegrityBroken
from cior_core.footage import Entry, Index, Opening, Record

LOG = structlog.get_logger("cior.recorder.ledger")
_TAIL_BYTES = 1_048_576


class Ledger:
    """The indexes of one camera below ``ring``. Any thread; a line half written by a kill is cut off at the opening."""

    def __init__(self, ring: Path, camera: str) -> None:
        self._ring, self._camera = ring, camera
        self._heads: dict[str, Head] = {}
        self._lock = threading.RLock()

    @property
    def days(self) -> tuple[str, ...]:
        """Recorded days, oldest first."""
        return tuple(
            sorted(each.parent.name for each in (self._ring / self._camera).glob(f"*/{footage.INDEX}"))
        )

    def entries(self, day: str) -> tuple[Entry, ...]:
        """Of a day. Raises ``IntegrityBroken`` (``footage.index``) when lines of it cannot be read."""
        try:
            index = footage.read_index(self._path(day).read_bytes())
        except FileNotFoundError:
            return ()
        return self._sound(day, index)

    def _sound(self, day: str, index: Index) -> tuple[Entry, ...]:
        if index.faults:
            raise IntegrityBroken(
                "footage.index",
                f"the index of {self._camera}, {day}, has {len(index.faults)} lines that cannot be read",
                cure="restore the file from a backup, or move the day out of the ring",
            )
        return index.entries

    def newest(self, day: str) -> tuple[Entry, ...]:
        """The last thousand entries or so of a day, for where to go on: a day has tens of thousands.

        Raises what :meth:`entries` raises.
        """
        try:
            with self._path(day).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(max(0, size - _TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return ()
        index = footage.read_index(tail if start == 0 else tail.partition(b"\n")[2])
        return self._sound(day, index)

    def append(self, *records: Record) -> None:
        """Durable on return, each in its own day. Raises ``OSError`` and what :meth:`entries` raises."""
        with self._lock:
            for record in records:
                self._append(_day_of(record), record)

    def append_to(self, day: str, record: Record) -> None:
        """The same, in the day named."""
        with self._lock:
            self._append(day, record)

    def _append(self, day: str, record: Record) -> None:
        head, path = self._head(day), self._path(day)
        lines = b""
        if head.seq == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = footage.entry_after(head, self._opening(day))
            head, lines = opened.head, footage.line_of(opened)
        entry = footage.entry_after(head, record)
        is_new = not path.exists()
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            try:
                _write_all(file.fileno(), lines + footage.line_of(entry))
                os.fdatasync(file.fileno())
            except OSError:
                file.truncate(start)  # a full disk: no half line
                raise
        if is_new:
            sync_folder(path.parent)
        self._heads[day] = entry.head

    def _opening(self, day: str) -> Opening:
        before = [each for each in self.days if each < day]
        head = self._head(before[-1]) if before else footage.first_head(self._camera, day)
        return Opening(camera=self._camera, chain=head.chain, seq=head.seq, hash=head.hash)

    def _head(self, day: str) -> Head:
        if day not in self._heads:
            self._cut_torn(day)
            entries = self.newest(day)
            self._heads[day] = entries[-1].head if entries else footage.first_head(self._camera, day)
            while len(self._heads) > 3:
                self._heads.pop(next(iter(self._heads)))
        return self._heads[day]

    def _cut_torn(self, day: str) -> None:
        """Half a line is nothing that anybody was told of."""
        path = self._path(day)
        if not path.exists():
            return
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            torn = len(file.read().rpartition(b"\n")[2])
            if torn:
                LOG.warning("index_mended", camera=self._camera, day=day, torn_bytes=torn)
                file.truncate(size - torn)
                os.fdatasync(file.fileno())

    def _path(self, day: str) -> Path:
        return self._ring / footage.index_path(self._camera, day)


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _day_of(record: Record) -> str:
    match record:
        case footage.Segment(start_ms=at_ms) | footage.Gap(from_ms=at_ms):
            return footage.day_of(at_ms)
        case _:
            raise ValueError("only segments and gaps have a day of their own")
