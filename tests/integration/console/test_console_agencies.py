"""What an agency sees: its service in its districts, and what it was asked of; both ways, in the feed, on the page, and
in what the store is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cior_core.model import AgencyClock, AgencyStage, AlertStatus, Place, PlaceMethod, Stamp, TypeCode
from cior_core.people import Scope
from cior_core.privacy import Role
from integration.console.api_rig import Office, act, got, office, pack, stream_of
from integration.console.wall_rig import alert

GUARD = Scope(agencies=("guard_norte",))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


def at(district: str) -> Place:
    return Place(method=PlaceMethod.SITE, lat=-32.9, lon=-60.6, district=district)


async def shown(here: Office) -> None:
    """A burglary in the north and one in the south, and a fire in the north."""
    here.feed.apply(alert(1, type=TypeCode("burglary.alarm"), place=at("norte")))
    here.feed.apply(alert(2, type=TypeCode("burglary.alarm"), place=at("sur")))
    here.feed.apply(alert(3, type=TypeCode("fire.structure"), place=at("norte")))
    await asyncio.sleep(0.05)


async def test_law_9_an_agency_sees_its_districts_and_nothing_else(here: Office) -> None:
    await shown(here)
    async with here.signed_in(Role.AGENCY, GUARD) as browser:
        watching = asyncio.create_task(stream_of(browser, here.url, 2))
        await asyncio.sleep(0.1)
        here.feed.apply(alert(5, type=TypeCode("burglary.alarm"), place=at("sur")))
        here.feed.apply(alert(6, type=TypeCode("burglary.alarm"), place=at("norte")))
        (_, _, snapshot), (kind, _, change) = await asyncio.wait_for(watching, 5)
        assert [row["id"] for row in snapshot["alerts"]] == ["a1"]
        assert (kind, change["alert"]["id"]) == ("alert", "a6")
        assert (await got(browser, f"{here.url}/api/v1/alerts/a1"))[0] == 200
        for hidden in ("a2", "a3", "a5"):
            status, problem = await got(browser, f"{here.url}/api/v1/alerts/{hidden}")
            assert (status, problem["code"]) == (404, "alert.unknown")
    assert here.store.asked == [("story", ("norte",)), ("told", ("norte",))]
    async with here.signed_in(Role.AGENCY, Scope(agencies=("police",))) as browser:
        told = await asyncio.wait_for(stream_of(browser, here.url, 1), 5)
        assert {row["id"] for row in told[0][2]["alerts"]} == {"a1", "a2", "a5", "a6"}


async def test_what_it_was_asked_of_it_sees_wherever_that_is_and_may_stamp(here: Office) -> None:
    asked = AgencyClock(
        agency="guard_norte",
        government="municipal",
        stamps=(Stamp(stage=AgencyStage.ASKED, at_ms=1, by="p-ana"),),
    )
    await shown(here)
    south = alert(7, type=TypeCode("fire.structure"), place=at("sur"), agencies=(asked,))
    here.feed.apply(south)
    await asyncio.sleep(0.05)
    async with here.signed_in(Role.AGENCY, GUARD) as browser:
        status, page = await got(browser, f"{here.url}/api/v1/alerts/a7")
        assert (status, page["agencies"][0]["agency"]) == (200, "guard_norte")
        assert here.store.asked[-1] == ("told", ("norte", "sur"))
        url = f"{here.url}/api/v1/alerts/a7/acts"
        mine = {"kind": "stamp", "agency": "guard_norte", "stage": "accepted"}
        assert (await act(browser, url, mine))[1].get("code") != "act.jurisdiction"
        others = {"kind": "stamp", "agency": "police", "stage": "accepted"}
        assert (await act(browser, url, others))[1]["code"] == "act.jurisdiction"
    here.feed.apply(alert(7, version=9, status=AlertStatus.CLOSED, place=at("sur")))


async def test_names_limits_and_jurisdiction_come_from_the_pack(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, told = await got(browser, f"{here.url}/api/v1/rules")
        rows = told["agencies"]
    assert status == 200
    book = pack().protocols.agencies
    assert {row["id"] for row in rows} == set(book)
    police = next(row for row in rows if row["id"] == "police")
    assert (police["es"], police["accept_s"], police["answers"]) == (
        book["police"].name_es,
        book["police"].accept_s,
        ["police"],
    )
