"""Running a protocol: commands at once, timers by tick, receipts. Everything is idempotent by command id and fired at
most once.

Loud steps (sirens, block notices) never run for a silent, late or away press, whatever the protocol says; a siren is
asked of no block that has none.
"""

from __future__ import annotations

import msgspec

from cior_core.attributes import SIREN
from cior_core.correlate import clocks, filming, marks, muting, sirens, watched
from cior_core.correlate.due import CLOCK, OFF, SIRENS
from cior_core.correlate.sending import named, send
from cior_core.correlate.state import Case, Part
from cior_core.correlate.step_context import AUTOMATON, StepContext
from cior_core.correlate.telling import told_of
from cior_core.identity import command_id
from cior_core.model import (
    AlertId,
    AlertStatus,
    Command,
    CommandKind,
    EventId,
    Reason,
    Receipt,
    Target,
    TargetKind,
)
from cior_core.protocols import ResponseProtocol, Step
from cior_core.sentences import Text

replace = msgspec.structs.replace

_PROGRESS = [
    AlertStatus.OPEN,
    AlertStatus.ACKNOWLEDGED,
    AlertStatus.DISPATCHED,
    AlertStatus.ON_SCENE,
    AlertStatus.CLOSED,
]
_WITHHELD = "/withheld"


def respond(context: StepContext, case_id: AlertId, part: Part) -> None:
    """Run the protocol of ``part``'s type: its immediate steps for targets not yet asked, its timers the first time."""
    _start(context, case_id, part, context.rules.protocols[context.kind(part.member.type).code])


def respond_to_rule(context: StepContext, case_id: AlertId) -> None:
    """Run the protocol of the type that a rule gave the case (its first part, when it has one, gives the targets)."""
    own_type = context.current(case_id).own_type
    _start(context, case_id, _first(context, case_id), context.rules.protocols[context.kind(own_type).code])


def _first(context: StepContext, case_id: AlertId) -> Part | None:
    return next(iter(context.current(case_id).parts), None)


def _start(context: StepContext, case_id: AlertId, part: Part | None, protocol: ResponseProtocol) -> None:
    case = context.current(case_id)
    if (running := _running(context, case, protocol.id)) is not None:
        protocol = running
    else:
        due = tuple(
            (f"{protocol.id}/{step.id}", context.now_ms + step.after_s * 1000)
            for step in protocol.steps
            if step.after_s > 0
        )
        mark = f"{protocol.id}@{protocol.version}"
        if mark not in context.protocols:
            context.protocols = context.protocols.put(mark, protocol)
        timers = (*case.alert.timers, *due)
        context.update(case_id, protocols=(*case.protocols, mark), of_alert={"timers": timers})
    for step in protocol.steps:
        if step.is_immediate:
            _run(context, case_id, part, protocol=protocol, step=step)


def respond_to_status(context: StepContext, case_id: AlertId, status: AlertStatus) -> None:
    """Run the steps that wait for the alert to reach ``status``, for all who are in it: that its senders hear of it."""
    case = context.current(case_id)
    for protocol in running_protocols(context, case):
        for step in protocol.steps:
            if step.on is not status or marks.is_settled(case, f"{protocol.id}/{step.id}"):
                continue
            for part in context.parts(case_id) or (None,):
                _run(context, case_id, part, protocol=protocol, step=step)


def running_protocols(context: StepContext, case: Case) -> list[ResponseProtocol]:
    """The protocols that run on the case, in the versions that it started with."""
    found = (_running(context, case, mark.rpartition("@")[0]) for mark in case.protocols)
    return [protocol for protocol in found if protocol is not None]


def _running(context: StepContext, case: Case, protocol_id: str) -> ResponseProtocol | None:
    """The version of the protocol that the case started with, whatever the pack says today; None: it runs none."""
    mark = next((mark for mark in case.protocols if mark.rpartition("@")[0] == protocol_id), None)
    if mark is None:
        return None
    # An alert that an earlier release started kept the name of its version only.
    return context.protocols.get(mark) or context.rules.protocols.by_id(protocol_id)


