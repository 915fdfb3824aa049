"""Wires the bus's batch consumer to the store's sink: which topic goes to which table, in which order, and what is
committed when.

Three consumers in threads of one process: *alerts* alone (due after 20 ms, so that a press is in the store's questions
at once and never waits for its own story), *prompt* with transitions, commands, actions, receipts and requests (due
after 50 ms), *bulk* with raw records, events and dead letters. An insert of events costs 50 ms of processor time
whether it holds one event or five hundred (``benchmarks/bench_store.py``), so bulk batches gather for four seconds.
Under load all three gather longer, so that the store takes its share of the machine and no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from cior_bus import topics
from cior_bus.batch_plan import BatchPlan
from cior_bus.consumer import Batch, BatchConsumer, Join
from cior_bus.gathering import BatchLimits
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_core.alert_age import opening_receipt_ms
from cior_core.catalogue import KIND_OF_TOPIC, Kind
from cior_core.errors import CiorError, PayloadRejected
from cior_core.model import (
    Action,
    ActionKind,
    Alert,
    Command,
    CommandKind,
    DeadLetter,
    Event,
    RawRecord,
    Struct,
)
from cior_core.signatures import OpensActions, nobody_signs
from cior_sink import metrics as m
from cior_sink.conflicts import ConflictWatch
from cior_store.engine import Store
from cior_store.kinds import ADDITIVE, STORED_TOPICS, Entry
from cior_store.sink import Book, Sink, SinkSettings
from cior_store.writers import Plan, Rejected, Writers, rejection

log = structlog.get_logger("cior_sink.storing")

ALERTS = (topics.ALERTS.name,)
PROMPT = (
    topics.TRANSITIONS.name,
    topics.COMMANDS.name,
    topics.NOTICES.name,
    topics.ACTIONS.name,
    topics.RECEIPTS.name,
    topics.REQUESTS.name,
)
BULK = tuple(name for name in STORED_TOPICS if name not in (*ALERTS, *PROMPT))
GROUPS = {"cior-store-alerts": ALERTS, "cior-store-prompt": PROMPT, "cior-store-bulk": BULK}
"""What each consumer group of the sink reads."""
_FETCH_WAIT_MS = {"prompt": 100, "bulk": 200}
"""Tansu answers a waiting fetch by looking again and again: what may wait should not make it look fifty times a second
for each partition.
"""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class StoredPlans:
    """The sink writes the plan of each batch durably itself; the consumer only asks for it, so that after a kill it
    gathers the very same batches.

    Plans are read once for each partition, at its first question: those of this process need no reading.
    """

    def __init__(self, book: Book, *, forget: Callable[[str, int], None]) -> None:
        self._book, self._forget = book, forget
        self._plans: dict[tuple[str, int], dict[int, BatchPlan]] = {}

    def assigned(self, topic: str, partition: int) -> None:
        """What was read of this partition's plans before is not all any more; ``forget`` tells the sink so too."""
        self._plans.pop((topic, partition), None)
        self._forget(topic, partition)

    def planned(self, topic: str, partition: int, *, since: int) -> BatchPlan | None:
        """The store's plan that begins at ``since``."""
        where = (topic, partition)
        if KIND_OF_TOPIC[topic] not in ADDITIVE:
            return None
        if where not in self._plans:
            found = self._book.plans(topic, partition, since=since)
            self._plans[where] = {plan.first: BatchPlan(first=plan.first, last=plan.last) for plan in found}
        return self._plans[where].pop(since, None)

    def plan(self, topic: str, partition: int, plan: BatchPlan) -> None:
        """Nothing: ``Sink`` has its own, durable before its first insert."""


class Duties(Struct, frozen=True, kw_only=True):
    """What else the sink does: ``on_hold`` is told of each hold, ``opens`` says which actions are signed; ``drill``:
    what it says is part of an exercise.
    """

    drill: bool = False
    on_hold: Callable[[], None] = lambda: None
    opens: OpensActions = nobody_signs


