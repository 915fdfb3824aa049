"""Who is on duty when: teams with their shifts, deputies and covers, written by people with a name.

How a person is reached is not here: numbers and addresses stay in the file of whoever rings them. Whoever is disabled
is on duty no more, in whatever shift they still stand.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select

from cior_core import duty
from cior_core.duty import Cover, DutyBook, DutyPerson, Shift, Team
from cior_core.errors import PayloadRejected
from cior_core.people import Person
from cior_register import people
from cior_register.ledger import next_seq
from cior_register.tables import DUTY_TEAMS

_team = msgspec.json.Decoder(Team).decode
_Turn = TypeVar("_Turn", Shift, Cover)


def put(connection: Connection, team: Team, *, is_fallback: bool) -> None:
    """A new one, or what is true of it now. ``is_fallback``: the team that hears of what concerns a team that nobody
    keeps; there is one at most.

    Raises ``PayloadRejected`` (``duty.*``) for one that contradicts itself or another, or names nobody of the house.
    """
    if is_fallback:
        _fall_back_on_nobody(connection, but=team.id)
    _write(connection, team, is_fallback=is_fallback)
    duty.refuse_faulty(_book(connection, whole=team.id))


def _write(connection: Connection, team: Team, *, is_fallback: bool) -> None:
    connection.execute(delete(DUTY_TEAMS).where(DUTY_TEAMS.c.id == team.id))
    row = {
        "id": team.id, "team": msgspec.json.encode(team).decode(), "is_fallback": is_fallback,
        "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(DUTY_TEAMS), row)


def _fall_back_on_nobody(connection: Connection, *, but: str) -> None:
    found = connection.execute(select(DUTY_TEAMS).where(DUTY_TEAMS.c.is_fallback, DUTY_TEAMS.c.id != but))
    for each in found.all():
        _write(connection, _team(each.team), is_fallback=False)


def remove(connection: Connection, team_id: str) -> None:
    """Nobody keeps it any more. Raises ``PayloadRejected`` (``duty.team_absent``; ``duty.otherwise_unknown`` while
    another names it).
    """
    next_seq(connection)
    if not connection.execute(delete(DUTY_TEAMS).where(DUTY_TEAMS.c.id == team_id)).rowcount:
        raise PayloadRejected("duty.team_absent", "there is no such team", cure="load again")
    duty.refuse_faulty(_book(connection))


def team(connection: Connection, team_id: str) -> Team:
    """One of them, as it was written. Raises ``PayloadRejected`` (``duty.team_absent``)."""
    found = connection.execute(
        select(DUTY_TEAMS.c.team).where(DUTY_TEAMS.c.id == team_id)
    ).scalar_one_or_none()
    if found is None:
        raise PayloadRejected("duty.team_absent", "there is no such team", cure="load again")
    return _team(found)


def cover(connection: Connection, team_id: str, added: Cover) -> None:
    """Others are there for a while: what a hand-over of duty is. Covers that are over before it are dropped."""
    kept = team(connection, team_id)
    covers = (*(each for each in kept.cover if each.ends > added.starts), added)
    found = connection.execute(
        select(DUTY_TEAMS.c.is_fallback).where(DUTY_TEAMS.c.id == team_id)
    ).scalar_one()
    put(connection, msgspec.structs.replace(kept, cover=_in_front(covers, added)), is_fallback=bool(found))


def _in_front(covers: tuple[Cover, ...], added: Cover) -> tuple[Cover, ...]:
    """``added`` takes the place of what overlaps it: two covers at once would both be there."""
    cut: list[Cover] = []
    for each in covers:
        if each is added or each.ends <= added.starts or each.starts >= added.ends:
            cut.append(each)
            continue
        if each.starts < added.starts:
            cut.append(msgspec.structs.replace(each, ends=added.starts))
        if each.ends > added.ends:
            cut.append(msgspec.structs.replace(each, starts=added.ends))
    return tuple(sorted(cut, key=lambda each: each.starts))


def book(connection: Connection) -> DutyBook:
    """All teams, with those who can be there: nobody who is disabled."""
    return _book(connection)


def _book(connection: Connection, *, whole: str = "") -> DutyBook:
    """``whole``: the team that is shown as it was written, so that whom it names in vain is found."""
    rows = connection.execute(select(DUTY_TEAMS).order_by(DUTY_TEAMS.c.id)).all()
    known = {each.login: _person(each) for each in people.everybody(connection) if not each.disabled}
    teams = [_team(each.team) for each in rows]
    return DutyBook(
        otherwise=next((each.id for each in rows if each.is_fallback), ""),
        person=tuple(known.values()),
        team=tuple(each if each.id == whole else _of_those(each, frozenset(known)) for each in teams),
    )


def _person(found: Person) -> DutyPerson:
    language: Literal["es", "en"] = "en" if found.language == "en" else "es"
    return DutyPerson(id=found.login, name=found.name, language=language, account=found.id)


def _of_those(team: Team, known: frozenset[str]) -> Team:
    shift, cover = _turns(team.shift, known), _turns(team.cover, known)
    return msgspec.structs.replace(team, shift=shift, cover=cover)


def _turns(turns: tuple[_Turn, ...], known: frozenset[str]) -> tuple[_Turn, ...]:
    return tuple(
        msgspec.structs.replace(
            each,
            people=tuple(name for name in each.people if name in known),
            deputies=tuple(name for name in each.deputies if name in known),
        )
        for each in turns
    )
