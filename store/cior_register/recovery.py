"""Codes for the day a telephone is lost: each stands once for a second factor. Only their digests are kept.

A code is random (99 bits), so one round of SHA-256 over it and its owner is enough, as for a session's token.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select, update

from cior_register.ledger import next_seq
from cior_register.passwords import one_time
from cior_register.tables import RECOVERY_CODES

CODES = 10


def new_codes() -> tuple[str, ...]:
    """Ten new ones, to be shown once."""
    return tuple(one_time() for _ in range(CODES))


def set_codes(connection: Connection, person_id: str, codes: Sequence[str]) -> None:
    """These are the person's from now on; what was given before is void."""
    forget(connection, person_id)
    seq = next_seq(connection)
    rows = [
        {"digest": _digest(person_id, each), "person_id": person_id, "used_ms": None, "ledger_seq": seq}
        for each in codes
    ]
    connection.execute(insert(RECOVERY_CODES), rows)


def left(connection: Connection, person_id: str) -> int:
    """How many are unused."""
    asked = select(func.count()).where(
        RECOVERY_CODES.c.person_id == person_id, RECOVERY_CODES.c.used_ms.is_(None)
    )
    found: int = connection.execute(asked).scalar_one()
    return found


def use(connection: Connection, person_id: str, code: str, *, now_ms: int) -> bool:
    """Use one up: False when it is none of theirs, or was used. Total for any text."""
    used = update(RECOVERY_CODES).where(
        RECOVERY_CODES.c.digest == _digest(person_id, code),
        RECOVERY_CODES.c.person_id == person_id,
        RECOVERY_CODES.c.used_ms.is_(None),
    )
    return connection.execute(used.values(used_ms=now_ms, ledger_seq=next_seq(connection))).rowcount == 1


def forget(connection: Connection, person_id: str) -> None:
    """None of theirs is good any more."""
    connection.execute(delete(RECOVERY_CODES).where(RECOVERY_CODES.c.person_id == person_id))


def _digest(person_id: str, code: str) -> bytes:
    """Of the code as anybody types it: without its dashes and blanks, in small letters."""
    plain = "".join(each for each in code.casefold() if each.isalnum())
    return sha256(f"cior.recovery.v1\0{person_id}\0{plain}".encode("utf-8", "surrogatepass")).digest()
