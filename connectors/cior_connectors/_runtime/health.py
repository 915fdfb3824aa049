"""Connection states of one instance: unknown, up, degraded, down, with reason and since; logged once each way."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
import structlog

from cior_bus.metrics import Metrics
from cior_connectors._runtime import metrics as m

_LOG = structlog.get_logger(__name__)


class State(StrEnum):
    """How an instance does."""

    UNKNOWN = "unknown"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A state with its reason (a stable code) and the instant it began."""

    state: State
    reason: str
    since_ms: int

    @property
    def told(self) -> dict[str, Any]:
        """As attributes of the instance's own word."""
        return {"state": self.state.value, "reason": self.reason, "since_ms": self.since_ms}


class HealthBook:
    """Holds the state; ``on_change`` hears of every change (the new health, the state before) and only of changes."""

    def __init__(
        self,
        *,
        instance: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        on_change: Callable[[Health, State], None],
    ) -> None:
        self._instance = instance
        self._now_ms = now_ms
        self._metrics = metrics
        self._on_change = on_change
        self.health = Health(state=State.UNKNOWN, reason="not started", since_ms=now_ms())
        self._metrics.set(m.STATE, instance, value=0)

    def turn(self, state: State, reason: str = "") -> None:
        """Enter a state.

        The same state again, whatever its reason, is no change: a flapping cause is one line in the log.
        """
        if state is self.health.state:
            return
        before, self.health = self.health, Health(state=state, reason=reason, since_ms=self._now_ms())
        self._metrics.set(m.STATE, self._instance, value=list(State).index(state))
        lasted_s = max(0, self.health.since_ms - before.since_ms) / 1000
        log = _LOG.info if state is State.UP else _LOG.warning
        log(
            "connector_state_changed",
            instance=self._instance,
            state=state.value,
            before=before.state.value,
            reason=reason,
            lasted_s=lasted_s,
        )
        self._on_change(self.health, before.state)
