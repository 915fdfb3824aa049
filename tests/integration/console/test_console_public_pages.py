"""What anybody may open: a year's counts that need no script, the verifier's page, the portal's short address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from selenium.webdriver import Chrome

from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from engines.registers import RegisterPlace
from integration.console.api_rig import Office, got, office
from integration.console.page_rig import Room, Screen, room

YEAR_MS = 370 * 86_400_000


async def filed(here: Office, role: Role, authority: str, count: int) -> None:
    """So many requests of one kind of authority, over HTTP."""
    until = to_rfc3339(here.clock.now_ms - 3_600_000)
    since = to_rfc3339(here.clock.now_ms - 7_200_000)
    body = {
        "authority": authority, "office": "Oficina", "reason": "Homicidio", "order": "prosecutor_order",
        "items": [{"camera": "plaza", "since": since, "until": until}],
    }  # fmt: skip
    async with here.signed_in(role, login=authority) as desk:
        for n in range(count):
            headers = {"Idempotency-Key": f"clave-{authority}-{n}"}
            asked = body | {"case": f"{authority} {n}"}
            async with desk.post(f"{here.url}/api/v1/requests", json=asked, headers=headers) as answer:
                assert answer.status == 200, await answer.text()


async def read(url: str) -> tuple[int, str, Any]:
    async with aiohttp.ClientSession() as anybody, anybody.get(url, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_the_public_page_has_the_figures_of_the_api_hides_the_same_and_names_nobody(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as here:
        await filed(here, Role.PROSECUTOR, "fiscalia", 7)
        await filed(here, Role.DEFENDER, "defensa", 2)
        year = int(to_rfc3339(here.clock.now_ms)[:4])
        status, page, _ = await read(f"{here.url}/transparencia?year={year}")
        assert (status, f"{year} todavía no terminó" in page) == (409, True)
        here.clock.now_ms += YEAR_MS
        status, page, headers = await read(f"{here.url}/transparencia")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert f"cifras públicas, {year}" in page
        async with aiohttp.ClientSession() as anybody:
            _, told = await got(anybody, f"{here.url}/api/v1/transparency/requests?year={year}")
        counts = {(each["kind"], each["answer"]): each["count"] for each in told}
        assert None in counts.values(), "two of the defence would tell of people"
        shown = page.count("<td>–</td>")
        assert shown == list(counts.values()).count(None)
        assert page.count("<td>") == len(counts)
        assert "<script" not in page
        assert "fiscalia 1" not in page
        assert "script-src" not in headers["Content-Security-Policy"], (
            "nothing but default-src 'none' stands for it"
        )
        _, english, _ = await read(f"{here.url}/transparencia?year={year}&lang=en")
        assert "Judicial requests: public figures" in english
        assert (await read(f"{here.url}/transparencia?year=x"))[0] == 422


async def test_whoever_asks_learns_where_cameras_stand_and_never_their_streams(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        for role in (Role.PROSECUTOR, Role.DEFENDER, Role.CUSTODIAN):
            async with here.signed_in(role) as desk:
                status, cameras = await got(desk, f"{here.url}/api/v1/requests/cameras")
            assert status == 200
            plaza = next(each for each in cameras if each["id"] == "plaza")
            assert (plaza["lat"], plaza["lon"], plaza["azimuth_deg"]) == (-33.0006, -60.65, 0.0)
            assert {each["health"] for each in cameras} == {"unknown"}, "how it does today is not told"
            assert "rtsp" not in str(cameras)
        async with here.signed_in(Role.ANALYST) as desk:
            assert (await got(desk, f"{here.url}/api/v1/requests/cameras"))[0] == 403


async def test_the_short_address_leads_to_the_portal() -> None:
    async with office() as here:
        status, _, headers = await read(f"{here.url}/portal")
        assert (status, headers["Location"]) == (308, "/console/portal")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_anybody_reads_the_counts_on_any_screen_and_opens_the_verifier_that_travels(
    browser: Chrome, served: Room, tmp_path: Path
) -> None:
    screen = Screen(browser, served)
    served.pass_s(YEAR_MS / 1000)
    await screen.do(lambda: browser.get(f"{served.url}/transparencia"))
    await screen.until("main", "no se recibió ningún pedido")
    assert await screen.axe() == []
    await screen.size(390, 844)
    assert await screen.run("return document.documentElement.scrollWidth <= innerWidth + 1")
    await screen.shot("transparencia_390", tmp_path)
    await screen.do(lambda: browser.get(f"{served.url}/verificar.html"))
    await screen.until("main", "carpeta")
    assert await screen.axe() == []
    _, text, headers = await read(f"{served.url}/verificar.html")
    assert text == resources.files("cior_evidence").joinpath("verificar.html").read_text(encoding="utf-8")
    assert "connect-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert await screen.complaints() == []
