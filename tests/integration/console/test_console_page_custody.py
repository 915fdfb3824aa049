"""The custodian's desk as it is used in a real Chromium before a real register: what waits, what is there before it is
promised, the package from its order to its receipt, and the year's sums.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from cior_console.judicial_desk import PackageRoom
from cior_core.judicial.acts import Assemble, Seal
from cior_core.judicial.asking import Span
from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.shelf import Making, Phase, Progress, Shelf, package_id
from cior_register import requests
from doubles.packages import START_MS, ring
from engines.browser import open_browser
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import (
    CAMERAS,
    CITY,
    WRITE_TIME,
    Person,
    fits,
    order,
    picture,
    press_named,
    take,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIGEST = "0123456789abcdef" * 4
ZIP = bytes(range(256)) * 1_000


@pytest.fixture
async def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "paquetes")


@pytest.fixture
async def here(tmp_path: Path, shelf: Shelf) -> AsyncIterator[Room]:
    packages = PackageRoom(shelf=shelf, rings=(ring(tmp_path / "anillo", "plaza"),))
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, city=CITY, cameras=CAMERAS, packages=packages) as running:
        running.clock.now_ms = START_MS + 3_600_000
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


@pytest.fixture
async def second(chromium: tuple[Path, Path], here: Room, tmp_path: Path) -> AsyncIterator[Screen]:
    """Another browser: an auditor's."""
    chrome = await asyncio.to_thread(open_browser, *chromium, tmp_path / "second-profile")
    yield Screen(chrome, here)
    await asyncio.to_thread(chrome.quit)


async def test_law_13_a_custodian_takes_a_request_up_and_each_view_of_it_is_in_the_ledger(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    request_id = (await fiscal.post("requests", order(here)))["line"]["id"]
    await fiscal.post("requests", order(here, case="otra", investigation=False))
    await screen.signed_in("mesa", Role.CUSTODIAN, name="Marta Mesa")
    shown = await screen.until(".requests", "Causa otra")
    assert shown.index("21-0000001-1") < shown.index("otra"), "the nearest deadline first"
    assert "El calendario de los plazos está incompleto" in await screen.text(".lacks")
    await screen.press(".lacks summary")
    assert "La feria judicial" in await screen.until(".lacks", "Todo lo de 2028")
    assert await screen.axe() == []
    await picture(screen, "custodia-calendario", tmp_path)
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


TRAIL = """
const done = arguments[arguments.length - 1];
fetch([...document.querySelectorAll('.trail a')].find((one) => one.ariaLabel === arguments[0]).href)
  .then((answer) => answer.text()).then((text) => done(text.slice(0, 200)));
"""
KEEP_FILE = """
URL.createObjectURL = (file) => { window.taken = `${file.type} ${file.size}`; return '#'; };
HTMLAnchorElement.prototype.click = () => {};
"""


async def test_law_9_who_touched_footage_or_a_request_is_taken_by_custodian_and_auditor_and_that_is_a_row(
    screen: Screen, here: Room, second: Screen, tmp_path: Path
) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    request_id = (await fiscal.post("requests", recorded(here)))["line"]["id"]
    await screen.signed_in("mesa", Role.CUSTODIAN, name="Marta Mesa")
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", "Qué hay grabado")
    await press_named(screen, "Ver qué hay")
    await screen.until("article.request", "Quién miró, pidió o borró estas imágenes")
    await screen.shot("custody_trail", tmp_path)
    for words, begins in (
        ("Quién miró, pidió o borró estas imágenes: CSV", "seq,at,"),
        ("Quién tocó este pedido, lecturas incluidas: PDF", "%PDF-"),
    ):
        sent = await screen.do(partial(screen.chrome.execute_async_script, TRAIL, words))
        assert sent.startswith(begins), sent
    await second.signed_in("jvera", Role.AUDITOR, name="Juana Vera")
    await second.until("main", "Registro de un pedido o de unas imágenes")
    await second.run(KEEP_FILE)
    await second.write("input[name=trail_why]", "Revista anual")
    await second.write("input[name=item]", request_id)
    await second.shot("auditor_trail", tmp_path)
    await press_named(second, "Bajar en PDF")
    taken = await second.do(
        lambda: WebDriverWait(second.chrome, 60).until(
            lambda chrome: chrome.execute_script("return window.taken")
        )
    )
    assert taken.startswith("application/pdf ")
    assert await second.axe() == []
    told = [
        (row.entry.act, row.entry.actor, row.entry.subject, row.entry.reason)
        for row in await here.acts("footage.trail", "requests.trail_pdf")
    ]
    assert told == [
        ("footage.trail", "p-mesa", "plaza", ""),
        ("requests.trail_pdf", "p-mesa", request_id, ""),
        ("requests.trail_pdf", "p-jvera", request_id, "Revista anual"),
    ]
    assert await screen.complaints() == await second.complaints() == []


def recorded(here: Room) -> dict[str, object]:
    """An order for the 14 s of the drawn ring, whose third segment is missing."""
    span = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 14_000)}
    return order(here) | {"items": [{"camera": "plaza", **span}, {"camera": "puente", **span}]}


