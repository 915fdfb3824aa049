"""Alerts that the store has open are remembered again after the broker lost its log, and with it all that was known of
them (law 16: nothing hides an alert that nobody closed).

What the published alert says is taken up: status, who has it, deeds, clocks, timers. What it does not say is gone: what
was merged into it stays merged, a command under way has no answer, and a siren goes off by its own timer only.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate import cases
from cior_core.correlate.state import Case, Part
from cior_core.correlate.step_context import StepContext
from cior_core.correlate.view import part_order
from cior_core.model import Alert, AlertStatus, Member, Reason

replace = msgspec.structs.replace

_OVER: Final = frozenset({AlertStatus.CLOSED, AlertStatus.MERGED})


def take_up(context: StepContext, alert: Alert) -> None:
    """Remember ``alert`` when nobody does. One that its press opened anew meanwhile only counts on from its version, or
    nobody would believe the newer states: what people did to it in the lost log has to be done again.
    """
    if alert.status in _OVER or alert.area != context.head.area:
        return
    known = context.case(alert.id)
    if known is None:
        _remember(context, alert)
    elif known.alert.version < alert.version:
        context.update_alert(known.id, version=alert.version)
    else:
        return
    context.add_transition(alert.id, "recalled", context.text("recalled"))


def _remember(context: StepContext, alert: Alert) -> None:
    parts = tuple(sorted((_part(member, alert) for member in alert.members), key=part_order))
    context.open(
        Case(
            alert=alert,
            parts=parts,
            own_type=alert.type,
            own_floor=alert.floor,
            protocols=alert.protocols,
            watchings=alert.watchings,
        )
    )
    cases.rescore(context, alert.id)
    case = context.current(alert.id)
    context.update(alert.id, pinned=_told_once(alert, case.terms))


def _part(member: Member, alert: Alert) -> Part:
    return Part(
        member=member,
        instant_ms=member.occurred_ms,
        error_s=member.clock_error_s or 0.0,
        proven=bool(member.registered),
        degraded=alert.degraded,
        data_class=alert.data_class,
    )


def _told_once(alert: Alert, terms: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The reasons that no score gives again: of rules, of people, and why each part joined."""
    scored = {reason.code for reason in terms}
    return tuple(reason for reason in alert.reasons if reason.points == 0 and reason.code not in scored)
