"""What a ring on this machine has of a camera: records of an interval without reading a day, files, pictures as they
are sent. Nothing is copied on disk and nothing is decoded; the form is :mod:`cior_core.footage`.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from cior_console.problems import Refused
from cior_core import footage, fragments
from cior_core.errors import ConfigInvalid
from cior_core.footage import Gap, GapCause, PastDay, Record, Removal, Segment
from cior_core.hls import Piece
from cior_core.model import Struct
from cior_core.picture_masks import Masks
from cior_core.spans import Span

PART: Final = ".part"
"""The end of the name of a file that is being written, or that a killed recorder left."""
_SLACK_MS: Final = 300_000
"""Records may be a little out of order: a clock was set back."""
_TAIL_BYTES: Final = 16_384
_REMOVAL: Final = b'"type":"removal"'


class Rings:
    """Where each camera is recorded, as this machine sees it; asked when somebody first looks, and again when a camera
    is not there: a ring may have been mounted since. What nobody may see of it is asked at each view.
    """

    def __init__(
        self,
        find: Callable[[], Mapping[str, Path]] = dict,
        masks: Callable[[], Mapping[str, Masks]] = dict,
    ) -> None:
        self._find, self._masks = find, masks
        self._found: Mapping[str, Path] = {}

    def of(self, camera: str) -> Path:
        """The ring's folder; blocking. Raises ``Refused`` (``footage.not_recorded``, ``footage.elsewhere``)."""
        if not self._stands(camera):
            try:
                self._found = self._find()
            except ConfigInvalid:  # the recorders' files are on another machine
                raise Refused("footage.elsewhere") from None
        if camera not in self._found:
            raise Refused("footage.not_recorded")
        if not self._stands(camera):
            raise Refused("footage.elsewhere")
        return self._found[camera]

    def _stands(self, camera: str) -> bool:
        return camera in self._found and (self._found[camera] / camera).is_dir()

    def masks(self, camera: str) -> Masks | None:
        """What is to be covered where it is shown; blocking. None: the files that say so are not on this machine."""
        try:
            return self._masks().get(camera, ())
        except ConfigInvalid:
            return None


class Clip(Struct, frozen=True, kw_only=True):
    """``span`` as it can be shown: whole segments, and the gaps in it. ``paths`` by segment number. ``is_growing``: the
    last of them is being written.
    """

    span: Span
    pieces: tuple[Piece, ...]
    gaps: tuple[Gap, ...]
    paths: Mapping[int, str]
    codec: str
    is_growing: bool = False

    def for_conversion(self) -> Clip:
        """Without the segment that is being written, which will be another one when it is over. Each header has its
        own name: a conversion's is not known before it is made.
        """
        pieces = self.pieces[:-1] if self.is_growing else self.pieces
        return replace(
            self, pieces=tuple(replace(each, init=str(each.number)) for each in pieces), is_growing=False
        )


def clip_of(ring: Path, camera: str, span: Span) -> Clip:
    """What there is of ``span``; the segment that is being written is part of it. Blocking. Raises what
    :func:`read_head` raises.
    """
    found = records_of(ring, camera, span)
    known = {each.number: each for each in found if isinstance(each, Segment)}
    gone = footage.removed(found)
    lost = frozenset(n for n, each in known.items() if n not in gone and not (ring / each.path).is_file())
    covered = footage.cover(camera, span, found, lost=lost)
    heads: dict[tuple[int, int, str], fragments.Head] = {}
    pieces, paths = [], {}
    for each in covered.segments:
        key = (each.stretch, each.epoch, each.codec_sha256)
        if key not in heads:
            heads[key] = read_head(ring / each.path)
        paths[each.number] = each.path
        pieces.append(_piece(heads[key], each.number, each.start_ms, each.end_ms))
    codec, gaps = next((head.codec for head in heads.values()), ""), covered.gaps
    written = _written(ring, camera, max(known.values(), key=lambda each: each.number, default=None))
    if written is not None and gaps and gaps[-1].to_ms == span[1] and gaps[-1].cause is GapCause.UNKNOWN:
        path, head, piece = written
        pieces.append(piece)
        paths[piece.number], codec = path, codec or head.codec
        gaps = gaps[:-1]  # what is being written now ends at no gap
    is_growing = len(paths) > len(covered.segments)
    return Clip(span=span, pieces=tuple(pieces), gaps=gaps, paths=paths, codec=codec, is_growing=is_growing)


def _piece(head: fragments.Head, number: int, start_ms: int, end_ms: int) -> Piece:
    length_s = (end_ms - start_ms) / 1000
    return Piece(number=number, start_ms=start_ms, length_s=length_s, line=head.line, init=head.digest)


def _written(ring: Path, camera: str, last: Segment | None) -> tuple[str, fragments.Head, Piece] | None:
    """The file that goes on where ``last`` ends, if it is being written and has a picture."""
    if last is None:
        return None
    path = footage.segment_path(camera, last.number + 1, last.end_ms)
    try:
        data = (ring / (path + PART)).read_bytes()
    except FileNotFoundError:
        return None
    head = fragments.head_of(data)
    found = fragments.fragments_of(data, head.size) if head is not None else ()
    if head is None or not found:
        return None
    length_ms = (found[-1].at + found[-1].length) * 1000 // head.scale
    start_ms = head.note.start_ms
    return path, head, _piece(head, head.note.number, start_ms, start_ms + length_ms)


