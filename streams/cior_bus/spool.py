"""The disk spool that takes over when the broker is away, and the first station of the bulk lanes.

Bounded, crash-safe, one process at a time.

What "durable" means by class:

* ``life_safety``: the append is acknowledged after an fsync that covers it (group commit: one fsync may cover many
  appends).
* ``normal``: the same, with appends gathered for at most 20 ms before the fsync.
* ``telemetry``: acknowledged after the write; fsync every second. A kill -9 loses nothing (the kernel has the bytes), a
  power cut up to one second.

* ``unproven``, ``unread``: as ``life_safety``.

When a class is full: life-safety refuses upstream (``CapacityExhausted``), alarms, and never drops; normal drops its
oldest; telemetry is sampled from 80 % on and then drops its oldest. Each class has its own quota, so nothing can eat
the life-safety reserve: what anybody could have sent (``unproven``: it decodes; ``unread``: it does not) has room of
its own beside it, is refused when that is full, and costs no authenticated press its answer. When the *disk* is full,
what cannot be read gives way first, then telemetry, then normal; an unproven press never. Whatever is dropped is
counted with reason and intent (law 11).
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import Self

import msgspec
import structlog

from cior_bus import metrics as m
from cior_bus.segments import SegmentLog
from cior_core.errors import CapacityExhausted, ConfigInvalid, SourceUnavailable
from cior_core.model import Struct
from cior_core.signatures import SKEW_MS

_LOG = structlog.get_logger(__name__)
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MIB = 1_048_576


class SpoolClass(StrEnum):
    """How much a record matters when room or time is short.

    Ordered: a publish has the first of its messages' classes.
    """

    LIFE_SAFETY = "life_safety"
    UNPROVEN = "unproven"
    NORMAL = "normal"
    TELEMETRY = "telemetry"
    UNREAD = "unread"


CLASSES = tuple(SpoolClass)
REFUSING = frozenset({SpoolClass.LIFE_SAFETY, SpoolClass.UNPROVEN, SpoolClass.UNREAD})
"""Classes that refuse at their quota: their senders were not answered and keep what they have."""
_GIVES_WAY = (SpoolClass.UNREAD, SpoolClass.TELEMETRY, SpoolClass.NORMAL)
_FULL = {
    SpoolClass.UNPROVEN: "the spool's room for what nobody proved is full; the source must keep its signal",
    SpoolClass.UNREAD: "the spool's room for what cannot be read is full; more of it is not kept",
}


class SpoolLimits(Struct, frozen=True):
    """Bounds of the spool in bytes on disk and seconds.

    ``sample_keep_every``: of so many telemetry records one is kept when room runs short.
    """

    life_safety_bytes: int = 256 * MIB
    unproven_bytes: int = 64 * MIB
    unread_bytes: int = 16 * MIB
    normal_bytes: int = 512 * MIB
    telemetry_bytes: int = 128 * MIB
    normal_max_age_s: float = 7 * 86_400
    telemetry_max_age_s: float = 86_400
    segment_bytes: int = 4 * MIB
    normal_gather_s: float = 0.02
    telemetry_sync_s: float = 1.0
    sample_from: float = 0.8
    sample_keep_every: int = 10

    def quota_bytes(self, spool_class: SpoolClass) -> int:
        """Bytes on disk a class may take."""
        return int(getattr(self, f"{spool_class.value}_bytes"))

    def max_age_s(self, spool_class: SpoolClass) -> float | None:
        """Age after which a record is given up; None: never."""
        return None if spool_class in REFUSING else float(getattr(self, f"{spool_class.value}_max_age_s"))


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One message in the spool; ``bulk`` entries may be joined into envelopes on their way to the broker.

    Its fields are an array on the disk: a new one goes to the end and has a default, so that what an older release left
    there is read. ``at_ms``: see :class:`~cior_bus.message.MessageOut`.
    """

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    bulk: bool = False
    at_ms: int | None = None

    def stamp_ms(self, now_ms: int) -> int:
        """The time that the broker is given; 0: that of the sending, also of what lies so far ahead that no reader
        takes it: the broker would refuse it for good, and what waits behind it would wait for ever.
        """
        return 0 if self.at_ms is None or self.at_ms > now_ms + SKEW_MS else self.at_ms


class Spooled(msgspec.Struct, frozen=True):
    """One spool record: messages that were made durable together."""

    sequence: int
    entries: tuple[Entry, ...]


