"""Finding again without looking at everything: cases and waiting events by device, record, district, place and family,
each key with the instants at which something lies under it.

Under every key only what may be near enough in time is looked at, and of that the nearest: however many alerts are open
at one corner, a step compares an event with a bounded number of them (law 16). All of it follows from the cases and the
waiting events, so it is made again with the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import cos, floor, radians
from typing import Final, NamedTuple

from cior_core.correlate.agenda import Agenda, Entry
from cior_core.correlate.persistent_map import PersistentMap
from cior_core.correlate.state import UNDECODED, Case, MergeClass, Part, Pending, Sent, State, Watch
from cior_core.geo import distance_m
from cior_core.model import Place
from cior_core.rules import MergeRule, RulePack
from cior_core.taxonomy import EventType

COMPARED_MAX: Final = 32
"""How many cases an event is compared with, the nearest in time."""
_WALKED_MAX: Final = 128
"""How many instants before and after are looked at under one key."""
_ROUND_MS: Final = 10_000
# Forty presses of one incident in ten seconds are one entry, or they would hide the next incident from the search.

_CELL_DEGREES = 0.005
_M_PER_DEGREE = 111_195.0
_M_PER_DEGREE_LEAST = 111_190.0

Index = PersistentMap[Agenda]
Filed = tuple[str, Entry]
"""An entry and the key under which it lies."""


class Lookup(NamedTuple):
    """What to search: keys, around which instant, how far (None: any); or as far as the entry's own type lasts, at
    most ``window_max_ms``, plus ``slack_ms``."""

    keys: Iterable[str]
    at_ms: int
    within_ms: int | None = None
    window_max_ms: int = 0
    slack_ms: int = 0


def well_placed(part: Part, rule: MergeRule) -> bool:
    """Whether the place is good enough to be compared."""
    place = part.member.place
    return place.lat is not None and place.lon is not None and accuracy_m(part, rule) <= rule.place_limit_m


def accuracy_m(part: Part, rule: MergeRule) -> float:
    """Metres by which the part's place may be wrong, as far as known."""
    known = part.member.place.accuracy_m
    return rule.unknown_accuracy_m if known is None else known


def apart_m(one: Part, other: Part) -> float:
    """Metres between two placed parts. Raises ``ValueError`` when one has no coordinates."""
    a, b = one.member.place, other.member.place
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        raise ValueError("both parts need coordinates")
    # Panels have the place that the registry gives them: many are at the very same one.
    return 0.0 if a.lat == b.lat and a.lon == b.lon else distance_m(a.lat, a.lon, b.lat, b.lon)


def least_apart_m(one: Part, other: Part) -> float:
    """Metres that two placed parts are apart at least, from their latitudes alone: cheap, and never above
    :func:`apart_m`."""
    lat_a, lat_b = one.member.place.lat or 0.0, other.member.place.lat or 0.0
    return abs(lat_a - lat_b) * _M_PER_DEGREE_LEAST


def shelf(merge_class: MergeClass) -> str:
    """What the keys of cases of one merge class begin with: what may never mix is never found together."""
    return f"{'d' if merge_class.drill else ''}{'s' if merge_class.silent else ''}"


def waiting_shelf(*, drill: bool) -> str:
    """The same for events that wait."""
    return "wd" if drill else "w"


def filed_case(case: Case, rules: RulePack, *, without: Case | None = None) -> set[Filed]:
    """Every entry of ``case``; ``without``: but for those of the parts that this earlier version has."""
    mark = shelf(case.merge_class)
    known = set() if without is None else {part.member.event_id for part in without.parts}
    parts = [part for part in case.parts if part.member.event_id not in known]
    return {each for part in parts for each in _filed(part, case.id, mark, rules)} | filed_families(
        case, rules
    )


def filed_families(case: Case, rules: RulePack) -> set[Filed]:
    """The entries by family, with the instant at which the case began; none of one without parts."""
    if not case.parts:
        return set()
    began = (case.parts[0].instant_ms, case.id, 0)
    families = {_kind(part.member.type, rules).family for part in case.parts}
    families.add(_kind(case.own_type, rules).family)
    return {(f"{shelf(case.merge_class)}f:{family}", began) for family in families}


def filed_pending(key: str, pending: Pending, rules: RulePack) -> set[Filed]:
    """Every entry of an event that waits, called ``key``; one that waits to be counted also by subject and type."""
    mark, part = waiting_shelf(drill=pending.drill), pending.part
    filed = set(_filed(part, key, mark, rules))
    if not pending.orphan:
        entry = (_rounded(part.instant_ms), key, 0)
        filed |= {(f"{mark}s:{part.member.subject}", entry), (f"{mark}t:{part.member.type}", entry)}
    return filed


def filed_watch(key: str, watch: Watch) -> set[Filed]:
    """The entries of a watched place: every cell that it reaches into."""
    return {(cell, (watch.until_ms, key, 0)) for cell in _around(watch.lat, watch.lon, watch.radius_m, "y")}


def watched_key(place: Place) -> str | None:
    """Where the watched places around ``place`` lie; None when it has no coordinates."""
    if place.lat is None or place.lon is None:
        return None
    return f"yc:{floor(place.lat / _CELL_DEGREES)}:{floor(place.lon / _CELL_DEGREES)}"


def sent_key(alert_id: str) -> str:
    """Where the commands of an alert lie."""
    return f"x:{alert_id}"


