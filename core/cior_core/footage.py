"""What a recorder kept of a camera and what it did not: segments of video, gaps with their cause, removals. Pure: the
recorder writes these records, whoever builds evidence reads them, and nobody guesses.

The ring is a folder. Of each camera and UTC day it has ``<camera>/<YYYY-MM-DD>/`` with the segments that began that day
(``<hhmmssmmm>-<number>.mp4``) and their ``index.jsonl``, append only, one :class:`Entry` a line, canonical JSON:

    {"link": "<hex>", "place": {"chain", "previous", "seq"}, "record": {"type": "segment" | "gap" | …}}

``link`` is :func:`cior_core.chain.entry_hash` of the place and of the SHA-256 of the bytes of ``record`` as they stand
in the line. Each day is one chain; its first record, an :class:`Opening`, names the head of the day
before, so a day cannot vanish either. A removal stands in the chain of the day that it removed from. A day all of which
is gone becomes one line, a :class:`PastDay`, of ``<camera>/past-<year it became one>.jsonl``: one chain a camera, whose
head each new day's opening names (:mod:`cior_core.footage_past`).

Instants are honest UTC: a segment's come from its first and last picture (:class:`FootageClock` says by which clock).
Intervals are half open, ``[from_ms, to_ms)``; a segment ends where the next one of its stretch begins, so two
neighbours leave no hole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

from cior_core import chain
from cior_core.camera_stretch import PictureForm
from cior_core.canonical import canonical
from cior_core.chain import Head
from cior_core.chain_place import ChainPlace
from cior_core.errors import PayloadRejected
from cior_core.integrity import unsafe_path
from cior_core.model import ClockQuality, Struct
from cior_core.spans import Span, minus, union

INDEX: Final = "index.jsonl"
PAST: Final = "past-????.jsonl"
"""Names of a camera's files of past days, as a pattern."""
DAY_MS: Final = 86_400_000
LONGEST_MS: Final = 60_000
"""No segment is longer, so what covers an instant began at most this long before it."""


class GapCause(StrEnum):
    """Why there are no pictures.

    ``CAMERA_AWAY``: it could not be reached or sent nothing. ``RECONNECT``: the connection broke, until the first whole
    picture of the next one. ``RESTART``: the recorder did not run. ``DISK_FULL``: there was no room that a hold left.
    ``CLOCK_STEP``: the clock was set, nothing is missing. ``DAMAGED``: what came could not be written. ``EXPIRED``: it
    was recorded and removed by a rule. ``LOST``: it was recorded, and the file is gone or changed, by no record.
    ``UNKNOWN``: nothing says why.
    """

    CAMERA_AWAY = "camera_away"
    RECONNECT = "reconnect"
    RESTART = "restart"
    DISK_FULL = "disk_full"
    CLOCK_STEP = "clock_step"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    LOST = "lost"
    UNKNOWN = "unknown"


class RemovalRule(StrEnum):
    """Why segments were removed: they were older than the retention, or the disk's reserve was needed."""

    RETENTION = "retention"
    RESERVE = "reserve"


class FootageClock(Struct, frozen=True, kw_only=True):
    """By which clock a segment's instants are told: ``source`` ``rtcp``, ``arrival`` or ``file``, as of its pictures.

    ``offset_ms``: the camera's clock minus the recorder's (mean of the segment; positive: the camera is ahead), None
    when the camera told no time. ``error_ms``: how much that difference moved within the segment, delays included; None
    of a recovered one, whose ``offset_ms`` is that of its first picture. ``paced_by``: whose durations the file's own
    times are, the camera's (``stream``) or, of one whose time runs too fast, too slow or stands, the recorder's
    (``arrival``).
    """

    source: str
    quality: ClockQuality
    offset_ms: int | None = None
    error_ms: int | None = None
    paced_by: str = "stream"


class Segment(Struct, frozen=True, kw_only=True, tag="segment", tag_field="type"):
    """Some seconds of one camera in one file, as the camera coded them; it begins with a key picture.

    ``number`` counts the camera's segments from 1. ``stretch`` is the connection (UTC ms of its first packet) and
    ``epoch`` the part of it without a jump: within both, times are exact differences. ``sha256`` is the file's,
    ``payload_sha256`` covers the packets' bytes alone, in their order, and is the same however they are wrapped.
    ``codec_sha256``: the decoder's parameters, out of band. ``first_pts`` is in ``time_base`` (numerator, denominator)
    and is the camera's own, as the file begins at 0 (of a segment paced by arrival, counted from the epoch's first
    picture). ``recovered``: its recorder was killed while it wrote.
    """

    camera: str
    number: int
    stretch: int
    epoch: int
    start_ms: int
    end_ms: int
    frames: int
    keyframes: int
    size_bytes: int
    sha256: str
    payload_sha256: str
    path: str
    form: PictureForm
    codec_sha256: str
    first_pts: int
    time_base: tuple[int, int]
    clock: FootageClock
    recovered: bool = False


