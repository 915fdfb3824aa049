"""Retention as the sink runs it: what is past its time goes, unless a hold keeps it or may keep it (law 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from cior_bus.metrics import Metrics
from cior_core.errors import SourceUnavailable
from cior_core.privacy import Policy
from cior_sink.metrics import OVERDUE
from cior_sink.periodic import Periodic
from cior_store.engine import Store
from cior_store.expire import Expirer, Hold, HoldSource, Outcome

log = structlog.get_logger("cior_sink.retention")


class ClaimedHolds(HoldSource, Protocol):
    """Holds that are told what is about to go."""

    def claim(self, outcome: Outcome) -> None:
        """Write a deletion down before it is carried out; what this raises keeps it from being carried out."""
        ...


class NoRegister:
    """The holds while there is no register: it cannot answer, so nothing is deleted."""

    def holds(self) -> Sequence[Hold]:
        """Raises ``SourceUnavailable``."""
        raise SourceUnavailable(
            "register.absent", "there is no register of holds yet", cure="nothing expires until there is one"
        )

    def claim(self, outcome: Outcome) -> None:
        """Raises ``SourceUnavailable``."""
        raise SourceUnavailable("register.absent", f"{outcome.target} stays: there is no register of holds")


class Retention:
    """``thread`` checks after ``first_s``, then each ``every_s``. Deletes through :class:`Expirer` only."""

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy,
        now_ms: Callable[[], int],
        holds: ClaimedHolds | None = None,
        metrics: Metrics | None = None,
        first_s: float = 600.0,
        every_s: float = 3_600.0,
    ) -> None:
        self._holds: ClaimedHolds = holds or NoRegister()
        self._expirer = Expirer(store, policy=policy, holds=self._holds, on_decision=self._record_decision)
        self._now_ms, self._metrics = now_ms, metrics or Metrics()
        self.thread = Periodic("retention", self.check, every_s=every_s, first_s=first_s)

    def check(self) -> tuple[Outcome, ...]:
        """One round. What was kept is logged by reason and stays in the gauge until the next round."""
        outcomes = self._expirer.expire(now_ms=self._now_ms())
        kept = Counter(each.reason or each.done for each in outcomes if each.done != "deleted")
        for reason in ("expire.holds_unknown", "expire.events_last", "hold.placed_meanwhile", "held"):
            self._metrics.set(OVERDUE, reason, value=kept[reason])
        if outcomes:
            deleted = sum(each.done == "deleted" for each in outcomes)
            log.warning("retention_checked", deleted=deleted, kept=dict(kept))
        return outcomes

    def _record_decision(self, outcome: Outcome) -> None:
        if outcome.done == "deleted":
            self._holds.claim(outcome)
            log.warning("day_expires", table=outcome.target, day=outcome.day)
