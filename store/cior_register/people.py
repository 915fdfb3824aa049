"""People, what they may be, and by which outside identity they are known. The functions take an act's connection.

Nobody is ever deleted: the ledger names them for ever. Who leaves is disabled.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, insert, select, update

from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_core.people import Grant, Person, Scope
from cior_core.privacy import Role
from cior_register import sessions
from cior_register.ledger import next_seq
from cior_register.tables import GRANTS, IDENTITIES, PEOPLE

_LONGEST_LOGIN, _LONGEST_NAME = 64, 120
_scope = msgspec.json.Decoder(Scope).decode


class Credentials(Struct, frozen=True):
    """Somebody with the hash of their password; None while they have none (OpenID Connect alone)."""

    person: Person
    password_hash: str | None = None


def login_of(text: str) -> str:
    """A login in its one form: NFKC, folded, no blanks around. Raises ``PayloadRejected`` (``people.login``).

    Letters, digits, ``.``, ``_``, ``-`` and ``@`` alone: nothing that is not seen, nothing that turns the direction.
    """
    login = unicodedata.normalize("NFKC", text).strip().casefold()
    if not 1 <= len(login) <= _LONGEST_LOGIN or not all(each.isalnum() or each in "._-@" for each in login):
        raise PayloadRejected(
            "people.login", "a login has 1 to 64 letters, digits, or . _ - @", cure="choose another login"
        )
    return login


def _name(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= _LONGEST_NAME or any(unicodedata.category(each)[0] == "C" for each in name):
        raise PayloadRejected(
            "people.name", "a name has 1 to 120 characters that can be seen", cure="write the name again"
        )
    return name


def add(connection: Connection, person: Person, *, now_ms: int, password_hash: str | None = None) -> None:
    """A new person, with their grants. Raises ``PayloadRejected`` (``people.login_taken``, ``people.login``, …)."""
    login = login_of(person.login)
    if connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.login == login)).first() is not None:
        raise PayloadRejected("people.login_taken", "this login is taken", cure="choose another login")
    row = {
        "id": person.id, "login": login, "name": _name(person.name), "language": person.language,
        "disabled": person.disabled, "password_hash": password_hash, "must_change": person.must_change,
        "password_ms": None if password_hash is None else now_ms, "created_ms": now_ms,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(PEOPLE), row)
    for each in person.grants:
        grant(connection, person.id, each)


def everybody(connection: Connection) -> list[Person]:
    """All, by login; the disabled too."""
    return _people(connection, select(PEOPLE).order_by(PEOPLE.c.login))


def names(connection: Connection) -> dict[str, str]:
    """The name of each by their id, and nothing else of them."""
    return {each.id: each.name for each in connection.execute(select(PEOPLE.c.id, PEOPLE.c.name))}


def by_id(connection: Connection, person_id: str) -> Person | None:
    """The person of this id."""
    return next(iter(_people(connection, select(PEOPLE).where(PEOPLE.c.id == person_id))), None)


def by_login(connection: Connection, login: str) -> Person:
    """The person of this login. Raises ``PayloadRejected`` (``people.unknown``)."""
    found = credentials(connection, login_of(login))
    if found is None:
        raise PayloadRejected("people.unknown", "nobody has this login", cure="see `cior users list`")
    return found.person


def credentials(connection: Connection, login: str) -> Credentials | None:
    """What a sign-in is held against; None for a login that nobody has."""
    asked = select(PEOPLE).where(PEOPLE.c.login == login)
    found = connection.execute(asked).first()
    if found is None:
        return None
    return Credentials(_person(found, _grants(connection, [found.id])), found.password_hash)


def credentials_of(connection: Connection, person_id: str) -> Credentials | None:
    """The same by id: for who proves again that it is still them."""
    found = connection.execute(select(PEOPLE).where(PEOPLE.c.id == person_id)).first()
    if found is None:
        return None
    return Credentials(_person(found, _grants(connection, [found.id])), found.password_hash)


def _people(connection: Connection, asked: Select[Any]) -> list[Person]:
    found = connection.execute(asked).all()
    grants = _grants(connection, [each.id for each in found])
    return [_person(each, grants) for each in found]


def _grants(connection: Connection, ids: Iterable[str]) -> dict[str, list[Grant]]:
    grants: dict[str, list[Grant]] = {}
    asked = select(GRANTS).where(GRANTS.c.person_id.in_(list(ids))).order_by(GRANTS.c.role)
    for each in connection.execute(asked):
        grants.setdefault(each.person_id, []).append(Grant(role=Role(each.role), scope=_scope(each.scope)))
    return grants


def _person(found: Any, grants: dict[str, list[Grant]]) -> Person:
    return Person(
        id=found.id, login=found.login, name=found.name, language=found.language, disabled=found.disabled,
        must_change=found.must_change, grants=tuple(grants.get(found.id, ())),
    )  # fmt: skip


def grant(connection: Connection, person_id: str, given: Grant) -> None:
    """Give a role, or narrow or widen it where it is given already. Their sessions of that role end: they sign in
    again under what is true now.
    """
    withdraw(connection, person_id, given.role, now_ms=None)
    row = {
        "person_id": person_id, "role": given.role.value, "scope": msgspec.json.encode(given.scope).decode(),
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(GRANTS), row)


def withdraw(connection: Connection, person_id: str, role: Role, *, now_ms: int | None) -> None:
    """Take a role away; with an instant, the sessions that were signed in under it end then."""
    connection.execute(delete(GRANTS).where(GRANTS.c.person_id == person_id, GRANTS.c.role == role.value))
    if now_ms is not None:
        sessions.end_of_person(connection, person_id, at_ms=now_ms, role=role)


def set_disabled(connection: Connection, person_id: str, *, disabled: bool, now_ms: int) -> None:
    """Nobody signs in as them any more, and who is signed in is signed out; or they may again."""
    _change(connection, person_id, disabled=disabled)
    if disabled:
        sessions.end_of_person(connection, person_id, at_ms=now_ms)


def set_password(
    connection: Connection, person_id: str, password_hash: str, *, now_ms: int, must_change: bool = False
) -> None:
    """A new password. Who calls decides which sessions end (:func:`cior_register.sessions.end_of_person`)."""
    _change(connection, person_id, password_hash=password_hash, password_ms=now_ms, must_change=must_change)


def rename(connection: Connection, person_id: str, *, name: str, language: str) -> None:
    """How they are called and spoken to."""
    _change(connection, person_id, name=_name(name), language=language)


def _change(connection: Connection, person_id: str, **values: Any) -> None:
    changed = update(PEOPLE).where(PEOPLE.c.id == person_id)
    found = connection.execute(changed.values(**values, ledger_seq=next_seq(connection)))
    if not found.rowcount:
        raise PayloadRejected("people.unknown", "there is no such person", cure="see `cior users list`")


def identify(connection: Connection, *, issuer: str, subject: str) -> Person | None:
    """Whom an OpenID provider means (OpenID Connect Core 1.0 §2: issuer and subject together name somebody)."""
    asked = select(IDENTITIES.c.person_id).where(
        IDENTITIES.c.issuer == issuer, IDENTITIES.c.subject == subject
    )
    found = connection.execute(asked).scalar_one_or_none()
    return None if found is None else by_id(connection, found)


def link(connection: Connection, person_id: str, *, issuer: str, subject: str) -> None:
    """From now on this outside identity is this person. Raises ``PayloadRejected`` when it is somebody's already."""
    row = {
        "issuer": issuer, "subject": subject, "person_id": person_id, "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(IDENTITIES), row)
