"""Passkeys and cookies in a real browser (Debian's Chromium, with a virtual authenticator through its protocol)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from cior_console.sign_in import cookies
from cior_core.privacy import Role
from engines.registers import RegisterPlace
from integration.console.people_rig import PASSWORD, Centre, centre

FETCH = """
const [path, body, done] = arguments;
fetch('/api/v1/' + path, {
  method: body === null ? 'GET' : 'POST',
  headers: body === null ? {} : {'Content-Type': 'application/json'},
  body: body === null ? undefined : JSON.stringify(body),
}).then(async (answer) => done([answer.status, await answer.json()]), (error) => done([0, String(error)]));
"""
MAKE = """
const [options, done] = arguments;
navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
  .then((made) => done(made.toJSON()), (error) => done({error: error.name}));
"""
SHOW = """
const [options, done] = arguments;
navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})
  .then((shown) => done(shown.toJSON()), (error) => done({error: error.name}));
"""


class Page:
    """A page of the console in the browser; a call waits in a thread, since the console answers in this one."""

    def __init__(self, browser: Chrome, here: Centre) -> None:
        self._browser, self._here = browser, here

    async def open(self, url: str) -> None:
        """Go there."""
        await asyncio.to_thread(self._browser.get, url)

    async def run(self, script: str, *given: Any) -> Any:
        """An asynchronous script's answer."""
        return await asyncio.to_thread(self._browser.execute_async_script, script, *given)

    async def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of our API, as our page asks it."""
        status, said = await self.run(FETCH, path, body)
        return status, said

    async def authenticator(self, **options: Any) -> str:
        """A new virtual one, with a PIN or a finger behind it."""
        await asyncio.to_thread(self._browser.execute_cdp_cmd, "WebAuthn.enable", {})
        kind = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        } | options  # fmt: skip
        made = await asyncio.to_thread(
            self._browser.execute_cdp_cmd, "WebAuthn.addVirtualAuthenticator", {"options": kind}
        )
        return str(made["authenticatorId"])

    async def drop(self, authenticator: str) -> None:
        """It is lost."""
        await asyncio.to_thread(
            self._browser.execute_cdp_cmd,
            "WebAuthn.removeVirtualAuthenticator",
            {"authenticatorId": authenticator},
        )


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Centre]:
    async with centre(RegisterPlace.of_file(tmp_path / "register.db")) as running:
        yield running


@pytest.fixture
async def page(browser: Chrome, here: Centre) -> Page:
    shown = Page(browser, here)
    await shown.open(f"{here.url}/healthz")
    return shown


async def enrolled(page: Page, here: Centre) -> dict[str, Any]:
    """An operator's first sign-in, with a passkey: what the browser sent."""
    await here.add("agomez", Role.OPERATOR)
    _, step = await page.ask("sign-in", {"login": "agomez", "password": PASSWORD})
    assert (step["state"], step["methods"]) == ("enrol", ["passkey", "totp"])
    status, asked = await page.ask("sign-in/factors/passkey/options", {"ticket": step["ticket"]})
    assert status == 200, asked
    made: dict[str, Any] = await page.run(MAKE, asked["options"])
    assert "error" not in made, made
    status, done = await page.ask(
        "sign-in/factors/passkey", {"ticket": asked["ticket"], "answer": made, "label": "Puesto 7"}
    )
    assert (status, done["state"]) == (200, "signed_in"), done
    return made


async def test_a_passkey_is_made_shown_and_good_once(page: Page, here: Centre) -> None:
    await page.authenticator()
    await enrolled(page, here)
    assert (await page.ask("sign-out", {}))[0] == 200
    assert (await page.ask("session"))[0] == 401

    _, asked = await page.ask("sign-in/passkey/options", {})
    shown = await page.run(SHOW, asked["options"])
    status, done = await page.ask("sign-in/passkey", {"ticket": asked["ticket"], "answer": shown})
    assert (status, done["session"]["login"]) == (200, "agomez"), "no name was typed"
    assert done["session"]["factors"] == ["passkey"], "which is two factors by itself"

    status, said = await page.ask("sign-in/passkey", {"ticket": asked["ticket"], "answer": shown})
    assert (status, said["code"]) == (409, "sign_in.ticket")
    _, again = await page.ask("sign-in/passkey/options", {})
    status, said = await page.ask("sign-in/passkey", {"ticket": again["ticket"], "answer": shown})
    assert (status, said["code"]) == (401, "sign_in.passkey"), "an answer to another challenge"
    refused = [row.entry.rule for row in await here.acts("sign_in.passkey") if row.entry.outcome == "refused"]
    assert refused == ["sign_in.passkey"]


