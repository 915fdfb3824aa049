"""What people do with the steps of an alert's protocols: done, skipped, and the sirens that they leave to a person."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cior_core.attributes import AWAY, SIREN
from cior_core.correlate import acting, marks, response, sending, sirens
from cior_core.correlate.acting import Refused
from cior_core.correlate.due import OFF
from cior_core.correlate.state import Case, Part
from cior_core.correlate.step_context import StepContext
from cior_core.identity import command_id
from cior_core.model import Action, AlertId, Command, CommandKind
from cior_core.protocols import ResponseProtocol, Step
from cior_core.sentences import Text


class _Siren(msgspec.Struct, frozen=True):
    """One siren that an alert's protocols may ask, and the part that names it."""

    protocol: ResponseProtocol
    step: Step
    target: str
    part: Part

    @property
    def name(self) -> str:
        return f"{self.protocol.id}/{self.step.id}"

    @property
    def is_unusual(self) -> bool:
        """Whether the protocol would not sound it for this press."""
        return self.part.late or self.part.member.attributes.get(AWAY) is True


def done(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person did a step."""
    step = _unsettled(context, action, case_id)
    marks.mark(
        context, case_id, action.step or "", "done", by=action.actor, reason=acting.short(action.reason)
    )
    text = context.text("step_done", step=_asked(step))
    context.add_transition(
        case_id, "step_done", acting.with_reason(context, action, text), actor=action.actor
    )


def skip(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person leaves a step out, says why, and the supervisor is told."""
    step = _unsettled(context, action, case_id)
    if acting.is_blank(action):
        raise Refused("refused_skip_reason")
    name = action.step or ""
    marks.mark(context, case_id, name, "skipped", by=action.actor, reason=acting.short(action.reason))
    text = context.text("step_skipped", step=_asked(step))
    context.add_transition(
        case_id, "step_skipped", acting.with_reason(context, action, text), actor=action.actor
    )
    # Without the reason: a person's words do not leave with a command.
    sending.order(
        context,
        case_id,
        CommandKind.NOTIFY,
        target=sending.SUPERVISOR,
        step=f"skipped:{name}",
        parameters={"text_es": text.es, "text_en": text.en, "act": action.id},
    )


def _asked(step: Step) -> Text:
    """What a step asks for, as a part of another sentence."""
    return Text(step.text_es.rstrip("."), step.text_en.rstrip("."))


def _unsettled(context: StepContext, action: Action, case_id: AlertId) -> Step:
    """The step that the act names. Raises ``Refused``: nothing runs it, or somebody was first."""
    case, name = context.current(case_id), action.step or ""
    protocol_id, _, step_id = name.partition("/")
    running = response.running_protocols(context, case)
    step = next((found.step(step_id) for found in running if found.id == protocol_id), None)
    if step is None:
        raise Refused("refused_no_step", step=name or "-")
    known = marks.of(case, name)
    if known is not None and marks.is_settled(case, name):
        raise Refused("refused_step_settled", who=known.by, ago_s=acting.ago_s(context, known.at_ms))
    return step


def confirm_siren(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person decides that the sirens of the alert's blocks sound, each that does not sound already (law 10)."""
    case = context.current(case_id)
    if case.alert.silent:
        raise Refused("refused_siren_silent")
    if not case.live:
        raise acting.status_refusal(context, case)
    found = list(_sirens(context, case_id))
    if not found:
        raise Refused("refused_no_siren")
    quiet = _quiet(context, case_id, found)
    if not quiet:
        raise Refused("refused_sounding")
    if acting.is_blank(action) and all(siren.is_unusual for siren in quiet):
        raise Refused("refused_siren_reason")
    for siren in quiet:
        _sound(context, action, case_id, siren=siren)
    context.add_transition(
        case_id,
        "siren_confirmed",
        acting.with_reason(context, action, context.text("siren_confirmed", count=len(quiet))),
        actor=action.actor,
    )


def _sirens(context: StepContext, case_id: AlertId) -> Iterator[_Siren]:
    """Every siren that the case or what it absorbed may ask, once."""
    seen: set[str] = set()
    for inner in _family(context, case_id):
        for protocol in response.running_protocols(context, inner):
            for step in protocol.steps:
                for part in inner.parts if step.act == "siren_on" else ():
                    for target in response.targets(step, part):
                        if target not in seen and part.member.attributes.get(SIREN) is not False:
                            seen.add(target)
                            yield _Siren(protocol, step, target, part)


def _quiet(context: StepContext, case_id: AlertId, found: list[_Siren]) -> list[_Siren]:
    loud = {
        sent.target for inner in _family(context, case_id) for _, sent in sirens.sounding(context, inner.id)
    }
    return [siren for siren in found if siren.target not in loud]


def _sound(context: StepContext, action: Action, case_id: AlertId, *, siren: _Siren) -> None:
    step, protocol = siren.step, siren.protocol
    asked = [sent for _, sent in sirens.orders_on(context, case_id) if sent.target == siren.target]
    alert = context.current(case_id).alert
    command = Command(
        id=command_id(
            case_id,
            CommandKind.SIREN_ON,
            protocol=protocol.id,
            step=step.id,
            target=siren.target,
            round_=len(asked),
        ),
        kind=CommandKind.SIREN_ON,
        alert_id=case_id,
        area=alert.area,
        target=siren.target,
        issued_ms=context.now_ms,
        expires_ms=context.now_ms + step.expires_s * 1000,
        protocol=protocol.id,
        step=step.id,
        parameters={"auto_off_s": step.auto_off_s, "act": action.id},
        drill=alert.drill,
    )
    sending.send(context, command, round_=len(asked))
    sirens.set_off_timer(context, command, step.auto_off_s or 0)
    marks.mark(context, case_id, siren.name, "done", by=action.actor, reason=acting.short(action.reason))
    case = context.current(case_id)
    context.update(case_id, issued=(*case.issued, f"{siren.name}/{siren.target}"))


def cancel_siren(context: StepContext, action: Action, case_id: AlertId) -> None:
    """A person stops what sounds for the alert, or says that what waits for a person shall not sound."""
    family = _family(context, case_id)
    loud = [
        (inner.id, command, sent) for inner in family for command, sent in sirens.sounding(context, inner.id)
    ]
    waiting = [
        (inner.id, mark.step) for inner in family for mark in inner.alert.steps if mark.outcome == "waiting"
    ]
    if not loud and not waiting:
        raise Refused("refused_not_sounding")
    for alert_id, command, sent in loud:
        sirens.order_off(context, alert_id, sent)
        timers = context.current(alert_id).alert.timers
        kept = tuple(timer for timer in timers if timer[0] != f"{OFF}{command}")
        context.update_alert(alert_id, timers=kept)
    for alert_id, step in waiting:
        reason = acting.short(action.reason)
        marks.mark(context, alert_id, step, "skipped", by=action.actor, reason=reason)
    context.add_transition(
        case_id,
        "siren_cancelled",
        acting.with_reason(context, action, context.text("siren_cancelled", count=len(loud))),
        actor=action.actor,
    )


def _family(context: StepContext, case_id: AlertId) -> list[Case]:
    """The case and all that was merged into it."""
    case = context.current(case_id)
    inner = [
        each for alert_id in case.absorbed if alert_id in context.cases for each in _family(context, alert_id)
    ]
    return [case, *inner]
