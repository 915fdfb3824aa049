"""What operators do. Each action is idempotent by its id; an impossible one is refused in the story, with the reason, never silently."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cior_core.correlate import cases, patterns, response
from cior_core.correlate.state import Case, PostureState, Seen
from cior_core.model import Action, ActionKind, AlertId, AlertStatus, Disposition, Reason, Suppression

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
_NOTES_KEPT = 20
_APPLIED_KEPT = 20
_TEXT_LIMIT = 500
NORMAL = "normal"


class _Refused(Exception):
    """Why an action cannot be done, in both languages."""

    def __init__(self, text_es: str, text_en: str) -> None:
        super().__init__(text_en)
        self.text_es = text_es
        self.text_en = text_en


def take_action(draft: Draft, action: Action) -> None:
    """Apply ``action`` once."""
    key = f"a:{action.id}"
    if key in draft.seen:
        return
    case = draft.case(action.alert_id)
    draft.seen = draft.seen.put(
        key, Seen(digest=action.kind.value, at_ms=draft.now_ms, alert_id=None if case is None else case.id)
    )
    try:
        _apply(draft, action, case)
    except _Refused as why:
        es, en = (
            f"Rechazada ({action.kind.value}): {why.text_es}",
            f"Refused ({action.kind.value}): {why.text_en}",
        )
        if case is None:
            draft.say_area("refused", es, en, actor=action.actor)
        else:
            draft.say(case.id, "refused", es, en, actor=action.actor)


def _apply(draft: Draft, action: Action, case: Case | None) -> None:
    if not action.actor.strip():
        raise _Refused("falta quién lo hace.", "nobody is named as its actor.")
    if action.kind is ActionKind.SET_POSTURE:
        _set_posture(draft, action)
        return
    if case is None:
        raise _Refused("la alerta no existe o ya se archivó.", "the alert does not exist or was archived.")
    if case.alert.status is AlertStatus.MERGED and action.kind not in {
        ActionKind.UNMERGE,
        ActionKind.NOTE,
        ActionKind.HOLD,
    }:
        raise _Refused(
            "la alerta está unida a otra: actúe sobre esa.",
            "the alert is merged into another: act on that one.",
        )
    case = replace(case, alert=replace(case.alert, applied=(*case.alert.applied, action.id)[-_APPLIED_KEPT:]))
    _HANDLERS[action.kind](draft, action, case)


def _advance(
    status: AlertStatus, stamp: str, allowed: frozenset[AlertStatus]
) -> Callable[[Draft, Action, Case], None]:
    """The handler that moves an alert to ``status`` from one of ``allowed``, stamping ``stamp`` the first time."""

    def handler(draft: Draft, action: Action, case: Case) -> None:
        if case.alert.status not in allowed:
            raise _Refused(
                f"la alerta está en estado {case.alert.status.value}.",
                f"the alert is {case.alert.status.value}.",
            )
        first_ms = getattr(case.alert, stamp) or draft.now_ms
        draft.put(
            replace(
                case,
                alert=replace(
                    case.alert,
                    status=status,
                    assignee=case.alert.assignee or action.actor,
                    **{stamp: first_ms},
                ),
            )
        )
        draft.say(
            case.id,
            status.value,
            _said(action, "Estado: " + status.value),
            _said(action, "Status: " + status.value),
            actor=action.actor,
        )

    return handler


def _close(draft: Draft, action: Action, case: Case) -> None:
    if case.alert.status is AlertStatus.CLOSED:
        raise _Refused("ya está cerrada.", "it is already closed.")
    if action.disposition is None:
        raise _Refused("falta el resultado (disposición).", "the disposition is missing.")
    case = replace(
        case,
        alert=replace(
            case.alert,
            status=AlertStatus.CLOSED,
            disposition=action.disposition,
            closed_ms=draft.now_ms,
            suppression=None,
        ),
    )
    draft.put(case)
    draft.say(
        case.id,
        "closed",
        _said(action, f"Cerrada: {action.disposition.value}"),
        _said(action, f"Closed: {action.disposition.value}"),
        actor=action.actor,
    )
    if action.disposition is Disposition.CONFIRMED:
        _confirmed(draft, action, case)
    elif action.disposition in {Disposition.FALSE_ALARM, Disposition.UNFOUNDED}:
        _reputation(draft, action, case, "false")
        if case.id in draft.watches:
            draft.drop("watches", case.id)
            draft.say(
                case.id,
                "watch_ended",
                "La zona deja de estar bajo atención.",
                "The place is no longer watched.",
                actor=action.actor,
            )


def _confirm(draft: Draft, action: Action, case: Case) -> None:
    if case.confirmed:
        raise _Refused("ya estaba confirmada.", "it was already confirmed.")
    draft.put(case)
    _confirmed(draft, action, case)


def _confirmed(draft: Draft, action: Action, case: Case) -> None:
    """A person says that it is real: the level may rise, the place may be watched, the sources gain reputation."""
    if case.confirmed:
        return
    case = cases.rescored(draft, replace(case, confirmed=True))
    draft.say(
        case.id, "confirmed", _said(action, "Confirmada"), _said(action, "Confirmed"), actor=action.actor
    )
    _reputation(draft, action, case, "confirmed")
    patterns.watch_place(draft, case)


def _reputation(draft: Draft, action: Action, case: Case, outcome: str) -> None:
    """A line from which the sources' confirmation rates are counted; by event id, so that a sealed source is not named."""
    reason = Reason(
        code=f"reputation.{outcome}",
        points=0,
        events=response.source_events(draft.parts(case)),
        text_es="Cuenta para la confiabilidad de sus fuentes.",
        text_en="Counts for the reliability of its sources.",
    )
    draft.say(
        case.id, "source_reputation", reason.text_es, reason.text_en, actor=action.actor, reasons=(reason,)
    )


