"""Sealed boxes at the custodian's desk in a real Chromium: how many, what to do, and what becomes of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from cior_console.judicial_desk import PackageRoom
from cior_core.privacy import Role
from cior_evidence.box_room import BoxRoom
from cior_evidence.shelf import Shelf
from doubles.packages import START_MS
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import CAMERAS, CITY, Person, order, picture, press_named
from integration.console.test_console_boxes import FRAME, box, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    packages = PackageRoom(shelf=Shelf(tmp_path / "paquetes"), boxes=tmp_path / "sobres")
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, city=CITY, cameras=CAMERAS, packages=packages) as running:
        running.clock.now_ms = START_MS + 3_600_000
        yield running


async def test_law_9_the_desk_says_how_many_boxes_are_closed_and_takes_what_was_opened_elsewhere(
    browser: Chrome, here: Room, tmp_path: Path
) -> None:
    screen = Screen(browser, here)
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    clerk, chief = [await Person.signed_in(here, login, Role.CUSTODIAN) for login in ("mesa", "jefa")]
    request_id = (await fiscal.post("requests", order(here, alerts=["alert-1"])))["line"]["id"]
    await clerk.act(request_id, "take_up")
    await chief.act(request_id, "approve")
    await screen.signed_in("archivo", Role.CUSTODIAN)
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", "Bytes de las alarmas, en sobres cerrados")
    await press_named(screen, "Ver qué sobres hacen falta")
    await screen.until("article.request", "mire de nuevo en un momento")
    laid = BoxRoom(tmp_path / "sobres", request_id).lay_out([box("raw-1"), box("raw-2")], sealed=False)
    await press_named(screen, "Ver qué sobres hacen falta")
    await screen.until("article.request", "2 por abrir")
    assert await screen.axe() == []
    await picture(screen, "custodia-sobres", tmp_path)
    answer = opened(tmp_path, msgspec.json.encode(laid))
    back = tmp_path / "abiertos.json"
    back.write_bytes(
        msgspec.json.encode(answer | {"opened": [answer["opened"][0], answer["opened"][1][:-8] + "AAAAAAA="]})
    )
    await screen.do(lambda: browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(back)))
    shown = await screen.until("article.request", "se cambió en el camino")
    assert "1 por abrir" in shown
    assert "1 abiertos" in shown
    assert "lo abrió Ana Paz" in shown
    assert FRAME.decode() not in shown
    await screen.shot("custodia_sobres_devueltos", tmp_path)
    assert await screen.axe() == []
    rows = await here.acts("request.boxes", "request.box_opened")
    told = [(row.entry.act, row.entry.outcome.value) for row in rows]
    assert sorted(told) == [
        ("request.box_opened", "allowed"), ("request.box_opened", "refused"),
        ("request.boxes", "allowed"), ("request.boxes", "allowed"),
    ]  # fmt: skip
    assert await screen.complaints() == []
