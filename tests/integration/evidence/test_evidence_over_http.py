"""A prosecutor asks over HTTP, three custodians answer, the part builds and seals, both parties get the same bytes:
``verify.py``, ``verificar.html`` in Chromium and openssl agree that they are whole, and that touched ones are not.
"""

from __future__ import annotations

import asyncio
import subprocess
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
from cior_evidence.act import STEPS
from cior_evidence.making import Maker
from doubles.authorities import Authorities
from doubles.packages import START_MS, ring
from doubles.requested import Court
from engines.browser import open_browser
from engines.source_tree import ROOT
from integration.console.api_rig import Office, office
from integration.console.test_console_requests import Desk, order
from integration.evidence.tampering import Outside
from integration.evidence.test_evidence_page import by_program, shown

BESIDE = ("LEEME.txt", "verify.py", "verificar.html")
WHO = {
    "fiscal": Role.PROSECUTOR, "defensora": Role.DEFENDER, "mesa": Role.CUSTODIAN, "jefa": Role.CUSTODIAN,
    "archivo": Role.CUSTODIAN,
}  # fmt: skip


@pytest.fixture(scope="module")
def browser(chromium: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = open_browser(*chromium, tmp_path_factory.mktemp("chromium-profile"))
    yield driver
    driver.quit()


@pytest.fixture
def court(tmp_path: Path, authorities: Authorities) -> Iterator[Court]:
    """What builds, beside a console of its own register."""
    (tmp_path / "parte").mkdir()
    made = Court(tmp_path / "parte", ring(tmp_path / "anillo", "plaza"), authorities)
    yield made
    made.register.close()


@pytest.fixture
async def here(tmp_path: Path, court: Court) -> AsyncIterator[Office]:
    async with office(tmp_path, packages=PackageRoom(shelf=court.shelf, rings=court.shop.rings)) as running:
        running.clock.now_ms = court.shop.now_ms()
        yield running


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    desks = {login: Desk(here, role, login) for login, role in WHO.items()}
    yield desks
    for each in desks.values():
        await each.close()


def maker(here: Office, court: Court) -> Maker:
    """The part, on the console's register, with the files that travel."""
    beside = {name: (ROOT / "evidence/cior_evidence" / name).read_bytes() for name in BESIDE}
    shop = msgspec.structs.replace(
        court.shop, register=here.register, place=lambda: court.place(beside=beside)
    )
    return Maker(shop)


async def acted(people: dict[str, Desk], request_id: str, who: str, kind: str, **more: Any) -> Any:
    status, page = await people[who].act(request_id, kind, **more)
    assert status == 200, (who, kind, page)
    return page


def by_openssl(folder: Path, root: Path) -> list[int]:
    """The exit codes of the steps as they are printed in the act."""
    steps = (each.removeprefix("cd bag && ").replace("raiz.pem", str(root)) for each in STEPS)
    return [
        subprocess.run(
            step, shell=True, cwd=folder / "bag", capture_output=True, check=False, timeout=60
        ).returncode
        for step in steps
    ]


def verdicts(folder: Path, root: Path, browser: Chrome, *, digest: str) -> tuple[int, set[str]]:
    """What program and page both say."""
    outside = Outside(digest=digest)
    left, rows = shown(browser, folder, root, outside, key="")
    said = left, {code for code, _, _ in rows}
    assert said == by_program(folder, root, outside, key="")
    return said


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_law_8_what_was_asked_over_http_comes_back_sealed_and_all_verifiers_agree(
    here: Office,
    court: Court,
    people: dict[str, Desk],
    browser: Chrome,
    tmp_path: Path,
) -> None:
    root = tmp_path / "raiz.pem"
    root.write_bytes((court.authorities.folder / "raiz.pem").read_bytes())
    span = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 16_000)}
    body = order(here) | {"items": [{"camera": "plaza", **span}], "alerts": ["al-1"]}
    _, page = await people["fiscal"].post("requests", body)
    request_id = page["line"]["id"]
    _, there = await people["mesa"].get(f"requests/{request_id}/availability")
    for who, kind in (("mesa", "take_up"), ("jefa", "approve"), ("archivo", "build")):
        page = await acted(people, request_id, who, kind)
    assert page["package"]["state"] == "ordered"
    await asyncio.to_thread(maker(here, court).look)
    _, page = await people["fiscal"].get(f"requests/{request_id}")
    package = page["package"]
    assert (package["state"], page["line"]["state"], page["line"]["answer"]) == (
        "ready",
        "sellada",
        "partial",
    )
    promised = there["items"][0]["missing"]
    assert page["items"][0]["missing"] == promised, "what was told before is what is missing"
    copies: dict[str, bytes] = {}
    for who, party in (("fiscal", "fiscalía"), ("defensora", "defensa")):
        digest = package["digest"]
        await acted(
            people, request_id, "archivo", "deliver", recipient=f"p-{who}", party=party, digest=digest
        )
        _, headers, copies[who] = await people[who].bytes_of(f"requests/{request_id}/package")
        assert headers["Cior-Package-Digest"] == digest
        page = await acted(people, request_id, who, "receive", digest=digest)
    assert copies["fiscal"] == copies["defensora"]
    assert page["line"]["state"] == "acusada"
    (tmp_path / "copia.zip").write_bytes(copies["defensora"])
    with zipfile.ZipFile(tmp_path / "copia.zip") as packed:
        packed.extractall(tmp_path / "copia")
    folder = tmp_path / "copia" / package["name"].lower()
    assert by_openssl(folder, root) == [0, 0, 0]
    left, codes = await asyncio.to_thread(verdicts, folder, root, browser, digest=package["digest"])
    assert (left, "file.changed" in codes) == (0, False)
    victim = max((folder / "bag/data/nativo").rglob("*.mp4"), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    left, codes = await asyncio.to_thread(verdicts, folder, root, browser, digest=package["digest"])
    assert (left, "file.changed" in codes) == (1, True)
    assert by_openssl(folder, root)[0] != 0
