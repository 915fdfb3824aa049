"""Agencies with clocks of their own: municipal and provincial are asked apart, and what each says stands beside what
the other says (S34). A team that a protocol asks may have one too: the crisis team that is no police (S16)."""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate import acting, clocks, progress, sending
from cior_core.correlate.acting import Refused
from cior_core.correlate.step_context import StepContext
from cior_core.model import (
    Action,
    AgencyClock,
    AgencyStage,
    AlertId,
    AlertStatus,
    CommandKind,
    Reason,
    Stamp,
    Target,
    TargetKind,
)
from cior_core.protocols import Agency
from cior_core.sentences import Text

replace = msgspec.structs.replace

DISAGREE: Final = "agency.disagreement"
"""Code of the reason of an alert of which two agencies do not say the same."""


def dispatch(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Somebody is sent; with ``agency``, that one is asked and its clock begins, whoever was asked before."""
    if action.agency is None:
        progress.advance(context, action, case_id, to=AlertStatus.DISPATCHED)
        return
    case, agency = context.current(case_id), _known(context, action.agency)
    if not case.live:
        raise acting.status_refusal(context, case)
    clock = clocks.of(case, agency.id)
    if clock is not None and clock.stage not in clocks.GONE:
        raise _was_stamped(context, agency, clock, AgencyStage.ASKED)
    clock = clocks.begin(context, case_id, agency, by=action.actor, unit=action.unit or "")
    unit = {"unit": clock.unit} if clock.unit and not case.alert.silent else {}
    sending.order(
        context,
        case_id,
        CommandKind.TASK,
        target=str(Target(kind=TargetKind.TEAM, id=agency.id)),
        step="dispatch",
        parameters={**unit, "act": action.id},
        round_=clock.round,
    )
    _tell(
        context,
        action,
        case_id,
        stage=AgencyStage.ASKED,
        text=context.text("agency_asked", agency=agency.name),
    )
    if not agency.support:
        progress.move_on(context, case_id, to=AlertStatus.DISPATCHED, actor=action.actor)


def on_scene(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Somebody is there; with ``agency``, that one says so on its own clock."""
    if action.agency is None:
        progress.advance(context, action, case_id, to=AlertStatus.ON_SCENE)
    else:
        stamp(context, replace(action, stage=AgencyStage.ON_SCENE), case_id)


def stamp(context: StepContext, action: Action, case_id: AlertId) -> None:
    """An agency reached a stage of its own clock. Of who answers, the first one there is the alert's."""
    agency, stage = _known(context, action.agency), action.stage
    clock = clocks.of(context.current(case_id), agency.id)
    if clock is None:
        raise Refused("refused_not_asked", agency=agency.name)
    if stage is None or stage is AgencyStage.ASKED:
        raise Refused("refused_no_stage")
    stamped = _corrected(clock, action) or _stamped(context, action, agency, clock=clock, stage=stage)
    clocks.keep(context, case_id, stamped)
    _tell(context, action, case_id, stage=stage, text=_said(context, agency, stamped))
    if stage is AgencyStage.ON_SCENE and not agency.support:
        progress.move_on(context, case_id, to=AlertStatus.ON_SCENE, actor=action.actor)
    _compare(context, case_id, actor=action.actor)


def _known(context: StepContext, name: str | None) -> Agency:
    agency = context.rules.protocols.agencies.get(name or "")
    if agency is None:
        raise Refused("refused_agency", agency=name or "-")
    return agency


def _corrected(clock: AgencyClock, action: Action) -> AgencyClock | None:
    """The clock that has ended, with another word of how it was there; None when that is not what is said."""
    is_said_again = action.stage is AgencyStage.CLEARED and clock.at(AgencyStage.CLEARED) is not None
    if not is_said_again or action.attended is None or action.attended is clock.attended:
        return None
    return replace(clock, attended=action.attended)


def _stamped(
    context: StepContext, action: Action, agency: Agency, *, clock: AgencyClock, stage: AgencyStage
) -> AgencyClock:
    """The clock with one more stage. Raises ``Refused``: somebody was first, or the clock is further on."""
    if clock.at(stage) is not None or clock.stage in clocks.GONE:
        raise _was_stamped(context, agency, clock, stage)
    # Who is on its way declines no more: it clears.
    if clocks.ORDER.index(stage) < clocks.ORDER.index(clock.stage):
        raise _was_stamped(context, agency, clock, clock.stage)
    made = Stamp(stage=stage, at_ms=context.now_ms, by=action.actor)
    attended = action.attended if stage is AgencyStage.CLEARED else None
    return replace(clock, stamps=(*clock.stamps, made), unit=action.unit or clock.unit, attended=attended)


def _was_stamped(context: StepContext, agency: Agency, clock: AgencyClock, stage: AgencyStage) -> Refused:
    """Who was first with a stage, or with the last one."""
    known = clock.at(stage) or clock.stamps[-1]
    return Refused(
        "refused_stamped",
        agency=agency.name,
        stage=context.word(known.stage),
        who=known.by,
        ago_s=acting.ago_s(context, known.at_ms),
    )


def _said(context: StepContext, agency: Agency, clock: AgencyClock) -> Text:
    if clock.attended is None:
        return context.text("agency_stage", agency=agency.name, stage=context.word(clock.stage))
    if clock.attended:
        return context.text("agency_attended", agency=agency.name)
    return context.text("agency_found_nobody", agency=agency.name)


def _tell(context: StepContext, action: Action, case_id: AlertId, *, stage: AgencyStage, text: Text) -> None:
    told = acting.with_reason(context, action, text)
    context.add_transition(case_id, f"agency_{stage.value}", told, actor=action.actor)


def _compare(context: StepContext, case_id: AlertId, *, actor: str) -> None:
    """Whether those who answer say the same of it; what begins to differ is shown and told to the supervisor."""
    case = context.current(case_id)
    said = {clock.attended for clock in case.alert.agencies if not clock.support} - {None}
    if (differs := len(said) > 1) == case.alert.disagreement:
        return
    text = context.text("agencies_disagree") if differs else context.text("agencies_agree")
    reason = Reason(code=DISAGREE, points=0, text_es=text.es, text_en=text.en)
    kept = tuple(known for known in case.pinned if known.code != DISAGREE)
    context.update(case_id, pinned=(*kept, reason) if differs else kept, of_alert={"disagreement": differs})
    kind = "agencies_disagree" if differs else "agencies_agree"
    context.add_transition(case_id, kind, text, actor=actor, reasons=(reason,))
    if differs:
        sending.order(
            context,
            case_id,
            CommandKind.NOTIFY,
            target=sending.SUPERVISOR,
            step="disagreement",
            parameters={"text_es": text.es, "text_en": text.en},
        )