def _run(
    context: StepContext, case_id: AlertId, part: Part | None, *, protocol: ResponseProtocol, step: Step
) -> None:
    for target in targets(step, part):
        case = context.current(case_id)
        key = f"{protocol.id}/{step.id}/{target}"
        if step.on is not None and case.rounds:
            key = f"{key}/{case.rounds}"
        if key in case.issued:
            continue
        # What one press may not sound, a prompt one that joins later may: withholding is told once and decides
        # nothing for good.
        if (why := _silenced(context, step, case) or _withheld(context, step, case, part)) is not None:
            key = f"{key}{_WITHHELD}"
        elif step.confirm:
            key = f"{key}/awaits"
        if key in case.issued:
            continue
        if why is not None:
            text = context.text("step_withheld", step=step.text, why=why)
            context.add_transition(case_id, "step_withheld", text)
            if muting.holds_back(case, step.act):
                muting.note_held_back(context, case)
        elif step.confirm:
            sirens.await_person(context, case_id, protocol, step=step)
        else:
            _issue(context, case_id, protocol, step=step, target=target)
            if step.act == "hold_video":
                filming.note(context, case_id, target)
        context.update(case_id, issued=(*context.current(case_id).issued, key))


def catch_up(context: StepContext, case_id: AlertId) -> None:
    """After a silence, of an alert that nobody took: tell whom it kept from hearing, and let who waits wait anew."""
    case = context.current(case_id)
    if case.alert.status is not AlertStatus.OPEN:
        return
    held = [name.removesuffix(_WITHHELD) for name in case.issued if name.endswith(_WITHHELD)]
    for protocol in running_protocols(context, case):
        for step in protocol.steps:
            name = f"{protocol.id}/{step.id}"
            if step.act not in muting.TELLING or not any(each.startswith(f"{name}/") for each in held):
                continue
            if step.is_immediate:
                for part in context.parts(case_id) or (None,):
                    _run(context, case_id, part, protocol=protocol, step=step)
            elif step.after_s > 0 and not marks.is_settled(context.current(case_id), name):
                due = (name, context.now_ms + step.after_s * 1000)
                context.update_alert(case_id, timers=(*context.current(case_id).alert.timers, due))


def targets(step: Step, part: Part | None) -> list[str]:
    """Whom the step asks; nobody when the event does not say (then there is nobody to ask)."""
    attributes = {} if part is None else part.member.attributes
    match step.target:
        case "subject":
            return [] if part is None else named(TargetKind.DEVICE, part.member.subject)
        case "block":
            return named(TargetKind.BLOCK, attributes.get("block"))
        case "camera":
            return [] if part is None else filming.cameras_of(part)
        case target:
            return [target]


def _silenced(context: StepContext, step: Step, case: Case) -> Text | None:
    return context.text("withheld_silenced") if muting.holds_back(case, step.act) else None


def _withheld(context: StepContext, step: Step, case: Case, part: Part | None) -> Text | None:
    """Why a loud step must not run; None when it may."""
    if case.alert.silent and (step.loud or step.target == "subject"):
        return context.text("withheld_silent")
    if not step.loud:
        return None
    if part is not None and part.late:
        return context.text("withheld_late")
    if part is not None and part.member.attributes.get("away") is True:
        return context.text("withheld_away")
    if step.act == "siren_on" and part is not None and part.member.attributes.get(SIREN) is False:
        return context.text("withheld_no_siren")
    return None


def _issue(
    context: StepContext, case_id: AlertId, protocol: ResponseProtocol, *, step: Step, target: str
) -> None:
    case = context.current(case_id)
    kind, round_ = step.command, case.rounds if step.on is not None else 0
    command = Command(
        id=command_id(case.id, kind, protocol=protocol.id, step=step.id, target=target, round_=round_),
        kind=kind,
        alert_id=case.id,
        area=case.alert.area,
        target=target,
        issued_ms=context.now_ms,
        expires_ms=context.now_ms + filming.expires_s(kind, step.expires_s) * 1000,
        protocol=protocol.id,
        step=step.id,
        parameters=_parameters(context, case, kind, step=step),
        drill=case.alert.drill,
    )
    send(context, command, round_=round_)
    if kind is CommandKind.SIREN_ON and step.auto_off_s:
        sirens.set_off_timer(context, command, step.auto_off_s)
    if step.clock:
        _begin_clock(context, case_id, target)


def _begin_clock(context: StepContext, case_id: AlertId, target: str) -> None:
    """A team that a protocol asks has a clock of its own, where the book says so."""
    agency = context.rules.protocols.agencies.get(Target.parse(target).id)
    if agency is not None and clocks.of(context.current(case_id), agency.id) is None:
        clocks.begin(context, case_id, agency, by=AUTOMATON)


