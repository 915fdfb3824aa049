"""The scenario language: signals on a relative clock, and what must be seen by when. An operator can read it, a machine runs it.

In TOML (a rule's ``fires`` and ``quiet``, files under tests/scenario) or with the structs directly::

    signals = [
      { at_s = 0, event = "transit.panic.bus", from = "bus-12" },
      { at_s = 4, event = "vision.person_down", from = "cam-7", east_m = 30 },
    ]
    wants = [
      { by_s = 1, alerts = 1, level = "P1" },
      { by_s = 5, alerts = 1, members = 2, rule = "merge.same-incident" },
    ]

Places are metres east and north of a reference point. Each want is preceded by a tick at its ``by_s``, so that timers due by then have run.
"""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cior_core import model
from cior_core.correlate import State, initial, step
from cior_core.identity import event_id, item_id
from cior_core.model import (
    Action,
    ActionItem,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    AppendTransition,
    ClockQuality,
    DataClass,
    Disposition,
    Effect,
    Event,
    EventItem,
    IssueCommand,
    Item,
    Level,
    Phase,
    Place,
    PlaceMethod,
    Receipt,
    ReceiptItem,
    TickItem,
    TypeCode,
    UpsertAlert,
)

if TYPE_CHECKING:
    from cior_core.rules import RulePack

START_MS = 1_790_000_000_000
"""The instant of ``at_s = 0``: any fixed one would do."""

ORIGIN = (-32.9468, -60.6393)
"""Latitude and longitude of ``east_m = north_m = 0``."""

_M_PER_DEGREE = 111_195.0


class Signal(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}
):
    """One thing that happens at ``at_s``: an ``event`` of a type, an operator's ``action``, a ``receipt`` or a bare ``tick``.

    An event happened ``ago_s`` before it came; two signals with one ``id`` are one press sent twice (with other facts: a conflicting copy);
    ``record`` is a call centre's number, and makes each record a source of its own. ``alert`` counts alerts in the order of their opening.
    """

    at_s: float
    event: str | None = None
    source: str = ""
    id: str | None = None
    phase: Phase = Phase.NEW
    located: bool = True
    east_m: float = 0.0
    north_m: float = 0.0
    accuracy_m: float | None = 10.0
    ago_s: float = 0.0
    clock: ClockQuality = ClockQuality.SYNCED
    clock_error_s: float | None = None
    district: str | None = None
    data_class: DataClass = DataClass.RESTRICTED
    life_safety: bool = False
    registered: bool | None = None
    independence: str | None = None
    record: str | None = None
    drill: bool = False
    attributes: dict[str, Any] = {}
    action: ActionKind | None = None
    alert: int = 0
    others: tuple[int, ...] = ()
    by: str = "operator-1"
    reason: str = ""
    disposition: Disposition | None = None
    posture: str | None = None
    for_s: float | None = None
    receipt: Literal["accepted", "done", "refused", "failed", "expired"] | None = None
    command: int = 0
    tick: bool = False


