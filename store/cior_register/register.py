"""The register as its users see it: acts and reads with a name, or not at all (laws 9 and 13).

Opened once by a process. On SQLite one process writes for long (the console); a command may write beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar, overload

import structlog
from sqlalchemy import Connection, Engine

from cior_core.chain import Head
from cior_core.errors import AccessDenied, SourceUnavailable
from cior_core.model import Struct
from cior_core.people import LedgerEntry
from cior_register import faults, ledger
from cior_register.dsn import RegisterDsn
from cior_register.engine import open_engine, prepare_file
from cior_register.journal import ACTS, Journal
from cior_register.migrate import migrate, refuse_unready
from cior_register.pins import Pins
from cior_register.writer import Amended, Writer, nothing

log = structlog.get_logger("cior_register.register")
T = TypeVar("T")
Work = Callable[[Connection], T]


class RegisterLimits(Struct, frozen=True):
    """``most_waiting``: acts that may wait for the writer; ``patience_s``: how long one waits for its commit;
    ``readers``: connections that only read.
    """

    most_waiting: int = 2_000
    patience_s: float = 5.0
    readers: int = 2


class Register:
    """An open register. ``act`` and ``read`` from an event loop, ``submit`` from anywhere."""

    def __init__(self, engine: Engine, readers: Engine, writer: Writer, limits: RegisterLimits) -> None:
        self._engine, self._readers, self.writer = engine, readers, writer
        self._limits = limits
        self.pins = Pins(writer.pin_wanted)
        self._journal: Journal | None = None
        self._pool = ThreadPoolExecutor(limits.readers, thread_name_prefix="register-read")

    @classmethod
    def open(
        cls,
        dsn: str,
        *,
        journal: Path | None = None,
        limits: RegisterLimits | None = None,
        must_answer: bool = True,
    ) -> Self:
        """Open it, take in the journal, begin to write. A file is brought up to date; a server must be.

        ``journal``: the folder for acknowledgements while the register is away; one process has it.
        ``must_answer`` false: an absent server is tried again each second, and the process goes on.
        Raises ``ConfigInvalid`` (``register.dsn``, ``register.schema_pending``, ``register.too_many_rights``),
        ``CredentialsRefused``, ``SourceUnavailable`` (``register.away``), ``IntegrityBroken``.
        """
        address, limits = RegisterDsn.parse(dsn), limits or RegisterLimits()
        engine = open_engine(address)
        if address.embedded:
            with faults.translated():
                prepare_file(address)
                migrate(engine)
        notes = Journal(journal) if journal is not None else None
        ready = _nothing if address.embedded else refuse_unready
        writer = Writer(engine, notes=notes, ready=ready, most_waiting=limits.most_waiting)
        opened = cls(engine, open_engine(address, is_reader=True, connections=limits.readers), writer, limits)
        opened._journal = notes
        try:
            writer.first_contact()
        except SourceUnavailable:
            if must_answer:
                opened._dispose()
                raise
            log.warning("register_absent", register=address.shown)
        except BaseException:
            opened._dispose()
            raise
        writer.start()
        return opened

    @property
    def is_away(self) -> bool:
        """Whether acts are refused now, for want of the database."""
        return self.writer.fault is not None

    @property
    def head(self) -> Head | None:
        """The end of the ledger as this process last committed or saw it."""
        return self.writer.head

    @overload
    def submit(self, entry: LedgerEntry, work: Work[Amended[T]]) -> Future[T]: ...
    @overload
    def submit(self, entry: LedgerEntry, work: Work[T]) -> Future[T]: ...
    def submit(self, entry: LedgerEntry, work: Work[Any]) -> Future[Any]:
        """:meth:`act` for who has no event loop."""
        return self.writer.submit(entry, work)

    @overload
    async def act(
        self, entry: LedgerEntry, work: Work[Amended[T]], *, patience_s: float | None = None
    ) -> T: ...
    @overload
    async def act(self, entry: LedgerEntry, work: Work[T], *, patience_s: float | None = None) -> T: ...
    async def act(self, entry: LedgerEntry, work: Work[Any], *, patience_s: float | None = None) -> Any:
        """``work(connection)`` and the ledger row in one transaction; what it returned, after the commit.

        Work may return :class:`Amended` when only it knows what the entry must say. ``AccessDenied`` out of it undoes
        it, is written as refused, and is raised here after that. Any other error undoes it, writes nothing, and is
        raised. Raises ``SourceUnavailable`` (``register.away``; ``register.slow``: whether it happened is then not
        known) and ``CapacityExhausted`` (``register.queue_full``).
        """
        waiting = asyncio.wrap_future(self.writer.submit(entry, work))
        limit_s = self._limits.patience_s if patience_s is None else patience_s
        try:
            return await asyncio.wait_for(waiting, limit_s)
        except TimeoutError:
            raise SourceUnavailable(
                "register.slow",
                f"the register did not answer in {limit_s:g} s",
                cure="look whether it happened before doing it again",
                retry_after_s=faults.RETRY_S,
            ) from None

    async def note(self, entry: LedgerEntry, *, patience_s: float | None = None) -> None:
        """An act or a read that changes nothing in the register: its entry is all."""
        await self.act(entry, nothing, patience_s=patience_s)

    async def note_even_away(self, entry: LedgerEntry, *, patience_s: float = 1.0) -> bool:
        """The acknowledgement of life-safety: into the ledger, or while that is away into the journal, on the disk
        either way when this returns. Whether it is in the ledger.

        Raises ``AccessDenied`` (``journal.act``) for any other act, ``SourceUnavailable`` when neither can be written.
        """
        if entry.act not in ACTS or self._journal is None:
            raise AccessDenied("journal.act", "this may not be done while the register is away")
        entry = ledger.named(entry)
        try:
            await self.note(entry, patience_s=patience_s)
        except SourceUnavailable:
            await asyncio.to_thread(self._journal.append, entry)
            return False
        return True

    async def read(self, query: Callable[[Connection], T]) -> T:
        """A question that needs no entry of its own, on a connection that cannot write.

        Raises ``SourceUnavailable`` (``register.away``).
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_now, query)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """:meth:`read` for who has no event loop."""
        with faults.translated(), self._readers.connect() as connection, connection.begin():
            return query(connection)

    async def pinned(self) -> None:
        """Return once a signed page outside the database covers everything that was committed here (law 15).

        Raises ``SourceUnavailable`` (``checkpoint.unwritten``), also where nobody signs pages (``following``).
        """
        head = self.head
        seq = head.seq if head is not None else 0
        await asyncio.to_thread(self.pins.wait, seq, patience_s=self._limits.patience_s)

    def keep_published(self, seq: int, *, was: int) -> None:
        """Entries up to ``seq`` are on the bus, after those up to ``was``: bookkeeping, which is no act.

        Raises ``SourceUnavailable`` (``register.away``, ``register.slow``): then they are sent again, and are the same.
        """
        noted = self.writer.submit(None, lambda connection: ledger.note_published(connection, seq, was=was))
        try:
            noted.result(self._limits.patience_s)
        except TimeoutError:
            raise SourceUnavailable("register.slow", "the register did not answer in time") from None

    def keep(self, work: Callable[[Connection], None]) -> None:
        """Bookkeeping that is no act: done some time, with what comes next; what fails is only logged by the writer.

        Raises ``CapacityExhausted`` (``register.queue_full``), ``SourceUnavailable`` when it is closed.
        """
        self.writer.submit(None, work)

    def close(self) -> None:
        """Write what waits, then let go; idempotent."""
        self.writer.stop()
        self._pool.shutdown(wait=True)
        self._dispose()

    def _dispose(self) -> None:
        self._engine.dispose()
        self._readers.dispose()


def _nothing(_connection: Connection) -> Any:
    return None
