"""Cutting a file into records with their exact bytes, in bounded memory: the common words, and the readers for lines
(CSV, NDJSON).

A reader yields :class:`Record` in file order. What cannot be a record is yielded too, with its ``problem``: no byte of
evidence disappears, and *records = events + dead letters* holds. White space between records, a byte-order mark and the
CSV header are not records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

CHUNK_BYTES = 65_536
BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """``raw`` exactly as in the file (a line keeps its line end).

    ``problem``: stable code why it is not a record; "" when it is.

    ``fatal``: the rest of the file cannot be read as records, so the file goes to quarantine; its bytes follow as
    problem records.
    """

    number: int
    raw: bytes
    problem: str = ""
    fatal: bool = False


def head(stream: BinaryIO) -> bytes:
    """The stream's start: consumes a UTF-8 byte-order mark and returns the first bytes after it, put back for the
    reader to read again.
    """
    start = stream.read(4)
    skip = len(BOM) if start.startswith(BOM) else 0
    stream.seek(skip)
    return start[skip:]


def broken(stream: BinaryIO, *, start: int, number: int, problem: str) -> Iterator[Record]:
    """Everything from ``start`` (byte offset) to the end, in chunks, as problem records."""
    stream.seek(start)
    while chunk := stream.read(CHUNK_BYTES):
        if chunk.strip():
            yield Record(number=number, raw=chunk, problem=problem, fatal=True)
            number += 1


def overlong(raw: bytes, *, number: int, max_bytes: int) -> Iterator[Record]:
    """A record beyond the limit, or a part of one: problem records that hold all of its bytes."""
    for piece, start in enumerate(range(0, len(raw), max_bytes)):
        yield Record(
            number=number + piece, raw=raw[start : start + max_bytes], problem="cad_drop.record_too_long"
        )


class _Lines:
    """Buffered physical lines with their end; a line beyond ``limit`` comes in pieces of ``limit``, the second value
    telling that it was cut.
    """

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    def next(self) -> tuple[bytes, bool]:
        line = self._stream.readline(self._limit)
        return line, len(line) == self._limit and not line.endswith(b"\n")


def read_lines(stream: BinaryIO, *, max_bytes: int) -> Iterator[Record]:
    """One record a line (NDJSON). Blank lines are not records; an overlong line is one problem record per piece."""
    lines, number, inside_long = _Lines(stream, max_bytes), 0, False
    while True:
        line, cut = lines.next()
        if not line:
            return
        if line.strip():
            yield Record(
                number=number, raw=line, problem="cad_drop.record_too_long" if cut or inside_long else ""
            )
            number += 1
        inside_long = cut


class CsvCutter:
    """CSV records (RFC 4180 with the field's usual sins).

    A quote opens only at the start of a field, so a stray inch mark swallows nothing; a quote that never closes costs
    its own line, not the rest of the file.
    """

    def __init__(self, stream: BinaryIO, *, delimiter: bytes, quote: bytes, max_bytes: int) -> None:
        self._lines = _Lines(stream, max_bytes)
        self._delimiter = delimiter[0]
        self._quote = quote[0]
        self._max = max_bytes
        self._waiting: list[tuple[bytes, bool]] = []

    def __iter__(self) -> Iterator[Record]:
        number, inside_long = 0, False
        while True:
            line, cut = self._pull()
            if not line:
                return
            if cut or inside_long:
                record = Record(number=number, raw=line, problem="cad_drop.record_too_long")
            else:
                record = self._grow(line, number)
            inside_long = cut
            if record.raw.strip():
                yield record
                number += 1

    def _pull(self) -> tuple[bytes, bool]:
        return self._waiting.pop(0) if self._waiting else self._lines.next()

    def _grow(self, line: bytes, number: int) -> Record:
        """``line`` plus the following ones while a quoted field is open."""
        if self._quote not in line:
            return Record(number=number, raw=line)
        parts, size, open_quote = [line], len(line), self._open_after(line, opened=False)
        while open_quote:
            more, cut = self._pull()
            parts.append(more)
            size += len(more)
            if not more or cut or size > self._max:
                self._waiting[:0] = [(part, cut and part is more) for part in parts[1:] if part]
                return Record(number=number, raw=line, problem="cad_drop.quote_not_closed")
            open_quote = self._open_after(more, opened=True)
        return Record(number=number, raw=b"".join(parts))

    def _open_after(self, line: bytes, *, opened: bool) -> bool:
        """Whether a quoted field is open after ``line``."""
        at, field_start = 0, not opened
        while at < len(line):
            byte = line[at]
            if opened:
                if byte == self._quote:
                    if line[at + 1 : at + 2] == bytes((self._quote,)):
                        at += 1
                    else:
                        opened = False
            elif byte == self._quote and field_start:
                opened = True
            field_start = not opened and byte == self._delimiter
            at += 1
        return opened
