"""The bus: ``publish`` returns only when every message is durable, at the broker (acks=all) or in the fsynced spool
(law 1).

Two roads. **Direct**: the messages go to the broker, those of one publish that may share an envelope in one
(:mod:`cior_bus.lanes`); if one is not acknowledged in ``ack_wait_s`` the whole publish goes to the spool and the broker
counts as away. **Spool**: while the broker is away, while older messages of the same
topic and key wait there, and always for bulk messages. One thread drains the spool, life-safety first, in order per
class, topic and key.

At-least-once (law 4): a message that the broker took but acknowledged too late is sent again from the spool with the
same id. Readers collapse by id. Without a spool (stream workers, which simply read their input again) a publish that is
not acknowledged raises.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from cior_bus import lanes, topics
from cior_bus import metrics as m
from cior_bus.dead_letters import dead_letter
from cior_bus.message import MessageOut
from cior_bus.refusals import listener, refusal_of
from cior_bus.settings import BusSettings
from cior_bus.spool import CLASSES, MIB, Entry, Spool, SpoolClass, Spooled
from cior_core.errors import PayloadRejected, SourceUnavailable

_LOG = structlog.get_logger(__name__)
_TICK_S = 0.02
_PORTION_RECORDS = 1_000
_MESSAGE_OVERHEAD_BYTES = 1_024
_PRESSES = (SpoolClass.LIFE_SAFETY, SpoolClass.UNPROVEN)
_WAITING = tuple(each for each in CLASSES if each not in _PRESSES)
# librdkafka's own codes (rdkafka.h): constants of the binding that happen to begin with an underscore.
_QUEUE_FULL = -184
_INVALID_ARG = -186
_ALL_BROKERS_DOWN = -187
_HOPELESS = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_RECORD,
    _INVALID_ARG,
}


def _class_of(messages: Sequence[MessageOut]) -> SpoolClass:
    """Messages of one publish live and die together, so they have the highest class of any of them."""
    return min((message.effective_class for message in messages), key=CLASSES.index)


class _Flight:
    """Messages on their way to the broker; ends once, with the errors by position (empty: all acknowledged)."""

    def __init__(self, count: int, deadline: float, on_end: Callable[[_Flight], None]) -> None:
        self.errors: dict[int, KafkaError | None] = {}
        self.deadline = deadline
        self.left = count
        self.ended = False
        self._on_end = on_end
        self._lock = threading.Lock()

    def landed(self, position: int, error: KafkaError | None) -> None:
        with self._lock:
            self.left -= 1
            if error is not None:
                self.errors[position] = error
            is_end = not self.ended and (self.left == 0 or (error is not None and not self.hopeless(error)))
            self.ended = self.ended or is_end
        if is_end:
            self._on_end(self)

    def expire(self) -> None:
        with self._lock:
            is_end, self.ended = not self.ended, True
        if is_end:
            self.errors[-1] = None
            self._on_end(self)

    @staticmethod
    def hopeless(error: KafkaError | None) -> bool:
        """Whether sending the same bytes again can never work."""
        return error is not None and error.code() in _HOPELESS


class Bus:
    """The way onto Kafka. Thread-safe; open one per process, close it.

    ``spool`` None: no taking over, a failed publish raises.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        spool: Spool | None = None,
        metrics: m.Metrics | None = None,
        linger_s: float = 0.5,
    ) -> None:
        self.settings = settings
        self.metrics = metrics or m.Metrics()
        self._spool = spool
        self._linger_s = linger_s
        self._producer = Producer({**settings.producer(), "error_cb": _weak(self)})
        self._away = threading.Event()
        self._stop = threading.Event()
        self._work = threading.Event()
        self._flights: deque[_Flight] = deque()
        self._flights_lock = threading.Lock()
        self._drain_stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._poll, name="bus-poll", daemon=True),
            threading.Thread(target=self._drain, name="bus-drain", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_away(self) -> bool:
        """Whether the broker counts as away at this moment."""
        return self._away.is_set()

    @property
    def spool(self) -> Spool | None:
        """The spool behind this bus."""
        return self._spool

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        """All durable when it returns (law 1).

        Raises ``CapacityExhausted`` when neither broker nor spool can take them, ``SourceUnavailable``
        (``bus.broker_away``) without a spool, ``PayloadRejected`` (``bus.message_too_large``) before anything was sent,
        ``CredentialsRefused`` (``bus.topic_refused_us``) when this part may not write there.
        """
        await asyncio.shield(asyncio.wrap_future(self.submit(messages)))

    def publish_sync(self, messages: Sequence[MessageOut], *, timeout_s: float | None = 30.0) -> None:
        """The same from a thread.

        After ``timeout_s`` raises ``SourceUnavailable`` (``bus.unconfirmed``): then the messages may or may not be
        durable.
        """
        try:
            self.submit(messages).result(timeout=timeout_s)
        except TimeoutError as error:
            raise SourceUnavailable(
                "bus.unconfirmed", "neither broker nor spool confirmed in time"
            ) from error

    def submit(self, messages: Sequence[MessageOut]) -> Future[None]:
        """Start a publish; the future ends when it is durable. For callers that pipeline.

        Raises like :meth:`publish`.
        """
        done: Future[None] = Future()
        if not messages:
            done.set_result(None)
            return done
        self._check(messages)
        if self._spool is not None and self._must_queue(messages, self._spool):
            self._to_spool(messages, done)
        elif self._away.is_set():
            raise _broker_away()
        else:
            self._direct(messages, done)
        return done

    def _check(self, messages: Sequence[MessageOut]) -> None:
        if self._stop.is_set():
            raise SourceUnavailable("bus.closed", "the bus is closed")
        limit = self.settings.message_max_bytes - _MESSAGE_OVERHEAD_BYTES
        for message in messages:
            size_bytes = (
                len(message.key)
                + len(message.value)
                + sum(len(name) + len(value) for name, value in message.headers)
            )
            if size_bytes > min(limit, topics.max_message_bytes(message.topic)):
                raise PayloadRejected(
                    "bus.message_too_large",
                    f"a message of {size_bytes} bytes for {message.topic}",
                    cure="dead-letter it; media by reference",
                )

    def _must_queue(self, messages: Sequence[MessageOut], spool: Spool) -> bool:
        return self._away.is_set() or any(
            message.bulk or spool.holds(message.topic, message.key) for message in messages
        )

    def _to_spool(self, messages: Sequence[MessageOut], done: Future[None]) -> None:
        assert self._spool is not None
        began_s = time.monotonic()

        def ended(kept: Future[None]) -> None:
            self.metrics.observe(m.PUBLISH_LATENCY, "spool", value_s=time.monotonic() - began_s)
            _pass_on(kept, done)

        kept = self._spool.append(_class_of(messages), [message.entry for message in messages])
        kept.add_done_callback(ended)
        self._work.set()

    def _direct(self, messages: Sequence[MessageOut], done: Future[None]) -> None:
        began_s = time.monotonic()
        entries = lanes.merge(message.entry for message in messages)

        def ended(flight: _Flight) -> None:
            if not flight.errors:
                self.metrics.observe(m.PUBLISH_LATENCY, "direct", value_s=time.monotonic() - began_s)
                for message in messages:
                    self.metrics.add(m.PUBLISHED, message.topic, "direct")
                done.set_result(None)
            elif not self._is_refused(entries, flight, done):
                self._not_acknowledged(messages, flight, done)

        self._send(entries, ended)

    def _is_refused(self, entries: Sequence[Entry], flight: _Flight, done: Future[None]) -> bool:
        """What we have no right to write is nobody's to keep: it raises."""
        for position, error in flight.errors.items():
            if (refused := refusal_of(error, what=entries[position].topic)) is not None:
                self._noticed(error)
                done.set_exception(refused)
                return True
        return False

    def _not_acknowledged(self, messages: Sequence[MessageOut], flight: _Flight, done: Future[None]) -> None:
        """A refusal for good says nothing about this message alone: the broker judges a whole batch.

        So the spool takes it, and the drain asks singly.
        """
        reason = next((error for error in flight.errors.values() if not _Flight.hopeless(error)), None)
        if reason is not None or not flight.errors.keys() - {-1}:
            self._mark_away(reason)
        try:
            if self._spool is None:
                raise _broker_away()
            self._to_spool(messages, done)
        except SourceUnavailable as error:
            done.set_exception(error)

    def _send(self, entries: Sequence[Entry], on_end: Callable[[_Flight], None]) -> None:
        """Hand messages to librdkafka. Never raises: what it does not take ends the flight with an error."""
        flight = _Flight(len(entries), time.monotonic() + self.settings.ack_wait_s, on_end)
        with self._flights_lock:
            self._flights.append(flight)
        now_ms = time.time_ns() // 1_000_000
        for position, entry in enumerate(entries):
            if flight.ended:
                return
            try:
                self._producer.produce(
                    entry.topic,
                    value=entry.value,
                    key=entry.key,
                    headers=list(entry.headers) or None,
                    timestamp=entry.stamp_ms(now_ms),
                    on_delivery=_report(flight, position),
                )
            except BufferError:
                flight.landed(position, KafkaError(_QUEUE_FULL))
            except KafkaException as error:
                flight.landed(position, error.args[0])

    def _poll(self) -> None:
        """Serves delivery reports and deadlines. Lives until the drain thread has ended."""
        while not self._drain_stopped.is_set() or self._flights:
            self._serve_reports()
            now = time.monotonic()
            while True:
                with self._flights_lock:
                    if not self._flights or not (self._flights[0].ended or self._flights[0].deadline <= now):
                        break
                    flight = self._flights.popleft()
                flight.expire()

    def _serve_reports(self) -> None:
        try:
            self._producer.poll(_TICK_S)
        except KafkaException as error:  # it is dead: one that may write nowhere gets no producer's number
            self._noticed(error.args[0])
            self._stop.wait(_TICK_S)

    def _noticed(self, error: KafkaError | None) -> None:
        """A no of the broker is looked into by whoever watches over this process's rights."""
        if error is not None:
            listener(self.settings.on_refused)(error)

    def _mark_away(self, error: KafkaError | None) -> None:
        self._noticed(error)
        if self._away.is_set() or self._stop.is_set():
            return
        self._away.set()
        self._work.set()
        self.metrics.add(m.AWAY)
        _LOG.warning("broker_lost", reason=error.name() if error is not None else "not acknowledged in time")
        # What librdkafka still holds fails now instead of at its own timeout, so that its publishers reach the spool at
        # once.
        self._producer.purge(in_queue=True, in_flight=False, blocking=False)

    def _drain(self) -> None:
        back_off_s, due = 0.05, 0.0
        while not self._stop.is_set():
            self._work.wait(_TICK_S if not self._away.is_set() else back_off_s)
            self._work.clear()
            if self._away.is_set() and not self._probe():
                back_off_s = min(back_off_s * 2, 1.0)
                continue
            back_off_s = 0.05
            is_due = time.monotonic() >= due
            if self._drain_round(is_due=is_due) and is_due:
                due = time.monotonic() + self._linger_s
        self._drain_stopped.set()

    def _probe(self) -> bool:
        """Whether a broker answers.

        Publishing goes direct again at once; the backlog follows behind the live messages.
        """
        try:
            self._producer.list_topics(timeout=1.0)
        except KafkaException:
            return False
        self._away.clear()
        _LOG.info("broker_returned")
        return True

    def _drain_round(self, *, is_due: bool) -> bool:
        """Presses until none waits, then one portion of each other class (when its linger is over), looking for presses
        in between.
        """
        if self._spool is None:
            return True
        if not self._drain_presses(self._spool):
            return False
        for spool_class in _WAITING if is_due else ():
            while not self._stop.is_set() and (batch := _portion(self._spool, spool_class)):
                if not self._drain_batch(self._spool, spool_class, batch):
                    return False
                if not self._drain_presses(self._spool):
                    return False
                if not _is_portion(batch):
                    break  # the rest arrived just now: it waits for its linger, or envelopes would hold one record each
        return True

    def _drain_presses(self, spool: Spool) -> bool:
        """Those that nobody proved wait behind each portion of the others."""
        while not self._stop.is_set():
            found = next(((each, batch) for each in _PRESSES if (batch := _portion(spool, each))), None)
            if found is None:
                return True
            if not self._drain_batch(spool, *found):
                return False
        return True

    def _drain_batch(self, spool: Spool, spool_class: SpoolClass, batch: list[Spooled]) -> bool:
        ended: Future[_Flight] = Future()
        entries = lanes.merge(entry for spooled in batch for entry in spooled.entries)
        self._send(entries, ended.set_result)
        flight = ended.result()
        refused = [entries[position] for position, error in flight.errors.items() if _Flight.hopeless(error)]
        if len(refused) < len(flight.errors):
            self._mark_away(
                next((error for error in flight.errors.values() if not _Flight.hopeless(error)), None)
            )
            return False
        for entry in (part for each in refused for part in lanes.parts(each)):
            if not self._send_alone(spool_class, entry):
                return False
        spool.advance(spool_class, batch)
        for entry in entries:
            self.metrics.add(m.PUBLISHED, entry.topic, "drained")
        return True

    def _send_alone(self, spool_class: SpoolClass, entry: Entry) -> bool:
        """Find out whether this one or its neighbours in the batch were refused.

        False: the broker went away meanwhile.
        """
        ended: Future[_Flight] = Future()
        self._send([entry], ended.set_result)
        error = next(iter(ended.result().errors.values()), None)
        if error is not None and _Flight.hopeless(error):
            self._bury(spool_class, entry)
        return not ended.result().errors or _Flight.hopeless(error)

    def _bury(self, spool_class: SpoolClass, entry: Entry) -> None:
        """The broker refuses these bytes for good: as a dead letter they stay visible instead of blocking everything
        behind them.
        """
        error = PayloadRejected(
            "bus.refused_by_broker", f"the broker refuses a message for {entry.topic} for good"
        )
        letter = dead_letter(
            stage="topic",
            error=error,
            payload=entry.value,
            at_ms=time.time_ns() // 1_000_000,
            source=entry.key.decode("utf-8", "replace"),
            topic=entry.topic,
        )
        self.metrics.add(m.DEAD_LETTERS, letter.stage, letter.code)
        if entry.topic == topics.DEAD.name or self._spool is None:
            self.metrics.add(m.DROPPED, spool_class.value, "refused_by_broker", "false")
            _LOG.error("message_refused", topic=entry.topic, size_bytes=len(entry.value))
            return
        self._spool.append(spool_class, [MessageOut.of(letter).entry])

    def flush(self, *, timeout_s: float = 10.0) -> bool:
        """Wait until nothing waits in the spool and nothing is in flight. False: it still does."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            waiting = (
                sum(depth.messages for depth in self._spool.depth().values())
                if self._spool is not None
                else 0
            )
            if not waiting and not self._flights and len(self._producer) == 0:
                return True
            self._work.set()
            time.sleep(_TICK_S)
        return False

    def close(self) -> None:
        """End the threads; what is in the spool stays there for the next start.

        Does not close the spool (its opener does).
        """
        self._stop.set()
        self._work.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._producer.flush(1.0)


def _weak(bus: Bus) -> Callable[[KafkaError], None]:
    """An error callback that does not keep its bus (and the bus its producer) alive."""
    reference = weakref.ref(bus)

    def noticed(error: KafkaError) -> None:
        alive = reference()
        if alive is None:
            return
        alive._noticed(error)  # noqa: SLF001  (this module's own class)
        if error.code() == _ALL_BROKERS_DOWN:
            alive._mark_away(error)  # noqa: SLF001

    return noticed


def _portion(spool: Spool, spool_class: SpoolClass) -> list[Spooled]:
    return spool.read(spool_class, max_records=_PORTION_RECORDS, max_bytes=MIB)


def _is_portion(batch: list[Spooled]) -> bool:
    return (
        len(batch) >= _PORTION_RECORDS
        or sum(len(entry.value) for spooled in batch for entry in spooled.entries) >= MIB // 2
    )


def _report(flight: _Flight, position: int) -> Callable[[KafkaError | None, Any], None]:
    return lambda error, _message: flight.landed(position, error)


def _pass_on(kept: Future[None], done: Future[None]) -> None:
    error = kept.exception()
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _broker_away() -> SourceUnavailable:
    return SourceUnavailable(
        "bus.broker_away",
        "the broker does not acknowledge",
        cure="look at the broker; the publish may be repeated",
        retry_after_s=0.5,
    )
