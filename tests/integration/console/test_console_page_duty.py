"""Silences and duty as people do them in a real Chromium: a silence with what it hid, a team as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from cior_core.model import Place, PlaceMethod, TypeCode
from cior_core.privacy import Role
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


def typed(screen: Screen, field: str, words: str) -> None:
    """Words into one field."""
    screen.chrome.find_element(By.XPATH, field).send_keys(words)


async def test_a_silence_is_begun_shows_what_it_hid_and_ends(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    await screen.go("silences")
    await screen.until("main", "Nada está silenciado.")
    assert await screen.axe() == []
    await screen.write("input[name=devices]", "panel:1001")
    await screen.write("textarea[name=reason]", "recambio de sensor")
    await screen.press("form button[type=submit]")
    await screen.until("main", "Ana Gómez, hasta las")
    assert here.core is not None
    place = Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.6, district="centro")
    here.core.press(
        1,
        type=TypeCode("burglary.alarm"),
        subject="panel:1001",
        place=place,
        life_safety=False,
        registered=None,
    )
    await screen.until("header ~ section", "1 alertas abiertas están silenciadas")
    await screen.go("silences")
    await screen.until("main", "Ocultó 1 alertas")
    await screen.press("section.silence summary")
    await screen.shot("silences", tmp_path)
    assert await screen.axe() == []
    await screen.press("section.silence button.button")
    await screen.until("main", "terminado antes")
    assert await screen.complaints() == []


async def test_a_supervisor_writes_a_team_in_a_form_that_anybody_can_use(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await here.add("eruiz", Role.OPERATOR, name="Eva Ruiz")
    await screen.signed_in("sgil", Role.SUPERVISOR, name="Sofía Gil")
    await screen.go("duty")
    await screen.until("main", "Equipos y turnos")
    await screen.press("main section:last-of-type .row button:last-child")
    await screen.until("main form.hand-over", "Nombre en los protocolos")
    for label, words in (("team:", "police"), ("Nombre", "Policía"), ("inglés", "Police")):
        field = f"//form//label[contains(., '{label}')]/input"
        await screen.do(partial(typed, screen, field, words))
    await asyncio.sleep(0.2)
    await screen.shot("duty_form", tmp_path)
    assert await screen.axe() == []
    assert await screen.complaints() == []
