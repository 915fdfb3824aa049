"""A desk of one area: it hears events, and its operator closes what is open. No broker, no clock of its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from cior_core import bundled, correlate, rule_loading
from cior_core.correlate import initial
from cior_core.identity import item_id
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    ActionKind,
    Alert,
    AlertStatus,
    AppendTransition,
    Disposition,
    Effect,
    Event,
    EventItem,
    Item,
)
from cior_core.rules import RulePack
from cior_core.taxonomy import Taxonomy

RULES = Path(__file__).parents[2] / "streams" / "rules"


@cache
def city_rules() -> RulePack:
    """The rules that a city starts with."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.toml"))}
    return rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))


class Desk:
    """``effects`` holds everything that came out so far."""

    def __init__(self, rules: RulePack | None = None) -> None:
        self._rules = rules or city_rules()
        self.state = initial(DEFAULT_AREA)
        self.effects: list[Effect] = []

    def hear(self, events: Event | Iterable[Event]) -> None:
        """Each event as it was received; what never becomes an alert (positions, signs of life) is left out."""
        for event in [events] if isinstance(events, Event) else events:
            if event.type not in {"position", "heartbeat"}:
                key = item_id("event", DEFAULT_AREA, event.id)
                self._step(EventItem(id=key, area=DEFAULT_AREA, at_ms=event.received_ms, event=event))

    def close(self, *, at_ms: int) -> None:
        """The operator closes all that is open, as false alarms."""
        for alert in self.open:
            action = Action(
                id=f"close/{alert.id}/{at_ms}",
                kind=ActionKind.CLOSE,
                actor="operator-1",
                at_ms=at_ms,
                alert_id=alert.id,
                disposition=Disposition.FALSE_ALARM,
            )
            self._step(ActionItem(id=action.id, area=DEFAULT_AREA, at_ms=at_ms, action=action))

    def _step(self, item: Item) -> None:
        self.state, effects = correlate.step(self.state, item, self._rules)
        self.effects += effects

    @property
    def alerts(self) -> list[Alert]:
        """All alerts, in the order of their opening."""
        return sorted(self.state.alerts, key=lambda alert: (alert.opened_ms, alert.id))

    @property
    def open(self) -> list[Alert]:
        """Those that wait for somebody."""
        over = {AlertStatus.CLOSED, AlertStatus.MERGED}
        return [alert for alert in self.alerts if alert.status not in over]

    @property
    def told(self) -> list[str]:
        """Kinds of all transitions so far."""
        return [each.transition.kind for each in self.effects if isinstance(each, AppendTransition)]
