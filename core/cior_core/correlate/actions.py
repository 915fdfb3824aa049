"""What people do: each act once by its id; an impossible one is refused in the history, with the reason.

Who does what is in the modules by subject: :mod:`progress`, :mod:`agencies`, :mod:`joining`, :mod:`by_hand`,
:mod:`stepping`, :mod:`quieting`, :mod:`silences`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cior_core.correlate import (
    acting,
    agencies,
    by_hand,
    filming,
    gate,
    joining,
    progress,
    quieting,
    silences,
    stepping,
)
from cior_core.correlate.acting import Refused
from cior_core.correlate.state import Case, Seen
from cior_core.correlate.step_context import StepContext
from cior_core.discreet_acts import discreet
from cior_core.model import Action, ActionItem, ActionKind, AlertId, AlertStatus, DataClass
from cior_core.sentences import Text

_NOTES_KEPT: Final = 20
_APPLIED_KEPT: Final = 20
_ALSO_MERGED: Final = frozenset(
    {
        ActionKind.UNMERGE,
        ActionKind.NOTE,
        ActionKind.HOLD,
        ActionKind.STAMP,
        ActionKind.STEP_DONE,
        ActionKind.SIREN_CANCEL,
    }
)
"""What may be done to an alert that is part of another."""


def ingest_action(context: StepContext, item: ActionItem) -> None:
    """Apply the action of ``item`` once."""
    key = gate.key_of(item.action.id)
    if key in context.seen:
        return
    action = discreet(item.action, silent=_is_about_silence(context, item.action))
    case = context.case(action.alert_id)
    digest, stood = gate.seen_as(item)
    alert_id = None if case is None else case.id
    context.seen = context.seen.put(
        key, Seen(digest=digest, at_ms=context.now_ms, alert_id=alert_id, receipts=(stood,))
    )
    try:
        _apply(context, action, case)
    except Refused as why:
        text = acting.refusal(context, action, why)
        if case is None:
            context.add_area_transition("refused", text, actor=action.actor)
        else:
            context.add_transition(case.id, "refused", text, actor=action.actor)


def _is_about_silence(context: StepContext, action: Action) -> bool:
    """Whether any alert that the act names is reserved to the response team."""
    named = (context.case(alert_id) for alert_id in (action.alert_id, *action.target_ids))
    return any(
        case.alert.silent or case.alert.data_class is DataClass.SEALED for case in named if case is not None
    )


def _apply(context: StepContext, action: Action, case: Case | None) -> None:
    if not action.actor.strip():
        raise Refused("refused_no_actor")
    match action.kind:
        case ActionKind.SET_POSTURE:
            quieting.set_posture(context, action)
        case ActionKind.SILENCE:
            silences.begin(context, action)
        case ActionKind.UNSILENCE:
            silences.end_early(context, action)
        case ActionKind.HAND_OVER:
            progress.hand_over(context, action)
        case ActionKind.OPEN:
            _note_applied(context, action, by_hand.open_incident(context, action))
        case _:
            _apply_to(context, action, case)


def _apply_to(context: StepContext, action: Action, case: Case | None) -> None:
    if case is None:
        raise Refused("refused_no_alert")
    if case.alert.status is AlertStatus.MERGED and action.kind not in _ALSO_MERGED:
        raise Refused(
            "refused_merged",
        )
    acting.check_seen(context, action, case)
    _HANDLERS[action.kind](context, action, case.id)
    # Only now: a handler that refuses has changed nothing.
    _note_applied(context, action, case.id)


def _note_applied(context: StepContext, action: Action, case_id: AlertId) -> None:
    applied = (*context.current(case_id).alert.applied, action.id)[-_APPLIED_KEPT:]
    context.update_alert(case_id, applied=applied, deeds=acting.deeds_after(context, action, case_id))


def _note(context: StepContext, action: Action, case_id: AlertId) -> None:
    if acting.is_blank(action):
        raise Refused("refused_empty_note")
    note = acting.short(action.reason)
    notes = context.current(case_id).alert.notes
    context.update_alert(case_id, notes=(*notes, note)[-_NOTES_KEPT:])
    context.add_transition(case_id, "noted", Text(note, note), actor=action.actor)


def _hold(context: StepContext, action: Action, case_id: AlertId) -> None:
    if acting.is_blank(action):
        raise Refused("refused_hold_reason")
    filming.hold(context, case_id, action_id=action.id)
    context.add_transition(
        case_id,
        "held",
        acting.with_reason(context, action, context.text("held")),
        actor=action.actor,
    )


_HANDLERS: Final[dict[ActionKind, Callable[[StepContext, Action, AlertId], None]]] = {
    ActionKind.ACKNOWLEDGE: progress.acknowledge,
    ActionKind.ASSIGN: progress.assign,
    ActionKind.DISPATCH: agencies.dispatch,
    ActionKind.STAMP: agencies.stamp,
    ActionKind.ON_SCENE: agencies.on_scene,
    ActionKind.CLOSE: progress.close,
    ActionKind.REOPEN: progress.reopen,
    ActionKind.MERGE: joining.merge,
    ActionKind.UNMERGE: joining.unmerge,
    ActionKind.NOTE: _note,
    ActionKind.HOLD: _hold,
    ActionKind.CONFIRM: progress.confirm,
    ActionKind.MOVE: by_hand.move,
    ActionKind.RECLASSIFY: by_hand.reclassify,
    ActionKind.SIREN_CONFIRM: stepping.confirm_siren,
    ActionKind.SIREN_CANCEL: stepping.cancel_siren,
    ActionKind.STEP_DONE: stepping.done,
    ActionKind.STEP_SKIP: stepping.skip,
    ActionKind.SUPPRESS: quieting.suppress,
    ActionKind.UNSUPPRESS: quieting.unsuppress,
}
