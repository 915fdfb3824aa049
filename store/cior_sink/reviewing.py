"""Once an hour: which rules of cameras are mostly wrong? Whoever set them up is asked to look; no rule is ever silenced
or changed by that.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core.model import Event, Producer
from cior_core.system_events import system_event
from cior_sink.periodic import Periodic
from cior_store.engine import Store
from cior_store.rule_reviews import TYPE, Doubted, doubted

log = structlog.get_logger("cior_sink.reviewing")

SOURCE = "urn:cior:store"
WINDOW_MS = 30 * 86_400_000
"""Judgements count for so long, and who was told is told again after it, if it is still so."""


def review_event(one: Doubted, *, now_ms: int, drill: bool = False) -> Event:
    """The event that asks for a review of one rule in one version. Its id follows from these and the window."""
    key = f"{one.camera}:{one.rule}:{one.rule_version}:{now_ms // WINDOW_MS}"
    return system_event(
        TYPE,
        source=SOURCE,
        subject=one.camera,
        key=f"{TYPE}:{key}",
        at_ms=now_ms,
        producer=Producer(connector="cior.store", version="1"),
        drill=drill,
        native_key=key,
        attributes={
            "rule": one.rule,
            "rule_version": one.rule_version,
            "kind": one.kind,
            "judged": one.judged,
            "false_alarms": one.false_alarms,
            "false_share_low": round(one.false_share_low, 3),
            "review_above": one.review_above,
        },
    )


class RuleReviewer:
    """``thread`` looks each ``every_s``."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        *,
        now_ms: Callable[[], int],
        every_s: float = 3600.0,
        drill: bool = False,
    ) -> None:
        self._store, self._bus, self._now_ms, self._drill = store, bus, now_ms, drill
        self._told: set[str] = set()
        self.thread = Periodic("rule-reviewer", self.look, every_s=every_s)

    def look(self) -> tuple[Doubted, ...]:
        """One look: what is doubted and was not told goes to the bus. Returns it."""
        now_ms = self._now_ms()
        events = {}
        for one in doubted(self._store, since_ms=now_ms - WINDOW_MS):
            event = review_event(one, now_ms=now_ms, drill=self._drill)
            if event.id not in self._told:
                events[event.id] = (event, one)
        if events:
            log.warning("camera_rules_doubted", rules=len(events))
            self._bus.publish_sync([MessageOut.of(event) for event, _ in events.values()])
            self._told.update(events)
        return tuple(one for _, one in events.values())
