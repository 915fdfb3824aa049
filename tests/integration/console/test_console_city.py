"""What a map and its dialogs ask over real HTTP: the centre's rules, the city, its tiles by range, units by class."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from cior_console.units import Units
from cior_core.errors import SourceUnavailable
from cior_core.people import Scope
from cior_core.privacy import Role
from cior_store.answers import UnitRow
from integration.console.api_rig import Office, got, office, pack, stream_of
from integration.console.wall_rig import NOW_MS, TOKEN

CAR = UnitRow("movil-7", "Móvil 7", "police", "patrol", 120.0, -32.95, -60.64, "centro", NOW_MS, drill=False)
AMBULANCE = UnitRow(
    "sies-2", "SIES 2", "ambulance", "ambulance", 60.0, -33.0, -60.65, "sur", NOW_MS, drill=False
)


@pytest.fixture
async def here() -> AsyncIterator[Office]:
    async with office() as running:
        yield running


async def test_agencies_postures_and_types_are_those_of_the_centres_rules(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, found = await got(browser, f"{here.url}/api/v1/rules")
    assert status == 200
    book = pack().protocols.agencies
    assert [(each["id"], each["es"], each["on_scene_s"]) for each in found["agencies"]] == [
        (each.id, each.name_es, each.on_scene_s) for each in book.values()
    ]
    assert [(each["id"], each["hours_max"]) for each in found["postures"]] == [("transport_attacks", 72)]
    assert {each["code"] for each in found["types"]} >= {"transit.panic.bus"}
    assert here.register.rows == [], "names that belong to nobody are no row of the ledger"


@pytest.mark.parametrize("path", ["rules", "city"])
async def test_who_has_it_already_gets_nothing_again(here: Office, path: str) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        async with browser.get(f"{here.url}/api/v1/{path}") as first:
            tag, body = first.headers["ETag"], await first.read()
        assert "no-cache" in first.headers["Cache-Control"]
        async with browser.get(f"{here.url}/api/v1/{path}", headers={"If-None-Match": tag}) as again:
            assert (again.status, await again.read()) == (304, b"")
        async with browser.get(f"{here.url}/api/v1/{path}", headers={"If-None-Match": '"other"'}) as other:
            assert (other.status, await other.read()) == (200, body)


@pytest.fixture
async def tiled(tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "tiles.pmtiles").write_bytes(bytes(range(256)) * 4)
    async with office(tiles=tmp_path / "tiles.pmtiles") as running:
        yield running


async def test_tiles_are_read_by_range_and_only_by_who_signed_in(tiled: Office) -> None:
    address = f"{tiled.url}/api/v1/city/tiles"
    async with aiohttp.ClientSession() as stranger, stranger.get(address) as refused:
        assert refused.status == 401
    async with tiled.signed_in(Role.WALL) as browser:
        async with browser.get(address, headers={"Range": "bytes=250-259"}) as part:
            assert (part.status, part.headers["Content-Range"]) == (206, "bytes 250-259/1024")
            assert await part.read() == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
        tag = part.headers["ETag"]
        async with browser.get(address, headers={"Range": "bytes=0-1", "If-Range": tag}) as same:
            assert (same.status, await same.read()) == (206, b"\x00\x01")
        async with browser.get(address, headers={"Range": "bytes=5000-5001"}) as beyond:
            assert beyond.status == 416


async def test_without_tiles_there_are_none(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, told = await got(browser, f"{here.url}/api/v1/city/tiles")
    assert (status, told["code"]) == (404, "city.no_tiles")


# --- units -------------------------------------------------------------------------------------------------------


class Told:
    """The units as the store has them."""

    def __init__(self, *rows: UnitRow) -> None:
        self.rows, self.is_away, self.asked = rows, False, 0

    def __call__(self) -> tuple[UnitRow, ...]:
        self.asked += 1
        if self.is_away:
            raise SourceUnavailable("store.away", "away")
        return self.rows


async def seen_by(here: Office, role: Role, scope: Scope | None = None) -> list[str]:
    """The units in the first events of somebody's feed."""
    async with here.signed_in(role, scope) as browser:
        found = await asyncio.wait_for(stream_of(browser, here.url, 2), 5)
    return [unit["id"] for kind, _, body in found if kind == "units" for unit in body["units"]]


async def has_none(here: Office, role: Role) -> bool:
    """Whether a feed is alive, and tells no unit."""
    async with here.signed_in(role) as browser, browser.get(f"{here.url}/api/v1/feed") as stream:
        text = ""
        while text.count("event: alive") < 2:
            text += (await asyncio.wait_for(stream.content.readline(), 5)).decode()
    return "event: units" not in text


async def test_law_9_units_are_told_by_class_and_a_wall_has_none(here: Office) -> None:
    units = Units(here.feed, Told(CAR, AMBULANCE), pack().protocols.agencies)
    await units.refresh()
    assert await seen_by(here, Role.OPERATOR) == ["movil-7", "sies-2"]
    assert await seen_by(here, Role.DISPATCHER, Scope(districts=("sur",))) == ["sies-2"]
    assert await seen_by(here, Role.AGENCY, Scope(agencies=("ambulance",))) == ["sies-2"]
    assert await seen_by(here, Role.AGENCY, Scope(agencies=("provincial",))) == ["movil-7"]
    assert await has_none(here, Role.WALL), "a wall is read by visitors"
    async with aiohttp.ClientSession() as wall:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with wall.get(f"{here.url}/api/feed", headers=headers) as stream:
            head = (await asyncio.wait_for(stream.content.readuntil(b"event: alive"), 5)).decode()
    assert "movil" not in head


async def test_a_move_reaches_open_pages_once_and_the_stores_silence_takes_nothing_away(here: Office) -> None:
    told = Told(CAR)
    units = Units(here.feed, told, pack().protocols.agencies)
    await units.refresh()
    async with here.signed_in(Role.OPERATOR) as browser:
        reading = asyncio.create_task(stream_of(browser, here.url, 3))
        await asyncio.sleep(0.5)
        assert here.feed.watchers == 1
        await units.refresh()
        told.is_away = True
        await units.refresh()
        told.is_away, told.rows = False, (msgspec.structs.replace(CAR, lat=-32.96),)
        await units.refresh()
        found = await asyncio.wait_for(reading, 5)
    assert [(kind, body["units"][0]["lat"]) for kind, _, body in found[1:]] == [
        ("units", -32.95),
        ("units", -32.96),
    ]


async def test_nobody_is_asked_while_nobody_looks(here: Office) -> None:
    told = Told(CAR)
    units, stop = Units(here.feed, told, {}), asyncio.Event()
    running = asyncio.create_task(units.run(stop, every_s=0.02))
    await asyncio.sleep(0.1)
    assert told.asked == 0
    async with here.signed_in(Role.OPERATOR) as browser:
        found: list[Any] = await asyncio.wait_for(stream_of(browser, here.url, 2), 5)
    assert found[1][0] == "units"
    stop.set()
    await running
