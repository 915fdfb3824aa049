"""A night at the desk, in a real browser before the real core: take, dispatch, close; hand over; read the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from cior_core.model import ActionKind
from cior_core.privacy import Role
from engines.browser import open_browser
from engines.registers import RegisterPlace
from integration.console.api_rig import CentreOfTest
from integration.console.page_rig import Room, Screen, room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.fixture
async def second(chromium: tuple[Path, Path], here: Room, tmp_path: Path) -> AsyncIterator[Screen]:
    chrome = await asyncio.to_thread(open_browser, *chromium, tmp_path / "second-profile")
    yield Screen(chrome, here)
    await asyncio.to_thread(chrome.quit)


def core(here: Room) -> CentreOfTest:
    assert here.core is not None
    return here.core


async def test_an_operator_takes_dispatches_and_closes_by_keyboard_and_an_auditor_reads_it(
    browser: Chrome, here: Room, second: Screen
) -> None:
    screen = Screen(browser, here)
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    core(here).press(1)
    await screen.until(".newsbar", "NUEVA (1)")
    await screen.keys("n", "a")
    await screen.until("section.alert .status", "tomada")
    await screen.until(".notes", "recibido por el centro")
    assert "Ana Gómez" in await screen.text("section.alert .head"), "by name, not by number"

    await screen.keys("d")
    await screen.until("dialog", "Policía provincial")
    await screen.press("dialog input[value=police]")
    await screen.write("dialog input[name=unit]", "Móvil 7")
    await screen.press("dialog button[type=submit]")
    await screen.until("section.alert .status", "despachada")
    await screen.until(".dispatches", "Móvil 7")

    await screen.keys("c")
    await screen.until("dialog", "Confirmada")
    await screen.press("dialog input[value=confirmed]")
    await screen.write("dialog textarea", "Detenido nadie; chofer ileso")
    await screen.write("dialog textarea", Keys.CONTROL + Keys.ENTER)
    await screen.until(".notes", "Cerrar: recibido por el centro")
    await screen.until(".rest-title", "(0)")
    assert [one.kind for one in core(here).sent] == [
        ActionKind.ACKNOWLEDGE,
        ActionKind.DISPATCH,
        ActionKind.CLOSE,
    ]
    assert all(one.proof is not None for one in core(here).sent), "signed by the console"
    assert await screen.complaints() == []

    await second.signed_in("jvera", Role.AUDITOR, name="Juana Vera")
    await second.write("input[name=why]", "Control de la noche" + Keys.ENTER)
    shown = await second.until("table.grid", "alert.close")
    for act in ("alert.acknowledge", "alert.dispatch", "alert.read", "ledger.read"):
        assert act in shown, act
    await second.until("table.grid", "Ana Gómez")  # names are asked for behind the lines
    assert await second.axe() == []


async def test_of_two_who_press_at_once_the_later_is_told_who_was_first(
    browser: Chrome, here: Room, second: Screen
) -> None:
    first = Screen(browser, here)
    await first.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    await second.signed_in("mperez", Role.OPERATOR, name="Marta Pérez")
    press = core(here).press(1)
    for screen in (first, second):
        await screen.go(f"alerts/{press}")
        await screen.until("section.alert .status", "abierta")
    core(here).is_slow = True  # the log is behind: the second page has not seen the first one's act
    await first.keys("a")
    await first.until("section.alert", "enviando")
    assert "tomada" in await first.text("section.alert .status"), "shown at once, and marked as on its way"
    await asyncio.wait_for(core(here).came.wait(), 30)
    core(here).is_slow = False
    for action in core(here).sent[:1]:
        core(here).work(action)
    await second.until("section.alert .status", "tomada")
    await second.keys("a")
    await second.until(".notes", "no corresponde en este estado")


async def test_a_hand_over_takes_what_is_open_along(browser: Chrome, here: Room) -> None:
    screen = Screen(browser, here)
    await here.add("mperez", Role.SUPERVISOR, name="Marta Pérez")
    await screen.signed_in("sruiz", Role.SUPERVISOR, name="Sofía Ruiz")
    press = core(here).press(1)
    await screen.until(".newsbar", "NUEVA (1)")
    await screen.keys("n", "a")
    await screen.until("section.alert .status", "tomada")
    await screen.go("shift")
    await screen.until("main", "Tomar un puesto")
    await screen.write("input[name=post]", "Mesa 1" + Keys.ENTER)
    await screen.until("main", "Entregar el turno · Mesa 1")
    await screen.run("document.querySelector('select[name=assignee]').value = 'p-mperez'")
    await screen.write("textarea[name=reason]", "Un colectivo; sigue el móvil 7")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until("main", "de Sofía Ruiz a Marta Pérez")
    await screen.until("table.grid", "Marta Pérez")
    assert core(here).sent[-1].kind is ActionKind.HAND_OVER
    assert core(here).sent[-1].target_ids == (press,)


async def test_an_act_on_a_lost_bus_is_kept_and_done_once(browser: Chrome, here: Room) -> None:
    screen = Screen(browser, here)
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    core(here).press(1)
    await screen.until(".newsbar", "NUEVA (1)")
    await screen.keys("n")
    await screen.until("section.alert .status", "abierta")
    await screen.run(
        "window.realFetch = window.fetch; window.fetch = () => Promise.reject(new TypeError('cut'))"
    )
    await screen.keys("a")
    await screen.until("header", "1 por enviar")
    await screen.until("section.alert .status", "tomada")
    await screen.do(screen.chrome.refresh)  # with the act still unsent: the reload takes it along
    await screen.until("section.alert .status", "tomada")
    await screen.until("header", "En vivo")
    await asyncio.sleep(1)
    assert [one.kind for one in core(here).sent] == [ActionKind.ACKNOWLEDGE]
