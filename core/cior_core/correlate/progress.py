"""An alert on its way, as people move it: whose it is, taken, dispatched, on scene, confirmed, closed, reopened."""

from __future__ import annotations

from typing import Final

from cior_core.correlate import acting, cases, lines, muting, patterns, response
from cior_core.correlate.acting import Refused
from cior_core.correlate.state import Case
from cior_core.correlate.step_context import StepContext
from cior_core.model import Action, AlertId, AlertStatus, Disposition, Level, Reason

_TOGETHER_MAX: Final = 100
"""The most alerts that one act takes."""

_STAMPED: Final = {
    AlertStatus.ACKNOWLEDGED: "acknowledged_ms",
    AlertStatus.DISPATCHED: "dispatched_ms",
    AlertStatus.ON_SCENE: "on_scene_ms",
}


def advance(context: StepContext, action: Action, case_id: AlertId, *, to: AlertStatus) -> None:
    """Move an alert forward to ``to`` and stamp when that was, the first time. Raises ``Refused`` when it is there."""
    case = context.current(case_id)
    if not response.is_before(case.alert.status, to):
        raise acting.status_refusal(context, case)
    move_on(context, case_id, to=to, actor=action.actor)
    text = context.text("status", status=context.word(to))
    context.add_transition(case_id, to.value, acting.with_reason(context, action, text), actor=action.actor)


def move_on(context: StepContext, case_id: AlertId, *, to: AlertStatus, actor: str) -> None:
    """Bring an alert forward to ``to``, what its protocols say then included; nothing when it is there or beyond."""
    alert = context.current(case_id).alert
    if not response.is_before(alert.status, to):
        return
    stamp = _STAMPED[to]
    context.update_alert(
        case_id,
        status=to,
        assignee=alert.assignee or actor,
        assigned_ms=context.now_ms if alert.assignee is None else alert.assigned_ms,
        **{stamp: getattr(alert, stamp) or context.now_ms},
    )
    response.respond_to_status(context, case_id, to)


