"""Many grave facts all over the city within an hour have one author: one city alert links them (S20)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cior_core.correlate import cases, patterns, response
from cior_core.correlate.index import shelf
from cior_core.correlate.state import Case, MergeClass, Pattern
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, AlertStatus, Disposition, Reason, TypeCode
from cior_core.rules import CoordinatedRule

replace = msgspec.structs.replace

_COUNTED_MAX = 128
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
    if known is not None and _is_counted(case, known):
        return
    at_ms = case.parts[0].instant_ms
    if (
        known is not None
        and city is not None
        and city.live
        and abs(at_ms - known.last_ms) <= rule.within_s * 1000
    ):
        context.patterns = context.patterns.put(key, replace(known, last_ms=max(known.last_ms, at_ms)))
        context.note(case.id, counted_in=(*case.counted_in, known.alert_id))
        _link_to_city(context, city.id, case, rule)
        return
    near = [
        other
        for other in _began_near(context, case, rule.families, at_ms=at_ms, within_s=rule.within_s)
        if other.alert.level.rank <= rule.level.rank
        and (known is None or not _is_counted(other, known))
        and _counts(context, other, rule)
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
    context.patterns = context.patterns.put(key, Pattern(alert_id=opened_id, counted=(), last_ms=at_ms))
    for other in near:
        context.note(other.id, counted_in=(*other.counted_in, opened_id))
    families = [context.kind(code).family for code in rule.evidence]
    for other in _began_near(context, case, families, at_ms=at_ms, within_s=rule.within_s):
        if _is_evidence(other, rule):
            _link_evidence(context, other.id, rule)


def _began_near(
    context: StepContext, case: Case, families: Iterable[str], *, at_ms: int, within_s: float
) -> list[Case]:
    """Loud alerts of ``families`` anywhere in the city that began near an instant; a drill counts drills."""
    within_ms = round(within_s * 1000)
    mark = shelf(MergeClass(case.alert.drill))
    found = context.cases_of(mark, families, around_ms=at_ms, within_ms=within_ms, limit=_COUNTED_MAX)
    return [other for other in found if abs(other.parts[0].instant_ms - at_ms) <= within_ms]


def _is_counted(case: Case, pattern: Pattern) -> bool:
    return pattern.alert_id in case.counted_in or case.id in pattern.counted


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