class Depth(Struct, frozen=True):
    """What waits: messages, bytes on disk."""

    messages: int
    size_bytes: int


class Alarm(Struct, frozen=True):
    """Something an operator must hear about; the owner of the spool turns it into an event."""

    code: str
    spool_class: SpoolClass
    sentence: str


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(tuple[Entry, ...]).decode


class _SpoolQueue:
    """One class: its log, who waits for an fsync, and what lies in it by key."""

    def __init__(self, log: SegmentLog, spool_class: SpoolClass) -> None:
        self.log = log
        self.spool_class = spool_class
        self.waiting: deque[tuple[int, Future[None]]] = deque()
        self.dirty = threading.Event()
        self.is_full = False
        self.seen = 0
        self.keys: Counter[tuple[str, bytes]] = Counter()
        for segment in log.segments:
            for payload in log.payloads(segment):
                self.count(_DECODE(payload), sign=1)

    def count(self, entries: Sequence[Entry], *, sign: int) -> None:
        for entry in entries:
            self.keys[entry.topic, entry.key] += sign
            if self.keys[entry.topic, entry.key] <= 0:
                del self.keys[entry.topic, entry.key]

    @property
    def messages(self) -> int:
        return self.keys.total()


class Spool:
    """Open with :meth:`open`; every method is thread-safe."""

    def __init__(
        self,
        directory: Path,
        *,
        limits: SpoolLimits | None = None,
        metrics: m.Metrics | None = None,
        on_alarm: Callable[[Alarm], None] | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._limits = limits or SpoolLimits()
        self._metrics = metrics or m.Metrics()
        self._on_alarm = on_alarm
        self._now_ms = now_ms
        self._lock_file: int | None = _locked(directory)
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._queues = {each: self._queue(directory, each) for each in CLASSES}
        self._metrics.read_at_scrape(self._gauges)
        self._threads = [
            threading.Thread(target=self._commit, args=(queue,), name=f"spool-{each}", daemon=True)
            for each, queue in self._queues.items()
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        limits: SpoolLimits | None = None,
        metrics: m.Metrics | None = None,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> Self:
        """Recover what a crash left and take the lock.

        Raises ``ConfigInvalid`` (``spool.locked``) when another process has it.
        """
        return cls(Path(directory), limits=limits, metrics=metrics, on_alarm=on_alarm)

    def _queue(self, directory: Path, spool_class: SpoolClass) -> _SpoolQueue:
        segment_bytes = min(
            self._limits.segment_bytes, max(4_096, self._limits.quota_bytes(spool_class) // 8)
        )
        log = SegmentLog(directory / spool_class.value, segment_bytes=segment_bytes)
        for _ in log.damaged:
            self._metrics.add(m.DROPPED, spool_class.value, "damaged_file", "false")
            self._alarm(
                "spool.damaged",
                spool_class,
                "a spool file was damaged; its unreadable part is set aside as .damaged",
            )
        return _SpoolQueue(log, spool_class)

    def append(self, spool_class: SpoolClass, entries: Sequence[Entry]) -> Future[None]:
        """One record of messages, all or nothing.

        The future ends when it is durable as its class promises (see the module), or fails with ``SourceUnavailable``.
        Raises ``CapacityExhausted`` (``spool.full``, ``spool.disk_full``).
        """
        payload = _ENCODE(tuple(entries))
        done: Future[None] = Future()
        queue = self._queues[spool_class]
        with self._lock:
            self._refuse_if_closed()
            self._expire(queue)
            if not self._admit(queue, len(payload), entries):
                done.set_result(None)
                return done
            sequence = self._write(queue, payload)
            queue.count(entries, sign=1)
            if spool_class is not SpoolClass.TELEMETRY:
                queue.waiting.append((sequence, done))
        if spool_class is SpoolClass.TELEMETRY:
            done.set_result(None)
        queue.dirty.set()
        self._metrics.add(m.SPOOLED, spool_class.value, amount=len(entries))
        return done

    def read(self, spool_class: SpoolClass, *, max_records: int = 500, max_bytes: int = MIB) -> list[Spooled]:
        """The oldest records still to be drained, in order."""
        with self._lock:
            rows = self._queues[spool_class].log.read(max_records=max_records, max_bytes=max_bytes)
        return [Spooled(sequence=sequence, entries=_DECODE(payload)) for sequence, payload in rows]

    def advance(self, spool_class: SpoolClass, drained: Sequence[Spooled]) -> None:
        """These records (a prefix of :meth:`read`) are with the broker.

        Records that were dropped meanwhile are not counted twice.
        """
        if not drained:
            return
        with self._lock:
            queue = self._queues[spool_class]
            oldest = queue.log.segments[0].first if queue.log.segments else queue.log.next_sequence
            for each in drained:
                if each.sequence >= oldest and each.sequence > queue.log.cursor:
                    queue.count(each.entries, sign=-1)
            queue.log.advance(drained[-1].sequence)
            if queue.log.size_bytes < self._limits.quota_bytes(spool_class) * self._limits.sample_from:
                queue.is_full = False

    def holds(self, topic: str, key: bytes) -> bool:
        """Whether messages of this key still wait, so that new ones must queue behind them."""
        with self._lock:
            return any((topic, key) in queue.keys for queue in self._queues.values())

    def depth(self) -> dict[SpoolClass, Depth]:
        """What waits, by class."""
        with self._lock:
            return {
                each: Depth(messages=queue.messages, size_bytes=queue.log.size_bytes)
                for each, queue in self._queues.items()
            }

    def close(self) -> None:
        """Fsync everything, end the threads, release the lock."""
        self._stop.set()
        for queue in self._queues.values():
            queue.dirty.set()
        for thread in self._threads:
            thread.join()
        with self._lock:
            if self._lock_file is not None:
                for queue in self._queues.values():
                    queue.log.close()
                os.close(self._lock_file)
                self._lock_file = None

    def _refuse_if_closed(self) -> None:
        if self._stop.is_set():
            raise SourceUnavailable("spool.closed", "the spool is closed")

    def _admit(self, queue: _SpoolQueue, size_bytes: int, entries: Sequence[Entry]) -> bool:
        """Make or refuse room. False: this record is sampled out (counted)."""
        quota, each = self._limits.quota_bytes(queue.spool_class), queue.spool_class
        after = queue.log.size_bytes + size_bytes + 64
        if each is SpoolClass.TELEMETRY and after > quota * self._limits.sample_from:
            queue.seen += 1
            if queue.seen % self._limits.sample_keep_every:
                self._metrics.add(m.DROPPED, each.value, "sampled", "true", amount=len(entries))
                return False
        if after > quota and (each in REFUSING or size_bytes + 64 > quota):
            sentence = "the life-safety part of the spool is full; the source must keep its signal"
            raise self._refused(queue, "spool.full", _FULL.get(each, sentence))
        while queue.log.size_bytes + size_bytes + 64 > quota and queue.log.segments:
            self._drop_oldest(queue, "spool_full")
        return True

    def _refused(self, queue: _SpoolQueue, code: str, sentence: str) -> CapacityExhausted:
        self._metrics.add(m.REFUSED, queue.spool_class.value, code)
        if not queue.is_full:
            queue.is_full = True
            self._alarm(code, queue.spool_class, sentence)
        return CapacityExhausted(
            code, sentence, cure="bring the broker back or give the spool more room", retry_after_s=1.0
        )

    def _drop_oldest(self, queue: _SpoolQueue, reason: str) -> None:
        lost = [_DECODE(payload) for payload in queue.log.drop_oldest()]
        for entries in lost:
            queue.count(entries, sign=-1)
        total = sum(len(entries) for entries in lost)
        if total:
            self._metrics.add(m.DROPPED, queue.spool_class.value, reason, "true", amount=total)
            _LOG.warning("records_dropped", spool_class=queue.spool_class.value, reason=reason, records=total)

    def _expire(self, queue: _SpoolQueue) -> None:
        max_age_s = self._limits.max_age_s(queue.spool_class)
        while (
            max_age_s is not None
            and len(queue.log.segments) > 1
            and self._now_ms() - queue.log.segments[0].newest_ms > max_age_s * 1_000
        ):
            self._drop_oldest(queue, "spool_age")

    def _write(self, queue: _SpoolQueue, payload: bytes) -> int:
        while True:
            try:
                return queue.log.append(payload, at_ms=self._now_ms())
            except OSError as error:
                if error.errno not in _DISK_FULL:
                    raise self._refused(
                        queue, "spool.write_failed", f"the spool cannot be written (errno {error.errno})"
                    ) from error
                if not self._free_disk(queue.spool_class):
                    raise self._refused(queue, "spool.disk_full", "the spool's disk is full") from error

    def _free_disk(self, for_class: SpoolClass) -> bool:
        """What cannot be read gives way first, then telemetry, then normal; nothing to something less important."""
        for each in _GIVES_WAY:
            if CLASSES.index(each) >= CLASSES.index(for_class) and self._queues[each].log.segments:
                self._drop_oldest(self._queues[each], "disk_full")
                return True
        return False

    def _commit(self, queue: _SpoolQueue) -> None:
        """The committer thread of one class: gather, fsync once, acknowledge all that it covers."""
        gather_s = {
            SpoolClass.NORMAL: self._limits.normal_gather_s,
            SpoolClass.TELEMETRY: self._limits.telemetry_sync_s,
        }.get(queue.spool_class, 0.0)
        while True:
            queue.dirty.wait()
            if gather_s and not self._stop.is_set():
                self._stop.wait(gather_s)
            queue.dirty.clear()
            self._commit_once(queue)
            if self._stop.is_set():
                return

    def _commit_once(self, queue: _SpoolQueue) -> None:
        with self._lock:
            handle, covered = queue.log.sync_handle(), queue.log.last
        failure: OSError | None = None
        try:
            if handle is not None:
                began_s = time.monotonic()
                os.fsync(handle)
                self._metrics.observe(
                    m.FSYNC_LATENCY, queue.spool_class.value, value_s=time.monotonic() - began_s
                )
        except OSError as error:
            failure = error
        finally:
            if handle is not None:
                os.close(handle)
        with self._lock:
            if failure is not None:
                self._leave_segment(queue, covered)
            unsafe_up_to = queue.log.unsafe_up_to
            ready = [
                queue.waiting.popleft()
                for _ in range(sum(1 for sequence, _ in queue.waiting if sequence <= covered))
            ]
        for sequence, done in ready:
            if sequence > unsafe_up_to:
                done.set_result(None)
            else:
                done.set_exception(
                    SourceUnavailable("spool.sync_failed", "the disk refused to make the record durable")
                )

    def _leave_segment(self, queue: _SpoolQueue, covered: int) -> None:
        """After a failed fsync the kernel may have thrown dirty pages away: never write behind them again."""
        self._alarm(
            "spool.sync_failed",
            queue.spool_class,
            "the disk refused an fsync; the sources were not acknowledged",
        )
        try:
            queue.log.seal()
        except OSError as error:
            _LOG.error("segment_left", spool_class=queue.spool_class.value, errno=error.errno)
        queue.log.unsafe_up_to = max(queue.log.unsafe_up_to, covered)

    def _alarm(self, code: str, spool_class: SpoolClass, sentence: str) -> None:
        _LOG.error("spool_alarmed", code=code, spool_class=spool_class.value)
        if self._on_alarm is not None:
            self._on_alarm(Alarm(code=code, spool_class=spool_class, sentence=sentence))

    def _gauges(self) -> dict[tuple[str, tuple[str, ...]], float]:
        if self._lock_file is None:
            return {}
        out: dict[tuple[str, tuple[str, ...]], float] = {}
        for each, depth in self.depth().items():
            out[m.SPOOL_DEPTH.name, (each.value,)] = depth.messages
            out[m.SPOOL_BYTES.name, (each.value,)] = depth.size_bytes
            out[m.SPOOL_LIMIT.name, (each.value,)] = self._limits.quota_bytes(each)
        return out


def left_in(directory: Path) -> Iterator[Entry]:
    """What waits in the folder of a spool that nobody has open (a copy of one), class by class, in order."""
    for each in CLASSES:
        if (directory / each.value).is_dir():
            log = SegmentLog(directory / each.value, segment_bytes=SpoolLimits().segment_bytes)
            for segment in log.segments:
                for payload in log.payloads(segment):
                    yield from _DECODE(payload)
            log.close()


def _locked(directory: Path) -> int:
    """Take the spool's lock for this process; the kernel gives it back when the process dies, however it dies."""
    directory.mkdir(parents=True, exist_ok=True)
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise ConfigInvalid(
            "spool.locked",
            "another process uses this spool directory",
            cure="give each process its own spool directory",
        ) from error
    return fd
