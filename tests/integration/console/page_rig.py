"""The operator's console in a real browser, before the real table, sign-in and register; alerts come from the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cior_bus.metrics import Metrics
from cior_console.access import PEOPLE, People
from cior_console.authorising import Law
from cior_console.city_cameras import CityCameras
from cior_console.city_tiles import TILES
from cior_console.conversions import Conversions, Start
from cior_console.desk import DESK, WATCHING, Desk
from cior_console.edge import EdgeLimits, listen
from cior_console.feed import AlertFeed
from cior_console.footage_pages import FOOTAGE
from cior_console.footage_views import Views
from cior_console.handling import Handling, Hands
from cior_console.judicial_desk import PackageRoom
from cior_console.ring_files import Rings
from cior_console.sign_in.cross_site import Origin
from cior_console.sign_in.endpoints import SIGN_IN
from cior_console.sign_in.opening import SignInSettings, opened
from cior_console.sign_in.tls import Door
from cior_console.table import people_endpoints
from cior_console.visibility import Competence
from cior_console.web import WallConfig, create_app
from cior_core.cameras import NO_CAMERAS, Cameras
from cior_core.privacy import Role
from cior_register.following import checkpoints
from cior_register.register import Register
from engines.registers import RegisterPlace
from integration.console.api_rig import TAXONOMY, CentreOfTest, Pages, SignerOfTest, StoreOfTest, pack
from integration.console.page_build import WEB, build_page
from integration.console.people_rig import KEY, PASSWORD, Browser, Centre, policy
from integration.console.wall_rig import CITY, NAMES, TOKEN, Clock, questions

T = TypeVar("T")
# Two busy cores: what is waited for comes in well under a second on a quiet machine.
WAIT_S = 30.0
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
  .then((found) => done(found.violations.map((one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)])));
"""


