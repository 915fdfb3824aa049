"""Effects as messages, in the order in which they should reach the bus. Data in, data out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from cior_bus.message import MessageOut
from cior_core import devices
from cior_core.model import (
    Alert,
    AppendTransition,
    Command,
    Effect,
    IssueCommand,
    Silence,
    Transition,
    UpsertAlert,
    UpsertSilence,
)


def of_effects(effects: Iterable[Effect]) -> list[MessageOut]:
    """Alerts first: should the process die in between, the wall has what matters.

    Last what a closing teaches about the devices that pressed.
    """
    effects = sorted(effects, key=lambda effect: not isinstance(effect, UpsertAlert))
    closed = {
        effect.transition.alert_id
        for effect in effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == "closed"
    }
    learned = [
        MessageOut.of(event)
        for effect in effects
        if isinstance(effect, UpsertAlert) and effect.alert.id in closed
        for event in devices.endings(effect.alert)
    ]
    return [*(MessageOut.of(_record(effect)) for effect in effects), *learned]


def _record(effect: Effect) -> Alert | Transition | Silence | Command:
    match effect:
        case UpsertAlert():
            return effect.alert
        case AppendTransition():
            return effect.transition
        case UpsertSilence():
            return effect.silence
        case IssueCommand():
            return effect.command
        case _:
            assert_never(effect)
