"""The step: one item of the area log in, a new state and effects out. Pure; see the package."""

from __future__ import annotations

import msgspec

from cior_core.correlate import muting, response
from cior_core.correlate.actions import NORMAL, ingest_action
from cior_core.correlate.intake import ingest_event
from cior_core.correlate.state import Seen, State
from cior_core.correlate.step_context import StepContext
from cior_core.model import (
    ActionItem,
    AlertId,
    AlertStatus,
    Effect,
    EventItem,
    Item,
    Receipt,
    ReceiptItem,
    TickItem,
)
from cior_core.rules import RulePack

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
_SWEEP_EVERY_MS = 600_000


def step(state: State, item: Item, rules: RulePack) -> tuple[State, tuple[Effect, ...]]:
    """Process one item; it raises nothing for any decoded item. Time never goes back: an earlier ``at_ms`` counts as
    now."""
    context = StepContext(state, rules, at_ms=item.at_ms, item_id=item.id)
    match item:
        case EventItem():
            ingest_event(context, item.event)
        case ActionItem():
            ingest_action(context, item.action)
        case ReceiptItem():
            _receipt(context, item.receipt)
        case TickItem():
            _tick(context)
    return context.finish()


def _receipt(context: StepContext, receipt: Receipt) -> None:
    key = f"r:{receipt.command_id}:{receipt.device}:{receipt.outcome}"
    if key not in context.seen:
        context.seen = context.seen.put(key, Seen(digest=receipt.outcome, at_ms=context.now_ms))
        response.ingest_receipt(context, receipt)


def _tick(context: StepContext) -> None:
    """Fire what is due, end what expired, forget what is old; each once."""
    for _, case in context.cases.where(
        lambda found: bool(found.alert.timers) or found.alert.suppression is not None
    ):
        if case.alert.timers:
            response.fire_due(context, case.id)
        if (mark := case.alert.suppression) is not None and mark.until_ms <= context.now_ms:
            muting.end(context, case.id, "suppression_expired", actor=mark.by)
    _end_posture(context)
    response.notice_unanswered(context)
    _end_watches_and_storms(context)
    if context.now_ms - context.head.swept_ms >= _SWEEP_EVERY_MS:
        context.head = replace(context.head, swept_ms=context.now_ms)
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
    for key, watch in context.watches.items():
        if watch.until_ms <= context.now_ms:
            context.drop("watches", key)
            context.add_area_transition(
                "watch_expired",
                context.text("watch_expired", alert=key),
                drill=watch.drill,
            )
    for key, storm in context.storms.items():
        if storm.until_ms <= context.now_ms:
            context.drop("storms", key)
            context.add_area_transition(
                "storm_expired",
                context.text("storm_expired", alert=key),
                drill=storm.drill,
            )


def _sweep(context: StepContext) -> None:
    """Forget seen ids, waiting events and closed alerts that are past their time.

    What an alert was stays in the store.
    """
    rule = context.rules.suppress
    for key, pending in context.pending.where(lambda found: found.until_ms <= context.now_ms):
        context.drop("pending", key)
        context.add_area_transition(
            "threshold_not_reached" if not pending.orphan else "orphan_lapsed",
            context.text("wait_over"),
            drill=pending.drill,
        )
    oldest_ms = context.now_ms - round(rule.forget_seen_h * _HOUR_MS)
    for key, _ in context.seen.where(lambda found: found.at_ms < oldest_ms):
        context.drop("seen", key)
    _forget_closed(context, round(rule.forget_closed_h * _HOUR_MS))


def _forget_closed(context: StepContext, horizon_ms: int) -> None:
    """Forget what was closed long ago, with all that was merged into it: as one, or not at all."""
    waiting: set[AlertId] = set()
    gone: set[AlertId] = set()
    for case in context.cases.values():
        root = context.root(case.id)
        if root is None or root.alert.status is not AlertStatus.CLOSED or root.alert.closed_ms is None:
            continue
        # A siren that sounds must still go off.
        if any(name.startswith(response.OFF) for name, _ in case.alert.timers):
            waiting.add(root.id)
        if context.now_ms - root.alert.closed_ms > horizon_ms:
            gone.add(case.id)
    gone = {case_id for case_id in gone if (root := context.root(case_id)) is None or root.id not in waiting}
    for case_id in sorted(gone):
        context.forget(case_id)
    for key, sent in context.sent.items():
        if sent.alert_id in gone:
            context.drop("sent", key)
    _forget_protocols(context)


def _forget_protocols(context: StepContext) -> None:
    """Drop the versions that no remembered case runs any more."""
    running = {mark for case in context.cases.values() for mark in case.protocols}
    for mark in [mark for mark, _ in context.protocols.items() if mark not in running]:
        context.drop("protocols", mark)