async def test_as_second_factor_it_must_be_the_same_persons(page: Page, here: Centre) -> None:
    await page.authenticator()
    await enrolled(page, here)
    await page.ask("sign-out", {})
    await here.add("bruno", Role.OPERATOR)
    bruno = here.browser()
    await here.enrolled(bruno, "bruno")
    here.pass_s(60)
    _, step = await page.ask("sign-in", {"login": "bruno", "password": PASSWORD})
    _, asked = await page.ask("sign-in/passkey/options", {"ticket": step["ticket"]})
    _, anybody = await page.ask("sign-in/passkey/options", {})
    options = anybody["options"] | {"challenge": asked["options"]["challenge"]}
    shown = await page.run(SHOW, options)
    status, said = await page.ask("sign-in/passkey", {"ticket": asked["ticket"], "answer": shown})
    assert (status, said["code"]) == (401, "sign_in.passkey")


async def test_without_pin_or_finger_there_is_none(page: Page, here: Centre) -> None:
    await page.authenticator(isUserVerified=False)
    await here.add("agomez", Role.OPERATOR)
    _, step = await page.ask("sign-in", {"login": "agomez", "password": PASSWORD})
    _, asked = await page.ask("sign-in/factors/passkey/options", {"ticket": step["ticket"]})
    assert (await page.run(MAKE, asked["options"])) == {"error": "NotAllowedError"}


async def test_a_copied_key_is_noticed_by_its_counter(page: Page, here: Centre) -> None:
    from cior_register import factors

    await page.authenticator()
    await enrolled(page, here)
    key = (await here.desk.flow.passkeys_of("p-agomez"))[0]
    await here.do(lambda c: factors.use_passkey(c, key.credential_id, key.counter + 1000))
    _, asked = await page.ask("sign-in/passkey/options", {})
    shown = await page.run(SHOW, asked["options"])
    status, said = await page.ask("sign-in/passkey", {"ticket": asked["ticket"], "answer": shown})
    assert (status, said["code"]) == (401, "sign_in.passkey")


async def test_confirming_by_passkey_makes_the_session_fresh(page: Page, here: Centre) -> None:
    await page.authenticator()
    await enrolled(page, here)
    here.pass_s(1800)
    assert (await page.ask("factors/totp", {}))[1]["code"] == "session.not_fresh"
    _, asked = await page.ask("reauthenticate/passkey/options", {})
    shown = await page.run(SHOW, asked["options"])
    status, session = await page.ask("reauthenticate/passkey", {"ticket": asked["ticket"], "answer": shown})
    assert status == 200
    assert session["fresh_until_ms"] > here.clock.now_ms
    assert (await page.ask("factors/totp", {}))[0] == 200


async def test_scripts_never_see_the_cookies(page: Page, here: Centre, browser: Chrome) -> None:
    await page.authenticator()
    await enrolled(page, here)
    assert await page.run("arguments[0](document.cookie)") == ""
    kept = await asyncio.to_thread(browser.execute_cdp_cmd, "Network.getAllCookies", {})
    ours = {each["name"]: each for each in kept["cookies"]}
    assert {cookies.SESSION, cookies.BROWSER} <= ours.keys()
    for name in (cookies.SESSION, cookies.BROWSER):
        assert (ours[name]["secure"], ours[name]["httpOnly"], ours[name]["sameSite"]) == (
            True,
            True,
            "Strict",
        )


async def test_a_page_on_another_port_of_the_same_host_cannot_act(page: Page, here: Centre) -> None:
    """The same *site* to a browser: it sends the cookies along, so only the rule of ``cross_site`` is in the way."""
    await page.authenticator()
    await enrolled(page, here)
    async with centre_of_a_neighbour() as neighbour:
        await page.open(f"http://localhost:{neighbour}/")
        await page.run(
            "const [url, done] = arguments; fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include',"
            " headers: {'Content-Type': 'text/plain'}, body: '{}'}).then(() => done(1), () => done(0));",
            f"{here.url}/api/v1/sign-out",
        )
    await page.open(f"{here.url}/healthz")
    assert (await page.ask("session"))[0] == 200, "still signed in"
    assert await here.acts("sign_out") == []


def centre_of_a_neighbour() -> Any:
    """Another program on this host name."""
    from contextlib import asynccontextmanager

    from aiohttp import web

    @asynccontextmanager
    async def serving() -> AsyncIterator[int]:
        async def hello(_request: web.Request) -> web.Response:
            return web.Response(text="<p>neighbour</p>", content_type="text/html")

        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    return serving()
