"""What people make one alert, and make two again: a merge is a link, so that undoing it gives back what was."""

from __future__ import annotations

from cior_core.correlate import acting, cases, lines, patterns
from cior_core.correlate.acting import Refused
from cior_core.correlate.state import Case
from cior_core.correlate.step_context import StepContext
from cior_core.model import Action, AlertId, AlertStatus


def merge(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Take the named alerts into this one."""
    case = context.current(case_id)
    if not case.live:
        raise acting.status_refusal(context, case)
    targets = tuple(dict.fromkeys(action.target_ids))
    if not targets:
        raise Refused("refused_no_targets")
    for target in targets:
        _check_mergeable(context, case, target)
    for target in targets:
        if context.current(target).alert.silent != case.alert.silent:
            _link(context, action, case_id, target)
        else:
            cases.absorb(context, case_id, target, actor=action.actor)
        acting.write_deed(context, action, target)


def _check_mergeable(context: StepContext, case: Case, target: AlertId) -> None:
    other = context.case(target)
    if other is None or other.id == case.id or not other.live:
        raise Refused(
            "refused_target",
            alert=target,
        )
    if other.alert.drill != case.alert.drill:
        raise Refused("refused_drill")


def _link(context: StepContext, action: Action, case_id: AlertId, other_id: AlertId) -> None:
    """A silent and a loud alert are linked, never merged: neither sees the other's members."""
    for alert_id, to in ((case_id, other_id), (other_id, case_id)):
        links = context.current(alert_id).alert.links
        context.update_alert(alert_id, links=patterns.linked(links, to))
        context.add_transition(
            alert_id,
            "linked",
            context.text("linked_not_merged"),
            actor=action.actor,
        )


def unmerge(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Take absorbed alerts out again: the named targets of this alert, or this alert itself out of what absorbed it.

    An alert that shares a line only is taken out of that.
    """
    alert = context.current(case_id).alert
    into = alert.merged_into
    if alert.group and into is None and not action.target_ids:
        lines.leave(context, case_id, actor=action.actor)
        return
    outer_id = case_id if into is None else into
    wanted = tuple(dict.fromkeys(action.target_ids)) if into is None else (case_id,)
    outer = context.case(outer_id)
    if outer is None or not wanted or any(alert_id not in outer.absorbed for alert_id in wanted):
        raise Refused("refused_not_absorbed")
    for alert_id in wanted:
        if alert_id in context.cases:
            _restore(context, action, alert_id, outer_id)
    context.update(
        outer_id, absorbed=tuple(alert_id for alert_id in outer.absorbed if alert_id not in wanted)
    )
    cases.rescore(context, outer_id)
    context.add_transition(
        outer_id,
        "separated",
        acting.with_reason(context, action, context.text("separated")),
        actor=action.actor,
    )


def _restore(context: StepContext, action: Action, case_id: AlertId, outer_id: AlertId) -> None:
    """Give an absorbed alert back as it was before the merge."""
    before = context.current(case_id).status_before_merge or AlertStatus.OPEN
    context.update_alert(case_id, status=before, merged_into=None)
    context.update(case_id, status_before_merge=None)
    context.add_transition(
        case_id,
        "unmerged",
        context.text("unmerged", alert=outer_id),
        actor=action.actor,
    )