# --- records ------------------------------------------------------------------------------------------------


def records_of(ring: Path, camera: str, span: Span) -> list[Record]:
    """Those that explain ``span``, and every removal of its days; of days that are gone, what stays of them."""
    found: list[Record] = []
    days = footage.days_of(*span)
    for day in days:
        path = ring / footage.index_path(camera, day)
        with suppress(FileNotFoundError), path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    found += _some(data, span)
    if not all((ring / footage.index_path(camera, day)).exists() for day in days):
        found += _past(ring, camera, days)
    return found


def _past(ring: Path, camera: str, days: Sequence[str]) -> Iterator[Record]:
    for path in sorted((ring / camera).glob(footage.PAST)):
        for entry in footage.read_index(path.read_bytes()).entries:
            if isinstance(entry.record, PastDay) and entry.record.day in days:
                yield entry.record


def _some(data: mmap.mmap, span: Span) -> Iterator[Record]:
    first = _place(data, span[0] - footage.LONGEST_MS - _SLACK_MS)
    first = data.rfind(b"\n", 0, max(0, first - 1)) + 1  # one more: a gap of hours may reach as far
    last = _place(data, span[1] + _SLACK_MS)
    for entry in footage.read_index(data[first:last]).entries:
        if not isinstance(entry.record, Removal):
            yield entry.record
    at = data.find(_REMOVAL)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at) + 1
        yield from (each.record for each in footage.read_index(data[start : end or len(data)]).entries)
        at = data.find(_REMOVAL, at + 1)


def _place(data: mmap.mmap, at_ms: int) -> int:
    """Where the first line that is not before ``at_ms`` begins: a day has tens of thousands of lines."""
    first, last = 0, len(data)
    while first < last:
        middle = (first + last) // 2
        start = max(first, data.rfind(b"\n", first, middle) + 1)
        instant_ms, end = _dated(data, start, last)
        if instant_ms is not None and instant_ms < at_ms:
            first = end
        else:
            last = start
    return first


def _dated(data: mmap.mmap, start: int, last: int) -> tuple[int | None, int]:
    """The instant of the first line from ``start`` on that has one, and where that line ends."""
    while start < last:
        end = data.find(b"\n", start) + 1 or len(data)
        for entry in footage.read_index(data[start:end]).entries:
            match entry.record:
                case footage.Segment(start_ms=at_ms) | footage.Gap(from_ms=at_ms):
                    return at_ms, end
                case _:
                    pass
        start = end
    return None, last


def newest(ring: Path, camera: str, now_ms: int) -> list[Record]:
    """The last records of a camera, oldest first: of today, of the day before about midnight; else of its last day."""
    days = dict.fromkeys((footage.day_of(now_ms - footage.LONGEST_MS), footage.day_of(now_ms)))
    known = (
        {each.name for each in (ring / camera).glob("????-??-??")} if not _has(ring, camera, days) else set()
    )
    found: list[Record] = []
    for day in [*days, *sorted(known)[-1:]]:
        with suppress(FileNotFoundError), (ring / footage.index_path(camera, day)).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
            lines = tail if start == 0 else tail.partition(b"\n")[2]
            found += (each.record for each in footage.read_index(lines).entries)
    return found


def _has(ring: Path, camera: str, days: Iterable[str]) -> bool:
    return any((ring / footage.index_path(camera, day)).exists() for day in days)


# --- pictures -----------------------------------------------------------------------------------------------


def read_head(path: Path) -> fragments.Head:
    """The header of a segment's file. Raises ``PayloadRejected``, ``Refused`` (``footage.gone``)."""
    head = fragments.head_of(_content(path, 65_536))
    if head is None:
        raise Refused("footage.gone")
    return head


def read_whole(path: Path) -> bytes:
    """All whole pictures of a segment's file, as they are sent. Raises what :func:`read_head` raises."""
    data, head, found = _whole(path)
    return fragments.retimed(data, found, head.shift)


def read_native(path: Path) -> bytes:
    """Header and all whole pictures of a segment's file as they lie there. Raises what :func:`read_head` raises."""
    data, _, found = _whole(path)
    return data[: found[-1].end]


def _whole(path: Path) -> tuple[bytes, fragments.Head, tuple[fragments.Fragment, ...]]:
    data = _content(path, -1)
    head = fragments.head_of(data)
    found = fragments.fragments_of(data, head.size) if head is not None else ()
    if head is None or not found:
        raise Refused("footage.gone")
    return data, head, found


def _content(path: Path, size: int) -> bytes:
    """The file under its own name, or under that of one that is being written."""
    for each in (path, path.with_name(path.name + PART)):
        with suppress(FileNotFoundError), each.open("rb") as file:
            return file.read(size)
    raise Refused("footage.gone")
