"""A console with a register of its own, where people sign in over HTTP, and a browser that keeps its cookies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pyotp
from aiohttp import web
from yarl import URL

from cior_bus.metrics import Metrics
from cior_console.access import PEOPLE, People
from cior_console.authorising import Law
from cior_console.edge import EdgeLimits, listen
from cior_console.feed import AlertFeed
from cior_console.sign_in.city_sign_in import CityRules
from cior_console.sign_in.cross_site import Origin
from cior_console.sign_in.endpoints import SIGN_IN, sign_in_endpoints
from cior_console.sign_in.handlers import SignInDesk
from cior_console.sign_in.openid import OpenIdClient
from cior_console.sign_in.opening import SignInSettings, opened
from cior_console.sign_in.tls import Door
from cior_console.visibility import Competence
from cior_console.web import WallConfig, create_app
from cior_core import bundled
from cior_core.people import Grant, LedgerEntry, LedgerRow, Person, Scope
from cior_core.privacy import Policy, Role
from cior_core.taxonomy import Taxonomy
from cior_register import ledger, people
from cior_register.passwords import hashed
from cior_register.register import Register
from engines.registers import RegisterPlace
from integration.console.wall_rig import CITY, TOKEN, Clock

PASSWORD = "tres gatos bajo la lluvia"
KEY = bytes(range(32))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


class Browser:
    """Somebody's browser: its cookies as a browser keeps them, our page's headers on what it sends."""

    def __init__(self, url: str, agent: str = FIREFOX) -> None:
        self._url, self._agent = url, agent
        self.cookies: dict[str, str] = {}
        self.said: list[str] = []

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer."""
        sent = {
            "User-Agent": self._agent, "Origin": self._url, "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        } | ({"Content-Type": "application/json"} if body is not None else {})  # fmt: skip
        sent = {name: value for name, value in (sent | headers).items() if value}
        data = msgspec.json.encode(body) if body is not None else None
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(
                method,
                f"{self._url}{path}",
                data=data,
                headers=sent,
                allow_redirects=False,
                skip_auto_headers=("Content-Type",),
            ) as answer,
        ):
            self._keep(answer)
            text = await answer.read()
            if answer.status in (302, 303):
                return answer.status, answer.headers["Location"]
            is_json = "json" in answer.headers.get("Content-Type", "") and text
            return answer.status, msgspec.json.decode(text) if is_json else text.decode()

    def _keep(self, answer: aiohttp.ClientResponse) -> None:
        for line in answer.headers.getall("Set-Cookie", []):
            self.said.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line or not value.strip('"'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value.strip('"')

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A POST under ``/api/v1``."""
        return await self.ask("POST", f"/api/v1/{path}", body, **headers)

    async def get(self, path: str) -> tuple[int, Any]:
        """A GET under ``/api/v1``."""
        return await self.ask("GET", f"/api/v1/{path}")


class Centre:
    """The console while it runs."""

    def __init__(self, register: Register, clock: Clock, desk: SignInDesk, port: int) -> None:
        self.register, self.clock, self.desk = register, clock, desk
        self.url = f"http://localhost:{port}"

    def browser(self, agent: str = FIREFOX) -> Browser:
        """A new browser."""
        return Browser(self.url, agent)

    async def add(self, login: str, *roles: Role, **facts: Any) -> Person:
        """Somebody with these roles and the password of these tests."""
        scope = facts.pop("scope", Scope())
        person = Person(
            id=f"p-{login}", login=login, name=facts.pop("name", "Graciela Gómez"),
            grants=tuple(Grant(role, scope) for role in roles), **facts,
        )  # fmt: skip
        now_ms = self.clock.now_ms
        entry = LedgerEntry(at_ms=now_ms, actor="test", act="people.add", subject=person.id)
        await self.register.act(
            entry, lambda c: people.add(c, person, now_ms=now_ms, password_hash=hashed(PASSWORD))
        )
        return person

    async def do(self, work: Any) -> Any:
        """Something in the register, as a command does it."""
        entry = LedgerEntry(at_ms=self.clock.now_ms, actor="test", act="test.did")
        return await self.register.act(entry, work)

    async def acts(self, *wanted: str) -> list[LedgerRow]:
        """The ledger's rows of these acts, oldest first; none named: all."""
        rows = await self.register.read(lambda c: ledger.rows(c, ledger.LedgerQuestion(limit=1000)))
        return [row for row in reversed(rows) if not wanted or row.entry.act in wanted]

    async def enrolled(self, browser: Browser, login: str) -> str:
        """Sign in for the first time in a role that needs a second factor: the telephone's secret."""
        _, step = await browser.post("sign-in", {"login": login, "password": PASSWORD})
        assert step["state"] == "enrol", step
        _, made = await browser.post("sign-in/factors/totp", {"ticket": step["ticket"]})
        status, done = await browser.post(
            "sign-in/factors/totp/confirm", {"ticket": made["ticket"], "code": self.code(made["secret"])}
        )
        assert (status, done["state"]) == (200, "signed_in"), done
        return str(made["secret"])

    def code(self, secret: str) -> str:
        """What the telephone shows now."""
        return pyotp.TOTP(secret).at(self.clock.now_ms / 1000)

    def pass_s(self, seconds: float) -> None:
        """Time goes by on every clock of the console."""
        self.clock.now_ms += int(seconds * 1000)


def policy() -> Policy:
    return Policy.load(bundled.text("privacy.toml"))


@asynccontextmanager
async def centre(
    place: RegisterPlace, *, openid: OpenIdClient | None = None, rules: CityRules | None = None, port: int = 0
) -> AsyncIterator[Centre]:
    """A console on loopback with the register of ``place``."""
    clock, metrics = Clock(), Metrics()
    door = [Door(host="127.0.0.1", port=0)]
    register = place.open()
    try:
        settings = SignInSettings(key=KEY, centre="Ensayo", policy=policy(), openid=openid, rules=rules)
        async with opened(settings, register, lambda: door[0], now_ms=lambda: clock.now_ms) as desk:
            desk.flow.means = msgspec.structs.replace(desk.flow.means, now_s=lambda: clock.now_ms / 1000)
            app = _app(register, clock, metrics, door)
            app[SIGN_IN], app[PEOPLE] = desk, People(desk.identify)
            runner = await listen(app, "127.0.0.1", port, limits=EdgeLimits(), metrics=metrics)
            door[0] = door[0].listening(runner.addresses[0][1])
            try:
                yield Centre(register, clock, desk, runner.addresses[0][1])
            finally:
                await runner.cleanup()
    finally:
        register.close()


def _app(register: Register, clock: Clock, metrics: Metrics, door: list[Door]) -> web.Application:
    taxonomy = Taxonomy.load(bundled.text("taxonomy.toml"))
    feed = AlertFeed(taxonomy, now_ms=lambda: clock.now_ms, competent=Competence(taxonomy))
    config = WallConfig(
        token=TOKEN, centre="Ensayo", city=CITY, questions={}, now_ms=lambda: clock.now_ms, keepalive_s=0.2
    )
    law = Law(policy=policy(), now_ms=lambda: clock.now_ms, metrics=metrics, ledger=register)

    def origins() -> frozenset[Origin]:
        return door[0].origins()

    return create_app(feed, config, metrics, law=law, endpoints=sign_in_endpoints(), origins=origins)


def path_of(address: str) -> str:
    """What of an address a browser asks our host for."""
    return URL(address).raw_path_qs
