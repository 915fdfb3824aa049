"""Which sessions of ours began at the city's provider, so that it can end them (OpenID Connect Back-Channel Logout)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import PROVIDER_SESSIONS, SESSIONS


class AtProvider(Struct, frozen=True, kw_only=True):
    """Issuer and subject name somebody there, ``sid`` one session of theirs; empty where the provider names none."""

    issuer: str
    subject: str
    sid: str = ""


def link(connection: Connection, session_id: str, there: AtProvider) -> None:
    """This session began there."""
    row = {
        "session_id": session_id, "issuer": there.issuer, "subject": there.subject, "sid": there.sid,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(PROVIDER_SESSIONS), row)


def carry_over(connection: Connection, old_id: str, new_id: str) -> None:
    """A session took the place of another: if that one began there, this one did."""
    found = connection.execute(
        select(PROVIDER_SESSIONS).where(PROVIDER_SESSIONS.c.session_id == old_id)
    ).first()
    if found is not None:
        link(connection, new_id, AtProvider(issuer=found.issuer, subject=found.subject, sid=found.sid))


def lasting(connection: Connection, there: AtProvider) -> Sequence[tuple[str, str]]:
    """Our sessions that last and began there, each with its person: those of one ``sid``, else all of the subject's."""
    named = [PROVIDER_SESSIONS.c.issuer == there.issuer, SESSIONS.c.ended_ms.is_(None)]
    if there.sid:
        named.append(PROVIDER_SESSIONS.c.sid == there.sid)
    if there.subject:
        named.append(PROVIDER_SESSIONS.c.subject == there.subject)
    asked = (
        select(SESSIONS.c.id, SESSIONS.c.person_id)
        .join(PROVIDER_SESSIONS, PROVIDER_SESSIONS.c.session_id == SESSIONS.c.id)
        .where(*named)
    )
    return [(each.id, each.person_id) for each in connection.execute(asked)]