def filed_sent(command_id: str, sent: Sent) -> Filed:
    """The entry of a command."""
    return sent_key(sent.alert_id), (sent.issued_ms, command_id, 0)


def _filed(part: Part, key: str, mark: str, rules: RulePack) -> Iterator[Filed]:
    member, rule = part.member, rules.merge
    place = member.place
    entry = (_rounded(part.instant_ms), key, 0)
    yield f"{mark}k:{member.independence}", entry
    if part.record is not None:
        yield f"{mark}n:{part.record}", entry
    if place.district:
        yield f"{mark}d:{place.district}", entry
    if well_placed(part, rule) and place.lat is not None and place.lon is not None:
        lasting = (entry[0], key, round(_kind(member.type, rules).window_s * 1000))
        yield f"{mark}c:{floor(place.lat / _CELL_DEGREES)}:{floor(place.lon / _CELL_DEGREES)}", lasting


def _kind(code: str, rules: RulePack) -> EventType:
    return rules.kind(code) or rules.types[UNDECODED]


def _rounded(instant_ms: int) -> int:
    return instant_ms // _ROUND_MS * _ROUND_MS


def refiled(index: Index, before: set[Filed], after: set[Filed]) -> Index:
    """``index`` with the entries ``after`` in the place of ``before``."""
    for key, entry in sorted(before - after):
        if (agenda := index.get(key)) is not None:
            left = agenda.drop(entry)
            index = index.put(key, left) if left else index.drop(key)
    for one in sorted(after - before):
        index = filed_too(index, one)
    return index


def filed_too(index: Index, one: Filed) -> Index:
    """``index`` with one entry more."""
    key, entry = one
    return index.put(key, (index.get(key) or Agenda()).put(entry))


def lookups(part: Part, rules: RulePack, kind: EventType, mark: str) -> Iterator[Lookup]:
    """Where a case (or waiting event) of the same incident may be found; ``kind`` is the part's own type."""
    at_ms, rule = part.instant_ms, rules.merge
    slack_ms = round((part.error_s + rule.error_limit_s) * 1000) + _ROUND_MS
    yield Lookup((f"{mark}k:{part.member.independence}",), at_ms, round(rule.key_window_s * 1000) + slack_ms)
    if part.record is not None:
        yield Lookup((f"{mark}n:{part.record}",), at_ms)
    if well_placed(part, rule):
        # The part's own radius is enough, for a pair takes the smaller of both; of the windows it takes the larger.
        reach_m = kind.radius_m + accuracy_m(part, rule) + rule.place_limit_m
        within_ms = round(kind.window_s * 1000) + slack_ms
        longest_ms = round(rules.longest_window_s * 1000)
        yield Lookup(cells(part, reach_m, mark), at_ms, within_ms, longest_ms, slack_ms)


def cells(part: Part, reach_m: float, mark: str) -> list[str]:
    """Keys, on the shelf ``mark``, of the cells of the map within ``reach_m`` of the part; none when it has no
    coordinates."""
    place = part.member.place
    return [] if place.lat is None or place.lon is None else _around(place.lat, place.lon, reach_m, mark)


def _around(lat: float, lon: float, reach_m: float, mark: str) -> list[str]:
    high = reach_m / _M_PER_DEGREE
    wide = high / max(0.01, cos(radians(lat)))
    columns = range(floor((lon - wide) / _CELL_DEGREES), floor((lon + wide) / _CELL_DEGREES) + 1)
    rows = range(floor((lat - high) / _CELL_DEGREES), floor((lat + high) / _CELL_DEGREES) + 1)
    return [f"{mark}c:{row}:{column}" for row in rows for column in columns]


def nearest(index: Index, wanted: Iterable[Lookup], *, limit: int = COMPARED_MAX) -> list[str]:
    """Whose entries lie under any of ``wanted``, the nearest in time first, ``limit`` at most; ties by id."""
    found: dict[str, int] = {}
    for names, at_ms, within_ms, window_max_ms, slack_ms in wanted:
        walked_ms = None if within_ms is None else max(within_ms, window_max_ms + slack_ms)
        for agenda in map(index.get, names):
            if agenda is None:
                continue
            for instant_ms, key, window_ms in agenda.around(at_ms, walked_ms, limit=_WALKED_MAX):
                away_ms = abs(instant_ms - at_ms)
                if within_ms is not None and away_ms > within_ms and away_ms > window_ms + slack_ms:
                    continue
                if away_ms < found.get(key, away_ms + 1):
                    found[key] = away_ms
    return [key for _, key in sorted(zip(found.values(), found, strict=True))[:limit]]


def build_index(state: State, rules: RulePack) -> Index:
    """The index of all that is remembered."""
    found: dict[str, list[Entry]] = {}
    for case in state.cases.values():
        for key, entry in filed_case(case, rules):
            found.setdefault(key, []).append(entry)
    for name, each in state.pending.items():
        for key, entry in filed_pending(name, each, rules):
            found.setdefault(key, []).append(entry)
    for name, watch in state.watches.items():
        for key, entry in filed_watch(name, watch):
            found.setdefault(key, []).append(entry)
    for command_id, order in state.sent.items():
        key, entry = filed_sent(command_id, order)
        found.setdefault(key, []).append(entry)
    return PersistentMap.of({key: Agenda.of(entries) for key, entries in found.items()})
