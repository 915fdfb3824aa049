"""The journal: what may be done while the register is away, written so that it cannot be lost or changed unseen
(law 13).

One act only: the acknowledgement of life-safety. An entry is on the disk before the act is taken, chained to the one
before it (:mod:`cior_core.chain`), and goes into the ledger before anything else when the register is back. A file is
begun by each process and never continued by another; a line without its end was never acknowledged.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from hashlib import sha256
from itertools import takewhile
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import Connection, insert, select

from cior_core.canonical import canonical
from cior_core.chain import Head, Seen, climb, entry_hash, genesis
from cior_core.chain_place import ChainPlace
from cior_core.errors import AccessDenied, SourceUnavailable
from cior_core.model import Struct
from cior_core.people import LedgerEntry, LedgerRow
from cior_register import ledger
from cior_register.tables import JOURNAL_TAKEN

log = structlog.get_logger("cior_register.journal")
ACTS = frozenset({"alert.acknowledge"})
"""What may be done while the register is away. Whether an alert is life-safety is known to who acts."""
BROKEN = "journal.broken"
_SUFFIX = ".journal"
_decode = msgspec.json.Decoder(LedgerRow).decode


class Notes(Struct, frozen=True):
    """One file as it was read: the entries that follow from its beginning, and whether that is all of it."""

    path: Path
    chain: str
    entries: tuple[LedgerRow, ...]
    is_whole: bool


class Journal:
    """A folder of journal files with one writing process. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._head: Head | None = None
        self._path: Path | None = None
        self._is_waiting = any(True for _ in self._files())

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be taken in."""
        return self._is_waiting

    def append(self, entry: LedgerEntry) -> None:
        """Write one entry; on the disk when this returns.

        Raises ``AccessDenied`` (``journal.act``) for another act, ``SourceUnavailable`` (``journal.unwritten``).
        """
        if entry.act not in ACTS:
            raise AccessDenied(
                "journal.act",
                "while the register is away only the acknowledgement of life-safety goes on",
                cure="wait until the register is back",
            )
        with self._lock:
            try:
                self._append(ledger.named(entry))
            except OSError as error:
                raise SourceUnavailable(
                    "journal.unwritten",
                    f"neither the register nor its journal can be written ({type(error).__name__})",
                    cure="give the data folder room",
                ) from error
            self._is_waiting = True

    def _append(self, entry: LedgerEntry) -> None:
        if self._path is None or self._head is None:
            self._begin()
        assert self._path is not None
        assert self._head is not None
        place = ChainPlace(chain=self._head.chain, seq=self._head.seq + 1, previous=self._head.hash)
        made = entry_hash(place, _digest(entry))
        _write(self._path, msgspec.json.encode(LedgerRow(place=place, hash=made, entry=entry)) + b"\n")
        self._head = Head(place.chain, place.seq, made)

    def _begin(self) -> None:
        number = 1 + max((int(each.stem.partition("-")[0]) for each in self._files()), default=0)
        name = f"{number:06d}-{secrets.token_hex(4)}"
        path, chain = self._folder / f"{name}{_SUFFIX}", f"register.journal/{name}"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _sync(self._folder)
        self._path, self._head = path, Head(chain, 0, genesis(chain))

    def close_file(self) -> list[Notes]:
        """Everything that is to be taken in, in the order of writing; what is noted from now on goes to a new file."""
        with self._lock:
            self._path = self._head = None
            return [_read(path) for path in self._files()]

    def forget(self, notes: list[Notes]) -> None:
        """These are in the ledger, on the disk there. A damaged file is kept, under another name."""
        with self._lock:
            for each in notes:
                if each.is_whole:
                    each.path.unlink(missing_ok=True)
                else:
                    each.path.rename(each.path.with_suffix(".broken"))
            _sync(self._folder)
            self._is_waiting = any(True for _ in self._files())

    def _files(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob(f"*{_SUFFIX}"))


def _digest(entry: LedgerEntry) -> str:
    return sha256(canonical(entry)).hexdigest()


def _write(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        before = os.fstat(handle).st_size
        if os.write(handle, line) != len(line):
            os.ftruncate(handle, before)
            raise OSError("short write")
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> Notes:
    chain = f"register.journal/{path.stem}"
    *lines, torn = path.read_bytes().split(b"\n")
    rows = list(_decoded(lines))
    seen = takewhile(_is_itself, rows)
    sound = sum(1 for _ in climb(Head(chain, 0, genesis(chain)), (_seen(row) for row in seen)))
    if torn:
        log.warning("journal_line_torn", file=path.name)
    return Notes(path, chain, tuple(rows[:sound]), is_whole=sound == len(lines))


def _seen(row: LedgerRow) -> Seen:
    return Seen.of(row.place, _digest(row.entry), row.entry.id)


def _is_itself(row: LedgerRow) -> bool:
    return row.hash == entry_hash(row.place, _digest(row.entry))


def _decoded(lines: list[bytes]) -> Iterator[LedgerRow]:
    """Until one cannot be read."""
    for line in lines:
        try:
            yield _decode(line)
        except msgspec.MsgspecError:
            return


def take_in(connection: Connection, head: Head, notes: list[Notes]) -> Head:
    """Into the ledger, each entry once, with its place in the journal; the new end."""
    for each in notes:
        for row in each.entries:
            if not _is_taken(connection, row):
                head = _take(connection, head, row)
        if not each.is_whole:
            head = _tell_broken(connection, head, each)
    return head


def _is_taken(connection: Connection, row: LedgerRow) -> bool:
    found = select(JOURNAL_TAKEN.c.seq).where(
        JOURNAL_TAKEN.c.chain == row.place.chain, JOURNAL_TAKEN.c.seq == row.place.seq
    )
    return connection.execute(found).first() is not None


def _take(connection: Connection, head: Head, row: LedgerRow) -> Head:
    # The register may have committed it although its answer never came.
    seq = ledger.seq_of(connection, row.entry.id)
    if seq is None:
        detail = {**row.entry.detail, "journal": row.place.chain, "journal_seq": row.place.seq}
        head = ledger.append(connection, head, msgspec.structs.replace(row.entry, detail=detail))
        seq = head.seq
    taken = {"chain": row.place.chain, "seq": row.place.seq, "hash": row.hash, "ledger_seq": seq}
    connection.execute(insert(JOURNAL_TAKEN), taken)
    return head


def _tell_broken(connection: Connection, head: Head, notes: Notes) -> Head:
    name = sha256(f"{BROKEN}:{notes.chain}".encode()).hexdigest()[:32]
    if ledger.seq_of(connection, name) is not None:
        return head
    log.error("journal_broken", chain=notes.chain, sound=len(notes.entries))
    last_ms = notes.entries[-1].entry.at_ms if notes.entries else 0
    entry = LedgerEntry(
        at_ms=last_ms,
        actor="cior.register",
        act=BROKEN,
        subject=notes.chain,
        detail={"sound": len(notes.entries)},
        id=name,
    )
    return ledger.append(connection, head, entry)
