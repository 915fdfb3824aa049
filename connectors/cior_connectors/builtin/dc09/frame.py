"""SIA DC-09 framing: ``LF, CRC (4 hex), length (4 hex), body, CR``.

Pure and incremental; every byte that arrives leaves in exactly one frame.

CRC is CRC-16/ARC (reflected 0xA001, start 0, check value BB3D). CRC and length both cover the body, from its opening
quote to the byte before CR; the length is hexadecimal (SIA DC-09 §5.5.1; re-computed on published vectors).
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


class FrameKind(StrEnum):
    """What a piece of the stream is.

    Only ``FRAME`` may be answered; everything else is kept as it is and dead-lettered.
    """

    FRAME = "frame"
    NOISE = "noise"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    BAD_HEADER = "bad_header"
    BAD_LENGTH = "bad_length"
    BAD_CRC = "bad_crc"


class Frame(msgspec.Struct, frozen=True):
    """A piece of the stream: its exact bytes and what they are."""

    kind: FrameKind
    raw: bytes

    @property
    def body(self) -> bytes:
        """From the opening quote to the byte before CR; meaningful for ``FRAME`` only."""
        return self.raw[HEADER_BYTES:-1]


def classify(raw: bytes) -> FrameKind:
    """What one delimited piece (supposed to be LF…CR) is."""
    if not raw.startswith(LF):
        return FrameKind.NOISE
    if not raw.endswith(CR):
        return FrameKind.TRUNCATED
    header = _HEADER.match(raw)
    if header is None:
        return FrameKind.BAD_HEADER
    body = raw[HEADER_BYTES:-1]
    if int(header.group(2), 16) != len(body):
        return FrameKind.BAD_LENGTH
    if int(header.group(1), 16) != crc16(body):
        return FrameKind.BAD_CRC
    return FrameKind.FRAME


class Framer:
    """Cuts a byte stream into frames. Bounded: never holds more than ``max_bytes``.

    One per connection, a fresh one per datagram.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max = max_bytes
        self._held = bytearray()
        self._searched = 0

    @property
    def pending_bytes(self) -> int:
        """How much of an unfinished frame is held."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in order. NUL, CR and LF between frames are filler and leave none."""
        self._held += data
        frames: list[Frame] = []
        while (framed := self._next()) is not None:
            frames.append(framed)
        return frames

    def flush(self) -> list[Frame]:
        """What is left when the stream ends."""
        rest = bytes(self._held)
        self._consume(len(rest))
        return (
            [Frame(FrameKind.TRUNCATED if rest.startswith(LF) else FrameKind.NOISE, rest)]
            if rest.strip(b"\r\n\0")
            else []
        )

    def _next(self) -> Frame | None:
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

    def _finish(self, at: int) -> Frame:
        if self._held[at] == LF[0]:
            return Frame(FrameKind.TRUNCATED, self._consume(at))
        raw = self._consume(at + 1)
        return Frame(classify(raw), raw)

    def _skip_filler(self) -> None:
        """Drop CR and NUL before a frame, and all but the last LF of a run."""
        at = 0
        while at < len(self._held) and (
            self._held[at] in b"\r\0" or bytes(self._held[at : at + 2]) in (b"\n\n", b"\n\r", b"\n\0")
        ):
            at += 1
        if at:
            self._consume(at)

    def _noise(self) -> Frame | None:
        at = self._held.find(LF)
        if 0 <= at < self._max:
            return Frame(FrameKind.NOISE, self._consume(at))
        return Frame(FrameKind.NOISE, self._consume(self._max)) if len(self._held) >= self._max else None

    def _too_long(self) -> Frame:
        return Frame(FrameKind.OVERSIZE, self._consume(self._max))

    def _consume(self, count: int) -> bytes:
        piece = bytes(self._held[:count])
        del self._held[:count]
        self._searched = 0
        return piece
