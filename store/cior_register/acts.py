"""Acts on their way from the console into the log of actions: taken with their ledger row, sent after the commit.

An act that was committed and not sent (the console died in between, the broker was away) is found here and sent then.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import ACTS


class TakenAct(Struct, frozen=True):
    """One act. ``digest``: of what its sender asked for, so that a repeated request is told from another one under the
    same key; ``action``: the signed record as it travels; ``sent_ms``: None until the bus has it.
    """

    id: str
    digest: str
    action: bytes
    at_ms: int
    sent_ms: int | None = None


def take(connection: Connection, act: TakenAct) -> None:
    """Keep it, in the transaction of its ledger row."""
    row = {
        "id": act.id, "digest": act.digest, "action": act.action, "at_ms": act.at_ms, "sent_ms": None,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(ACTS), row)


def find(connection: Connection, act_id: str) -> TakenAct | None:
    """The act of this id."""
    found = connection.execute(select(ACTS).where(ACTS.c.id == act_id)).first()
    return None if found is None else _act(found)


def unsent(connection: Connection, *, limit: int = 1_000) -> list[TakenAct]:
    """What the bus does not have yet, in the order in which it was taken."""
    asked = select(ACTS).where(ACTS.c.sent_ms.is_(None)).order_by(ACTS.c.ledger_seq).limit(limit)
    return [_act(each) for each in connection.execute(asked)]


def note_sent(connection: Connection, act_id: str, *, at_ms: int) -> None:
    """The bus has it: bookkeeping, which is no act."""
    connection.execute(update(ACTS).where(ACTS.c.id == act_id).values(sent_ms=at_ms))


def _act(found: Any) -> TakenAct:
    return TakenAct(found.id, found.digest, found.action, found.at_ms, found.sent_ms)