class Want(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold at ``by_s``; what is not named is not asked. ``alerts`` counts those not merged into another; the other fields
    speak of the alert number ``which`` (in the order of opening). ``commands`` counts by kind; ``told`` names a transition's kind."""

    by_s: float
    alerts: int | None = None
    which: int = 0
    type: str | None = None
    level: Level | None = None
    status: AlertStatus | None = None
    members: int | None = None
    sources: int | None = None
    links: int | None = None
    rule: str | None = None
    reason: str | None = None
    silent: bool | None = None
    degraded: bool | None = None
    suppressed: bool | None = None
    commands: dict[str, int] | None = None
    told: str | None = None
    untold: str | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signals and wants; both are sorted by time, wants after signals of the same instant."""

    signals: tuple[Signal, ...]
    wants: tuple[Want, ...]
    title: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario ended. ``failures`` are sentences; ``items`` and ``effects`` are the whole story."""

    failures: tuple[str, ...]
    rules_hit: frozenset[str]
    items: tuple[Item, ...]
    effects: tuple[Effect, ...]
    state: State


def run(scenario: Scenario, rules: RulePack, *, area: model.AreaId = model.DEFAULT_AREA) -> Run:
    """Play ``scenario`` under ``rules`` on an empty area."""
    stage = _Stage(rules, area)
    timeline: list[tuple[float, int, int, Signal | Want]] = [
        *((signal.at_s, 0, n, signal) for n, signal in enumerate(scenario.signals)),
        *((want.by_s, 1, n, want) for n, want in enumerate(scenario.wants)),
    ]
    timeline.sort(key=lambda entry: entry[:3])
    for _, _, n, what in timeline:
        if isinstance(what, Signal):
            stage.play(stage.item(what, n))
        else:
            stage.tick(what.by_s)
            stage.check(what)
    return Run(
        failures=tuple(stage.failures),
        rules_hit=rules_hit(stage.effects),
        items=tuple(stage.items),
        effects=tuple(stage.effects),
        state=stage.state,
    )


def rules_hit(effects: list[Effect] | tuple[Effect, ...]) -> frozenset[str]:
    """Every rule that gave a reason in ``effects``."""
    reasons = [
        reason
        for effect in effects
        if not isinstance(effect, IssueCommand)
        for reason in (effect.alert if isinstance(effect, UpsertAlert) else effect.transition).reasons
    ]
    return frozenset(reason.rule for reason in reasons if reason.rule is not None)


def make_event(signal: Signal, *, n: int = 0) -> Event:
    """The canonical event of an ``event`` signal."""
    at_ms = _at(signal.at_s)
    native = signal.id or signal.record or f"{signal.event}/{signal.source}/{signal.at_s}/{n}"
    return Event(
        id=event_id(f"urn:scenario:{signal.source}", signal.id or native, 0 if signal.id else n),
        source=f"urn:scenario:{signal.source}",
        type=TypeCode(signal.event or ""),
        subject=signal.source,
        phase=signal.phase,
        occurred_ms=at_ms - round(signal.ago_s * 1000),
        received_ms=at_ms,
        clock=signal.clock,
        clock_error_s=signal.clock_error_s,
        place=_place(signal),
        data_class=signal.data_class,
        life_safety=signal.life_safety,
        drill=signal.drill,
        registered=signal.registered,
        independence=signal.independence or (f"{signal.source}/{signal.record}" if signal.record else None),
        native_key=signal.record,
        attributes=signal.attributes,
    )


class _Stage:
    """The running play: the state, what came out so far, and the alerts in order of opening."""

    def __init__(self, rules: RulePack, area: model.AreaId) -> None:
        self.rules = rules
        self.area = area
        self.state = initial(area)
        self.items: list[Item] = []
        self.effects: list[Effect] = []
        self.alerts: dict[AlertId, Alert] = {}
        self.failures: list[str] = []

    def play(self, item: Item) -> None:
        self.items.append(item)
        self.state, effects = step(self.state, item, self.rules)
        self.effects.extend(effects)
        self.alerts.update(
            {effect.alert.id: effect.alert for effect in effects if isinstance(effect, UpsertAlert)}
        )

    def tick(self, at_s: float) -> None:
        at_ms = _at(at_s)
        self.play(TickItem(id=item_id("tick", self.area, str(at_ms)), area=self.area, at_ms=at_ms))

    def item(self, signal: Signal, n: int) -> Item:
        at_ms = _at(signal.at_s)
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
        )

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
            ("commands", want.commands, self._commands(want.commands or {})),
            ("told", want.told, want.told if want.told in kinds else sorted(set(kinds))),
            ("untold", want.untold, want.untold if want.untold not in kinds else f"{want.untold} told"),
        ]
        alerts = list(self.alerts.values())
        if want.which >= len(alerts):
            asked = any(getattr(want, name) is not None for name in _OF_ALERT)
            return [*rows, ("alert number", want.which, f"{len(alerts)} alerts")] if asked else rows
        return rows + _compare_alert(want, alerts[want.which])

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
    ]


def _place(signal: Signal) -> Place:
    if signal.data_class is DataClass.SEALED or (not signal.located and signal.district):
        return Place(method=PlaceMethod.DISTRICT, district=signal.district)
    if not signal.located:
        return model.UNKNOWN_PLACE
    lat = ORIGIN[0] + signal.north_m / _M_PER_DEGREE
    lon = ORIGIN[1] + signal.east_m / (_M_PER_DEGREE * cos(radians(ORIGIN[0])))
    return Place(
        method=PlaceMethod.GPS,
        lat=round(lat, 7),
        lon=round(lon, 7),
        accuracy_m=signal.accuracy_m,
        district=signal.district,
    )


def _at(at_s: float) -> int:
    return START_MS + round(at_s * 1000)