def _reopen(draft: Draft, action: Action, case: Case) -> None:
    if case.alert.status is not AlertStatus.CLOSED:
        raise _Refused("no está cerrada.", "it is not closed.")
    draft.put(
        replace(case, alert=replace(case.alert, status=AlertStatus.OPEN, disposition=None, closed_ms=None))
    )
    draft.say(case.id, "reopened", _said(action, "Reabierta"), _said(action, "Reopened"), actor=action.actor)


def _merge(draft: Draft, action: Action, case: Case) -> None:
    if not case.live:
        raise _Refused(
            f"la alerta está en estado {case.alert.status.value}.", f"the alert is {case.alert.status.value}."
        )
    inner = [_mergeable(draft, case, target) for target in dict.fromkeys(action.target_ids)]
    if not inner:
        raise _Refused("falta decir qué alertas se unen.", "no alert to merge is named.")
    for other in inner:
        if other.alert.silent != case.alert.silent:
            case = _link(draft, action, case, other)
        else:
            case = cases.absorb(draft, case, other, actor=action.actor)


def _mergeable(draft: Draft, case: Case, target: AlertId) -> Case:
    other = draft.case(target)
    if other is None or other.id == case.id or not other.live:
        raise _Refused(
            f"{target} no existe, no está abierta o es la misma.",
            f"{target} does not exist, is not open or is the same.",
        )
    if other.alert.drill != case.alert.drill:
        raise _Refused(
            "un simulacro no se une con un hecho real.", "a drill is never merged with the real thing."
        )
    return other


def _link(draft: Draft, action: Action, case: Case, other: Case) -> Case:
    """A silent and a loud alert are linked, never merged: neither sees the other's members."""
    case = replace(case, alert=replace(case.alert, links=patterns.linked(case.alert.links, other.id)))
    draft.put(case)
    draft.put(replace(other, alert=replace(other.alert, links=patterns.linked(other.alert.links, case.id))))
    for alert_id in (case.id, other.id):
        draft.say(
            alert_id,
            "linked",
            "Vinculada, no unida: una de las dos es silenciosa.",
            "Linked, not merged: one of the two is silent.",
            actor=action.actor,
        )
    return case


def _unmerge(draft: Draft, action: Action, case: Case) -> None:
    """Take absorbed alerts out again: the named targets of this alert, or this alert itself out of what absorbed it."""
    outer = draft.case(case.alert.merged_into) if case.alert.merged_into is not None else case
    wanted = (case.id,) if outer is not case else tuple(dict.fromkeys(action.target_ids))
    if outer is None or not wanted or any(alert_id not in outer.absorbed for alert_id in wanted):
        raise _Refused("no hay nada que separar.", "there is nothing to separate.")
    for alert_id in wanted:
        inner = case if alert_id == case.id else draft.case(alert_id)
        if inner is not None:
            restored = inner.status_before_merge or AlertStatus.OPEN
            draft.put(
                replace(
                    inner,
                    status_before_merge=None,
                    alert=replace(inner.alert, status=restored, merged_into=None),
                )
            )
            draft.say(
                alert_id,
                "unmerged",
                f"Separada de {outer.id}.",
                f"Separated from {outer.id}.",
                actor=action.actor,
            )
    left = tuple(alert_id for alert_id in outer.absorbed if alert_id not in wanted)
    cases.rescored(draft, replace(outer, absorbed=left))
    draft.say(
        outer.id,
        "separated",
        _said(action, "Se separan alertas"),
        _said(action, "Alerts separated"),
        actor=action.actor,
    )


