"""Native segments: an ISO base media file (ISO/IEC 14496-12) read just far enough to find each packet's bytes.

Refused: an edit list (it hides pictures from a player), a second track, a box that belongs to nobody, bytes that are
in no packet.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.folder import Read

MOST_BOXES = 400_000
MOST_SAMPLES = 2_000_000
MOST_BOX_BYTES = 64 * 1024 * 1024
MOST_BOX_DEPTH = 12
CONTAINERS = frozenset(
    (
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"dinf",
        b"edts",
        b"mvex",
        b"moof",
        b"traf",
        b"mfra",
        b"udta",
    )
)
TOP = frozenset((b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"mfra", b"free"))
KNOWN = CONTAINERS | TOP | frozenset(
    (b"mvhd", b"tkhd", b"elst", b"mdhd", b"hdlr", b"vmhd", b"smhd", b"nmhd", b"dref", b"stsd", b"stts", b"ctts")
    + (b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"sdtp", b"sgpd", b"sbgp", b"mehd", b"trex", b"mfhd")
    + (b"tfhd", b"tfdt", b"trun", b"tfra", b"mfro", b"meta", b"subs", b"saiz", b"saio", b"cslg", b"stdp", b"padb")
)  # fmt: skip
_BASE, _DEFAULT_SIZE = 0x1, 0x10
_RUN_OFFSET, _RUN_FIRST_FLAGS, _RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION = (
    1,
    4,
    0x100,
    0x200,
    0x400,
    0x800,
)


class Box(NamedTuple):
    """One box: where its content starts and ends, and the names around it."""

    kind: bytes
    start: int
    body: int
    end: int
    inside: tuple[bytes, ...]


class Clip(NamedTuple):
    """What a segment holds: its packets as (offset, size) in decoding order, what is wrong with it, and the content of
    ``stsd``, which says how they are coded.
    """

    samples: list[tuple[int, int]]
    faults: list[tuple[str, str]]
    described: bytes


def boxes_of(read: Read, size: int) -> list[Box]:
    """All boxes, outer ones first, in the order of the file."""
    found: list[Box] = []
    _scan(read, (0, size), (), found)
    return found


def _scan(read: Read, span: tuple[int, int], inside: tuple[bytes, ...], found: list[Box]) -> None:
    at, end = span
    if len(inside) > MOST_BOX_DEPTH:
        raise Malformed("MP4: too deep")
    while at < end:
        box = _box(read, at, end, inside)
        found.append(box)
        if len(found) > MOST_BOXES:
            raise Malformed("MP4: too many boxes")
        if box.kind in CONTAINERS:
            _scan(read, (box.body, box.end), inside + (box.kind,), found)
        at = box.end


def _box(read: Read, at: int, end: int, inside: tuple[bytes, ...]) -> Box:
    head = read(at, 16)
    if end - at < 8 or len(head) < 8:
        raise Malformed(f"MP4: cut at {at}")
    size, kind = struct.unpack(">I4s", head[:8])
    body = at + 8
    if size == 1:
        if len(head) < 16:
            raise Malformed(f"MP4: cut at {at}")
        size, body = struct.unpack(">Q", head[8:])[0], at + 16
    if size == 0 and not inside:
        size = end - at
    if at + size < body or at + size > end:
        raise Malformed(f"MP4: box {named(kind)} at {at}")
    return Box(kind, at, body, at + size, inside)


def named(kind: bytes) -> str:
    """A box's four letters."""
    return kind.decode("latin-1")


def read_clip(read: Read, size: int) -> Clip:
    """Take a segment apart. ``Malformed`` when it is no MP4."""
    boxes = boxes_of(read, size)
    faults = _faults(boxes, read)
    samples = _table_samples(boxes, read) + _fragment_samples(boxes, read)
    if len(samples) > MOST_SAMPLES:
        raise Malformed("MP4: too many packets")
    faults += _uncovered(boxes, samples, size)
    description = _only(boxes, b"stsd")
    return Clip(samples, faults, _content(read, description) if description is not None else b"")


def _faults(boxes: list[Box], read: Read) -> list[tuple[str, str]]:
    found = [
        ("video.editlist", str(box.start)) for box in boxes if box.kind == b"elst" and _full(read, box)[1]
    ]
    tracks = [box for box in boxes if box.kind == b"trak"]
    found += [("video.track", str(box.start)) for box in tracks[1:]]
    if not tracks:
        found.append(("video.malformed", "trak"))
    handlers = [_content(read, box)[8:12] for box in boxes if box.kind == b"hdlr" and b"trak" in box.inside]
    found += [("video.track", named(kind)) for kind in handlers if kind != b"vide"]
    for box in boxes:
        is_place = box.kind in TOP if not box.inside else box.kind in KNOWN
        if not is_place and b"udta" not in box.inside:
            found.append(("video.box", f"{named(box.kind)}@{box.start}"))
        if box.kind == b"free" and any(_content(read, box)):
            found.append(("video.box", f"free@{box.start}"))
        if box.kind == b"udta" and box.inside != (b"moov",):
            found.append(("video.box", f"udta@{box.start}"))
    return found


def _content(read: Read, box: Box) -> bytes:
    size = box.end - box.body
    if size > MOST_BOX_BYTES:
        raise Malformed(f"MP4: box {named(box.kind)} of {size} bytes")
    content = read(box.body, size)
    if len(content) != size:
        raise Malformed("MP4: cut")
    return content


