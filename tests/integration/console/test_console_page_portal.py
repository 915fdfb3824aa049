"""The portal of prosecutors and defenders, as they use it in a real Chromium before a real register: what they ask is
on hold, by map or by keyboard, and times say their zone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import (
    CAMERAS,
    CITY,
    HOUR_MS,
    WHEN_ENABLED,
    WHEN_MAP_IS_SEEN,
    WRITE_TIME,
    fits,
    local,
    order,
    picture,
    posted,
    press_named,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db"), city=CITY, cameras=CAMERAS) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


async def test_who_asks_lands_on_their_portal_and_what_they_ask_by_keyboard_is_on_hold(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("fiscal", Role.PROSECUTOR, name="Inés Fiscal")
    shown = await screen.until("main.portal", "Todavía no hay pedidos.")
    assert "Lo que se pide queda resguardado" in shown
    header = await screen.text("header")
    assert "En vivo" not in header
    assert "Mesa" not in header, "who asks has no operator's desk"
    assert await screen.axe() == []
    await screen.go("portal/new")
    await screen.until("main.portal", "Puente de la estación")
    await screen.write("input[name=office]", "Fiscalía Regional 2")
    await screen.write("input[name=case]", "21-0000001-1")
    await screen.write("textarea[name=reason]", "Homicidio en la plaza")
    await screen.write("input[name=alerts]", "a-1, a-2")
    await screen.write("select[name=authority]", "Fisc")
    await screen.write("select[name=order]", "Orden f")
    await screen.run(WRITE_TIME, "since", local(here, 3))
    await screen.run(WRITE_TIME, "until", local(here, 2))
    said = await screen.until(".instant", "(UTC-03:00)")
    assert to_rfc3339(here.clock.now_ms - 3 * HOUR_MS)[:19].replace("T", " ") + " UTC" in said
    # By keyboard alone: find a name, go to it, take it; then the next one.
    await screen.run("document.querySelector('input[name=camera_words]').focus()")
    await screen.keys("pl", Keys.TAB, Keys.SPACE)
    await screen.until("main.portal", "1 elegidas")
    await screen.run("document.querySelector('input[name=camera_words]').select()")
    await screen.keys("term", Keys.TAB, Keys.SPACE)
    await screen.until("main.portal", "2 cámaras × 1 intervalos = 2 renglones")
    await screen.size(1366, 900)
    await picture(screen, "portal-pedir", tmp_path)
    assert await screen.axe() == []
    await screen.run("document.querySelector('form.filing button[type=submit]').focus()")
    await screen.keys(Keys.ENTER)
    shown = await screen.until("article.request", "resguardado entero")
    assert shown.count("resguardado entero") == 2
    assert "Alertas que pide: a-1, a-2" in shown
    assert (await screen.run("return location.pathname")).startswith("/console/portal/")
    kept = here.register.read_now(lambda each: holds.standing(each, now_ms=here.clock.now_ms)).holds
    assert {camera for each in kept for camera in each.cameras} == {"plaza", "terminal"}
    assert {each.since_ms for each in kept} == {(here.clock.now_ms - 3 * HOUR_MS) // 1000 * 1000}
    await screen.do(lambda: screen.chrome.execute_async_script(WHEN_MAP_IS_SEEN))
    await screen.shot("portal_filed", tmp_path)
    assert await screen.axe() == []
    await screen.size(390, 844)
    await screen.until("article.request", "resguardado entero")
    assert await fits(screen)
    assert await screen.axe() == []
    await screen.shot("portal_filed_390", tmp_path)
    assert await screen.complaints() == []


async def test_the_map_picks_cameras_and_takes_all_around_a_point(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("defensora", Role.DEFENDER, name="Dora Defensora")
    await screen.go("portal/new")
    await screen.until("main.portal", "Puente de la estación")
    assert await screen.texts("select[name=authority] option") == ["Defensa"], (
        "who defends asks for the defence"
    )
    await screen.until("section.map", "")
    await screen.run("document.querySelector('section.map').scrollIntoView({block: 'center'})")
    await _press_map(screen, 0.5, 0.5)
    await screen.until("main.portal", "1 elegidas")
    assert await screen.run("return document.querySelector('input[value=puente]').checked")
    await _press_map(screen, 0.5, 0.2)
    await screen.run("document.querySelector('input[name=near_metres]').select()")
    await screen.write("input[name=near_metres]", "5000")
    await screen.do(lambda: screen.chrome.execute_async_script(WHEN_ENABLED, "fieldset.around button"))
    await screen.press("fieldset.around button")
    await screen.until("fieldset.around", "3 cámaras a 5000 m o menos.")
    await screen.until("main.portal", "3 elegidas")
    await screen.shot("portal_map", tmp_path)
    assert await screen.axe() == []
    await screen.size(390, 844)
    assert await fits(screen)
    await screen.shot("portal_new_390", tmp_path)
    assert await screen.complaints() == []


async def _press_map(screen: Screen, across: float, down: float) -> None:
    """A click at a share of the map's width and height; it waits until the map is drawn."""
    await screen.until("fieldset.choice", "Buscar por nombre")
    script = """
    const done = arguments[arguments.length - 1], seek = () => {
      const canvas = document.querySelector('section.map canvas');
      if (!canvas || !canvas.width) return setTimeout(seek, 50);
      const box = document.querySelector('section.map .canvas').getBoundingClientRect();
      done([box.x, box.y, box.width, box.height]);
    };
    seek();
    """
    x, y, width, height = await screen.do(lambda: screen.chrome.execute_async_script(script))
    for kind in ("mousePressed", "mouseReleased"):
        event = {
            "type": kind, "x": x + width * across, "y": y + height * down, "button": "left", "clickCount": 1,
        }  # fmt: skip
        await screen.do(lambda event=event: screen.chrome.execute_cdp_cmd("Input.dispatchMouseEvent", event))  # type: ignore[misc]


