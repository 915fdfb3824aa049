"""A recorder's ring by its indexes alone: what they say is there of a camera, without opening a picture. Reads only;
the form is :mod:`cior_core.footage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cior_core import footage
from cior_core.chain import Head
from cior_core.errors import IntegrityBroken
from cior_core.footage import Coverage, Entry, Opening, PastDay, Segment, Span


def entries(ring: Path, camera: str, span: Span) -> Iterator[Entry]:
    """The records of an interval's days, of those that are gone the one that stays. Raises ``IntegrityBroken``
    (``ring.chain``).
    """
    days = footage.days_of(*span)
    for day in days:
        path = ring / footage.index_path(camera, day)
        if path.is_file():
            yield from _chained(camera, day, path.read_bytes())
    yield from _past(ring, camera, days)


def _chained(camera: str, what: str, lines: bytes, pinned: Head | None = None) -> tuple[Entry, ...]:
    index = footage.read_index(lines)
    if index.faults or footage.defects(index.entries, pinned=pinned):
        raise IntegrityBroken(
            "ring.chain",
            f"the recorder's index of {camera} on {what} is not what was chained",
            cure="keep the disk as it is and tell the auditor: no package is made of it",
        )
    return index.entries


def _past(ring: Path, camera: str, days: Sequence[str]) -> Iterator[Entry]:
    """All past days are one chain, whose end the newest day names."""
    lines = b"".join(path.read_bytes() for path in sorted((ring / camera).glob(footage.PAST)))
    for entry in _chained(camera, "past days", lines, _pinned(ring, camera)):
        if isinstance(entry.record, PastDay) and entry.record.day in days:
            yield entry


def _pinned(ring: Path, camera: str) -> Head | None:
    """What the newest day's opening names of the past."""
    newest = max((ring / camera).glob(f"*/{footage.INDEX}"), default=None)
    if newest is None:
        return None
    with newest.open("rb") as file:
        found = footage.read_index(file.readline()).entries
    return found[0].record.past if found and isinstance(found[0].record, Opening) else None


def ring_of(rings: Sequence[Path], camera: str, span: Span) -> Path | None:
    """Which of several rings recorded this camera then: the one with most of its days. None: none did."""
    known = {ring: _known(ring, camera, footage.days_of(*span)) for ring in rings}
    best = max(known, key=lambda ring: known[ring], default=None)
    return best if best is not None and known[best] else None


def _known(ring: Path, camera: str, days: Sequence[str]) -> int:
    """Of how many of the days it has an index or what stays of one."""
    stands = [day for day in days if (ring / footage.index_path(camera, day)).is_file()]
    if len(stands) == len(days):
        return len(stands)
    past = {each.record.day for each in _past(ring, camera, days) if isinstance(each.record, PastDay)}
    return len(past.union(stands))


def survey(rings: Sequence[Path], camera: str, span: Span) -> Coverage:
    """What is there by the index, whose files have the size that was recorded; nothing is digested.

    Raises ``IntegrityBroken`` (``ring.chain``).
    """
    ring = ring_of(rings, camera, span)
    records = () if ring is None else tuple(each.record for each in entries(ring, camera, span))
    found = footage.cover(camera, span, records)
    lost = frozenset(each.number for each in found.segments if ring is None or not _stands(ring, each))
    return footage.cover(camera, span, records, lost=lost) if lost else found


def _stands(ring: Path, segment: Segment) -> bool:
    try:
        return (ring / segment.path).stat().st_size == segment.size_bytes
    except FileNotFoundError:
        return False
