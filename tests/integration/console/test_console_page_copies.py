"""Copies at the custodian's desk in a real Chromium: ordered, watched while they are made, given under their own
digest, and on each page called a copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from cior_console.judicial_desk import PackageRoom
from cior_core.judicial.acts import SealCopy
from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_evidence.shelf import Making, Phase, Progress, Shelf, copy_id
from cior_register import requests
from doubles.packages import START_MS, ring
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import CAMERAS, CITY, Person, fits, press_named
from integration.console.test_console_page_custody import built, recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OTHER = "fedcba9876543210" * 4


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


async def packed(here: Room, shelf: Shelf) -> str:
    """A request whose package is sealed."""
    desks = {
        login: await Person.signed_in(here, login, role)
        for login, role in (("fiscal", Role.PROSECUTOR), ("mesa", Role.CUSTODIAN), ("jefa", Role.CUSTODIAN))
    }
    request_id: str = (await desks["fiscal"].post("requests", recorded(here)))["line"]["id"]
    await desks["mesa"].act(request_id, "take_up")
    await desks["jefa"].act(request_id, "approve")
    await desks["mesa"].act(request_id, "build")
    shelf.out.mkdir(exist_ok=True)
    await built(here, shelf, request_id)
    return request_id


async def sealed(here: Room, shelf: Shelf, request_id: str, n: int) -> None:
    """As the part does it, in the name of who ordered it."""
    assert here.handling is not None
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    copy = next(each for each in found.copies if each.n == n)
    act = SealCopy(by=copy.by, at_ms=here.clock.now_ms, n=n, digest=OTHER, hand="cior.evidence")
    entry = LedgerEntry(at_ms=here.clock.now_ms, actor=copy.by, act="request.seal_copy", subject=request_id)
    rules = here.handling.requests.room.rules
    await here.register.act(entry, partial(requests.take, request_id=request_id, act=act, rules=rules))
    name = copy_id(found, copy)
    shelf.archive(name).write_bytes(b"copy")
    shelf.tell(Progress(name=name, state=Making.READY, digest=OTHER, size_bytes=4))


async def test_a_custodian_orders_a_redacted_copy_watches_it_grow_chooses_by_its_marks_and_gives_it(
    screen: Screen, here: Room, shelf: Shelf, tmp_path: Path
) -> None:
    request_id = await packed(here, shelf)
    await screen.signed_in("archivo", Role.CUSTODIAN, name="Aldo Archivo")
    await screen.size(1366, 900)
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", "Ordenar una copia")
    await press_named(screen, "Ordenar una copia")
    shown = await screen.until("form.hand-over", "No es el original")
    assert "máscaras de privacidad" in shown
    assert await screen.axe() == []
    await screen.write("select[name=copy]", "velada")
    await screen.until("form.hand-over", "Puede no ver a alguien")
    await screen.press("input[name=is_strict]")
    await screen.press("form.hand-over button[type=submit]")
    shown = await screen.until("article.request", "Copias para mirar")
    assert "Estricta: tapa a la persona entera." in shown
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    name = copy_id(found, found.copies[0])
    shelf.tell(
        Progress(name=name, state=Making.BUILDING, phase=Phase.PICTURES, pictures=900, pictures_of=3_600)
    )
    await press_named(screen, "Leer de nuevo")
    await screen.until("article.request", "900 de 3600 imágenes")
    await screen.shot("copies_growing", tmp_path)
    assert await screen.axe() == []
    shelf.tell(Progress(name=name, state=Making.WAITING, code="copy.no_detector", cure="name one"))
    await press_named(screen, "Leer de nuevo")
    await screen.until("article.request", "copy.no_detector name one")
    await sealed(here, shelf, request_id, 1)
    await press_named(screen, "Leer de nuevo")
    await screen.until("article.request", "Bajar la copia")
    await press_named(screen, "Ordenar una copia")
    await screen.write("select[name=copy]", "velada")
    await screen.write("select[name=after]", "Copia 1")
    await screen.write("input[name=keep]", "plaza/0001/p3, plaza/0001/p7")
    await screen.shot("copies_choosing", tmp_path)
    await screen.press("form.hand-over button[type=submit]")
    await screen.until(
        "article.request", "Sin tapar, por decisión de quien la ordenó: plaza/0001/p3, plaza/0001/p7"
    )
    await press_named(screen, "Entregar")
    await screen.until("form.hand-over", "Qué se entrega")
    await screen.write("select[name=digest]", "Copia 1")
    await screen.write("input[name=party]", "fiscalía")
    await screen.press("form.hand-over button[type=submit]")
    shown = await screen.until("article.request", "sin acuse")
    assert "Copia 1: velada" in shown
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    assert [each.digest for each in found.deliveries] == [OTHER]
    assert found.state.value == "sellada", "a copy answers nothing"
    assert await screen.axe() == []
    await screen.size(390, 844)
    assert await fits(screen)
    await screen.shot("copies_390", tmp_path)
    assert await screen.complaints() == []
