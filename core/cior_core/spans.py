"""Intervals of whole numbers, half open: sums and differences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""``[from, to)``."""


def union(spans: Iterable[Span]) -> list[Span]:
    """The same instants as sorted spans that do not touch."""
    found: list[Span] = []
    for first, last in sorted(each for each in spans if each[0] < each[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def minus(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """``spans`` without ``others``; both sorted and disjoint."""
    found: list[Span] = []
    skip = 0
    for first, last in spans:
        while skip < len(others) and others[skip][1] <= first:
            skip += 1
        start, at = first, skip
        while at < len(others) and others[at][0] < last:
            off, on = others[at]
            if off > start:
                found.append((start, off))
            start, at = max(start, on), at + 1
        if start < last:
            found.append((start, last))
    return found
