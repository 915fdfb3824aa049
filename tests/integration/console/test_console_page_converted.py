"""A camera that sends H.265 before a browser that has no decoder for it: the page says so, and shows it converted to
who wants that; a real camera over RTSP, the real recorder as a process, the real console, real processes that convert.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from cior_console.ring_files import Rings
from cior_core.people import LedgerOutcome
from engines.cache import EngineAbsent
from engines.registers import RegisterPlace
from engines.rtsp import RtspServer
from integration.console import footage_rig as rig
from integration.console.converting_rig import Started, gone
from integration.console.page_rig import Room, Screen, room
from integration.console.test_console_page_footage import MASK, age_ms, at_desk, hidden, press, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BEHIND_MS = 10_000
"""What a page may show before it says that it is late; how far behind it is on a machine that keeps up is measured by
``benchmarks/bench_live_view.py``.
"""


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    folder = tmp_path / "clock"
    folder.mkdir()
    rig.clock_clip(folder / "plaza.mp4", codec="libx265")
    try:
        server = RtspServer(folder, tmp_path / "rtsp.log")
    except EngineAbsent as absent:
        pytest.skip(str(absent))
    with server:
        yield server


@pytest.fixture
async def here(camera: RtspServer, tmp_path: Path, started: Started) -> AsyncIterator[Room]:
    with rig.recorder(camera.url("plaza.mp4"), tmp_path / "ring", tmp_path / "counts"):
        await asyncio.to_thread(rig.wait_for_segments, tmp_path / "ring", 2)
        rings = Rings(lambda: {rig.CAMERA: tmp_path / "ring"}, lambda: {rig.CAMERA: (MASK,)})
        place = RegisterPlace.of_file(tmp_path / "register.db")
        async with room(place, cameras=rig.cameras(), rings=rings, converter=started) as running:
            yield running
    await gone(started.pids)


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


async def rows(here: Room, count: int) -> Any:
    """Those of what was shown; what was refused has its own."""
    found = [row.entry for row in await here.acts("footage.open", "footage.end")]
    found = [each for each in found if each.outcome is LedgerOutcome.ALLOWED]
    return found if len(found) >= count else None


async def test_what_the_browser_cannot_show_is_shown_converted_live_and_of_the_moment(
    screen: Screen, tmp_path: Path, started: Started
) -> None:
    ring = tmp_path / "ring"
    await at_desk(screen)
    await press(screen, "En vivo")
    await screen.until(".player [role=alert]", "no puede mostrar el formato de esta cámara (hev1.")
    await screen.until(".player", "Ver convertido")
    await screen.shot("codec", tmp_path)
    assert started.pids == [], "nobody asked for a conversion yet"
    started.has_room = False
    await press(screen, "Ver convertido")
    await screen.until(
        ".player [role=alert]", "Ya se están convirtiendo todas las imágenes que esta máquina puede"
    )
    started.has_room = True  # the page asks again by itself

    async def is_fresh() -> bool:
        age = await age_ms(screen, ring)
        return age is not None and 0 <= age <= BEHIND_MS

    await until(is_fresh)
    _, _, first_s = await screen.run(rig.READ_CODE)
    await until(
        lambda: screen.run(f"return document.querySelector('.player video').currentTime > {first_s + 3}")
    )
    await screen.until(".player .converted", "Esto es una conversión, para mirar.")
    await screen.until(".player", "Imagen de hace")
    await screen.until(".player", "Hay partes tapadas por privacidad.")
    await until(lambda: hidden(screen))
    assert await screen.axe() == []
    await screen.shot("converted", tmp_path)
    await press(screen, "Ver el momento")
    await screen.until(".player [role=alert]", "no puede mostrar el formato")
    await screen.until(".player", "Ver convertido")
    await press(screen, "Ver convertido")
    await screen.until(".player", "Grabado de")
    await until(lambda: screen.run("return document.querySelector('.player video').currentTime > 0.5"))
    await press(screen, "Ir al momento de la alerta")
    await screen.shot("converted-clip", tmp_path)
    await press(screen, "Cerrar la imagen")
    entries = await until(lambda: rows(screen.room, 8))
    told = sorted((each.act, each.detail["kind"], each.detail.get("shown", "native")) for each in entries)
    assert told == sorted(
        (act, kind, shown)
        for act in ("footage.open", "footage.end")
        for kind in ("live", "clip")
        for shown in ("native", "converted")
    )
    await gone(started.pids)
    assert await screen.complaints() == [], "the policy of the page holds"