async def test_an_hour_that_came_twice_shows_both_readings_and_one_that_never_was_says_so(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("fiscal", Role.PROSECUTOR)
    await screen.go("portal/new")
    await screen.until("main.portal", "Puente de la estación")
    await screen.run(WRITE_TIME, "since", "2009-03-14T23:30:00")
    shown = await screen.until(".instant", "existió dos veces")
    assert "2009-03-14T23:30:00-02:00" in shown
    assert "2009-03-14T23:30:00-03:00" in shown
    assert await screen.axe() == []
    await screen.run(WRITE_TIME, "since", "2008-10-19T00:30:00")
    await screen.until(".instant", "Esa hora local no existe")


async def test_what_was_asked_back_is_answered_with_one_of_its_readings(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("fiscal", Role.PROSECUTOR)
    page = await posted(screen, order(here, zone=""))
    await screen.go("portal")
    shown = await screen.until(".requests", "observada")
    assert "La hora no dice en qué huso está escrita" in shown, "the list has the reason"
    await screen.press(".requests a")
    await screen.until("article.request", "Lectura 2")
    await screen.press(".todo button")
    await screen.until("form.hand-over", "Quise decir")
    assert await screen.axe() == []
    await screen.shot("portal_reply", tmp_path)
    await screen.press("form.hand-over label.check:nth-of-type(2) input")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until(".states", "resguardada")
    kept = here.register.read_now(lambda each: holds.standing(each, now_ms=here.clock.now_ms)).holds
    local_since_ms = (here.clock.now_ms - 8 * HOUR_MS) // 1000 * 1000 + 3 * HOUR_MS
    assert [(each.owner, each.since_ms) for each in kept] == [(page["line"]["id"], local_since_ms)]


async def test_what_is_preserved_without_an_order_takes_the_order_when_it_comes(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    await screen.signed_in("fiscal", Role.PROSECUTOR)
    page = await posted(screen, order(here, order="none", document="", provisional=True))
    await screen.go(f"portal/{page['line']['id']}")
    shown = await screen.until("article.request", "resguardado entero hasta")
    assert "preservada sin orden" in shown
    assert "La preservación vence" in shown
    await press_named(screen, "Presentar la orden")
    await screen.until("form.hand-over", "no puede pedir más que lo preservado")
    await screen.write("form.hand-over select[name=order]", "Orden f")
    await screen.write("form.hand-over input[name=document]", "Oficio 9")
    await screen.shot("portal_confirm", tmp_path)
    assert await screen.axe() == []
    await screen.press("form.hand-over button[type=submit]")
    await screen.until(".states", "resguardada")
    shown = await screen.until("article.request", "llegó la orden")
    assert "Oficio 9" in shown
    assert await screen.complaints() == []
