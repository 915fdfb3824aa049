"""What a camera's ring has of an asked span, in the words of a request: whole seconds that are there, and every other
second with its cause. Pure; instants of footage are UTC ms, those of requests seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from cior_core.footage import GapCause
from cior_core.judicial.asking import Missing, Span
from cior_core.judicial.giving import uncovered
from cior_core.judicial.jurisdiction import GAP_OF
from cior_core.model import Struct


class Explained(Struct, frozen=True):
    """``covered``: what is there whole, in order; ``missing``: the rest; a second that is not whole is missing."""

    covered: tuple[Span, ...]
    missing: tuple[Missing, ...]


def explained(asked: Span, gaps: Iterable[tuple[int, int, GapCause]]) -> Explained:
    """``asked`` by the gaps that a ring's index states (from and to in ms, cause), of whatever interval."""
    missing = [
        Missing(span=span, cause=GAP_OF[cause])
        for from_ms, to_ms, cause in sorted(gaps, key=lambda each: each[:2])
        if (span := _seconds(from_ms, to_ms, asked)) is not None
    ]
    return Explained(uncovered(asked, (each.span for each in missing)), tuple(missing))


def _seconds(from_ms: int, to_ms: int, asked: Span) -> Span | None:
    """Every second that the gap touches, within ``asked``."""
    since_s, until_s = max(from_ms // 1000, asked.since_s), min(-(-to_ms // 1000), asked.until_s)
    return Span(since_s=since_s, until_s=until_s) if since_s < until_s else None
