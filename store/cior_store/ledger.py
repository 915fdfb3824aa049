"""The hash-chained ledger in the database: one writer a stream, append only.

Each entry's hash is SHA-256 over the previous hash and the entry's canonical form, so a changed, removed or inserted
entry breaks every hash after it. The database user of the writer has SELECT and INSERT only. A database administrator
could still rewrite the whole chain: anchor :attr:`Head.hash_hex` outside (file, timestamp authority) from time to time.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import msgspec

from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_store.engine import Store

GENESIS = bytes(32)
_JSON = msgspec.json.Encoder(order="deterministic")
_COLUMNS = ("stream", "seq", "at", "actor", "action", "object", "payload", "prev", "hash")


class LedgerEntry(Struct, frozen=True):
    """One line. ``payload`` is text the caller made canonical (JSON without personal data); ``seq`` starts at 1."""

    stream: str
    seq: int
    at_ms: int
    actor: str
    action: str
    object: str
    payload: str = ""


class Head(Struct, frozen=True):
    """The end of a stream's chain; ``seq`` 0 and zeros for an empty one."""

    seq: int
    hash_hex: str


def canonical(entry: LedgerEntry) -> bytes:
    """The bytes that are hashed: a JSON array of the fields in their order, UTF-8, no spaces."""
    return _JSON.encode(
        [entry.stream, entry.seq, entry.at_ms, entry.actor, entry.action, entry.object, entry.payload]
    )


def chained(prev: bytes, entry: LedgerEntry) -> bytes:
    """SHA-256 of ``prev`` followed by the entry's canonical bytes."""
    return hashlib.sha256(prev + canonical(entry)).digest()


class Ledger:
    """The single writer of one stream. Opening verifies the whole chain."""

    def __init__(self, store: Store, *, stream: str) -> None:
        self._store = store
        self.stream = stream
        self._lock = threading.Lock()
        self._head = verify(store, stream)

    @property
    def head(self) -> Head:
        """The end of the chain as this writer knows it."""
        return self._head

    def append(self, *, at_ms: int, actor: str, action: str, object: str, payload: str = "") -> Head:  # noqa: A002
        """Append one line and return the new head; the line is stored when this returns.

        Raises ``IntegrityBroken`` when somebody else wrote to this stream, ``SourceUnavailable`` when the store is away
        (the call may be repeated).
        """
        with self._lock:
            entry = LedgerEntry(
                stream=self.stream,
                seq=self._head.seq + 1,
                at_ms=at_ms,
                actor=actor,
                action=action,
                object=object,
                payload=payload,
            )
            prev = bytes.fromhex(self._head.hash_hex)
            digest = chained(prev, entry)
            self._insert(entry, prev=prev, digest=digest)
            self._head = Head(seq=entry.seq, hash_hex=digest.hex())
            return self._head

    def _insert(self, entry: LedgerEntry, *, prev: bytes, digest: bytes) -> None:
        row = (
            entry.stream,
            entry.seq,
            entry.at_ms,
            entry.actor,
            entry.action,
            entry.object,
            entry.payload,
            prev,
            digest,
        )
        try:
            self._store.insert(
                "ledger.evidence_ledger",
                _COLUMNS,
                [[cell] for cell in row],
                token=f"{entry.stream}-{entry.seq}-{digest.hex()}",
            )
        except SourceUnavailable:
            # The answer may have been lost after the insert: only the table can say whether the line stands.
            if self._standing(entry.seq) != [digest]:
                raise
        if self._standing(entry.seq) != [digest]:
            raise IntegrityBroken(
                "ledger.second_writer",
                f"stream {entry.stream} has another line {entry.seq}",
                cure="stop: find the second writer",
            )

    def _standing(self, seq: int) -> list[bytes]:
        sql = "SELECT hash FROM ledger.evidence_ledger WHERE stream = {s:String} AND seq >= {n:UInt64}"
        return [bytes(row[0]) for row in self._store.blobs(sql, {"s": self.stream, "n": seq})]


def entries(store: Store, stream: str) -> Iterator[tuple[LedgerEntry, bytes, bytes]]:
    """Lines of a stream in order, each with its stored ``prev`` and ``hash``."""
    sql = """SELECT seq, toUnixTimestamp64Milli(at), actor, action, object, payload, prev, hash
        FROM ledger.evidence_ledger WHERE stream = {s:String} ORDER BY seq, stored"""
    for seq, at_ms, actor, action, thing, payload, prev, digest in store.blobs(sql, {"s": stream}):
        texts = [bytes(cell).decode() for cell in (actor, action, thing, payload)]
        entry = LedgerEntry(
            stream=stream,
            seq=int(seq),
            at_ms=int(at_ms),
            actor=texts[0],
            action=texts[1],
            object=texts[2],
            payload=texts[3],
        )
        yield entry, bytes(prev), bytes(digest)


def verify(store: Store, stream: str) -> Head:
    """Walk the chain: numbers without gap, links and hashes right.

    Raises ``IntegrityBroken`` naming the first bad line.
    """
    head, prev = Head(seq=0, hash_hex=GENESIS.hex()), GENESIS
    for entry, linked, digest in entries(store, stream):
        if entry.seq != head.seq + 1:
            raise IntegrityBroken(
                "ledger.gap",
                f"stream {stream} goes from line {head.seq} to {entry.seq}",
                cure="compare with the last anchor",
            )
        if linked != prev or chained(prev, entry) != digest:
            raise IntegrityBroken(
                "ledger.changed",
                f"stream {stream}, line {entry.seq} does not have its hash",
                cure="compare with the last anchor",
            )
        head, prev = Head(seq=entry.seq, hash_hex=digest.hex()), digest
    return head
