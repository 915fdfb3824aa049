"""The days of a camera that are gone, a line each (:class:`cior_core.footage.PastDay`), in a file for each year in
which they became so, which goes as a whole when its time is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog

from cior_bus.durable_file import sync_folder
from cior_core import footage
from cior_core.chain import Head
from cior_core.errors import IntegrityBroken
from cior_core.footage import Entry, PastDay
from cior_recorder import index_file

LOG = structlog.get_logger("cior.recorder.ledger")


class Past:
    """Of one camera below ``ring``. One thread at a time; whoever owns it keeps others out."""

    def __init__(self, ring: Path, camera: str) -> None:
        self._ring, self._camera = ring, camera
        self._head: Head | None = None

    def head(self) -> Head:
        """Where its chain ends. Raises ``IntegrityBroken`` (``footage.index``)."""
        if self._head is None:
            newest = next(reversed(self._files()), None)
            if newest is not None:
                index_file.cut_torn(newest)
            last = next(reversed(self._newest()), None)
            self._head = last.head if last is not None else footage.first_past_head(self._camera)
        return self._head

    def days(self) -> Iterator[PastDay]:
        """The last thousand or so, newest first. Raises what :meth:`head` raises."""
        for entry in reversed(self._newest()):
            if isinstance(entry.record, PastDay):
                yield entry.record

    def append(self, day: PastDay) -> None:
        """Durable on return. Raises ``OSError`` and what :meth:`head` raises."""
        entry = footage.entry_after(self.head(), day)
        path = self._ring / footage.past_path(self._camera, footage.day_of(day.at_ms)[:4])
        index_file.append(path, footage.line_of(entry))
        self._head = entry.head

    def forget(self, before_year: int) -> None:
        """Years that are over; never the newest file, on which the chain goes on."""
        for path in self._files()[:-1]:
            if int(path.stem[-4:]) < before_year:
                LOG.info("past_days_forgotten", camera=self._camera, file=path.name)
                path.unlink()
                sync_folder(path.parent)

    def _files(self) -> list[Path]:
        return sorted((self._ring / self._camera).glob(footage.PAST))

    def _newest(self) -> tuple[Entry, ...]:
        """Of the two newest files: a year has just begun."""
        found: list[Entry] = []
        for path in self._files()[-2:]:
            index = footage.read_index(index_file.tail(path))
            if index.faults:
                raise IntegrityBroken(
                    "footage.index",
                    f"{path.name} of {self._camera} has lines that cannot be read",
                    cure="restore the file from a backup",
                )
            found += index.entries
        return tuple(found)
