"""Maintenance silences: what begins under one is shown muted and rings no phone, and is counted by it. Never what may
cost a life, never P1, never what is sealed or could not be read, and never more than a silence is for (law 16).

Whoever works on something says so beforehand: what is open already stays as loud as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from cior_core.attributes import BLOCK
from cior_core.correlate import acting, muting, response
from cior_core.correlate.acting import Refused
from cior_core.correlate.quieting import ends_ms
from cior_core.correlate.state import Case, Part
from cior_core.correlate.step_context import AUTOMATON, StepContext
from cior_core.model import Action, AlertId, Level, Silence, SilenceScope, Suppression

replace = msgspec.structs.replace

LASTING_MAX: Final = 50
"""The most silences that last at once."""
HIDDEN_MAX: Final = 200
"""The most alerts under one silence: so many are no maintenance, and it ends by itself."""
_NAMED_MAX: Final = 100


def begin(context: StepContext, action: Action) -> None:
    """Silence what is going to come of a scope, with reason and end."""
    if acting.is_blank(action):
        raise Refused("refused_silence_reason")
    scope = _scope(context, action)
    until_ms = ends_ms(context, action)
    if len(context.silences) >= LASTING_MAX:
        raise Refused("refused_silences_full", most=LASTING_MAX)
    silence = Silence(
        id=action.id,
        area=context.head.area,
        scope=scope,
        by=action.actor,
        reason=acting.short(action.reason),
        since_ms=context.now_ms,
        until_ms=until_ms,
    )
    context.keep_silence(silence)
    told = acting.with_reason(context, action, context.text("silence_begun", what=_named(scope)))
    context.add_area_transition("silence_begun", told, actor=action.actor)


def _scope(context: StepContext, action: Action) -> SilenceScope:
    """What is to be silent. Raises ``Refused``: nothing is named, or what never may be."""
    scope = action.scope
    if scope is None or scope.is_empty:
        raise Refused("refused_silence_scope")
    names = (*scope.devices, *scope.blocks, *scope.districts, *scope.types)
    if len(names) > _NAMED_MAX or not all(name.strip() for name in names):
        raise Refused("refused_silence_names", most=_NAMED_MAX)
    for code in scope.types:
        kind = context.rules.kind(code)
        if kind is None or kind.life_safety or kind.silent or kind.level is Level.P1:
            raise Refused("refused_silence_type", type=code)
    return scope


def _named(scope: SilenceScope) -> str:
    """The scope as its story names it."""
    return ", ".join((*scope.devices, *scope.blocks, *scope.types, *scope.districts))


def end_early(context: StepContext, action: Action) -> None:
    """Somebody ends one before its time; what still waits under it rings now."""
    silence = context.silences.get(action.silence or "")
    if silence is None:
        raise Refused("refused_no_silence")
    told = acting.with_reason(context, action, context.text("silence_ended", what=_named(silence.scope)))
    _end(context, silence, "early", by=action.actor)
    context.add_area_transition("silence_ended", told, actor=action.actor)


def end_due(context: StepContext) -> None:
    """End those whose time is over."""
    for key in sorted(key for _, key, _ in context.before.dues.silences.until(context.now_ms)):
        if (silence := context.silences.get(key)) is not None:
            text = context.text("silence_expired", what=_named(silence.scope), count=len(silence.hidden))
            _end(context, silence, "expired", by=AUTOMATON)
            context.add_area_transition("silence_expired", text, actor=silence.by)


def _end(
    context: StepContext, silence: Silence, how: Literal["early", "expired", "full"], *, by: str
) -> None:
    ended = replace(silence, ended_ms=context.now_ms, ended_by=by, ending=how)
    context.keep_silence(ended)
    for alert_id in ended.hidden:
        case = context.case(alert_id)
        mark = None if case is None else case.alert.suppression
        if case is not None and mark is not None and mark.silence == ended.id:
            muting.end(context, case.id, "suppression_ended", context.text("silence_over"), actor=by)
            response.catch_up(context, case.id)


def cover(context: StepContext, case_id: AlertId) -> None:
    """Mute an alert that begins under a silence, before its protocol tells anybody."""
    case = context.current(case_id)
    if not context.silences or not _may_be_hidden(context, case):
        return
    lasting = [each for _, each in context.silences.items() if each.until_ms > context.now_ms]
    found = next((each for each in lasting if _covers(each, case.parts)), None)
    if found is None:
        return
    if len(found.hidden) >= HIDDEN_MAX:
        text = context.text("silence_full", what=_named(found.scope), count=len(found.hidden))
        _end(context, found, "full", by=AUTOMATON)
        context.add_area_transition("silence_full", text)
        return
    context.keep_silence(replace(found, hidden=(*found.hidden, case_id)))
    mark = Suppression(
        by=found.by,
        reason=found.reason,
        since_ms=context.now_ms,
        until_ms=found.until_ms,
        silence=found.id,
    )
    context.update_alert(case_id, suppression=mark)
    context.add_transition(
        case_id, "suppressed", context.text("silence_covers", who=found.by), actor=found.by
    )


def joined(context: StepContext, case_id: AlertId, *parts: Part) -> None:
    """Of an alert under a silence: what joins from outside its scope ends it for this alert, and it rings."""
    mark = context.current(case_id).alert.suppression
    if mark is None or mark.silence is None:
        return
    silence = context.silences.get(mark.silence)
    if silence is None or any(part.degraded or not _covers_part(silence, part) for part in parts):
        muting.end(context, case_id, "suppression_lifted", context.text("silence_outgrown"))
        response.catch_up(context, case_id)


def _may_be_hidden(context: StepContext, case: Case) -> bool:
    grave = any(part.member.life_safety or part.degraded for part in case.parts)
    alert = case.alert
    return not (
        grave
        or alert.silent
        or alert.life_safety
        or alert.level is Level.P1
        or context.kind(case.own_type).life_safety
        or alert.suppression is not None
    )


def _covers(silence: Silence, parts: Iterable[Part]) -> bool:
    """Whether all of them fall under it: another source that says the same is more than a silence is for."""
    return all(_covers_part(silence, part) for part in parts)


def _covers_part(silence: Silence, part: Part) -> bool:
    block = part.member.attributes.get(BLOCK)
    return silence.scope.covers(
        device=part.member.subject,
        block=block if isinstance(block, str) else None,
        district=part.member.place.district,
        type_=part.member.type,
    )
