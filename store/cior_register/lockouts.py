"""How often somebody was wrong at the door, so that a restart gives nobody new tries. Keys are digests.

A row is written in the transaction of the ledger's row of the same refusal: who knocks makes no commit more than the
ledger makes anyway.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, delete, insert, or_, select

from cior_core.model import Struct
from cior_register.tables import LOCKOUTS


class Failures(Struct, frozen=True):
    """One counter's key: so many failures, the last at ``last_ms`` (UTC); 0 of them: it is forgotten."""

    counter: str
    key: str
    failures: int
    last_ms: int


def keep(connection: Connection, changed: Iterable[Failures]) -> None:
    """Put these in the place of what was known of the same keys."""
    rows = list(changed)
    if not rows:
        return
    same = (and_(LOCKOUTS.c.counter == each.counter, LOCKOUTS.c.key == each.key) for each in rows)
    connection.execute(delete(LOCKOUTS).where(or_(*same)))
    kept = [
        {"counter": each.counter, "key": each.key, "failures": each.failures, "last_ms": each.last_ms}
        for each in rows
        if each.failures
    ]
    if kept:
        connection.execute(insert(LOCKOUTS), kept)


def newest(connection: Connection, *, most: int) -> list[Failures]:
    """The last ``most`` that somebody touched, oldest first."""
    asked = select(LOCKOUTS).order_by(LOCKOUTS.c.last_ms.desc()).limit(most)
    found = [
        Failures(each.counter, each.key, each.failures, each.last_ms) for each in connection.execute(asked)
    ]
    return found[::-1]


def forget(connection: Connection, *, before_ms: int) -> None:
    """What nobody touched since then counts no longer."""
    connection.execute(delete(LOCKOUTS).where(LOCKOUTS.c.last_ms < before_ms))
