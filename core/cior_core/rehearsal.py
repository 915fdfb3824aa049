"""Playing a scenario under a rule pack: what came out, and which wants were not met."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cior_core import model, priority
from cior_core.correlate.play import play
from cior_core.correlate.state import State, initial
from cior_core.identity import item_id
from cior_core.model import (
    Action,
    ActionItem,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    AppendTransition,
    AreaId,
    CommandKind,
    Effect,
    Event,
    EventItem,
    IssueCommand,
    Item,
    Receipt,
    ReceiptItem,
    TickItem,
    TypeCode,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Scenario, Signal, Want, instant_ms, make_event, place_of
from cior_core.watching import BURST_TYPE


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario ended. ``failures`` are sentences; ``items`` and ``effects`` are all that went in and came out."""

    failures: tuple[str, ...]
    rules_hit: frozenset[str]
    items: tuple[Item, ...]
    effects: tuple[Effect, ...]
    state: State


def run(scenario: Scenario, rules: RulePack, *, area: AreaId = model.DEFAULT_AREA) -> Run:
    """Play ``scenario`` under ``rules`` on an empty area."""
    stage = _Stage(area)
    states = {area: initial(area)}
    for effect in play(stage.items_of(scenario), rules, states=states):
        stage.see(effect)
    return Run(
        failures=tuple(stage.failures),
        rules_hit=_rules_hit(stage.effects),
        items=tuple(stage.items),
        effects=tuple(stage.effects),
        state=states[area],
    )


def _rules_hit(effects: list[Effect] | tuple[Effect, ...]) -> frozenset[str]:
    """Every rule that gave a reason in ``effects``."""
    reasons = [
        reason
        for effect in effects
        if isinstance(effect, UpsertAlert | AppendTransition)
        for reason in (effect.alert if isinstance(effect, UpsertAlert) else effect.transition).reasons
    ]
    return frozenset(reason.rule for reason in reasons if reason.rule is not None)


_PLACED = frozenset({ActionKind.OPEN, ActionKind.MOVE})
"""Actions that say where."""


