"""Signing in at the city's provider, over HTTP, and out of both again; the provider is another party's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from cior_console.sign_in import cookies
from cior_console.sign_in.city_sign_in import CityRules
from cior_console.sign_in.openid import OpenIdClient
from cior_core.people import RoleRule
from cior_core.privacy import Role
from cior_register import people
from conftest import absent
from engines.cache import EngineAbsent
from engines.oidc_provider import OidcProvider
from engines.registers import RegisterPlace
from integration.console.openid_rig import led_back
from integration.console.people_rig import Browser, Centre, centre, path_of

CALLBACK = "/api/v1/sign-in/oidc/callback"
LED_HERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
"""What a browser says of an address that another site led it to (W3C Fetch Metadata)."""
ROLES = (
    RoleRule(claim="groups", value="guardia", role=Role.OPERATOR, districts=("centro",)),
    RoleRule(claim="groups", value="jefatura", role=Role.SUPERVISOR),
)


class City:
    """A console and the city's provider."""

    def __init__(self, here: Centre, peer: OidcProvider) -> None:
        self.here, self.peer = here, peer

    def is_at_the_provider(self, account: str, *groups: str, amr: tuple[str, ...] = ("pwd", "otp")) -> None:
        """Who sits before the provider's page, and what it says of them."""
        self.peer.tell("who", accountId=account, amr=list(amr), claims={"groups": list(groups)})

    async def signs_in(
        self, browser: Browser, path: str = "sign-in/oidc", jar: aiohttp.CookieJar | None = None
    ) -> str:
        """There and back: where the console leads, without what is before ``#``. ``jar``: the provider's cookies."""
        status, address = await browser.get(path)
        assert status == 303, address
        query = await led_back(address, until=self.here.url, jar=jar)
        return await self.comes_back(browser, query)

    async def comes_back(self, browser: Browser, query: dict[str, str]) -> str:
        """Back with this answer, as a navigation from another site: no Strict cookie, no Origin."""
        strict = {
            name: browser.cookies.pop(name)
            for name in (cookies.BROWSER, cookies.SESSION)
            if name in browser.cookies
        }
        status, page = await browser.ask("GET", path_of(str(self.url_of(query))), Origin="", **LED_HERE)
        browser.cookies |= {name: value for name, value in strict.items() if name not in browser.cookies}
        assert status == 200
        return str(page).partition("url=/console/")[2].partition('"')[0].removeprefix("#")

    def url_of(self, query: dict[str, str]) -> Any:
        """Our address with the provider's answer."""
        from yarl import URL

        return URL(f"{self.here.url}{CALLBACK}").with_query(query)


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    home = f"http://localhost:{port}"
    try:
        provider = OidcProvider(
            tmp_path,
            redirects=[home + CALLBACK],
            leaves=[home + "/console/"],
            ends=f"http://127.0.0.1:{port}/api/v1/sign-in/oidc/back-channel",
        )
    except EngineAbsent as missing:
        absent(str(missing))
    with provider as peer:
        client = OpenIdClient(
            issuer=peer.issuer,
            client_id="cior",
            secret=peer.secret,
            redirect_uri=home + CALLBACK,
            home=home + "/console/",
        )
        rules = CityRules(says="Usuario municipal", roles=ROLES)
        place = RegisterPlace.of_file(tmp_path / "register.db")
        async with centre(place, openid=client, rules=rules, port=port) as here:
            here.clock.now_ms = _now_ms()
            yield City(here, peer)


def _now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000


async def test_a_person_of_the_city_comes_in_with_the_roles_of_its_claims(city: City) -> None:
    city.is_at_the_provider("ana", "guardia", "otra cosa")
    browser = city.here.browser()
    assert (await browser.get("sign-in"))[1]["openid"] == "Usuario municipal"
    assert await city.signs_in(browser) == ""
    status, session = await browser.get("session")
    assert status == 200
    assert (session["login"], session["role"], session["scope"]["districts"]) == (
        "ana",
        "operator",
        ["centro"],
    )
    assert session["factors"] == ["oidc", "mfa"]
    assert [row.entry.act for row in await city.here.acts()] == ["person.came", "sign_in"]