def acknowledge(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Somebody takes the alert; with ``target_ids`` all of one group in one act, with ``line`` as one of many of it."""
    if action.target_ids:
        _acknowledge_group(context, action, case_id)
    else:
        _check_in_line(context, action, case_id)
        advance(context, action, case_id, to=AlertStatus.ACKNOWLEDGED)


def _check_in_line(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Who takes a whole line saw it as a line. What has proven meanwhile whose it is has left it, and is taken by
    itself (law 16); so is what is silent.
    """
    alert = context.current(case_id).alert
    if action.line is None or alert.status is not AlertStatus.OPEN:
        return
    if alert.group != action.line or alert.silent:
        raise Refused("refused_left_line")


def _acknowledge_group(context: StepContext, action: Action, case_id: AlertId) -> None:
    """What does not belong refuses the whole; what another one took meanwhile says so and stays that one's."""
    first = context.current(case_id)
    wanted = tuple(dict.fromkeys((case_id, *action.target_ids)))
    if len(wanted) > _TOGETHER_MAX:
        raise Refused("refused_too_many", most=_TOGETHER_MAX)
    for alert_id in wanted:
        _check_in_group(context, first, alert_id)
    if first.alert.status is not AlertStatus.OPEN:
        raise acting.status_refusal(context, first)
    for alert_id in wanted:
        case = context.current(alert_id)
        if case.alert.status is AlertStatus.OPEN:
            advance(context, action, alert_id, to=AlertStatus.ACKNOWLEDGED)
            if alert_id != case_id:
                acting.write_deed(context, action, alert_id)
        else:
            why = acting.status_refusal(context, case)
            told = acting.refusal(context, action, why)
            context.add_transition(alert_id, "refused", told, actor=action.actor)


def _check_in_group(context: StepContext, first: Case, alert_id: AlertId) -> None:
    case = context.case(alert_id)
    if case is None:
        raise Refused("refused_target", alert=alert_id)
    alert, like = case.alert, first.alert
    # Seen means seen: each life at risk is taken by itself (law 16).
    if alert.life_safety or alert.silent or alert.level is Level.P1:
        raise Refused("refused_group_grave", alert=alert_id)
    is_one_line = bool(alert.group) and alert.group == like.group
    is_alike = alert.type == like.type and alert.place.district == like.place.district
    if alert.drill != like.drill or not (is_one_line or is_alike):
        raise Refused("refused_group", alert=alert_id)


def assign(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Give the alert to somebody, or take it over."""
    case = context.current(case_id)
    if not case.live:
        raise acting.status_refusal(context, case)
    was, to = case.alert.assignee, (action.assignee or action.actor).strip()
    if was == to:
        raise Refused("refused_assigned", who=to)
    _give(context, case_id, to)
    text = context.text("assigned", who=to)
    if was is not None:
        text = context.text("reassigned", who=to, was=was)
    context.add_transition(case_id, "assigned", acting.with_reason(context, action, text), actor=action.actor)


def _give(context: StepContext, case_id: AlertId, to: str) -> None:
    """Make somebody the owner of an alert, since now."""
    context.update_alert(case_id, assignee=to, assigned_ms=context.now_ms)


def hand_over(context: StepContext, action: Action) -> None:
    """Whoever leaves hands the named alerts to who comes: each says so, and the area's story says how many and why."""
    owner, to = (action.owner or action.actor).strip(), (action.assignee or "").strip()
    if not to or to == owner:
        raise Refused("refused_nobody_to_hand_to")
    if acting.is_blank(action):
        raise Refused("refused_hand_over_reason")
    wanted = tuple(dict.fromkeys(action.target_ids))
    if len(wanted) > _TOGETHER_MAX:
        raise Refused("refused_too_many", most=_TOGETHER_MAX)
    given = [alert_id for alert_id in wanted if _may_hand_over(context, alert_id, owner)]
    if wanted and not given:
        raise Refused("refused_nothing_to_hand", who=owner)
    for alert_id in given:
        _give(context, alert_id, to)
        text = context.text("handed_over", was=owner, who=to)
        context.add_transition(
            alert_id, "handed_over", acting.with_reason(context, action, text), actor=action.actor
        )
        acting.write_deed(context, action, alert_id)
    told = context.text(
        "shift_handed_over", was=owner, who=to, count=len(given), left=len(wanted) - len(given)
    )
    context.add_area_transition(
        "shift_handed_over", acting.with_reason(context, action, told), actor=action.actor
    )


def _may_hand_over(context: StepContext, alert_id: AlertId, owner: str) -> bool:
    """Open, and of who hands over or of nobody: what another one took meanwhile stays that one's."""
    case = context.case(alert_id)
    return case is not None and case.live and case.alert.assignee in {None, owner}


def close(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says how it ended."""
    case = context.current(case_id)
    if case.alert.status is AlertStatus.CLOSED:
        raise acting.status_refusal(context, case)
    if action.disposition is None:
        raise Refused("refused_no_disposition")
    ended = context.text("suppression_closed")
    muting.end(context, case_id, "suppression_closed", ended, actor=action.actor)
    context.update_alert(
        case_id,
        status=AlertStatus.CLOSED,
        disposition=action.disposition,
        closed_ms=context.now_ms,
    )
    text = context.text("closed", disposition=context.word(action.disposition))
    context.add_transition(case_id, "closed", acting.with_reason(context, action, text), actor=action.actor)
    if action.disposition is Disposition.CONFIRMED:
        _confirmed(context, action, case_id)
    elif action.disposition in {Disposition.FALSE_ALARM, Disposition.UNFOUNDED}:
        _unfounded(context, action, case_id)
    response.respond_to_status(context, case_id, AlertStatus.CLOSED)


def _unfounded(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says that it was nothing: the sources lose reputation, its place is not watched any more."""
    _reputation(context, action, case_id, "false")
    if case_id in context.watches:
        context.watch_no_more(case_id)
        context.add_transition(
            case_id,
            "watch_ended",
            context.text("watch_ended"),
            actor=action.actor,
        )


def confirm(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says that it is real."""
    if context.current(case_id).confirmed:
        raise Refused("refused_confirmed")
    _confirmed(context, action, case_id)


def _confirmed(context: StepContext, action: Action, case_id: AlertId) -> None:
    """The level may rise, the place may be watched, the sources gain reputation."""
    if context.current(case_id).confirmed:
        return
    lines.leave(context, case_id, actor=action.actor)
    context.update(case_id, confirmed=True)
    cases.rescore(context, case_id)
    context.add_transition(
        case_id,
        "confirmed",
        acting.with_reason(context, action, context.text("confirmed")),
        actor=action.actor,
    )
    _reputation(context, action, case_id, "confirmed")
    patterns.watch_place(context, case_id)


def _reputation(context: StepContext, action: Action, case_id: AlertId, outcome: str) -> None:
    """What the sources' confirmation rates are counted from; by event id, so that a sealed source is not named."""
    text = context.text("counts_for_reputation")
    reason = Reason(
        code=f"reputation.{outcome}",
        points=0,
        events=response.source_events(context.parts(case_id)),
        text_es=text.es,
        text_en=text.en,
    )
    context.add_transition(
        case_id,
        "source_reputation",
        text,
        actor=action.actor,
        reasons=(reason,),
    )


def reopen(context: StepContext, action: Action, case_id: AlertId) -> None:
    """It was not over."""
    case = context.current(case_id)
    if case.alert.status is not AlertStatus.CLOSED:
        raise Refused("refused_not_closed")
    context.update(
        case_id,
        rounds=case.rounds + 1,
        of_alert={"status": AlertStatus.OPEN, "disposition": None, "closed_ms": None},
    )
    context.add_transition(
        case_id,
        "reopened",
        acting.with_reason(context, action, context.text("reopened")),
        actor=action.actor,
    )
