"""Rules over more than one alert: thresholds, watched places, unreported shootings, storms, silent links."""

from __future__ import annotations

from math import isfinite

import msgspec

from cior_core.correlate import cases, matching, response, silences
from cior_core.correlate.index import Lookup, apart_m, cells, lookups, shelf, waiting_shelf, well_placed
from cior_core.correlate.state import GATHERED, Case, MergeClass, Part, Pending, Storm, Watch
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, Event, Reason, TypeCode
from cior_core.rings import contains
from cior_core.rules import StormRule, ThresholdRule, UnreportedRule, WatchRule

replace = msgspec.structs.replace

_DAY_MS = 86_400_000
_LINK_WINDOW_S = 600.0
_LEAD_MS = 600_000
_GROUP_MAX = 256
LINKS_MAX = 20
"""The most links that an alert shows."""


def count_threshold(context: StepContext, event: Event, part: Part, rule: ThresholdRule) -> AlertId | None:
    """Open the alert when ``event`` completes the count, earlier events attached; else let it wait (C18)."""
    wanted = [_beside(part, rule, context, drill=event.drill)]
    group = [
        (key, pending.part)
        for key, pending in context.waiting(wanted, limit=_GROUP_MAX)
        if not pending.orphan
        and pending.part.member.type in rule.types
        and _counted_together(part, pending.part, rule)
    ]
    have = (
        {other.member.independence for _, other in group} | {part.member.independence}
        if rule.independent
        else range(len(group) + 1)
    )
    if len(have) < _needed(context, rule):
        until_ms = part.instant_ms + round(rule.within_s * 1000)
        context.wait(event.id, Pending(part=part, until_ms=max(until_ms, context.now_ms), drill=event.drill))
        return None
    for key, _ in group:
        context.wait_no_more(key)
    reason = rule.why(
        "threshold.reached",
        events=tuple(sorted((part.member.event_id, *(other.member.event_id for _, other in group)))),
        delta_s=round(max(abs(part.instant_ms - other.instant_ms) for _, other in group) / 1000, 3)
        if group
        else None,
    )
    case_id = cases.open_case(
        context,
        (*(other for _, other in group), part),
        opened_by=event.id,
        own_type=TypeCode(rule.opens or event.type),
        merge_class=MergeClass(event.drill),
        pinned=(reason,),
    )
    silences.cover(context, case_id)
    response.respond_to_rule(context, case_id)
    context.add_transition(case_id, "opened", rule.text, reasons=(reason,))
    for key, _ in group:
        _seen_in(context, key, case_id)
    return case_id


def _beside(part: Part, rule: ThresholdRule, context: StepContext, *, drill: bool) -> Lookup:
    """Where the events lie that are counted together with ``part``."""
    mark, place = waiting_shelf(drill=drill), part.member.place
    within_ms = round((rule.within_s + part.error_s + context.rules.merge.error_limit_s) * 1000) + 10_000
    match rule.per:
        case "subject":
            keys = [f"{mark}s:{part.member.subject}"]
        case "district":
            keys = [f"{mark}d:{place.district}"] if place.district else []
        case "place":
            is_placed = well_placed(part, context.rules.merge)
            keys = cells(part, rule.radius_m or 0.0, mark) if is_placed else []
        case _:
            keys = [f"{mark}t:{code}" for code in rule.types]
    return Lookup(keys, part.instant_ms, within_ms)


def _seen_in(context: StepContext, event_key: str, case_id: AlertId) -> None:
    if (seen := context.seen.get(f"e:{event_key}")) is not None:
        context.seen = context.seen.put(f"e:{event_key}", replace(seen, alert_id=case_id))


def _needed(context: StepContext, rule: ThresholdRule) -> int:
    posture = context.head.posture
    named = None if posture is None else context.rules.postures.get(posture.name)
    return rule.n if named is None else named.thresholds.get(rule.id, rule.n)


def _counted_together(one: Part, other: Part, rule: ThresholdRule) -> bool:
    if abs(one.instant_ms - other.instant_ms) > rule.within_s * 1000 + (one.error_s + other.error_s) * 1000:
        return False
    match rule.per:
        case "subject":
            return one.member.subject == other.member.subject
        case "district":
            return (
                one.member.place.district is not None
                and one.member.place.district == other.member.place.district
            )
        case "place":
            placed = one.member.place.located and other.member.place.located
            return placed and apart_m(one, other) <= (rule.radius_m or 0.0)
        case _:
            return True


