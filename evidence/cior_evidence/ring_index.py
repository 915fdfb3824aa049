"""A recorder's ring by its indexes alone: what they say is there of a camera, without opening a picture. Reads only;
the form is :mod:`cior_core.footage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

from cior_core import footage
from cior_core.chain import Head
from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.footage import Coverage, Entry, GapCause, Opening, PastDay, Segment
from cior_core.spans import Span


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


def rings_of(rings: Sequence[Path], camera: str, span: Span) -> tuple[Path, ...]:
    """Which of several rings recorded this camera then, those with most of its days first: a camera that was given to
    another recorder is in two.
    """
    days = footage.days_of(*span)
    known = {ring: _known(ring, camera, days) for ring in rings}
    return tuple(sorted((ring for ring in known if known[ring]), key=lambda ring: -known[ring]))


def _known(ring: Path, camera: str, days: Sequence[str]) -> int:
    """Of how many of the days it has an index or what stays of one."""
    stands = [day for day in days if (ring / footage.index_path(camera, day)).is_file()]
    if len(stands) == len(days):
        return len(stands)
    past = {each.record.day for each in _past(ring, camera, days) if isinstance(each.record, PastDay)}
    return len(past.union(stands))


def survey(rings: Sequence[Path], camera: str, span: Span) -> Coverage:
    """What is there by the indexes, whose files have the size that was recorded; nothing is digested.

    Raises ``IntegrityBroken`` (``ring.chain``) and what :func:`refuse_guess` raises.
    """
    found = [_surveyed(ring, camera, span) for ring in rings_of(rings, camera, span)]
    coverage = reduce(footage.together, found) if found else footage.cover(camera, span, ())
    refuse_guess(rings, coverage)
    return coverage


def refuse_guess(rings: Sequence[Path], coverage: Coverage) -> None:
    """That nothing is known of an instant may be said only when every ring was asked.

    Raises ``SourceUnavailable`` (``ring.away``) when one is not there: a mount without its disk is an empty folder.
    """
    if all(gap.cause is not GapCause.UNKNOWN for gap in coverage.gaps):
        return
    away = [ring for ring in rings if not ring.is_dir() or next(ring.iterdir(), None) is None]
    if away:
        raise SourceUnavailable(
            "ring.away",
            f"of {coverage.camera} nothing is known for a while, and the ring {away[0].name} is not here to be asked",
            cure="mount it; start its recorder once if it never ran; or take it out of the centre file",
        )


def _surveyed(ring: Path, camera: str, span: Span) -> Coverage:
    records = tuple(each.record for each in entries(ring, camera, span))
    found = footage.cover(camera, span, records)
    lost = frozenset(each.number for each in found.segments if not _stands(ring, each))
    return footage.cover(camera, span, records, lost=lost) if lost else found


def _stands(ring: Path, segment: Segment) -> bool:
    try:
        return (ring / segment.path).stat().st_size == segment.size_bytes
    except FileNotFoundError:
        return False
