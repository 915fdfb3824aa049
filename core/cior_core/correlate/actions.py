"""What operators do.

Each action is idempotent by its id; an impossible one is refused in the history, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cior_core.correlate import cases, gate, lines, muting, patterns, response
from cior_core.correlate.state import Case, PostureState, Seen
from cior_core.correlate.step_context import StepContext
from cior_core.model import (
    Action,
    ActionItem,
    ActionKind,
    AlertId,
    AlertStatus,
    Disposition,
    Level,
    Reason,
    Suppression,
)
from cior_core.rules import SILENCE_HOURS_MAX
from cior_core.sentences import Text

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
_NOTES_KEPT = 20
_APPLIED_KEPT = 20
_TEXT_LIMIT = 500
NORMAL = "normal"
_ALSO_MERGED = frozenset({ActionKind.UNMERGE, ActionKind.NOTE, ActionKind.HOLD})
"""What may be done to an alert that is part of another."""


class _Refused(Exception):
    """Why an action cannot be done: a sentence and its arguments."""

    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments


def ingest_action(context: StepContext, item: ActionItem) -> None:
    """Apply the action of ``item`` once."""
    action, key = item.action, gate.key_of(item.action.id)
    if key in context.seen:
        return
    case = context.case(action.alert_id)
    digest, stood = gate.seen_as(item)
    alert_id = None if case is None else case.id
    seen = Seen(digest=digest, at_ms=context.now_ms, alert_id=alert_id, receipts=(stood,))
    context.seen = context.seen.put(key, seen)
    try:
        _apply(context, action, case)
    except _Refused as why:
        text = context.text(
            "refused", action=action.kind.value, why=context.rules.sentences.text(why.code, why.arguments)
        )
        if case is None:
            context.add_area_transition("refused", text, actor=action.actor)
        else:
            context.add_transition(case.id, "refused", text, actor=action.actor)


def _apply(context: StepContext, action: Action, case: Case | None) -> None:
    if not action.actor.strip():
        raise _Refused("refused_no_actor")
    if action.kind is ActionKind.SET_POSTURE:
        _set_posture(context, action)
        return
    if case is None:
        raise _Refused("refused_no_alert")
    if case.alert.status is AlertStatus.MERGED and action.kind not in _ALSO_MERGED:
        raise _Refused(
            "refused_merged",
        )
    _HANDLERS[action.kind](context, action, case.id)
    # Only now: a handler that refuses has changed nothing.
    context.update_alert(case.id, applied=(*case.alert.applied, action.id)[-_APPLIED_KEPT:])


def _advance(
    status: AlertStatus, stamp: str, allowed: frozenset[AlertStatus]
) -> Callable[[StepContext, Action, AlertId], None]:
    """The handler that moves an alert to ``status`` from one of ``allowed``, stamping ``stamp`` the first time."""

    def handler(context: StepContext, action: Action, case_id: AlertId) -> None:
        alert = context.current(case_id).alert
        if alert.status not in allowed:
            raise _Refused("refused_status", status=alert.status.value)
        context.update_alert(
            case_id,
            status=status,
            assignee=alert.assignee or action.actor,
            **{stamp: getattr(alert, stamp) or context.now_ms},
        )
        context.add_transition(
            case_id,
            status.value,
            _with_reason(context, action, context.text("status", status=status.value)),
            actor=action.actor,
        )

    return handler


def _close(context: StepContext, action: Action, case_id: AlertId) -> None:
    if context.current(case_id).alert.status is AlertStatus.CLOSED:
        raise _Refused("refused_closed")
    if action.disposition is None:
        raise _Refused("refused_no_disposition")
    ended = context.text("suppression_closed")
    muting.end(context, case_id, "suppression_closed", ended, actor=action.actor)
    context.update_alert(
        case_id,
        status=AlertStatus.CLOSED,
        disposition=action.disposition,
        closed_ms=context.now_ms,
    )
    context.add_transition(
        case_id,
        "closed",
        _with_reason(context, action, context.text("closed", disposition=action.disposition.value)),
        actor=action.actor,
    )
    if action.disposition is Disposition.CONFIRMED:
        _confirmed(context, action, case_id)
    elif action.disposition in {Disposition.FALSE_ALARM, Disposition.UNFOUNDED}:
        _unfounded(context, action, case_id)


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


def _confirm(context: StepContext, action: Action, case_id: AlertId) -> None:
    if context.current(case_id).confirmed:
        raise _Refused("refused_confirmed")
    _confirmed(context, action, case_id)


def _confirmed(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person says that it is real: the level may rise, the place may be watched, the sources gain reputation."""
    if context.current(case_id).confirmed:
        return
    lines.leave(context, case_id, actor=action.actor)
    context.update(case_id, confirmed=True)
    cases.rescore(context, case_id)
    context.add_transition(
        case_id,
        "confirmed",
        _with_reason(context, action, context.text("confirmed")),
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


def _reopen(context: StepContext, action: Action, case_id: AlertId) -> None:
    if context.current(case_id).alert.status is not AlertStatus.CLOSED:
        raise _Refused("refused_not_closed")
    context.update_alert(case_id, status=AlertStatus.OPEN, disposition=None, closed_ms=None)
    context.add_transition(
        case_id,
        "reopened",
        _with_reason(context, action, context.text("reopened")),
        actor=action.actor,
    )


def _merge(context: StepContext, action: Action, case_id: AlertId) -> None:
    case = context.current(case_id)
    if not case.live:
        raise _Refused("refused_status", status=case.alert.status.value)
    targets = tuple(dict.fromkeys(action.target_ids))
    if not targets:
        raise _Refused("refused_no_targets")
    for target in targets:
        _check_mergeable(context, case, target)
    for target in targets:
        if context.current(target).alert.silent != case.alert.silent:
            _link(context, action, case_id, target)
        else:
            cases.absorb(context, case_id, target, actor=action.actor)


def _check_mergeable(context: StepContext, case: Case, target: AlertId) -> None:
    other = context.case(target)
    if other is None or other.id == case.id or not other.live:
        raise _Refused(
            "refused_target",
            alert=target,
        )
    if other.alert.drill != case.alert.drill:
        raise _Refused("refused_drill")


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


def _unmerge(context: StepContext, action: Action, case_id: AlertId) -> None:
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
        raise _Refused("refused_not_absorbed")
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
        _with_reason(context, action, context.text("separated")),
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


def _note(context: StepContext, action: Action, case_id: AlertId) -> None:
    if not action.reason.strip():
        raise _Refused("refused_empty_note")
    note = action.reason[:_TEXT_LIMIT]
    notes = context.current(case_id).alert.notes
    context.update_alert(case_id, notes=(*notes, note)[-_NOTES_KEPT:])
    context.add_transition(case_id, "noted", Text(note, note), actor=action.actor)


def _hold(context: StepContext, action: Action, case_id: AlertId) -> None:
    if not action.reason.strip():
        raise _Refused("refused_hold_reason")
    response.hold_video(context, case_id, action_id=action.id)
    context.add_transition(
        case_id,
        "held",
        _with_reason(context, action, context.text("held")),
        actor=action.actor,
    )


def _suppress(context: StepContext, action: Action, case_id: AlertId) -> None:
    rule = context.rules.suppress
    case = context.current(case_id)
    if case.alert.life_safety or case.alert.silent:
        raise _Refused("refused_life_safety")
    if case.alert.level is Level.P1:
        raise _Refused("refused_p1")
    if not case.live or not action.reason.strip():
        raise _Refused("refused_suppression")
    mark = _mark(context, action, case.alert.suppression)
    context.update_alert(case_id, suppression=mark)
    context.add_transition(
        case_id,
        "suppressed",
        _with_reason(context, action, rule.text),
        actor=action.actor,
        reasons=(rule.why("suppressed"),),
    )


def _mark(context: StepContext, action: Action, before: Suppression | None) -> Suppression:
    """The silence that is asked for; one in force goes on, and its time counts from its beginning."""
    hours_max = min(context.rules.suppress.hours_max, SILENCE_HOURS_MAX)
    until_ms = _until_ms(context, action, hours_max=hours_max)
    reason = action.reason[:_TEXT_LIMIT]
    if before is None:
        return Suppression(by=action.actor, reason=reason, since_ms=context.now_ms, until_ms=until_ms)
    if until_ms > before.since_ms + round(hours_max * _HOUR_MS):
        raise _Refused("refused_longer", hours_max=hours_max)
    return replace(before, by=action.actor, reason=reason, until_ms=until_ms)


def _until_ms(context: StepContext, action: Action, *, hours_max: float) -> int:
    """When the action's effect ends: it must be said, and be near."""
    until_ms = action.until_ms
    if until_ms is None or not context.now_ms < until_ms <= context.now_ms + round(hours_max * _HOUR_MS):
        raise _Refused("refused_expiry", hours_max=hours_max)
    return until_ms


def _set_posture(context: StepContext, action: Action) -> None:
    if action.posture == NORMAL:
        if context.head.posture is None:
            raise _Refused("refused_normal")
        context.head = replace(context.head, posture=None)
        context.add_area_transition(
            "posture_reverted",
            _with_reason(context, action, context.text("posture_back_to_normal")),
            actor=action.actor,
        )
        return
    rule = context.rules.postures.get(action.posture or "")
    if rule is None:
        raise _Refused("refused_posture", posture=action.posture)
    context.head = replace(
        context.head,
        posture=PostureState(
            name=rule.name,
            by=action.actor,
            reason=action.reason[:_TEXT_LIMIT],
            since_ms=context.now_ms,
            until_ms=_until_ms(context, action, hours_max=rule.hours_max),
        ),
    )
    context.add_area_transition(
        "posture_set",
        _with_reason(context, action, context.text("posture_set", posture=rule.name_text)),
        actor=action.actor,
        reasons=(rule.why("posture.set"),),
    )


def _with_reason(context: StepContext, action: Action, sentence: Text) -> Text:
    if action.reason:
        return context.text("because", sentence=sentence, reason=action.reason[:_TEXT_LIMIT])
    return context.text("without_reason", sentence=sentence)


_HANDLERS: dict[ActionKind, Callable[[StepContext, Action, AlertId], None]] = {
    ActionKind.ACKNOWLEDGE: _advance(
        AlertStatus.ACKNOWLEDGED, "acknowledged_ms", frozenset({AlertStatus.OPEN})
    ),
    ActionKind.DISPATCH: _advance(
        AlertStatus.DISPATCHED, "dispatched_ms", frozenset({AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED})
    ),
    ActionKind.ON_SCENE: _advance(
        AlertStatus.ON_SCENE,
        "on_scene_ms",
        frozenset({AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED, AlertStatus.DISPATCHED}),
    ),
    ActionKind.CLOSE: _close,
    ActionKind.REOPEN: _reopen,
    ActionKind.MERGE: _merge,
    ActionKind.UNMERGE: _unmerge,
    ActionKind.NOTE: _note,
    ActionKind.HOLD: _hold,
    ActionKind.CONFIRM: _confirm,
    ActionKind.SUPPRESS: _suppress,
}
