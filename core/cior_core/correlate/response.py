"""Running a protocol: commands at once, timers by tick, receipts. Everything is idempotent by command id and fired at most once.

Loud steps (sirens, block notices) never run for a silent, late or away press, whatever the protocol says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cior_core.correlate.state import Case, Part, Sent
from cior_core.identity import command_id
from cior_core.model import (
    AlertStatus,
    Command,
    CommandKind,
    EventId,
    Reason,
    Receipt,
    Target,
    TargetKind,
)

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft
    from cior_core.protocols import ResponseProtocol, Step

replace = msgspec.structs.replace

_PROGRESS = [
    AlertStatus.OPEN,
    AlertStatus.ACKNOWLEDGED,
    AlertStatus.DISPATCHED,
    AlertStatus.ON_SCENE,
    AlertStatus.CLOSED,
]
_OFF = "off/"
_CLIP_BEFORE_MS = 30_000
_CLIP_AFTER_MS = 30_000
_SIRENS = {CommandKind.SIREN_ON, CommandKind.SIREN_OFF}


def respond(draft: Draft, case: Case, part: Part) -> Case:
    """Run the protocol of ``part``'s type on ``case``: its immediate steps for targets not yet asked, and its timers the first time."""
    protocol = draft.rules.protocols[draft.kind(part.member.type).code]
    return _start(draft, case, part, protocol)


def respond_to_rule(draft: Draft, case: Case) -> Case:
    """Run the protocol of the type that a rule gave ``case`` (its first part, when it has one, gives the targets)."""
    protocol = draft.rules.protocols[draft.kind(case.own_type).code]
    return _start(draft, case, case.parts[0] if case.parts else None, protocol)


def _start(draft: Draft, case: Case, part: Part | None, protocol: ResponseProtocol) -> Case:
    mark = f"{protocol.id}@{protocol.version}"
    if not any(known.rpartition("@")[0] == protocol.id for known in case.protocols):
        due = tuple(
            (f"{protocol.id}/{step.id}", draft.now_ms + step.after_s * 1000)
            for step in protocol.steps
            if step.after_s > 0
        )
        case = replace(
            case,
            protocols=(*case.protocols, mark),
            alert=replace(case.alert, timers=(*case.alert.timers, *due)),
        )
    for step in protocol.steps:
        if step.after_s == 0:
            case = _run(draft, case, part, protocol=protocol, step=step)
    draft.put(case)
    return case


def _run(draft: Draft, case: Case, part: Part | None, *, protocol: ResponseProtocol, step: Step) -> Case:
    for target in _targets(step, part):
        key = f"{protocol.id}/{step.id}/{target}"
        if key in case.issued:
            continue
        if why := _withheld(step, case, part):
            draft.say(
                case.id,
                "step_withheld",
                f"{step.text_es} No se ejecuta: {why[0]}.",
                f"{step.text_en} Not run: {why[1]}.",
            )
        else:
            case = _issue(draft, case, protocol, step=step, target=target)
        case = replace(case, issued=(*case.issued, key))
    return case


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


def _withheld(step: Step, case: Case, part: Part | None) -> tuple[str, str] | None:
    """Why a loud step must not run, in both languages; None when it may."""
    if not step.loud:
        return None
    if case.alert.silent:
        return "la alerta es silenciosa", "the alert is silent"
    if part is not None and part.late:
        return "el aviso llegó tarde", "the press came late"
    if part is not None and part.member.attributes.get("away") is True:
        return "quien avisa está fuera de su cuadra", "the sender is away from the own block"
    return None


def _issue(draft: Draft, case: Case, protocol: ResponseProtocol, *, step: Step, target: str) -> Case:
    kind = step.command
    command = Command(
        id=command_id(case.id, kind, protocol=protocol.id, step=step.id, target=target),
        kind=kind,
        alert_id=case.id,
        area=case.alert.area,
        target=target,
        issued_ms=draft.now_ms,
        expires_ms=draft.now_ms + step.expires_s * 1000,
        protocol=protocol.id,
        step=step.id,
        parameters=_parameters(case, kind, step),
        drill=case.alert.drill,
    )
    send(draft, command)
    if kind is CommandKind.SIREN_ON and step.auto_off_s:
        off = (f"{_OFF}{command.id}", draft.now_ms + step.auto_off_s * 1000)
        case = replace(case, alert=replace(case.alert, timers=(*case.alert.timers, off)))
    return case


def _parameters(case: Case, kind: CommandKind, step: Step) -> dict[str, object]:
    """What the device needs; of a silent alert nothing but the order itself."""
    if kind in {CommandKind.REQUEST_CLIP, CommandKind.HOLD_VIDEO} and case.parts:
        instants = [part.instant_ms for part in case.parts]
        return {"from_ms": min(instants) - _CLIP_BEFORE_MS, "to_ms": max(instants) + _CLIP_AFTER_MS}
    if kind in _SIRENS:
        return {"auto_off_s": step.auto_off_s}
    return {"text_es": step.text_es, "text_en": step.text_en}


