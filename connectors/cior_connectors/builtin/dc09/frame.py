"""SIA DC-09 framing: ``LF, CRC (4 hex), length (4 hex), body, CR``. Pure and incremental; every byte that arrives leaves in exactly one cut.

CRC is CRC-16/ARC (reflected 0xA001, start 0, check value BB3D). CRC and length both cover the body, from its opening quote to the byte
before CR; the length is hexadecimal (SIA DC-09 §5.5.1; re-computed on published vectors).
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

LF, CR = b"\n", b"\r"
HEADER_BYTES = 9
_HEADER = re.compile(rb"\n([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})\"")


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        rows.append(value)
    return tuple(rows)


_CRC_TABLE = _table()


def crc16(body: bytes) -> int:
    """CRC-16/ARC of ``body``. The table is computed, not copied: the printed one in DC-07 has an erratum."""
    value = 0
    for byte in body:
        value = (value >> 8) ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value


def pack(body: bytes) -> bytes:
    """``body`` as a complete frame, LF to CR."""
    return b"\n%04X%04X%b\r" % (crc16(body), len(body), body)


class CutKind(StrEnum):
    """What a cut is. Only ``FRAME`` may be answered; everything else is kept as it is and dead-lettered."""

    FRAME = "frame"
    NOISE = "noise"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    BAD_HEADER = "bad_header"
    BAD_LENGTH = "bad_length"
    BAD_CRC = "bad_crc"


class Cut(msgspec.Struct, frozen=True):
    """A piece of the stream: its exact bytes and what they are."""

    kind: CutKind
    raw: bytes

    @property
    def body(self) -> bytes:
        """From the opening quote to the byte before CR; meaningful for ``FRAME`` only."""
        return self.raw[HEADER_BYTES:-1]


def classify(raw: bytes) -> CutKind:
    """What one delimited piece (supposed to be LF…CR) is."""
    if not raw.startswith(LF):
        return CutKind.NOISE
    if not raw.endswith(CR):
        return CutKind.TRUNCATED
    header = _HEADER.match(raw)
    if header is None:
        return CutKind.BAD_HEADER
    body = raw[HEADER_BYTES:-1]
    if int(header.group(2), 16) != len(body):
        return CutKind.BAD_LENGTH
    if int(header.group(1), 16) != crc16(body):
        return CutKind.BAD_CRC
    return CutKind.FRAME


class Framer:
    """Cuts a byte stream into frames. Bounded: never holds more than ``max_bytes``. One per connection, a fresh one per datagram."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max = max_bytes
        self._held = bytearray()
        self._searched = 0

    @property
    def pending_bytes(self) -> int:
        """How much of an unfinished frame is held."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Cut]:
        """The cuts that ``data`` completes, in order. NUL, CR and LF between frames are filler and leave no cut."""
        self._held += data
        cuts: list[Cut] = []
        while (cut := self._next()) is not None:
            cuts.append(cut)
        return cuts

    def flush(self) -> list[Cut]:
        """What is left when the stream ends."""
        rest = bytes(self._held)
        self._take(len(rest))
        return (
            [Cut(CutKind.TRUNCATED if rest.startswith(LF) else CutKind.NOISE, rest)]
            if rest.strip(b"\r\n\0")
            else []
        )

    def _next(self) -> Cut | None:
        while True:
            self._skip_filler()
            if not self._held:
                return None
            if self._held[0] != LF[0]:
                return self._noise()
            ends = [
                at
                for at in (self._held.find(CR, self._searched), self._held.find(LF, max(1, self._searched)))
                if at > 0
            ]
            if not ends:
                if len(self._held) >= self._max:
                    return self._too_long()
                self._searched = len(self._held)
                return None
            if min(ends) >= self._max:
                return self._too_long()
            return self._finish(min(ends))

    def _finish(self, at: int) -> Cut:
        if self._held[at] == LF[0]:
            return Cut(CutKind.TRUNCATED, self._take(at))
        raw = self._take(at + 1)
        return Cut(classify(raw), raw)

    def _skip_filler(self) -> None:
        """Drop CR and NUL before a frame, and all but the last LF of a run."""
        at = 0
        while at < len(self._held) and (
            self._held[at] in b"\r\0" or bytes(self._held[at : at + 2]) in (b"\n\n", b"\n\r", b"\n\0")
        ):
            at += 1
        if at:
            self._take(at)

    def _noise(self) -> Cut | None:
        at = self._held.find(LF)
        if 0 <= at < self._max:
            return Cut(CutKind.NOISE, self._take(at))
        return Cut(CutKind.NOISE, self._take(self._max)) if len(self._held) >= self._max else None

    def _too_long(self) -> Cut:
        return Cut(CutKind.OVERSIZE, self._take(self._max))

    def _take(self, count: int) -> bytes:
        piece = bytes(self._held[:count])
        del self._held[:count]
        self._searched = 0
        return piece
