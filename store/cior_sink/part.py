"""The part ``sink``: topics to tables, accounts each minute, housekeeping and retention each hour.

One process a store.
"""

from __future__ import annotations

from collections.abc import Callable

from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core.errors import CiorError
from cior_core.privacy import Policy
from cior_sink.housekeeping import Housekeeper
from cior_sink.reconciling import Reconciler
from cior_sink.retention import Retention
from cior_sink.storing import StoreSink
from cior_store.engine import Store


class SinkPart:
    """All threads of the sink. ``start`` and ``stop`` once; ``failure`` tells why storing ended (None: it runs).

    ``drill``: what it says about the accounts is part of an exercise.
    """

    def __init__(
        self,
        bus_settings: BusSettings,
        store: Store,
        bus: Bus,
        *,
        policy: Policy,
        now_ms: Callable[[], int],
        metrics: Metrics,
        drill: bool = False,
    ) -> None:
        self._storing = StoreSink(bus_settings, store, bus, metrics=metrics)
        reconciler = Reconciler(store, bus, now_ms=now_ms, drill=drill)
        housekeeper = Housekeeper(store, now_ms=now_ms)
        retention = Retention(store, policy=policy, now_ms=now_ms, metrics=metrics)
        self._periodic = (reconciler.thread, housekeeper.thread, retention.thread)

    def start(self) -> None:
        """Begin to store; the first periodic check comes later."""
        self._storing.start()
        for thread in self._periodic:
            thread.start()

    @property
    def failure(self) -> CiorError | None:
        """Why storing ended."""
        return self._storing.failure

    def stop(self) -> None:
        """End every thread; what was not committed comes again at the next start."""
        for thread in self._periodic:
            thread.stop()
        self._storing.stop()
