"""The published alert: a pure function of a case and of what it absorbed."""

from __future__ import annotations

import msgspec

from cior_core.correlate.persistent_map import PersistentMap
from cior_core.correlate.state import CORROBORATING, FLOODED, UNDECODED, Case, Part
from cior_core.model import UNKNOWN_PLACE, Alert, DataClass, Place, PlaceMethod, Reason, TypeCode
from cior_core.rules import RulePack
from cior_core.watching import Watching

_CLASS_RANK = {DataClass.PUBLIC: 0, DataClass.RESTRICTED: 1, DataClass.SEALED: 2}


def view(case: Case, cases: PersistentMap[Case], rules: RulePack, *, version: int, now_ms: int) -> Alert:
    """The alert as the wall shows it; ``version`` and ``now_ms`` are all that does not come from the case."""
    parts = all_parts(case, cases)
    code = _leading_type(case, parts, rules)
    known = rules.kind(code) is not None
    protocol = rules.protocols[code if known else UNDECODED]
    started = next(
        (
            version
            for name, _, version in (entry.rpartition("@") for entry in case.protocols)
            if name == protocol.id
        ),
        None,
    )
    instants = [part.member.occurred_ms for part in parts] or [case.alert.opened_ms]
    return msgspec.structs.replace(
        case.alert,
        version=version,
        updated_ms=now_ms,
        type=code,
        members=tuple(part.member for part in parts),
        reasons=reasons(case, parts),
        first_occurred_ms=min(instants),
        last_occurred_ms=max(instants),
        place=case.moved or _place(parts),
        data_class=_data_class(parts),
        life_safety=any(part.member.life_safety for part in parts) or _life_safety(rules, case.own_type),
        degraded=any(part.degraded for part in parts),
        rules_version=rules.version,
        protocol=protocol.id,
        protocol_version=protocol.version if started is None else int(started),
        protocols=case.protocols,
        watchings=all_watchings(case, cases),
    )


def _data_class(parts: tuple[Part, ...]) -> DataClass:
    """The strictest of its parts."""
    if len(parts) == 1:
        return parts[0].data_class
    return max((part.data_class for part in parts), key=_CLASS_RANK.__getitem__, default=DataClass.RESTRICTED)


def all_parts(case: Case, cases: PersistentMap[Case]) -> tuple[Part, ...]:
    """Own parts and those of absorbed cases, by instant then event id."""
    if not case.absorbed:
        return case.parts
    parts = list(case.parts)
    for alert_id in case.absorbed:
        if (inner := cases.get(alert_id)) is not None:
            parts.extend(all_parts(inner, cases))
    return tuple(sorted(parts, key=part_order))


def all_watchings(case: Case, cases: PersistentMap[Case]) -> tuple[Watching, ...]:
    """Own looks of cameras and those of absorbed cases, in the order in which they were asked for."""
    if not case.absorbed and len(case.watchings) < 2:
        return case.watchings
    inner = (cases.get(alert_id) for alert_id in case.absorbed)
    found = [
        *case.watchings,
        *(each for one in inner if one is not None for each in all_watchings(one, cases)),
    ]
    return tuple(sorted(found, key=lambda each: (each.asked_ms, each.camera, each.command)))


def part_order(part: Part) -> tuple[int, str]:
    """Canonical order of parts."""
    return part.instant_ms, part.member.event_id


def reasons(case: Case, parts: tuple[Part, ...]) -> tuple[Reason, ...]:
    """Score terms, then what rules found once, then why each part joined."""
    # Of a flood's hundreds, the pinned count speaks for all.
    joins = (part.join for part in parts if part.join is not None and part.join.code != FLOODED)
    return (*case.terms, *case.pinned, *joins)


def _life_safety(rules: RulePack, code: str) -> bool:
    kind = rules.kind(code)
    return kind is not None and kind.life_safety


def _leading_type(case: Case, parts: tuple[Part, ...], rules: RulePack) -> TypeCode:
    """The most urgent type of what is there; the given type among equals, then the earliest event's.

    What a person knew who gave the type leads no more.
    """
    if all(part.member.type == case.own_type for part in parts):
        return case.own_type  # as of most alerts
    ranked = [(_rank(rules, case.own_type), 0, 0, "", case.own_type)]
    ranked += [
        (_rank(rules, part.member.type), 1, part.instant_ms, part.member.event_id, part.member.type)
        for part in parts
        if part.member.phase in CORROBORATING and part.member.type not in case.typed_over
    ]
    return min(ranked)[4]


def _rank(rules: RulePack, code: str) -> int:
    return (rules.kind(code) or rules.types[UNDECODED]).level.rank


def _place(parts: tuple[Part, ...]) -> Place:
    """The most exact place; of a silent case only what its class allows, which its parts already are."""
    placed = [part for part in parts if part.member.place.located]
    if placed:
        return min(
            placed, key=lambda part: (part.member.place.accuracy_m or 0.0, *part_order(part))
        ).member.place
    return next(
        (part.member.place for part in parts if part.member.place.method is not PlaceMethod.UNKNOWN),
        UNKNOWN_PLACE,
    )