def adopt_pending(context: StepContext, case_id: AlertId) -> None:
    """Attach to a new alert the waiting events that belong to it; an orphaned ending finds its beginning."""
    if not context.pending:
        return
    case = context.current(case_id)
    family, merge_class = context.kind(case.own_type).family, case.merge_class
    mark = waiting_shelf(drill=merge_class.drill)
    wanted = [
        look
        for part in case.parts
        for look in lookups(part, context.rules, context.kind(part.member.type), mark)
    ]
    for key, pending in context.waiting(wanted):
        if not context.rules.compatible(context.kind(pending.part.member.type).family, family):
            continue
        match = matching.fits(pending.part, case_id, context)
        if match is None or (pending.orphan and match.rank > 1):
            continue
        context.wait_no_more(key)
        reason = matching.explain(match, pending.part, context)
        cases.add(context, case_id, replace(pending.part, join=reason))
        context.add_transition(
            case_id,
            "back_attached",
            context.text("back_attached"),
            reasons=(reason,),
        )
        _seen_in(context, key, case_id)


def watch_place(context: StepContext, case_id: AlertId) -> None:
    """After a confirmed alert: watch its place (S14). Silent alerts never mark a place."""
    case = context.current(case_id)
    place = case.alert.place
    family = context.kind(case.alert.type).family
    for rule in context.rules.watches:
        if (
            family in rule.families
            and place.lat is not None
            and place.lon is not None
            and not case.alert.silent
        ):
            context.watch(case.id, _watch(context, case, rule, lat=place.lat, lon=place.lon))
            reason = rule.why(
                "watch.begun",
                events=tuple(member.event_id for member in case.alert.members),
            )
            context.add_transition(case.id, "watch_begun", rule.text, reasons=(reason,))


def _watch(context: StepContext, case: Case, rule: WatchRule, *, lat: float, lon: float) -> Watch:
    return Watch(
        alert_id=case.id,
        rule=rule.id,
        rule_version=rule.version,
        lat=lat,
        lon=lon,
        radius_m=rule.radius_m,
        points=rule.points,
        since_ms=context.now_ms,
        until_ms=context.now_ms + round(rule.days * _DAY_MS),
        drill=case.alert.drill,
    )


def linked(links: tuple[AlertId, ...], *more: AlertId) -> tuple[AlertId, ...]:
    """``links`` and ``more``, each once, sorted, the number bounded."""
    return tuple(sorted({*links, *more}))[:LINKS_MAX]


def open_unreported(context: StepContext, event: Event, part: Part, rule: UnreportedRule) -> AlertId:
    """An admission: linked to the shootings before it, or an alert of its own kind when nobody reported one (S07)."""
    prior = [
        case
        for case in context.cases_of(
            shelf(MergeClass(event.drill)),
            rule.prior_families,
            around_ms=part.instant_ms,
            within_ms=max(_LEAD_MS, round(rule.within_s * 1000)),
        )
        if context.root(case.id) is case
        and context.kind(case.alert.type).family in rule.prior_families
        and -_LEAD_MS <= part.instant_ms - case.parts[0].instant_ms <= rule.within_s * 1000
    ]
    if prior:
        links = tuple(sorted(case.id for case in prior))[:LINKS_MAX]
        case_id = cases.open_case(
            context,
            (part,),
            opened_by=event.id,
            own_type=event.type,
            merge_class=MergeClass(event.drill),
            links=links,
        )
        context.add_transition(
            case_id,
            "opened",
            context.text("admission_linked"),
        )
        response.respond(context, case_id, part)
        return case_id
    reason = rule.why(
        "unreported.shooting",
        events=(part.member.event_id,),
    )
    case_id = cases.open_case(
        context,
        (part,),
        opened_by=event.id,
        own_type=TypeCode(rule.opens),
        merge_class=MergeClass(event.drill),
        pinned=(reason,),
    )
    context.add_transition(case_id, "opened", rule.text, reasons=(reason,))
    response.respond_to_rule(context, case_id)
    return case_id