class Room(Centre):
    """The console while it runs; ``feed`` takes the test's alerts."""

    def __init__(
        self, register: Register, clock: Clock, desk: Any, port: int, *, feed: AlertFeed, store: StoreOfTest
    ) -> None:
        super().__init__(register, clock, desk, port)
        self.feed, self.store = feed, store
        self.runner: web.AppRunner | None = None
        self.core: CentreOfTest | None = None
        self.handling: Handling | None = None

    def cut(self) -> None:
        """Every line to a page is cut, and none is taken any more: the centre is gone, its machine is not."""
        assert self.runner is not None
        assert self.runner.server is not None
        for site in list(self.runner.sites):
            if (listening := site._server) is not None:  # aiohttp has no other way to stop listening only
                listening.close()
        for connection in list(self.runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()


class Behind:
    """What stands behind the console: the real core, which steps each act and tells the feed."""

    handling: Handling

    def __init__(self, feed: AlertFeed, clock: Clock) -> None:
        self.feed, self._clock = feed, clock
        self.centre = CentreOfTest(self)

    def now_ms(self) -> int:
        return self._clock.now_ms


class Screen:
    """A browser with the page in it. Calls wait in a thread, since the console answers in this one."""

    def __init__(self, chrome: Chrome, room: Room) -> None:
        self.chrome, self.room = chrome, room

    async def do(self, deed: Callable[[], T]) -> T:
        """Something with the browser."""
        return await asyncio.to_thread(deed)

    async def go(self, path: str = "") -> None:
        """Open an address of the page."""
        await self.do(lambda: self.chrome.get(f"{self.room.url}/console/{path}"))

    async def text(self, css: str = "body") -> str:
        """What stands there; empty when nothing does."""
        script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''"
        found = await self.do(lambda: self.chrome.execute_script(script, css))
        return str(found)

    async def texts(self, css: str) -> list[str]:
        """What stands in each."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        found: list[str] = await self.do(lambda: self.chrome.execute_script(script, css))
        return found

    async def until(self, css: str, words: str, *, wait_s: float = WAIT_S) -> str:
        """Wait until ``words`` stand there."""
        ends_s = time.monotonic() + wait_s
        while words not in (shown := await self.text(css)):
            assert time.monotonic() < ends_s, f"{words!r} never stood in {css}: {shown[:600]!r}"
            await asyncio.sleep(0.05)
        return shown

    async def until_gone(self, css: str, words: str, *, wait_s: float = WAIT_S) -> None:
        """Wait until ``words`` stand there no more: what was below them has moved."""
        ends_s = time.monotonic() + wait_s
        while words in (shown := await self.text(css)):
            assert time.monotonic() < ends_s, f"{words!r} stayed in {css}: {shown[:600]!r}"
            await asyncio.sleep(0.05)

    async def keys(self, *keys: str) -> None:
        """Press, one after the other, wherever the focus is."""
        for key in keys:
            await self.do(lambda key=key: ActionChains(self.chrome).send_keys(key).perform())  # type: ignore[misc]

    async def write(self, css: str, words: str) -> None:
        """Into a field."""
        await self.do(lambda: self.chrome.find_element(By.CSS_SELECTOR, css).send_keys(words))

    async def press(self, css: str) -> None:
        """A button."""
        await self.do(lambda: self.chrome.find_element(By.CSS_SELECTOR, css).click())

    async def run(self, script: str, *given: Any) -> Any:
        """A script's answer."""
        return await self.do(lambda: self.chrome.execute_script(script, *given))

    async def axe(self) -> list[Any]:
        """What breaks WCAG 2.2 AA here: rule, how often, an example. The debugger brings axe in, past the policy."""
        source = AXE.read_text(encoding="utf-8")
        await self.do(lambda: self.chrome.execute_cdp_cmd("Runtime.evaluate", {"expression": source}))
        found: list[Any] = await self.do(lambda: self.chrome.execute_async_script(_RUN_AXE))
        return found

    async def shot(self, name: str, folder: Path) -> None:
        """A picture of it."""
        await self.do(lambda: self.chrome.save_screenshot(str(folder / f"{name}.png")))

    async def size(self, width: int, height: int) -> None:
        """Of the page itself, whatever the browser puts around it."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.do(lambda: self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics))

    async def complaints(self) -> list[str]:
        """What the browser complained of: a policy that was broken, an error that nobody caught."""
        found = await self.do(lambda: self.chrome.get_log("browser"))  # type: ignore[no-untyped-call]
        known = ("AudioContext", "status of 4", "status of 5", "willReadFrequently")
        return [one["message"] for one in found if not any(word in one["message"] for word in known)]

    async def signed_in(self, login: str, *roles: Role, **facts: Any) -> None:
        """Sign somebody in as a person does: name, password and, for these roles, the telephone's code."""
        await self.room.add(login, *roles, **facts)
        helper: Browser = self.room.browser()
        _, step = await helper.post("sign-in", {"login": login, "password": PASSWORD})
        secret = "" if step["state"] == "signed_in" else await self.room.enrolled(self.room.browser(), login)
        self.room.pass_s(31)
        await self.comes_in(login, secret, watches=bool(set(roles) & WATCHING))

    async def comes_in(self, login: str, secret: str, *, watches: bool) -> None:
        """Somebody who is known: ``secret`` of their telephone; ``watches``: alerts come to their page."""
        await self.go()
        await self.until("main.sign-in", "Ingresar")
        await self.write("input[name=login]", login)
        await self.write("input[name=password]", PASSWORD + Keys.ENTER)
        if secret:
            await self.until("main.sign-in", "seis cifras")
            await self.write("input[name=code]", self.room.code(secret) + Keys.ENTER)
        await self.until("header", "En vivo" if watches else "Salir")


@asynccontextmanager
async def room(
    place: RegisterPlace,
    limits: EdgeLimits | None = None,
    *,
    city: bytes = CITY,
    tiles: Path | None = None,
    cameras: Cameras = NO_CAMERAS,
    packages: PackageRoom | None = None,
    origin: str = "",
    port: int = 0,
    rings: Rings | None = None,
    converter: Start | None = None,
) -> AsyncIterator[Room]:
    """The console on loopback with the register of ``place`` and the page of these sources. ``origin``: what browsers
    call it, of this ``port``. ``rings``: where ``cameras`` are recorded, by this machine's own clock. ``converter``:
    how what converts is started.
    """
    await asyncio.to_thread(build_page().ensure)
    clock, metrics, store = Clock(), Metrics(), StoreOfTest()
    door = [Door(host="127.0.0.1", port=port, origin=origin)]
    register = place.open()
    try:
        settings = SignInSettings(key=KEY, centre="Ensayo", policy=policy())
        async with opened(settings, register, lambda: door[0], now_ms=lambda: clock.now_ms) as desk:
            desk.flow.means = msgspec.structs.replace(desk.flow.means, now_s=lambda: clock.now_ms / 1000)
            signing = checkpoints(register, Pages().keep)
            signing.start()
            feed = AlertFeed(
                NAMES, now_ms=lambda: clock.now_ms, competent=Competence(TAXONOMY), metrics=metrics
            )
            app = _app(feed, store, clock, metrics, register, door, city=city, tiles=tiles, cameras=cameras)
            app[SIGN_IN], app[PEOPLE] = desk, People(desk.identify)
            app[FOOTAGE] = Views(
                rings or Rings(),
                ledger=register,
                now_ms=_real_ms,
                metrics=metrics,
                conversions=Conversions(converter, metrics=metrics),
            )
            behind = Behind(feed, clock)
            hands = Hands(
                signer=SignerOfTest(),
                types=TAXONOMY,
                district=lambda _lat, _lon: "centro",
                bus=behind.centre,
                protocols=pack().protocols,
                boxes=store,
                packages=packages,
            )
            behind.handling = Handling(
                app, feed, register, hands, now_ms=lambda: clock.now_ms, metrics=metrics
            )
            runner = await listen(app, "127.0.0.1", port, limits=limits or EdgeLimits(), metrics=metrics)
            door[0] = door[0].listening(runner.addresses[0][1])
            try:
                made = Room(register, clock, desk, runner.addresses[0][1], feed=feed, store=store)
                made.runner, made.core, made.handling = runner, behind.centre, behind.handling
                yield made
            finally:
                await runner.cleanup()
                await app[FOOTAGE].close()
                await asyncio.to_thread(signing.stop)
    finally:
        register.close()


def _real_ms() -> int:
    return time.time_ns() // 1_000_000


def _origins(door: list[Door]) -> frozenset[Origin]:
    return door[0].origins()


def _app(
    feed: AlertFeed,
    store: StoreOfTest,
    clock: Clock,
    metrics: Metrics,
    register: Register,
    door: list[Door],
    *,
    city: bytes,
    tiles: Path | None,
    cameras: Cameras,
) -> web.Application:
    config = WallConfig(
        token=TOKEN,
        centre="Ensayo",
        city=city,
        questions=questions(),
        now_ms=lambda: clock.now_ms,
        keepalive_s=0.5,
        names=frozenset(each.host for each in door[0].origins()),
    )
    law = Law(policy=policy(), now_ms=lambda: clock.now_ms, metrics=metrics, ledger=register)
    app = create_app(
        feed,
        config,
        metrics,
        law=law,
        endpoints=people_endpoints(),
        origins=(lambda: _origins(door)) if door[0].refusal() is None else None,
    )
    app[DESK] = Desk(
        names=NAMES,
        questions=store,
        now_ms=lambda: clock.now_ms,
        lately=lambda _alert_id: (),
        protocols=pack().protocols,
        postures=tuple(pack().postures.values()),
        cameras=CityCameras(cameras),
    )
    if tiles is not None:
        app[TILES] = tiles
    return app
