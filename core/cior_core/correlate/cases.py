"""Cases: opening, adding to, merging and scoring them. The context holds them; what is published is :mod:`view`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cior_core import priority
from cior_core.correlate import lines, muting, response, silences
from cior_core.correlate.state import CORROBORATING, Case, MergeClass, Part
from cior_core.correlate.step_context import StepContext
from cior_core.correlate.view import all_watchings, part_order
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
    Reason,
    TypeCode,
)
from cior_core.priority import Fact, Facts
from cior_core.taxonomy import EventType
from cior_core.watching import Watching

replace = msgspec.structs.replace


def open_case(
    context: StepContext,
    parts: tuple[Part, ...],
    *,
    opened_by: str,
    own_type: TypeCode,
    merge_class: MergeClass,
    pinned: tuple[Reason, ...] = (),
    links: tuple[AlertId, ...] = (),
) -> AlertId:
    """Open a scored case; its id comes from ``opened_by``."""
    # An id is taken when an event comes back after its alert was split from it: then the next generation.
    generation = 0
    while (alert_id := make_alert_id(context.head.area, opened_by, generation)) in context.cases:
        generation += 1
    kind = context.kind(own_type)
    protocol = context.rules.protocols[kind.code]
    alert = Alert(
        id=alert_id,
        area=context.head.area,
        version=0,
        type=own_type,
        level=kind.level,
        score=0,
        status=AlertStatus.OPEN,
        reasons=(),
        members=(),
        opened_ms=context.now_ms,
        updated_ms=context.now_ms,
        first_occurred_ms=context.now_ms,
        last_occurred_ms=context.now_ms,
        place=UNKNOWN_PLACE,
        data_class=DataClass.RESTRICTED,
        life_safety=kind.life_safety,
        protocol=protocol.id,
        protocol_version=protocol.version,
        rules_version=context.rules.version,
        drill=merge_class.drill,
        silent=merge_class.silent,
        links=links,
    )
    context.open(
        Case(alert=alert, parts=tuple(sorted(parts, key=part_order)), own_type=own_type, pinned=pinned)
    )
    rescore(context, alert_id)
    return alert_id


def add(context: StepContext, case_id: AlertId, part: Part) -> None:
    """Add one part to the case and score it again. The same event twice is once.

    Life-safety ends a silence first; anything else that comes in one is counted by it.
    """
    case = context.current(case_id)
    if any(part.member.event_id == known.member.event_id for known in case.parts):
        return
    if part.member.life_safety:
        _unmute(context, case_id)
    silences.joined(context, case_id, part)
    muting.note_hidden(context, case_id, part.member.event_id)
    context.update(case_id, parts=tuple(sorted((*case.parts, part), key=part_order)))
    rescore(context, case_id)


def rescore(context: StepContext, case_id: AlertId) -> None:
    """Score the case, and what shows it. A life-safety level is a floor from then on (law 10)."""
    case = context.current(case_id)
    table = context.rules.priority.table
    facts = _facts_of(context, case, case.parts, case.watchings)
    life_safety = any(fact.life_safety for fact in facts.facts)
    own = priority.score(facts, table, floor=case.own_floor if life_safety else None)
    own_floor = _most_urgent(own.level, case.own_floor) if life_safety else None
    shown, level = own, own.level
    if case.absorbed:
        inner = [found for alert_id in case.absorbed if (found := context.case(alert_id)) is not None]
        looks = all_watchings(case, context.cases)
        shown = priority.score(
            _facts_of(context, case, context.parts(case_id), looks), table, floor=own_floor
        )
        level = _most_urgent(shown.level, own.level, *(found.alert.level for found in inner))
    if case.alert.ruling is not None:
        level = _ruled(context, case_id, level, points=shown.points)
        own_floor = level if life_safety else None
    scored = {"score": shown.points, "level": level, "floor": own_floor}
    context.update(case_id, own_floor=own_floor, terms=shown.reasons, of_alert=scored)
    muting.lift_if_grave(context, case_id)
    outer = case.alert.merged_into
    if outer is not None and outer in context.cases:
        rescore(context, outer)


def _ruled(context: StepContext, case_id: AlertId, level: Level, *, points: int) -> Level:
    """The level that a person gave, while no more is known than the person saw; then the more urgent of the two."""
    ruling = context.current(case_id).alert.ruling
    if ruling is None or (points <= ruling.points and calls(context.parts(case_id)) <= ruling.calls):
        return level if ruling is None else ruling.level
    context.update_alert(case_id, ruling=None)
    context.add_transition(case_id, "ruling_over", context.text("ruling_over", who=ruling.by))
    return _most_urgent(level, ruling.level)


def calls(parts: tuple[Part, ...]) -> int:
    """How many of ``parts`` say that a life is at risk."""
    return sum(part.member.life_safety and part.member.phase in CORROBORATING for part in parts)


def absorb(context: StepContext, case_id: AlertId, inner_id: AlertId, *, actor: str) -> None:
    """Merge one case into another: a link, nothing is moved. Both are live and of one merge class."""
    inner = context.current(inner_id)
    context.update(inner_id, status_before_merge=inner.alert.status)
    context.update_alert(inner_id, status=AlertStatus.MERGED, merged_into=case_id)
    context.add_transition(inner_id, "merged", context.text("merged", alert=case_id), actor=actor)
    # By its parts: what joined in this very step is not in the published alert yet.
    parts = context.parts(inner_id)
    if inner.alert.life_safety or any(part.member.life_safety for part in parts):
        _unmute(context, case_id)
    silences.joined(context, case_id, *parts)
    muting.note_hidden(context, case_id, *(part.member.event_id for part in parts))
    if any(part.proven for part in parts):
        lines.leave(context, case_id)
    context.update(case_id, absorbed=(*context.current(case_id).absorbed, inner_id))
    rescore(context, case_id)
    context.add_transition(case_id, "absorbed", context.text("absorbed", alert=inner_id), actor=actor)


def _unmute(context: StepContext, case_id: AlertId) -> None:
    """End the suppression of a case that life-safety has joined: nobody can mute what is to come (law 2)."""
    muting.end(context, case_id, "suppression_lifted", context.text("suppression_lifted"))
    response.catch_up(context, case_id)


def _most_urgent(level: Level, *others: Level | None) -> Level:
    return min((level, *(other for other in others if other is not None)), key=lambda found: found.rank)


def _facts_of(
    context: StepContext, case: Case, parts: tuple[Part, ...], looks: tuple[Watching, ...]
) -> Facts:
    """What the score is told: the parts, and the type that a rule gave the case when no part has it."""
    facts = [_fact(part, context.kind(part.member.type)) for part in parts]
    if not any(part.member.type == case.own_type for part in parts):
        facts.append(_given(context.kind(case.own_type)))
    firm = [part for part in parts if context.kind(part.member.type).unconfirmed_ceiling is None]
    seen = _seen_by_cameras(context, looks)
    firm_facts = [fact for fact in facts if fact.kind.unconfirmed_ceiling is None]
    return Facts(
        facts=tuple(facts),
        raises=(*_watched(context, case, parts), *_postured(context, facts), *seen),
        firm_raises=()
        if len(firm) == len(parts)
        else (*_watched(context, case, firm), *_postured(context, firm_facts), *seen),
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


def _watched(context: StepContext, case: Case, parts: Sequence[Part]) -> list[Reason]:
    """One term for each watched place that a part is in; it says which alert made the place watched."""
    terms = []
    for watch in context.watched_around(part.member.place for part in parts):
        if watch.alert_id == case.id or watch.drill != case.alert.drill or watch.until_ms <= context.now_ms:
            continue
        inside = [
            (part, metres)
            for part in parts
            if (metres := _to(part.member.place, watch.lat, watch.lon)) is not None
            and metres <= watch.radius_m
        ]
        if inside:
            part, metres = min(inside, key=lambda found: (found[1], found[0].member.event_id))
            text = context.text("inside_watch", alert=watch.alert_id, distance_m=metres)
            terms.append(
                Reason(
                    code="watch.inside",
                    points=watch.points,
                    rule=watch.rule,
                    rule_version=watch.rule_version,
                    events=(part.member.event_id,),
                    distance_m=round(metres, 1),
                    delta_s=round((context.now_ms - watch.since_ms) / 1000, 3),
                    text_es=text.es,
                    text_en=text.en,
                )
            )
    return terms


def _seen_by_cameras(context: StepContext, looks: tuple[Watching, ...]) -> list[Reason]:
    """One term for each rule by which a camera's look counts."""
    by_rule: dict[str, list[Watching]] = {}
    for look in looks:
        if look.rule:
            by_rule.setdefault(look.rule, []).append(look)
    terms = []
    for rule in context.rules.seen:
        if found := by_rule.get(rule.id):
            text = context.text("seen_raises", rule=rule.text, count=len({look.camera for look in found}))
            terms.append(
                Reason(
                    code="cameras.saw",
                    points=rule.points,
                    rule=rule.id,
                    rule_version=rule.version,
                    events=tuple(sorted(EventId(look.event_id) for look in found)),
                    text_es=text.es,
                    text_en=text.en,
                )
            )
    return terms


def _to(place: Place, lat: float, lon: float) -> float | None:
    if place.lat is None or place.lon is None:
        return None
    return distance_m(place.lat, place.lon, lat, lon)


def _postured(context: StepContext, facts: list[Fact]) -> list[Reason]:
    posture = context.head.posture
    rule = None if posture is None else context.rules.postures.get(posture.name)
    if rule is None or not facts:
        return []
    points, family = max((rule.points.get(fact.kind.family, 0), fact.kind.family) for fact in facts)
    if points <= 0:
        return []
    text = context.text("posture_raises", posture=rule.name_text)
    return [
        Reason(
            code="posture.raised",
            points=points,
            rule=rule.id,
            rule_version=rule.version,
            events=tuple(
                sorted({fact.event_id for fact in facts if fact.kind.family == family and fact.event_id})
            ),
            text_es=text.es,
            text_en=text.en,
        )
    ]