class MeasuredWriters:
    """The writers, with the age of each signal measured when its row is stored, and what law 15 wants done then: raw
    records watched, a hold told. Actions are stored only when they are signed (law 13).
    """

    def __init__(
        self,
        writers: Writers,
        metrics: Metrics,
        *,
        watch: ConflictWatch,
        duties: Duties,
        now_ms: Callable[[], int],
    ) -> None:
        self._writers, self._metrics, self._now_ms = writers, metrics, now_ms
        self._watch, self._duties = watch, duties

    def write(self, kind: Kind, entries: Sequence[Entry], *, token: str) -> tuple[Rejected, ...]:
        """Store them; what cannot be stored comes back."""
        refused = self._refused(entries) if kind is Kind.ACTION else ()
        gone = {id(each.entry) for each in refused}
        entries = [entry for entry in entries if id(entry) not in gone]
        rejected = (*refused, *self._writers.write(kind, entries, token=token))
        self._watch.look(kind, entries)
        if any(_is_hold(entry.record) for entry in entries):
            self._duties.on_hold()
        now_ms = self._now_ms()
        for entry in entries:
            if (received_ms := _receipt_ms(entry.record)) is not None:
                self._metrics.observe(m.ROW_LATENCY, kind.value, value_s=(now_ms - received_ms) / 1000)
        return rejected

    def _refused(self, entries: Sequence[Entry]) -> tuple[Rejected, ...]:
        refused = []
        for entry in entries:
            try:
                self._duties.opens(entry.record, at_ms=None)
            except PayloadRejected as error:
                refused.append(rejection(entry, error))
        return tuple(refused)

    def plans(self, topic: str, partition: int, *, since: int) -> Sequence[Plan]:
        """The plans of a partition from an offset on."""
        return self._writers.plans(topic, partition, since=since)

    def save_plan(self, topic: str, partition: int, plan: Plan) -> None:
        """Make a plan durable."""
        self._writers.save_plan(topic, partition, plan)


def _is_hold(record: object) -> bool:
    match record:
        case Action():
            return record.kind is ActionKind.HOLD
        case Command():
            return record.kind is CommandKind.HOLD_VIDEO
        case _:
            return False


def _receipt_ms(record: object) -> int | None:
    match record:
        case Event() | RawRecord():
            return record.received_ms
        case Alert():
            return opening_receipt_ms(record)
        case _:
            return None  # not a signal: nobody waits for its row


class StoreSink:
    """The process's store writers.

    ``start`` and ``stop`` once; ``failure`` tells why a thread ended (None: all run).
    """

    def __init__(
        self,
        bus_settings: BusSettings,
        store: Store,
        bus: Bus,
        *,
        metrics: Metrics | None = None,
        join: Join = Join.ASSIGN,
        duties: Duties | None = None,
    ) -> None:
        self._settings, self._store, self._bus = bus_settings, store, bus
        self._duties = duties or Duties()
        self._metrics = metrics or Metrics()
        self._join = join
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failure: CiorError | None = None
        self.records = 0

    def start(self) -> None:
        """Start the consumers."""
        for name, names, limits in (
            ("alerts", ALERTS, BatchLimits(max_wait_s=0.02, gather_s=0.15, share=0.3, max_records=2_000)),
            ("prompt", PROMPT, BatchLimits(max_wait_s=0.05, gather_s=0.5, share=0.2, max_records=2_000)),
            ("bulk", BULK, BatchLimits(max_wait_s=4.0, gather_s=8.0, share=0.2, max_records=10_000)),
        ):
            thread = threading.Thread(
                target=self._run, args=(name, names, limits), name=f"store-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _run(self, name: str, names: Sequence[str], limits: BatchLimits) -> None:
        writers = Writers(self._store)
        watch = ConflictWatch(self._store, self._bus, now_ms=_wall_ms, drill=self._duties.drill)
        measured = MeasuredWriters(writers, self._metrics, watch=watch, duties=self._duties, now_ms=_wall_ms)
        # While the store is away a member of a group must keep asking its broker: the consumer waits, not the sink.
        settings = SinkSettings(is_patient=self._join is Join.ASSIGN)
        sink = Sink(measured, on_dead=self._bury, settings=settings, stopping=self._stop)
        patient = msgspec.structs.replace(self._settings, fetch_wait_ms=_FETCH_WAIT_MS.get(name))
        consumer = BatchConsumer(
            patient if self._settings.profile is Profile.TANSU else self._settings,
            group=f"cior-store-{name}",
            topics=names,
            join=self._join,
            limits=limits,
            plans=StoredPlans(writers, forget=sink.revoked),
            metrics=self._metrics,
        )

        def write(batch: Batch) -> None:
            written = sink.write_batch(batch.topic, batch.partition, batch.records)
            self.records += written.records

        try:
            consumer.run(write, stop=self._stop)
        except CiorError as error:
            self.failure = error
            log.exception("sink_ended", sink=name, code=error.code)

    def _bury(self, letter: DeadLetter) -> None:
        self._bus.publish_sync([MessageOut.of(letter)])

    @property
    def running(self) -> bool:
        """Whether all consumers run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End the consumers; what was not committed comes again at the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)
