"""What a store needs from time to time: rollups of closed days are compared with their base and filled again where they differ.

Retention is not run from here yet: the deleter asks a register of holds first (law 7), and that register comes with the evidence room. Until then
nothing expires.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import structlog

from cior_core.errors import SourceUnavailable
from cior_store import rollups
from cior_store.engine import Store
from cior_store.rollups import Drift

log = structlog.get_logger("cior.housekeeping")

DAYS_BACK = 3
"""How many closed days a new process looks at: a centre that was off over a weekend finds its Friday."""


class Housekeeper:
    """A thread in the process that owns the store. Days are of receipt, UTC."""

    def __init__(
        self, store: Store, *, now_ms: Callable[[], int], first_s: float = 300.0, every_s: float = 3_600.0
    ) -> None:
        self._store, self._now_ms, self._first_s, self._every_s = store, now_ms, first_s, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._done: set[date] = set()

    def start(self) -> None:
        """Look after ``first_s``, then each ``every_s``; each closed day is repaired once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stop.wait(wait_s):
            wait_s = self._every_s
            try:
                self.look()
            except SourceUnavailable as error:
                log.warning("housekeeping_postponed", code=error.code)

    def look(self) -> tuple[Drift, ...]:
        """Repair the closed days that this process has not looked at; what had drifted. Raises ``SourceUnavailable``; such a day comes again."""
        today = datetime.fromtimestamp(self._now_ms() / 1_000, UTC).date()
        drifted: list[Drift] = []
        for days in range(DAYS_BACK, 0, -1):
            day = today - timedelta(days=days)
            if day in self._done or self._stop.is_set():
                continue
            drifted += rollups.repair(self._store, day, today=today)
            self._done.add(day)
        if drifted:
            log.warning("rollups_repaired", days=len({each.day for each in drifted}), rollups=len(drifted))
        return tuple(drifted)
