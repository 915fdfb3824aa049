"""Commands that leave: each once, remembered with its alert until that is forgotten."""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.attributes import DRILL_RINGS
from cior_core.correlate.state import Sent
from cior_core.correlate.step_context import StepContext
from cior_core.identity import command_id
from cior_core.model import AlertId, Command, CommandKind, Target, TargetKind

SUPERVISOR: Final = str(Target(kind=TargetKind.TEAM, id="supervisor"))
"""Who is told of what was left out, and of agencies that disagree."""

_TOLD_S: Final = 300


def _rings(context: StepContext, command: Command) -> bool:
    """Whether a drill says that real people hear of it."""
    if not command.drill:
        return False
    parts = context.current(command.alert_id).parts
    return any(part.member.attributes.get(DRILL_RINGS) is True for part in parts)


def send(context: StepContext, command: Command, *, round_: int = 0) -> None:
    """Issue ``command`` and remember it; one already sent is not sent again. ``round_``: how often it was asked
    before."""
    if command.id in context.sent:
        return
    context.issue(msgspec.structs.replace(command, rings=True) if _rings(context, command) else command)
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
            round=round_,
        ),
    )


def order(
    context: StepContext,
    case_id: AlertId,
    kind: CommandKind,
    *,
    target: str,
    step: str,
    parameters: dict[str, object],
    round_: int = 0,
) -> None:
    """Send what no protocol's step asks for: a person did, or a clock that ran out."""
    alert = context.current(case_id).alert
    send(
        context,
        Command(
            id=command_id(case_id, kind, protocol=alert.protocol, step=step, target=target, round_=round_),
            kind=kind,
            alert_id=case_id,
            area=alert.area,
            target=target,
            issued_ms=context.now_ms,
            expires_ms=context.now_ms + _TOLD_S * 1000,
            protocol=alert.protocol,
            step=step,
            parameters=parameters,
            drill=alert.drill,
        ),
        round_=round_,
    )


def named(kind: TargetKind, *names: object) -> list[str]:
    """The targets of that kind; what is no text, or blank, names nobody."""
    return [str(Target(kind=kind, id=name)) for name in names if isinstance(name, str) and name.strip()]
