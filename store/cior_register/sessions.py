"""Sign-ins that last, kept here and not in the browser: a token is known to the browser alone, we keep its digest."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cior_core.errors import PayloadRejected
from cior_core.people import Session, SessionKind
from cior_core.privacy import Role
from cior_register.ledger import next_seq
from cior_register.tables import PEOPLE, SESSIONS


def digest(token: str) -> bytes:
    """What is kept of a token. It is random (128 bits or more), so one round of SHA-256 is enough."""
    return sha256(token.encode()).digest()


def begin(connection: Connection, session: Session, *, token: str) -> None:
    """A new session."""
    row = {
        "id": session.id, "token_digest": digest(token), "person_id": session.person_id, "role": session.role.value,
        "kind": session.kind.value, "label": session.label, "factors": " ".join(session.factors),
        "created_ms": session.created_ms, "expires_ms": session.expires_ms,
        "reauthenticated_ms": session.reauthenticated_ms, "ended_ms": session.ended_ms,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(SESSIONS), row)


def by_token(connection: Connection, token: str, *, now_ms: int) -> Session | None:
    """Whose token it is: a session that lasts, of somebody who is not disabled."""
    asked = (
        select(SESSIONS)
        .join(PEOPLE, PEOPLE.c.id == SESSIONS.c.person_id)
        .where(
            SESSIONS.c.token_digest == digest(token),
            SESSIONS.c.ended_ms.is_(None),
            SESSIONS.c.expires_ms > now_ms,
            PEOPLE.c.disabled.is_(False),
        )
    )
    found = connection.execute(asked).first()
    return None if found is None else _session(found)


def of_person(connection: Connection, person_id: str, *, now_ms: int) -> list[Session]:
    """Their sessions that last, newest first."""
    asked = (
        select(SESSIONS)
        .where(
            SESSIONS.c.person_id == person_id, SESSIONS.c.ended_ms.is_(None), SESSIONS.c.expires_ms > now_ms
        )
        .order_by(SESSIONS.c.created_ms.desc())
    )
    return [_session(each) for each in connection.execute(asked)]


def end(connection: Connection, session_id: str, *, person_id: str, at_ms: int) -> None:
    """One session of this person is over. Raises ``PayloadRejected`` (``sessions.unknown``)."""
    ended = update(SESSIONS).where(
        SESSIONS.c.id == session_id, SESSIONS.c.person_id == person_id, SESSIONS.c.ended_ms.is_(None)
    )
    if not connection.execute(ended.values(ended_ms=at_ms, ledger_seq=next_seq(connection))).rowcount:
        raise PayloadRejected("sessions.unknown", "there is no such session", cure="load the list again")


def end_of_person(
    connection: Connection, person_id: str, *, at_ms: int, role: Role | None = None, but: str = ""
) -> Sequence[str]:
    """All of a person's sessions, or those under a role, are over, but for one; which ones."""
    chosen = [SESSIONS.c.person_id == person_id, SESSIONS.c.ended_ms.is_(None), SESSIONS.c.id != but]
    if role is not None:
        chosen.append(SESSIONS.c.role == role.value)
    ids = connection.execute(select(SESSIONS.c.id).where(*chosen)).scalars().all()
    ended = update(SESSIONS).where(SESSIONS.c.id.in_(ids))
    connection.execute(ended.values(ended_ms=at_ms, ledger_seq=next_seq(connection)))
    return ids


def prove_again(connection: Connection, session_id: str, *, factors: Sequence[str], at_ms: int) -> None:
    """Whoever holds this session proved just now who they are."""
    changed = update(SESSIONS).where(SESSIONS.c.id == session_id, SESSIONS.c.ended_ms.is_(None))
    proven = {"reauthenticated_ms": at_ms, "factors": " ".join(factors), "ledger_seq": next_seq(connection)}
    if not connection.execute(changed.values(**proven)).rowcount:
        raise PayloadRejected("sessions.unknown", "there is no such session", cure="sign in again")


def _session(found: Any) -> Session:
    return Session(
        id=found.id, person_id=found.person_id, role=Role(found.role), kind=SessionKind(found.kind),
        created_ms=found.created_ms, expires_ms=found.expires_ms, reauthenticated_ms=found.reauthenticated_ms,
        factors=tuple(found.factors.split()), label=found.label, ended_ms=found.ended_ms,
    )  # fmt: skip
