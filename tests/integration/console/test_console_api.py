"""The API over real HTTP: who may ask what, what stands in the ledger, and what each class of pages is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cior_core.model import AlertStatus, Level, Place, PlaceMethod, TypeCode
from cior_core.people import Scope
from cior_core.privacy import Role
from integration.console.api_rig import Office, got, office, stream_of
from integration.console.wall_rig import CANARY, SILENT, alert

SOUTH = Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.65, district="sur")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


async def test_law_13_nobody_reads_without_a_name(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        browser.cookie_jar.clear()
        for path in ("feed", "alerts/a1", "city", "blind-spots"):
            async with browser.get(f"{here.url}/api/v1/{path}") as answer:
                assert (answer.status, (await answer.json(content_type=None))["code"]) == (
                    401,
                    "session.missing",
                )
    assert here.register.rows == []


async def test_law_13_a_read_is_in_the_ledger_before_it_is_answered(here: Office) -> None:
    here.feed.apply(alert(1))
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        _, page = await got(browser, f"{here.url}/api/v1/alerts/a1")
    assert (page["id"], page["members"][0]["subject"]) == ("a1", CANARY)
    row = here.register.rows[0]
    assert (row.actor, row.role, row.session, row.act, row.subject) == (
        "p-ana",
        Role.OPERATOR,
        "s-ana",
        "alert.read",
        "a1",
    )
    assert row.rule == "operation-restricted"


async def test_law_13_without_the_register_nothing_is_read_but_the_live_list(here: Office) -> None:
    here.feed.apply(alert(1))
    here.register.is_cut = True
    async with here.signed_in(Role.OPERATOR) as browser:
        async with browser.get(f"{here.url}/api/v1/alerts/a1") as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "register.away")
        told = await asyncio.wait_for(stream_of(browser, here.url, 1), 5)
    assert [row["id"] for row in told[0][2]["alerts"]] == ["a1"]


async def test_law_9_what_is_refused_is_in_the_ledger_too(here: Office) -> None:
    async with here.signed_in(Role.AUDITOR, login="eva") as browser:
        status, problem = await got(browser, f"{here.url}/api/v1/feed")
        assert (status, problem["code"]) == (403, "access.role")
        assert "auditor" in problem["detail_es"]
    row = here.register.rows[0]
    assert (row.actor, row.act, row.outcome.value, row.rule) == ("p-eva", "feed.open", "refused", "deny.role")


async def test_opening_the_feed_is_one_row(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        reading = asyncio.create_task(stream_of(browser, here.url, 3))
        await asyncio.sleep(0.2)
        here.feed.apply(alert(1))
        here.feed.apply(alert(2))
        assert [kind for kind, _, _ in await asyncio.wait_for(reading, 5)] == ["snapshot", "alert", "alert"]
    assert here.register.told() == [("p-ana", "feed.open", "allowed")]


async def test_law_9_districts_narrow_the_live_feed_on_the_server(here: Office) -> None:
    here.feed.apply(alert(1))
    here.feed.apply(alert(2, place=SOUTH))
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.OPERATOR, Scope(districts=("sur",))) as browser:
        reading = asyncio.create_task(stream_of(browser, here.url, 3))
        await asyncio.sleep(0.2)
        here.feed.apply(alert(3))
        here.feed.apply(alert(4, place=SOUTH))
        here.feed.apply(alert(4, place=alert(1).place, version=2))  # it was somewhere else: it leaves
        told = await asyncio.wait_for(reading, 5)
        assert [row["id"] for row in told[0][2]["alerts"]] == ["a2"]
        assert [(kind, data.get("id") or data["alert"]["id"]) for kind, _, data in told[1:]] == [
            ("alert", "a4"),
            ("gone", "a4"),
        ]
        async with browser.get(f"{here.url}/api/v1/alerts/a1") as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "alert.unknown")


async def test_an_agency_sees_its_competence_and_never_who_it_was(here: Office) -> None:
    here.feed.apply(alert(1, assignee="p-ana"))
    here.feed.apply(alert(2, type=TypeCode("crime.nothing_known")))
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.AGENCY, Scope(agencies=("provincial",))) as browser:
        told = await asyncio.wait_for(stream_of(browser, here.url, 1), 5)
        assert [row["id"] for row in told[0][2]["alerts"]] == ["a1"]
        assert "assignee" not in told[0][2]["alerts"][0]
        async with browser.get(f"{here.url}/api/v1/alerts/a1") as answer:
            assert CANARY not in await answer.text()


async def test_law_17_of_a_sealed_alert_everybody_gets_level_and_district(here: Office) -> None:
    here.feed.apply(SILENT)
    await asyncio.sleep(0.05)
    for role in (Role.OPERATOR, Role.RESPONSE_TEAM):
        async with here.signed_in(role) as browser:
            _, page = await got(browser, f"{here.url}/api/v1/alerts/{SILENT.id}")
        assert (page["level"], page["district"], page["members"], page["terms"]) == ("P1", "sur", [], [])
        assert page["place"] is None
        assert CANARY not in str(page)
        assert "transit" not in str(page)
    assert here.store.asked == []


async def test_who_comes_back_goes_on_where_they_were(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        here.feed.apply(alert(1))
        await asyncio.sleep(0.05)
        first = (await asyncio.wait_for(stream_of(browser, here.url, 1), 5))[0]
        for number in range(2, 5):
            here.feed.apply(alert(number))
        here.feed.apply(alert(2, version=2, status=AlertStatus.CLOSED))
        await asyncio.sleep(0.05)
        missed = await asyncio.wait_for(stream_of(browser, here.url, 4, last_id=first[1]), 5)
        assert [kind for kind, _, _ in missed] == ["alert", "alert", "alert", "gone"]
        last = missed[-1][1]
        reading = asyncio.create_task(stream_of(browser, here.url, 1, last_id=last))
        await asyncio.sleep(0.2)
        here.feed.apply(alert(9))
        assert (await asyncio.wait_for(reading, 5))[0][2]["alert"]["id"] == "a9"


@pytest.mark.parametrize("last_id", ["", "00000000-1", "nonsense", "x-99999999999999999999", "--1", "-"])
async def test_who_comes_back_from_another_life_of_the_console_gets_a_snapshot(
    here: Office, last_id: str
) -> None:
    here.feed.apply(alert(1))
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.OPERATOR) as browser:
        told = await asyncio.wait_for(stream_of(browser, here.url, 1, last_id=last_id), 5)
    assert told[0][0] == "snapshot"


async def test_who_was_away_for_too_long_gets_a_snapshot(here: Office) -> None:
    here.feed.apply(alert(1))
    await asyncio.sleep(0.05)
    first = here.feed.id
    for version in range(2, 1_100):
        here.feed.apply(alert(1, version=version, level=Level.P4, life_safety=False))
    await asyncio.sleep(0.1)
    async with here.signed_in(Role.OPERATOR) as browser:
        told = await asyncio.wait_for(stream_of(browser, here.url, 1, last_id=first), 5)
    assert told[0][0] == "snapshot"


async def test_a_page_without_the_store_says_that_it_is_not_all(here: Office) -> None:
    here.feed.apply(alert(1))
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.OPERATOR) as browser:
        async with browser.get(f"{here.url}/api/v1/alerts/a1") as answer:
            page = await answer.json()
        assert (page["story_is_whole"], page["told"][0]["target"]) == (True, "team:police")
        here.store.is_away = True
        async with browser.get(f"{here.url}/api/v1/alerts/a1") as answer:
            page = await answer.json()
        assert (answer.status, page["story_is_whole"], page["told"]) == (200, False, [])


async def test_a_session_that_ends_ends_its_feed(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        reading = asyncio.create_task(stream_of(browser, here.url, 9))
        await asyncio.sleep(0.2)
        here.who.clear()
        assert [kind for kind, _, _ in await asyncio.wait_for(reading, 5)] == ["snapshot"]


async def test_law_9_districts_narrow_the_walls_own_page_too(here: Office) -> None:
    """A display's account, or an operator who opens the wall: the plain rows of their own part of the city."""
    here.feed.apply(alert(1))
    here.feed.apply(alert(2, place=SOUTH))
    await asyncio.sleep(0.05)
    for role in (Role.WALL, Role.OPERATOR):
        async with here.signed_in(role, Scope(districts=("sur",))) as browser:
            _, page = await got(browser, f"{here.url}/api/wall")
            assert [row["id"] for row in page["alerts"]] == ["a2"]
            async with browser.get(f"{here.url}/api/feed") as stream:
                first = b""
                while b"event: snapshot" not in first:
                    first = await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 5)
            assert b'"a2"' in first
            assert b'"a1"' not in first
            status, problem = await got(browser, f"{here.url}/api/ask/blind")
            assert (status, problem["code"], problem["rule"]) == (403, "access.denied", "deny.scope")
    async with here.signed_in(Role.WALL) as browser:
        _, page = await got(browser, f"{here.url}/api/wall")
        assert {row["id"] for row in page["alerts"]} == {"a1", "a2"}
        assert (await got(browser, f"{here.url}/api/ask/blind"))[0] == 200
