"""The clocks of agencies on an alert: begun when one is asked, by a person or by a protocol, and run out by a tick."""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate import sending
from cior_core.correlate.due import CLOCK
from cior_core.correlate.state import Case
from cior_core.correlate.step_context import StepContext
from cior_core.model import AgencyClock, AgencyStage, AlertId, AlertStatus, CommandKind, Stamp
from cior_core.protocols import Agency
from cior_core.sentences import Text

replace = msgspec.structs.replace

ORDER: Final = tuple(AgencyStage)
GONE: Final = frozenset({AgencyStage.DECLINED, AgencyStage.CLEARED})
"""Stages after which an agency may be asked again."""


def of(case: Case, agency_id: str) -> AgencyClock | None:
    """The clock of an agency on the case, or None: it was not asked."""
    return next((clock for clock in case.alert.agencies if clock.agency == agency_id), None)


def begin(context: StepContext, case_id: AlertId, agency: Agency, *, by: str, unit: str = "") -> AgencyClock:
    """Start the clock of an agency that is asked now, in the place of one that has ended."""
    case = context.current(case_id)
    earlier = of(case, agency.id)
    clock = AgencyClock(
        agency=agency.id,
        government=agency.government.value,
        support=agency.support,
        unit=unit,
        stamps=(Stamp(stage=AgencyStage.ASKED, at_ms=context.now_ms, by=by),),
        round=0 if earlier is None else earlier.round + 1,
    )
    others = tuple(known for known in case.alert.agencies if known.agency != agency.id)
    within_s = {AgencyStage.ACCEPTED: agency.accept_s, AgencyStage.ON_SCENE: agency.on_scene_s}
    timers = tuple(
        (_timer(agency.id, stage), context.now_ms + seconds * 1000)
        for stage, seconds in within_s.items()
        if seconds
    )
    context.update_alert(case_id, agencies=(*others, clock), timers=(*case.alert.timers, *timers))
    return clock


def keep(context: StepContext, case_id: AlertId, clock: AgencyClock) -> None:
    """Write a clock anew, and drop its timers for what it has reached."""
    alert = context.current(case_id).alert
    agencies = tuple(clock if known.agency == clock.agency else known for known in alert.agencies)
    over = {_timer(clock.agency, stage) for stage in ORDER if _has_reached(clock, stage)}
    timers = tuple(timer for timer in alert.timers if timer[0] not in over)
    context.update_alert(case_id, agencies=agencies, timers=timers)


def _has_reached(clock: AgencyClock, stage: AgencyStage) -> bool:
    """Whether nobody waits any more for the agency to reach ``stage``."""
    return clock.stage in GONE or ORDER.index(clock.stage) >= ORDER.index(stage)


def run_out(context: StepContext, case_id: AlertId, name: str) -> None:
    """An agency's time for a stage is over: who leads it is told, once."""
    agency_id, _, stage_name = name.removeprefix(CLOCK).rpartition("/")
    case, stage = context.current(case_id), AgencyStage(stage_name)
    clock = of(case, agency_id)
    if clock is None or _has_reached(clock, stage) or case.alert.status is AlertStatus.CLOSED:
        return
    known = context.rules.protocols.agencies.get(agency_id)
    called = Text(agency_id, agency_id) if known is None else known.name
    text = context.text("agency_late", agency=called, stage=context.word(stage))
    context.add_transition(case_id, "agency_late", text)
    sending.order(
        context,
        case_id,
        CommandKind.NOTIFY,
        target=sending.SUPERVISOR if known is None else known.lead,
        step=f"late:{agency_id}:{stage.value}",
        parameters={"text_es": text.es, "text_en": text.en},
        round_=clock.round,
    )


def _timer(agency_id: str, stage: AgencyStage) -> str:
    return f"{CLOCK}{agency_id}/{stage.value}"
