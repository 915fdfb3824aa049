"""SIA DC-09 framing: ``LF, CRC, length (4 hex), body, CR``, in the dialects that panels really send.

Pure and incremental; every byte that arrives leaves in exactly one frame.

CRC is CRC-16/ARC (reflected 0xA001, start 0, check value BB3D). CRC and length both cover the body, from its opening
quote to the byte before CR; the length is hexadecimal (SIA DC-09 §5.5.1; re-computed on published vectors). Dialects
of the field, in any combination (:class:`Dialect`):

* the CRC as two raw bytes, high byte first, instead of four hex digits (Trikdis, DSC, Egardia; pysiaalarm 27, 52, 64;
  ioBroker.sia 3, 4). Either byte may be CR, LF or NUL;
* CRC and length that count the final CR too (ELDES; pysiaalarm 17, 28);
* lower-case hex digits.

A header is known by its opening quote: four hex digits before it, and LF seven bytes (raw CRC) or, behind four more
hex digits, nine bytes (hex CRC) before it. One quote fits one shape only, because a hex digit is no LF. So nothing is
cut inside a raw CRC, and whatever came before, the next header is found again.

Why trying dialects lets no more damage through than one dialect does: none is *tried*. The place of the quote names
the encoding and the length names the span, each uniquely, so exactly one CRC is compared for a piece, and a damaged
frame passes with the 2⁻¹⁶ that CRC-16 always had (never for a burst of 16 bits or less inside the body).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

LF, CR = b"\n", b"\r"
_HEX_CRC: Final = re.compile(rb"\n(?P<crc>[0-9A-Fa-f]{4})(?P<length>[0-9A-Fa-f]{4})\"")
_RAW_CRC: Final = re.compile(rb"\n(?P<crc>..)(?P<length>[0-9A-Fa-f]{4})\"", re.DOTALL)
# What may still become one of the two when more bytes come.
_BEGUN: Final = re.compile(rb"\n(?:[0-9A-Fa-f]{0,8}|.{0,2}|..[0-9A-Fa-f]{0,4})\Z", re.DOTALL)
_HEADER_MAX_BYTES: Final = 10
_FILLER: Final = b"\r\n\0"


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


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a panel writes its frames, and so how it must be answered."""

    raw_crc: bool = False
    counts_cr: bool = False
    lower: bool = False

    def pack(self, body: bytes) -> bytes:
        """``body`` as a complete frame, LF to CR."""
        span = body + CR if self.counts_cr else body
        crc, length = crc16(span), b"%04X" % len(span)
        digits = crc.to_bytes(2, "big") if self.raw_crc else self.cased(b"%04X" % crc)
        return b"\n%b%b%b\r" % (digits, self.cased(length), body)

    def cased(self, digits: bytes) -> bytes:
        """Hex ``digits`` as this panel writes them."""
        return digits.lower() if self.lower else digits

    def __str__(self) -> str:
        named = (("raw_crc", self.raw_crc), ("counts_cr", self.counts_cr), ("lower_hex", self.lower))
        return "+".join(name for name, on in named if on)


STANDARD: Final = Dialect()


def pack(body: bytes) -> bytes:
    """``body`` as a complete frame of the standard's own dialect, LF to CR."""
    return STANDARD.pack(body)


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
        return body_of(self.raw)

    @property
    def dialect(self) -> Dialect:
        """How the panel wrote it; meaningful for ``FRAME`` only."""
        return dialect_of(self.raw)


def _header(raw: bytes) -> re.Match[bytes] | None:
    return _HEX_CRC.match(raw) or _RAW_CRC.match(raw)


def body_of(raw: bytes) -> bytes:
    """The body of one whole frame, without its closing CR; empty when ``raw`` has no header."""
    header = _header(raw)
    return raw[header.end() - 1 : -1] if header is not None else b""


def dialect_of(raw: bytes) -> Dialect:
    """The dialect of one whole frame; the standard's when ``raw`` has no header.

    Digits without letters count as upper case: nobody can tell.
    """
    header = _header(raw)
    if header is None:
        return STANDARD
    raw_crc = header.re is _RAW_CRC
    digits = header["length"] if raw_crc else header["crc"] + header["length"]
    return Dialect(
        raw_crc=raw_crc,
        counts_cr=int(header["length"], 16) == len(raw) - header.end() + 1,
        lower=digits.islower(),
    )


def classify(raw: bytes) -> FrameKind:
    """What one delimited piece (supposed to be LF…CR) is.

    The length says which span the CRC covers, so one CRC is compared.
    """
    if not raw.startswith(LF):
        return FrameKind.NOISE
    header = _header(raw)
    if not raw.endswith(CR):
        return FrameKind.TRUNCATED
    if header is None:
        return FrameKind.BAD_HEADER
    body, length = raw[header.end() - 1 : -1], int(header["length"], 16)
    if length not in (len(body), len(body) + 1):
        return FrameKind.BAD_LENGTH
    told = int.from_bytes(header["crc"], "big") if header.re is _RAW_CRC else int(header["crc"], 16)
    if told != crc16(body if length == len(body) else body + CR):
        return FrameKind.BAD_CRC
    return FrameKind.FRAME


class Framer:
    """Cuts a byte stream into frames. Bounded: never holds more than ``max_bytes``, and never waits for a length that
    somebody claims: after its header a frame ends at the first CR, or breaks off at the first LF.

    One per connection, a fresh one per datagram.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max = max_bytes
        self._held = bytearray()
        self._searched = 0

    @property
    def pending_bytes(self) -> int:
        """How much of an unfinished frame is held. Line ends that a panel sends behind its frame are none."""
        return len(self._held) if self._held.strip(_FILLER) else 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in order. NUL, CR and LF between frames are filler and leave none."""
        self._held += data
        frames: list[Frame] = []
        while (framed := self._next()) is not None:
            frames.append(framed)
        return frames

    def flush(self) -> list[Frame]:
        """What is left when the stream ends, cut as if nothing could follow."""
        rest = bytes(self._held)
        self._consume(len(rest))
        return (
            [Frame(FrameKind.TRUNCATED if rest.startswith(LF) else FrameKind.NOISE, rest)]
            if rest.strip(_FILLER)
            else []
        )

    def _next(self) -> Frame | None:
        if not self._skip_filler() or not self._held:
            return None
        if self._held[0] != LF[0]:
            return self._noise()
        header = _header(bytes(self._held[:_HEADER_MAX_BYTES]))
        begin = max(header.end() if header is not None else 1, self._searched)
        ends = [at for at in (self._held.find(CR, begin), self._held.find(LF, begin)) if at > 0]
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

    def _skip_filler(self) -> bool:
        """Drop CR and NUL before a frame, and each LF that only such bytes follow, but never the LF of a header whose
        raw CRC looks like them. False: the first bytes may still become a header, more must come.
        """
        at, decided = 0, True
        while at < len(self._held):
            here = bytes(self._held[at : at + _HEADER_MAX_BYTES])
            if here[:1] == LF:
                if _header(here) is not None:
                    break
                if len(here) < _HEADER_MAX_BYTES and _BEGUN.match(here):
                    decided = False
                    break
                if here[1:2] not in (b"\n", b"\r", b"\0"):
                    break
            elif here[:1] not in (CR, b"\0"):
                break
            at += 1
        if at:
            self._consume(at)
        return decided

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
