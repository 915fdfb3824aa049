"""From a topic's messages to stored rows, at least once and without doubles.

Order of one batch, and why a kill between any two steps loses and doubles nothing::

    1. gather   the messages of one partition, at most max_messages / max_bytes
    2. plan     written durably: first and last offset, digest of the first message (where views add)
    3. insert   every table, token = topic-partition-first-last-digest
    4. dead     poisoned records to on_dead, durable before it returns
    5. commit   by the caller, up to Written.next_offset

A plan costs an insert of its own (11 ms embedded), so tables that collapse copies by key go without: gathered anew, the
copies are the same rows again. Killed before 2: the batch comes again, of any size. Killed after 2: the plan makes the
*same batch*, hence the same token: what was inserted is ignored, in the table and in its materialised views, and what
was not is inserted. The digest belongs to the token because a broker whose memory was lost starts again at offset 0,
and a token of offsets alone would then silently swallow new signals.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

import structlog
from msgspec import structs

from cior_core import codec
from cior_core.catalogue import KIND_OF_TOPIC, Kind, kind_of
from cior_core.errors import PayloadRejected, SourceUnavailable
from cior_core.identity import dead_id
from cior_core.model import DataClass, DeadLetter, Event, RawPointer, RawRecord, Struct
from cior_store.kinds import ADDITIVE, Entry, Message, OnDead, Origin
from cior_store.writers import Plan, Rejected

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Book(Protocol):
    """What a sink writes into: :class:`cior_store.writers.Writers`, or the in-memory twin."""

    def write(self, kind: Kind, entries: Sequence[Entry], *, token: str) -> tuple[Rejected, ...]:
        """Store entries under a token; returns those that cannot be stored."""
        ...

    def plans(self, topic: str, partition: int, *, since: int) -> Sequence[Plan]:
        """The plans of a partition from an offset on, in order."""
        ...

    def save_plan(self, topic: str, partition: int, plan: Plan) -> None:
        """Make a plan durable."""
        ...


class SinkSettings(Struct, frozen=True):
    """Sizes of a batch and the back-off while the store is away; ``is_patient`` false: then the caller waits."""

    max_messages: int = 10_000
    max_bytes: int = 16_000_000
    backoff_s: float = 0.2
    backoff_limit_s: float = 5.0
    is_patient: bool = True


class Written(Struct, frozen=True):
    """What became of a call.

    Commit ``next_offset`` when it is not None; ``held`` messages wait for the rest of their planned batch.
    """

    topic: str
    partition: int
    next_offset: int | None
    records: int = 0
    dead: int = 0
    held: int = 0


class Sink:
    """Writes batches of one consumer. Used by one thread at a time; ``stopping`` ends a wait for an absent store.

    ``may_hold`` is for callers that commit ``Written.next_offset`` and nothing else: only then may the beginning of a
    planned batch wait here for its rest. Without it (a consumer that commits whatever it handed over, and gathers
    planned batches itself) such a beginning is stored at once.
    """

    def __init__(
        self,
        book: Book,
        *,
        on_dead: OnDead,
        settings: SinkSettings | None = None,
        stopping: threading.Event | None = None,
        may_hold: bool = False,
    ) -> None:
        self._book = book
        self._on_dead = on_dead
        self._settings = settings or SinkSettings()
        self._stopping = stopping or threading.Event()
        self._may_hold = may_hold
        self._held: dict[tuple[str, int], list[Message]] = {}
        self._plans: dict[tuple[str, int], dict[int, Plan]] = {}

    def write_batch(self, topic: str, partition: int, records: Sequence[Message]) -> Written:
        """Store messages of one partition, in offset order; returns only when they are stored, dead-lettered or held.

        While the store is away it retries with back-off and returns nothing to commit. Raises ``SourceUnavailable``
        when ``stopping`` is set during such a wait, and ``ConfigInvalid``, ``CredentialsRefused``, ``AccessDenied`` or
        ``IntegrityBroken`` at once: a human is needed.
        """
        where = (topic, partition)
        messages = _joined(self._held.pop(where, []), records)
        self._forget_before(where, messages[:1])
        count = lost = 0
        done: int | None = None
        for plan, batch in self._batches(where, messages):
            if (
                self._may_hold
                and plan is not None
                and batch[-1].offset < plan.last
                and batch[-1] is messages[-1]
            ):
                self._held[where] = batch
                break
            stored, dead = self._patiently(partial(self._write, topic, partition, batch))
            count, lost, done = count + stored, lost + dead, batch[-1].offset + 1
        return Written(
            topic=topic,
            partition=partition,
            next_offset=done,
            records=count,
            dead=lost,
            held=len(self._held.get(where, ())),
        )

    def revoked(self, topic: str, partition: int) -> None:
        """Forget what is held of a partition that another consumer takes over: it was not committed and will be
        delivered there.
        """
        self._held.pop((topic, partition), None)
        self._plans.pop((topic, partition), None)

    def _batches(
        self, where: tuple[str, int], messages: list[Message]
    ) -> Iterator[tuple[Plan | None, list[Message]]]:
        """The batches: as a crashed predecessor planned them where these messages continue its plans, else by size.

        A predecessor may have planned several batches since its last commit, so every plan from the first message on
        counts, not the newest alone.
        """
        start = 0
        while start < len(messages):
            plan = self._planned(where, messages[start])
            end = (
                self._end_of_batch(messages, start)
                if plan is None
                else start + sum(1 for message in messages[start:] if message.offset <= plan.last)
            )
            yield plan, messages[start:end]
            start = end

    def _end_of_batch(self, messages: Sequence[Message], start: int) -> int:
        size, end = 0, start
        while end < len(messages) and end - start < self._settings.max_messages:
            size += len(messages[end].value or b"")
            if end > start and size > self._settings.max_bytes:
                break
            end += 1
        return end

    def _forget_before(self, where: tuple[str, int], first: Sequence[Message]) -> None:
        """Drop the plans of what is behind. Until then they stay: of records that come again since the last of their
        batches failed, the first are cut as they were.
        """
        for message in first:
            known = self._plans.get(where, {})
            for begin in [begin for begin, plan in known.items() if plan.last < message.offset]:
                del known[begin]

    def _planned(self, where: tuple[str, int], first: Message) -> Plan | None:
        if KIND_OF_TOPIC[where[0]] not in ADDITIVE:
            return None
        if where not in self._plans:
            found = self._patiently(lambda: self._book.plans(*where, since=first.offset))
            self._plans[where] = {plan.first: plan for plan in found}
        # A plan whose first message had other bytes belongs to an earlier life of the topic.
        plan = self._plans[where].get(first.offset)
        return plan if plan is not None and plan.first_digest == _digest([first]) else None

    def _write(self, topic: str, partition: int, batch: Sequence[Message]) -> tuple[int, int]:
        plan = Plan(first=batch[0].offset, last=batch[-1].offset, first_digest=_digest(batch[:1]))
        if KIND_OF_TOPIC[topic] in ADDITIVE:
            self._book.save_plan(topic, partition, plan)
            self._plans.setdefault((topic, partition), {})[plan.first] = plan
        token = f"{topic}-{partition}-{plan.first}-{plan.last}-{_digest(batch)}"
        entries, letters = self._read(KIND_OF_TOPIC[topic], batch)
        count = 0
        for kind, group in entries.items():
            rejected = self._book.write(kind, group, token=token)
            letters.extend(_letter(each, kind) for each in rejected)
            count += len(group) - len(rejected)
        for letter in letters:
            self._bury(letter, kind=KIND_OF_TOPIC[topic], token=token)
        return count, len(letters)

    def _read(self, kind: Kind, batch: Sequence[Message]) -> tuple[dict[Kind, list[Entry]], list[DeadLetter]]:
        entries: dict[Kind, list[Entry]] = {}
        letters: list[DeadLetter] = []
        for message in batch:
            for read in self._records(kind, message):
                if isinstance(read, DeadLetter):
                    letters.append(read)
                else:
                    entries.setdefault(_true_kind(kind, read), []).append(read)
        return entries, letters

    def _records(self, kind: Kind, message: Message) -> Iterator[Entry | DeadLetter]:
        if message.value is None:
            return  # a tombstone of a compacted topic: nothing to store
        origin = Origin(
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=message.timestamp_ms,
        )
        try:
            parts = codec.split(kind, message.value)
        except PayloadRejected as error:
            yield _unreadable(origin, message.value, kind, error)
            return
        for index, part in enumerate(parts):
            body, at = bytes(part), structs.replace(origin, index=index)
            try:
                yield Entry(record=codec.decode(kind, body), body=body, origin=at)
            except PayloadRejected as error:
                yield _unreadable(at, body, kind, error)

    def _bury(self, letter: DeadLetter, *, kind: Kind, token: str) -> None:
        if kind is not Kind.DEAD:
            self._on_dead(letter)
            return
        # A dead letter that cannot be read must not be sent round again: it is stored here, as the letter about itself.
        origin = Origin(topic=letter.topic or "", partition=letter.partition or 0, offset=letter.offset or 0)
        self._book.write(
            Kind.DEAD,
            [Entry(record=letter, body=letter.payload, origin=origin)],
            token=f"{token}/{letter.id}",
        )

    def _patiently(self, work: Callable[[], T]) -> T:
        wait_s, away = self._settings.backoff_s, False
        while True:
            try:
                result = work()
            except SourceUnavailable as error:
                if not self._settings.is_patient:
                    raise
                if not away:
                    log.warning("store_lost", code=error.code, sentence=error.sentence)
                away = True
                if self._stopping.wait(error.retry_after_s or wait_s):
                    raise
                wait_s = min(wait_s * 2, self._settings.backoff_limit_s)
                continue
            if away:
                log.info("store_returned")
            return result


def _joined(held: list[Message], fresh: Sequence[Message]) -> list[Message]:
    last = held[-1].offset if held else -1
    return [*held, *(message for message in fresh if message.offset > last)]


def _digest(messages: Sequence[Message]) -> str:
    """16 hex digits over offsets and bytes."""
    state = hashlib.sha256()
    for message in messages:
        value = message.value or b""
        state.update(b"%d:%d:" % (message.offset, len(value)))
        state.update(value)
    return state.hexdigest()[:16]


def _true_kind(kind: Kind, entry: Entry) -> Kind:
    """A sealed record on the open raw topic still goes to the sealed database, and nowhere else."""
    return kind_of(entry.record).kind if kind is Kind.RAW else kind


def _unreadable(origin: Origin, payload: bytes, kind: Kind, error: PayloadRejected) -> DeadLetter:
    return DeadLetter(
        id=dead_id(f"{origin.topic}:{origin.partition}:{origin.offset}", "topic", origin.index), stage="topic",
        code=error.code, reason=error.sentence, payload=payload, at_ms=origin.timestamp_ms, source=origin.topic,
        topic=origin.topic, partition=origin.partition, offset=origin.offset,
        data_class=DataClass.SEALED if kind is Kind.SEALED else DataClass.RESTRICTED,
    )  # fmt: skip


def _letter(rejected: Rejected, kind: Kind) -> DeadLetter:
    entry, it = rejected.entry, rejected.entry.record
    origin = entry.origin
    sealed = kind is Kind.SEALED or getattr(it, "data_class", None) is DataClass.SEALED
    return DeadLetter(
        id=dead_id(f"{origin.topic}:{origin.partition}:{origin.offset}", "store", origin.index), stage="store",
        code=rejected.code, reason=rejected.reason, payload=entry.body, at_ms=origin.timestamp_ms,
        source=getattr(it, "source", origin.topic), raw=_pointer(it), topic=origin.topic, partition=origin.partition,
        offset=origin.offset, life_safety=bool(getattr(it, "life_safety", False)),
        data_class=DataClass.SEALED if sealed else DataClass.RESTRICTED, producer=getattr(it, "producer", None),
    )  # fmt: skip


def _pointer(it: object) -> RawPointer | None:
    match it:
        case Event():
            return it.raw
        case RawRecord():
            return RawPointer(raw_id=it.id, sha256=it.sha256)
        case _:
            return None