async def built(here: Room, shelf: Shelf, request_id: str) -> None:
    """As the building part does it, in the name of who ordered it."""
    assert here.handling is not None
    rules, now_ms = here.handling.requests.room.rules, here.clock.now_ms
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    span = Span(since_s=START_MS // 1000, until_s=START_MS // 1000 + 14)
    made = Assemble(by="p-archivo", at_ms=now_ms, covered={0: (span,), 1: (span,)}, hand="cior.evidence")
    sealed = Seal(by="p-archivo", at_ms=now_ms, digest=DIGEST, hand="cior.evidence")
    for act in (made, sealed):
        entry = LedgerEntry(at_ms=now_ms, actor="p-archivo", act="request.assemble", subject=request_id)
        await here.register.act(entry, partial(requests.take, request_id=request_id, act=act, rules=rules))
    shelf.archive(package_id(found)).write_bytes(ZIP)
    shelf.tell(Progress(name=package_id(found), state=Making.READY, digest=DIGEST, size_bytes=len(ZIP)))


async def test_the_custodian_sees_what_is_there_orders_the_package_and_gives_it_and_the_receipt_is_for_its_digest(
    screen: Screen, here: Room, shelf: Shelf, tmp_path: Path
) -> None:
    await here.add("otra", Role.PROSECUTOR, name="Otra Fiscal")
    desks = {
        login: await Person.signed_in(here, login, role)
        for login, role in (("fiscal", Role.PROSECUTOR), ("mesa", Role.CUSTODIAN), ("jefa", Role.CUSTODIAN))
    }
    request_id = (await desks["fiscal"].post("requests", recorded(here)))["line"]["id"]
    await desks["mesa"].act(request_id, "take_up")
    await desks["jefa"].act(request_id, "approve")
    await screen.signed_in("archivo", Role.CUSTODIAN, name="Aldo Archivo")
    await screen.size(1366, 820)
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", "Ver qué hay")
    await screen.press("article.request .section button")
    shown = await screen.until("article.request .items", "Cámara sin señal")
    assert "está 10 s de 14 s" in shown
    assert "no hay nada" in shown, (
        "of the bridge nothing was recorded, and that is said before anybody promises it"
    )
    await picture(screen, "custodia-disponibilidad", tmp_path)
    assert await screen.axe() == []
    await take(screen, "Ordenar el armado")
    await screen.until("article.request", "pedido; espera su turno")
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    shelf.tell(
        Progress(name=package_id(found), state=Making.BUILDING, phase=Phase.FOOTAGE, size_bytes=2_500_000)
    )
    await press_named(screen, "Leer de nuevo")
    await screen.until("article.request", "copiando las imágenes 2.5 MB")
    await built(here, shelf, request_id)
    await press_named(screen, "Leer de nuevo")
    await screen.until("article.request", "sellado y listo")
    await press_named(screen, "Entregar")
    shown = await screen.until("form.hand-over", "Todas las copias llevan el mismo resumen")
    assert shown.index("Fiscal") < shown.index("Otra Fiscal"), "who asked stands first, by name"
    await screen.write("input[name=party]", "fiscalía")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until("article.request", "sin acuse")
    await screen.shot("custody_delivered", tmp_path)
    assert await screen.axe() == []
    await press_named(screen, "Salir")
    await screen.until("main.sign-in", "Ingresar")
    here.pass_s(31)
    await screen.comes_in("fiscal", desks["fiscal"].secret, watches=False)
    await signs(screen, request_id, tmp_path)
    acts = [(row.entry.actor, row.entry.act) for row in await here.acts("request.package", "request.receive")]
    assert acts == [("p-fiscal", "request.package"), ("p-fiscal", "request.receive")]
    assert await screen.complaints() == []


async def signs(screen: Screen, request_id: str, tmp_path: Path) -> None:
    """Who asked comes, gets the bytes, and signs for the digest that they saw, and for no other."""
    await screen.go(f"portal/{request_id}")
    shown = await screen.until("article.request", "Bajar el paquete")
    assert "01234567 89abcdef" in shown, "eight by eight, as it is read aloud"
    assert "prueba menos que una copia propia" in shown
    assert "Entregar" not in await screen.text(".todo")
    script = """
    const done = arguments[arguments.length - 1];
    fetch(document.querySelector('a[download][href$="/package"]').href)
      .then((answer) => answer.arrayBuffer()).then((bytes) => done(bytes.byteLength));
    """
    assert await screen.do(lambda: screen.chrome.execute_async_script(script)) == len(ZIP)
    await press_named(screen, "Firmar el acuse")
    await screen.until("form.hand-over", "Resumen que vio")
    await picture(screen, "portal-acuse", tmp_path)
    await screen.write("input[name=digest]", "ffffffff")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until("form.hand-over", "no firme; avise al centro")
    assert await screen.axe() == []
    await screen.run("document.querySelector('input[name=digest]').select()")
    await screen.write("input[name=digest]", "01234567 89abcdef")
    await screen.press("form.hand-over button[type=submit]")
    await screen.until(".states", "con acuse")
    await screen.size(390, 844)
    assert await fits(screen)
    await screen.shot("portal_receipt_390", tmp_path)


async def test_another_person_approves_in_part_in_either_language_and_says_why(
    screen: Screen, here: Room, tmp_path: Path
) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    mesa = await Person.signed_in(here, "mesa", Role.CUSTODIAN)
    request_id = (await fiscal.post("requests", recorded(here)))["line"]["id"]
    await mesa.act(request_id, "take_up")
    await screen.signed_in("jefa", Role.CUSTODIAN, name="Juana Jefa")
    await screen.go(f"portal/{request_id}")
    shown = await screen.until("article.request", "Lo tomó")
    assert "Mesa" in shown, "who did what of it, by name"
    await press_named(screen, "EN")
    await screen.until("article.request", "What can be done now")
    await press_named(screen, "Approve")
    await screen.until("form.hand-over", "Mark what is not given")
    await screen.write("select[name=denied-1]", "This camera or interval has nothing")
    await screen.shot("custody_partly", tmp_path)
    assert await screen.axe() == []
    await screen.press("form.hand-over button[type=submit]")
    shown = await screen.until("article.request", "Not given")
    assert "partly approved" in shown
    assert "File a new request that explains it" in shown, "what to do stands beside it"
    page = await fiscal.get(f"requests/{request_id}")
    assert [(each["denied"] or {}).get("code") for each in page["items"]] == [None, "outside_scope"]


async def test_an_order_on_paper_is_written_in_and_its_clerk_cannot_approve_it(
    screen: Screen, here: Room
) -> None:
    await screen.signed_in("mesa", Role.CUSTODIAN, name="Marta Mesa")
    await screen.go("portal/new")
    await screen.until("main.portal", "Quien lo carga no lo aprueba.")
    await screen.write("select[name=authority]", "Juzgado o")
    await screen.write("input[name=office]", "Juzgado Penal 3")
    await screen.write("input[name=case]", "21-7")
    await screen.write("select[name=order]", "Orden j")
    await screen.write("textarea[name=reason]", "Homicidio")
    await screen.run(WRITE_TIME, "since", "2026-11-20T10:00:00")
    await screen.run(WRITE_TIME, "until", "2026-11-20T09:00:00")
    await screen.until("main.portal", "El final no es posterior al comienzo.")
    await screen.run(WRITE_TIME, "until", "2026-11-20T11:00:00")
    await screen.until_gone("main.portal", "El final no es posterior al comienzo.")
    await screen.press("form.filing button[type=submit]")
    await screen.until("form.filing [role=alert]", "Elija al menos una cámara.")
    await screen.press("input[value=puente]")
    await screen.press("form.filing button[type=submit]")
    await screen.until("article.request", "resguardado entero")
    await take(screen, "Tomar el pedido")
    await screen.until(".todo", "Aprobar")
    await take(screen, "Aprobar")
    await screen.until("article.request", "La misma persona no puede hacer los dos pasos")
    assert await screen.axe() == []
