"""The copy of the register's ledger: rows as they come, the chain as it stands, and where a hole begins.

The register is the ledger (docs/adr/0036-the-ledger-has-a-copy.md). This table answers questions, and is checked link
by link like the raw records (law 15).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cior_core.chain import Seen
from cior_core.errors import PayloadRejected
from cior_core.ledger_copy import LedgerCopy
from cior_core.model import Struct
from cior_store.engine import Store
from cior_store.kinds import Entry

TABLE = "ops.ledger"
PORTION = 20_000

LEDGER_COLUMNS = (
    "seq", "hash", "previous", "digest", "entry", "withheld", "ledger_id", "at", "actor", "act", "subject", "role",
    "session", "purpose", "outcome", "rule", "reason", "topic", "part", "pos",
)  # fmt: skip


class _Said(Struct, frozen=True):
    """What an entry says, as text: a newer register may know roles and purposes that this program does not."""

    at_ms: int = 0
    actor: str = ""
    act: str = ""
    subject: str = ""
    role: str | None = None
    session: str = ""
    purpose: str | None = None
    outcome: str = ""
    rule: str = ""
    reason: str = ""
    id: str = ""


_decode = msgspec.json.Decoder(_Said).decode


def ledger_row(entry: Entry) -> tuple[Any, ...]:
    """A row of the copy. Refuses one that does not have the digest or the hash that it says."""
    it: LedgerCopy = entry.record
    if not it.is_itself:
        raise PayloadRejected(
            "store.ledger_hash",
            f"entry {it.seq} of the ledger does not have the hash that it says",
            cure="cior register verify: it was changed in the register, or on its way",
        )
    try:
        said = _decode(it.entry)
    except msgspec.MsgspecError as error:
        raise PayloadRejected("store.ledger_entry", f"entry {it.seq} of the ledger cannot be read") from error
    origin = entry.origin
    return (
        it.seq, it.hash, it.previous, it.digest, it.entry, it.withheld, said.id, said.at_ms, said.actor, said.act,
        said.subject, said.role or "", said.session, said.purpose or "", said.outcome, said.rule, said.reason,
        origin.topic, origin.partition, origin.offset,
    )  # fmt: skip


def falling(store: Store, *, portion: int = PORTION) -> Iterator[Seen]:
    """The whole copy from its end, hashes computed here from what stands there; for :func:`cior_core.chain.verify`."""
    below = 2**63
    while rows := store.ask(LedgerCopy, _FALLING, {"below": below, "n": portion}):
        yield from (each.seen for each in rows)
        below = rows[-1].seq


_FALLING = """SELECT seq, previous, hash, digest, entry, withheld FROM ops.ledger
    WHERE seq < {below:UInt64} AND seq >= (SELECT min(seq) FROM
        (SELECT DISTINCT seq FROM ops.ledger WHERE seq < {below:UInt64} ORDER BY seq DESC LIMIT {n:UInt32}))
    ORDER BY seq DESC, hash"""


def misfiled(store: Store, *, at_most: int = 100) -> tuple[int, ...]:
    """Numbers of rows whose columns are not what their entry says, or whose digest is not that of their entry."""
    sql = """SELECT DISTINCT seq FROM ops.ledger
        WHERE hash != chain_hash('register', seq, previous, '', digest)
        OR (NOT withheld AND digest != lower(hex(SHA256(entry))))
        OR (ledger_id, actor, act, subject, session, outcome, rule, reason) != (JSONExtractString(entry, 'id'),
            JSONExtractString(entry, 'actor'), JSONExtractString(entry, 'act'), JSONExtractString(entry, 'subject'),
            JSONExtractString(entry, 'session'), JSONExtractString(entry, 'outcome'),
            JSONExtractString(entry, 'rule'), JSONExtractString(entry, 'reason'))
        OR toUnixTimestamp64Milli(at) != JSONExtractInt(entry, 'at_ms')
        OR (role, purpose) != (JSONExtractString(entry, 'role'), JSONExtractString(entry, 'purpose'))
        ORDER BY seq LIMIT {n:UInt32}"""
    return tuple(int(row["seq"]) for row in store.rows(sql, {"n": at_most}))
