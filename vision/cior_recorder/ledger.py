"""A camera's index files: one writer, append only, on the disk before anybody relies on them (:mod:`cior_core.footage`
says what stands in them).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from cior_bus.durable_file import sync_folder
from cior_core import footage
from cior_core.chain import Head
from cior_core.errors import IntegrityBroken
from cior_core.footage import Entry, Index, Opening, PastDay, Record
from cior_recorder import index_file
from cior_recorder.past import Past


class Ledger:
    """The indexes of one camera below ``ring``. Any thread; a line half written by a kill is cut off at the opening."""

    def __init__(self, ring: Path, camera: str) -> None:
        self._ring, self._camera = ring, camera
        self._heads: dict[str, Head] = {}
        self._lock = threading.RLock()
        self._past = Past(ring, camera)

    @property
    def days(self) -> tuple[str, ...]:
        """Recorded days, oldest first."""
        return tuple(
            sorted(each.parent.name for each in (self._ring / self._camera).glob(f"*/{footage.INDEX}"))
        )

    @property
    def last_past_number(self) -> int:
        """Of the highest segment of past days, as far as a thousand lines tell; 0: there is none."""
        with self._lock:
            return max((each.last_number for each in self._past.days()), default=0)

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
        return self._sound(day, footage.read_index(index_file.tail(self._path(day))))

    def append(self, *records: Record) -> None:
        """Durable on return, each in its own day. Raises ``OSError`` and what :meth:`entries` raises."""
        with self._lock:
            for record in records:
                self._append(_day_of(record), record)

    def append_to(self, day: str, record: Record) -> None:
        """The same, in the day named."""
        with self._lock:
            self._append(day, record)

    def mended(self, day: str) -> Path:
        """A day's index file, without half a line."""
        with self._lock:
            if day not in self._heads:
                index_file.cut_torn(self._path(day))
        return self._path(day)

    def named(self, day: str) -> Head | None:
        """What the day that was recorded after ``day`` names as its head; None: there is no such day."""
        name = footage.first_head(self._camera, day).chain
        heads = (self._before(each) for each in self.days if each > day)
        past = (each.before for each in self._past.days())
        return next((each for each in chain((one for one in heads if one), past) if each.chain == name), None)

    def _before(self, day: str) -> Head | None:
        with self._path(day).open("rb") as file:
            found = footage.read_index(file.readline()).entries
        match found[0].record if found else None:
            case Opening() as opening:
                return Head(opening.chain, opening.seq, opening.hash)
            case _:
                return None

    def becoming_past(self, day: PastDay, index_bytes: int) -> Iterator[str]:
        """The steps of a day's index becoming one line; a process may die between any two, and the same again goes on
        from there. Nothing happens when the index is not of ``index_bytes`` any more.

        Raises ``OSError`` and what :meth:`entries` raises.
        """
        path = self._path(day.day)
        with self._lock:
            if not path.exists() or path.stat().st_size != index_bytes:
                return
            if not any((each.day, each.last) == (day.day, day.last) for each in self._past.days()):
                self._past.append(day)
            yield "told"
            path.unlink()
            sync_folder(path.parent)
            self._heads.pop(day.day, None)
        yield "index"

    def forget_past(self, before_year: int) -> None:
        """Drop the files of past days of years that are over. Raises ``OSError``."""
        with self._lock:
            self._past.forget(before_year)

    def _append(self, day: str, record: Record) -> None:
        head, path = self._head(day), self._path(day)
        lines = b""
        if head.seq == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = footage.entry_after(head, self._opening(day))
            head, lines = opened.head, footage.line_of(opened)
        entry = footage.entry_after(head, record)
        index_file.append(path, lines + footage.line_of(entry))
        self._heads[day] = entry.head

    def _opening(self, day: str) -> Opening:
        before = [each for each in self.days if each < day]
        head = self._head(before[-1]) if before else footage.first_head(self._camera, day)
        past = self._past.head()
        return Opening(
            camera=self._camera,
            chain=head.chain,
            seq=head.seq,
            hash=head.hash,
            past=past if past.seq else None,
        )

    def _head(self, day: str) -> Head:
        if day not in self._heads:
            index_file.cut_torn(self._path(day))
            entries = self.newest(day)
            self._heads[day] = entries[-1].head if entries else footage.first_head(self._camera, day)
            while len(self._heads) > 3:
                self._heads.pop(next(iter(self._heads)))
        return self._heads[day]

    def _path(self, day: str) -> Path:
        return self._ring / footage.index_path(self._camera, day)


def _day_of(record: Record) -> str:
    match record:
        case footage.Segment(start_ms=at_ms) | footage.Gap(from_ms=at_ms):
            return footage.day_of(at_ms)
        case _:
            raise ValueError("only segments and gaps have a day of their own")
