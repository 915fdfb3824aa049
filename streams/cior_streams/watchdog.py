"""Looks from outside at a worker that may be stuck, and ends the process so that its supervisor starts a new one.

Faust can look healthy and do nothing: outputs to a vanished topic hang, consumers "slowly die" (research on stream
processing §4.4, §5). So what counts is not the app's state but: do its topics exist, does the committed offset follow
the log, does the event loop turn, did every table entry reach its changelog. Runs in a thread of its own, since a stuck
loop cannot watch itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cior_bus.settings import BusSettings
from cior_core.model import Struct

Place = tuple[str, int]


class Diagnosis(StrEnum):
    """What the watchdog thinks. ``LATE``: something that may be a press has waited too long, and work goes on; what
    follows it ends the process.
    """

    FINE = "fine"
    BROKER_AWAY = "broker_away"
    LATE = "late"
    STALLED = "stalled"
    TOPIC_MISSING = "topic_missing"
    LOG_RESET = "log_reset"
    LOOP_STUCK = "loop_stuck"
    TABLE_UNSENT = "table_unsent"


WORKING = frozenset({Diagnosis.FINE, Diagnosis.LATE})
FATAL = frozenset(Diagnosis) - WORKING - {Diagnosis.BROKER_AWAY}
LATE_S = 2.0
"""How old the oldest unprocessed message of a lane that carries life-safety may be."""


class Observation(Struct, frozen=True):
    """What the worker says of itself.

    ``committed``: next offsets of the partitions it reads; ``done``: those that it has processed, which is ahead of it.
    ``is_reading``: assigned and recovered.
    """

    at_s: float
    is_reading: bool
    committed: dict[Place, int]
    assigned: frozenset[Place]
    topics: frozenset[str]
    unsent: int = 0
    done: dict[Place, int] = msgspec.field(default_factory=dict)


class Logs(Struct, frozen=True):
    """What the broker says.

    Topics, the end of each partition, and its cluster id, which lives as long as its log: Kafka keeps it on disk with
    the records, the embedded broker has a new one at each start. On Tansu an end may lag behind the truth, but never
    goes back (§0.7).
    """

    topics: frozenset[str]
    ends: dict[Place, int]
    cluster: str = ""


class Waiting:
    """How long the oldest unprocessed message has waited, told from the ends that the logs had at each look: what lay
    before an end that is not reached yet was there then. Never too long, and too short by one look at most.
    """

    _LOOKS = 4_096

    def __init__(self, topics: frozenset[str]) -> None:
        self._topics = topics
        self._looks: dict[Place, deque[tuple[float, int]]] = {}

    def oldest_s(self, seen: Observation, logs: Logs, *, now_s: float) -> float:
        """Seconds; 0: nothing waits."""
        mine = {place for place in seen.assigned if place[0] in self._topics}
        self._looks = {place: self._looks.get(place, deque(maxlen=self._LOOKS)) for place in mine}
        for place, looks in self._looks.items():
            end = logs.ends.get(place, 0)
            if not looks or looks[-1][1] != end:
                looks.append((now_s, end))
            done = max(seen.committed.get(place, 0), seen.done.get(place, 0))
            while looks and looks[0][1] <= done:
                looks.popleft()
        return max((now_s - looks[0][0] for looks in self._looks.values() if looks), default=0.0)


class Watchdog:
    """Feed it with :meth:`diagnose`; pure but for the times it is given. ``urgent``: topics on which presses travel."""

    def __init__(
        self,
        *,
        stall_s: float,
        missing_s: float = 3.0,
        loop_s: float = 20.0,
        urgent: frozenset[str] = frozenset(),
    ) -> None:
        self._waiting = Waiting(urgent)
        self.oldest_s = 0.0
        self._stall_s, self._missing_s, self._loop_s = stall_s, missing_s, loop_s
        self._ends: dict[Place, int] = {}
        self._moved: dict[Place, tuple[int, float]] = {}
        self._missing_since_s: float | None = None
        self._cluster = ""
        self.commit_age_s = 0.0

    def diagnose(self, seen: Observation, logs: Logs | None, *, now_s: float) -> Diagnosis:
        """One look. ``logs`` None: the broker did not answer."""
        if now_s - seen.at_s > self._loop_s:
            return Diagnosis.LOOP_STUCK
        if seen.unsent:
            return Diagnosis.TABLE_UNSENT
        if logs is None:
            self._forgive(now_s)
            return Diagnosis.BROKER_AWAY
        return self._beside_the_log(seen, logs, now_s)

    def _beside_the_log(self, seen: Observation, logs: Logs, now_s: float) -> Diagnosis:
        if self._is_another_log(logs):
            return Diagnosis.LOG_RESET
        if self._is_missing(seen, logs, now_s):
            return Diagnosis.TOPIC_MISSING
        self._ends.update(logs.ends)
        self.oldest_s = self._waiting.oldest_s(seen, logs, now_s=now_s)
        if self._is_stalled(seen, logs, now_s):
            return Diagnosis.STALLED
        return Diagnosis.LATE if self.oldest_s > LATE_S else Diagnosis.FINE

    def _forgive(self, now_s: float) -> None:
        """Time without a broker is nobody's stall."""
        self._moved = {place: (offset, now_s) for place, (offset, _) in self._moved.items()}
        self._missing_since_s = None

    def _is_another_log(self, logs: Logs) -> bool:
        self._cluster = self._cluster or logs.cluster
        return bool(logs.cluster and logs.cluster != self._cluster) or any(
            end < self._ends.get(place, 0) for place, end in logs.ends.items()
        )

    def _is_missing(self, seen: Observation, logs: Logs, now_s: float) -> bool:
        if seen.topics <= logs.topics:
            self._missing_since_s = None
            return False
        self._missing_since_s = self._missing_since_s or now_s
        return now_s - self._missing_since_s >= self._missing_s

    def _is_stalled(self, seen: Observation, logs: Logs, now_s: float) -> bool:
        """Input waits and the committed offset of its partition has not moved for ``stall_s``.

        Recovering for longer than that is a stall too.
        """
        if not seen.assigned:
            places: Mapping[Place, int] = {("", 0): -1}
        else:
            places = {
                place: seen.committed.get(place, 0)
                for place in seen.assigned
                if logs.ends.get(place, 0) > seen.committed.get(place, 0)
            }
        self._moved = {
            place: (
                offset,
                self._moved[place][1] if self._moved.get(place, (-2, 0.0))[0] == offset else now_s,
            )
            for place, offset in places.items()
        }
        self.commit_age_s = max((now_s - since_s for _, since_s in self._moved.values()), default=0.0)
        return self.commit_age_s > self._stall_s


