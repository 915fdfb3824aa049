"""The ledger: one row an act or a read, chained (:mod:`cior_core.chain`), written in the transaction that it is about.

The functions take the connection of that transaction. Only the writer appends.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, insert, select, text, update

from cior_core.canonical import canonical
from cior_core.chain import Head, Seen, entry_hash
from cior_core.chain_place import ChainPlace
from cior_core.errors import PayloadRejected
from cior_core.ledger_copy import LedgerCopy, copy_of
from cior_core.model import Struct
from cior_core.people import REGISTER_CHAIN, LedgerEntry, LedgerRow
from cior_register.tables import LEDGER, LEDGER_HEAD, LEDGER_PUBLISHED

MOST_BYTES = 65_536
"""Of one entry: what somebody wrote as a reason is cut before it comes here."""
_NEXT = "cior_ledger_seq"
_decode = msgspec.json.Decoder(LedgerEntry).decode


def next_seq(connection: Connection) -> int:
    """The number that the entry of the act under way will have: what its rows name in ``ledger_seq``."""
    seq: int = connection.info[_NEXT]
    return seq


def expect(connection: Connection, head: Head) -> None:
    """Say what :func:`next_seq` answers."""
    connection.info[_NEXT] = head.seq + 1


def locked_head(connection: Connection) -> Head:
    """The end of the chain, locked until this transaction ends: the order of the chain is the order of commits."""
    if connection.dialect.name == "postgresql":
        found = connection.execute(text("SELECT seq, hash FROM ledger_head_locked()")).one()
    else:
        found = connection.execute(select(LEDGER_HEAD.c.seq, LEDGER_HEAD.c.hash)).one()
    return Head(REGISTER_CHAIN, found.seq, found.hash)


def head(connection: Connection) -> Head:
    """The end of the chain as it is seen now."""
    found = connection.execute(select(LEDGER_HEAD.c.seq, LEDGER_HEAD.c.hash)).one()
    return Head(REGISTER_CHAIN, found.seq, found.hash)


def named(entry: LedgerEntry) -> LedgerEntry:
    """With an id of its own, so that its digest tells nothing to who guesses its words."""
    return entry if entry.id else msgspec.structs.replace(entry, id=secrets.token_hex(16))


def append(connection: Connection, last: Head, entry: LedgerEntry) -> Head:
    """Write ``entry`` after ``last``; the new end. Raises ``PayloadRejected`` (``ledger.*``, ``canonical.*``)."""
    made, row = chained(last, entry)
    append_all(connection, [row])
    return made


def append_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what :func:`chained` made, in this order."""
    if rows:
        connection.execute(_INSERT, rows)


def chained(last: Head, entry: LedgerEntry) -> tuple[Head, dict[str, Any]]:
    """The row of ``entry`` after ``last``, not written yet, and the end that it makes. Raises ``PayloadRejected``."""
    entry = named(entry)
    content = canonical(entry)
    if len(content) > MOST_BYTES:
        raise PayloadRejected(
            "ledger.too_long", "an entry of the ledger is too long", cure="write a shorter reason"
        )
    place = ChainPlace(chain=last.chain, seq=last.seq + 1, previous=last.hash)
    made = Head(last.chain, place.seq, entry_hash(place, _digest(content)))
    row = {
        "seq": made.seq, "id": entry.id, "entry": content, "previous": last.hash, "hash": made.hash,
        "at_ms": entry.at_ms, "actor": entry.actor, "act": entry.act, "subject": entry.subject,
    }  # fmt: skip
    return made, row


_INSERT = insert(LEDGER)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def seq_of(connection: Connection, entry_id: str) -> int | None:
    """Where the entry with this id stands."""
    return connection.execute(select(LEDGER.c.seq).where(LEDGER.c.id == entry_id)).scalar_one_or_none()


class LedgerQuestion(Struct, frozen=True):
    """What to show of the ledger: newest first, below ``before_seq`` (None: from the end), at most ``limit``.

    Empty texts and None narrow nothing; ``act`` may end with ``.`` for all acts of a family. ``since_ms`` is included,
    ``until_ms`` not.
    """

    actor: str = ""
    act: str = ""
    subject: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    before_seq: int | None = None
    limit: int = 200


def rows(connection: Connection, question: LedgerQuestion) -> list[LedgerRow]:
    """The entries that a question is about."""
    asked = select(LEDGER).order_by(LEDGER.c.seq.desc()).limit(min(question.limit, 1_000))
    return [_row(each) for each in connection.execute(_narrowed(asked, question))]