async def test_another_sign_in_is_the_same_person_with_what_the_city_says_now(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    first, second = city.here.browser(), city.here.browser()
    await city.signs_in(first)
    city.is_at_the_provider("ana", "jefatura")
    await city.signs_in(second)
    assert (await second.get("session"))[1]["role"] == "supervisor"
    city.here.pass_s(1)
    assert (await first.get("session"))[0] == 401, "operator no more"
    assert len(await city.here.acts("person.came")) == 1


async def test_one_factor_at_the_provider_is_too_little(city: City) -> None:
    city.is_at_the_provider("ana", "guardia", amr=("pwd",))
    browser = city.here.browser()
    led = await city.signs_in(browser)
    assert led.startswith("step=")
    assert "enrol" in led
    assert (await browser.get("session"))[0] == 401


async def test_who_has_no_role_here_stays_outside(city: City) -> None:
    city.is_at_the_provider("zoe", "deportes")
    browser = city.here.browser()
    assert await city.signs_in(browser) == "refused=openid.no_role"
    assert (await browser.get("session"))[0] == 401
    assert await city.here.acts("person.came") == []


async def test_whom_the_centre_disabled_the_city_does_not_bring_back(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    browser = city.here.browser()
    await city.signs_in(browser)
    person_id = (await browser.get("session"))[1]["person_id"]
    await city.here.do(
        lambda c: people.set_disabled(c, person_id, disabled=True, now_ms=city.here.clock.now_ms)
    )
    assert await city.signs_in(city.here.browser()) == "refused=sign_in.wrong"


async def test_a_local_account_is_not_taken_over_by_a_name(city: City) -> None:
    await city.here.add("ana", Role.AUDITOR)
    city.is_at_the_provider("ana", "guardia")
    assert await city.signs_in(city.here.browser()) == "refused=openid.login_taken"


async def test_an_answer_in_another_browser_is_refused(city: City) -> None:
    """Somebody sends a link that would sign the reader in as somebody else (login CSRF)."""
    city.is_at_the_provider("thief", "guardia")
    thief, victim = city.here.browser(), city.here.browser()
    _, address = await thief.get("sign-in/oidc")
    query = await led_back(address, until=city.here.url)
    assert await city.comes_back(victim, query) == "refused=openid.journey"
    assert (await victim.get("session"))[0] == 401


async def test_an_answer_is_good_once_and_an_invented_one_never(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    browser = city.here.browser()
    _, address = await browser.get("sign-in/oidc")
    journey = browser.cookies[cookies.JOURNEY]
    query = await led_back(address, until=city.here.url)
    assert await city.comes_back(browser, query) == ""
    browser.cookies[cookies.JOURNEY] = journey
    assert await city.comes_back(browser, query) == "refused=openid.journey"
    assert await city.comes_back(browser, {"code": "x", "state": "y"}) == "refused=openid.journey"
    assert await city.comes_back(browser, {}) == "refused=openid.journey"


async def test_signing_out_leads_to_the_providers_sign_out_and_home(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    browser = city.here.browser()
    await city.signs_in(browser)
    _, away = await browser.post("sign-out")
    leaving = parse_qs(urlsplit(away["address"]).query)
    assert leaving["post_logout_redirect_uri"] == [city.here.url + "/console/"]
    assert leaving["id_token_hint"]
    assert (await browser.get("session"))[0] == 401


async def test_confirming_asks_the_provider_again(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    browser = city.here.browser()
    await city.signs_in(browser)
    kept = browser.cookies[cookies.SESSION]
    city.here.pass_s(5)
    assert await city.signs_in(browser, "reauthenticate/oidc") == "confirmed"
    assert browser.cookies[cookies.SESSION] == kept
    assert len(await city.here.acts("session.confirmed")) == 1


async def leaves_the_provider(city: City, jar: aiohttp.CookieJar) -> None:
    """Somebody signs out on the provider's own page, and confirms it."""
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        async with http.get(f"{city.peer.issuer}/session/end") as page:
            text = await page.text()
        xsrf = text.partition('name="xsrf" value="')[2].partition('"')[0]
        form = {"xsrf": xsrf, "logout": "yes"}
        async with http.post(f"{city.peer.issuer}/session/end/confirm", data=form) as done:
            assert done.status == 200, await done.text()


async def test_who_leaves_the_provider_leaves_here_too_and_other_sessions_stay(city: City) -> None:
    city.is_at_the_provider("ana", "guardia", "jefatura")
    desk, other = city.here.browser(), city.here.browser()
    jar = aiohttp.CookieJar(unsafe=True)
    await city.signs_in(desk, jar=jar)
    assert (await desk.post("session/role", {"role": "supervisor"}))[0] == 200, "another session in its place"
    await city.signs_in(other)
    await city.here.add("agomez", Role.OPERATOR)
    await city.here.enrolled(local := city.here.browser(), "agomez")
    await leaves_the_provider(city, jar)
    status = 200
    for _ in range(100):
        if (status := (await desk.get("session"))[0]) == 401:
            break
        await asyncio.sleep(0.1)
    assert status == 401
    assert (await other.get("session"))[0] == 200, "another session at the provider"
    assert (await local.get("session"))[0] == 200
    rows = [row.entry for row in await city.here.acts("session.ended") if row.entry.rule == "by_provider"]
    assert [(row.actor, row.detail["person"]) for row in rows] == [
        ("city provider", (await other.get("session"))[1]["person_id"])
    ]


async def test_what_is_no_logout_token_ends_nothing(city: City) -> None:
    city.is_at_the_provider("ana", "guardia")
    desk = city.here.browser()
    await city.signs_in(desk)
    async with aiohttp.ClientSession() as http:
        for body, status in (
            ({"logout_token": "a.b.c"}, 400),
            ({"logout_token": "x" * 20_000}, 422),
            ({}, 422),
        ):
            url = f"{city.here.url}/api/v1/sign-in/oidc/back-channel"
            async with http.post(url, data=body) as answer:
                assert answer.status == status, await answer.text()
            async with http.post(url, json=body) as answer:
                assert answer.status == 415
    assert (await desk.get("session"))[0] == 200


async def test_the_provider_is_away(city: City) -> None:
    city.peer._process.kill()
    status, said = await city.here.browser().get("sign-in/oidc")
    assert (status, said["code"]) == (503, "openid.away")
    await city.here.add("agomez", Role.OPERATOR)
    await city.here.enrolled(city.here.browser(), "agomez")  # local accounts go on