def send(draft: Draft, command: Command) -> None:
    """Issue ``command`` and remember it until its alert is forgotten; a command already sent is not sent again."""
    if command.id in draft.sent:
        return
    draft.issue(command)
    draft.sent = draft.sent.put(
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


def fire_due(draft: Draft, case: Case) -> None:
    """Fire the timers of ``case`` that are due. Those of an absorbed case rest until it is un-merged, except that a siren always goes off."""
    due = [
        timer
        for timer in case.alert.timers
        if timer[1] <= draft.now_ms
        and (timer[0].startswith(_OFF) or case.alert.status is not AlertStatus.MERGED)
    ]
    if not due:
        return
    left = tuple(timer for timer in case.alert.timers if timer not in due)
    case = replace(case, alert=replace(case.alert, timers=left))
    for name, _ in sorted(due, key=lambda timer: (timer[1], timer[0])):
        case = (
            _siren_off(draft, case, name.removeprefix(_OFF))
            if name.startswith(_OFF)
            else _escalate(draft, case, name)
        )
    draft.put(case)


def _siren_off(draft: Draft, case: Case, siren_on: str) -> Case:
    if (sent := draft.sent.get(siren_on)) is None:
        return case
    send(
        draft,
        Command(
            id=command_id(
                case.id, CommandKind.SIREN_OFF, protocol=sent.protocol, step=sent.step, target=sent.target
            ),
            kind=CommandKind.SIREN_OFF,
            alert_id=case.id,
            area=case.alert.area,
            target=sent.target,
            issued_ms=draft.now_ms,
            expires_ms=draft.now_ms + 600_000,
            protocol=sent.protocol,
            step=sent.step,
            drill=case.alert.drill,
        ),
    )
    draft.say(case.id, "siren_auto_off", "La sirena se apaga por tiempo.", "The siren goes off by its timer.")
    return case


def _escalate(draft: Draft, case: Case, name: str) -> Case:
    protocol_id, _, step_id = name.partition("/")
    protocol = draft.rules.protocols.by_id(protocol_id)
    step = None if protocol is None else protocol.step(step_id)
    if protocol is None or step is None:
        draft.say(
            case.id,
            "step_gone",
            f"El paso {name} ya no existe en el protocolo.",
            f"Step {name} is no longer in the protocol.",
        )
        return case
    if case.alert.status is AlertStatus.CLOSED or (
        step.unless is not None and _reached(case.alert.status, step.unless)
    ):
        return case
    reason = Reason(
        code="protocol.timer",
        points=0,
        rule=protocol.id,
        rule_version=protocol.version,
        text_es=step.text_es,
        text_en=step.text_en,
        delta_s=float(step.after_s),
    )
    draft.say(case.id, "escalated", step.text_es, step.text_en, reasons=(reason,))
    return _run(draft, case, case.parts[0] if case.parts else None, protocol=protocol, step=step)


def _reached(status: AlertStatus, wanted: AlertStatus) -> bool:
    return status in _PROGRESS and wanted in _PROGRESS and _PROGRESS.index(status) >= _PROGRESS.index(wanted)


def take_receipt(draft: Draft, receipt: Receipt) -> None:
    """Record a device's answer on its command and in its alert's story."""
    sent = draft.sent.get(receipt.command_id)
    if sent is None or draft.case(sent.alert_id) is None:
        draft.say_area(
            "receipt_unknown",
            "Llegó la respuesta a una orden que no se recuerda.",
            "An answer came to a command that is not remembered.",
        )
        return
    draft.sent = draft.sent.put(
        receipt.command_id, replace(sent, outcome=receipt.outcome, device=receipt.device)
    )
    failed = receipt.outcome in {"refused", "failed", "expired"}
    draft.say(
        sent.alert_id,
        "command_failed" if failed else "receipt",
        f"{sent.kind.value} a {sent.target}: {receipt.outcome}.",
        f"{sent.kind.value} to {sent.target}: {receipt.outcome}.",
    )


def notice_unanswered(draft: Draft) -> None:
    """Tell, once, of each siren command that nobody answered in time."""
    for command_id_, sent in draft.sent.where(
        lambda found: found.outcome is None and found.kind in _SIRENS and found.expires_ms <= draft.now_ms
    ):
        if draft.case(sent.alert_id) is not None:
            draft.sent = draft.sent.put(command_id_, replace(sent, outcome="expired"))
            draft.say(
                sent.alert_id,
                "command_unanswered",
                f"Nadie respondió a {sent.kind.value} para {sent.target}.",
                f"Nobody answered {sent.kind.value} for {sent.target}.",
            )


def hold_video(draft: Draft, case: Case, *, action_id: str) -> None:
    """Ask that the video around the alert be kept: by every camera it names, by the archive when it names none (N4)."""
    cameras = sorted({camera for part in draft.parts(case) for camera in _targets_of_cameras(part)}) or [
        "team:archive"
    ]
    for target in cameras:
        send(
            draft,
            Command(
                id=command_id(
                    case.id,
                    CommandKind.HOLD_VIDEO,
                    protocol=case.alert.protocol,
                    step=f"hold:{action_id}",
                    target=target,
                ),
                kind=CommandKind.HOLD_VIDEO,
                alert_id=case.id,
                area=case.alert.area,
                target=target,
                issued_ms=draft.now_ms,
                expires_ms=draft.now_ms + 3_600_000,
                protocol=case.alert.protocol,
                step=f"hold:{action_id}",
                drill=case.alert.drill,
                parameters={
                    "from_ms": case.alert.first_occurred_ms - _CLIP_BEFORE_MS,
                    "to_ms": case.alert.last_occurred_ms + _CLIP_AFTER_MS,
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
    """The events that a reputation line speaks of."""
    return tuple(sorted(part.member.event_id for part in parts))
