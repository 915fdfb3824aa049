"""JSON documents cut into the elements of one array, with their exact bytes, without holding the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from cior_connectors.builtin.cad_drop.records import CHUNK_BYTES, Record, broken, overlong

_TOKEN = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|[{}\[\],:]|[^\s\"{}\[\],:]+", re.DOTALL)
_STRUCTURE = re.compile(rb"[\"\\{}\[\],]")


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

    An element beyond ``max_bytes`` comes as problem records that hold all of it, and those behind it are read. A
    document that breaks is yielded to its end as problem records.
    """
    origin = stream.tell()
    tokens = _Tokens(stream, max_bytes + CHUNK_BYTES)
    if not _enter(tokens, tuple(path.split(".")) if path else ()):
        yield from broken(stream, start=origin, number=0, problem="cad_drop.no_array")
        return
    scan, held, number = _Scan(), b"", 0
    base = origin if tokens.keep_from is None else tokens.keep_from
    is_long = False
    stream.seek(base)
    while chunk := stream.read(CHUNK_BYTES):
        seen, cut = len(held), 0
        held += chunk
        for at, sign in scan.ends(chunk):
            if sign == b"}":
                yield from broken(stream, start=base + cut, number=number, problem="cad_drop.json_broken")
                return
            for record in _element(held[cut : seen + at], number, max_bytes=max_bytes, is_long=is_long):
                yield record
                number += 1
            cut, is_long = seen + at + 1, False
            if sign == b"]":
                return
        kept = held[cut:] if is_long else held[cut:].lstrip()
        held, base = kept, base + len(held) - len(kept)
        if is_long or len(held) > max_bytes + CHUNK_BYTES:
            for record in overlong(held, number=number, max_bytes=max_bytes):
                yield record
                number += 1
            held, base, is_long = b"", base + len(held), True
    yield from broken(stream, start=base, number=number, problem="cad_drop.json_broken")


class _Scan:
    """Where elements of an array end, chunk by chunk, whatever their size: only the depth is remembered."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_quoted = self._is_escaped = False

    def ends(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Position and sign of each comma between elements, and of the bracket behind the last one (``]``, or ``}``
        where the document is broken).
        """
        at = int(self._is_escaped)
        self._is_escaped = False
        while (found := _STRUCTURE.search(chunk, at)) is not None:
            sign, at = found.group(), found.end()
            if self._is_quoted:
                self._is_quoted = sign != b'"'
                if sign == b"\\":
                    self._is_escaped, at = at == len(chunk), at + 1
            elif sign == b'"':
                self._is_quoted = True
            elif sign in (b"{", b"["):
                self._depth += 1
            elif sign in (b"}", b"]") and self._depth:
                self._depth -= 1
            elif sign != b"\\" and not self._depth:
                yield found.start(), sign


def _element(raw: bytes, number: int, *, max_bytes: int, is_long: bool) -> Iterator[Record]:
    """What stands between two commas: nothing, a record, or (the rest of) one that is too long."""
    raw = raw.rstrip() if is_long else raw.strip()  # a long one may have been cut inside a text
    if is_long or len(raw) > max_bytes:
        yield from overlong(raw, number=number, max_bytes=max_bytes)
    elif raw:
        yield Record(number=number, raw=raw)


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
