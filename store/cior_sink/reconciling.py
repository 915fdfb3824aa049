"""Once a minute: is what was accepted also stored?

A gap becomes an urgent event, so that the room hears of it as of any alarm (S01, N16).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core.model import ClockQuality, Event, Producer
from cior_core.system_events import system_event
from cior_sink.periodic import Periodic
from cior_store import reconcile
from cior_store.engine import Store
from cior_store.questions import AccountingQuestions
from cior_store.reconcile import Gap, ReconcileSettings

log = structlog.get_logger("cior_sink.reconciling")

SOURCE = "urn:cior:reconciliation"


def gap_event(gap: Gap, *, now_ms: int, drill: bool = False) -> Event:
    """The event of a gap.

    Its id follows from the minute and the size, so that finding the same gap again says nothing new.
    """
    return system_event(
        "accounting.gap",
        source=SOURCE,
        subject=f"connector:{gap.instance or gap.connector}",
        key=gap.key,
        at_ms=now_ms,
        occurred_ms=gap.minute_ms,
        clock=ClockQuality.SYNCED,
        producer=Producer(connector="cior.reconciliation", version="1"),
        drill=drill,
        native_key=gap.key,
        attributes={
            "missing_raw": gap.missing_raw,
            "missing_outcomes": gap.missing_outcomes,
            "accepted": gap.accepted or 0,
            "connector": gap.connector,
        },
    )


class Reconciler:
    """``thread`` checks each ``every_s``."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        *,
        now_ms: Callable[[], int],
        every_s: float = 60.0,
        settings: ReconcileSettings | None = None,
        drill: bool = False,
    ) -> None:
        self._store, self._bus, self._now_ms, self._settings = store, bus, now_ms, settings
        self._drill = drill
        self._told: set[str] = set()
        self.thread = Periodic("reconciler", self.look, every_s=every_s)

    def look(self) -> tuple[Gap, ...]:
        """One check: findings to the store, new gaps to the urgent lane. Returns the gaps."""
        now_ms = self._now_ms()
        checked = reconcile.check(AccountingQuestions(self._store), now_ms=now_ms, settings=self._settings)
        reconcile.record(self._store, checked, now_ms=now_ms)
        found = reconcile.gaps(checked)
        fresh = [gap for gap in found if gap.key not in self._told]
        if fresh:
            log.error(
                "accounting_gap_found", gaps=len(fresh), missing_raw=sum(gap.missing_raw for gap in fresh)
            )
            events = [gap_event(gap, now_ms=now_ms, drill=self._drill) for gap in fresh]
            self._bus.publish_sync([MessageOut.of(event) for event in events])
            self._told.update(gap.key for gap in fresh)
        return found
