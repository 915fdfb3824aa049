"""The part ``sink``: topics to tables, accounts and checkpoints each minute, housekeeping, retention, statistics and
doubted rules of cameras each hour; and what is open back to a broker that lost its log.

One process a store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core.errors import CiorError
from cior_core.model import Struct
from cior_core.privacy import Policy
from cior_core.signatures import OpensActions, nobody_signs
from cior_core.taxonomy import Taxonomy
from cior_register.deleting import Deleter
from cior_sink.checkpoints import Checkpointer, CheckpointPlace
from cior_sink.copy_door import CopyDoor
from cior_sink.held import RegisterHolds
from cior_sink.housekeeping import Housekeeper
from cior_sink.recalling import Recaller, SignsRecalls
from cior_sink.reconciling import Reconciler
from cior_sink.retention import Retention
from cior_sink.reviewing import RuleReviewer
from cior_sink.statistics import Statistics
from cior_sink.storing import Duties, StoreSink
from cior_store.centre_facts import CentreFacts, write_facts, write_types
from cior_store.engine import Store


class SinkCentre(Struct, frozen=True, kw_only=True):
    """What the sink knows of its centre. ``drill``: what it says about the accounts is part of an exercise.
    ``signer``: with what it tells a new log what was open. ``opens``: whose actions are stored. ``run``: the folder
    where a backup asks the owner of an embedded store; ``streams``: what workers read on the way to it.
    ``register``: where holds stand; None: nothing expires.
    """

    policy: Policy
    facts: CentreFacts
    taxonomy: Taxonomy
    checkpoints: CheckpointPlace
    drill: bool = False
    run: Path | None = None
    streams: Mapping[str, tuple[str, ...]] = {}
    signer: Callable[[], SignsRecalls]
    opens: OpensActions = nobody_signs
    register: Deleter | None = None


class SinkPart:
    """All threads of the sink. ``start`` and ``stop`` once; ``failure`` tells why storing ended (None: it runs)."""

    def __init__(
        self,
        bus_settings: BusSettings,
        store: Store,
        bus: Bus,
        *,
        centre: SinkCentre,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._store, self._centre, self._now_ms = store, centre, now_ms
        checkpointer = Checkpointer(centre.checkpoints, store, bus, now_ms=now_ms, drill=centre.drill)
        self._storing = StoreSink(
            bus_settings,
            store,
            bus,
            metrics=metrics,
            duties=Duties(drill=centre.drill, on_hold=checkpointer.now, opens=centre.opens),
        )
        reconciler = Reconciler(store, bus, now_ms=now_ms, drill=centre.drill)
        housekeeper = Housekeeper(store, now_ms=now_ms)
        self._held = RegisterHolds(centre.register, now_ms=now_ms) if centre.register is not None else None
        retention = Retention(
            store,
            policy=centre.policy,
            now_ms=now_ms,
            metrics=metrics,
            holds=self._held,
        )
        statistics = Statistics(store, facts=centre.facts, taxonomy=centre.taxonomy, now_ms=now_ms)
        self._periodic = [
            reconciler.thread,
            RuleReviewer(store, bus, now_ms=now_ms, drill=centre.drill).thread,
            checkpointer.thread,
            housekeeper.thread,
            retention.thread,
            statistics.thread,
            Recaller(bus_settings, store, bus, signer=centre.signer, now_ms=now_ms).thread,
        ]
        if store.dsn.embedded and centre.run is not None:
            self._periodic.append(CopyDoor(centre.run, store, bus_settings, streams=centre.streams).thread)

    def start(self) -> None:
        """Write what boards say of the city and its types, begin to store; the first periodic check comes later."""
        write_facts(self._store, self._centre.facts, now_ms=self._now_ms())
        write_types(self._store, self._centre.taxonomy, now_ms=self._now_ms())
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
        if self._held is not None:
            self._held.close()
        self._storing.stop()
