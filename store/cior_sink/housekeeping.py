"""What a store needs from time to time: closed days' rollups against their base, refilled where they differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import structlog

from cior_sink.periodic import Periodic
from cior_store import rollups
from cior_store.engine import Store
from cior_store.rollups import Drift

log = structlog.get_logger("cior_sink.housekeeping")

DAYS_BACK = 3
"""How many closed days a new process looks at: a centre that was off over a weekend finds its Friday."""

SETTLE_MS = 600_000
"""A day counts as closed so long after its midnight: until then batches of its last minute are still being written."""


class Housekeeper:
    """``thread`` looks after ``first_s``, then each ``every_s``. Days are of receipt, UTC."""

    def __init__(
        self, store: Store, *, now_ms: Callable[[], int], first_s: float = 300.0, every_s: float = 3_600.0
    ) -> None:
        self._store, self._now_ms = store, now_ms
        self._sound: set[date] = set()
        self.thread = Periodic("housekeeper", self.look, every_s=every_s, first_s=first_s)

    def look(self) -> tuple[Drift, ...]:
        """Repair the closed days that this process has not yet found sound; what had drifted.

        A repaired day is looked at again the next time, since rows that came while it was filled may stand in it twice.
        Raises ``SourceUnavailable``; such a day comes again.
        """
        today = datetime.fromtimestamp((self._now_ms() - SETTLE_MS) / 1_000, UTC).date()
        drifted: list[Drift] = []
        for days in range(DAYS_BACK, 0, -1):
            day = today - timedelta(days=days)
            if day in self._sound or self.thread.stopping.is_set():
                continue
            found = rollups.repair(self._store, day, today=today)
            drifted += found
            if not found:
                self._sound.add(day)
        if drifted:
            log.warning("rollups_repaired", days=len({each.day for each in drifted}), rollups=len(drifted))
        return tuple(drifted)
