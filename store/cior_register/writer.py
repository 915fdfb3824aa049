"""The one thread that writes: it gathers what waits, runs all of it in one transaction, and answers after the commit.

Each act has a savepoint and its ledger row, so that a bad one is undone alone. What the policy denies is undone, and
written down as refused.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cior_core.chain import Head
from cior_core.errors import AccessDenied, CapacityExhausted, CiorError, PayloadRejected
from cior_core.people import LedgerEntry, LedgerOutcome
from cior_register import faults, journal, ledger
from cior_register.journal import Journal

log = structlog.get_logger("cior_register.writer")
T = TypeVar("T")
Work = Callable[[Connection], Any]
GROUP = 64
_LAST_WORDS_S = 10.0
# A page outside the database is wanted at once after these (docs/adr/0034).
_PINNED = ("sealed.", "hold.", "request.")


def nothing(_connection: Connection) -> None:
    """The work of an entry that is all: such entries are written together."""


class Amended(msgspec.Struct, Generic[T], frozen=True):
    """What work returns when only it knows what the ledger must say: its value, and the whole entry."""

    value: T
    entry: LedgerEntry


class _Job(msgspec.Struct, frozen=True, eq=False):
    """``entry`` None: the writer's own bookkeeping, which is no act."""

    entry: LedgerEntry | None
    work: Work
    future: Future[Any]


class Writer:
    """``submit`` from any thread. ``head`` is the last committed end of the chain, None before the first contact.

    ``grown`` is set after each commit that added entries; ``pin_wanted`` after one that a checkpoint must follow.
    """

    def __init__(
        self, engine: Engine, *, notes: Journal | None, ready: Callable[[Connection], None], most_waiting: int
    ) -> None:
        self._engine, self._notes, self._ready = engine, notes, ready
        self._queue: queue.Queue[_Job | None] = queue.Queue(most_waiting)
        self._fault: CiorError | None = None
        self._is_ready = False
        self._retry_s = 0.0
        self.head: Head | None = None
        self.grown, self.pin_wanted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="register-writer", daemon=True)
        self._is_closed = False

    def start(self) -> None:
        """Begin; before that, :meth:`first_contact` may be called by the thread that starts it."""
        self._thread.start()

    def stop(self) -> None:
        """What waits is written, then the thread ends; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(queue.Full):
                self._queue.put(None, timeout=_LAST_WORDS_S)
            self._thread.join(_LAST_WORDS_S)

    @property
    def fault(self) -> CiorError | None:
        """Why nothing can be written now; None while all is well."""
        return self._fault

    def submit(self, entry: LedgerEntry | None, work: Work) -> Future[Any]:
        """Have ``work`` done with its entry. Raises ``CapacityExhausted`` (``register.queue_full``)."""
        future: Future[Any] = Future()
        if self._is_closed:
            raise faults.away("the register is closed")
        try:
            self._queue.put_nowait(_Job(entry, work, future))
        except queue.Full:
            raise CapacityExhausted(
                "register.queue_full",
                "too many acts wait for the register",
                cure="see why its database is slow; nothing of this act was done",
                retry_after_s=faults.RETRY_S,
            ) from None
        return future

    def first_contact(self) -> None:
        """Take in what the journal holds. Raises what prevents it."""
        self._commit([])
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        is_open = True
        while is_open:
            group = self._gathered()
            is_open = None not in group
            jobs = [job for job in group if job is not None and job.future.set_running_or_notify_cancel()]
            if jobs or self._must_return():
                self._commit(jobs)

    def _gathered(self) -> list[_Job | None]:
        """What waits, at most a group; empty when a second passed without."""
        group: list[_Job | None] = []
        with suppress(queue.Empty):
            group.append(self._queue.get(timeout=faults.RETRY_S))
            while len(group) < GROUP:
                group.append(self._queue.get_nowait())
        return group

    def _must_return(self) -> bool:
        return self._fault is not None or (self._notes is not None and self._notes.is_waiting)

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """One transaction for all; then, and only then, their answers."""
        if self._fault is not None and time.monotonic() < self._retry_s:
            _fail(jobs, self._fault)
            return
        try:
            settled = self._transaction(jobs)
        except SQLAlchemyError as error:
            fault = faults.translate(error)
            if isinstance(fault, PayloadRejected) and jobs:
                self._one_by_one(jobs, fault)
            else:
                self._stumble(jobs, fault)
        except CiorError as error:
            self._stumble(jobs, error)
        else:
            if self._fault is not None:
                log.info("register_back")
            self._fault = None
            for settle in settled:
                settle()

    def _one_by_one(self, jobs: Sequence[_Job], fault: CiorError) -> None:
        """What only the commit refused (a reference that leads nowhere) is one act's fault: find which."""
        if len(jobs) == 1:
            _fail(jobs, fault)
            return
        for job in jobs:
            self._commit([job])

    def _stumble(self, jobs: Sequence[_Job], fault: CiorError) -> None:
        if self._fault is None:
            log.error("register_lost", code=fault.code)
        self._fault, self._is_ready = fault, False
        self._retry_s = time.monotonic() + faults.RETRY_S
        _fail(jobs, fault)

    def _transaction(self, jobs: Sequence[_Job]) -> list[Callable[[], None]]:
        settled: list[Callable[[], None]] = []
        acts: list[str] = []
        with self._connection() as connection, connection.begin():
            if not self._is_ready:
                self._ready(connection)
                self._is_ready = True
            head = first = ledger.locked_head(connection)
            notes = self._notes.close_file() if self._notes is not None and self._notes.is_waiting else []
            head = journal.take_in(connection, head, notes)
            notes_of_run: list[dict[str, Any]] = []
            for job in jobs:
                if job.work is nothing and job.entry is not None:
                    head, settle, act = _noted(head, job.entry, job.future, notes_of_run)
                else:
                    ledger.append_all(connection, notes_of_run)
                    notes_of_run.clear()
                    head, settle, act = _tried(connection, head, job)
                settled.append(settle)
                acts.append(act)
            ledger.append_all(connection, notes_of_run)
        if notes and self._notes is not None:
            self._notes.forget(notes)
        self._tell(head, has_grown=head.seq > first.seq, acts=acts)
        return settled

    def _connection(self) -> Connection:
        """Connected. A pooled connection that died while nobody used it is replaced once, before anything ran on it."""
        connection = self._engine.connect()
        if self._engine.dialect.name == "sqlite":
            return connection
        try:
            connection.exec_driver_sql("SELECT 1")
            connection.rollback()
        except DBAPIError:
            connection.close()
            self._engine.dispose()
            return self._engine.connect()
        return connection

    def _tell(self, head: Head, *, has_grown: bool, acts: Sequence[str]) -> None:
        self.head = head
        if has_grown:
            self.grown.set()
        if any(act.startswith(_PINNED) for act in acts):
            self.pin_wanted.set()


