"""XML documents cut into record elements with their exact bytes.

DTDs and entities are refused before anything is expanded (as ``defusedxml`` does).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from cior_connectors.builtin.cad_drop.records import CHUNK_BYTES, Record, broken, overlong
from cior_connectors.builtin.cad_drop.xml_text import Encoding, Forbidden, parser_for

_MAX_DEPTH = 10_000


class _Cutter:
    """Expat callbacks that note where records start and end, as absolute byte offsets."""

    def __init__(self, element: str, encoding: str) -> None:
        self._element = element
        self._depth = 0
        self._start = -1
        self.spans: list[tuple[int, int]] = []
        self._closing: int | None = None
        self._last_tag = 0
        self.parser = parser_for(encoding)
        self.parser.StartElementHandler = self._opened
        self.parser.EndElementHandler = self._closed
        self.parser.DefaultHandler = self._text

    @property
    def is_open(self) -> bool:
        """Whether the parser stands inside a record."""
        return self._start >= 0

    def give_up(self) -> tuple[int, int] | None:
        """Where the last record begins and its end tag does, when nothing that follows it could be parsed."""
        return None if self._closing is None else (self._closing, self._last_tag)

    @property
    def is_too_deep(self) -> bool:
        """Whether the open record has more tags in one another than anybody writes; a parser remembers each."""
        return self._depth > _MAX_DEPTH

    @property
    def needed_from(self) -> int | None:
        return self._start if self._start >= 0 else self._closing

    def settle(self) -> None:
        """The byte after the last closed record is where the parser now stands."""
        if self._closing is not None:
            self.spans.append((self._closing, self.parser.CurrentByteIndex))
            self._closing = None

    def _opened(self, name: str, _attributes: dict[str, str]) -> None:
        self.settle()
        if self._start >= 0:
            self._depth += 1
        elif name.rpartition(":")[2] == self._element:
            self._start, self._depth = self.parser.CurrentByteIndex, 0

    def _closed(self, _name: str) -> None:
        self.settle()
        if self._start < 0:
            return
        if self._depth:
            self._depth -= 1
        else:
            self._closing, self._start = self._start, -1
            self._last_tag = self.parser.CurrentByteIndex

    def _text(self, _data: str) -> None:
        self.settle()


def read_xml(
    stream: BinaryIO, *, element: str, max_bytes: int, encoding: Encoding | None = None
) -> Iterator[Record]:
    """Elements named ``element`` (any namespace), not nested in one another, from where ``stream`` stands.

    An element beyond ``max_bytes`` comes as problem records that hold all of it, and those behind it are read. A broken
    or forbidden document is yielded to its end as problem records, and so is one whose tags are too long or too deep.
    """
    window = _Window(stream, max_bytes=max_bytes, codec=encoding.name if encoding else "utf-8")
    cutter, number, problem = _Cutter(element.rpartition("/")[2].rpartition(":")[2], window.codec), 0, ""
    while not problem:
        chunk = stream.read(CHUNK_BYTES)
        try:
            cutter.parser.Parse(chunk, not chunk)
        except (expat.ExpatError, LookupError, ValueError):
            problem = "cad_drop.xml_broken"
        except Forbidden:
            problem = "cad_drop.xml_forbidden"
        for record in window.cut(chunk, cutter, number=number):
            yield record
            number += 1
        if not chunk:
            break
        if not problem and window.is_stuck(cutter):
            problem = "cad_drop.record_too_long"
    if problem:
        for record in window.last(cutter, number=number):
            yield record
            number += 1
        yield from broken(stream, start=window.told, number=number, problem=problem)


class _Window:
    """The bytes of the document that are still needed. ``told``: up to where they were yielded."""

    def __init__(self, stream: BinaryIO, *, max_bytes: int, codec: str) -> None:
        self._max_bytes, self.codec = max_bytes, codec
        self._open_sign, self._slash, self._close_sign = (sign.encode(codec) for sign in "</>")
        self._origin = self._base = self.told = stream.tell()
        self._held = b""
        self._is_long = False

    def cut(self, chunk: bytes, cutter: _Cutter, *, number: int) -> Iterator[Record]:
        """The records that ended in ``chunk``, and what is read of one that is too long."""
        self._held += chunk
        for start, end in cutter.spans:
            for record in self._record(start, end, number=number):
                yield record
                number += 1
        cutter.spans.clear()
        self._forget(cutter)
        if cutter.is_open and (self._is_long or self._is_full) and not self.is_stuck(cutter):
            yield from overlong(self._held, number=number, max_bytes=self._max_bytes)
            self._base = self.told = self._base + len(self._held)
            self._held, self._is_long = b"", True

    def last(self, cutter: _Cutter, *, number: int) -> Iterator[Record]:
        """The record whose end tag was the last thing that could be parsed."""
        if (found := cutter.give_up()) is not None:
            start, tag = found
            where = self._held.find(self._close_sign, max(0, self._origin + tag - self._base))
            if where >= 0 and self._held.startswith(
                self._open_sign + self._slash, self._origin + tag - self._base
            ):
                end = self._base + where + len(self._close_sign) - self._origin
                yield from self._record(start, end, number=number)

    def _record(self, start: int, end: int, *, number: int) -> Iterator[Record]:
        raw = self._held[max(0, self._origin + start - self._base) : self._origin + end - self._base]
        raw = raw[: raw.rfind(self._close_sign) + len(self._close_sign)]
        if self._is_long or len(raw) > self._max_bytes:
            yield from overlong(raw, number=number, max_bytes=self._max_bytes)
        else:
            yield Record(number=number, raw=raw)
        self.told, self._is_long = self._origin + end, False

    def is_stuck(self, cutter: _Cutter) -> bool:
        """Whether more is held than a record may have and no end of it is in sight that a parser could bear."""
        if cutter.is_too_deep:
            return True
        unread = self._base + len(self._held) - self._origin - cutter.parser.CurrentByteIndex
        waits = unread if cutter.needed_from is not None else len(self._held)
        return waits > self._max_bytes + 4 * CHUNK_BYTES

    @property
    def _is_full(self) -> bool:
        return len(self._held) > self._max_bytes + 4 * CHUNK_BYTES

    def _forget(self, cutter: _Cutter) -> None:
        """Drop what is before the record that is open, or else before the last tag."""
        keep = cutter.needed_from
        begin = max(
            0, self._held.rfind(self._open_sign) if keep is None else self._origin + keep - self._base
        )
        self._held, self._base = self._held[begin:], self._base + begin
