"""A package that is too large for one ZIP, as both pages show it in a real Chromium: every part with its size and its
digest, each downloaded by its own link, joined and verified.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium.webdriver import Chrome

from cior_console.judicial_desk import PackageRoom
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.making import Maker
from doubles.authorities import Authorities
from doubles.packages import START_MS, ring
from doubles.requested import Court
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.portal_rig import CAMERAS, CITY, Person, fits, order, picture, posted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PART_BYTES = 3_000
FETCHED = """
const done = arguments[arguments.length - 1];
Promise.all([...document.querySelectorAll('.zips a')].map(async (link) => {
  const answer = await fetch(link.href), bytes = new Uint8Array(await answer.arrayBuffer());
  return [answer.status, answer.headers.get('Content-Disposition'),
    btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(''))];
})).then(done);
"""
"""Each part by the link that is shown, one after another or not: the order must not matter."""


@pytest.fixture
def court(tmp_path: Path) -> Iterator[Court]:
    """What builds, beside a console of its own register."""
    (tmp_path / "parte").mkdir()
    quick = Authorities(tmp_path / "autoridades", is_elliptic=True)
    made = Court(tmp_path / "parte", ring(tmp_path / "anillo", "plaza"), quick)
    yield made
    made.register.close()


@pytest.fixture
async def here(tmp_path: Path, court: Court) -> AsyncIterator[Room]:
    packages = PackageRoom(shelf=court.shelf, rings=court.shop.rings)
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, city=CITY, cameras=CAMERAS, packages=packages) as running:
        # Behind the part's clock, which is this machine's: signing in lets half a minute pass for each.
        running.clock.now_ms = court.shop.now_ms() - 900_000
        yield running


@pytest.fixture
async def screen(browser: Chrome, here: Room) -> Screen:
    return Screen(browser, here)


def built(here: Room, court: Court) -> None:
    """By the part, in ZIPs of a few kilobytes."""
    shop = msgspec.structs.replace(
        court.shop, register=here.register, place=lambda: court.place(part_bytes=PART_BYTES)
    )
    Maker(shop).look()


async def asked(screen: Screen, here: Room) -> str:
    """Asked by the prosecutor who sits at the browser, for sixteen seconds of the ring."""
    span = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 16_000)}
    page = await posted(screen, order(here) | {"items": [{"camera": "plaza", **span}]})
    return str(page["line"]["id"])


async def shown(screen: Screen) -> list[str]:
    return await screen.texts(".zips li")


def sizes(row: str) -> str:
    """The digest that a row shows, without its groups."""
    return row.splitlines()[-1].replace(" ", "")


async def test_every_part_is_on_both_pages_with_size_and_digest_and_all_of_them_verify(
    screen: Screen, here: Room, court: Court, tmp_path: Path
) -> None:
    people = {
        name: await Person.signed_in(here, name, Role.CUSTODIAN) for name in ("mesa", "jefa", "archivo")
    }
    await screen.signed_in("fiscal", Role.PROSECUTOR, name="Fernanda Fiscal")
    request_id = await asked(screen, here)
    for who, kind in (("mesa", "take_up"), ("jefa", "approve"), ("archivo", "build")):
        await people[who].act(request_id, kind)
    await asyncio.to_thread(built, here, court)
    package = (await people["archivo"].get(f"requests/{request_id}"))["package"]
    parts = package["parts"]
    assert (package["state"], parts >= 3) == ("ready", True)
    given = {"recipient": "p-fiscal", "party": "fiscalía", "digest": package["digest"]}
    await people["archivo"].act(request_id, "deliver", **given)
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", f"Parte {parts} de {parts}")
    rows = await shown(screen)
    assert [row.split(" · ")[0].startswith(f"Parte {n} de {parts}") for n, row in enumerate(rows, 1)] == [
        True
    ] * parts
    assert all(zipped["name"] in row for zipped, row in zip(package["zips"], rows, strict=True))
    assert await screen.axe() == []
    assert await fits(screen)
    await picture(screen, "portal-partes", tmp_path)
    fetched: list[list[Any]] = await screen.do(lambda: screen.chrome.execute_async_script(FETCHED))
    paths = []
    for row, (status, named, content) in zip(rows, fetched, strict=True):
        data = base64.b64decode(content)
        assert status == 200
        assert hashlib.sha256(data).hexdigest() == sizes(row)
        paths.append(tmp_path / "bajado" / named.split('"')[1])
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_bytes(data)
    assert {path.name for path in paths} == {each["name"] for each in package["zips"]}
    root = court.authorities.folder / "raiz.pem"
    for path in paths:
        with zipfile.ZipFile(path) as packed:
            packed.extractall(tmp_path / "unido")
    (folder,) = (tmp_path / "unido").iterdir()
    assert await asyncio.to_thread(verified, folder, root, package["digest"]) == 0
    next((folder / "bag/data/nativo").rglob("*.mp4")).unlink()
    assert await asyncio.to_thread(verified, folder, root, package["digest"]) == 1, "a part was left out"
    await screen.size(390, 844)
    assert await fits(screen)
    await picture(screen, "portal-partes-390", tmp_path)
    page = await people["archivo"].get(f"requests/{request_id}")
    assert [each["sha256"] for each in page["package"]["zips"]] == [sizes(row) for row in rows]


def verified(folder: Path, root: Path, digest: str) -> int:
    command: list[str | Path] = [
        sys.executable, "-I", "-S", folder / "verify.py", folder, "--root", root, "--digest", digest,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode


async def test_the_custodian_sees_the_same_parts_and_which_one_a_renewal_made_anew(
    screen: Screen, here: Room, court: Court, tmp_path: Path
) -> None:
    fiscal = await Person.signed_in(here, "fiscal", Role.PROSECUTOR)
    people = {
        name: await Person.signed_in(here, name, Role.CUSTODIAN) for name in ("mesa", "jefa", "archivo")
    }
    span = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 16_000)}
    page = await fiscal.post("requests", order(here) | {"items": [{"camera": "plaza", **span}]})
    request_id = page["line"]["id"]
    for who, kind in (("mesa", "take_up"), ("jefa", "approve"), ("archivo", "build")):
        await people[who].act(request_id, kind)
    await asyncio.to_thread(built, here, court)
    package = (await people["archivo"].get(f"requests/{request_id}"))["package"]
    first = court.shelf.archive(package["name"], parts=package["parts"])
    first.write_bytes(first.read_bytes() + b"\n")  # larger, as a renewal leaves it
    last = court.shelf.archive(package["name"], part=package["parts"], parts=package["parts"])
    last.unlink()
    await screen.signed_in("guardia", Role.CUSTODIAN, name="Gabriel Guardia")
    await screen.go(f"portal/{request_id}")
    await screen.until("article.request", "Parte 1 de")
    rows = await shown(screen)
    assert len(rows) == package["parts"]
    assert "renovación" in rows[0]
    assert "no está en el centro" in rows[-1]
    assert len(await screen.texts(".zips a")) == package["parts"] - 1, "what is not there is no link"
    assert sizes(rows[1]) == package["zips"][1]["sha256"]
    assert await screen.axe() == []
    await picture(screen, "custodia-partes", tmp_path)