def begin_storm(context: StepContext, event: Event, case_id: AlertId) -> None:
    """A weather warning with a polygon and an expiry puts its area in storm mode (S50)."""
    rule = context.rules.storms.get(event.type)
    polygon = _polygon(event.attributes.get("polygon"))
    if rule is None or len(polygon) < 3 or event.attributes.get("severity") not in rule.severities:
        return
    limit_ms = context.now_ms + round(rule.hours_max * 3_600_000)
    expires = event.attributes.get("expires_ms")
    until_ms = min(expires, limit_ms) if isinstance(expires, int) else limit_ms
    if until_ms <= context.now_ms:
        return
    context.storms = context.storms.put(
        case_id,
        Storm(
            alert_id=case_id,
            rule=rule.id,
            rule_version=rule.version,
            groups=rule.groups_types,
            polygon=polygon,
            until_ms=until_ms,
            drill=event.drill,
        ),
    )
    reason = _storm_reason(rule, context.current(case_id).parts[0])
    context.add_transition(case_id, "storm_begun", rule.text, reasons=(reason,))


def _storm_reason(rule: StormRule, part: Part) -> Reason:
    return rule.why(
        GATHERED,
        events=(part.member.event_id,),
    )


def _polygon(value: object) -> tuple[tuple[float, float], ...]:
    """A GeoJSON ring of (lon, lat), at most 64 corners, as (lat, lon); empty when it is not one."""
    if not isinstance(value, list | tuple) or len(value) > 64:
        return ()
    corners = [
        corner
        for corner in value
        if isinstance(corner, list | tuple)
        and len(corner) == 2
        and all(isinstance(number, int | float) and isfinite(number) for number in corner)
    ]
    return (
        tuple((float(corner[1]), float(corner[0])) for corner in corners)
        if len(corners) == len(value)
        else ()
    )


def storm_for(context: StepContext, part: Part) -> tuple[AlertId, Reason] | None:
    """The storm alert that takes ``part``, and why; None when there is none, it is full or the part is life-safety."""
    place = part.member.place
    if part.member.life_safety or place.lat is None or place.lon is None:
        return None
    for storm in context.storms.values():
        case = context.root(storm.alert_id)
        rule = next((rule for rule in context.rules.storms.values() if rule.id == storm.rule), None)
        if (
            rule is not None
            and case is not None
            and case.live
            and part.member.type in storm.groups
            and storm.until_ms > context.now_ms
            and len(case.parts) < rule.members_max
            and contains(storm.polygon, place.lat, place.lon)
        ):
            return case.id, _storm_reason(rule, part)
    return None


def link_silent(context: StepContext, case_id: AlertId) -> None:
    """Link a silent alert with loud ones of the same time and place; the loud side shows nothing."""
    case = context.current(case_id)
    for part in case.parts[-1:]:
        # What is silent has no place, only its device and its district.
        mark = shelf(MergeClass(case.alert.drill, not case.alert.silent))
        keys = [f"{mark}k:{part.member.independence}"]
        keys += [f"{mark}d:{part.member.place.district}"] if part.member.place.district else []
        wanted = Lookup(keys, part.instant_ms, round(_LINK_WINDOW_S * 1000) + 10_000)
        for found in sorted(context.candidates([wanted]), key=lambda each: each.id):
            other = context.root(found.id)
            if (
                other is None
                or other.alert.drill != case.alert.drill
                or other.alert.silent == case.alert.silent
                or not other.parts
            ):
                continue
            if min(
                abs(part.instant_ms - known.instant_ms) for known in other.parts
            ) <= _LINK_WINDOW_S * 1000 and _near(part, other, context):
                silent, loud = (case, other) if case.alert.silent else (other, case)
                _link_silently(context, silent.id, loud.id)


def _near(part: Part, other: Case, context: StepContext) -> bool:
    district = part.member.place.district
    same_district = district is not None and any(
        known.member.place.district == district for known in other.parts
    )
    return (
        same_district
        or any(matching.same_key(part, known) for known in other.parts)
        or any(
            well_placed(known, context.rules.merge)
            and well_placed(part, context.rules.merge)
            and apart_m(part, known)
            <= max(context.kind(part.member.type).radius_m, context.kind(known.member.type).radius_m)
            for known in other.parts
        )
    )


def _link_silently(context: StepContext, silent_id: AlertId, loud_id: AlertId) -> None:
    links = context.current(silent_id).alert.links
    if loud_id in links:
        return
    context.update_alert(silent_id, links=linked(links, loud_id))
    context.add_transition(
        silent_id,
        "linked",
        context.text("linked_silently"),
    )
