"""Who answers for a team now, in which order, and how they are reached: what resolves ``team:*``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_register.ledger import next_seq
from cior_register.tables import CONTACTS, ON_DUTY, PEOPLE


class Contact(Struct, frozen=True):
    """One way to reach somebody: a channel of the notification part (``ntfy``, ``smtp``, ``webhook``) and an address
    there. The first is tried first.
    """

    channel: str
    address: str


class Duty(Struct, frozen=True):
    """Somebody answers for a team from an instant to another (UTC ms). ``rank`` 0 is asked first; deputies follow."""

    id: str
    team: str
    person_id: str
    rank: int
    from_ms: int
    until_ms: int


class Reachable(Struct, frozen=True):
    """Somebody on duty now with their contacts, best first."""

    person_id: str
    name: str
    language: str
    rank: int
    contacts: tuple[Contact, ...]


def add(connection: Connection, duty: Duty) -> None:
    """A duty. Raises ``PayloadRejected`` (``on_duty.backwards``)."""
    if duty.until_ms <= duty.from_ms:
        raise PayloadRejected(
            "on_duty.backwards", "a duty ends after it begins", cure="exchange the instants"
        )
    row = {
        "id": duty.id, "team": duty.team, "person_id": duty.person_id, "rank": duty.rank, "from_ms": duty.from_ms,
        "until_ms": duty.until_ms, "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(ON_DUTY), row)


def remove(connection: Connection, duty_id: str) -> bool:
    """It was a mistake, or plans changed; whether it was there."""
    return connection.execute(delete(ON_DUTY).where(ON_DUTY.c.id == duty_id)).rowcount == 1


def duties(connection: Connection, *, since_ms: int) -> list[Duty]:
    """All that end after an instant, by team and beginning."""
    asked = select(ON_DUTY).where(ON_DUTY.c.until_ms > since_ms).order_by(ON_DUTY.c.team, ON_DUTY.c.from_ms)
    return [
        Duty(each.id, each.team, each.person_id, each.rank, each.from_ms, each.until_ms)
        for each in connection.execute(asked)
    ]


def answering(connection: Connection, team: str, *, at_ms: int) -> Sequence[Reachable]:
    """Who answers for a team at an instant, in the order in which to ask. Nobody disabled."""
    asked = (
        select(ON_DUTY.c.person_id, ON_DUTY.c.rank, PEOPLE.c.name, PEOPLE.c.language)
        .join(PEOPLE, PEOPLE.c.id == ON_DUTY.c.person_id)
        .where(
            ON_DUTY.c.team == team,
            ON_DUTY.c.from_ms <= at_ms,
            ON_DUTY.c.until_ms > at_ms,
            PEOPLE.c.disabled.is_(False),
        )
        .order_by(ON_DUTY.c.rank, ON_DUTY.c.from_ms.desc())
    )
    return [
        Reachable(each.person_id, each.name, each.language, each.rank, contacts(connection, each.person_id))
        for each in connection.execute(asked).all()
    ]


def set_contacts(connection: Connection, person_id: str, ways: Sequence[Contact]) -> None:
    """How somebody is reached, best first; what was there is gone."""
    connection.execute(delete(CONTACTS).where(CONTACTS.c.person_id == person_id))
    for rank, each in enumerate(ways):
        row = {
            "person_id": person_id, "rank": rank, "channel": each.channel, "address": each.address,
            "ledger_seq": next_seq(connection),
        }  # fmt: skip
        connection.execute(insert(CONTACTS), row)


def contacts(connection: Connection, person_id: str) -> tuple[Contact, ...]:
    """How somebody is reached."""
    asked = select(CONTACTS).where(CONTACTS.c.person_id == person_id).order_by(CONTACTS.c.rank)
    return tuple(Contact(each.channel, each.address) for each in connection.execute(asked))