class Gap(Struct, frozen=True, kw_only=True, tag="gap", tag_field="type"):
    """No pictures of ``camera`` in ``[from_ms, to_ms)``, and why."""

    camera: str
    from_ms: int
    to_ms: int
    cause: GapCause


class Removal(Struct, frozen=True, kw_only=True, tag="removal", tag_field="type"):
    """Segments ``first`` to ``last`` of the day were removed at ``at_ms`` by a rule; no hold was on them."""

    camera: str
    first: int
    last: int
    size_bytes: int
    at_ms: int
    rule: RemovalRule


class Opening(Struct, frozen=True, kw_only=True, tag="opening", tag_field="type"):
    """The first record of a day: the chain of the recorded day before as it ended then; ``seq`` 0: there was none.
    ``past``: the chain of past days as it ended then (None: there was none).
    """

    camera: str
    chain: str
    seq: int
    hash: str
    past: Head | None = None


class PastDay(Struct, frozen=True, kw_only=True, tag="past_day", tag_field="type"):
    """What stays of a day whose segments are all gone, held by nobody: its index in one record, made at ``at_ms``.

    ``before``: the head that its opening named; ``last``: its own; ``named``: what the day after named of it (None:
    there is none). ``index_sha256`` and ``index_bytes`` are the file's, so that a copy of it is known again.
    ``segments``, ``size_bytes``: what was recorded; ``last_number``: its highest (0: nothing was); ``expired_ms``: when
    the first and the last of it were removed, by ``rules``. ``told``: from, to, and why there are no pictures;
    ``expired``: there were. With ``grain_ms`` 0 to the ms; else what is shorter is told with its neighbour, footage
    before silence.
    """

    camera: str
    day: str
    at_ms: int
    before: Head
    last: Head
    named: Head | None
    index_sha256: str
    index_bytes: int
    segments: int
    size_bytes: int
    last_number: int
    expired_ms: Span | None
    rules: tuple[RemovalRule, ...]
    told: tuple[tuple[int, int, GapCause], ...]
    grain_ms: int = 0


Record = Segment | Gap | Removal | Opening | PastDay


class Entry(Struct, frozen=True, kw_only=True):
    """A record at its place in its chain. ``content``: hex SHA-256 of the record's bytes as they stand in the line."""

    place: ChainPlace
    link: str
    content: str
    record: Record

    @property
    def head(self) -> chain.Head:
        """The chain's end, when nothing follows."""
        return chain.Head(self.place.chain, self.place.seq, self.link)


class _Line(Struct, frozen=True, kw_only=True):
    place: ChainPlace
    link: str
    record: msgspec.Raw


class Index(Struct, frozen=True, kw_only=True):
    """What an index file says. ``faults``: numbers of the lines (from 1) that cannot be read; ``torn_bytes``: what
    stands after the last end of line, which a power cut or a kill left half written.
    """

    entries: tuple[Entry, ...] = ()
    faults: tuple[int, ...] = ()
    torn_bytes: int = 0


class Coverage(Struct, frozen=True, kw_only=True):
    """An interval of a camera explained: every instant of it is in a segment or in exactly one gap.

    ``segments`` by their start; the first and last reach beyond the interval. ``gaps`` lie within it and in no segment.
    """

    camera: str
    from_ms: int
    to_ms: int
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]

    @property
    def covered_ms(self) -> int:
        """How much of the interval has pictures."""
        return self.to_ms - self.from_ms - sum(gap.to_ms - gap.from_ms for gap in self.gaps)


# --- places -------------------------------------------------------------------------------------------------


