"""Many grave facts all over the city within an hour have one author: one city alert links them (S20)."""

from __future__ import annotations

import msgspec

from cior_core.correlate import cases, patterns, response
from cior_core.correlate.state import Case, MergeClass, Pattern
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, AlertStatus, Disposition, Reason, TypeCode
from cior_core.rules import CoordinatedRule

replace = msgspec.structs.replace

_NOTHING = (Disposition.FALSE_ALARM, Disposition.UNFOUNDED, Disposition.TEST, Disposition.DUPLICATE)


def check(context: StepContext, case_id: AlertId) -> None:
    """Count this alert for each coordinated-attack rule; open, or add to, the one city alert (S20)."""
    for rule in context.rules.coordinated:
        if _counts(context, context.current(case_id), rule):
            _coordinate(context, context.current(case_id), rule)
        elif _is_evidence(context.current(case_id), rule):
            _link_evidence(context, case_id, rule)


def _counts(context: StepContext, case: Case, rule: CoordinatedRule) -> bool:
    families = {context.kind(part.member.type).family for part in context.parts(case.id)} or {
        context.kind(case.own_type).family
    }
    fresh = not all(part.late for part in case.parts) if case.parts else False
    return (
        bool(families & set(rule.families))
        and case.alert.level.rank <= rule.level.rank
        and not case.alert.silent
        and case.alert.status is not AlertStatus.MERGED
        and case.alert.disposition not in _NOTHING
        and fresh
    )


def _coordinate(context: StepContext, case: Case, rule: CoordinatedRule) -> None:
    key = _pattern_key(rule, case)
    known = context.patterns.get(key)
    city = None if known is None else context.root(known.alert_id)
    counted = known.counted if known is not None else ()
    if case.id in counted:
        return
    at_ms = case.parts[0].instant_ms
    if (
        known is not None
        and city is not None
        and city.live
        and abs(at_ms - known.last_ms) <= rule.within_s * 1000
    ):
        context.patterns = context.patterns.put(
            key, replace(known, counted=(*counted, case.id), last_ms=max(known.last_ms, at_ms))
        )
        _link_to_city(context, city.id, case, rule)
        return
    near = [
        other
        for _, other in context.cases.where(
            lambda other: (
                other.alert.level.rank <= rule.level.rank
                and bool(other.parts)
                and abs(other.parts[0].instant_ms - at_ms) <= rule.within_s * 1000
                and other.alert.drill == case.alert.drill
                and other.id not in counted
                and _counts(context, other, rule)
            )
        )
    ]
    if len(near) < rule.n:
        return
    ids = tuple(sorted(other.id for other in near))
    reason = rule.why(
        "coordinated.attack",
        events=tuple(sorted(other.parts[0].member.event_id for other in near)),
        delta_s=round(
            (max(o.parts[0].instant_ms for o in near) - min(o.parts[0].instant_ms for o in near)) / 1000, 3
        ),
    )
    opened_id = cases.open_case(
        context,
        (),
        opened_by=f"{rule.id}/{case.id}",
        own_type=TypeCode(rule.opens),
        merge_class=MergeClass(case.alert.drill),
        pinned=(reason,),
        links=ids[-patterns.LINKS_MAX :],
    )
    response.respond_to_rule(context, opened_id)
    context.add_transition(opened_id, "opened", rule.text, reasons=(reason,))
    context.patterns = context.patterns.put(key, Pattern(alert_id=opened_id, counted=ids, last_ms=at_ms))
    for _, other in context.cases.where(
        lambda found: found.alert.drill == case.alert.drill and _is_evidence(found, rule)
    ):
        _link_evidence(context, other.id, rule)


def _is_evidence(case: Case, rule: CoordinatedRule) -> bool:
    return (
        any(part.member.type in rule.evidence and not part.late for part in case.parts)
        and not case.alert.silent
        and case.alert.status is not AlertStatus.MERGED
        and case.alert.disposition not in _NOTHING
    )


def _link_evidence(context: StepContext, case_id: AlertId, rule: CoordinatedRule) -> None:
    """Link one piece of evidence to the city alert that is open, if any: it may have been found after the attacks."""
    case = context.current(case_id)
    known = context.patterns.get(_pattern_key(rule, case))
    city = None if known is None else context.root(known.alert_id)
    if (
        known is not None
        and city is not None
        and city.live
        and case_id not in city.alert.links
        and abs(case.parts[0].instant_ms - known.last_ms) <= rule.within_s * 1000
    ):
        text = context.text("evidence_of_pattern")
        reason = Reason(
            code="coordinated.evidence",
            points=0,
            rule=rule.id,
            rule_version=rule.version,
            events=tuple(p.member.event_id for p in case.parts if p.member.type in rule.evidence)[:1],
            text_es=text.es,
            text_en=text.en,
        )
        context.update(city.id, pinned=(*city.pinned, reason)[: patterns.LINKS_MAX])
        context.update_alert(city.id, links=patterns.linked(city.alert.links, case_id))
        context.add_transition(city.id, "linked", text, reasons=(reason,))


def _pattern_key(rule: CoordinatedRule, case: Case) -> str:
    return f"{rule.id}/drill" if case.alert.drill else rule.id


def _link_to_city(context: StepContext, city_id: AlertId, case: Case, rule: CoordinatedRule) -> None:
    text = context.text("one_more_of_the_pattern")
    reason = Reason(
        code="coordinated.more",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        events=(case.parts[0].member.event_id,),
        text_es=text.es,
        text_en=text.en,
    )
    city = context.current(city_id)
    context.update(city_id, pinned=(*city.pinned, reason)[: patterns.LINKS_MAX])
    context.update_alert(city_id, links=patterns.linked(city.alert.links, case.id))
    context.add_transition(city_id, "linked", text, reasons=(reason,))
