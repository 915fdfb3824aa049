"""Agreements as they are used, in real browsers: proposed by one, approved by another, seen under by a ministry, and
over for it when one of ours withdraws it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from cior_core import bundled
from cior_core.cameras import Camera, Cameras
from cior_core.model import Place, PlaceMethod
from cior_core.people import Scope
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from engines.browser import open_browser
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import WRITE_TIME, press_named
from integration.console.wall_rig import alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DAY_MS = 86_400_000
CAMERAS = Cameras(
    [
        Camera(
            id="plaza",
            name="Plaza 25 de Mayo",
            lat=-32.9470,
            lon=-60.6400,
            azimuth_deg=90.0,
            district="centro",
        ),
        Camera(id="puente", name="Puente", lat=-32.9480, lon=-60.6390, district="norte"),
    ]
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    city = bundled.text("city/districts.geojson").encode()
    async with room(RegisterPlace.of_file(tmp_path / "register.db"), city=city, cameras=CAMERAS) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


@pytest.fixture
async def second(chromium: tuple[Path, Path], here: Room, tmp_path: Path) -> AsyncIterator[Screen]:
    """Another browser."""
    chrome = await asyncio.to_thread(open_browser, *chromium, tmp_path / "second-profile")
    yield Screen(chrome, here)
    await asyncio.to_thread(chrome.quit)


async def proposed(screen: Screen, here: Room) -> None:
    """What a supervisor writes into the form."""
    for name, words in (
        ("document", "Convenio 12/2026"),
        ("agency", "ministerio"),
        ("purpose", "Delitos complejos"),
    ):
        await screen.write(f"form.propose input[name={name}]", words)
    for kind in ("alerts", "live"):
        await screen.press(f"form.propose input[value={kind}]")

    def choose() -> None:
        box = screen.chrome.find_element(By.CSS_SELECTOR, "form.propose select[name=districts]")
        Select(box).select_by_value("centro")

    await screen.until("form.propose select[name=districts]", "Distrito Centro")
    await screen.do(choose)
    for name, days in (("starts", -2), ("ends", 20)):
        await screen.run(WRITE_TIME, name, to_rfc3339(here.clock.now_ms + days * DAY_MS)[:10])
    await press_named(screen, "Proponer")


async def test_one_proposes_another_approves_a_ministry_sees_and_withdrawn_it_is_over(
    screen: Screen, second: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("agomez", Role.SUPERVISOR, name="Ana Gómez")
    await screen.go("agreements")
    await screen.until("main", "nadie de afuera ve nada")
    await proposed(screen, here)
    shown = await screen.until("section.agreement", "propuesto")
    assert "Distrito Centro" in shown
    assert "Aprobar" not in shown, "who proposed it does not approve it"
    assert await screen.axe() == []
    await screen.shot("agreements_proposed", tmp_path)

    await second.signed_in("mesa", Role.CUSTODIAN, name="Marta Mesa")
    await second.go("agreements")
    await second.until("section.agreement", "Lo propuso Ana Gómez")
    await press_named(second, "Aprobar")
    await second.until("section.agreement", "vigente")
    await second.until("section.agreement", "Lo aprobó Marta Mesa")
    assert await second.complaints() == []

    await second.do(second.chrome.delete_all_cookies)
    for number, district in ((1, "centro"), (2, "norte")):
        place = Place(method=PlaceMethod.SITE, lat=-32.947, lon=-60.64, district=district)
        here.feed.apply(alert(number, place=place))
    await second.signed_in("rios", Role.PARTNER, name="Raúl Ríos", scope=Scope(agencies=("ministerio",)))
    await second.until("[id^=row-]", "P")
    shown = await second.run("return [...document.querySelectorAll('[id^=row-]')].map((one) => one.id)")
    assert [each for each in shown if "a2" in each] == [] != shown
    await second.go("agreements")
    await second.until("main", "Usted ve esto por el Convenio 12/2026")
    buttons = [each for each in await second.texts("main section button") if each]
    assert buttons == ["Plaza 25 de Mayo"]
    assert await second.axe() == []
    await second.shot("agreements_mine", tmp_path)

    await screen.go("agreements")
    await screen.until("section.agreement", "vigente")
    await press_named(screen, "Dejar sin efecto")
    await screen.until("section.agreement form", "Termina ahora")
    await screen.write("section.agreement input[name=reason]", "Terminó la causa")
    await screen.press("section.agreement form button[type=submit]")
    await screen.until("section.agreement", "sin efecto")
    await second.go("agreements")
    await second.until("body", "Ningún convenio vigente comparte esto")
    here.pass_s(2)  # so long a session is believed without asking the register
    await second.go("agreements")
    await second.until("body", "Ingresar")
    assert await screen.complaints() == await second.complaints() == []
    rows = await here.acts("agreement.propose", "agreement.approve", "agreement.withdraw")
    assert [(row.entry.actor, row.entry.act) for row in rows] == [
        ("p-agomez", "agreement.propose"),
        ("p-mesa", "agreement.approve"),
        ("p-agomez", "agreement.withdraw"),
    ]
