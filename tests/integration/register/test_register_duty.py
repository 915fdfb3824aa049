"""Teams with their shifts in the register, on a file and on a server: with an entry or not at all, and a hand-over that
cuts what it overlaps.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cior_core import duty
from cior_core.duty import Cover, DutyBook, Shift, Team
from cior_core.errors import PayloadRejected
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import duty_teams, people
from cior_register.register import Register

T_MS = 1_795_262_400_000
ZONE = ZoneInfo("America/Argentina/Cordoba")
NOON = datetime.fromisoformat("2026-11-27T12:00:00")


def entry(act: str = "duty.write") -> LedgerEntry:
    return LedgerEntry(at_ms=T_MS, actor="p-sup", act=act, subject="police")


def police(*people_there: str, cover: tuple[Cover, ...] = (), **change: Any) -> Team:
    shift = Shift(starts="00:00", ends="00:00", people=people_there)
    values: dict[str, Any] = {"id": "police", "name_es": "Policía", "name_en": "Police", "shift": (shift,)}
    return Team(**(values | {"cover": cover} | change))


def cover(from_h: float, to_h: float, *people_there: str) -> Cover:
    starts, ends = NOON + timedelta(hours=from_h), NOON + timedelta(hours=to_h)
    return Cover(starts=starts, ends=ends, people=people_there)


async def employed(register: Register, *logins: str) -> None:
    def work(connection: Any) -> None:
        for login in logins:
            who = Person(f"p-{login}", login, login.title(), grants=(Grant(role=Role.OPERATOR),))
            people.add(connection, who, now_ms=T_MS)

    await register.act(entry("people.add"), work)


async def put(register: Register, team: Team, *, is_fallback: bool = False) -> DutyBook:
    await register.act(entry(), lambda each: duty_teams.put(each, team, is_fallback=is_fallback))
    return await register.read(duty_teams.book)


async def test_what_was_written_is_read_and_one_team_alone_hears_of_the_unkept(register: Register) -> None:
    await employed(register, "ana", "eva")
    await put(register, police("ana", cover=(cover(0, 2, "eva"),)), is_fallback=True)
    book = await put(register, police("eva", id="supervisor"), is_fallback=True)
    assert [team.id for team in book.team] == ["police", "supervisor"]
    assert (book.otherwise, book.team[0].cover) == ("supervisor", (cover(0, 2, "eva"),))
    assert [person.account for person in book.person] == ["p-ana", "p-eva"]
    with pytest.raises(PayloadRejected, match=r"duty\.person_unknown"):
        await put(register, police("nadie"))
    assert (await register.read(duty_teams.book)).team[0].shift[0].people == ("ana",)


async def test_a_hand_over_cuts_what_it_overlaps_and_forgets_what_is_over(register: Register) -> None:
    await employed(register, "ana", "eva", "luis")
    old, long = cover(-9, -8, "luis"), cover(-2, 6, "eva")
    await put(register, police("ana", cover=(old, long)))
    taken = cover(0, 2, "luis")
    await register.act(entry("duty.hand_over"), lambda each: duty_teams.cover(each, "police", taken))
    (team,) = (await register.read(duty_teams.book)).team
    assert team.cover == (cover(-2, 0, "eva"), taken, cover(2, 6, "eva"))

    def there(hours: float) -> tuple[str, ...]:
        at = (NOON + timedelta(hours=hours)).replace(tzinfo=ZONE)
        return duty.on_duty(team, int(at.timestamp() * 1000), ZONE).people

    assert [there(hours) for hours in (-3, -1, 0, 1.9, 2, 7)] == [
        ("ana",),
        ("eva",),
        ("luis",),
        ("luis",),
        ("eva",),
        ("ana",),
    ]


async def test_who_is_disabled_stands_in_no_shift_and_hinders_nobody_who_writes(register: Register) -> None:
    await employed(register, "ana", "eva")
    await put(register, police("ana"))

    def disable(connection: Any) -> None:
        people.set_disabled(connection, "p-ana", disabled=True, now_ms=T_MS)

    await register.act(entry("people.disable"), disable)
    book = await put(register, police("eva", id="supervisor"))
    assert [(team.id, team.shift[0].people) for team in book.team] == [
        ("police", ()),
        ("supervisor", ("eva",)),
    ]
    with pytest.raises(PayloadRejected, match=r"duty\.person_unknown"):
        await put(register, police("ana"))


async def test_a_team_goes_once_and_not_while_another_names_it(register: Register) -> None:
    await employed(register, "ana")
    await put(register, police("ana", id="supervisor"))
    await put(register, police("ana", otherwise="supervisor"))

    async def remove(name: str) -> None:
        await register.act(entry("duty.remove"), lambda each: duty_teams.remove(each, name))

    with pytest.raises(PayloadRejected, match=r"duty\.otherwise_unknown"):
        await remove("supervisor")
    await remove("police")
    await remove("supervisor")
    with pytest.raises(PayloadRejected, match=r"duty\.team_absent"):
        await remove("police")
    assert (await register.read(duty_teams.book)).team == ()
