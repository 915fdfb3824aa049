"""The five verbs of the drop folder.

The acknowledgement towards the CAD is the file's move to ``done/`` (or its ``.ack``), after its last record is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from cior_connectors.builtin.cad_drop import decode as decoding
from cior_connectors.builtin.cad_drop import labelling, mapping, reader
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.records import Record
from cior_connectors.builtin.cad_drop.state import DropState
from cior_connectors.contract import (
    Accepted,
    Decoded,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
    Trial,
)
from cior_connectors.drop_folder import Folder, fingerprint
from cior_core.errors import SourceUnavailable

STATE_FILE = "cad_drop.sqlite"
_BREATHE_EVERY = 64


class _Run:
    """One file on its way: what was read, what is durable, what became of it."""

    def __init__(self, name: str, stream: BinaryIO, *, identity: str, durable: int) -> None:
        self.name = name
        self.stream = stream
        self.identity = identity
        self.durable = durable
        self.total: int | None = None
        self.good = True
        self.events = 0
        self.dead = 0
        self.sealed = False
        self.destroyed = 0
        self._waiting: set[int] = set()

    def settle(self, number: int) -> None:
        """Record ``number`` is durable; move the mark over every unbroken run of durable records."""
        self._waiting.add(number)
        while self.durable in self._waiting:
            self._waiting.remove(self.durable)
            self.durable += 1

    @property
    def finished(self) -> bool:
        return self.total is not None and self.durable >= self.total


class CadDropSource:
    """Files of one folder, one after another, record by record."""

    def __init__(self, config: CadDropConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._folder: Folder | None = None
        self._state: DropState | None = None
        self._runs: dict[str, _Run] = {}
        self._refused = asyncio.Event()

    async def open(self, ctx: OpenContext) -> None:
        """Open marks and folder. Raises ``SourceUnavailable`` (``cad_drop.folder``)."""
        await self.close()
        self._ctx = ctx
        self._refused = asyncio.Event()
        self._folder = Folder(self._config, now_ms=ctx.now_ms)
        self._take_hold(self._folder)
        self._check()
        self._state = DropState(
            ctx.state_dir / STATE_FILE,
            now_ms=ctx.now_ms(),
            remember_days=self._config.remember_days,
            keyed=ctx.keyed,
            before=ctx.keyed_before,
        )

    async def receive(self) -> AsyncIterator[Received]:
        """Records of whole files, oldest file first; looks again every ``poll_s``.

        After a refusal it raises ``SourceUnavailable``: opened again, it goes on behind the last durable record.
        """
        while True:
            for name in self._check():
                for count, received in enumerate(self._file(name), start=1):
                    yield received
                    if self._refused.is_set():
                        raise SourceUnavailable(
                            "cad_drop.refused", "a record was not taken: nothing is lost, it is read again"
                        )
                    if count % _BREATHE_EVERY == 0:
                        await asyncio.sleep(0)
            self._finish_late()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._refused.wait()
            if self._refused.is_set():
                raise SourceUnavailable(
                    "cad_drop.refused", "a record was not taken: nothing is lost, it is read again"
                )

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """See :func:`cior_connectors.builtin.cad_drop.decode.decode`."""
        return decoding.decode(raw, facts)

    async def close(self) -> None:
        """Close files and marks; idempotent.

        Acknowledgements that come later are void: their records are read again under the same ids.
        """
        for run in self._runs.values():
            run.stream.close()
        self._runs.clear()
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        if self._state is not None:
            self._state.close()
            self._state = None

    async def probe(self) -> ProbeReport:
        """Read the first records of a waiting file, as real work does, and look for every mapped column in them."""
        folder = Folder(self._config, now_ms=lambda: 0)
        try:
            folder.open()
            waiting = folder.ready(set(), rested=True)
            for name in waiting[:1]:
                with folder.take(name) as stream:
                    fault = mapping.fault_in(stream, self._config)
                if fault:
                    return ProbeReport(ok=False, detail=f"the first file cannot be read: {fault}")
        except OSError as error:
            return ProbeReport(ok=False, detail=f"the folder cannot be read: {error.strerror}")
        finally:
            folder.close()
        if not waiting:
            return ProbeReport(
                ok=True,
                detail="folder readable, no file waits: the mapping was not tried on any",
                tried=False,
            )
        return ProbeReport(
            ok=True, detail=f"folder readable, {len(waiting)} files waiting, the first one was read"
        )

    def trial(self, file: BinaryIO, /) -> Iterator[Trial]:
        """The records of ``file`` as this mapping cuts them, for :class:`Tryable`."""
        for each in mapping.tried(file, self._config, now_ms=time.time_ns() // 1_000_000):
            facts = Facts(source="urn:cior:cad:trial", subject=self._config.subject, details=each.details)
            absent = None if each.absent is None else frozenset(map(str, each.absent))
            yield Trial(payload=each.raw, facts=facts, absent=absent)

    def _take_hold(self, folder: Folder) -> None:
        try:
            folder.open()
        except OSError as error:
            raise _no_folder() from error

    def _check(self) -> list[str]:
        if self._folder is None:
            raise SourceUnavailable("cad_drop.closed", "the folder is not open")
        try:
            return self._folder.ready(set(self._runs))
        except OSError as error:
            raise _no_folder() from error

    def _file(self, name: str) -> Iterator[Received]:
        """The records of a file, without those that are durable already. Lazy: memory holds one record."""
        state, ctx = self._opened
        if self._folder is None:
            return
        try:
            stream = self._folder.take(name)
            identity = ctx.keyed("file", fingerprint(name, stream))
        except OSError as error:
            ctx.degraded(f"a file cannot be opened: {error.strerror}")
            return
        run = _Run(name, stream, identity=identity, durable=state.durable(identity))
        self._runs[name] = run
        state.start_file()
        reading = reader.read(stream, self._config)
        total = 0
        for record in reading.records:
            total = record.number + 1
            received = self._received(run, record, reading.details)
            if received is not None:
                yield received
        run.total = total
        if run.finished:
            self._finish(run)

    @property
    def _opened(self) -> tuple[DropState, OpenContext]:
        if self._state is None or self._ctx is None:
            raise SourceUnavailable("cad_drop.closed", "the folder is not open")
        return self._state, self._ctx

    def _received(self, run: _Run, record: Record, found: dict[str, str]) -> Received | None:
        """``record`` with its labels; None when it is durable already (its labels were still counted)."""
        state, ctx = self._opened
        # Not the file's name: it may say who called. Who needs it finds the file by its fingerprint, beside its .ack.
        details = found | {"record": str(record.number), "fingerprint": run.identity}
        judged = not record.problem
        if record.problem:
            details["problem"] = record.problem
        else:
            told = labelling.labels(record.raw, found, config=self._config, state=state, now_ms=ctx.now_ms())
            details |= told.labels
            run.destroyed += told.destroyed
            judged = told.judged
        if record.fatal:
            run.good = False
        if record.number < run.durable:
            return None
        facts = Facts(
            source=f"urn:cior:cad:{ctx.instance}",
            peer=self._config.folder,
            subject=self._config.subject,
            content_type=_CONTENT_TYPES[self._config.format],
            details=details,
            # What cannot be held against what this desk seals may be such a call, as a dead letter too (law 17).
            sealed=not judged and self._config.seals,
            authenticated=True,  # the folder's owner wrote it
        )

        async def ack(outcome: Outcome) -> None:
            self._settle(run, record.number, outcome)

        return Received(payload=record.raw, facts=facts, ack=ack)

    def _settle(self, run: _Run, number: int, outcome: Outcome) -> None:
        if self._state is None or self._ctx is None or self._runs.get(run.name) is not run:
            return
        if isinstance(outcome, Refused):
            self._refused.set()
            return
        run.events += outcome.events if isinstance(outcome, Accepted) else 0
        run.dead += not isinstance(outcome, Accepted)
        run.sealed = run.sealed or outcome.sealed
        run.settle(number)
        self._state.mark(run.identity, run.durable, now_ms=self._ctx.now_ms())
        if run.finished:
            self._finish(run)

    def _finish(self, run: _Run) -> None:
        """Acknowledge the file; when that fails it is tried again at the next look."""
        state, ctx = self._opened
        if self._folder is None:
            return
        state.commit()
        report: dict[str, int | str] = {
            "fingerprint": run.identity,
            "records": run.total or 0,
            "events": run.events,
            "dead": run.dead,
        }
        try:
            # What was replaced or has grown since is another file: it is read in its turn.
            same = self._folder.same(run.name, run.stream)
            if same and ctx.keyed("file", fingerprint(run.name, run.stream)) == run.identity:
                self._folder.finish(run.name, run.stream, good=run.good, sealed=run.sealed, report=report)
        except FileNotFoundError:
            pass
        except OSError as error:
            ctx.degraded(f"a finished file cannot be acknowledged: {error.strerror}")
            return
        run.stream.close()
        del self._runs[run.name]
        state.forget(run.identity)
        self._say(run)

    def _say(self, run: _Run) -> None:
        _, ctx = self._opened
        if not run.good:
            ctx.degraded("a file went to quarantine: it is not what the configuration says")
        elif run.destroyed:
            ctx.degraded(
                f"a spreadsheet destroyed {run.destroyed} incident numbers of a file: each stands alone"
            )
        else:
            ctx.recovered()

    def _finish_late(self) -> None:
        for run in list(self._runs.values()):
            if run.finished:
                self._finish(run)


def _no_folder() -> SourceUnavailable:
    return SourceUnavailable(
        "cad_drop.folder", "the drop folder cannot be read", cure="create it and give this user access"
    )


_CONTENT_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/json",
    "xml": "application/xml",
}