def _narrowed(asked: Select[Any], question: LedgerQuestion) -> Select[Any]:
    for column, value in ((LEDGER.c.actor, question.actor), (LEDGER.c.subject, question.subject)):
        asked = asked.where(column == value) if value else asked
    if question.act.endswith("."):
        asked = asked.where(LEDGER.c.act.startswith(question.act, autoescape=True))
    elif question.act:
        asked = asked.where(LEDGER.c.act == question.act)
    if question.since_ms is not None:
        asked = asked.where(LEDGER.c.at_ms >= question.since_ms)
    if question.until_ms is not None:
        asked = asked.where(LEDGER.c.at_ms < question.until_ms)
    return asked if question.before_seq is None else asked.where(LEDGER.c.seq < question.before_seq)


def copies(connection: Connection, *, after: int, limit: int) -> list[LedgerCopy]:
    """The entries above a number, in order, as they travel to the copy in the store."""
    wanted = (LEDGER.c.seq, LEDGER.c.previous, LEDGER.c.hash, LEDGER.c.entry)
    asked = select(*wanted).where(LEDGER.c.seq > after).order_by(LEDGER.c.seq).limit(limit)
    return [
        copy_of(seq=each.seq, previous=each.previous, hashed=each.hash, entry=each.entry)
        for each in connection.execute(asked)
    ]


def digests(connection: Connection, *, after: int, before_ms: int) -> list[tuple[int, str]]:
    """Number and SHA-256 (hex) of each entry above ``after``, up to the last one written before an instant (UTC ms)."""
    last = connection.execute(select(func.max(LEDGER.c.seq)).where(LEDGER.c.at_ms < before_ms)).scalar() or 0
    asked = select(LEDGER.c.seq, LEDGER.c.entry).where(LEDGER.c.seq > after, LEDGER.c.seq <= last)
    with connection.execution_options(yield_per=1_000).execute(asked.order_by(LEDGER.c.seq)) as found:
        return [(each.seq, _digest(each.entry)) for each in found]


def entry_bytes(connection: Connection, seq: int) -> bytes | None:
    """The canonical bytes of one entry, which its digest is of; None when there is no such number."""
    found: bytes | None = connection.execute(select(LEDGER.c.entry).where(LEDGER.c.seq == seq)).scalar()
    return found


def _row(found: Any) -> LedgerRow:
    place = ChainPlace(chain=REGISTER_CHAIN, seq=found.seq, previous=found.previous)
    return LedgerRow(place=place, hash=found.hash, entry=_decode(found.entry))


def falling(connection: Connection) -> Iterator[Seen]:
    """The whole chain from its end, hashes computed now from what stands there; for :func:`cior_core.chain.verify`."""
    asked = select(LEDGER.c.seq, LEDGER.c.id, LEDGER.c.entry, LEDGER.c.previous).order_by(LEDGER.c.seq.desc())
    with connection.execution_options(yield_per=1_000).execute(asked) as found:
        for each in found:
            place = ChainPlace(chain=REGISTER_CHAIN, seq=each.seq, previous=each.previous)
            yield Seen.of(place, _digest(each.entry), each.id)


def misfiled(connection: Connection) -> Iterator[int]:
    """Numbers of rows whose columns for looking up, or whose hash, are not those of their entry."""
    asked = select(LEDGER).order_by(LEDGER.c.seq)
    with connection.execution_options(yield_per=1_000).execute(asked) as found:
        for each in found:
            place = ChainPlace(chain=REGISTER_CHAIN, seq=each.seq, previous=each.previous)
            if each.hash != entry_hash(place, _digest(each.entry)) or not _is_filed(each):
                yield each.seq


def _is_filed(found: Any) -> bool:
    try:
        entry = _decode(found.entry)
    except msgspec.MsgspecError:
        return False
    said = (entry.id, entry.at_ms, entry.actor, entry.act, entry.subject)
    return said == (found.id, found.at_ms, found.actor, found.act, found.subject)


def published(connection: Connection) -> int:
    """The number up to which entries were handed to the bus."""
    seq: int = connection.execute(select(LEDGER_PUBLISHED.c.seq)).scalar_one()
    return seq


def waiting(connection: Connection) -> int:
    """How many entries are not on the bus yet."""
    return head(connection).seq - published(connection)


def note_published(connection: Connection, seq: int, *, was: int) -> None:
    """Entries up to ``seq`` are on the bus, if ``was`` is still what was noted last: two may publish, and one of them
    may begin again further down.
    """
    connection.execute(update(LEDGER_PUBLISHED).where(LEDGER_PUBLISHED.c.seq == was).values(seq=seq))