def day_of(at_ms: int) -> str:
    """The UTC day of an instant, ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d")


def instant_of(day: str, clock: str) -> int:
    """UTC ms of what a segment's file name begins with, ``hhmmssmmm``. Raises ``ValueError``."""
    at = datetime.strptime(f"{day} {clock[:6]}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    return round(at.timestamp()) * 1000 + int(clock[6:])


def days_of(from_ms: int, to_ms: int) -> tuple[str, ...]:
    """The days whose indexes say everything about ``[from_ms, to_ms)``, oldest first."""
    first, last = (from_ms - LONGEST_MS) // DAY_MS, max(from_ms, to_ms - 1) // DAY_MS
    return tuple(day_of(day * DAY_MS) for day in range(first, last + 1))


def _chain_of(camera: str, day: str) -> str:
    """The name of the chain of a camera's day."""
    return f"footage:{camera}:{day}"


def index_path(camera: str, day: str) -> str:
    """Of the index file, relative to the ring. Raises ``PayloadRejected`` (``footage.path``)."""
    return _checked(f"{camera}/{day}/{INDEX}")


def past_path(camera: str, year: str) -> str:
    """Of the file of the days that became past in a year, relative to the ring. Raises what :func:`index_path` does."""
    return _checked(f"{camera}/past-{year}.jsonl")


def segment_path(camera: str, number: int, start_ms: int) -> str:
    """Of a segment's file, relative to the ring. Raises ``PayloadRejected`` (``footage.path``)."""
    at = datetime.fromtimestamp(start_ms // 1000, UTC)
    return _checked(
        f"{camera}/{day_of(start_ms)}/{at.strftime('%H%M%S')}{start_ms % 1000:03d}-{number:08d}.mp4"
    )


def _checked(path: str) -> str:
    if unsafe_path(path):
        raise PayloadRejected(
            "footage.path",
            "a camera's id cannot name a folder",
            cure="give the camera an id of letters, digits and hyphens in the catalogue of cameras",
        )
    return path


# --- the chain ----------------------------------------------------------------------------------------------


def first_head(camera: str, day: str) -> chain.Head:
    """The head of a day nothing of which is recorded yet."""
    name = _chain_of(camera, day)
    return chain.Head(name, 0, chain.genesis(name))


def first_past_head(camera: str) -> chain.Head:
    """The head of a camera's past days when there is none."""
    return first_head(camera, "past")


def entry_after(head: chain.Head, record: Record) -> Entry:
    """``record`` as the next entry of the chain that ends at ``head``."""
    place = ChainPlace(chain=head.chain, seq=head.seq + 1, previous=head.hash)
    content = hashlib.sha256(canonical(record)).hexdigest()
    return Entry(place=place, link=chain.entry_hash(place, content), content=content, record=record)


def line_of(entry: Entry) -> bytes:
    """The entry as its line of the index, with its end of line."""
    return canonical({"place": entry.place, "link": entry.link, "record": entry.record}) + b"\n"


def read_index(data: bytes) -> Index:
    """The entries of an index file. Total: what cannot be read is named, by line."""
    *whole, torn = data.split(b"\n")
    entries: list[Entry] = []
    faults: list[int] = []
    for number, text in enumerate(whole, start=1):
        try:
            entries.append(_entry(text))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            faults.append(number)
    return Index(entries=tuple(entries), faults=tuple(faults), torn_bytes=len(torn))


def _entry(text: bytes) -> Entry:
    line = _LINES.decode(text)
    raw = bytes(line.record)
    content = hashlib.sha256(raw).hexdigest()
    return Entry(place=line.place, link=line.link, content=content, record=_RECORDS.decode(raw))


_LINES: Final = msgspec.json.Decoder(_Line)
_RECORDS: Final = msgspec.json.Decoder(Record)


def defects(entries: Sequence[Entry], *, pinned: chain.Head | None = None) -> tuple[chain.Defect, ...]:
    """What is wrong with consecutive entries of one day, in any order; none for none.

    They may be a part of their chain: nothing is said about what is below the lowest. ``pinned``: the head that
    somebody keeps elsewhere (a checkpoint, the next day's opening); without it, the top entry vouches for itself.
    """
    if not entries:
        return _nothing_left(pinned)
    rows = sorted(entries, key=lambda each: each.place.seq, reverse=True)
    name = rows[0].place.chain if pinned is None else pinned.chain
    strangers = tuple(
        chain.Defect("inserted", name, each.place.seq, each.place.seq, (_name(each),))
        for each in rows
        if each.place.chain != name
    )
    rows = [each for each in rows if each.place.chain == name]
    pins = {each.place.seq: each.link for each in [*filter(_is_own, rows)][:1]}
    if pinned is not None:
        pins[pinned.seq] = pinned.hash
    seen = (chain.Seen.of(each.place, each.content, _name(each)) for each in rows)
    found = chain.verify(name, seen, pins=pins).defects
    return (*strangers, *(each for each in found if each.code != "beginning"), *_restated(name, rows, found))


def _nothing_left(pinned: chain.Head | None) -> tuple[chain.Defect, ...]:
    if pinned is None or pinned.seq == 0:
        return ()
    return (chain.Defect("tail_cut", pinned.chain, 1, pinned.seq),)


def _restated(name: str, rows: Sequence[Entry], found: Sequence[chain.Defect]) -> Iterator[chain.Defect]:
    """Entries whose own link is not theirs, and that nothing else gave away."""
    told = {number for each in found for number in range(each.first, each.last + 1)}
    for each in rows:
        if each.place.seq not in told and not _is_own(each):
            yield chain.Defect("changed", name, each.place.seq, each.place.seq, (_name(each),))


def _is_own(entry: Entry) -> bool:
    return chain.entry_hash(entry.place, entry.content) == entry.link


def _name(entry: Entry) -> str:
    match entry.record:
        case Segment(path=path):
            return path
        case record:
            return f"{type(record).__name__.lower()} {entry.place.seq}"


# --- time ---------------------------------------------------------------------------------------------------


def by_day(gap: Gap) -> tuple[Gap, ...]:
    """The gap as one record a UTC day, so that each day explains itself."""
    cuts = range((gap.from_ms // DAY_MS + 1) * DAY_MS, gap.to_ms, DAY_MS)
    edges = [gap.from_ms, *cuts, gap.to_ms]
    return tuple(
        Gap(camera=gap.camera, from_ms=first, to_ms=last, cause=gap.cause) for first, last in pairwise(edges)
    )


def cover(
    camera: str, span: Span, records: Iterable[Record], *, lost: frozenset[int] = frozenset()
) -> Coverage:
    """``span`` explained by the records of :func:`days_of` it, in any order, of any cameras.

    ``lost``: numbers of segments whose file the caller did not find as recorded. Where causes overlap, what was
    recorded once comes first. Raises ``PayloadRejected`` (``footage.interval``) when it ends before it begins.
    """
    from_ms, to_ms = span
    if to_ms <= from_ms:
        raise PayloadRejected(
            "footage.interval", "the interval ends before it begins", cure="ask from the earlier instant on"
        )
    mine = [each for each in records if each.camera == camera]
    segments = {each.number: each for each in mine if isinstance(each, Segment)}
    gone = removed(mine)
    claims: dict[GapCause, list[Span]] = {GapCause.EXPIRED: [], GapCause.LOST: []}
    kept: list[Segment] = []
    for number, each in segments.items():
        if number in gone:
            claims[GapCause.EXPIRED].append((each.start_ms, each.end_ms))
        elif number in lost:
            claims[GapCause.LOST].append((each.start_ms, each.end_ms))
        elif each.start_ms < to_ms and each.end_ms > from_ms:
            kept.append(each)
    for record in mine:
        if isinstance(record, Gap):
            claims.setdefault(record.cause, []).append((record.from_ms, record.to_ms))
        elif isinstance(record, PastDay):
            for first_ms, last_ms, cause in record.told:
                claims.setdefault(cause, []).append((first_ms, last_ms))
    missing = minus([span], union((each.start_ms, each.end_ms) for each in kept))
    return Coverage(
        camera=camera,
        from_ms=from_ms,
        to_ms=to_ms,
        segments=tuple(sorted(kept, key=lambda each: (each.start_ms, each.number))),
        gaps=_explained(camera, missing, claims),
    )


def together(first: Coverage, second: Coverage) -> Coverage:
    """The same interval of a camera that two rings know of: ``first``, and of ``second`` what it lacks. Where neither
    has pictures, a known cause comes before none.
    """
    holes = [(each.from_ms, each.to_ms) for each in first.gaps]
    more = [
        each
        for each in second.segments
        if any(each.start_ms < hole[1] and each.end_ms > hole[0] for hole in holes)
    ]
    claims: dict[GapCause, list[Span]] = {GapCause.EXPIRED: [], GapCause.LOST: []}
    for gap in (*first.gaps, *second.gaps):
        if gap.cause is not GapCause.UNKNOWN:
            claims.setdefault(gap.cause, []).append((gap.from_ms, gap.to_ms))
    missing = minus(holes, union((each.start_ms, each.end_ms) for each in more))
    return Coverage(
        camera=first.camera,
        from_ms=first.from_ms,
        to_ms=first.to_ms,
        segments=tuple(sorted((*first.segments, *more), key=lambda each: (each.start_ms, each.number))),
        gaps=_explained(first.camera, missing, claims),
    )


def removed(records: Iterable[Record]) -> frozenset[int]:
    """Numbers of the segments that were removed by a rule."""
    return frozenset(
        number for each in records if isinstance(each, Removal) for number in range(each.first, each.last + 1)
    )


def _explained(camera: str, missing: list[Span], claims: dict[GapCause, list[Span]]) -> tuple[Gap, ...]:
    found: list[Gap] = []
    for cause, spans in claims.items():
        left = minus(missing, union(spans))
        found += (Gap(camera=camera, from_ms=a, to_ms=b, cause=cause) for a, b in minus(missing, left))
        missing = left
    found += (Gap(camera=camera, from_ms=a, to_ms=b, cause=GapCause.UNKNOWN) for a, b in missing)
    return _joined(sorted(found, key=lambda each: each.from_ms))


def _joined(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Neighbours of one cause as one."""
    joined: list[Gap] = []
    for each in gaps:
        if joined and joined[-1].cause is each.cause and joined[-1].to_ms == each.from_ms:
            joined[-1] = Gap(
                camera=each.camera, from_ms=joined[-1].from_ms, to_ms=each.to_ms, cause=each.cause
            )
        else:
            joined.append(each)
    return tuple(joined)
