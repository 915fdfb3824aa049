"""What a recorder's ring folder has of a camera and an interval, checked against its chain and its digests, and what it
has not, with the cause. Reads only; the form is :mod:`cior_core.footage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from cior_core import footage
from cior_core.footage import Coverage, Entry, Segment
from cior_core.footage_past import gone_ms
from cior_core.model import Struct
from cior_core.spans import Span
from cior_evidence.bag import sha256_of
from cior_evidence.clips import Origin, Recorded
from cior_evidence.ring_index import entries, refuse_guess, rings_of


class Found(Struct, frozen=True):
    """The segments that can be delivered, and the whole interval explained. ``gone_ms``: when the first and the last of
    what expired were removed; None: nothing did, or nothing says when.
    """

    segments: tuple[Recorded, ...]
    coverage: Coverage
    gone_ms: Span | None = None


def look_in(rings: Sequence[Path], camera: str, span: Span) -> Found:
    """What all the rings have together. Raises what :func:`look` and :func:`refuse_guess` raise."""
    looked = [look(ring, camera, span) for ring in rings_of(rings, camera, span)]
    found = reduce(_together, looked) if looked else Found((), footage.cover(camera, span, ()))
    refuse_guess(rings, found.coverage)
    return found


def _together(first: Found, second: Found) -> Found:
    coverage = footage.together(first.coverage, second.coverage)
    wanted = {(each.number, each.start_ms) for each in coverage.segments}
    wanted -= {(each.number, each.start_ms) for each in first.segments}
    more = (each for each in second.segments if (each.number, each.start_ms) in wanted)
    gone = [each for each in (first.gone_ms, second.gone_ms) if each is not None]
    return Found(
        segments=tuple(sorted((*first.segments, *more), key=lambda each: (each.start_ms, each.number))),
        coverage=coverage,
        gone_ms=(min(each[0] for each in gone), max(each[1] for each in gone)) if gone else None,
    )


def look(ring: Path, camera: str, span: Span) -> Found:
    """What is there. Raises ``IntegrityBroken`` (``ring.chain``) when an index is not what was chained.

    A segment whose file is gone or changed is not delivered: it is a gap with cause ``lost``.
    """
    told = tuple(entries(ring, camera, span))
    places = {each.record.number: each for each in told if isinstance(each.record, Segment)}
    records = tuple(each.record for each in told)
    at_first = footage.cover(camera, span, records)
    lost = frozenset(each.number for each in at_first.segments if not _is_there(ring, each))
    covered = footage.cover(camera, span, records, lost=lost) if lost else at_first
    segments = tuple(_recorded(ring, each, places[each.number]) for each in covered.segments)
    return Found(segments=segments, coverage=covered, gone_ms=gone_ms(span, records))


def _is_there(ring: Path, segment: Segment) -> bool:
    """Whether the file is, byte for byte, what was recorded."""
    path = ring / segment.path
    return path.is_file() and sha256_of(path) == segment.sha256


def _recorded(ring: Path, segment: Segment, entry: Entry) -> Recorded:
    numerator, denominator = segment.time_base
    return Recorded(
        camera=segment.camera, number=segment.number, file=ring / segment.path, start_ms=segment.start_ms,
        end_ms=segment.end_ms, line=f"{segment.stretch}/{segment.epoch}/{segment.codec_sha256}",
        first_s=segment.first_pts * numerator / denominator, clock=segment.clock,
        origin=Origin(
            path=segment.path, sha256=segment.sha256, payload_sha256=segment.payload_sha256, chain=entry.place.chain,
            seq=entry.place.seq, link=entry.link,
        ),
    )  # fmt: skip
