"""A recorder's ring by its indexes alone: what they say is there of a camera, without opening a picture. Reads only;
the form is :mod:`cior_core.footage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cior_core import footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import Coverage, Entry, Segment, Span


def entries(ring: Path, camera: str, span: Span) -> Iterator[Entry]:
    """The records of an interval's days. Raises ``IntegrityBroken`` (``ring.chain``)."""
    for day in footage.days_of(*span):
        path = ring / footage.index_path(camera, day)
        if not path.is_file():
            continue
        index = footage.read_index(path.read_bytes())
        if index.faults or footage.defects(index.entries):
            raise IntegrityBroken(
                "ring.chain",
                f"the recorder's index of {camera} on {day} is not what was chained",
                cure="keep the disk as it is and tell the auditor: no package is made of it",
            )
        yield from index.entries


def ring_of(rings: Sequence[Path], camera: str, span: Span) -> Path | None:
    """Which of several rings recorded this camera then: the one with most of its days. None: none did."""
    days = footage.days_of(*span)
    known = {ring: sum((ring / footage.index_path(camera, day)).is_file() for day in days) for ring in rings}
    best = max(known, key=lambda ring: known[ring], default=None)
    return best if best is not None and known[best] else None


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
