"""XML documents cut into record elements with their exact bytes.

DTDs and entities are refused before anything is expanded (as ``defusedxml`` does).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from cior_connectors.builtin.cad_drop.records import CHUNK_BYTES, Record, broken
from cior_connectors.builtin.cad_drop.xml_text import Encoding, Forbidden, parser_for


class _Cutter:
    """Expat callbacks that note where records start and end, as absolute byte offsets."""

    def __init__(self, element: str, encoding: str) -> None:
        self._element = element
        self._depth = 0
        self._start = -1
        self.spans: list[tuple[int, int]] = []
        self._closing: int | None = None
        self.parser = parser_for(encoding)
        self.parser.StartElementHandler = self._opened
        self.parser.EndElementHandler = self._closed
        self.parser.DefaultHandler = self._text

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

    def _text(self, _data: str) -> None:
        self.settle()


def read_xml(
    stream: BinaryIO, *, element: str, max_bytes: int, encoding: Encoding | None = None
) -> Iterator[Record]:
    """Elements named ``element`` (any namespace), not nested in one another, from where ``stream`` stands.

    A broken or forbidden document is yielded to its end as problem records.
    """
    codec = encoding.name if encoding else "utf-8"
    open_sign, close_sign = "<".encode(codec), ">".encode(codec)
    origin = base = stream.tell()
    cutter, held, number, last_good = (
        _Cutter(element.rpartition("/")[2].rpartition(":")[2], codec),
        b"",
        0,
        origin,
    )
    problem = ""
    while not problem:
        chunk = stream.read(CHUNK_BYTES)
        try:
            cutter.parser.Parse(chunk, not chunk)
        except (expat.ExpatError, LookupError, ValueError):
            problem = "cad_drop.xml_broken"
        except Forbidden:
            problem = "cad_drop.xml_forbidden"
        held += chunk
        for start, end in cutter.spans:
            raw = held[origin + start - base : origin + end - base]
            raw = raw[: raw.rfind(close_sign) + len(close_sign)]
            too_long = len(raw) > max_bytes
            yield Record(
                number=number, raw=raw[:max_bytes], problem="cad_drop.record_too_long" if too_long else ""
            )
            number, last_good = number + 1, origin + end
        cutter.spans.clear()
        if not chunk:
            break
        keep = cutter.needed_from
        floor = (origin + keep - base) if keep is not None else max(held.rfind(open_sign), 0)
        held, base = held[floor:], base + floor
        if not problem and len(held) > max_bytes + 4 * CHUNK_BYTES:
            problem = "cad_drop.record_too_long"
    if problem:
        yield from broken(stream, start=last_good, number=number, problem=problem)