class _Stage:
    """The running play: what went in and came out so far, and the alerts in order of opening."""

    def __init__(self, area: AreaId) -> None:
        self.area = area
        self.items: list[Item] = []
        self.effects: list[Effect] = []
        self.alerts: dict[AlertId, Alert] = {}
        self.failures: list[str] = []

    def items_of(self, scenario: Scenario) -> Iterator[Item]:
        """Each signal and, before each want is checked, a tick. The loop takes an item when the effects so far were
        seen."""
        timeline: list[tuple[float, int, int, Signal | Want]] = [
            *((signal.at_s, 0, n, signal) for n, signal in enumerate(scenario.signals)),
            *((want.by_s, 1, n, want) for n, want in enumerate(scenario.wants)),
        ]
        for _, _, n, what in sorted(timeline, key=lambda entry: entry[:3]):
            item = self.item(what, n) if isinstance(what, Signal) else self.tick(what.by_s)
            self.items.append(item)
            yield item
            if isinstance(what, Want):
                self.check(what)

    def see(self, effect: Effect) -> None:
        self.effects.append(effect)
        if isinstance(effect, UpsertAlert):
            self.alerts[effect.alert.id] = effect.alert

    def tick(self, at_s: float) -> TickItem:
        at_ms = instant_ms(at_s)
        return TickItem(id=item_id("tick", self.area, str(at_ms)), area=self.area, at_ms=at_ms)

    def item(self, signal: Signal, n: int) -> Item:
        at_ms = instant_ms(signal.at_s)
        if signal.event is not None:
            event = make_event(signal, n=n)
            return EventItem(
                id=item_id("event", self.area, event.id), area=self.area, at_ms=at_ms, event=event
            )
        if signal.action is not None:
            action = self._action(signal, n, at_ms)
            return ActionItem(
                id=item_id("action", self.area, action.id), area=self.area, at_ms=at_ms, action=action
            )
        if signal.saw is not None:
            event = self._answer(signal, n)
            return EventItem(
                id=item_id("event", self.area, event.id), area=self.area, at_ms=at_ms, event=event
            )
        if signal.receipt is not None:
            commands = [effect.command for effect in self.effects if isinstance(effect, IssueCommand)]
            receipt = Receipt(
                command_id=commands[signal.command].id,
                device=signal.source,
                at_ms=at_ms,
                outcome=signal.receipt,
            )
            return ReceiptItem(
                id=item_id("receipt", self.area, f"{receipt.command_id}/{n}"),
                area=self.area,
                at_ms=at_ms,
                receipt=receipt,
            )
        return TickItem(id=item_id("tick", self.area, f"{at_ms}/{n}"), area=self.area, at_ms=at_ms)

    def _answer(self, signal: Signal, n: int) -> Event:
        """What a camera that was asked to look saw."""
        asked = [
            effect.command.id
            for effect in self.effects
            if isinstance(effect, IssueCommand)
            and effect.command.target == f"camera:{signal.source}"
            and effect.command.kind is CommandKind.BURST
        ]
        command = asked[signal.command] if signal.command < len(asked) else "none"
        attributes = {"command": command, "sequence": n, "pictures": 10, **(signal.saw or {})}
        return make_event(msgspec.structs.replace(signal, event=BURST_TYPE, attributes=attributes), n=n)

    def _action(self, signal: Signal, n: int, at_ms: int) -> Action:
        ids = list(self.alerts)
        until_ms = None if signal.for_s is None else at_ms + round(signal.for_s * 1000)
        return Action(
            id=signal.id or f"action-{n}",
            kind=signal.action or ActionKind.NOTE,
            actor=signal.by,
            at_ms=at_ms,
            area=self.area,
            alert_id=ids[signal.alert] if signal.alert < len(ids) else None,
            target_ids=tuple(ids[other] for other in signal.others if other < len(ids)),
            reason=signal.reason,
            disposition=signal.disposition,
            posture=signal.posture,
            until_ms=until_ms,
            seen_version=signal.seen,
            assignee=signal.assignee,
            owner=signal.owner,
            agency=signal.agency,
            unit=signal.unit,
            stage=signal.stage,
            attended=signal.attended,
            step=signal.step,
            place=place_of(signal) if signal.action in _PLACED else None,
            type=None if signal.type is None else TypeCode(signal.type),
            level=signal.level,
            text=signal.text,
            drill=signal.drill,
            scope=signal.scope,
            silence=signal.silence,
            line=self._line(signal),
            rings=signal.rings,
        )

    def _line(self, signal: Signal) -> str | None:
        """``line`` of a signal: the number of the alert whose shared line is meant."""
        if signal.line is None:
            return None
        return list(self.alerts.values())[signal.line].group if signal.line < len(self.alerts) else "none"

    def check(self, want: Want) -> None:
        self.failures += [
            f"by {want.by_s:g} s wanted {name} {wanted!r}, saw {seen!r}"
            for name, wanted, seen in self._compare(want)
            if wanted is not None and wanted != seen
        ]

    def _compare(self, want: Want) -> list[tuple[str, object, object]]:
        shown = [alert for alert in self.alerts.values() if alert.status is not AlertStatus.MERGED]
        kinds = [effect.transition.kind for effect in self.effects if isinstance(effect, AppendTransition)]
        rows: list[tuple[str, object, object]] = [
            ("alerts", want.alerts, len(shown)),
            ("lines", want.lines, len({alert.group or alert.id for alert in shown})),
            ("first", want.first, self._first()),
            ("commands", want.commands, self._commands(want.commands or {})),
            (
                "transition",
                want.transition,
                want.transition if want.transition in kinds else sorted(set(kinds)),
            ),
            (
                "no transition",
                want.no_transition,
                None if want.no_transition in kinds else want.no_transition,
            ),
        ]
        alerts = list(self.alerts.values())
        if want.which >= len(alerts):
            asked = any(getattr(want, name) is not None for name in _OF_ALERT)
            return [*rows, ("alert number", want.which, f"{len(alerts)} alerts")] if asked else rows
        return rows + _compare_alert(want, alerts[want.which])

    def _first(self) -> int | None:
        """The number of the alert that leads the queue; None when nothing is to be done."""
        queue = [
            alert
            for alert in self.alerts.values()
            if alert.status not in {AlertStatus.MERGED, AlertStatus.CLOSED}
        ]
        return list(self.alerts).index(min(queue, key=priority.order).id) if queue else None

    def _commands(self, wanted: dict[str, int]) -> dict[str, int]:
        kinds = [effect.command.kind.value for effect in self.effects if isinstance(effect, IssueCommand)]
        return {kind: kinds.count(kind) for kind in wanted}


_OF_ALERT = (
    "type",
    "level",
    "status",
    "members",
    "sources",
    "links",
    "rule",
    "reason",
    "silent",
    "degraded",
    "suppressed",
    "grouped",
    "hidden",
    "assignee",
    "agencies",
    "disagreement",
    "ruled",
)


def _compare_alert(want: Want, alert: Alert) -> list[tuple[str, object, object]]:
    rules = {reason.rule for reason in alert.reasons}
    codes = {reason.code for reason in alert.reasons}
    return [
        ("type", want.type, alert.type),
        ("level", want.level, alert.level),
        ("status", want.status, alert.status),
        ("members", want.members, len(alert.members)),
        ("sources", want.sources, len({member.independence for member in alert.members})),
        ("links", want.links, len(alert.links)),
        ("rule", want.rule, want.rule if want.rule in rules else sorted(map(str, rules))),
        ("reason", want.reason, want.reason if want.reason in codes else sorted(codes)),
        ("silent", want.silent, alert.silent),
        ("degraded", want.degraded, alert.degraded),
        ("suppressed", want.suppressed, alert.suppression is not None),
        ("grouped", want.grouped, bool(alert.group)),
        ("hidden", want.hidden, 0 if alert.suppression is None else alert.suppression.hidden),
        ("assignee", want.assignee, alert.assignee),
        ("agencies", want.agencies, {clock.agency: clock.stage for clock in alert.agencies}),
        ("disagreement", want.disagreement, alert.disagreement),
        ("ruled", want.ruled, alert.ruling is not None),
    ]
