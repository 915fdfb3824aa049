"""Running a protocol: commands at once, timers by tick, receipts. Everything is idempotent by command id and fired at
most once.

Loud steps (sirens, block notices) never run for a silent, late or away press, whatever the protocol says; a siren is
asked of no block that has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cior_core.attributes import BLOCK, SIREN
from cior_core.correlate.due import OFF, SIRENS
from cior_core.correlate.state import Case, Part, Sent
from cior_core.correlate.step_context import StepContext
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
_CLIP_BEFORE_MS = 30_000
_CLIP_AFTER_MS = 30_000
_MOST_CONCERNED = 20


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
        if step.after_s == 0:
            _run(context, case_id, part, protocol=protocol, step=step)


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
    for target in _targets(step, part):
        case = context.current(case_id)
        key = f"{protocol.id}/{step.id}/{target}"
        if key in case.issued:
            continue
        # What one press may not sound, a prompt one that joins later may: withholding is told once and decides
        # nothing for good.
        if (why := _withheld(context, step, case, part)) is None:
            _issue(context, case_id, protocol, step=step, target=target)
        elif (key := f"{key}/withheld") in case.issued:
            continue
        else:
            context.add_transition(
                case_id,
                "step_withheld",
                context.text("step_withheld", step=step.text, why=why),
            )
        context.update(case_id, issued=(*case.issued, key))


def _targets(step: Step, part: Part | None) -> list[str]:
    """Whom the step asks; nobody when the event does not say (then there is nobody to ask)."""
    attributes = {} if part is None else part.member.attributes
    match step.target:
        case "subject":
            return [] if part is None else _named(TargetKind.DEVICE, part.member.subject)
        case "block":
            return _named(TargetKind.BLOCK, attributes.get("block"))
        case "camera":
            return [] if part is None else _targets_of_cameras(part)
        case target:
            return [target]


def _withheld(context: StepContext, step: Step, case: Case, part: Part | None) -> Text | None:
    """Why a loud step must not run; None when it may."""
    if not step.loud:
        return None
    if case.alert.silent:
        return context.text("withheld_silent")
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
    kind = step.command
    command = Command(
        id=command_id(case.id, kind, protocol=protocol.id, step=step.id, target=target),
        kind=kind,
        alert_id=case.id,
        area=case.alert.area,
        target=target,
        issued_ms=context.now_ms,
        expires_ms=context.now_ms + step.expires_s * 1000,
        protocol=protocol.id,
        step=step.id,
        parameters=_parameters(case, kind, step),
        drill=case.alert.drill,
    )
    _send(context, command)
    if kind is CommandKind.SIREN_ON and step.auto_off_s:
        off = (f"{OFF}{command.id}", context.now_ms + step.auto_off_s * 1000)
        context.update_alert(case.id, timers=(*case.alert.timers, off))


def _parameters(case: Case, kind: CommandKind, step: Step) -> dict[str, object]:
    """What the device needs; of a silent alert nothing but the order itself."""
    if kind in {CommandKind.REQUEST_CLIP, CommandKind.HOLD_VIDEO} and case.parts:
        instants = [part.instant_ms for part in case.parts]
        return {"from_ms": min(instants) - _CLIP_BEFORE_MS, "to_ms": max(instants) + _CLIP_AFTER_MS}
    if kind in SIRENS:
        return {"auto_off_s": step.auto_off_s}
    return {"text_es": step.text_es, "text_en": step.text_en, **_told(case)}


def _told(case: Case) -> dict[str, object]:
    """What whoever rings people needs. Of a silent alert: that it is one, and its level (law 17)."""
    alert = case.alert
    if alert.silent:
        return {"level": alert.level.value, "silent": True}
    told: dict[str, object] = {
        "level": alert.level.value,
        "type": alert.type,
        "district": alert.place.district,
    }
    if alert.life_safety:
        return {**told, "life_safety": True}
    return {**told, "concerns": _concerned(case.parts[:_MOST_CONCERNED])}


def _concerned(parts: Sequence[Part]) -> list[str]:
    """The devices and blocks that a maintenance silence may name."""
    blocks = {name for part in parts for name in _named(TargetKind.BLOCK, part.member.attributes.get(BLOCK))}
    return sorted(blocks.union(*(_named(TargetKind.DEVICE, part.member.subject) for part in parts)))


def _send(context: StepContext, command: Command) -> None:
    """Issue ``command`` and remember it until its alert is forgotten; a command already sent is not sent again."""
    if command.id in context.sent:
        return
    context.issue(command)
    context.remember_sent(
        command.id,
        Sent(
            alert_id=command.alert_id,
            kind=command.kind,
            target=command.target,
            protocol=command.protocol,
            step=command.step,
            issued_ms=command.issued_ms,
            expires_ms=command.expires_ms,
        ),
    )


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
            _siren_off(context, case_id, name.removeprefix(OFF))
        else:
            _escalate(context, case_id, name)


def _siren_off(context: StepContext, case_id: AlertId, siren_on: str) -> None:
    if (sent := context.sent.get(siren_on)) is None:
        return
    alert = context.current(case_id).alert
    _send(
        context,
        Command(
            id=command_id(
                case_id, CommandKind.SIREN_OFF, protocol=sent.protocol, step=sent.step, target=sent.target
            ),
            kind=CommandKind.SIREN_OFF,
            alert_id=case_id,
            area=alert.area,
            target=sent.target,
            issued_ms=context.now_ms,
            expires_ms=context.now_ms + 600_000,
            protocol=sent.protocol,
            step=sent.step,
            drill=alert.drill,
        ),
    )
    context.add_transition(case_id, "siren_auto_off", context.text("siren_auto_off"))


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
    status = context.current(case_id).alert.status
    if status is AlertStatus.CLOSED or (step.unless is not None and _reached(status, step.unless)):
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
    context.add_transition(case_id, "escalated", step.text, reasons=(reason,))
    _run(context, case_id, _first(context, case_id), protocol=protocol, step=step)


def _reached(status: AlertStatus, wanted: AlertStatus) -> bool:
    return status in _PROGRESS and wanted in _PROGRESS and _PROGRESS.index(status) >= _PROGRESS.index(wanted)


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
    failed = receipt.outcome in {"refused", "failed", "expired"}
    context.add_transition(
        sent.alert_id,
        "command_failed" if failed else "receipt",
        context.text(
            "command_answered", command=sent.kind.value, target=sent.target, outcome=receipt.outcome
        ),
    )


def notice_unanswered(context: StepContext) -> None:
    """Tell, once, of each siren command that nobody answered in time."""
    for command_id_ in sorted(key for _, key, _ in context.before.dues.sent.until(context.now_ms)):
        sent = context.sent.get(command_id_)
        if sent is not None and sent.outcome is None:
            context.sent = context.sent.put(command_id_, replace(sent, outcome="expired"))
            if context.case(sent.alert_id) is not None:
                context.add_transition(
                    sent.alert_id,
                    "command_unanswered",
                    context.text("command_unanswered", command=sent.kind.value, target=sent.target),
                )


def hold_video(context: StepContext, case_id: AlertId, *, action_id: str) -> None:
    """Ask that the video around the alert be kept: by every camera it names, by the archive when it names none (N4)."""
    alert = context.current(case_id).alert
    cameras = sorted({camera for part in context.parts(case_id) for camera in _targets_of_cameras(part)}) or [
        "team:archive"
    ]
    for target in cameras:
        _send(
            context,
            Command(
                id=command_id(
                    case_id,
                    CommandKind.HOLD_VIDEO,
                    protocol=alert.protocol,
                    step=f"hold:{action_id}",
                    target=target,
                ),
                kind=CommandKind.HOLD_VIDEO,
                alert_id=case_id,
                area=alert.area,
                target=target,
                issued_ms=context.now_ms,
                expires_ms=context.now_ms + 3_600_000,
                protocol=alert.protocol,
                step=f"hold:{action_id}",
                drill=alert.drill,
                parameters={
                    "from_ms": alert.first_occurred_ms - _CLIP_BEFORE_MS,
                    "to_ms": alert.last_occurred_ms + _CLIP_AFTER_MS,
                },
            ),
        )


def _targets_of_cameras(part: Part) -> list[str]:
    cameras = part.member.attributes.get("cameras")
    return _named(TargetKind.CAMERA, *map(str, cameras if isinstance(cameras, list) else []))


def _named(kind: TargetKind, *names: object) -> list[str]:
    """The targets of that kind; what is no text, or blank, names nobody."""
    return [str(Target(kind=kind, id=name)) for name in names if isinstance(name, str) and name.strip()]


def source_events(parts: tuple[Part, ...]) -> tuple[EventId, ...]:
    """The events that a reputation transition speaks of."""
    return tuple(sorted(part.member.event_id for part in parts))
