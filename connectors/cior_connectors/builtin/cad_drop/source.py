"""The five verbs of the drop folder.

The acknowledgement towards the CAD is the file's move to ``done/`` (or its ``.ack``), after its last record is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from cior_connectors.builtin.cad_drop import decode as decoding
from cior_connectors.builtin.cad_drop import reader, rows, values
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.folder import Folder, fingerprint
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
)
from cior_core.errors import PayloadRejected, SourceUnavailable

STATE_FILE = "cad_drop.sqlite"
_BREATHE_EVERY = 64


class _Run:
    """One file on its way: what was read, what is durable, what became of it."""

    def __init__(self, path: Path, stream: BinaryIO, *, identity: str, durable: int) -> None:
        self.path = path
        self.stream = stream
        self.identity = identity
        self.durable = durable
        self.total: int | None = None
        self.good = True
        self.events = 0
        self.dead = 0
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
        self._check()
        self._state = DropState(
            ctx.state_dir / STATE_FILE, now_ms=ctx.now_ms(), remember_days=self._config.remember_days
        )

    async def receive(self) -> AsyncIterator[Received]:
        """Records of whole files, oldest file first; looks again every ``poll_s``.

        After a refusal it raises ``SourceUnavailable``: opened again, it goes on behind the last durable record.
        """
        while True:
            for path in self._check():
                for count, received in enumerate(self._file(path), start=1):
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
        if self._state is not None:
            self._state.close()
            self._state = None

    async def probe(self) -> ProbeReport:
        """Look for whole files and cut the first record of one, as real work does."""
        folder = Folder(self._config, now_ms=lambda: 0)
        try:
            waiting = folder.ready(set())
            for path in waiting[:1]:
                with path.open("rb") as stream:
                    record = next(iter(reader.read(stream, self._config).records), None)
                if record is not None and record.problem:
                    return ProbeReport(ok=False, detail=f"the first file cannot be read: {record.problem}")
        except OSError as error:
            return ProbeReport(ok=False, detail=f"the folder cannot be read: {error.strerror}")
        return ProbeReport(ok=True, detail=f"folder readable, {len(waiting)} files waiting")

    def _check(self) -> list[Path]:
        if self._folder is None:
            raise SourceUnavailable("cad_drop.closed", "the folder is not open")
        try:
            return self._folder.ready(set(self._runs))
        except OSError as error:
            raise SourceUnavailable(
                "cad_drop.folder",
                "the drop folder cannot be read",
                cure="create it and give this user access",
            ) from error

    def _file(self, path: Path) -> Iterator[Received]:
        """The records of a file, without those that are durable already. Lazy: memory holds one record."""
        state, ctx = self._opened
        try:
            stream = path.open("rb")
        except OSError as error:
            ctx.degraded(f"a file cannot be opened: {error.strerror}")
            return
        identity = fingerprint(path, stream)
        run = _Run(path, stream, identity=identity, durable=state.durable(identity))
        self._runs[path.name] = run
        state.start_file()
        reading = reader.read(stream, self._config)
        total = 0
        for record in reading.records:
            total = record.number + 1
            received = self._received(run, record, reading.header)
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

    def _received(self, run: _Run, record: Record, header: str) -> Received | None:
        """``record`` with its labels; None when it is durable already (its labels were still counted)."""
        _, ctx = self._opened
        details = {"file": run.path.name, "record": str(record.number), "fingerprint": run.identity}
        details |= {"problem": record.problem} if record.problem else self._labels(record.raw, header)
        if header:
            details["header"] = header
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
            authenticated=True,  # the folder's owner wrote it
        )

        async def ack(outcome: Outcome) -> None:
            self._settle(run, record.number, outcome)

        return Received(payload=record.raw, facts=facts, ack=ack)

    def _labels(self, raw: bytes, header: str) -> dict[str, str]:
        """What ``decode`` cannot know from the bytes: is the incident known, or (without a number) how often was this
        row before.
        """
        state, ctx = self._opened
        config = self._config
        if config.columns.id:
            with contextlib.suppress(PayloadRejected):
                row = rows.read(raw, config, header)
                if row.joined(config.columns.id, "/"):
                    year = values.instant(row.get(config.columns.occurred), config).year
                    incident = decoding.incident_key(raw, row, config, year=year, occurrence="0")
                    return {
                        "known": "yes"
                        if state.known(incident, decoding.version_of(row, config), now_ms=ctx.now_ms())
                        else "no"
                    }
        return {"occurrence": str(state.occurrence(decoding.digest(raw.strip(b"\r\n"))))}

    def _settle(self, run: _Run, number: int, outcome: Outcome) -> None:
        if self._state is None or self._ctx is None or self._runs.get(run.path.name) is not run:
            return
        if isinstance(outcome, Refused):
            self._refused.set()
            return
        run.events += outcome.events if isinstance(outcome, Accepted) else 0
        run.dead += not isinstance(outcome, Accepted)
        run.settle(number)
        self._state.mark(run.identity, run.durable, now_ms=self._ctx.now_ms())
        if run.finished:
            self._finish(run)

    def _finish(self, run: _Run) -> None:
        """Acknowledge the file; when that fails it is tried again at the next look."""
        state, ctx = self._opened
        if self._folder is None:
            return
        run.stream.close()
        state.commit()
        report: dict[str, int | str] = {
            "fingerprint": run.identity,
            "records": run.total or 0,
            "events": run.events,
            "dead": run.dead,
        }
        try:
            with run.path.open("rb") as stream:
                same = fingerprint(run.path, stream) == run.identity
            if same:
                self._folder.finish(run.path, good=run.good, report=report)
        except FileNotFoundError:
            pass
        except OSError as error:
            ctx.degraded(f"a finished file cannot be acknowledged: {error.strerror}")
            return
        del self._runs[run.path.name]
        state.forget(run.identity)
        if run.good:
            ctx.recovered()
        else:
            ctx.degraded("a file went to quarantine: it is not what the configuration says")

    def _finish_late(self) -> None:
        for run in list(self._runs.values()):
            if run.finished:
                self._finish(run)


_CONTENT_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/json",
    "xml": "application/xml",
}
