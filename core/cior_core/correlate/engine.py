"""The step: one item of the area log in, a new state and effects out. Pure; see the package."""

from __future__ import annotations

import msgspec

from cior_core.correlate import filming, muting, recall, response, silences, sirens, watched
from cior_core.correlate.actions import ingest_action
from cior_core.correlate.due import OFF
from cior_core.correlate.intake import ingest_event
from cior_core.correlate.quieting import NORMAL
from cior_core.correlate.state import Case, Seen, State
from cior_core.correlate.step_context import StepContext
from cior_core.model import (
    ActionItem,
    AlertId,
    Effect,
    EventItem,
    Item,
    RecallItem,
    Receipt,
    ReceiptItem,
    TickItem,
)
from cior_core.rules import RulePack

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
_SWEEP_EVERY_MS = 600_000
_SWEPT_MAX = 128
"""How many records one tick forgets: what a busy day leaves behind must not hold a press up three days later."""
_WAITING_MAX = 1024


def step(state: State, item: Item, rules: RulePack) -> tuple[State, tuple[Effect, ...]]:
    """Process one item; it raises nothing for any decoded item. Time never goes back: an earlier ``at_ms`` counts as
    now."""
    context = StepContext(state, rules, at_ms=item.at_ms, item_id=item.id)
    match item:
        case EventItem():
            ingest_event(context, item.event)
        case ActionItem():
            ingest_action(context, item)
        case ReceiptItem():
            _receipt(context, item.receipt)
        case TickItem():
            _tick(context)
        case RecallItem():
            recall.take_up(context, item.alert)
    filming.keep_grave(context)
    watched.ask(context)
    return context.finish()


def _receipt(context: StepContext, receipt: Receipt) -> None:
    key = f"r:{receipt.command_id}:{receipt.device}:{receipt.outcome}"
    if key not in context.seen:
        context.seen = context.seen.put(key, Seen(digest=receipt.outcome, at_ms=context.now_ms))
        response.ingest_receipt(context, receipt)


def _tick(context: StepContext) -> None:
    """Fire what is due, end what expired, forget what is old; each once."""
    silences.end_due(context)
    for case_id in sorted(case_id for _, case_id, _ in context.before.dues.cases.until(context.now_ms)):
        case = context.case(case_id)
        if case is not None and case.alert.timers:
            response.fire_due(context, case.id)
        if (
            case is not None
            and (mark := case.alert.suppression) is not None
            and mark.until_ms <= context.now_ms
        ):
            sentence = context.text("suppression_expired")
            muting.end(context, case.id, "suppression_expired", sentence, actor=mark.by)
    _end_posture(context)
    sirens.notice_unanswered(context)
    _end_watches_and_storms(context)
    if context.now_ms - context.head.swept_ms >= _SWEEP_EVERY_MS:
        _sweep(context)


def _end_posture(context: StepContext) -> None:
    posture = context.head.posture
    if posture is not None and posture.until_ms <= context.now_ms:
        context.head = replace(context.head, posture=None)
        context.add_area_transition(
            "posture_reverted",
            context.text("posture_expired", posture=posture.name, normal=NORMAL),
            actor=posture.by,
        )


def _end_watches_and_storms(context: StepContext) -> None:
    dues = context.before.dues
    for key in sorted(key for _, key, _ in dues.watches.until(context.now_ms)):
        if (watch := context.watches.get(key)) is not None:
            context.watch_no_more(key)
            context.add_area_transition(
                "watch_expired",
                context.text("watch_expired", alert=key),
                drill=watch.drill,
            )
    for key in sorted(key for _, key, _ in dues.storms.until(context.now_ms)):
        if (storm := context.storms.get(key)) is not None:
            context.drop("storms", key)
            context.add_area_transition(
                "storm_expired",
                context.text("storm_expired", alert=key),
                drill=storm.drill,
            )


def _sweep(context: StepContext) -> None:
    """Forget waiting events, seen ids and closed alerts that are past their time: some in this tick, the rest in the
    next ones.

    What an alert was stays in the store.
    """
    rule, dues, left = context.rules.suppress, context.before.dues, _SWEPT_MAX
    lapsed = dues.pending.until(context.now_ms, limit=left)
    for key in sorted(key for _, key, _ in lapsed):
        _lapse(context, key)
    left -= len(lapsed)
    old = dues.seen.until(context.now_ms - round(rule.forget_seen_h * _HOUR_MS) - 1, limit=left)
    for _, key, _ in old:
        context.drop("seen", key)
    left -= len(old)
    if left > 0 and _forget_closed(context, round(rule.forget_closed_h * _HOUR_MS), limit=left):
        context.head = replace(context.head, swept_ms=context.now_ms)
        _forget_protocols(context)


def _lapse(context: StepContext, key: str) -> None:
    """What an event waited for did not come."""
    pending = context.pending.get(key)
    if pending is not None:
        context.wait_no_more(key)
        context.add_area_transition(
            "orphan_lapsed" if pending.orphan else "threshold_not_reached",
            context.text("wait_over"),
            drill=pending.drill,
        )


def _forget_closed(context: StepContext, horizon_ms: int, *, limit: int) -> bool:
    """Forget what was closed long ago, with all that was merged into it: as one, or not at all. True: no more is due.

    A siren that sounds must still go off, so its alert waits.
    """
    due = context.before.dues.closed.until(context.now_ms - horizon_ms - 1, limit=_WAITING_MAX)
    for _, case_id, _ in due:
        family = _family(context, case_id)
        if any(name.startswith(OFF) for case in family for name, _ in case.alert.timers):
            continue
        if limit <= 0:
            return False
        for case in family:
            context.forget(case.id)
        limit -= len(family)
    return True


def _family(context: StepContext, case_id: AlertId | str) -> list[Case]:
    """The case and all that was merged into it, by id."""
    case = context.case(case_id)
    if case is None:
        return []
    inner = [found for alert_id in case.absorbed for found in _family(context, alert_id)]
    return sorted([case, *inner], key=lambda found: found.id)


def _forget_protocols(context: StepContext) -> None:
    """Drop the versions that no remembered case runs any more."""
    for mark in [mark for mark, _ in context.protocols.items() if mark not in context.uses]:
        context.drop("protocols", mark)