class LogReader:
    """Asks the broker for topics and ends."""

    def __init__(self, settings: BusSettings, *, timeout_s: float = 2.0) -> None:
        self._consumer = Consumer(settings.consumer(f"{settings.client_id}-watchdog"))
        self._timeout_s = timeout_s

    def read(self, places: frozenset[Place]) -> Logs | None:
        """None when the broker does not answer. A partition that is gone has no end."""
        try:
            found = self._consumer.list_topics(timeout=self._timeout_s)
            names = frozenset(name for name, topic in found.topics.items() if topic.error is None)
            ends = {place: self._end(place) for place in places if place[0] in names}
        except KafkaException:
            return None
        return Logs(topics=names, ends=ends, cluster=found.cluster_id or "")

    def _end(self, place: Place) -> int:
        _, end = self._consumer.get_watermark_offsets(
            TopicPartition(*place), timeout=self._timeout_s, cached=False
        )
        return int(end)

    def close(self) -> None:
        """Free the client."""
        self._consumer.close()


def watch(  # the loop of the watchdog's thread
    look: Callable[[], Observation],
    reader: LogReader,
    dog: Watchdog,
    *,
    is_over: Callable[[float], bool],
    report: Callable[[Diagnosis], None],
) -> Diagnosis:
    """Look once a second until ``is_over`` (which waits) or a fatal diagnosis.

    Every diagnosis goes to ``report``; the ages behind it are the dog's own.
    """
    while not is_over(1.0):
        seen = look()
        diagnosis = dog.diagnose(seen, reader.read(seen.assigned), now_s=time.monotonic())
        report(diagnosis)
        if diagnosis in FATAL:
            return diagnosis
    return Diagnosis.FINE
