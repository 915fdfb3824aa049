"""Live picture and clip in the operator's page: a real camera over RTSP, the real recorder as a process, the real
console, a real browser that decodes. How old the picture is, is read off the picture.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cior_console.ring_files import Rings
from cior_core.privacy import Role
from engines.cache import EngineAbsent
from engines.registers import RegisterPlace
from engines.rtsp import RtspServer
from integration.console import footage_rig as rig
from integration.console.page_rig import Room, Screen, room
from integration.console.wall_rig import alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BEHIND_MS = 6_000
MASK = ((0.75, 0.5), (1.0, 0.5), (1.0, 0.8), (0.75, 0.8))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.clock_clip(tmp_path_factory.mktemp("clock") / "plaza.mp4")


@pytest.fixture
def camera(clip: Path, tmp_path: Path) -> Iterator[RtspServer]:
    try:
        server = RtspServer(clip.parent, tmp_path / "rtsp.log")
    except EngineAbsent as absent:
        pytest.skip(str(absent))
    with server:
        yield server


@pytest.fixture
def recorder(camera: RtspServer, tmp_path: Path) -> Iterator[rig.RecorderProcess]:
    with rig.recorder(camera.url("plaza.mp4"), tmp_path / "ring", tmp_path / "counts") as process:
        rig.wait_for_segments(tmp_path / "ring", 2)
        yield process


@pytest.fixture
async def here(recorder: rig.RecorderProcess, tmp_path: Path) -> AsyncIterator[Room]:
    rings = Rings(lambda: {rig.CAMERA: tmp_path / "ring"}, lambda: {rig.CAMERA: (MASK,)})
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, cameras=rig.cameras(), rings=rings) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


async def until(ask: Callable[[], Any], *, within_s: float = 60.0) -> Any:
    """The first answer that is something."""
    ends_s = time.monotonic() + within_s
    while not (found := await ask()):
        assert time.monotonic() < ends_s, "it never came"
        await asyncio.sleep(0.1)
    return found


async def age_ms(screen: Screen, ring: Path) -> int | None:
    """How old the picture on the screen is."""
    found = await screen.run(rig.READ_CODE)
    if found is None:
        return None
    code, now_ms, _ = found
    return int(now_ms) - await asyncio.to_thread(rig.shown_at_ms, ring, int(code))


async def hidden(screen: Screen) -> bool:
    """Whether the mask's place of the shown picture is black and the place beside it is not, as it is on the screen."""
    element = await screen.do(lambda: screen.chrome.find_element(By.CSS_SELECTOR, ".player video"))
    await screen.run("arguments[0].scrollIntoView({block: 'center'})", element)
    size = await screen.run(
        "const v = arguments[0]; return [v.videoWidth / v.videoHeight, v.controls]", element
    )
    data = await screen.do(lambda: element.screenshot_as_png)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    tall, wide = shown.shape
    fitted = min(wide, tall * size[0]), min(tall, wide / size[0])  # as object-fit: contain

    def at(x: float, y: float) -> int:
        left, top = (wide - fitted[0]) / 2, (tall - fitted[1]) / 2
        return int(shown[round(top + y * fitted[1]), round(left + x * fitted[0])])

    return at(0.87, 0.65) < 10 and at(0.7, 0.4) > 30


async def at_desk(screen: Screen) -> None:
    """An operator with an alert of now before them, beside the camera."""
    now_ms = time.time_ns() // 1_000_000
    screen.room.feed.apply(alert(1, opened_ms=now_ms, updated_ms=now_ms))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.go("alerts/a1")
    await screen.until(".cameras", "Plaza")


async def press(screen: Screen, name: str) -> None:
    """A button by its name, as a keyboard does it."""
    script = "[...document.querySelectorAll('button')].find((one) => one.innerText === arguments[0]).focus()"
    await screen.run(script, name)
    await screen.keys(Keys.ENTER)


async def test_an_operator_sees_now_is_told_when_it_is_not_now_and_looks_back(
    screen: Screen, camera: RtspServer, tmp_path: Path
) -> None:
    ring = tmp_path / "ring"
    await at_desk(screen)
    await press(screen, "En vivo")

    async def is_fresh() -> bool:
        age = await age_ms(screen, ring)
        return age is not None and 0 <= age <= BEHIND_MS

    await until(is_fresh)
    _, _, first_s = await screen.run(rig.READ_CODE)
    await until(
        lambda: screen.run(f"return document.querySelector('.player video').currentTime > {first_s + 1}")
    )
    await screen.until(".player", "Imagen de hace")
    await screen.until(".player", "Hay partes tapadas por privacidad. Lo grabado está entero.")
    await until(lambda: hidden(screen))
    assert await screen.axe() == []
    await screen.shot("live", tmp_path)
    camera.kill()
    shown = await screen.until(".player [role=alert]", "Sin imagen desde")
    assert "no es de ahora" in shown
    assert await screen.run("return document.querySelector('.player').classList.contains('old')")
    await screen.shot("silent", tmp_path)
    camera.start()
    await screen.until(".player .good", "Imagen de hace")
    await until(is_fresh)
    await press(screen, "Ver el momento")
    await screen.until(".player", "Falta de")
    await screen.until(".player", "Grabado de")
    await until(lambda: screen.run("return document.querySelector('.player video').currentTime > 0.5"))
    assert await screen.axe() == []
    await screen.shot("clip", tmp_path)
    await press(screen, "Cerrar la imagen")
    rows = await until(lambda: ended(screen.room, 2))
    kinds = sorted((row.entry.detail["kind"], row.entry.subject, row.entry.act) for row in rows)
    assert kinds == [
        (kind, "plaza", act) for kind in ("clip", "live") for act in ("footage.end", "footage.open")
    ]
    assert {(row.entry.actor, row.entry.role, row.entry.detail["alert"]) for row in rows} == {
        ("p-agomez", Role.OPERATOR, "a1")
    }
    assert await screen.complaints() == [], "the policy of the page holds"


async def ended(here: Room, count: int) -> Any:
    rows = await here.acts("footage.open", "footage.end")
    return rows if sum(row.entry.act == "footage.end" for row in rows) == count else None


async def test_a_killed_recorder_is_said_and_its_return_is_seen(
    screen: Screen, recorder: rig.RecorderProcess, tmp_path: Path
) -> None:
    await at_desk(screen)
    await press(screen, "En vivo")
    await screen.until(".player .good", "Imagen de hace")
    recorder.kill()
    await screen.until(".player [role=alert]", "Sin imagen desde")
    recorder.start()
    await screen.until(".player .good", "Imagen de hace")

    async def is_fresh() -> bool:
        age = await age_ms(screen, tmp_path / "ring")
        return age is not None and 0 <= age <= BEHIND_MS

    await until(is_fresh)
