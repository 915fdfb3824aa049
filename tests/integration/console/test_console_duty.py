"""Who is on duty over real HTTP and into a real register: a supervisor writes it, everybody sees it, whoever has a duty
hands it over, and whoever rings people is told on the bus, without a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cior_bus.message import MessageOut
from cior_console.duty_keeping import DutyKeeping
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.duty import PublishedDuty
from cior_core.errors import SourceUnavailable
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from doubles.signing import opens
from integration.console.api_rig import Office, act, got, office
from integration.notify.peers import until

ALL_DAY = {"starts": "00:00", "ends": "00:00"}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        await employed(running, "ana", "eva", "luis")
        yield running


async def employed(here: Office, *logins: str) -> None:
    for login in logins:
        who = Person(
            id=f"p-{login}", login=login, name=f"{login.title()} Paz", grants=(Grant(Role.OPERATOR),)
        )
        added = LedgerEntry(at_ms=1, actor="test", act="people.add")
        await here.register.act(added, partial(people.add, person=who, now_ms=1))


async def dismissed(here: Office, login: str) -> None:
    def work(connection: Any) -> None:
        people.set_disabled(connection, f"p-{login}", disabled=True, now_ms=2)

    await here.register.act(LedgerEntry(at_ms=2, actor="test", act="people.disable"), work)


def team(*shift: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {"name_es": "Policía", "name_en": "Police", "shift": list(shift)} | change


def turn(*logins: str, **change: Any) -> dict[str, Any]:
    return ALL_DAY | {"people": list(logins)} | change


async def put(browser: Any, here: Office, name: str, body: dict[str, Any]) -> tuple[int, Any]:
    async with browser.put(f"{here.url}/api/v1/duty/teams/{name}", json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def names(browser: Any, here: Office, name: str = "police") -> tuple[list[str], list[str]]:
    """Who of a team is there now, and who stands in."""
    _, page = await got(browser, f"{here.url}/api/v1/duty")
    found = next(each for each in page["teams"] if each["id"] == name)
    return [each["login"] for each in found["people"]], [each["login"] for each in found["deputies"]]


async def test_a_supervisor_writes_it_and_every_operator_sees_who_is_there(here: Office) -> None:
    async with (
        here.signed_in(Role.SUPERVISOR, login="sup") as supervisor,
        here.signed_in(Role.OPERATOR, login="ana") as operator,
    ):
        written = team(turn("ana", deputies=["eva"]))
        assert (await put(supervisor, here, "police", written))[0] == 200
        assert await names(operator, here) == (["ana"], ["eva"])
        _, page = await got(operator, f"{here.url}/api/v1/duty")
        assert (page["teams"][0]["people"][0]["name"], page["gaps"]) == ("Ana Paz", [])
        assert "supervisor" in page["unkept"], "protocols tell it, and nobody keeps it"
        assert (await put(operator, here, "police", written))[0] == 403
        assert (await got(operator, f"{here.url}/api/v1/duty/teams"))[0] == 403
        _, directory = await got(supervisor, f"{here.url}/api/v1/duty/teams")
        assert directory["teams"][0]["team"]["shift"][0]["people"] == ["ana"]
    told = here.register.told()
    assert ("p-sup", "duty.write", "allowed") in told
    assert ("p-ana", "duty.write", "refused") in told


async def test_what_contradicts_itself_is_refused_and_nothing_of_it_stands(here: Office) -> None:
    async with here.signed_in(Role.SUPERVISOR) as supervisor:
        wrong = {
            "duty.person_unknown": team(turn("nadie")),
            "duty.otherwise_unknown": team(turn("ana"), otherwise="nobody"),
            "duty.cover_backwards": team(
                turn("ana"),
                cover=[{"starts": "2026-12-25T08:00:00", "ends": "2026-12-24T08:00:00", "people": ["eva"]}],
            ),
            "request.malformed": team(turn("ana") | {"starts": "25:00"}),
        }
        for code, body in wrong.items():
            status, problem = await put(supervisor, here, "police", body)
            assert (status, problem["code"]) == (422 if code.startswith("duty") else status, code)
        assert (await put(supervisor, here, "La Policía", team(turn("ana"))))[1][
            "code"
        ] == "request.malformed"
        assert (await got(supervisor, f"{here.url}/api/v1/duty"))[1]["teams"] == []


async def test_whoever_has_a_duty_hands_it_over_until_the_shift_ends(here: Office) -> None:
    async with (
        here.signed_in(Role.SUPERVISOR, login="sup") as supervisor,
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="luis") as luis,
    ):
        await put(supervisor, here, "police", team(turn("ana", "luis", deputies=["eva"])))
        url = f"{here.url}/api/v1/duty/teams/police/hand-over"
        not_hers = {"to": "p-eva", "reason": "enfermo", "person": "p-luis"}
        assert (await act(ana, url, not_hers))[1]["code"] == "duty.not_yours"
        assert (await act(ana, url, {"to": "p-nadie", "reason": "x"}))[1]["code"] == "duty.person_absent"
        assert (await act(ana, url, {"to": "p-eva", "reason": "hospital"}))[0] == 200
        assert await names(ana, here) == (["eva", "luis"], ["eva"])
        assert (await act(ana, url, {"to": "p-luis", "reason": "x"}))[1]["code"] == "duty.not_theirs"
        assert (await act(supervisor, url, {"to": "p-ana", "reason": "volvió", "person": "p-luis"}))[0] == 200
        assert await names(luis, here) == (["eva", "ana"], ["eva"])
        _, before = await got(luis, f"{here.url}/api/v1/duty")
        here.clock.now_ms = before["teams"][0]["until_ms"]
        assert (await names(luis, here))[0] == ["ana", "luis"], "the next shift is as it was written"
    row = [each for each in here.register.rows if (each.act, each.outcome) == ("duty.hand_over", "allowed")][
        -1
    ]
    assert (row.subject, dict(row.detail)) == ("police", {"from": "p-luis", "to": "p-ana"})


async def test_whoever_is_disabled_is_on_duty_no_more(here: Office) -> None:
    async with here.signed_in(Role.SUPERVISOR) as supervisor:
        await put(supervisor, here, "supervisor", team(turn("eva"), is_fallback=True))
        await put(supervisor, here, "police", team(turn("ana")))
        await dismissed(here, "ana")
        _, page = await got(supervisor, f"{here.url}/api/v1/duty")
        police = next(each for each in page["teams"] if each["id"] == "police")
        assert (police["people"], [each["login"] for each in police["instead"]]) == ([], ["eva"])
        assert page["gaps"], "and the coming week says so"


async def test_a_team_that_another_names_is_not_removed(here: Office) -> None:
    async with here.signed_in(Role.SUPERVISOR) as supervisor:
        await put(supervisor, here, "supervisor", team(turn("eva")))
        await put(supervisor, here, "police", team(turn("ana"), otherwise="supervisor"))
        for name, wanted in (("supervisor", 422), ("police", 200), ("supervisor", 200), ("police", 404)):
            async with supervisor.delete(f"{here.url}/api/v1/duty/teams/{name}") as answer:
                assert answer.status == wanted, name


class Told:
    """A bus that keeps what it was told; ``away``: so many times it takes nothing."""

    def __init__(self, away: int = 0) -> None:
        self.away, self.books = away, list[PublishedDuty]()

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        if self.away:
            self.away -= 1
            raise SourceUnavailable("bus.broker_away", "away")
        for each in messages:
            assert each.topic == "cior.duty.v1"
            found = codec.decode(Kind.DUTY, each.value)
            assert isinstance(found, PublishedDuty)
            self.books.append(found)


async def test_whoever_rings_people_is_told_of_each_change_by_login_and_without_a_name(
    here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cior_console.duty_keeping._RETRY_S", 0.02)
    bus, stop = Told(away=2), asyncio.Event()
    keeping = DutyKeeping(
        here.register, bus, signer=here.signer, zone=here.handling.duty.zone, now_ms=here.now_ms
    )
    running = asyncio.create_task(keeping.run(stop))
    async with here.signed_in(Role.SUPERVISOR) as supervisor:
        await until(lambda: len(bus.books) == 1)
        await put(supervisor, here, "police", team(turn("ana", deputies=["eva"])))
        keeping.changed()
        await until(lambda: len(bus.books) == 2)
    stop.set()
    await running
    first, second = (each.book for each in bus.books)
    assert (first.team, [each.id for each in second.team]) == ((), ["police"])
    assert [each.account for each in second.person if each.id == "ana"] == ["p-ana"]
    assert "Paz" not in codec.encode(bus.books[1]).decode(), "no name travels"
    assert [opens(each, at_ms=None).signer for each in bus.books] == ["console", "console"]


async def test_a_post_is_left_once(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR, login="ana") as ana:
        url = f"{here.url}/api/v1/shift"
        async with ana.delete(url) as none:
            assert (none.status, (await none.json(content_type=None))["code"]) == (409, "shifts.none")
        assert (await act(ana, url, {"post": "mesa 1"}))[0] == 200
        async with ana.delete(url) as left:
            assert left.status == 200
        assert (await got(ana, url))[1]["present"] == []
    assert ("p-ana", "shift.end", "allowed") in here.register.told()
