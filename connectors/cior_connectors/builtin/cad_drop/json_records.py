"""JSON documents cut into the elements of one array, with their exact bytes, without holding the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from cior_connectors.builtin.cad_drop.records import CHUNK_BYTES, Record, broken

_TOKEN = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|[{}\[\],:]|[^\s\"{}\[\],:]+", re.DOTALL)
_OPEN = re.compile(rb"\"(?:[^\"\\]|\\.)*\Z", re.DOTALL)


class _Tokens:
    """Tokens with absolute offsets from a sliding buffer; ``keep_from`` says which bytes are still needed."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._buffer = b""
        self._base = stream.tell()
        self._at = 0
        self._limit = limit
        self._ended = False
        self.keep_from: int | None = None

    def slice(self, start: int, end: int) -> bytes:
        return self._buffer[start - self._base : end - self._base]

    def next(self) -> tuple[bytes, int] | None:
        """``(token, offset after it)``, None at the end or when a token exceeds the limit."""
        while True:
            found = _TOKEN.search(self._buffer, self._at)
            if (
                found is not None
                and (self._ended or found.end() < len(self._buffer))
                and not _open_before(self._buffer, self._at, found.start())
            ):
                self._at = found.end()
                return found.group(), self._base + found.end()
            if self._ended or len(self._buffer) - self._at > self._limit:
                return None
            self._fill()

    def _fill(self) -> None:
        floor = self._at if self.keep_from is None else min(self._at, self.keep_from - self._base)
        chunk = self._stream.read(CHUNK_BYTES)
        self._ended = not chunk
        self._buffer = self._buffer[floor:] + chunk
        self._base += floor
        self._at -= floor


def _open_before(buffer: bytes, start: int, found: int) -> bool:
    """Whether a string opens between ``start`` and the token found: it is not complete in the buffer, so the token lies
    inside it.
    """
    return b'"' in buffer[start:found]


def read_json(stream: BinaryIO, *, path: str, max_bytes: int) -> Iterator[Record]:
    """Elements of the array at dotted ``path`` ("" = the document itself).

    A document that breaks is yielded to its end as problem records.
    """
    origin = stream.tell()
    tokens = _Tokens(stream, max_bytes + CHUNK_BYTES)
    if not _enter(tokens, tuple(path.split(".")) if path else ()):
        yield from broken(stream, start=origin, number=0, problem="cad_drop.no_array")
        return
    number, depth, start, end = 0, 0, -1, -1
    last_good = tokens.keep_from or origin
    while (found := tokens.next()) is not None:
        token, after = found
        if start < 0 and token not in (b",", b"]"):
            start = tokens.keep_from = after - len(token)
        if depth == 0 and token in (b",", b"]"):
            if start >= 0:
                raw = tokens.slice(start, end)
                too_long = len(raw) > max_bytes
                yield Record(
                    number=number,
                    raw=raw[:max_bytes] if too_long else raw,
                    problem="cad_drop.record_too_long" if too_long else "",
                )
                number += 1
            start, last_good = -1, after
            tokens.keep_from = None
            if token == b"]":
                return
            continue
        depth += (token in (b"{", b"[")) - (token in (b"}", b"]"))
        end = after
    yield from broken(stream, start=last_good, number=number, problem="cad_drop.json_broken")


def _enter(tokens: _Tokens, path: tuple[str, ...]) -> bool:
    """Move behind the opening bracket of the array at ``path``; False when there is none."""
    trail: list[str | None] = []
    key: str | None = None
    previous = b""
    while (found := tokens.next()) is not None:
        token, after = found
        here = tuple(part for part in trail if part is not None)
        if token == b"[" and (*here, *((key,) if key is not None else ())) == path:
            tokens.keep_from = after
            return True
        if token in (b"{", b"["):
            trail.append(key)
            key = None
        elif token in (b"}", b"]"):
            if not trail:
                return False
            trail.pop()
            key = None
        elif token == b":":
            key = previous.strip(b'"').decode("utf-8", "replace")
        elif token == b",":
            key = None
        previous = token
    return False
