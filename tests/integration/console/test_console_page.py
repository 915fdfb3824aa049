"""The operator's console in a real browser: what a person at the desk sees, hears of, and can do with two keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from cior_core.model import Alert, AlertStatus, DataClass, Level, Place, PlaceMethod, TypeCode
from cior_core.privacy import Role
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.wall_rig import CANARY, NOW_MS, alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HTML = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


def quiet(number: int, **change: Any) -> Alert:
    """Nothing that threatens a life."""
    values = {
        "level": Level.P4,
        "life_safety": False,
        "type": TypeCode("alarm.community"),
        "opened_ms": NOW_MS - number,
    }
    return alert(number, **(values | change))


async def test_a_press_is_announced_and_two_keys_reach_it(screen: Screen) -> None:
    for number in range(30):
        screen.room.feed.apply(quiet(number))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.until(".rest-title", "(30)")
    screen.room.feed.apply(alert(500))
    shown = await screen.until(".newsbar", "NUEVA (1)")
    assert "■ P1" in shown, "by shape and word, not by colour alone"
    assert await screen.run("return document.querySelector('.newsbar [aria-live=assertive]') !== null")
    assert "P1" in await screen.text("#above"), "above the list, wherever that is scrolled to"
    await screen.keys("n")
    await screen.until("section.alert", "Por qué este nivel")
    assert "+90" in await screen.text(".terms")
    assert (await screen.run("return location.pathname")) == "/console/alerts/a500"
    assert await screen.complaints() == []


async def test_no_filter_hides_life_at_risk_and_the_address_keeps_the_filters(screen: Screen) -> None:
    screen.room.feed.apply(alert(1))
    for number in range(10, 20):
        screen.room.feed.apply(quiet(number, place=Place(method=PlaceMethod.DISTRICT, district="sur")))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.until(".rest-title", "(10)")
    await screen.keys("/")
    await screen.write("#filter-words", "no existe")
    await screen.until(".rest-title", "(0)")
    assert "10 fuera" in await screen.text(".filters"), "what is left out is counted"
    assert "P1" in await screen.text("#above")
    await screen.do(screen.chrome.refresh)
    await screen.until(".filters", "10 fuera")


async def test_while_somebody_reads_no_row_moves(screen: Screen) -> None:
    for number in range(10, 30):
        screen.room.feed.apply(quiet(number))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.until(".rest-title", "(20)")
    await screen.keys(Keys.ARROW_DOWN)
    before = await screen.run("return [...document.querySelectorAll('#below .entry')].map((one) => one.id)")
    screen.room.feed.apply(quiet(5, level=Level.P2))
    screen.room.feed.apply(quiet(10, version=2, status=AlertStatus.CLOSED))
    await screen.until(".rest-title", "1 nuevas")
    assert (
        await screen.run("return [...document.querySelectorAll('#below .entry')].map((one) => one.id)")
        == before
    )
    await screen.press(".rest-title button")
    await screen.until("#below", "P2")


async def test_a_silent_alarm_is_a_level_and_a_district_and_text_stays_text(screen: Screen) -> None:
    sealed = {
        "data_class": DataClass.SEALED,
        "place": Place(method=PlaceMethod.DISTRICT, district="sur", lat=-33.0, lon=-60.65),
    }
    screen.room.feed.apply(alert(9, silent=True, **sealed))
    screen.room.feed.apply(alert(1, notes=(HTML, "abc\u202egpj.exe"), place=Place(
        method=PlaceMethod.GPS, lat=-32.95, lon=-60.64, district="centro", text=HTML)))  # fmt: skip
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.go("alerts/a9")
    await screen.until("section.alert", "Reservado")
    assert "Sur" in await screen.text("section.alert")
    assert CANARY not in await screen.text("section.alert")
    await screen.go("alerts/a1")
    await screen.until("section.alert", "Notas")
    assert HTML in await screen.text("section.alert"), "shown as it is written"
    assert "abc·gpj.exe" in await screen.text("section.alert")
    assert "owned" not in await screen.run("return document.title")
    assert await screen.run("return document.querySelectorAll('section.alert img').length") == 0


async def test_a_lost_centre_is_said_and_the_queue_stays(screen: Screen) -> None:
    screen.room.feed.apply(alert(1))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.until("#above", "P1")
    screen.room.cut()
    await screen.until("body", "SIN CONEXIÓN CON EL CENTRO", wait_s=60)
    assert "P1" in await screen.text("#above"), "what was known stays, with its age"


async def test_sign_out_leaves_nothing_of_the_city_behind(screen: Screen) -> None:
    screen.room.feed.apply(alert(1))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.until("#above", "P1")
    await screen.press(".who button:last-child")
    await screen.until("main.sign-in", "Contraseña")
    assert "P1" not in await screen.text()


async def test_law_17_who_writes_about_a_silent_alert_reads_that_the_words_are_not_kept(
    screen: Screen,
) -> None:
    for number, silent in ((9, True), (1, False)):
        screen.room.feed.apply(alert(number, silent=silent))
    await screen.signed_in("mar", Role.RESPONSE_TEAM)
    for name, told in (("a9", True), ("a1", False)):
        await screen.go(f"alerts/{name}")
        await screen.until("section.alert", "Centro")
        await screen.keys("d")
        shown = await screen.until("dialog", "Motivo")
        assert ("no se guarda lo que escriba" in shown) is told
        assert await screen.axe() == []


async def test_a_wall_is_given_a_code_shows_the_city_and_only_looks(screen: Screen) -> None:
    screen.room.feed.apply(alert(1))
    screen.room.feed.apply(alert(9, silent=True, data_class=DataClass.SEALED))
    await screen.room.add("sruiz", Role.SUPERVISOR)
    sofia = screen.room.browser()
    await screen.room.enrolled(sofia, "sruiz")
    _, made = await sofia.post("displays", {"name": "Sala"})
    await screen.size(3840, 2160)
    await screen.go()
    await screen.until("main.sign-in", "Es una pantalla de la sala")
    await screen.press("main.sign-in .between button")
    assert await screen.axe() == []
    await screen.write("input[name=code]", str(made["code"]).lower() + Keys.ENTER)
    await screen.until("header", "En vivo")
    shown = await screen.until("#above", "P1")
    assert CANARY not in shown
    await screen.keys("a")
    await screen.until(".notes", "Esta pantalla solo mira")
    assert await screen.axe() == []
    assert await refusals(screen) == []


async def refusals(screen: Screen) -> list[str]:
    """What was refused to somebody with a name."""
    return [
        row.entry.subject or row.entry.act
        for row in await screen.room.acts()
        if row.entry.outcome == "refused"
    ]


@pytest.mark.parametrize("role", [Role.AGENCY, Role.ENGINEER, Role.AUDITOR])
async def test_a_page_asks_nothing_by_itself_that_its_role_is_refused(screen: Screen, role: Role) -> None:
    """Else the ledger fills with refusals that nobody meant."""
    screen.room.feed.apply(alert(1))
    await screen.signed_in("agomez", role)
    await asyncio.sleep(1)
    assert await refusals(screen) == []


@pytest.mark.parametrize("language", ["es", "en"])
async def test_every_page_keeps_wcag_2_2_aa(screen: Screen, language: str) -> None:
    for number in range(40):
        screen.room.feed.apply(quiet(number))
    screen.room.feed.apply(alert(500))
    screen.room.feed.apply(alert(501, silent=True, data_class=DataClass.SEALED))
    await screen.go()
    await screen.until("main.sign-in", "Ingresar")
    assert await screen.axe() == []
    await screen.signed_in("sruiz", Role.SUPERVISOR)
    if language == "en":
        await screen.press(".who button:nth-of-type(2)")
    await screen.keys("n")
    await asyncio.sleep(1)
    for path in ("alerts/a500", "alerts/a501", "shift", "load", "ledger", "sessions"):
        await screen.go(path)
        await screen.until("header", "CIOR")
        await asyncio.sleep(0.7)
        assert await screen.axe() == [], path
    await screen.go("alerts/a500")
    await screen.until("section.alert", "P1")
    for key in ("c", "d", "m", "i", "w", "b", "p", "?"):
        await screen.keys(key)
        await screen.until("dialog", "")
        assert await screen.axe() == [], f"the dialog of {key}"
        await screen.keys(Keys.ESCAPE)
