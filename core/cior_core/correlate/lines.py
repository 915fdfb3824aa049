"""Presses of nobody known, beyond the rate that a rule names, share one line on every screen (law 16).

Whoever reaches a wire can send presses of invented accounts faster than anybody reads. None is dropped, merged or
lowered for that: each is an alert of its own, with its level, its protocol and its place in every count.
``Alert.group`` only says which of them a screen may show as one line. A press that proves whose it is (a registered
device, a frame with the device's key, a desk, a camera) is in no line and joins no alert of one. Taking an alert out
changes nothing else of it.
"""

from __future__ import annotations

import msgspec

from cior_core.attributes import AUTHENTICATED
from cior_core.correlate.state import CORROBORATING, UNDECODED, Case, Line, Opened, Part
from cior_core.correlate.step_context import AUTOMATON, StepContext
from cior_core.identity import line_id
from cior_core.model import AlertId, AlertStatus, DataClass, Event
from cior_core.rules import LineRule, RulePack

SHARED = "line.shared"
"""Code of the reason of an alert that shares a line."""

replace = msgspec.structs.replace


def is_proven(event: Event) -> bool:
    """Whether somebody we know stands behind ``event``: its device's registration, its key, or a desk that speaks for
    many (then what it speaks of is not its own subject). Bytes that nobody could read are of nobody, whoever sent them.
    """
    if event.registered is True or event.attributes.get(AUTHENTICATED) is True:
        return True
    speaks_for_others = event.independence not in {None, event.subject}
    return speaks_for_others and event.type != UNDECODED and event.data_class is not DataClass.SEALED


def keeps_out(part: Part, case: Case, context: StepContext) -> bool:
    """Whether ``part`` is a fact that must not disappear inside an alert of a shared line."""
    if not case.alert.group or part.member.phase not in CORROBORATING:
        return False
    return part.proven or context.kind(part.member.type).family not in context.rules.lines


def count(context: StepContext, case_id: AlertId) -> None:
    """Count an alert that has just been opened; beyond the rate it and the last ones share a line."""
    case = context.current(case_id)
    rule = _rule(context.rules, case, context)
    if rule is None or any(part.proven for part in case.parts):
        return
    key = f"{rule.id}{'/drill' if case.alert.drill else ''}{'/silent' if case.alert.silent else ''}"
    line = context.lines.get(key) or Line()
    recent = (*line.recent, Opened(alert_id=case_id, at_ms=context.now_ms))[-rule.n :]
    within_ms = round(rule.within_s * 1000)
    if len(recent) < rule.n or context.now_ms - recent[0].at_ms > within_ms:
        context.lines = context.lines.put(key, replace(line, recent=recent))
        return
    is_over = not line.id or context.now_ms - line.last_ms > within_ms
    shared = line_id(context.head.area, rule.id, recent[0].alert_id) if is_over else line.id
    context.lines = context.lines.put(key, Line(id=shared, recent=recent, last_ms=context.now_ms))
    for opened in recent:
        _enter(context, opened.alert_id, shared, rule)


def _rule(rules: RulePack, case: Case, context: StepContext) -> LineRule | None:
    return rules.lines.get(context.kind(case.own_type).family)


def _enter(context: StepContext, case_id: AlertId, shared: str, rule: LineRule) -> None:
    case = context.case(case_id)
    if (
        case is None
        or case.apart
        or case.alert.group
        or case.alert.status is not AlertStatus.OPEN
        or any(part.proven for part in context.parts(case_id))
    ):
        return
    reason = rule.why(SHARED)
    context.update(case_id, pinned=(*case.pinned, reason), of_alert={"group": shared})
    context.add_transition(case_id, "line_shared", rule.text, reasons=(reason,))


def notice_copy(context: StepContext, event: Event, alert_id: AlertId | None) -> None:
    """A copy may prove what the first one did not: a panel whose clock was off sends its press again, in time."""
    if alert_id is not None and is_proven(event) and (case := context.root(alert_id)) is not None:
        leave(context, case.id)


def leave(context: StepContext, case_id: AlertId, *, actor: str = AUTOMATON) -> None:
    """Take the alert out of its line, for good; nothing when it is in none."""
    case = context.current(case_id)
    if not case.alert.group:
        return
    kept = tuple(reason for reason in case.pinned if reason.code != SHARED)
    context.update(case_id, pinned=kept, apart=True, of_alert={"group": ""})
    context.add_transition(case_id, "line_left", context.text("line_left"), actor=actor)