def _parameters(context: StepContext, case: Case, kind: CommandKind, *, step: Step) -> dict[str, object]:
    """What the device needs; of a silent alert nothing but the order itself."""
    if kind in {CommandKind.REQUEST_CLIP, CommandKind.HOLD_VIDEO} and case.parts:
        return filming.interval(context, case)
    if kind in SIRENS:
        return {"auto_off_s": step.auto_off_s}
    told = {"text_es": step.text_es, "text_en": step.text_en, **told_of(case)}
    if step.on is AlertStatus.CLOSED and case.alert.disposition is not None:
        told["disposition"] = case.alert.disposition.value
    return told


def fire_due(context: StepContext, case_id: AlertId) -> None:
    """Fire the timers of the case that are due, each once."""
    alert = context.current(case_id).alert
    # Those of an absorbed case rest until it is un-merged, except that a siren always goes off.
    due = [
        timer
        for timer in alert.timers
        if timer[1] <= context.now_ms and (timer[0].startswith(OFF) or alert.status is not AlertStatus.MERGED)
    ]
    if not due:
        return
    context.update_alert(case_id, timers=tuple(timer for timer in alert.timers if timer not in due))
    for name, _ in sorted(due, key=lambda timer: (timer[1], timer[0])):
        if name.startswith(OFF):
            sirens.go_off(context, case_id, name.removeprefix(OFF))
        elif name.startswith(CLOCK):
            clocks.run_out(context, case_id, name)
        else:
            _escalate(context, case_id, name)


def _escalate(context: StepContext, case_id: AlertId, name: str) -> None:
    protocol_id, _, step_id = name.partition("/")
    protocol = _running(context, context.current(case_id), protocol_id)
    step = None if protocol is None else protocol.step(step_id)
    if protocol is None or step is None:
        context.add_transition(
            case_id,
            "step_gone",
            context.text("step_gone", step=name),
        )
        return
    if _is_needless(context.current(case_id), protocol, step):
        return
    reason = Reason(
        code="protocol.timer",
        points=0,
        rule=protocol.id,
        rule_version=protocol.version,
        text_es=step.text_es,
        text_en=step.text_en,
        delta_s=float(step.after_s),
    )
    marks.mark(context, case_id, name, "escalated", by=AUTOMATON)
    context.add_transition(case_id, "escalated", step.text, reasons=(reason,))
    _run(context, case_id, _first(context, case_id), protocol=protocol, step=step)


def _is_needless(case: Case, protocol: ResponseProtocol, step: Step) -> bool:
    """Whether what a timer waited for is there."""
    status = case.alert.status
    if status is AlertStatus.CLOSED or (step.unless is not None and _has_reached(status, step.unless)):
        return True
    return step.unless_step is not None and marks.is_settled(case, f"{protocol.id}/{step.unless_step}")


def _has_reached(status: AlertStatus, wanted: AlertStatus) -> bool:
    return status in _PROGRESS and not is_before(status, wanted)


def is_before(status: AlertStatus, wanted: AlertStatus) -> bool:
    """Whether an alert may still reach ``wanted`` by going forward; never one that is part of another."""
    return status in _PROGRESS and _PROGRESS.index(status) < _PROGRESS.index(wanted)


def ingest_receipt(context: StepContext, receipt: Receipt) -> None:
    """Record a device's answer on its command and in its alert's history."""
    sent = context.sent.get(receipt.command_id)
    if sent is None or context.case(sent.alert_id) is None:
        context.add_area_transition(
            "receipt_unknown",
            context.text("receipt_unknown"),
        )
        return
    context.sent = context.sent.put(
        receipt.command_id, replace(sent, outcome=receipt.outcome, device=receipt.device)
    )
    if sent.kind is CommandKind.BURST:
        watched.answered(context, receipt, sent)
    failed = receipt.outcome in {"refused", "failed", "expired"}
    context.add_transition(
        sent.alert_id,
        "command_failed" if failed else "receipt",
        context.text(
            "command_answered", command=sent.kind.value, target=sent.target, outcome=receipt.outcome
        ),
    )


def source_events(parts: tuple[Part, ...]) -> tuple[EventId, ...]:
    """The events that a reputation transition speaks of."""
    return tuple(sorted(part.member.event_id for part in parts))
