"""What stands in a segment's file, for whoever hands it on without decoding it: the header, and one fragment a picture.

Segments are fragmented MP4 (ISO/IEC 14496-12 §8.8) as the recorder's muxer writes them: ``ftyp``, ``moov``, then a
``moof`` and an ``mdat`` for each picture. A file that is being written reads the same way: what is not whole yet is not
there. Pure: bytes in, facts out; nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.footage import FootageClock
from cior_core.model import Struct

_BOX: Final = 8
_SYNC_IS_NOT: Final = 0x0001_0000
"""Bit of a sample's flags: it is no key picture (§8.8.3.1)."""
_ENTRY: Final = 78
"""Bytes of a visual sample entry before its boxes (§12.1.3)."""
AHEAD_S: Final = 3600
"""Added to every camera's own time, so that none is below zero."""


class Note(Struct, frozen=True, kw_only=True):
    """What a segment's file says of itself, as JSON in its comment; see :class:`cior_core.footage.Segment`."""

    camera: str
    number: int
    stretch: int
    epoch: int
    start_ms: int
    first_pts: int
    time_base: tuple[int, int]
    clock: FootageClock


class Head(Struct, frozen=True, kw_only=True):
    """What comes before the pictures. ``init``: the header that a player needs, without the comment, so that all
    segments of a connection have the same; ``digest`` names it. ``scale``: units a second. ``codec``: RFC 6381.
    ``size``: bytes of the header in the file.
    """

    init: bytes
    digest: str
    scale: int
    codec: str
    note: Note
    size: int

    @property
    def line(self) -> tuple[int, int]:
        """Segments of one line follow from each other without a jump."""
        return self.note.stretch, self.note.epoch

    @property
    def shift(self) -> int:
        """What takes the file's times, which begin at 0, to the camera's own, in units of ``scale``."""
        numerator, denominator = self.note.time_base
        return (self.note.first_pts * numerator * self.scale) // denominator + AHEAD_S * self.scale


class Fragment(NamedTuple):
    """One picture: where its bytes are, when it is decoded and for how long (units of ``scale``), whether it is whole
    by itself. ``time_at``: where its time stands in the file.
    """

    start: int
    end: int
    time_at: int
    at: int
    length: int
    is_key: bool


class _Part(NamedTuple):
    kind: bytes
    start: int
    end: int


def _parts(data: bytes, start: int, end: int) -> Iterator[_Part]:
    """The whole boxes of ``data[start:end]``; ``start`` of each is its content's."""
    while start + _BOX <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < _BOX or start + size > end:
            return
        yield _Part(data[start + 4 : start + 8], start + _BOX, start + size)
        start += size


def _inside(data: bytes, part: _Part, *path: bytes) -> _Part | None:
    for kind in path:
        found = next((each for each in _parts(data, part.start, part.end) if each.kind == kind), None)
        if found is None:
            return None
        part = found
    return part


def _needed(data: bytes, part: _Part, *path: bytes) -> _Part:
    found = _inside(data, part, *path)
    if found is None:
        raise _strange(b"/".join(path).decode("latin-1"))
    return found


def _strange(what: str) -> PayloadRejected:
    return PayloadRejected(
        "footage.form", f"a segment's file is not as a recorder writes it: {what}", cure="keep it as it is"
    )


# --- the header ---------------------------------------------------------------------------------------------


def head_of(data: bytes) -> Head | None:
    """The header; None while it is not whole. Raises ``PayloadRejected`` (``footage.form``)."""
    parts = list(_parts(data, 0, len(data)))
    at = next((n for n, each in enumerate(parts) if each.kind == b"moov"), None)
    if at is None:
        return None
    moov = parts[at]
    track = _needed(data, moov, b"trak", b"mdia")
    init = _without_comment(data, moov)
    return Head(
        init=init,
        digest=sha256(init).hexdigest()[:16],
        scale=_scale(data, _needed(data, track, b"mdhd")),
        codec=_codec(data, _needed(data, track, b"minf", b"stbl", b"stsd")),
        note=_note(data, moov),
        size=moov.end,
    )


def _without_comment(data: bytes, moov: _Part) -> bytes:
    kept = [each for each in _parts(data, moov.start, moov.end) if each.kind != b"udta"]
    content = b"".join(data[each.start - _BOX : each.end] for each in kept)
    return data[: moov.start - _BOX] + (len(content) + _BOX).to_bytes(4, "big") + b"moov" + content