def _noted(
    head: Head, entry: LedgerEntry, future: Future[Any], run: list[dict[str, Any]]
) -> tuple[Head, Callable[[], None], str]:
    """An entry that is all joins ``run``, which is written at once: no savepoint, so what the database refuses of a run
    makes its group be done one by one.
    """
    try:
        made, row = ledger.chained(head, entry)
    except PayloadRejected as error:
        told = error  # the name goes with this block
        return head, lambda: future.set_exception(told), ""
    run.append(row)
    return made, lambda: future.set_result(None), entry.act


def _tried(connection: Connection, head: Head, job: _Job) -> tuple[Head, Callable[[], None], str]:
    """One job in its savepoint: the new end of the chain, how to answer once it is committed, its act."""
    savepoint = connection.begin_nested()
    try:
        value, made, act = _done(connection, head, job)
        savepoint.commit()
    except Exception as error:
        if connection.invalidated:
            raise
        savepoint.rollback()
        return _refused(connection, head, job, error)
    return made, lambda: job.future.set_result(value), act


def _done(connection: Connection, head: Head, job: _Job) -> tuple[Any, Head, str]:
    ledger.expect(connection, head)
    value, entry = job.work(connection), job.entry
    if isinstance(value, Amended):
        value, entry = value.value, value.entry
    if entry is None:
        return value, head, ""
    return value, ledger.append(connection, head, entry), entry.act


def _refused(
    connection: Connection, head: Head, job: _Job, error: Exception
) -> tuple[Head, Callable[[], None], str]:
    """The work is undone. A denial is an entry; an error of the database comes out as ours."""
    if isinstance(error, AccessDenied) and job.entry is not None:
        entry = msgspec.structs.replace(job.entry, outcome=LedgerOutcome.REFUSED, rule=error.code)
        head = ledger.append(connection, head, entry)
    told = faults.translate(error) if isinstance(error, SQLAlchemyError) else error
    return head, lambda: job.future.set_exception(told), ""


def _fail(jobs: Sequence[_Job], fault: CiorError) -> None:
    for job in jobs:
        job.future.set_exception(fault)