def _full(read: Read, box: Box) -> tuple[bytes, int]:
    """A table's content and the number of its rows (a FullBox that begins with a count)."""
    content = _content(read, box)
    if len(content) < 8:
        raise Malformed(f"MP4: box {named(box.kind)}")
    return content, int.from_bytes(content[4:8], "big")


def _numbers(content: bytes, at: int, count: int, width: int = 4) -> list[int]:
    if count > MOST_SAMPLES or at + count * width > len(content):
        raise Malformed("MP4: table")
    return [int.from_bytes(content[at + n * width : at + (n + 1) * width], "big") for n in range(count)]


# --- packets of a whole file: stsz, stsc, stco ----------------------------------------------------------------


def _only(boxes: list[Box], kind: bytes) -> Box | None:
    return next((box for box in boxes if box.kind == kind and b"stbl" in box.inside), None)


def _table_samples(boxes: list[Box], read: Read) -> list[tuple[int, int]]:
    sizes_box, chunks_box = _only(boxes, b"stsz"), _only(boxes, b"stsc")
    offsets_box = _only(boxes, b"stco") or _only(boxes, b"co64")
    if sizes_box is None or chunks_box is None or offsets_box is None:
        return []
    content, same = _full(read, sizes_box)
    if len(content) < 12:
        raise Malformed("MP4: stsz")
    count = int.from_bytes(content[8:12], "big")
    if count > MOST_SAMPLES:
        raise Malformed("MP4: too many packets")
    sizes = [same] * count if same else _numbers(content, 12, count)
    content, count = _full(read, offsets_box)
    offsets = _numbers(content, 8, count, 4 if offsets_box.kind == b"stco" else 8)
    content, count = _full(read, chunks_box)
    flat = _numbers(content, 8, 3 * count)
    return _laid_out(sizes, offsets, [(flat[n], flat[n + 1]) for n in range(0, len(flat), 3)])


def _laid_out(sizes: list[int], offsets: list[int], runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each packet's place; ``runs`` are (first chunk, packets a chunk)."""
    found: list[tuple[int, int]] = []
    run, taken = -1, 0
    for number, offset in enumerate(offsets, start=1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        a_chunk = runs[run][1] if run >= 0 else 0
        at = offset
        for size in sizes[taken : taken + a_chunk]:
            found.append((at, size))
            at += size
        taken += a_chunk
    if taken != len(sizes):
        raise Malformed(f"MP4: {taken} packets in chunks, {len(sizes)} in all")
    return found


# --- packets of fragments: tfhd, trun -------------------------------------------------------------------------


def _fragment_samples(boxes: list[Box], read: Read) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    default = next(
        (int.from_bytes(_content(read, box)[16:20], "big") for box in boxes if box.kind == b"trex"), 0
    )
    moof, base, size_here, at = 0, 0, 0, 0
    for box in boxes:
        if box.kind == b"moof":
            moof = box.start
        elif box.kind == b"tfhd":
            base, size_here = _track_fragment(_content(read, box), moof, default)
            at = base
        elif box.kind == b"trun":
            at = _run(_content(read, box), (base, at), size_here, found)
    return found


def _track_fragment(content: bytes, moof: int, default: int) -> tuple[int, int]:
    """(base offset, default packet size) of a ``tfhd``."""
    if len(content) < 8:
        raise Malformed("MP4: tfhd")
    flags, at, base = int.from_bytes(content[1:4], "big"), 8, moof
    if flags & _BASE:
        base, at = int.from_bytes(content[at : at + 8], "big"), at + 8
    at += 4 * bool(flags & 0x2) + 4 * bool(flags & 0x8)
    if flags & _DEFAULT_SIZE:
        default = int.from_bytes(content[at : at + 4], "big")
    return base, default


def _run(content: bytes, bases: tuple[int, int], default: int, found: list[tuple[int, int]]) -> int:
    """Add a ``trun``'s packets; where the next one would begin."""
    base, at = bases
    if len(content) < 8:
        raise Malformed("MP4: trun")
    flags, count, place = int.from_bytes(content[1:4], "big"), int.from_bytes(content[4:8], "big"), 8
    if flags & _RUN_OFFSET:
        at, place = base + int.from_bytes(content[8:12], "big", signed=True), 12
    place += 4 * bool(flags & _RUN_FIRST_FLAGS)
    fields = [flag for flag in (_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION) if flags & flag]
    if len(found) + count > MOST_SAMPLES or place + 4 * len(fields) * count > len(content):
        raise Malformed("MP4: trun")
    shift = 4 * fields.index(_RUN_SIZE) if _RUN_SIZE in fields else None
    for _ in range(count):
        size = default if shift is None else int.from_bytes(content[place + shift : place + shift + 4], "big")
        found.append((at, size))
        at += size
        place += 4 * len(fields)
    return at


def _uncovered(boxes: list[Box], samples: list[tuple[int, int]], size: int) -> list[tuple[str, str]]:
    """Packets must lie inside ``mdat``, apart from each other, and fill it."""
    found: list[tuple[str, str]] = []
    data = [(box.body, box.end) for box in boxes if box.kind == b"mdat"]
    ordered = sorted(samples)
    for (start, length), (following, _) in zip(ordered, ordered[1:]):
        if start + length > following:
            found.append(("video.malformed", f"overlap@{following}"))
            break
    if any(start < 0 or start + length > size for start, length in ordered):
        found.append(("video.malformed", "packet beyond the end"))
    held, used = sum(end - start for start, end in data), sum(length for _, length in samples)
    if held != used and not found:
        found.append(("video.hidden", f"{used} / {held}"))
    return found
