"""After wrong passwords a sign-in waits, each time longer; whether anybody has that login makes no difference.

Kept by a digest of what was typed: people type passwords into the wrong field.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from cior_register.ledger import next_seq
from cior_register.tables import LOCKOUTS

FREE = 4
"""Wrong passwords in a row that cost nothing."""
FIRST_MS, LONGEST_MS = 5_000, 900_000
FORGOTTEN_MS = 86_400_000
"""A day after the last one they count no more."""


def delay_ms(failures: int) -> int:
    """How long the next try must wait after so many failures: nothing, then 5 s, doubled each time, 15 min at most."""
    return 0 if failures <= FREE else min(LONGEST_MS, FIRST_MS << min(failures - FREE - 1, 20))


def waits_until_ms(connection: Connection, login: str) -> int:
    """The instant from which this login may try again; 0 when it need not wait."""
    found = connection.execute(select(LOCKOUTS.c.until_ms).where(LOCKOUTS.c.login == _key(login)))
    return found.scalar_one_or_none() or 0


def failed(connection: Connection, login: str, *, now_ms: int) -> int:
    """One wrong password more; the instant from which another may be tried."""
    key = _key(login)
    found = connection.execute(select(LOCKOUTS).where(LOCKOUTS.c.login == key)).first()
    is_fresh = found is None or now_ms - found.last_ms > FORGOTTEN_MS
    failures = 1 if is_fresh or found is None else found.failures + 1
    until_ms = now_ms + delay_ms(failures)
    connection.execute(delete(LOCKOUTS).where(LOCKOUTS.c.login == key))
    row = {
        "login": key, "failures": failures, "last_ms": now_ms, "until_ms": until_ms,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(LOCKOUTS), row)
    return until_ms


def clear(connection: Connection, login: str) -> None:
    """They got it right, or somebody reset them."""
    connection.execute(delete(LOCKOUTS).where(LOCKOUTS.c.login == _key(login)))


def _key(login: str) -> str:
    return sha256(b"cior.lockout.v1:" + login.encode("utf-8", "surrogatepass")).hexdigest()
