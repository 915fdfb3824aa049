"""What people mute, for how long, and the city's posture: acts with an end that must be said."""

from __future__ import annotations

import msgspec

from cior_core.correlate import acting, muting, response
from cior_core.correlate.acting import Refused
from cior_core.correlate.state import PostureState
from cior_core.correlate.step_context import StepContext
from cior_core.model import Action, AlertId, Level, Suppression
from cior_core.rules import SILENCE_HOURS_MAX

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
NORMAL = "normal"


def suppress(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Mute an alert, with reason and expiry."""
    rule = context.rules.suppress
    case = context.current(case_id)
    if case.alert.life_safety or case.alert.silent:
        raise Refused("refused_life_safety")
    if case.alert.level is Level.P1:
        raise Refused("refused_p1")
    if not case.live or acting.is_blank(action):
        raise Refused("refused_suppression")
    mark = _mark(context, action, case.alert.suppression)
    context.update_alert(case_id, suppression=mark)
    context.add_transition(
        case_id,
        "suppressed",
        acting.with_reason(context, action, rule.text),
        actor=action.actor,
        reasons=(rule.why("suppressed"),),
    )


def unsuppress(context: StepContext, action: Action, case_id: AlertId) -> None:
    """End a silence before its time; what it hid stays written."""
    if context.current(case_id).alert.suppression is None:
        raise Refused("refused_not_suppressed")
    told = acting.with_reason(context, action, context.text("suppression_ended"))
    muting.end(context, case_id, "suppression_ended", told, actor=action.actor)
    response.catch_up(context, case_id)


def _mark(context: StepContext, action: Action, before: Suppression | None) -> Suppression:
    """The silence that is asked for; one in force goes on, and its time counts from its beginning."""
    hours_max = _hours_max(context)
    until_ms = ends_ms(context, action)
    reason = acting.short(action.reason)
    if before is None:
        return Suppression(by=action.actor, reason=reason, since_ms=context.now_ms, until_ms=until_ms)
    if until_ms > before.since_ms + round(hours_max * _HOUR_MS):
        raise Refused("refused_longer", hours_max=hours_max)
    # From here on it is this person's, whatever becomes of the maintenance that began it.
    return replace(before, by=action.actor, reason=reason, until_ms=until_ms, silence=None)


def ends_ms(context: StepContext, action: Action) -> int:
    """When the silence that is asked for ends. Raises ``Refused``: it is not said, or too far away."""
    return _until_ms(context, action, hours_max=_hours_max(context))


def _hours_max(context: StepContext) -> float:
    return min(context.rules.suppress.hours_max, SILENCE_HOURS_MAX)


def _until_ms(context: StepContext, action: Action, *, hours_max: float) -> int:
    """When the action's effect ends: it must be said, and be near."""
    until_ms = action.until_ms
    if until_ms is None or not context.now_ms < until_ms <= context.now_ms + round(hours_max * _HOUR_MS):
        raise Refused("refused_expiry", hours_max=hours_max)
    return until_ms


def set_posture(context: StepContext, action: Action) -> None:
    """Declare the city's posture, or that it is normal again."""
    if action.posture == NORMAL:
        if context.head.posture is None:
            raise Refused("refused_normal")
        context.head = replace(context.head, posture=None)
        context.add_area_transition(
            "posture_reverted",
            acting.with_reason(context, action, context.text("posture_back_to_normal")),
            actor=action.actor,
        )
        return
    rule = context.rules.postures.get(action.posture or "")
    if rule is None:
        raise Refused("refused_posture", posture=action.posture)
    context.head = replace(
        context.head,
        posture=PostureState(
            name=rule.name,
            by=action.actor,
            reason=acting.short(action.reason),
            since_ms=context.now_ms,
            until_ms=_until_ms(context, action, hours_max=rule.hours_max),
        ),
    )
    context.add_area_transition(
        "posture_set",
        acting.with_reason(context, action, context.text("posture_set", posture=rule.name_text)),
        actor=action.actor,
        reasons=(rule.why("posture.set"),),
    )
