"""Maintenance silences: whose notices are held back until when, by whom and why. They never concern what rings."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import SILENCES


class Silence(Struct, frozen=True):
    """``target``: what is silenced, such as ``device:panel-7`` or ``team:mantenimiento``. Instants are UTC ms."""

    id: str
    target: str
    author_id: str
    reason: str
    from_ms: int
    until_ms: int
    ended_ms: int | None = None


def add(connection: Connection, silence: Silence) -> None:
    """Raises ``PayloadRejected`` (``silences.backwards``, ``silences.no_reason``)."""
    if silence.until_ms <= silence.from_ms:
        raise PayloadRejected("silences.backwards", "a silence ends after it begins", cure="give a later end")
    if not silence.reason.strip():
        raise PayloadRejected("silences.no_reason", "a silence has a reason", cure="write why")
    row = {
        "id": silence.id, "target": silence.target, "author_id": silence.author_id, "reason": silence.reason,
        "from_ms": silence.from_ms, "until_ms": silence.until_ms, "ended_ms": None, "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(SILENCES), row)


def end(connection: Connection, silence_id: str, *, at_ms: int) -> None:
    """It ends before its time. Raises ``PayloadRejected`` (``silences.unknown``)."""
    ended = update(SILENCES).where(SILENCES.c.id == silence_id, SILENCES.c.ended_ms.is_(None))
    if not connection.execute(ended.values(ended_ms=at_ms, ledger_seq=next_seq(connection))).rowcount:
        raise PayloadRejected("silences.unknown", "there is no such silence", cure="load the list again")


def active(connection: Connection, *, at_ms: int) -> list[Silence]:
    """Those that hold at an instant, the one that ends first before the others."""
    asked = (
        select(SILENCES)
        .where(SILENCES.c.ended_ms.is_(None), SILENCES.c.from_ms <= at_ms, SILENCES.c.until_ms > at_ms)
        .order_by(SILENCES.c.until_ms)
    )
    return [_silence(each) for each in connection.execute(asked)]


def _silence(found: Any) -> Silence:
    return Silence(
        id=found.id, target=found.target, author_id=found.author_id, reason=found.reason, from_ms=found.from_ms,
        until_ms=found.until_ms, ended_ms=found.ended_ms,
    )  # fmt: skip
