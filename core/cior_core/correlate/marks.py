"""What became of the steps of an alert's protocols: done, skipped, escalated, or waiting for a person."""

from __future__ import annotations

from typing import Literal

from cior_core.correlate.state import Case
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, StepMark


def of(case: Case, step: str) -> StepMark | None:
    """The mark of a step (``<protocol>/<step>``), or None."""
    return next((mark for mark in case.alert.steps if mark.step == step), None)


def is_settled(case: Case, step: str) -> bool:
    """Whether a person did or skipped it."""
    found = of(case, step)
    return found is not None and found.outcome in {"done", "skipped"}


def mark(
    context: StepContext,
    case_id: AlertId,
    step: str,
    outcome: Literal["waiting", "done", "skipped", "escalated"],
    *,
    by: str,
    reason: str = "",
) -> None:
    """Write what became of a step; of what a person settled the timer is dropped."""
    alert = context.current(case_id).alert
    made = StepMark(step=step, outcome=outcome, at_ms=context.now_ms, by=by, reason=reason)
    others = tuple(known for known in alert.steps if known.step != step)
    timers = tuple(timer for timer in alert.timers if timer[0] != step)
    context.update_alert(case_id, steps=(*others, made), timers=timers)
