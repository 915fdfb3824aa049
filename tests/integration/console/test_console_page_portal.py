"""The portal of prosecutors and defenders, and the custodian's desk, as people use them in a real Chromium, before a
real register: what is asked is on hold, whatever was looked at is in the ledger, and nobody sees what is not theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cior_core.cameras import Camera, Cameras
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.people_rig import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HOUR_MS = 3_600_000
CAMERAS = Cameras(
    [
        Camera(id="plaza", name="Plaza 25 de Mayo", lat=-32.9470, lon=-60.6400, azimuth_deg=90.0),
        Camera(
            id="puente",
            name="Puente de la estación",
            lat=-32.9480,
            lon=-60.6390,
            stream="rtsp://u:hunter2@h/1",
        ),
        Camera(
            id="terminal", name="Terminal", lat=-32.9490, lon=-60.6380, azimuth_deg=10.0, field_of_view_deg=60
        ),
    ]
)
"""On one line: what lies in the middle of the map is the bridge."""
WRITE_TIME = """
const box = document.querySelectorAll(`input[name=${arguments[0]}]`)[arguments[2] || 0];
box.value = arguments[1];
box.dispatchEvent(new Event('input', {bubbles: true}));
"""

WHEN_ENABLED = """
const done = arguments[arguments.length - 1], look = () =>
  document.querySelector(arguments[0]).disabled ? setTimeout(look, 50) : done();
look();
"""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db"), cameras=CAMERAS) as running:
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


class Person:
    """Somebody at another browser, who acts over HTTP."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._keys = 0

    @staticmethod
    async def signed_in(here: Room, login: str, role: Role) -> Person:
        await here.add(login, role, name=login.title())
        browser = here.browser()
        await here.enrolled(browser, login)
        here.pass_s(31)
        return Person(browser)

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        self._keys += 1
        status, page = await self._browser.post(path, body, **{"Idempotency-Key": f"clave-{self._keys:08}"})
        assert status == 200, page
        return dict(page)

    async def act(self, request_id: str, kind: str, **more: Any) -> dict[str, Any]:
        return await self.post(f"requests/{request_id}/acts", {"kind": kind} | more)


def order(here: Room, *, zone: str = "Z", **changes: Any) -> dict[str, Any]:
    since, until = (to_rfc3339(here.clock.now_ms - n * HOUR_MS)[:19] + zone for n in (8, 7))
    return {
        "authority": "fiscalia", "office": "Fiscalía Regional 2", "case": "21-0000001-1", "document": "Oficio 1",
        "reason": "Homicidio", "order": "prosecutor_order",
        "items": [{"camera": "plaza", "since": since, "until": until}],
    } | changes  # fmt: skip


def local(here: Room, hours_ago: float) -> str:
    """As a clock in Santa Fe showed it (UTC-03:00 all year), for a field of the browser."""
    return to_rfc3339(int(here.clock.now_ms - (hours_ago + 3) * HOUR_MS))[:19]


async def fits(screen: Screen) -> bool:
    """Whether nobody has to scroll sideways."""
    script = "return document.documentElement.scrollWidth <= innerWidth + 1"
    return bool(await screen.run(script))


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
    await screen.do(
        lambda: screen.chrome.find_element(By.CSS_SELECTOR, "select[name=authority]").send_keys("Fisc")
    )
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
    await screen.shot("portal_new", tmp_path)
    assert await screen.axe() == []
    await screen.run("document.querySelector('form.filing button[type=submit]').focus()")
    await screen.keys(Keys.ENTER)
    shown = await screen.until("article.request", "resguardado entero")
    assert shown.count("resguardado entero") == 2
    assert (await screen.run("return location.pathname")).startswith("/console/portal/")
    kept = here.register.read_now(lambda each: holds.standing(each, now_ms=here.clock.now_ms)).holds
    assert {camera for each in kept for camera in each.cameras} == {"plaza", "terminal"}
    assert {each.since_ms for each in kept} == {(here.clock.now_ms - 3 * HOUR_MS) // 1000 * 1000}
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
    await screen.do(lambda: screen.chrome.find_element(By.NAME, "near_metres").clear())
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
    body = order(here, zone="")
    script = """
    const done = arguments[arguments.length - 1];
    fetch('/api/v1/requests', {method: 'POST', body: JSON.stringify(arguments[0]),
      headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'clave-0001'}})
      .then((answer) => answer.json()).then(done);
    """
    page = await screen.do(lambda: screen.chrome.execute_async_script(script, body))
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


async def test_the_custodian_has_a_queue_takes_a_request_up_and_each_view_is_in_the_ledger(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    request_id = (await fiscal.post("requests", order(here)))["line"]["id"]
    await fiscal.post("requests", order(here, case="otra", investigation=False))
    await screen.signed_in("mesa", Role.CUSTODIAN, name="Marta Mesa")
    shown = await screen.until(".requests", "Causa otra")
    assert shown.index("21-0000001-1") < shown.index("otra"), "the nearest deadline first"
    assert await screen.axe() == []
    await screen.shot("custody_queue", tmp_path)
    await screen.press(".requests a")
    shown = await screen.until("article.request", "Tomar el pedido")
    assert "Aprobar" not in shown, "only what may be done now"
    assert await screen.axe() == []
    await screen.press(".todo button")
    await screen.until("form.hand-over", "no podrá aprobarlo")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until("article.request .todo", "Aprobar")
    await screen.press(".todo button")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until("article.request", "La misma persona no puede hacer los dos pasos")
    await screen.shot("custody_request", tmp_path)
    assert await screen.axe() == []
    mine = [
        (row.entry.act, row.entry.subject, row.entry.outcome.value)
        for row in await here.acts("requests.queue", "requests.read", "request.take_up", "request.approve")
        if row.entry.actor == "p-mesa"
    ]
    assert ("requests.queue", "", "allowed") in mine
    assert [each for each in mine if each[1]] == [
        ("requests.read", request_id, "allowed"),
        ("request.take_up", request_id, "allowed"),
        ("request.approve", request_id, "refused"),
    ]
    await screen.size(390, 844)
    assert await fits(screen)
    await screen.shot("custody_request_390", tmp_path)
    assert await screen.complaints() == []


async def test_the_years_report_says_that_its_sums_are_what_was_received(screen: Screen, here: Room) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    for case in ("uno", "dos"):
        await fiscal.post("requests", order(here, case=case))
    await fiscal.post("requests", order(here, case="civil", proceeding="civil"))
    await screen.signed_in("mesa", Role.CUSTODIAN)
    await screen.go("portal/report")
    shown = await screen.until("main.portal", "Rechazos por causa")
    assert shown.count("Suma 3: igual a lo recibido") == 3
    assert "La causa no es penal ni contravencional." in shown
    assert await screen.axe() == []
    assert [row.entry.actor for row in await here.acts("requests.report")] == ["p-mesa"]
