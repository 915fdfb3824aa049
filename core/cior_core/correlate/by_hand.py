"""What people know better than the sources: an incident that no device told, where it really is, what it really is."""

from __future__ import annotations

from math import isfinite
from typing import Final

import msgspec

from cior_core.attributes import DRILL_RINGS
from cior_core.correlate import acting, cases, intake, matching, response
from cior_core.correlate.acting import Refused
from cior_core.correlate.state import MergeClass
from cior_core.correlate.step_context import StepContext
from cior_core.discreet_acts import discreet
from cior_core.identity import alert_id, event_id
from cior_core.model import (
    UNKNOWN_PLACE,
    Action,
    AlertId,
    AreaId,
    ClockQuality,
    Event,
    Lane,
    Level,
    Phase,
    Place,
    Reason,
    Ruling,
    TypeCode,
)
from cior_core.sentences import Text

replace = msgspec.structs.replace

SOURCE: Final = "urn:cior:desk"
"""The source of what a person of the centre told."""
RULED: Final = "person.reclassified"
"""Code of the reason of an alert to which a person gave its type or its level."""
MOVED: Final = "person.moved"
"""Code of the reason of an alert whose place a person corrected."""


def incident_of(action_id: str, area: AreaId) -> AlertId:
    """The id of the alert that an OPEN of this id opens."""
    return alert_id(area, event_id(SOURCE, action_id))


def open_incident(context: StepContext, action: Action) -> AlertId:
    """Open an alert whose source is the actor; its protocol runs. It joins nothing by itself, later reports join it."""
    kind = context.rules.kind(action.type or "")
    if kind is None or kind.alerting == "never":
        raise Refused("refused_type", type=action.type or "-")
    action = discreet(action, silent=kind.silent)
    place = action.place or UNKNOWN_PLACE
    # Who calls for help in silence is never turned away for want of a place.
    if not kind.silent and not _is_somewhere(place):
        raise Refused("refused_no_place")
    event = _told(context, action, kind.code, place=place, phase=Phase.NEW)
    part = matching.make_part(event, kind, context.rules, context.now_ms, degraded=False)
    case_id = intake.open_alert(context, event, part, None, merge_class=MergeClass(action.drill, kind.silent))
    text = context.text("opened_by_hand", who=action.actor)
    context.add_transition(case_id, "opened_by_hand", text, actor=action.actor)
    return case_id


def _told(context: StepContext, action: Action, code: TypeCode, *, place: Place, phase: Phase) -> Event:
    """What a person says, as the fact of a source. Several things that one person says are one source's."""
    return Event(
        id=event_id(SOURCE, action.id),
        source=SOURCE,
        type=code,
        subject=f"person:{action.actor}",
        independence=f"desk:{action.actor}",
        phase=phase,
        occurred_ms=context.now_ms,
        received_ms=context.now_ms,
        clock=ClockQuality.SYNCED,
        place=place,
        lane=Lane.URGENT,
        drill=action.drill,
        native_key=action.id,
        summary=acting.short(action.text) or None,
        attributes={DRILL_RINGS: True} if action.drill and action.rings else {},
    )


def _is_somewhere(place: Place) -> bool:
    """Whether it says where: coordinates on Earth, a district, or words."""
    if place.lat is not None and place.lon is not None:
        return isfinite(place.lat) and isfinite(place.lon) and abs(place.lat) <= 90 and abs(place.lon) <= 180
    return bool(place.district or (place.text or "").strip())


def move(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says where it really is: shown, and reports from there join it. What was told stays as it was told."""
    case, place = context.current(case_id), action.place
    if not case.live:
        raise acting.status_refusal(context, case)
    if case.alert.silent:
        raise Refused("refused_move_silent")
    if place is None or not _is_somewhere(place):
        raise Refused("refused_no_place")
    first = next(iter(context.parts(case_id)), None)
    event = _told(context, action, case.alert.type, place=place, phase=Phase.UPDATE)
    if first is not None:  # no word of another source: it corroborates nothing
        event = replace(event, independence=first.member.independence)
    kind = context.kind(event.type)
    part = matching.make_part(event, kind, context.rules, context.now_ms, degraded=False)
    text = context.text("moved", who=action.actor)
    reason = _why(context, action, MOVED, text)
    part = replace(
        part,
        join=reason,
        late=first is not None and first.late,
        record=None,
        member=replace(part.member, life_safety=False),  # a correction is no call for help
    )
    context.update(case_id, moved=part.member.place)
    cases.add(context, case_id, part)
    context.add_transition(
        case_id, "moved", acting.with_reason(context, action, text), actor=action.actor, reasons=(reason,)
    )


def reclassify(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says what it is, or how urgent, and why: shown with the alert. Only so a life-safety level falls."""
    case = context.current(case_id)
    if not case.live:
        raise acting.status_refusal(context, case)
    if acting.is_blank(action):
        raise Refused("refused_reclassify_reason")
    was, level = case.alert, action.level
    if case.alert.silent and level is not None and level.rank > was.level.rank:
        raise Refused("refused_lower_silent")
    if action.type is not None and action.type != was.type:
        _retype(context, action, case_id)
    elif level is None or level is was.level:
        raise Refused("refused_nothing_new")
    scored = context.current(case_id).alert.level
    if level is None and was.life_safety and scored.rank > was.level.rank:
        level = was.level  # another type alone lowers nothing
    if level is not None and level is not scored:
        _rule(context, action, case_id, level=level, was=was.level)
    _tell(context, action, case_id, was=was.level)


def _retype(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Give the alert another type; what it runs starts, what ran goes on."""
    kind = context.rules.kind(action.type or "")
    case = context.current(case_id)
    if kind is None or kind.alerting == "never":
        raise Refused("refused_type", type=action.type or "-")
    if kind.silent != case.alert.silent:
        raise Refused("refused_silence")
    known = tuple(sorted({part.member.type for part in context.parts(case_id)} | {case.own_type}))
    context.update(case_id, own_type=kind.code, typed_over=known)
    cases.rescore(context, case_id)
    response.respond_to_rule(context, case_id)


def _rule(context: StepContext, action: Action, case_id: AlertId, *, level: Level, was: Level) -> None:
    """Give the alert a level: it holds until more is known than the person saw."""
    ruling = Ruling(
        level=level,
        was=was,
        by=action.actor,
        reason=acting.short(action.reason),
        at_ms=context.now_ms,
        points=context.current(case_id).alert.score,
        calls=cases.calls(context.parts(case_id)),
    )
    context.update_alert(case_id, ruling=ruling)
    cases.rescore(context, case_id)


def _tell(context: StepContext, action: Action, case_id: AlertId, *, was: Level) -> None:
    case = context.current(case_id)
    kind = context.kind(case.own_type)
    text = context.text(
        "reclassified",
        kind=Text(kind.name_es, kind.name_en),
        was=was.value,
        now=case.alert.level.value,
        who=action.actor,
    )
    reason = _why(context, action, RULED, text)
    kept = tuple(known for known in case.pinned if known.code != RULED)
    context.update(case_id, pinned=(*kept, reason))
    context.add_transition(
        case_id, "reclassified", Text(reason.text_es, reason.text_en), actor=action.actor, reasons=(reason,)
    )


def _why(context: StepContext, action: Action, code: str, text: Text) -> Reason:
    """A person's decision as a reason that the alert shows."""
    told = acting.with_reason(context, action, text)
    return Reason(code=code, points=0, text_es=told.es, text_en=told.en)
