"""Sirens: off by a timer whatever became of their alert, off by a person, and on by a person where a protocol leaves it
to one (law 10)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cior_core.correlate import marks, watched
from cior_core.correlate.due import OFF
from cior_core.correlate.index import sent_key
from cior_core.correlate.sending import send
from cior_core.correlate.state import Sent
from cior_core.correlate.step_context import StepContext
from cior_core.identity import command_id
from cior_core.model import AlertId, Command, CommandKind
from cior_core.protocols import ResponseProtocol, Step

replace = msgspec.structs.replace

_OFF_S = 600


def await_person(context: StepContext, case_id: AlertId, protocol: ResponseProtocol, *, step: Step) -> None:
    """Say that a step runs when a person decides it, and not before."""
    key = f"{protocol.id}/{step.id}"
    if marks.of(context.current(case_id), key) is None:
        marks.mark(context, case_id, key, "waiting", by="")
        context.add_transition(case_id, "step_awaits", context.text("step_awaits", step=step.text))


def set_off_timer(context: StepContext, command: Command, auto_off_s: int) -> None:
    """However it ends, the siren that ``command`` turns on goes off after ``auto_off_s``."""
    off = (f"{OFF}{command.id}", context.now_ms + auto_off_s * 1000)
    alert = context.current(command.alert_id).alert
    context.update_alert(command.alert_id, timers=(*alert.timers, off))


def go_off(context: StepContext, case_id: AlertId, siren_on: str) -> None:
    """The timer of a siren ran out."""
    sent = context.sent.get(siren_on)
    if sent is not None and order_off(context, case_id, sent):
        context.add_transition(case_id, "siren_auto_off", context.text("siren_auto_off"))


def order_off(context: StepContext, case_id: AlertId, sent: Sent) -> bool:
    """Turn off what ``sent`` turned on; False when that was asked before."""
    off_id = _off_id(case_id, sent)
    if off_id in context.sent:
        return False
    alert = context.current(case_id).alert
    send(
        context,
        Command(
            id=off_id,
            kind=CommandKind.SIREN_OFF,
            alert_id=case_id,
            area=alert.area,
            target=sent.target,
            issued_ms=context.now_ms,
            expires_ms=context.now_ms + _OFF_S * 1000,
            protocol=sent.protocol,
            step=sent.step,
            drill=alert.drill,
        ),
        round_=sent.round,
    )
    return True


def _off_id(case_id: AlertId, sent: Sent) -> str:
    return command_id(
        case_id,
        CommandKind.SIREN_OFF,
        protocol=sent.protocol,
        step=sent.step,
        target=sent.target,
        round_=sent.round,
    )


def orders_on(context: StepContext, case_id: AlertId) -> Iterator[tuple[str, Sent]]:
    """Every command of the case that turned a siren on, the oldest first, by id."""
    for _, command, _ in list(context.index.get(sent_key(case_id)) or ()):
        sent = context.sent.get(command)
        if sent is not None and sent.kind is CommandKind.SIREN_ON:
            yield command, sent


def sounding(context: StepContext, case_id: AlertId) -> list[tuple[str, Sent]]:
    """Those that nobody turned off yet."""
    return [
        (command, sent)
        for command, sent in orders_on(context, case_id)
        if _off_id(case_id, sent) not in context.sent
    ]


def notice_unanswered(context: StepContext) -> None:
    """Tell, once, of each siren command that nobody answered in time; and of each camera."""
    for command in sorted(key for _, key, _ in context.before.dues.sent.until(context.now_ms)):
        sent = context.sent.get(command)
        if sent is not None and sent.outcome is None:
            context.sent = context.sent.put(command, replace(sent, outcome="expired"))
            if sent.kind is CommandKind.BURST:
                watched.unanswered(context, command, sent)
            elif context.case(sent.alert_id) is not None:
                context.add_transition(
                    sent.alert_id,
                    "command_unanswered",
                    context.text("command_unanswered", command=sent.kind.value, target=sent.target),
                )
