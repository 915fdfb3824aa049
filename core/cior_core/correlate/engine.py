"""The step: one item of the area log in, a new state and effects out. Pure; see the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cior_core.correlate import response
from cior_core.correlate.actions import NORMAL, take_action
from cior_core.correlate.draft import Draft
from cior_core.correlate.intake import take_event
from cior_core.correlate.state import Seen, State
from cior_core.model import ActionItem, AlertStatus, Effect, EventItem, Item, Receipt, ReceiptItem, TickItem

if TYPE_CHECKING:
    from cior_core.rules import RulePack

replace = msgspec.structs.replace

_HOUR_MS = 3_600_000
_SWEEP_EVERY_MS = 600_000


def step(state: State, item: Item, rules: RulePack) -> tuple[State, tuple[Effect, ...]]:
    """Process one item. ``now`` is ``max(state.head.now_ms, item.at_ms)``: time never goes back. Raises nothing for any decoded item."""
    draft = Draft(state, rules, at_ms=item.at_ms, item_id=item.id)
    match item:
        case EventItem():
            take_event(draft, item.event)
        case ActionItem():
            take_action(draft, item.action)
        case ReceiptItem():
            _receipt(draft, item.receipt)
        case TickItem():
            _tick(draft)
    return draft.finish()


def _receipt(draft: Draft, receipt: Receipt) -> None:
    key = f"r:{receipt.command_id}:{receipt.device}:{receipt.outcome}"
    if key not in draft.seen:
        draft.seen = draft.seen.put(key, Seen(digest=receipt.outcome, at_ms=draft.now_ms))
        response.take_receipt(draft, receipt)


def _tick(draft: Draft) -> None:
    """Fire what is due, end what expired, forget what is old; each once."""
    for _, case in draft.cases.where(
        lambda found: bool(found.alert.timers) or found.alert.suppression is not None
    ):
        if case.alert.timers:
            response.fire_due(draft, case)
        if (
            (mark := case.alert.suppression) is not None
            and mark.until_ms <= draft.now_ms
            and (now := draft.case(case.id)) is not None
        ):
            draft.put(replace(now, alert=replace(now.alert, suppression=None)))
            draft.say(
                case.id,
                "suppression_expired",
                "Venció el silencio.",
                "The suppression expired.",
                actor=mark.by,
            )
    _end_posture(draft)
    response.notice_unanswered(draft)
    _end_watches_and_storms(draft)
    if draft.now_ms - draft.head.swept_ms >= _SWEEP_EVERY_MS:
        draft.head = replace(draft.head, swept_ms=draft.now_ms)
        _sweep(draft)


def _end_posture(draft: Draft) -> None:
    posture = draft.head.posture
    if posture is not None and posture.until_ms <= draft.now_ms:
        draft.head = replace(draft.head, posture=None)
        draft.say_area(
            "posture_reverted",
            f"Venció la postura {posture.name}: vuelve a {NORMAL}.",
            f"Posture {posture.name} expired: back to {NORMAL}.",
            actor=posture.by,
        )


def _end_watches_and_storms(draft: Draft) -> None:
    for key, watch in draft.watches.items():
        if watch.until_ms <= draft.now_ms:
            draft.drop("watches", key)
            draft.say_area(
                "watch_expired",
                f"Venció la atención de zona por {key}.",
                f"The watch of alert {key} expired.",
                drill=watch.drill,
            )
    for key, storm in draft.storms.items():
        if storm.until_ms <= draft.now_ms:
            draft.drop("storms", key)
            draft.say_area(
                "storm_expired",
                f"Terminó el modo tormenta de {key}.",
                f"Storm mode of {key} ended.",
                drill=storm.drill,
            )


def _sweep(draft: Draft) -> None:
    """Forget seen ids, waiting events and closed alerts that are past their time. What an alert was stays in the store."""
    rule = draft.rules.suppress
    for key, pending in draft.pending.where(lambda found: found.until_ms <= draft.now_ms):
        draft.drop("pending", key)
        draft.say_area(
            "threshold_not_reached" if not pending.orphan else "orphan_lapsed",
            "Un aviso en espera no llegó a ser alerta.",
            "A waiting event did not become an alert.",
            drill=pending.drill,
        )
    oldest_ms = draft.now_ms - round(rule.forget_seen_h * _HOUR_MS)
    for key, _ in draft.seen.where(lambda found: found.at_ms < oldest_ms):
        draft.drop("seen", key)
    _forget_closed(draft, round(rule.forget_closed_h * _HOUR_MS))


def _forget_closed(draft: Draft, horizon_ms: int) -> None:
    gone: set[str] = set()
    for case in draft.cases.values():
        root = draft.root(case.id)
        closed_ms = (
            None if root is None or root.alert.status is not AlertStatus.CLOSED else root.alert.closed_ms
        )
        off = any(name.startswith("off/") for name, _ in case.alert.timers)
        if closed_ms is not None and draft.now_ms - closed_ms > horizon_ms and not off:
            gone.add(case.id)
    for case_id in sorted(gone):
        if (found := draft.case(case_id)) is not None:
            draft.forget(found)
    for key, sent in draft.sent.items():
        if sent.alert_id in gone:
            draft.drop("sent", key)
