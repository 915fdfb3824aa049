"""Rules over more than one alert: thresholds, watched places, coordinated attacks, unreported shootings, storms, silent links."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from cior_core.correlate import cases, matching, response
from cior_core.correlate.state import Case, Part, Pattern, Pending, Storm, Watch
from cior_core.geo import contains
from cior_core.model import AlertId, AlertStatus, Disposition, Event, EventId, Reason, TypeCode

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft
    from cior_core.rules import CoordinatedRule, Rule, StormRule, ThresholdRule, UnreportedRule, WatchRule

replace = msgspec.structs.replace

_DAY_MS = 86_400_000
_LINK_WINDOW_S = 600.0
_LINKS_MAX = 20
_NOTHING = (Disposition.FALSE_ALARM, Disposition.UNFOUNDED, Disposition.TEST, Disposition.DUPLICATE)


def count_threshold(draft: Draft, event: Event, part: Part, rule: ThresholdRule) -> AlertId | None:
    """Open the alert when ``event`` completes the count, earlier events attached; else let it wait (C18)."""
    waiting = draft.pending.where(
        lambda known: not known.orphan and known.part.member.type in rule.types and known.drill == event.drill
    )
    group = [(key, pending.part) for key, pending in waiting if _counted_together(part, pending.part, rule)]
    have = (
        {other.member.independence for _, other in group} | {part.member.independence}
        if rule.independent
        else range(len(group) + 1)
    )
    if len(have) < _needed(draft, rule):
        until_ms = part.instant_ms + round(rule.within_s * 1000)
        draft.pending = draft.pending.put(
            event.id, Pending(part=part, until_ms=max(until_ms, draft.now_ms), drill=event.drill)
        )
        return None
    for key, _ in group:
        draft.drop("pending", key)
    reason = said(
        rule,
        "threshold.reached",
        events=tuple(sorted((part.member.event_id, *(other.member.event_id for _, other in group)))),
        delta_s=round(max(abs(part.instant_ms - other.instant_ms) for _, other in group) / 1000, 3)
        if group
        else None,
    )
    case = cases.open_case(
        draft,
        (*(other for _, other in group), part),
        opened_by=event.id,
        own_type=TypeCode(rule.opens or event.type),
        realm=(event.drill, False),
        pinned=(reason,),
    )
    case = response.respond_to_rule(draft, case)
    draft.say(case.id, "opened", rule.reason_es, rule.reason_en, reasons=(reason,))
    for key, _ in group:
        if (seen := draft.seen.get(f"e:{key}")) is not None:
            draft.seen = draft.seen.put(f"e:{key}", replace(seen, alert_id=case.id))
    return case.id


def _needed(draft: Draft, rule: ThresholdRule) -> int:
    posture = draft.head.posture
    named = None if posture is None else draft.rules.postures.get(posture.name)
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
            return placed and matching.apart_m(one, other) <= (rule.radius_m or 0.0)
        case _:
            return True


def adopt_pending(draft: Draft, case: Case) -> Case:
    """Attach to a new alert the waiting events that belong to it; an orphaned ending finds its beginning."""
    family, realm = draft.kind(case.own_type).family, case.realm
    for key, pending in draft.pending.where(
        lambda known: (
            (known.drill, False) == realm
            and draft.rules.compatible(draft.kind(known.part.member.type).family, family)
        )
    ):
        part = pending.part
        match = matching.fits(part, case, draft.parts(case), draft)
        if match is None or (pending.orphan and match.rank > 1):
            continue
        draft.drop("pending", key)
        case = cases.add(draft, case, replace(part, join=matching.explain(match, part, draft)))
        draft.say(
            case.id,
            "back_attached",
            "Se suma un aviso anterior que esperaba.",
            "An earlier event that was waiting is attached.",
            reasons=(matching.explain(match, part, draft),),
        )
        if (seen := draft.seen.get(f"e:{key}")) is not None:
            draft.seen = draft.seen.put(f"e:{key}", replace(seen, alert_id=case.id))
    return case


def watch_place(draft: Draft, case: Case) -> None:
    """After a confirmed alert: watch its place (S14). Silent alerts never mark a place."""
    place = case.alert.place
    family = draft.kind(case.alert.type).family
    for rule in draft.rules.watches:
        if (
            family in rule.families
            and place.lat is not None
            and place.lon is not None
            and not case.alert.silent
        ):
            draft.watches = draft.watches.put(
                case.id, _watch(draft, case, rule, lat=place.lat, lon=place.lon)
            )
            reason = said(
                rule,
                "watch.begun",
                events=tuple(member.event_id for member in case.alert.members),
            )
            draft.say(case.id, "watch_begun", rule.reason_es, rule.reason_en, reasons=(reason,))


def _watch(draft: Draft, case: Case, rule: WatchRule, *, lat: float, lon: float) -> Watch:
    return Watch(
        alert_id=case.id,
        rule=rule.id,
        rule_version=rule.version,
        lat=lat,
        lon=lon,
        radius_m=rule.radius_m,
        points=rule.points,
        since_ms=draft.now_ms,
        until_ms=draft.now_ms + round(rule.days * _DAY_MS),
        drill=case.alert.drill,
    )


def check_coordinated(draft: Draft, case: Case) -> None:
    """Count this alert for each coordinated-attack rule; open, or add to, the one city alert (S20)."""
    for rule in draft.rules.coordinated:
        if _counts(draft, case, rule):
            _coordinate(draft, case, rule)


def _counts(draft: Draft, case: Case, rule: CoordinatedRule) -> bool:
    families = {draft.kind(part.member.type).family for part in draft.parts(case)} or {
        draft.kind(case.own_type).family
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


def _coordinate(draft: Draft, case: Case, rule: CoordinatedRule) -> None:
    key = f"{rule.id}/drill" if case.alert.drill else rule.id
    known = draft.patterns.get(key)
    city = None if known is None else draft.root(known.alert_id)
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
        draft.patterns = draft.patterns.put(
            key, replace(known, counted=(*counted, case.id), last_ms=max(known.last_ms, at_ms))
        )
        _link_to_city(draft, city, case, rule)
        return
    near = [
        other
        for _, other in draft.cases.where(
            lambda other: (
                other.alert.level.rank <= rule.level.rank
                and bool(other.parts)
                and abs(other.parts[0].instant_ms - at_ms) <= rule.within_s * 1000
                and other.alert.drill == case.alert.drill
                and other.id not in counted
                and _counts(draft, other, rule)
            )
        )
    ]
    if len(near) < rule.n:
        return
    ids = tuple(sorted(other.id for other in near))
    reason = said(
        rule,
        "coordinated.attack",
        events=tuple(sorted(other.parts[0].member.event_id for other in near)),
        delta_s=round(
            (max(o.parts[0].instant_ms for o in near) - min(o.parts[0].instant_ms for o in near)) / 1000, 3
        ),
    )
    opened = cases.open_case(
        draft,
        (),
        opened_by=f"{rule.id}/{case.id}",
        own_type=TypeCode(rule.opens),
        realm=(case.alert.drill, False),
        pinned=(reason,),
        links=ids[-_LINKS_MAX:],
    )
    response.respond_to_rule(draft, opened)
    draft.say(opened.id, "opened", rule.reason_es, rule.reason_en, reasons=(reason,))
    draft.patterns = draft.patterns.put(key, Pattern(alert_id=opened.id, counted=ids, last_ms=at_ms))


def _link_to_city(draft: Draft, city: Case, case: Case, rule: CoordinatedRule) -> None:
    reason = Reason(
        code="coordinated.more",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        events=(case.parts[0].member.event_id,),
        text_es="Otro hecho del mismo patrón.",
        text_en="Another fact of the same pattern.",
    )
    draft.put(
        replace(
            city,
            pinned=(*city.pinned, reason)[:_LINKS_MAX],
            alert=replace(city.alert, links=linked(city.alert.links, case.id)),
        )
    )
    draft.say(city.id, "linked", reason.text_es, reason.text_en, reasons=(reason,))


def linked(links: tuple[AlertId, ...], *more: AlertId) -> tuple[AlertId, ...]:
    """``links`` and ``more``, each once, sorted, the number bounded."""
    return tuple(sorted({*links, *more}))[:_LINKS_MAX]


def open_unreported(draft: Draft, event: Event, part: Part, rule: UnreportedRule) -> AlertId:
    """An admission: linked to the shootings before it, or an alert of its own kind when nobody reported one (S07)."""
    prior = [
        case
        for case in draft.cases.values()
        if case.parts
        and case.alert.drill == event.drill
        and not case.alert.silent
        and draft.root(case.id) is case
        and draft.kind(case.alert.type).family in rule.prior_families
        and -600_000 <= part.instant_ms - case.parts[0].instant_ms <= rule.within_s * 1000
    ]
    if prior:
        links = tuple(sorted(case.id for case in prior))[:_LINKS_MAX]
        case = cases.open_case(
            draft, (part,), opened_by=event.id, own_type=event.type, realm=(event.drill, False), links=links
        )
        draft.say(
            case.id,
            "opened",
            "Ingreso hospitalario vinculado a alertas anteriores.",
            "Hospital admission linked to earlier alerts.",
        )
        return response.respond(draft, case, part).id
    reason = said(
        rule,
        "unreported.shooting",
        events=(part.member.event_id,),
    )
    case = cases.open_case(
        draft,
        (part,),
        opened_by=event.id,
        own_type=TypeCode(rule.opens),
        realm=(event.drill, False),
        pinned=(reason,),
    )
    draft.say(case.id, "opened", rule.reason_es, rule.reason_en, reasons=(reason,))
    return response.respond_to_rule(draft, case).id


def begin_storm(draft: Draft, event: Event, case: Case) -> None:
    """A weather warning with a polygon and an expiry puts its area in storm mode (S50)."""
    rule = draft.rules.storms.get(event.type)
    polygon = _polygon(event.attributes.get("polygon"))
    if rule is None or len(polygon) < 3 or event.attributes.get("severity") not in rule.severities:
        return
    limit_ms = draft.now_ms + round(rule.hours_max * 3_600_000)
    expires = event.attributes.get("expires_ms")
    until_ms = min(expires, limit_ms) if isinstance(expires, int) else limit_ms
    if until_ms <= draft.now_ms:
        return
    draft.storms = draft.storms.put(
        case.id,
        Storm(
            alert_id=case.id,
            rule=rule.id,
            rule_version=rule.version,
            groups=rule.groups_types,
            polygon=polygon,
            until_ms=until_ms,
            drill=event.drill,
        ),
    )
    draft.say(
        case.id, "storm_begun", rule.reason_es, rule.reason_en, reasons=(_storm_reason(rule, case.parts[0]),)
    )


def _storm_reason(rule: StormRule, part: Part) -> Reason:
    return said(
        rule,
        matching.GATHERED,
        events=(part.member.event_id,),
    )


def said(rule: Rule, code: str, *, events: tuple[EventId, ...], delta_s: float | None = None) -> Reason:
    """What a rule of the pack says when it is at work, in its own words; it adds no points."""
    return Reason(
        code=code,
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        text_es=rule.reason_es,
        text_en=rule.reason_en,
        events=events,
        delta_s=delta_s,
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


def storm_for(draft: Draft, part: Part) -> tuple[Case, Reason] | None:
    """The storm alert that takes ``part``, and why; None when there is none, it is full or the part is life-safety."""
    place = part.member.place
    if part.member.life_safety or place.lat is None or place.lon is None:
        return None
    for storm in draft.storms.values():
        case = draft.root(storm.alert_id)
        rule = next((rule for rule in draft.rules.storms.values() if rule.id == storm.rule), None)
        if (
            rule is not None
            and case is not None
            and case.live
            and part.member.type in storm.groups
            and storm.until_ms > draft.now_ms
            and len(case.parts) < rule.members_max
            and contains(storm.polygon, place.lat, place.lon)
        ):
            return case, _storm_reason(rule, part)
    return None


def link_silent(draft: Draft, case: Case) -> None:
    """Link a silent alert with loud ones of the same time and place. Only the silent side carries the link: the loud one shows nothing."""
    for part in case.parts[-1:]:
        keys = [
            *matching.lookup_keys(part, draft.rules, draft.kind(part.member.type).radius_m),
            *([f"d:{part.member.place.district}"] if part.member.place.district else []),
        ]
        for alert_id in draft.candidates(keys):
            other = draft.root(alert_id)
            if (
                other is None
                or other.alert.drill != case.alert.drill
                or other.alert.silent == case.alert.silent
                or not other.parts
            ):
                continue
            if min(
                abs(part.instant_ms - known.instant_ms) for known in other.parts
            ) <= _LINK_WINDOW_S * 1000 and _near(part, other, draft):
                silent, loud = (case, other) if case.alert.silent else (other, case)
                _link_silently(draft, draft.case(silent.id) or silent, loud)


def _near(part: Part, other: Case, draft: Draft) -> bool:
    district = part.member.place.district
    same_district = district is not None and any(
        known.member.place.district == district for known in other.parts
    )
    return (
        same_district
        or any(matching.same_key(part, known) for known in other.parts)
        or any(
            matching.well_placed(known, draft.rules.merge)
            and matching.well_placed(part, draft.rules.merge)
            and matching.apart_m(part, known)
            <= max(draft.kind(part.member.type).radius_m, draft.kind(known.member.type).radius_m)
            for known in other.parts
        )
    )


def _link_silently(draft: Draft, silent: Case, loud: Case) -> None:
    if loud.id in silent.alert.links:
        return
    draft.put(replace(silent, alert=replace(silent.alert, links=linked(silent.alert.links, loud.id))))
    draft.say(
        silent.id,
        "linked",
        "Hay una alerta abierta en el mismo tiempo y zona; no se unen.",
        "Another alert in the same time and area; not merged.",
    )