def _note(draft: Draft, action: Action, case: Case) -> None:
    if not action.reason.strip():
        raise _Refused("la nota está vacía.", "the note is empty.")
    draft.put(
        replace(
            case,
            alert=replace(case.alert, notes=(*case.alert.notes, action.reason[:_TEXT_LIMIT])[-_NOTES_KEPT:]),
        )
    )
    draft.say(case.id, "noted", action.reason[:_TEXT_LIMIT], action.reason[:_TEXT_LIMIT], actor=action.actor)


def _hold(draft: Draft, action: Action, case: Case) -> None:
    if not action.reason.strip():
        raise _Refused("falta el motivo de la preservación.", "the reason of the hold is missing.")
    draft.put(case)
    response.hold_video(draft, case, action_id=action.id)
    draft.say(
        case.id, "held", _said(action, "Preservar video"), _said(action, "Preserve video"), actor=action.actor
    )


def _suppress(draft: Draft, action: Action, case: Case) -> None:
    rule = draft.rules.suppress
    if case.alert.life_safety or case.alert.silent:
        raise _Refused(
            "una alerta de vida en riesgo no se silencia.", "a life-safety alert cannot be suppressed."
        )
    if not case.live or not action.reason.strip():
        raise _Refused(
            "falta el motivo o la alerta no está abierta.", "the reason is missing or the alert is not open."
        )
    if action.until_ms is None or not draft.now_ms < action.until_ms <= draft.now_ms + round(
        rule.hours_max * _HOUR_MS
    ):
        raise _Refused(
            f"debe vencer dentro de {rule.hours_max:g} h.", f"it must expire within {rule.hours_max:g} h."
        )
    mark = Suppression(
        by=action.actor, reason=action.reason[:_TEXT_LIMIT], since_ms=draft.now_ms, until_ms=action.until_ms
    )
    draft.put(replace(case, alert=replace(case.alert, suppression=mark)))
    reason = Reason(
        code="suppressed",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        text_es=rule.reason_es,
        text_en=rule.reason_en,
    )
    draft.say(
        case.id,
        "suppressed",
        _said(action, rule.reason_es),
        _said(action, rule.reason_en),
        actor=action.actor,
        reasons=(reason,),
    )


def _set_posture(draft: Draft, action: Action) -> None:
    if action.posture == NORMAL:
        if draft.head.posture is None:
            raise _Refused("la postura ya es normal.", "the posture is already normal.")
        draft.head = replace(draft.head, posture=None)
        draft.say_area(
            "posture_reverted",
            _said(action, "Vuelve la postura normal"),
            _said(action, "The posture is normal again"),
            actor=action.actor,
        )
        return
    rule = draft.rules.postures.get(action.posture or "")
    if rule is None:
        raise _Refused(
            f"no existe la postura '{action.posture}'.", f"there is no posture '{action.posture}'."
        )
    if action.until_ms is None or not draft.now_ms < action.until_ms <= draft.now_ms + round(
        rule.hours_max * _HOUR_MS
    ):
        raise _Refused(
            f"debe vencer dentro de {rule.hours_max:g} h.", f"it must expire within {rule.hours_max:g} h."
        )
    draft.head = replace(
        draft.head,
        posture=PostureState(
            name=rule.name,
            by=action.actor,
            reason=action.reason[:_TEXT_LIMIT],
            since_ms=draft.now_ms,
            until_ms=action.until_ms,
        ),
    )
    reason = Reason(
        code="posture.set",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        text_es=rule.reason_es,
        text_en=rule.reason_en,
    )
    draft.say_area(
        "posture_set",
        _said(action, f"Postura: {rule.name_es}"),
        _said(action, f"Posture: {rule.name_en}"),
        actor=action.actor,
        reasons=(reason,),
    )


def _said(action: Action, sentence: str) -> str:
    return f"{sentence}: {action.reason[:_TEXT_LIMIT]}" if action.reason else f"{sentence}."


_HANDLERS: dict[ActionKind, Callable[[Draft, Action, Case], None]] = {
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
