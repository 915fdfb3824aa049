"""Who is on duty: everybody of the room sees who of each team is there now; a supervisor writes shifts, deputies and
covers; whoever is there hands over their duty. How people are reached is told to nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from cior_console.acts import Name, Words
from cior_console.authorising import DEED
from cior_console.desk import DESK, ROOM
from cior_console.duty_keeping import DutyKeeping
from cior_console.endpoints import CALLER, Endpoint, Ledgered, body_of
from cior_console.problems import Refused
from cior_console.said import shown_text
from cior_core import duty
from cior_core.duty import Cover, DutyBook, OnDuty, Shift, Team
from cior_core.errors import PayloadRejected
from cior_core.model import TargetKind
from cior_core.privacy import Purpose, Role
from cior_core.protocols import ProtocolBook
from cior_register import duty_teams

DUTY = web.AppKey("duty", DutyKeeping)
_LOOK_AHEAD_MS = 7 * 86_400_000
_SUPERVISOR = frozenset({Role.SUPERVISOR})


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody by their id and name; ``login``: as shifts write them."""

    id: str
    name: str
    login: str


class TeamNow(msgspec.Struct, frozen=True, kw_only=True):
    """One team now. ``until_ms``: when that changes at the latest; ``instead``: who is told while nobody is there."""

    id: str
    es: str
    en: str
    sealed: bool
    people: tuple[Colleague, ...]
    deputies: tuple[Colleague, ...]
    until_ms: int | None = None
    instead: tuple[Colleague, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time of the coming week on which nobody of a team is there."""

    team: str
    from_ms: int
    to_ms: int


class DutyPage(msgspec.Struct, frozen=True, kw_only=True):
    """``unkept``: teams that protocols tell and nobody keeps."""

    now_ms: int
    teams: tuple[TeamNow, ...]
    gaps: tuple[Gap, ...]
    unkept: tuple[str, ...]


class WrittenTeam(msgspec.Struct, frozen=True, kw_only=True):
    """A team as it is written."""

    team: Team
    is_fallback: bool


class DutyDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is written, and who can be written. ``zone``: the time of the shifts."""

    zone: str
    teams: tuple[WrittenTeam, ...]
    people: tuple[Colleague, ...]


class TeamBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is true of a team from now on; times are the city's. ``is_fallback``: it hears of what concerns a team that
    nobody keeps.
    """

    name_es: Name
    name_en: Name
    sealed: bool = False
    otherwise: Annotated[str, msgspec.Meta(max_length=64)] = ""
    is_fallback: bool = False
    shift: Annotated[tuple[Shift, ...], msgspec.Meta(max_length=100)] = ()
    cover: Annotated[tuple[Cover, ...], msgspec.Meta(max_length=100)] = ()


class DutyHandOverBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody takes a duty until its shift ends. ``to``: a person's id; ``person``: whose duty, one's own left out."""

    to: Name
    reason: Words
    person: Annotated[str, msgspec.Meta(max_length=120)] = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """It stands in the register and in the ledger."""

    team: str


async def _page(request: web.Request) -> DutyPage:
    keeping, now_ms = request.app[DUTY], request.app[DESK].now_ms()
    book = await keeping.book()
    gaps = duty.uncovered(book, from_ms=now_ms, to_ms=now_ms + _LOOK_AHEAD_MS, zone=keeping.zone)
    return DutyPage(
        now_ms=now_ms,
        teams=tuple(_now(book, each, keeping, now_ms) for each in book.team),
        gaps=tuple(Gap(team=each.team, from_ms=each.from_ms, to_ms=each.to_ms) for each in gaps),
        unkept=tuple(_unkept(book, request.app[DESK].protocols)),
    )


def _now(book: DutyBook, team: Team, keeping: DutyKeeping, now_ms: int) -> TeamNow:
    there = duty.on_duty(team, now_ms, keeping.zone)
    instead = () if there.people else _instead(book, team, keeping, now_ms)
    return TeamNow(
        id=team.id,
        es=team.name_es,
        en=team.name_en,
        sealed=team.sealed,
        people=_colleagues(book, there.people),
        deputies=_colleagues(book, there.deputies),
        until_ms=there.until_ms,
        instead=instead,
    )


def _instead(book: DutyBook, team: Team, keeping: DutyKeeping, now_ms: int) -> tuple[Colleague, ...]:
    found = duty.find(book, team.id, now_ms, zone=keeping.zone, sealed=team.sealed)
    return _colleagues(book, (person.id for person in found.people))


def _colleagues(book: DutyBook, logins: Iterable[str]) -> tuple[Colleague, ...]:
    found = (book.who(login) for login in logins)
    return tuple(
        Colleague(id=person.account, name=person.name, login=person.id)
        for person in found
        if person is not None
    )


def _unkept(book: DutyBook, protocols: ProtocolBook | None) -> list[str]:
    """Teams that a step tells and that stand nowhere."""
    steps = (step for each in (protocols.protocols if protocols is not None else ()) for step in each.steps)
    named = (step.target.partition(":") for step in steps)
    teams = {duty.asked(name)[0] for kind, _, name in named if kind == TargetKind.TEAM}
    return sorted(name for name in teams if book.of(name) is None)


async def _directory(request: web.Request) -> DutyDirectory:
    keeping = request.app[DUTY]
    book = await keeping.book()
    written = tuple(WrittenTeam(team=each, is_fallback=each.id == book.otherwise) for each in book.team)
    everybody = _colleagues(book, (person.id for person in book.person))
    return DutyDirectory(zone=keeping.zone.key, teams=written, people=everybody)


async def _put(request: web.Request) -> Written:
    body, name = body_of(request, TeamBody), request.match_info["team_id"]
    team = _team(body, name)
    deed = request[DEED]
    detail = {"shifts": len(team.shift), "covers": len(team.cover)}
    await deed.write(
        lambda connection: duty_teams.put(connection, team, is_fallback=body.is_fallback),
        entry=deed.entry(subject=name, detail=detail),
    )
    request.app[DUTY].changed()
    return Written(team=name)


def _team(body: TeamBody, name: str) -> Team:
    """Raises ``Refused`` for a name that is none."""
    values = {each: getattr(body, each) for each in ("sealed", "otherwise", "shift", "cover")}
    values |= {"id": name, "name_es": shown_text(body.name_es), "name_en": shown_text(body.name_en)}
    try:
        return msgspec.convert(msgspec.to_builtins(values), Team)
    except msgspec.ValidationError as error:
        raise Refused("request.malformed", where=str(error)[:200]) from error


async def _remove(request: web.Request) -> Written:
    name, deed = request.match_info["team_id"], request[DEED]
    await deed.write(lambda connection: duty_teams.remove(connection, name), entry=deed.entry(subject=name))
    request.app[DUTY].changed()
    return Written(team=name)


async def _hand_over(request: web.Request) -> Written:
    """A cover until the shift ends: who takes the duty is there for whom they take it from."""
    body, name, keeping = body_of(request, DutyHandOverBody), request.match_info["team_id"], request.app[DUTY]
    caller, now_ms = request[CALLER], request.app[DESK].now_ms()
    whose = body.person or caller.person.id
    if whose != caller.person.id and caller.role is not Role.SUPERVISOR:
        raise Refused("duty.not_yours")

    def work(connection: Any) -> None:
        book = duty_teams.book(connection)
        logins = {person.account: person.id for person in book.person}
        added = _taken(
            _there(book, name, keeping, now_ms),
            logins.get(whose, ""),
            logins.get(body.to, ""),
            zone=keeping.zone,
        )
        starts = _local(now_ms, keeping.zone).replace(microsecond=0)
        reason = shown_text(body.reason)
        duty_teams.cover(connection, name, msgspec.structs.replace(added, starts=starts, reason=reason))

    deed = request[DEED]
    await deed.write(work, entry=deed.entry(subject=name, detail={"from": whose, "to": body.to}))
    keeping.changed()
    return Written(team=name)


def _there(book: DutyBook, name: str, keeping: DutyKeeping, now_ms: int) -> OnDuty:
    team = book.of(name)
    if team is None:
        raise PayloadRejected("duty.team_absent", "there is no such team", cure="load again")
    return duty.on_duty(team, now_ms, keeping.zone)


def _taken(there: OnDuty, whose: str, to: str, *, zone: ZoneInfo) -> Cover:
    """Who is there once ``to`` is there for ``whose``. Raises ``PayloadRejected``: one of them cannot."""
    if not to:
        raise PayloadRejected("duty.person_absent", "nobody of the house", cure="choose somebody else")
    if whose not in there.people or there.until_ms is None:
        raise PayloadRejected("duty.not_theirs", "they are not on duty there now", cure="load again")
    after = tuple(dict.fromkeys(to if each == whose else each for each in there.people))
    ends = _local(there.until_ms, zone)
    return Cover(starts=ends, ends=ends, people=after, deputies=there.deputies)


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    """The city's time of an instant, as shifts are written."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)


_FAULTS = (
    "duty.team_twice",
    "duty.otherwise_unknown",
    "duty.otherwise_not_sealed",
    "duty.person_unknown",
    "duty.cover_backwards",
)


def duty_endpoints() -> tuple[Endpoint, ...]:
    """Who is on duty now, and who writes it."""
    return (
        Endpoint(
            name="duty.read",
            method="GET",
            path="/api/v1/duty",
            says="Who of each team is on duty now, until when, and what nobody covers in the coming week",
            handler=_page,
            roles=ROOM | {Role.AUDITOR},
            purpose_of={Role.AUDITOR: Purpose.AUDIT},
            ledgered=Ledgered.READ,
            answer=DutyPage,
        ),
        Endpoint(
            name="duty.directory",
            method="GET",
            path="/api/v1/duty/teams",
            says="All teams with shifts, deputies and covers as they are written",
            handler=_directory,
            roles=_SUPERVISOR,
            ledgered=Ledgered.READ,
            answer=DutyDirectory,
        ),
        Endpoint(
            name="duty.write",
            method="PUT",
            path="/api/v1/duty/teams/{team_id}",
            says="Write a team: its shifts, deputies and covers, in the city's time",
            handler=_put,
            roles=_SUPERVISOR,
            ledgered=Ledgered.ACT,
            body=TeamBody,
            answer=Written,
            problems=_FAULTS,
        ),
        Endpoint(
            name="duty.remove",
            method="DELETE",
            path="/api/v1/duty/teams/{team_id}",
            says="Nobody keeps a team any more",
            handler=_remove,
            roles=_SUPERVISOR,
            ledgered=Ledgered.ACT,
            answer=Written,
            problems=("duty.team_absent", "duty.otherwise_unknown"),
        ),
        Endpoint(
            name="duty.hand_over",
            method="POST",
            path="/api/v1/duty/teams/{team_id}/hand-over",
            says="Hand one's duty to somebody until the shift ends; a supervisor hands over anybody's",
            handler=_hand_over,
            roles=ROOM,
            ledgered=Ledgered.ACT,
            body=DutyHandOverBody,
            answer=Written,
            problems=("duty.not_yours", "duty.not_theirs", "duty.person_absent", "duty.team_absent"),
        ),
    )
