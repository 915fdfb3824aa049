"""Looks from outside at a worker that may be stuck, and ends the process so that its supervisor starts a new one.

Faust can look healthy and do nothing: outputs to a vanished topic hang, consumers "slowly die" (research on stream
processing §4.4, §5). So what counts is not the app's state but: do its topics exist, does the committed offset follow
the log, does the event loop turn, did every table entry reach its changelog. Runs in a thread of its own, since a stuck
loop cannot watch itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cior_bus.settings import BusSettings
from cior_core.model import Struct
from cior_streams.settings import STREAM_BUFFER

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
    ``is_reading``: assigned and recovered. ``queued``: messages that lie before each topic's agent.
    """

    at_s: float
    is_reading: bool
    committed: dict[Place, int]
    assigned: frozenset[Place]
    topics: frozenset[str]
    unsent: int = 0
    done: dict[Place, int] = msgspec.field(default_factory=dict)
    queued: dict[str, int] = msgspec.field(default_factory=dict)


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


class _Since(NamedTuple):
    """Where a partition's commits stand, since when, and what its topic's agent had done by then."""

    offset: int
    at_s: float
    handled: int


class Stalls:
    """Which partitions have input and do not come on.

    One agent serves all partitions of a topic, in the order in which they were fetched. Behind a desk's file of
    thousands of slow messages in one partition, another's single message waits its turn for minutes, and its commits
    stand still although all works: to end the worker then makes it later still. So commits that stand still are a stall
    when the partition has been *worked on* since, when its agent does nothing, when nothing lies before that agent that
    the partition could wait behind, or when its turn should long have come.
    """

    def __init__(self, stall_s: float, *, buffer: int) -> None:
        self._stall_s, self._buffer = stall_s, buffer
        self._stood: dict[Place, _Since] = {}
        self._agents: dict[str, tuple[int, float]] = {}
        self.oldest_s = 0.0

    def forgive(self, now_s: float) -> None:
        """Time without a broker is nobody's stall."""
        self._stood = {place: since._replace(at_s=now_s) for place, since in self._stood.items()}

    def found(self, seen: Observation, logs: Logs, *, now_s: float) -> bool:
        """Whether a partition is stalled. Recovering for longer than ``stall_s`` is a stall too."""
        waiting = {
            place: seen.committed.get(place, 0)
            for place in seen.assigned
            if logs.ends.get(place, 0) > seen.committed.get(place, 0)
        }
        if not seen.assigned:
            waiting = {("", 0): -1}
        self._look_at_agents(seen, now_s)
        self._stood = {place: self._since(place, offset, now_s) for place, offset in waiting.items()}
        ages_s = {place: now_s - since.at_s for place, since in self._stood.items()}
        self.oldest_s = max(ages_s.values(), default=0.0)
        return any(
            age_s > self._stall_s and not self._waits_its_turn(place, seen, now_s)
            for place, age_s in ages_s.items()
        )

    def _look_at_agents(self, seen: Observation, now_s: float) -> None:
        handled: dict[str, int] = {}
        for (topic, _), offset in seen.done.items():
            handled[topic] = handled.get(topic, 0) + offset
        for topic, count in handled.items():
            if self._agents.get(topic, (-1, 0.0))[0] != count:
                self._agents[topic] = count, now_s

    def _since(self, place: Place, offset: int, now_s: float) -> _Since:
        before = self._stood.get(place)
        if before is not None and before.offset == offset:
            return before
        return _Since(offset, now_s, self._handled(place[0]))

    def _handled(self, topic: str) -> int:
        return self._agents.get(topic, (0, 0.0))[0]

    def _waits_its_turn(self, place: Place, seen: Observation, now_s: float) -> bool:
        if seen.done.get(place, 0) > seen.committed.get(place, 0):
            return False
        if self._handled(place[0]) - self._stood[place].handled > 2 * self._buffer:
            return False
        # What is fetched lies before its own agent; what is not may be kept out by another's full queue.
        full = {topic for topic, count in seen.queued.items() if count >= 0.9 * self._buffer}
        before = {place[0]} if seen.queued.get(place[0]) else full
        return any(now_s - self._agents.get(topic, (0, 0.0))[1] <= self._stall_s for topic in before)


class Watchdog:
    """Feed it with :meth:`diagnose`; pure but for the times it is given. ``urgent``: topics on which presses travel."""

    def __init__(
        self,
        *,
        stall_s: float,
        missing_s: float = 3.0,
        loop_s: float = 20.0,
        urgent: frozenset[str] = frozenset(),
        buffer: int = STREAM_BUFFER,
    ) -> None:
        self._waiting = Waiting(urgent)
        self._stalls = Stalls(stall_s, buffer=buffer)
        self.oldest_s = 0.0
        self._missing_s, self._loop_s = missing_s, loop_s
        self._ends: dict[Place, int] = {}
        self._missing_since_s: float | None = None
        self._cluster = ""

    @property
    def commit_age_s(self) -> float:
        """How long the commits of the slowest partition with input have stood still."""
        return self._stalls.oldest_s

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
        if self._stalls.found(seen, logs, now_s=now_s):
            return Diagnosis.STALLED
        return Diagnosis.LATE if self.oldest_s > LATE_S else Diagnosis.FINE

    def _forgive(self, now_s: float) -> None:
        self._stalls.forgive(now_s)
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