def _scale(data: bytes, part: _Part) -> int:
    at = part.start + (20 if data[part.start] == 1 else 12)
    return int.from_bytes(data[at : at + 4], "big") or 1


def _note(data: bytes, moov: _Part) -> Note:
    meta = _needed(data, moov, b"udta", b"meta")
    comment = _needed(data, _Part(b"meta", meta.start + 4, meta.end), b"ilst", b"\xa9cmt", b"data")
    try:
        return msgspec.json.decode(data[comment.start + 8 : comment.end], type=Note)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _strange("its note cannot be read") from error


def _codec(data: bytes, table: _Part) -> str:
    """RFC 6381 §3.3; of H.265 ISO/IEC 14496-15 annex E."""
    entry = next(_parts(data, table.start + 8, table.end), None)
    if entry is None:
        raise _strange("no sample entry")
    name, rest = entry.kind.decode("latin-1"), _Part(entry.kind, entry.start + _ENTRY, entry.end)
    if (found := _inside(data, rest, b"avcC")) is not None:
        return f"{name}.{data[found.start + 1 : found.start + 4].hex().upper()}"
    if (found := _inside(data, rest, b"hvcC")) is not None:
        return f"{name}.{_hevc(data[found.start : found.start + 13])}"
    return name


def _hevc(record: bytes) -> str:
    space = ("", "A", "B", "C")[record[1] >> 6]
    compatible = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    tier = "H" if record[1] & 0x20 else "L"
    limits = [f"{each:X}" for each in record[6:12].rstrip(b"\0")]
    return ".".join([f"{space}{record[1] & 0x1F}", f"{compatible:X}", f"{tier}{record[12]}", *limits])


# --- pictures -----------------------------------------------------------------------------------------------


def fragments_of(data: bytes, start: int) -> tuple[Fragment, ...]:
    """The whole pictures from ``start`` on, where a box begins. Raises ``PayloadRejected`` (``footage.form``)."""
    found: list[Fragment] = []
    moof: _Part | None = None
    for part in _parts(data, start, len(data)):
        if part.kind == b"moof":
            moof = part
        elif part.kind == b"mdat" and moof is not None:
            found.append(_fragment(data, moof, part.end))
            moof = None
    return tuple(found)


def _fragment(data: bytes, moof: _Part, end: int) -> Fragment:
    track = _needed(data, moof, b"traf")
    defaults = _defaults(data, _needed(data, track, b"tfhd"))
    time, run = _needed(data, track, b"tfdt"), _needed(data, track, b"trun")
    if data[time.start] != 1:
        raise _strange("short times")
    length, flags = _run(data, run, defaults)
    at = int.from_bytes(data[time.start + 4 : time.start + 12], "big")
    return Fragment(moof.start - _BOX, end, time.start + 4, at, length, not flags & _SYNC_IS_NOT)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _defaults(data: bytes, part: _Part) -> tuple[int, int]:
    """Length and flags of a sample that says none (§8.8.7)."""
    which, at = _word(data, part.start) & 0xFFFFFF, part.start + 8
    at += (8 if which & 0x1 else 0) + (4 if which & 0x2 else 0)
    length = _word(data, at) if which & 0x8 else 0
    at += (4 if which & 0x8 else 0) + (4 if which & 0x10 else 0)
    return length, _word(data, at) if which & 0x20 else 0


def _run(data: bytes, part: _Part, defaults: tuple[int, int]) -> tuple[int, int]:
    """Length of all samples of the run, and the flags of the first (§8.8.8)."""
    which, count, at = _word(data, part.start) & 0xFFFFFF, _word(data, part.start + 4), part.start + 8
    at += 4 if which & 0x1 else 0
    length, flags = defaults
    if which & 0x4:
        flags, at = _word(data, at), at + 4
    each = sum(4 for bit in (0x100, 0x200, 0x400, 0x800) if which & bit)
    if which & 0x400 and not which & 0x4:
        flags = _word(data, at + sum(4 for bit in (0x100, 0x200) if which & bit))
    if which & 0x100:
        return sum(_word(data, at + each * n) for n in range(count)), flags
    return length * count, flags


def retimed(data: bytes, fragments: Sequence[Fragment], shift: int) -> bytes:
    """The bytes of consecutive pictures of one file, told in the camera's own time: so the files of a connection follow
    each other in a player as one. Nothing of a picture is touched.
    """
    first = fragments[0].start
    made = bytearray(data[first : fragments[-1].end])
    for each in fragments:
        at = each.time_at - first
        made[at : at + 8] = (each.at + shift).to_bytes(8, "big")
    return bytes(made)
