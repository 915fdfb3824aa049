"""What an operator's floor lives through, in a real browser before the real core: a flood taken in one go, a drill,
another role; two tabs, old pages, odd text, wrong clocks, midnight, an account that changes under one's hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cior_core.model import ActionKind, AlertStatus
from cior_core.privacy import Role
from cior_register import factors, people
from engines.registers import RegisterPlace
from integration.console.api_rig import CentreOfTest
from integration.console.page_rig import Room, Screen, room
from integration.console.wall_rig import NOW_MS, alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HTML = "<img src=x onerror=\"document.title='owned'\">"
HIDDEN = "caja\u202egpj.exe cero\u200bancho"
HOUR_MS = 3_600_000


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


def core(here: Room) -> CentreOfTest:
    assert here.core is not None
    return here.core


def flooded(here: Room, count: int = 30) -> list[str]:
    """Presses of accounts that nobody registered, which share a line."""
    return [
        core(here).press(100 + n, type="panic.alarm", subject=f"panel-{n}", registered=False)
        for n in range(count)
    ]


def statuses(here: Room, ids: list[str]) -> set[AlertStatus]:
    return {core(here).alert(each).status for each in ids}


async def stood(check: Any, what: str) -> None:
    """Wait until it is so."""
    for _ in range(600):
        if check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


async def test_law_16_a_flood_is_taken_with_two_keys_and_the_known_press_beside_it_is_not(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    ids = flooded(here)
    known = core(here).press(1)
    await screen.until("#above", "30 avisos en un renglón")
    await screen.do(lambda: screen.chrome.find_element(By.CSS_SELECTOR, "#above .entry.line").click())
    await screen.until(".line-bar", "Tomar las 30")
    await screen.keys("c")
    await screen.until(".notes", "Sobre un renglón solo se puede")
    await screen.keys("a")
    shown = await screen.until("dialog", "Nadie registrado")
    assert "30" in shown
    await screen.shot("line", tmp_path)
    assert await screen.axe() == []
    await screen.keys(Keys.ENTER)
    await screen.until(".notes", "Renglón: 30 de 30")
    await stood(lambda: statuses(here, ids) == {AlertStatus.ACKNOWLEDGED}, "not all were taken")
    assert statuses(here, [known]) == {AlertStatus.OPEN}
    await screen.until(".urgent-title", "(1)")
    assert len({each.id for each in core(here).sent}) == 30
    assert await screen.complaints() == []


async def test_a_supervisor_begins_and_ends_a_drill_and_every_screen_says_what_it_is(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("sruiz", Role.SUPERVISOR, name="Sofía Ruiz")
    await screen.go("drills")
    await screen.until("main", "Empezar un simulacro")
    assert await screen.axe() == []
    await screen.write("input[name=title]", "Tiroteo en la plaza")
    options = """
      const kind = document.querySelector('select[name=type]'), one = new Option('Disparos', 'gun.shooting');
      kind.add(one); kind.value = 'gun.shooting';
      document.querySelector('select[name=district]').value = 'sur';
    """
    await screen.run(options)
    await screen.write("textarea[name=reason]", "ensayo del turno noche")
    await screen.press("form.hand-over button[type=submit]")
    shown = await screen.until("main", "SIMULACRO EN CURSO: Tiroteo en la plaza")
    assert "No llama a nadie ni enciende sirenas." in shown
    await screen.shot("drill", tmp_path)
    assert await screen.axe() == []
    [case] = core(here).state.cases.values()
    await screen.go(f"alerts/{case.alert.id}")
    await screen.until("section.alert", "SIMULACRO")
    await screen.until("#above", "SIMULACRO")
    await screen.keys("a")
    await screen.until("section.alert .status", "tomada")
    await screen.go("drills")
    await screen.until("main", "Hasta tomar: 1 de 1")
    await screen.press("section.hand-over .row.end button")
    await screen.until("main", "Los anteriores")
    assert core(here).sent[-1].kind is ActionKind.CLOSE
    assert await screen.complaints() == []


async def test_a_role_that_sees_more_asks_who_she_is_and_every_tab_follows(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR, Role.SUPERVISOR, name="Ana Gómez")
    here.feed.apply(alert(1))
    await screen.until("#above", "P1")
    first = screen.chrome.current_window_handle
    await screen.do(lambda: screen.chrome.switch_to.new_window("tab"))
    await screen.go()
    await screen.until(".who", "operador")
    here.pass_s(1_800)
    await screen.press(".who button")
    await screen.until("dialog", "Seguir como supervisor")
    assert await screen.axe() == []
    await screen.press("dialog .row.end .main")
    await screen.until("dialog", "Confirme de nuevo quién es")
    secret = await totp_of(here, "p-agomez")
    await screen.write("dialog input[name=code]", here.code(secret) + Keys.ENTER)
    await screen.until(".who", "supervisor")
    await screen.until("nav", "Simulacros")
    await screen.until("#above", "P1")
    await screen.do(lambda: screen.chrome.switch_to.window(first))
    await screen.until(".who", "supervisor")
    await screen.until("#above", "P1")
    rows = await here.acts("session.role")
    assert [each.entry.outcome.value for each in rows] == ["refused", "allowed"]


async def totp_of(here: Room, person_id: str) -> str:
    """What is on her telephone."""
    kept = await here.register.read(lambda each: factors.totp(each, person_id))
    assert kept is not None
    return here.desk.flow.means.box.opened(person_id, kept.secret).decode()


async def test_two_tabs_are_one_person_what_one_does_the_other_shows_and_signing_out_ends_both(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR)
    press = core(here).press(1)
    await screen.go(f"alerts/{press}")
    await screen.until("section.alert .status", "abierta")
    first = screen.chrome.current_window_handle
    await screen.do(lambda: screen.chrome.switch_to.new_window("tab"))
    second = screen.chrome.current_window_handle
    await screen.go(f"alerts/{press}")
    await screen.until("section.alert .status", "abierta")
    assert here.feed.watchers == 1, "one line for all tabs of a browser"
    await screen.keys("a")
    await screen.until("section.alert .status", "tomada")
    await screen.do(lambda: screen.chrome.switch_to.window(first))
    await screen.until("section.alert .status", "tomada")
    await screen.press(".who button:last-child")
    await screen.until("main.sign-in", "Contraseña")
    await screen.do(lambda: screen.chrome.switch_to.window(second))
    await screen.until("main.sign-in", "Contraseña")
    assert "P1" not in await screen.text()


async def test_an_old_page_closes_nothing_that_another_one_dispatched_meanwhile(
    screen: Screen, here: Room
) -> None:
    await here.add("mperez", Role.OPERATOR, name="Marta Pérez")
    await screen.signed_in("agomez", Role.OPERATOR)
    press = core(here).press(1)
    await screen.go(f"alerts/{press}")
    await screen.until("section.alert .status", "abierta")
    await screen.keys("c")
    await screen.until("dialog", "Confirmada")
    await screen.press("dialog input[value=false_alarm]")
    # The form is open; what another person does now is not on it.
    await screen.run(
        "window.realFetch = window.fetch; window.fetch = () => Promise.reject(new TypeError('cut'))"
    )
    await screen.write("dialog textarea", Keys.CONTROL + Keys.ENTER)
    await screen.until("header", "1 por enviar")
    helper = here.browser()
    await here.enrolled(helper, "mperez")
    status, said = await helper.post(
        f"alerts/{press}/acts",
        {"kind": "dispatch", "agency": "police", "seen_version": 1},
        **{"Idempotency-Key": "key-of-marta", "Prefer": "wait=5"},
    )
    assert status == 200, said
    await screen.run("window.fetch = window.realFetch")
    await screen.until(".notes", "Cerrar: Marta Pérez lo hizo antes")
    assert statuses(here, [press]) == {AlertStatus.DISPATCHED}


async def test_hidden_and_turning_characters_html_and_ten_megabytes_in_a_note(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR)
    press = core(here).press(1)
    await screen.go(f"alerts/{press}")
    await screen.until("section.alert .status", "abierta")
    for text in (HTML, HIDDEN):
        await noted(screen, text)
        await screen.until(".notes", "Anotar: recibido")
        await screen.run("document.querySelectorAll('.notes button').forEach((one) => one.click())")
    await screen.until("section.alert", "⟨U+202E⟩gpj.exe cero⟨U+200B⟩ancho")
    shown = await screen.until("section.alert", HTML)
    assert not {"\u202e", "\u200b"} & set(shown), "no sign that nobody sees turns a text"
    assert "owned" not in await screen.run("return document.title")
    await noted(screen, "x", times=10_000_000)
    await screen.until(".notes", "demasiado grande")
    assert await screen.run("return document.querySelectorAll('#above .entry').length") == 1, "the page lives"
    assert len([each for each in core(here).sent if each.kind is ActionKind.NOTE]) == 2


async def noted(screen: Screen, text: str, *, times: int = 1) -> None:
    """A note, past what the field itself lets in."""
    await screen.keys("o")
    await screen.until("dialog", "Anotar")
    await screen.run(
        "const box = document.querySelector('dialog textarea'); box.removeAttribute('maxlength');"
        "box.value = arguments[0].repeat(arguments[1]); box.form.requestSubmit()",
        text,
        times,
    )


async def test_a_browser_whose_clock_is_wrong_shows_the_centres_time_and_ages(
    screen: Screen, here: Room
) -> None:
    """Three hours ahead: an age of five seconds must not read as three hours, nor a session as over."""
    skewed = f"const real = Date.now; Date.now = () => real() + 3 * {HOUR_MS};"
    await screen.do(
        lambda: screen.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": skewed})
    )
    await screen.signed_in("agomez", Role.OPERATOR)
    here.feed.apply(alert(1, opened_ms=NOW_MS - 5_000, version=1))
    await screen.until("#above", "P1")
    age = await screen.text("#above .age")
    assert "h" not in age, age
    assert "Su sesión termina" not in await screen.text()
    shown = await screen.run("return document.querySelector('header time').dateTime")
    centre = here.clock.now_ms / 1000
    apart_s = abs(await screen.run("return Date.parse(arguments[0]) / 1000", shown) - centre)
    assert apart_s < 120, apart_s


async def test_past_midnight_yesterdays_hour_says_its_day(screen: Screen, here: Room) -> None:
    await screen.do(
        lambda: screen.chrome.execute_cdp_cmd(
            "Emulation.setTimezoneOverride", {"timezoneId": "America/Argentina/Cordoba"}
        )
    )
    day_ms = 24 * HOUR_MS
    midnight_ms = NOW_MS - NOW_MS % day_ms + day_ms + 3 * HOUR_MS  # 00:00 in Córdoba, UTC-3
    here.clock.now_ms = midnight_ms - 60_000
    await screen.signed_in("agomez", Role.OPERATOR)
    opened_ms = here.clock.now_ms
    here.feed.apply(alert(1, opened_ms=opened_ms))
    await screen.go("alerts/a1")
    before = await screen.until("section.alert .head", "desde las")
    here.clock.now_ms = max(midnight_ms, here.clock.now_ms) + 120_000
    await screen.do(screen.chrome.refresh)
    after = await screen.until("section.alert .head", "desde las")
    assert before.split("desde las")[1].split(",")[0] != after.split("desde las")[1].split(",")[0], (
        before,
        after,
    )
    assert "P1" in await screen.text("#above"), "midnight takes no alert along"


async def test_who_is_renamed_keeps_working_and_who_is_disabled_is_out_with_nothing_left_on_the_screen(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    press = core(here).press(1)
    await screen.go(f"alerts/{press}")
    await screen.until(".who", "Ana Gómez")
    await screen.until("section.alert .status", "abierta")
    await here.do(lambda each: people.rename(each, "p-agomez", name="Ana Paz", language="es"))
    here.pass_s(2)
    await screen.keys("a")
    await screen.until("section.alert .status", "tomada")
    await screen.do(screen.chrome.refresh)
    await screen.until(".who", "Ana Paz")
    await screen.until("section.alert .head", "Ana Paz")
    await here.do(lambda each: people.set_disabled(each, "p-agomez", disabled=True, now_ms=here.clock.now_ms))
    here.pass_s(2)
    await screen.until("main.sign-in", "Contraseña", wait_s=60)
    assert "P1" not in await screen.text()
    assert [each.kind for each in core(here).sent] == [ActionKind.ACKNOWLEDGE]


async def test_a_colleague_who_came_after_the_page_was_opened_is_called_by_name(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    here.feed.apply(alert(1))
    await screen.until("#above", "P1")
    await here.add("bnuevo", Role.OPERATOR, name="Beto Nuevo")
    here.feed.apply(alert(1, version=2, status=AlertStatus.ACKNOWLEDGED, assignee="p-bnuevo"))
    await screen.until("#below", "Beto Nuevo")
    asked = len(await here.acts("people.read"))
    here.feed.apply(alert(2, version=2, status=AlertStatus.ACKNOWLEDGED, assignee="p-nobody"))
    await screen.until("#below", "p-nobody")
    for version in range(3, 8):
        here.feed.apply(alert(2, version=version, status=AlertStatus.ACKNOWLEDGED, assignee="p-nobody"))
        await asyncio.sleep(0.2)
    assert len(await here.acts("people.read")) <= asked + 1, "who is nobody of the house is asked for once"
