"""Who is on duty: teams with shifts, deputies and covers; whom a command for ``team:<id>`` means at an instant. Pure.

Shifts are written in the city's own time. A shift that ends at or before its start ends on the next day. Both ends of
an hour that the clock skips or repeats (DST) are read alike, so that neighbouring shifts neither gap nor overlap.
Nobody on duty is never silence: somebody else is found, or nobody is, and either is said (``code``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.model import AreaId, Struct
from cior_core.proof import Proof
from cior_core.strict_toml import ConfigFault, locate, parse

DEPUTY_SUFFIX = "/deputy"
"""``team:police/deputy``: those who stand in for whoever is on duty."""

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
_Login = Annotated[str, msgspec.Meta(pattern=r"^[\w.@-]{1,64}$")]
_Clock = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
_LocalTime = Annotated[datetime, msgspec.Meta(tz=False)]
_LONGEST = timedelta(days=1)


class Day(StrEnum):
    """A day of the week on which a shift begins, as the directory writes it (ISO 8601 order)."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_WEEK = tuple(Day)


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class DutyPerson(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who can be on duty. ``id`` is the login; numbers and addresses are never here.

    ``account``: their id in the register, under which what they answer is known; empty: the login is all there is.
    """

    id: _Login
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    language: Literal["es", "en"] = "es"
    account: str = ""


class Shift(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is there on which days, from when to when (city time). ``deputies``: who is told when nobody answers."""

    days: tuple[Day, ...] = _WEEK
    starts: _Clock
    ends: _Clock
    people: tuple[_Login, ...]
    deputies: tuple[_Login, ...] = ()


class Cover(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One time on which others are there than the shifts say (a holiday, an illness). City time, no offset."""

    starts: _LocalTime
    ends: _LocalTime
    people: tuple[_Login, ...]
    deputies: tuple[_Login, ...] = ()
    reason: str = ""


class Team(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One team. ``sealed``: it may be told of silent alerts. ``otherwise``: the team that is told when nobody is there
    (of a sealed team: a sealed one).
    """

    id: _Name
    name_es: str
    name_en: str
    sealed: bool = False
    otherwise: str = ""
    shift: tuple[Shift, ...] = ()
    cover: tuple[Cover, ...] = ()


class DutyBook(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The directory. ``otherwise``: the team that is told of what concerns a team that nobody keeps."""

    otherwise: str = ""
    person: tuple[DutyPerson, ...] = ()
    team: tuple[Team, ...] = ()

    @classmethod
    def load(cls, text: str, *, file: str = "duty.toml") -> DutyBook:
        """Read and check. Raises :class:`~cior_core.strict_toml.ConfigFault` (``duty.*`` or ``config.*``)."""
        book = parse(text, cls, file=file)
        for code, sentence, path, cure in _faults(book):
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        return book

    def of(self, team_id: str) -> Team | None:
        """The team of that id, or None."""
        return next((team for team in self.team if team.id == team_id), None)

    def who(self, person_id: str) -> DutyPerson | None:
        """The person of that login, or None."""
        return next((person for person in self.person if person.id == person_id), None)


class PublishedDuty(Struct, frozen=True, kw_only=True):
    """The directory that the register keeps, as it was published at ``at_ms`` (UTC ms): logins and no names.

    ``directory``: a :class:`DutyBook` as JSON. ``proof``: that the part which keeps the register told it (law 13): who
    could write it would choose who is rung.
    """

    area: AreaId
    at_ms: int
    directory: str
    proof: Proof | None = None

    @property
    def book(self) -> DutyBook:
        """Raises :class:`~cior_core.errors.PayloadRejected` (``duty.unreadable``): a later release wrote it."""
        try:
            return msgspec.json.decode(self.directory, type=DutyBook)
        except msgspec.MsgspecError as error:
            raise PayloadRejected("duty.unreadable", "a directory that this release cannot read") from error


def published(book: DutyBook, *, area: AreaId, at_ms: int) -> PublishedDuty:
    """What whoever rings people is told of ``book``."""
    return PublishedDuty(area=area, at_ms=at_ms, directory=msgspec.json.encode(_nameless(book)).decode())


def refuse_faulty(book: DutyBook) -> None:
    """Raises ``PayloadRejected`` (``duty.*``) for what :meth:`DutyBook.load` refuses in a file."""
    for code, sentence, _, cure in _faults(book):
        raise PayloadRejected(code, sentence, cure=cure)


def _nameless(book: DutyBook) -> DutyBook:
    """Without anybody's name, and without who stands in no shift."""
    turns: list[Shift | Cover] = []
    for team in book.team:
        turns += [*team.shift]
        turns += [*team.cover]
    named = {login for turn in turns for login in (*turn.people, *turn.deputies)}
    people = (msgspec.structs.replace(each, name=each.id) for each in book.person if each.id in named)
    return msgspec.structs.replace(book, person=tuple(people))


class OnDuty(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is there at an instant. ``until_ms``: when that changes at the latest (UTC ms); None: nobody is there."""

    people: tuple[str, ...] = ()
    deputies: tuple[str, ...] = ()
    until_ms: int | None = None


class Found(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a command means. ``code`` is empty when it is who was asked for; else an alarm: ``duty.nobody_on_duty``,
    ``duty.team_unknown``, ``duty.team_not_sealed``. ``team``: the one whose people they are.
    """

    team: str
    people: tuple[DutyPerson, ...] = ()
    deputies: tuple[DutyPerson, ...] = ()
    code: str = ""


class Uncovered(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time on which nobody of a team is there (UTC ms, the end not in it)."""

    team: str
    from_ms: int
    to_ms: int


def asked(target_id: str) -> tuple[str, bool]:
    """The team that a target means, and whether its deputies are."""
    return target_id.removesuffix(DEPUTY_SUFFIX), target_id.endswith(DEPUTY_SUFFIX)


def on_duty(team: Team, at_ms: int, zone: tzinfo) -> OnDuty:
    """Who of ``team`` is there at ``at_ms``. A cover takes the place of every shift while it lasts."""
    instant = datetime.fromtimestamp(at_ms / 1000, UTC)
    covers = [span for span in _covers(team, zone) if span[0] <= instant < span[1]]
    spans = covers or [
        span for span in _shifts(team, instant.astimezone(zone).date(), zone) if span[0] <= instant < span[1]
    ]
    if not spans:
        return OnDuty()
    starts = [span[0] for span in _covers(team, zone) if span[0] > instant]
    return OnDuty(
        people=_once(name for span in spans for name in span[2].people),
        deputies=_once(name for span in spans for name in span[2].deputies),
        until_ms=int(min([*(span[1] for span in spans), *starts]).timestamp() * 1000),
    )


def find(book: DutyBook, target_id: str, at_ms: int, *, zone: tzinfo, sealed: bool = False) -> Found:
    """Whom ``team:<target_id>`` means now. ``sealed``: only teams that may hear of silent alerts are found.

    Without anybody on duty: the deputies, else the team's ``otherwise``, else the book's, each with its code. Asked for
    deputies and there are none: nobody, without an alarm; the next timer tells the supervisor.
    """
    wanted, is_deputy = asked(target_id)
    code = ""
    for name in _line(book, wanted):
        team = book.of(name)
        if team is None or (sealed and not team.sealed):
            code = code or ("duty.team_unknown" if team is None else "duty.team_not_sealed")
            continue
        there = on_duty(team, at_ms, zone)
        if is_deputy and name == wanted:
            return Found(team=name, people=_people(book, there.deputies))
        if people := there.people or there.deputies:
            code = code or ("" if there.people else "duty.nobody_on_duty")
            deputies = there.deputies if there.people else ()
            return Found(team=name, people=_people(book, people), deputies=_people(book, deputies), code=code)
        code = code or "duty.nobody_on_duty"
    return Found(team=wanted, code=code)


def uncovered(book: DutyBook, *, from_ms: int, to_ms: int, zone: tzinfo) -> tuple[Uncovered, ...]:
    """Every time between the two instants on which a team has nobody on duty, in order, neighbours joined."""
    found: list[Uncovered] = []
    for team in book.team:
        for start_ms, end_ms in pairwise(_borders(team, from_ms, to_ms, zone)):
            if on_duty(team, start_ms, zone).people:
                continue
            if found and found[-1].team == team.id and found[-1].to_ms == start_ms:
                found[-1] = msgspec.structs.replace(found[-1], to_ms=end_ms)
            else:
                found.append(Uncovered(team=team.id, from_ms=start_ms, to_ms=end_ms))
    return tuple(found)


def _line(book: DutyBook, wanted: str) -> tuple[str, ...]:
    """Who is tried, in this order."""
    team = book.of(wanted)
    return _once(name for name in (wanted, team.otherwise if team else "", book.otherwise) if name)


def _people(book: DutyBook, names: tuple[str, ...]) -> tuple[DutyPerson, ...]:
    return tuple(person for name in names if (person := book.who(name)) is not None)


def _once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


_Span = tuple[datetime, datetime, Shift | Cover]


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """A skipped hour counts from the offset before it, a repeated one is its first (PEP 495, fold 0)."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _covers(team: Team, zone: tzinfo) -> list[_Span]:
    return [(_instant(each.starts, zone), _instant(each.ends, zone), each) for each in team.cover]


def _shifts(team: Team, day: date, zone: tzinfo, *, days_after: int = 0) -> list[_Span]:
    """The shifts that begin from the day before ``day`` on."""
    days = [day + timedelta(days=n) for n in range(-1, days_after + 1)]
    return [
        _span(shift, each, zone)
        for each in days
        for shift in team.shift
        if _WEEK[each.weekday()] in shift.days
    ]


def _span(shift: Shift, day: date, zone: tzinfo) -> _Span:
    starts, ends = time.fromisoformat(shift.starts), time.fromisoformat(shift.ends)
    last = day if ends > starts else day + _LONGEST
    return (
        _instant(datetime.combine(day, starts), zone),
        _instant(datetime.combine(last, ends), zone),
        shift,
    )


def _borders(team: Team, from_ms: int, to_ms: int, zone: tzinfo) -> list[int]:
    """The instants at which who is there may change, the two ends included."""
    first = datetime.fromtimestamp(from_ms / 1000, UTC).astimezone(zone).date()
    days = (to_ms - from_ms) // 86_400_000 + 2
    spans = [*_covers(team, zone), *_shifts(team, first, zone, days_after=days)]
    instants = {int(edge.timestamp() * 1000) for span in spans for edge in span[:2]}
    return sorted({from_ms, to_ms, *(each for each in instants if from_ms < each < to_ms)})


_Fault = tuple[str, str, tuple[str | int, ...], str]


def _faults(book: DutyBook) -> Iterator[_Fault]:
    yield from _twice("person", [person.id for person in book.person])
    yield from _twice("team", [team.id for team in book.team])
    known = {person.id for person in book.person}
    for n, team in enumerate(book.team):
        yield from _otherwise(book, team.otherwise, ("team", n, "otherwise"), sealed=team.sealed)
        yield from _turns(team.shift, known, ("team", n, "shift"), lambda _turn: True)
        yield from _turns(team.cover, known, ("team", n, "cover"), _runs_forward)
    yield from _otherwise(book, book.otherwise, ("otherwise",), sealed=False)


def _runs_forward(turn: Shift | Cover) -> bool:
    return not isinstance(turn, Cover) or turn.starts < turn.ends


def _twice(what: str, ids: list[str]) -> Iterator[_Fault]:
    for n, name in enumerate(ids):
        if name in ids[:n]:
            yield (
                f"duty.{what}_twice",
                f"{what} '{name}' is written twice",
                (what, n, "id"),
                "leave one of them",
            )


def _otherwise(book: DutyBook, name: str, at: tuple[str | int, ...], *, sealed: bool) -> Iterator[_Fault]:
    if not name:
        return
    team = book.of(name)
    if team is None:
        yield ("duty.otherwise_unknown", f"there is no team '{name}'", at, "name a team of this file")
    elif sealed and not team.sealed:
        yield (
            "duty.otherwise_not_sealed",
            f"'{name}' may not be told of silent alerts",
            at,
            "name a team with sealed = true, or leave it out",
        )


def _turns(
    turns: tuple[Shift | Cover, ...],
    known: set[str],
    at: tuple[str | int, ...],
    is_right: Callable[[Shift | Cover], bool],
) -> Iterator[_Fault]:
    for n, turn in enumerate(turns):
        for name in (*turn.people, *turn.deputies):
            if name not in known:
                yield (
                    "duty.person_unknown",
                    f"'{name}' is on duty and is no person of this file",
                    (*at, n, "people"),
                    "add a [[person]] with this id, or correct the name",
                )
        if not is_right(turn):
            yield ("duty.cover_backwards", "a cover ends before it starts", (*at, n, "ends"), "swap the two")
