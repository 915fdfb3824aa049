"""Finding the cases that an event may belong to: keys by device, record, district and cell of the map."""

from __future__ import annotations

from math import cos, floor, radians

import msgspec

from cior_core.correlate.state import Part, State
from cior_core.geo import distance_m
from cior_core.rules import MergeRule, RulePack

_CELL_DEGREES = 0.005
_M_PER_DEGREE = 111_195.0


def well_placed(part: Part, rule: MergeRule) -> bool:
    """Whether the place is good enough to be compared."""
    return part.member.place.located and accuracy_m(part, rule) <= rule.place_limit_m


def accuracy_m(part: Part, rule: MergeRule) -> float:
    """Metres by which the part's place may be wrong, as far as known."""
    known = part.member.place.accuracy_m
    return rule.unknown_accuracy_m if known is None else known


def apart_m(one: Part, other: Part) -> float:
    """Metres between two placed parts. Raises ``ValueError`` when one has no coordinates."""
    a, b = one.member.place, other.member.place
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        raise ValueError("both parts need coordinates")
    return distance_m(a.lat, a.lon, b.lat, b.lon)


def index_keys(part: Part, rule: MergeRule) -> list[str]:
    """Under which keys a part's case is found again."""
    member = part.member
    keys = [f"k:{member.independence}"]
    if part.record is not None:
        keys.append(f"n:{part.record}")
    if member.place.district:
        keys.append(f"d:{member.place.district}")
    if well_placed(part, rule) and member.place.lat is not None and member.place.lon is not None:
        keys.append(f"c:{floor(member.place.lat / _CELL_DEGREES)}:{floor(member.place.lon / _CELL_DEGREES)}")
    return keys


def lookup_keys(part: Part, rules: RulePack, radius_m: float) -> list[str]:
    """Under which keys a case of the same incident may be found; ``radius_m`` is that of the part's type."""
    keys = [key for key in index_keys(part, rules.merge) if key[0] in "kn"]
    place = part.member.place
    if not well_placed(part, rules.merge) or place.lat is None or place.lon is None:
        return keys
    # The part's own radius is enough, for a pair takes the smaller of both.
    reach_m = radius_m + accuracy_m(part, rules.merge) + rules.merge.place_limit_m
    high = reach_m / _M_PER_DEGREE
    wide = high / max(0.01, cos(radians(place.lat)))
    for row in range(
        floor((place.lat - high) / _CELL_DEGREES), floor((place.lat + high) / _CELL_DEGREES) + 1
    ):
        keys.extend(
            f"c:{row}:{column}"
            for column in range(
                floor((place.lon - wide) / _CELL_DEGREES), floor((place.lon + wide) / _CELL_DEGREES) + 1
            )
        )
    return keys


def build_index(state: State, rule: MergeRule) -> State:
    """``state`` with its index rebuilt from its cases."""
    found: dict[str, set[str]] = {}
    for case in state.cases.values():
        for part in case.parts:
            for key in index_keys(part, rule):
                found.setdefault(key, set()).add(case.id)
    return msgspec.structs.replace(
        state, index=type(state.index).of({key: tuple(sorted(ids)) for key, ids in found.items()})
    )
