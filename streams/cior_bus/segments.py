"""An append-only log of one spool class on disk: segment files, a CRC per record, a cursor.

Not thread-safe; :mod:`cior_bus.spool` holds the lock.

File layout (little endian)::

    segment  = header record*          name: <first sequence, 20 digits>.seg
    header   = magic "CIORSPL1" (8)  first_sequence u64
    record   = length u32  crc32 u32  sequence u64  payload[length]      crc over (sequence, length, payload)
    cursor   = sequence u64  crc32 u32                                   everything up to it is drained

A torn tail (kill -9, power cut) is cut off at the first record that does not check; nothing after it was ever
acknowledged, because a record is acknowledged only after an fsync that covers it and all before it. Damage *inside* a
file (bit rot) is set aside as ``.damaged`` and reported, not hidden. Deleting is safe at any instant: a segment is
unlinked only after the cursor has passed it, and a lost cursor only means sending again.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cior_bus import durable_file

MAGIC = b"CIORSPL1"
_HEADER = struct.Struct("<8sQ")
_FRAME = struct.Struct("<IIQ")
_CURSOR = struct.Struct("<QI")
_SEALED_PART = struct.Struct("<QI")


def _crc(sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_SEALED_PART.pack(sequence, len(payload))))


def frame(sequence: int, payload: bytes) -> bytes:
    """One record as it lies in the file."""
    return _FRAME.pack(len(payload), _crc(sequence, payload), sequence) + payload


def frames(data: bytes, start: int = _HEADER.size) -> Iterator[tuple[int, bytes, int]]:
    """``(sequence, payload, end offset)`` of each sound record from ``start`` on; stops at the first that does not
    check.
    """
    at, newest = start, -1
    while at + _FRAME.size <= len(data):
        length, crc, sequence = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(payload) < length or sequence <= newest or _crc(sequence, payload) != crc:
            return
        at, newest = at + _FRAME.size + length, sequence
        yield sequence, payload, at


@dataclass(slots=True)
class Segment:
    """One file: its sequences, its size in bytes, and when its newest record was written."""

    path: Path
    first: int
    last: int
    size_bytes: int
    newest_ms: int = 0
    start: int = _HEADER.size
    """Where the first undrained record begins, as far as known: saves reading drained records again."""


class SegmentLog:
    """The log of one directory.

    ``OSError`` of the file system passes through; after it the log is as before the call.
    """

    def __init__(self, directory: Path, *, segment_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        durable_file.sync_folder(directory.parent)
        self.directory = directory
        self.segment_bytes = segment_bytes
        self.segments: list[Segment] = []
        self.damaged: list[Path] = []
        self.unsafe_up_to = 0
        self._fd: int | None = None
        self._ends: dict[int, tuple[Segment, int]] = {}
        self.cursor = self._read_cursor()
        self._recover()
        self.next_sequence = max([self.cursor, *(segment.last for segment in self.segments)]) + 1

    def _recover(self) -> None:
        paths = sorted(self.directory.glob("*.seg"))
        for path in paths:
            segment = self._recover_one(path, is_newest=path == paths[-1])
            if segment.last > self.cursor and segment.last >= segment.first:
                self.segments.append(segment)
            else:
                path.unlink()

    def _recover_one(self, path: Path, *, is_newest: bool) -> Segment:
        data = path.read_bytes()
        first, end = int(path.stem), min(len(data), _HEADER.size)
        segment = Segment(
            path=path,
            first=first,
            last=first - 1,
            size_bytes=end,
            newest_ms=int(path.stat().st_mtime * 1_000),
        )
        if data[: len(MAGIC)] == MAGIC and len(data) >= _HEADER.size:
            for sequence, _, end in frames(data):
                segment.last, segment.size_bytes = sequence, end
        if len(data) > segment.size_bytes:
            is_torn_tail = is_newest and data[: len(MAGIC)] == MAGIC
            self._cut(path, data, segment.size_bytes, is_torn_tail=is_torn_tail)
        return segment

    def _cut(self, path: Path, data: bytes, sound_bytes: int, *, is_torn_tail: bool) -> None:
        if not is_torn_tail:
            aside = path.with_suffix(f".{sound_bytes}.damaged")
            durable_file.replace(aside, data[sound_bytes:])
            self.damaged.append(aside)
        with path.open("r+b") as file:
            file.truncate(sound_bytes)
            os.fsync(file.fileno())

    def _read_cursor(self) -> int:
        path = self.directory / "cursor"
        data = path.read_bytes() if path.exists() else b""
        if len(data) != _CURSOR.size:
            return 0
        sequence, crc = _CURSOR.unpack(data)
        return int(sequence) if zlib.crc32(data[:8]) == crc else 0

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.size_bytes for segment in self.segments)

    @property
    def last(self) -> int:
        """Newest sequence written."""
        return self.next_sequence - 1

    def append(self, payload: bytes, *, at_ms: int) -> int:
        """Write one record (not yet fsynced) and return its sequence."""
        if self._fd is None or self.segments[-1].size_bytes >= self.segment_bytes:
            self._roll()
        segment, sequence = self.segments[-1], self.next_sequence
        self._write(frame(sequence, payload), segment)
        segment.last, segment.newest_ms = sequence, at_ms
        self.next_sequence = sequence + 1
        return sequence

    def _write(self, data: bytes, segment: Segment) -> None:
        assert self._fd is not None
        start, view = segment.size_bytes, memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, start)
            os.lseek(self._fd, start, os.SEEK_SET)
            raise
        segment.size_bytes = start + len(data)

    def _roll(self) -> None:
        """Seal the active file durably, then start the next one; its name is durable before its first record is
        acknowledged.
        """
        self.seal()
        path = self.directory / f"{self.next_sequence:020d}.seg"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, _HEADER.pack(MAGIC, self.next_sequence))
            os.fsync(fd)
            durable_file.sync_folder(self.directory)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._fd = fd
        self.segments.append(
            Segment(path=path, first=self.next_sequence, last=self.next_sequence - 1, size_bytes=_HEADER.size)
        )

    def seal(self) -> None:
        """Close the active file after an fsync; the next append starts a new one.

        When the fsync fails, :attr:`unsafe_up_to` says which records must not be acknowledged: the kernel may have
        thrown their pages away, and a second fsync would not tell.
        """
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            os.fsync(fd)
        except OSError:
            self.unsafe_up_to = self.last
            raise
        finally:
            os.close(fd)

    def sync_handle(self) -> int | None:
        """A duplicate descriptor of the active file for an fsync outside the lock; the caller closes it."""
        return None if self._fd is None else os.dup(self._fd)

    def read(self, *, max_records: int, max_bytes: int) -> list[tuple[int, bytes]]:
        """The oldest undrained records in order, at most so many and (beyond the first) so many bytes."""
        found: list[tuple[int, bytes]] = []
        taken = 0
        self._ends.clear()
        for segment in self.segments:
            for sequence, payload, end in self._undrained(segment):
                if len(found) >= max_records or (found and taken + len(payload) > max_bytes):
                    return found
                found.append((sequence, payload))
                self._ends[sequence] = (segment, end)
                taken += len(payload)
        return found

    def _undrained(self, segment: Segment) -> Iterator[tuple[int, bytes, int]]:
        if segment.last <= self.cursor:
            return
        with segment.path.open("rb") as file:
            file.seek(segment.start)
            data = file.read(segment.size_bytes - segment.start)
        for sequence, payload, end in frames(data, 0):
            if sequence > self.cursor:
                yield sequence, payload, segment.start + end

    def payloads(self, segment: Segment) -> list[bytes]:
        """The undrained payloads of one segment."""
        return [payload for _, payload, _ in self._undrained(segment)]

    def advance(self, sequence: int) -> None:
        """Mark everything up to ``sequence`` as drained: the cursor is replaced atomically, then passed segments go."""
        if sequence <= self.cursor:
            return
        self._write_cursor(sequence)
        self.cursor = sequence
        if sequence in self._ends:
            segment, end = self._ends[sequence]
            segment.start = end
        while self.segments and self.segments[0].last <= sequence and self._may_go(self.segments[0]):
            self._unlink(self.segments[0])

    def _write_cursor(self, sequence: int) -> None:
        data, target = struct.pack("<Q", sequence), self.directory / "cursor"
        durable_file.replace(target, data + struct.pack("<I", zlib.crc32(data)))

    def _may_go(self, segment: Segment) -> bool:
        """The active file is kept while small, so that a quiet spool does not create a file per record."""
        return (
            segment is not self.segments[-1]
            or self._fd is None
            or segment.size_bytes * 4 >= self.segment_bytes
        )

    def _unlink(self, segment: Segment) -> None:
        if segment is self.segments[-1] and self._fd is not None:
            os.close(self._fd)
            self._fd = None
        segment.path.unlink(missing_ok=True)
        self.segments.remove(segment)

    def drop_oldest(self) -> list[bytes]:
        """Give up the oldest segment and return its undrained payloads, so that the caller can count them."""
        if not self.segments:
            return []
        segment = self.segments[0]
        lost = self.payloads(segment)
        self._unlink(segment)
        return lost

    def close(self) -> None:
        """Fsync and close."""
        self.seal()
