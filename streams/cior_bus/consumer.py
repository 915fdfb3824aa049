"""A plain batch consumer for bulk sinks: no Faust, no cleverness, commit only after the handler has succeeded.

One thread. Messages are gathered per partition; a batch is due at ``max_records`` or ``max_bytes``, or when its oldest
message has waited long enough (:mod:`cior_bus.gathering`), here or, while the handler worked, at the broker. A backlog
is read on before any of it is handed out: in few batches it costs a sink the least. The batch is planned
(:mod:`cior_bus.batch_plan`) before the handler runs, so the same offsets come together again on every retry, also after
a crash. On the embedded broker a new epoch of the log (:mod:`cior_bus.log_epoch`) begins from its first offset; what
was read of the old one is handed out before.
``SourceUnavailable`` from the handler means back-off and the same batch again (the input waits: that is the
backpressure); any other exception leaves :meth:`BatchConsumer.run`, nothing is committed, and the supervisor decides.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from cior_bus import metrics as m
from cior_bus.batch_plan import BatchPlan, BatchPlans, MemoryPlans
from cior_bus.gathering import BatchLimits, Buffer, Gathering
from cior_bus.lag import Lag
from cior_bus.log_epoch import epoch_of, name_in
from cior_bus.message import RecordIn
from cior_bus.refusals import listener, refusal_of
from cior_bus.settings import BusSettings, Profile
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import Struct

_LOG = structlog.get_logger(__name__)
_PULL = 2_000
_MANY = 10
"""So many messages at once are no trickle: more is waiting behind them, a fetch away."""
_FETCH_S = 0.25
_CATCH_UP_S = 1.0
_EPOCH_CHECK_S = 0.5
# Codes of librdkafka itself (rdkafka.h): the binding names them with an underscore.
_UNKNOWN_TOPIC = -188
_UNKNOWN_PARTITION = -190
Partition = tuple[str, int]


class Batch(Struct, frozen=True):
    """Consecutive messages of one partition. ``token`` is the same for the same offsets, now and after a restart."""

    topic: str
    partition: int
    records: tuple[RecordIn, ...]

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self.records[-1].offset

    @property
    def token(self) -> str:
        """``<topic>-<partition>-<first>-<last>``."""
        return f"{self.topic}-{self.partition}-{self.first}-{self.last}"


class Join(StrEnum):
    """How partitions come to this process. ``ASSIGN``: all of them, at once (one sink process).

    ``SUBSCRIBE``: shared in the group.
    """

    ASSIGN = "assign"
    SUBSCRIBE = "subscribe"


class ConsumerStatus(Struct, frozen=True):
    """For health: how long ago something was committed while something waited, and what waits here."""

    waiting_records: int
    stalled_s: float
    retries: int
    is_retrying: bool


class BatchConsumer:
    """Read ``topics`` as group ``group`` and hand batches to a function.

    ``commits`` false: a reader that begins anew at each start (a live feed). ``only_news``: a group without a place of
    its own begins at the end, not at the beginning.
    """

    def __init__(  # noqa: PLR0913  (keyword-only settings with defaults)
        self,
        settings: BusSettings,
        *,
        group: str,
        topics: Sequence[str],
        join: Join = Join.ASSIGN,
        limits: BatchLimits | None = None,
        plans: BatchPlans | None = None,
        metrics: m.Metrics | None = None,
        commits: bool = True,
        only_news: bool = False,
        on_stall: Callable[[ConsumerStatus], None] | None = None,
    ) -> None:
        self._settings, self._group, self._topics, self._join = settings, group, tuple(topics), join
        self._limits = limits or BatchLimits()
        self._gathering = Gathering(self._limits)
        self._plans: BatchPlans = plans or MemoryPlans()
        self._metrics = metrics or m.Metrics()
        self._commits = commits
        self._begin = {"auto.offset.reset": "latest"} if only_news else {}
        self._on_stall = on_stall
        self._buffers: dict[Partition, Buffer] = {}
        self._lag = Lag(settings, group=group)
        self._moves = 0
        self._paused: set[Partition] = set()
        self._progress_s = self._pulled_s = time.monotonic()
        self._retries = 0
        self._is_retrying = False
        self._consumer: Consumer | None = None
        # The embedded broker tells the end of a log in batches, not in messages.
        if commits and settings.profile is Profile.KAFKA:
            self._metrics.read_at_scrape(self._lag.read)

    def status(self) -> ConsumerStatus:
        """Readable from any thread."""
        waiting = sum(len(buffer.records) for buffer in list(self._buffers.values()))
        stalled_s = time.monotonic() - self._progress_s if waiting or self._is_retrying else 0.0
        return ConsumerStatus(
            waiting_records=waiting, stalled_s=stalled_s, retries=self._retries, is_retrying=self._is_retrying
        )

    def run(self, handler: Callable[[Batch], None], *, stop: threading.Event) -> None:
        """Until ``stop``.

        Raises what the handler raises (except ``SourceUnavailable``), and ``SourceUnavailable``: ``bus.topic_missing``
        when a topic is not there (after a data loss of the broker a new process must start over), ``bus.broker_away``
        when it cannot start; ``CredentialsRefused`` when this part may not read here.
        """
        over = threading.Event()
        threading.Thread(target=self._watch, args=(over,), name="consumer-watchdog", daemon=True).start()
        try:
            patient: frozenset[str] = frozenset({"bus.broker_away"})
            while not stop.is_set():
                self._live(handler, stop, patient)
                patient = frozenset(
                    {"bus.broker_away", "bus.topic_missing"}
                )  # a new epoch gets its topics soon
        finally:
            over.set()

    def _live(self, handler: Callable[[Batch], None], stop: threading.Event, patient: frozenset[str]) -> None:
        """One epoch of the broker's log, or until ``stop``. ``patient``: codes that its start waits for."""
        epoch, consumer = self._started(stop, patient)
        if consumer is None:
            return
        self._consumer = consumer
        try:
            if self._read(consumer, handler, stop, epoch=epoch):
                self._hand_out(consumer, handler, stop, everything=True)
        finally:
            consumer.close()
            self._consumer = None

    def _read(
        self, consumer: Consumer, handler: Callable[[Batch], None], stop: threading.Event, *, epoch: str
    ) -> bool:
        """Pull and hand out. True when the log has begun a new epoch, false when stopped."""
        checked_s = time.monotonic()
        while not stop.is_set():
            try:
                self._catch_up(consumer)
            except SourceUnavailable:
                if self._is_same_epoch(consumer, epoch):
                    raise
                return True
            self._hand_out(consumer, handler, stop)
            if time.monotonic() - checked_s > _EPOCH_CHECK_S:
                if not self._is_same_epoch(consumer, epoch):
                    return True
                checked_s = time.monotonic()
        return False

    def _started(self, stop: threading.Event, patient: frozenset[str]) -> tuple[str, Consumer | None]:
        """The broker's epoch and a consumer that reads; None when stopped before."""
        give_up_s, wait_s = time.monotonic() + self._limits.start_patience_s, self._limits.retry_from_s
        while not stop.is_set():
            consumer: Consumer | None = None
            try:
                epoch = self._ask_epoch()
                consumer = Consumer(self._settings.consumer(name_in(epoch, self._group)) | self._begin)
                self._buffers.clear()
                self._paused.clear()
                self._start(consumer)
            except CiorError as error:
                if consumer is not None:
                    consumer.close()
                if error.code not in patient or time.monotonic() > give_up_s:
                    raise
                _LOG.warning("consumer_postponed", group=self._group, reason=error.sentence)
                stop.wait(wait_s)
                wait_s = min(wait_s * 2, self._limits.retry_to_s)
            else:
                return epoch, consumer
        return "", None

    def _ask_epoch(self) -> str:
        """A client of its own asks, since a consumer must know its group when it is made."""
        if self._settings.profile is Profile.KAFKA:
            return ""
        asking = AdminClient(self._settings.client())
        try:
            return epoch_of(asking, self._settings, topic=self._topics[0], timeout_s=10.0)
        except KafkaException as error:
            raise SourceUnavailable(
                "bus.broker_away", f"the broker did not answer ({error.args[0].name()})"
            ) from error

    def _is_same_epoch(self, consumer: Consumer, epoch: str) -> bool:
        """A broker that does not answer has not begun a new one (yet)."""
        try:
            now = epoch_of(consumer, self._settings, topic=self._topics[0], timeout_s=_EPOCH_CHECK_S)
        except KafkaException:
            return True
        if now != epoch:
            _LOG.error("broker_log_lost", group=self._group)
        return now == epoch

    def _start(self, consumer: Consumer) -> None:
        if self._join is Join.SUBSCRIBE:
            consumer.subscribe(
                list(self._topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            return
        try:
            partitions = [
                TopicPartition(topic, each)
                for topic in self._topics
                for each in self._partitions(consumer, topic)
            ]
            committed = consumer.committed(partitions, timeout=10.0)
        except KafkaException as error:
            told = consumer.poll(0)  # a group that is refused is told here only
            self._refuse(told.error() if told is not None else error.args[0], what=self._group)
            raise SourceUnavailable(
                "bus.broker_away", f"the broker did not tell its partitions ({error.args[0].name()})"
            ) from error
        self._assigned(consumer, committed)
        consumer.assign(committed)

    def _partitions(self, consumer: Consumer, topic: str) -> list[int]:
        found = consumer.list_topics(topic, timeout=10.0).topics[topic]
        self._refuse(found.error, what=topic)
        if found.error is not None or not found.partitions:
            raise SourceUnavailable(
                "bus.topic_missing", f"topic {topic} is not there", cure="run: cior topics --create"
            )
        return sorted(found.partitions)

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._moves += 1
        for each in partitions:
            # A shared group does not say where it stands: its lag is told from the first commit on.
            if each.offset >= 0 or self._join is Join.ASSIGN:
                self._lag.stands(each.topic, each.partition, handled=each.offset)
            self._plans.assigned(each.topic, each.partition)
            self._buffers[each.topic, each.partition] = Buffer(
                self._plans.planned(each.topic, each.partition, since=max(each.offset, 0))
            )

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._moves += 1
        for each in partitions:
            self._buffers.pop((each.topic, each.partition), None)
            self._lag.left(each.topic, each.partition)

    def _catch_up(self, consumer: Consumer) -> None:
        """What has come, and of a backlog as much as a batch holds: no longer than a message may wait anyway."""
        most_s = self._limits.max_wait_s
        until_s = time.monotonic() + min(_CATCH_UP_S, most_s)
        came = self._pull(consumer, self._patience_s())
        while came >= _MANY and time.monotonic() < until_s and not self._is_full():
            came = self._pull(consumer, min(_FETCH_S, most_s / 4))

    def _is_full(self) -> bool:
        return any(buffer.is_full(self._limits) for buffer in self._buffers.values())

    def _pull(self, consumer: Consumer, patience_s: float) -> int:
        """How many messages came."""
        if self._paused:
            self._resume(consumer)
        # The first message is awaited alone: the client's own call for many waits its whole time for the last one.
        first, moves = consumer.poll(patience_s), self._moves
        messages = () if first is None else (first, *consumer.consume(_PULL, timeout=0))
        # What was read before partitions moved is read again by whoever has them now. The client forgets it within
        # one call, not what it gave in the call before.
        is_stale = self._moves != moves
        now_s, pulled_s = time.monotonic(), self._pulled_s
        self._pulled_s = now_s
        for message in messages:
            error = message.error()
            if error is not None:
                self._noticed(error)
            elif message is not first or not is_stale:
                self._gather(_record(message), since_s=now_s - pulled_s)
        return len(messages)

    def _gather(self, record: RecordIn, *, since_s: float = 0.0) -> None:
        """``since_s``: so long ago was the last look."""
        buffer = self._buffers.get((record.topic, record.partition))
        if buffer is None:
            return
        if not buffer.records and not buffer.begins_at(record.offset):
            # A shared group is not told where it begins: only its first message says which plan it continues.
            buffer.plan = self._plans.planned(record.topic, record.partition, since=record.offset)
        # Its timestamp may be its sender's, so no longer than since the last look.
        waited_s = min(since_s, max(0.0, time.time() - record.timestamp_ms / 1000))
        buffer.add(record, waited_s=waited_s)

    def _patience_s(self) -> float:
        """How long the next message may be awaited: not past the moment at which a batch is due."""
        gathers = any(buffer.records for buffer in self._buffers.values())
        return min(0.1, max(0.005, self._limits.max_wait_s / 4)) if gathers else 0.1

    def _noticed(self, error: KafkaError) -> None:
        if error.code() in {
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            _UNKNOWN_TOPIC,
            _UNKNOWN_PARTITION,
        }:
            raise SourceUnavailable(
                "bus.topic_missing", "a topic of this consumer is gone", cure="create the topics, start over"
            )
        self._refuse(error, what=self._group)
        _LOG.warning("read_failed", reason=error.name(), group=self._group)

    def _refuse(self, error: KafkaError | None, *, what: str) -> None:
        """Raise when the broker says no for good; whoever watches over this process's rights hears of it too."""
        if error is not None and (refused := refusal_of(error, what=what)) is not None:
            listener(self._settings.on_refused)(error)
            raise refused

    def _hand_out(
        self,
        consumer: Consumer,
        handler: Callable[[Batch], None],
        stop: threading.Event,
        *,
        everything: bool = False,
    ) -> None:
        """The batches that are due; with ``everything`` also those that still gather."""
        for (topic, partition), buffer in list(self._buffers.items()):
            # While one partition's batch was retried, others may have moved away, or away and back with a new buffer.
            while (
                not stop.is_set()
                and self._buffers.get((topic, partition)) is buffer
                and (count := len(buffer.records) if everything else self._due(buffer))
            ):
                batch = Batch(topic=topic, partition=partition, records=buffer.take(count))
                self._plans.plan(topic, partition, BatchPlan(first=batch.first, last=batch.last))
                began_s = time.monotonic()
                if not self._insist(consumer, handler, batch, stop):
                    return
                self._gathering.spent(time.monotonic() - began_s, now_s=time.monotonic())
                self._commit(consumer, batch)
                buffer.plan = self._plans.planned(topic, partition, since=batch.last + 1)

    def _due(self, buffer: Buffer) -> int:
        now_s = time.monotonic()
        return buffer.due(self._limits, now_s, self._gathering.wait_s(now_s))

    def _insist(
        self, consumer: Consumer, handler: Callable[[Batch], None], batch: Batch, stop: threading.Event
    ) -> bool:
        """Until the handler takes the batch. False: stopped, or the partition now belongs to another process."""
        wait_s, where = self._limits.retry_from_s, (batch.topic, batch.partition)
        buffer = self._buffers.get(where)
        while True:
            try:
                handler(batch)
            except SourceUnavailable as error:
                self._retries += 1
                self._is_retrying = True
                self._metrics.add(m.RETRIED, batch.topic)
                _LOG.warning("batch_postponed", token=batch.token, code=error.code)
                jittered_s = wait_s * random.uniform(0.8, 1.2)  # noqa: S311  (no secret)
                self._idle(consumer, error.retry_after_s or jittered_s, stop)
                wait_s = min(wait_s * 2, self._limits.retry_to_s)
                if stop.is_set() or self._buffers.get(where) is not buffer:
                    self._is_retrying = False
                    return False
            else:
                self._is_retrying = False
                return True

    def _idle(self, consumer: Consumer, wait_s: float, stop: threading.Event) -> None:
        """Wait, but keep the group membership alive: polled while paused, nothing arrives.

        A partition that comes meanwhile is not paused yet: what arrives of it is gathered, since its next message would
        be read past it.
        """
        until = time.monotonic() + wait_s
        self._pause(consumer)
        moves = self._moves
        while not stop.is_set() and time.monotonic() < until:
            message = consumer.poll(min(0.1, max(0.0, until - time.monotonic())))
            if message is not None and message.error() is None:
                self._gather(_record(message))
            if moves != self._moves:
                moves = self._moves
                self._pause(consumer)
        self._resume(consumer)

    def _pause(self, consumer: Consumer) -> None:
        mine = consumer.assignment()
        consumer.pause(mine)
        self._paused |= {(each.topic, each.partition) for each in mine}

    def _resume(self, consumer: Consumer) -> None:
        """What moved away while it was paused is paused still when it comes back."""
        mine = [each for each in consumer.assignment() if (each.topic, each.partition) in self._paused]
        consumer.resume(mine)
        self._paused -= {(each.topic, each.partition) for each in mine}

    def _commit(self, consumer: Consumer, batch: Batch) -> None:
        """After success only. A commit that fails is no harm: the batch comes again with the same token."""
        if self._commits and not self._did_commit(consumer, batch):
            return
        self._progress_s = time.monotonic()
        self._lag.stands(batch.topic, batch.partition, handled=batch.last + 1)
        self._metrics.add(m.CONSUMED, batch.topic, amount=len(batch.records))

    def _did_commit(self, consumer: Consumer, batch: Batch) -> bool:
        try:
            consumer.commit(
                offsets=[TopicPartition(batch.topic, batch.partition, batch.last + 1)], asynchronous=False
            )
        except KafkaException as error:
            listener(self._settings.on_refused)(error.args[0])
            _LOG.warning("commit_failed", token=batch.token, reason=error.args[0].name())
            return False
        return True

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(1.0):
            status = self.status()
            if status.waiting_records == 0 and not status.is_retrying:
                self._progress_s = time.monotonic()
            elif status.stalled_s > self._limits.stall_s and self._on_stall is not None:
                self._on_stall(status)
                return


def _record(message: Message) -> RecordIn:
    # Headers are a dict only when producing.
    headers: list[tuple[str, Any]] = list(message.headers() or [])  # type: ignore[arg-type]
    return RecordIn(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple((name, value or b"") for name, value in headers),
    )
