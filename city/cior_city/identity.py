"""Ids that name one thing: parts of one area are joined, copies left out, and what shares an id by mistake gets its
own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import shapely

from cior_city.fields import Kept
from cior_city.finding import Findings
from cior_city.shapes import AREA, WANTED
from cior_core.city_pack import LayerKind


def with_own_ids(
    kept: Sequence[Kept], kind: LayerKind, findings: Findings, *, file: str
) -> tuple[list[Kept], dict[str, int]]:
    """Each id once, in order of id; how many were left out as copies or joined into another."""
    if kind is LayerKind.STREETS:
        return list(kept), {}
    groups: dict[str, list[Kept]] = defaultdict(list)
    for each in kept:
        groups[each.id].append(each)
    taken = set(groups)
    found: list[Kept] = []
    dropped: dict[str, int] = defaultdict(int)
    for group in groups.values():
        single = _without_copies(group, findings, dropped, file=file)
        if WANTED[kind] == AREA and len(single) > 1 and len({each.name for each in single}) == 1:
            dropped["ids.joined"] += len(single) - 1
            findings.add("ids.joined", file=file, feature=f"«{single[0].name}»", count=len(single))
            whole = shapely.union_all([each.geometry for each in single])
            single = [msgspec.structs.replace(single[0], geometry=whole)]
        found.append(single[0])
        found += [_renamed(each, taken, findings, file=file) for each in single[1:]]
    return found, dict(dropped)


def _without_copies(
    group: list[Kept], findings: Findings, dropped: dict[str, int], *, file: str
) -> list[Kept]:
    single: list[Kept] = []
    for each in group:
        if any(each.name == other.name and each.geometry.equals(other.geometry) for other in single):
            dropped["ids.copy"] += 1
            findings.add("ids.copy", file=file, feature=f"n.º {each.number} «{each.name}»")
        else:
            single.append(each)
    return single


def _renamed(each: Kept, taken: set[str], findings: Findings, *, file: str) -> Kept:
    given = next(name for n in range(2, len(taken) + 3) if (name := f"{each.id}-{n}") not in taken)
    taken.add(given)
    if each.given:
        findings.add(
            "ids.twice", file=file, feature=f"n.º {each.number} «{each.name}»", id=each.id, given=given
        )
    return msgspec.structs.replace(each, id=given)
