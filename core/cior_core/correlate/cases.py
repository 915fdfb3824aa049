"""Cases: opening, adding to, scoring and showing them. The published alert is always a function of the case and what it absorbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cior_core import priority
from cior_core.correlate.matching import FLOODED
from cior_core.correlate.shelf import Shelf
from cior_core.correlate.state import CORROBORATING, Case, Part
from cior_core.geo import distance_m
from cior_core.identity import alert_id as make_alert_id
from cior_core.model import (
    UNKNOWN_PLACE,
    Alert,
    AlertId,
    AlertStatus,
    DataClass,
    EventId,
    Level,
    Place,
    PlaceMethod,
    Reason,
    TypeCode,
)
from cior_core.priority import Fact, Facts, Score
from cior_core.taxonomy import EventType

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft
    from cior_core.rules import RulePack

replace = msgspec.structs.replace

_CLASS_RANK = {DataClass.PUBLIC: 0, DataClass.RESTRICTED: 1, DataClass.SEALED: 2}


def all_parts(case: Case, cases: Shelf[Case]) -> tuple[Part, ...]:
    """Own parts and those of absorbed cases, by instant then event id."""
    if not case.absorbed:
        return case.parts
    parts = list(case.parts)
    for alert_id in case.absorbed:
        if (inner := cases.get(alert_id)) is not None:
            parts.extend(all_parts(inner, cases))
    return tuple(sorted(parts, key=part_order))


def part_order(part: Part) -> tuple[int, str]:
    """Canonical order of parts."""
    return part.instant_ms, part.member.event_id


def open_case(
    draft: Draft,
    parts: tuple[Part, ...],
    *,
    opened_by: str,
    own_type: TypeCode,
    realm: tuple[bool, bool],
    pinned: tuple[Reason, ...] = (),
    links: tuple[AlertId, ...] = (),
) -> Case:
    """A new scored case of ``realm`` (drill, silent), kept in the draft. Its id comes from ``opened_by``; an id that is taken (an event that came back after its alert
    was split from it) gets the next generation."""
    generation = 0
    while (alert_id := make_alert_id(draft.head.area, opened_by, generation)) in draft.cases:
        generation += 1
    kind = draft.kind(own_type)
    protocol = draft.rules.protocols[kind.code]
    alert = Alert(
        id=alert_id,
        area=draft.head.area,
        version=0,
        type=own_type,
        level=kind.level,
        score=0,
        status=AlertStatus.OPEN,
        reasons=(),
        members=(),
        opened_ms=draft.now_ms,
        updated_ms=draft.now_ms,
        first_occurred_ms=draft.now_ms,
        last_occurred_ms=draft.now_ms,
        place=UNKNOWN_PLACE,
        data_class=DataClass.RESTRICTED,
        life_safety=kind.life_safety,
        protocol=protocol.id,
        protocol_version=protocol.version,
        rules_version=draft.rules.version,
        drill=realm[0],
        silent=realm[1],
        links=links,
    )
    case = Case(alert=alert, parts=tuple(sorted(parts, key=part_order)), own_type=own_type, pinned=pinned)
    return rescored(draft, case)


def add(draft: Draft, case: Case, part: Part) -> Case:
    """``case`` with one part more, scored again. The same event twice is once."""
    if any(part.member.event_id == known.member.event_id for known in case.parts):
        return case
    return rescored(draft, replace(case, parts=tuple(sorted((*case.parts, part), key=part_order))))


def rescored(draft: Draft, case: Case) -> Case:
    """Score ``case``, keep it, and score again what shows it. A life-safety level is a floor from then on (law 10)."""
    facts = facts_of(draft, case, case.parts)
    life_safety = any(fact.life_safety for fact in facts.facts)
    own = priority.score(facts, draft.rules.priority.table, floor=case.own_floor if life_safety else None)
    own_floor = _most_urgent(own.level, case.own_floor) if life_safety else None
    shown, level = own, own.level
    if case.absorbed:
        inner = [found for alert_id in case.absorbed if (found := draft.case(alert_id)) is not None]
        shown = priority.score(
            facts_of(draft, case, draft.parts(case)), draft.rules.priority.table, floor=own_floor
        )
        level = _most_urgent(shown.level, own.level, *(found.alert.level for found in inner))
    case = replace(
        case, own_floor=own_floor, terms=shown.reasons, alert=_with_score(case, shown, level, own_floor)
    )
    draft.put(case)
    if (outer := draft.case(case.alert.merged_into)) is not None:
        rescored(draft, outer)
    return case


def absorb(draft: Draft, case: Case, inner: Case, *, actor: str) -> Case:
    """Merge ``inner`` into ``case``: a link, nothing is moved. Both are live and of one realm."""
    inner = replace(
        inner,
        status_before_merge=inner.alert.status,
        alert=replace(inner.alert, status=AlertStatus.MERGED, merged_into=case.id),
    )
    draft.put(inner)
    draft.say(inner.id, "merged", f"Unida a {case.id}.", f"Merged into {case.id}.", actor=actor)
    suppression = None if inner.alert.life_safety else case.alert.suppression
    if suppression is not case.alert.suppression:
        draft.say(
            case.id,
            "suppression_lifted",
            "Un aviso de vida en riesgo levanta el silencio.",
            "A life-safety event lifts the suppression.",
        )
    case = rescored(
        draft,
        replace(
            case, absorbed=(*case.absorbed, inner.id), alert=replace(case.alert, suppression=suppression)
        ),
    )
    draft.say(case.id, "absorbed", f"Absorbe {inner.id}.", f"Absorbs {inner.id}.", actor=actor)
    return case


def _with_score(case: Case, score: Score, level: Level, floor: Level | None) -> Alert:
    return replace(case.alert, score=score.points, level=level, floor=floor)


def _most_urgent(level: Level, *others: Level | None) -> Level:
    return min((level, *(other for other in others if other is not None)), key=lambda found: found.rank)


def facts_of(draft: Draft, case: Case, parts: tuple[Part, ...]) -> Facts:
    """What the score is told: the parts, and the type that a rule gave the case when no part has it."""
    facts = [_fact(part, draft.kind(part.member.type)) for part in parts]
    if not any(part.member.type == case.own_type for part in parts):
        facts.append(_given(draft.kind(case.own_type)))
    return Facts(
        facts=tuple(facts),
        raises=(*_watched(draft, case, parts), *_postured(draft, facts)),
        confirmed=case.confirmed,
        withdrawn=case.withdrawn,
    )


def _fact(part: Part, kind: EventType) -> Fact:
    member = part.member
    attributes = member.attributes
    rate, n, near = (
        attributes.get("confirmation_rate"),
        attributes.get("confirmation_n"),
        attributes.get("near"),
    )
    return Fact(
        kind=kind,
        independence=member.independence,
        event_id=member.event_id,
        life_safety=member.life_safety,
        counts=member.phase in CORROBORATING,
        registered=member.registered,
        verified=attributes.get("verified") is True,
        confirmation_rate=float(rate) if isinstance(rate, int | float) else None,
        confirmation_n=n if isinstance(n, int) else 0,
        near=tuple(near) if isinstance(near, list) else (),
        late=part.late,
        degraded=part.degraded,
    )


def _given(kind: EventType) -> Fact:
    """The type that a rule gave, as a fact of no event: it names and bases the alert and says nothing else."""
    return Fact(
        kind=kind,
        independence="",
        event_id=EventId(""),
        life_safety=kind.life_safety,
        counts=False,
        given=True,
        late=True,
    )


def _watched(draft: Draft, case: Case, parts: tuple[Part, ...]) -> list[Reason]:
    """One term for each watched place that a part is in; it says which alert made the place watched."""
    terms = []
    for watch in draft.watches.values():
        if watch.alert_id == case.id or watch.drill != case.alert.drill or watch.until_ms <= draft.now_ms:
            continue
        inside = [
            (part, metres)
            for part in parts
            if (metres := _to(part.member.place, watch.lat, watch.lon)) is not None
            and metres <= watch.radius_m
        ]
        if inside:
            part, metres = min(inside, key=lambda found: (found[1], found[0].member.event_id))
            terms.append(
                Reason(
                    code="watch.inside",
                    points=watch.points,
                    rule=watch.rule,
                    rule_version=watch.rule_version,
                    events=(part.member.event_id,),
                    distance_m=round(metres, 1),
                    delta_s=round((draft.now_ms - watch.since_ms) / 1000, 3),
                    text_es=f"Zona bajo atención por la alerta confirmada {watch.alert_id}: a {metres:.0f} m.",
                    text_en=f"Place under watch since confirmed alert {watch.alert_id}: {metres:.0f} m away.",
                )
            )
    return terms


def _to(place: Place, lat: float, lon: float) -> float | None:
    if place.lat is None or place.lon is None:
        return None
    return distance_m(place.lat, place.lon, lat, lon)


def _postured(draft: Draft, facts: list[Fact]) -> list[Reason]:
    posture = draft.head.posture
    rule = None if posture is None else draft.rules.postures.get(posture.name)
    if rule is None or not facts:
        return []
    points, family = max((rule.points.get(fact.kind.family, 0), fact.kind.family) for fact in facts)
    if points <= 0:
        return []
    return [
        Reason(
            code="posture.raised",
            points=points,
            rule=rule.id,
            rule_version=rule.version,
            events=tuple(
                sorted({fact.event_id for fact in facts if fact.kind.family == family and fact.event_id})
            ),
            text_es=f"Postura de la ciudad: {rule.name_es}.",
            text_en=f"Posture of the city: {rule.name_en}.",
        )
    ]


def view(case: Case, cases: Shelf[Case], rules: RulePack, *, version: int, now_ms: int) -> Alert:
    """The alert as the wall shows it. Pure function of the case and what it absorbed, apart from ``version`` and ``now_ms``."""
    parts = all_parts(case, cases)
    code = _leading_type(case, parts, rules)
    known = rules.kind(code) is not None
    protocol = rules.protocols[code if known else "source.undecoded"]
    started = next(
        (
            version
            for name, _, version in (entry.rpartition("@") for entry in case.protocols)
            if name == protocol.id
        ),
        None,
    )
    instants = [part.member.occurred_ms for part in parts] or [case.alert.opened_ms]
    return replace(
        case.alert,
        version=version,
        updated_ms=now_ms,
        type=code,
        members=tuple(part.member for part in parts),
        reasons=reasons(case, parts),
        first_occurred_ms=min(instants),
        last_occurred_ms=max(instants),
        place=_place(parts),
        data_class=max(
            (part.data_class for part in parts), key=_CLASS_RANK.__getitem__, default=DataClass.RESTRICTED
        ),
        life_safety=any(part.member.life_safety for part in parts) or _life_safety(rules, case.own_type),
        degraded=any(part.degraded for part in parts),
        rules_version=rules.version,
        protocol=protocol.id,
        protocol_version=protocol.version if started is None else int(started),
    )


def reasons(case: Case, parts: tuple[Part, ...]) -> tuple[Reason, ...]:
    """Score terms, then what rules said once, then why each part joined (of a flood's hundreds, the pinned count says it)."""
    joins = (part.join for part in parts if part.join is not None and part.join.code != FLOODED)
    return (*case.terms, *case.pinned, *joins)


def _life_safety(rules: RulePack, code: str) -> bool:
    kind = rules.kind(code)
    return kind is not None and kind.life_safety


def _leading_type(case: Case, parts: tuple[Part, ...], rules: RulePack) -> TypeCode:
    """The most urgent type of what is there; the given type among equals, then the earliest event's."""
    ranked = [(_rank(rules, case.own_type), 0, 0, "", case.own_type)]
    ranked += [
        (_rank(rules, part.member.type), 1, part.instant_ms, part.member.event_id, part.member.type)
        for part in parts
        if part.member.phase in CORROBORATING
    ]
    return min(ranked)[4]


def _rank(rules: RulePack, code: str) -> int:
    return (rules.kind(code) or rules.types["source.undecoded"]).level.rank


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


def independent(parts: tuple[Part, ...]) -> int:
    """How many independent sources say that something is going on."""
    return len({part.member.independence for part in parts if part.member.phase in CORROBORATING})
