"""The map in a real browser: map tiles by range from the console's own host, what is damaged is said, units and where
they are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from math import asinh, floor, pi, radians, tan
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from cior_console.units import Units
from cior_core.privacy import Role
from cior_store.answers import UnitRow
from doubles.map_tiles import made, water
from engines.registers import RegisterPlace
from integration.console.api_rig import pack
from integration.console.page_rig import Room, Screen, room
from integration.console.wall_rig import CITY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ZOOMS = range(9, 15)
LON, LAT = -60.645, -32.97
_ASKED = """return performance.getEntriesByType('resource').filter((one) => one.name.includes('/city/tiles')).length"""
_OFFERED = "return [...document.querySelectorAll('#units-near option')].map((one) => one.value)"
_BLUE = """
const canvas = [...document.querySelectorAll('.map canvas')];
let blue = 0;
for (const one of canvas) {
  const {data} = one.getContext('2d').getImageData(0, 0, one.width, one.height);
  for (let at = 0; at < data.length; at += 4) if (data[at + 2] > data[at] + 15 && data[at + 3] > 200) blue += 1;
}
return blue;
"""
Rooms = Callable[..., AbstractAsyncContextManager[Room]]


def around(zoom: int) -> dict[tuple[int, int, int], bytes]:
    """All tiles of a zoom around the city."""
    column = floor((LON + 180) / 360 * 2**zoom)
    row = floor((1 - asinh(tan(radians(LAT))) / pi) / 2 * 2**zoom)
    reach = range(-(2 ** max(0, zoom - 11)), 2 ** max(0, zoom - 11) + 1)
    return {(zoom, column + east, row + south): water() for east in reach for south in reach}


def tiled_city(**more: Any) -> bytes:
    facts = {
        "kind": "mvt",
        "min_zoom": min(ZOOMS),
        "max_zoom": max(ZOOMS),
        "bounds": [-33.1, -60.8, -32.8, -60.5],
    }
    return json.dumps(json.loads(CITY) | {"tiles": facts} | more).encode()


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    path = tmp_path / "tiles.pmtiles"
    path.write_bytes(made({at: tile for zoom in ZOOMS for at, tile in around(zoom).items()}))
    return path


@pytest.fixture
async def tiled(tmp_path: Path, tiles: Path) -> AsyncIterator[Room]:
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, city=tiled_city(), tiles=tiles) as running:
        yield running


def damage(tiles: Path) -> None:
    whole = tiles.read_bytes()
    tiles.write_bytes(whole[:127] + b"\xff" * (len(whole) - 127))


async def until(screen: Screen, script: str, holds: Callable[[Any], bool]) -> Any:
    for _ in range(300):
        if holds(await screen.run(script)):
            break
        await asyncio.sleep(0.1)
    found = await screen.run(script)
    assert holds(found), f"it never held: {found}"
    return found


async def test_tiles_are_drawn_below_the_districts_and_come_by_range_from_here(
    browser: Chrome, tiled: Room, tmp_path: Path
) -> None:
    screen = Screen(browser, tiled)
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    await screen.until(".map .over", "Plano base")
    await until(screen, _ASKED, lambda count: count >= 2)
    with_tiles = await until(screen, _BLUE, lambda blue: blue > 10_000)
    await screen.shot("tiles", tmp_path)
    sizes = await screen.run(
        "return performance.getEntriesByType('resource')"
        ".filter((one) => one.name.includes('/city/tiles')).map((one) => one.encodedBodySize)"
    )
    assert max(sizes) <= 16_384, "by range: never the whole file"
    await screen.press(".map .over label:nth-child(2) input")
    await until(screen, _BLUE, lambda blue: blue < with_tiles / 2)
    assert await screen.complaints() == []
    assert await screen.axe() == []


async def test_damaged_tiles_are_said_and_the_citys_own_map_stays(
    browser: Chrome, tiled: Room, tiles: Path
) -> None:
    damage(tiles)
    screen = Screen(browser, tiled)
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    await screen.until(".map", "El plano base (PMTiles) está dañado")
    assert "Plano base" not in await screen.text(".map .over")
    assert await screen.run("return document.querySelectorAll('.map canvas').length") >= 1


async def test_a_unit_that_was_sent_is_named_with_its_distance_and_its_silence(
    browser: Chrome, tmp_path: Path
) -> None:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as here:
        now_ms = here.clock.now_ms
        near = UnitRow(
            "movil-7", "Móvil 7", "police", "patrol", 120.0, -32.95, -60.63, "centro", now_ms, drill=False
        )
        mute = UnitRow(
            "sies-2",
            "SIES 2",
            "ambulance",
            "ambulance",
            60.0,
            -32.95,
            -60.621,
            "centro",
            now_ms - 900_000,
            drill=False,
        )
        await Units(here.feed, lambda: (mute, near), pack().protocols.agencies).refresh()
        screen = Screen(browser, here)
        await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
        assert here.core is not None
        here.core.press(1)
        await screen.until(".newsbar", "NUEVA (1)")
        await screen.until(".map .over", "Móviles")
        await screen.keys("n", "a")
        await screen.until("section.alert .status", "tomada")
        await screen.keys("d")
        await screen.until("dialog", "Policía provincial")
        offered = await screen.run(_OFFERED)
        assert offered == ["Móvil 7", "SIES 2"], (
            "the one that nobody heard of lately comes last, near as it was"
        )
        await screen.press("dialog input[value=ambulance]")
        await screen.write("dialog input[name=unit]", "sies 2")
        await screen.press("dialog button[type=submit]")
        shown = await screen.until(".dispatches", "sin señal hace 15 min")
        assert "SIES 2 93 m" in shown
        await screen.shot("units", tmp_path)
        assert await screen.axe() == []
