"""Whether the districts cover the city once: gaps between them, overlaps, pieces, and what lies outside all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import shapely

from cior_city.finding import Findings
from cior_city.shapes import area_m2

SLIVER_M2 = 500.0
"""Smaller ones are borders that were drawn twice; they are counted."""
TOLD = 20
"""So many of a kind are told one by one, the largest first."""


def check_districts(names: Sequence[str], areas: Sequence[Any], findings: Findings, *, file: str) -> None:
    """Note gaps and overlaps with their place, size and neighbours."""
    whole = shapely.union_all(list(areas))
    tree = shapely.STRtree(list(areas))
    gaps = sorted(_holes(whole), key=area_m2, reverse=True)
    overlaps = sorted(_overlaps(areas, tree), key=lambda found: -found[0])
    for gap in [each for each in gaps if area_m2(each) >= SLIVER_M2][:TOLD]:
        beside = [names[n] for n in sorted(tree.query(gap, predicate="intersects").tolist())]
        findings.add(
            "coverage.gap",
            file=file,
            at=_at(gap),
            area_m2=round(area_m2(gap)),
            beside=", ".join(beside) or "–",
        )
    for size, shared, one, other in [each for each in overlaps if each[0] >= SLIVER_M2][:TOLD]:
        findings.add(
            "coverage.overlap",
            file=file,
            at=_at(shared),
            area_m2=round(size),
            one=names[one],
            other=names[other],
        )
    _tell_rest(gaps, overlaps, findings, file=file)
    pieces = shapely.get_num_geometries(whole)
    if pieces > 1:
        findings.add("coverage.parts", file=file, count=int(pieces))


def _tell_rest(
    gaps: list[Any], overlaps: list[tuple[float, Any, int, int]], findings: Findings, *, file: str
) -> None:
    small_gaps = sum(area_m2(each) < SLIVER_M2 for each in gaps)
    small_overlaps = sum(size < SLIVER_M2 for size, *_ in overlaps)
    if small_gaps or small_overlaps:
        findings.add(
            "coverage.slivers", file=file, gaps=small_gaps, overlaps=small_overlaps, limit_m2=round(SLIVER_M2)
        )


def _holes(whole: Any) -> list[Any]:
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
    return [shapely.Polygon(ring) for part in parts for ring in part.interiors]


def _overlaps(areas: Sequence[Any], tree: Any) -> list[tuple[float, Any, int, int]]:
    found = []
    for one, other in zip(*tree.query(list(areas), predicate="intersects").tolist(), strict=True):
        if one < other:
            shared = shapely.intersection(areas[one], areas[other])
            if (size := area_m2(shared) if shared.area else 0.0) > 0:
                found.append((size, shared, one, other))
    return found


def _at(geometry: Any) -> tuple[float, float]:
    point = geometry.representative_point()
    return round(point.y, 6), round(point.x, 6)


def tell_outside(
    named: Sequence[tuple[str, Any]], areas: Sequence[Any], findings: Findings, *, file: str
) -> None:
    """Note which of the points lie in no district."""
    whole = shapely.union_all(list(areas))
    shapely.prepare(whole)
    outside = [name for name, point in named if not whole.intersects(point)]
    if outside:
        findings.add("place.outside", file=file, count=len(outside), examples=", ".join(outside[:5]))
