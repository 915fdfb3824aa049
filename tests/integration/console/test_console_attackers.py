"""What was tried on the wall, against a console that people sign in to: other pages, addresses with secrets in them,
text that would be a script, readers that do not read, crowds with forged cookies.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from selenium.webdriver import Chrome

from cior_console.edge import EdgeLimits
from cior_console.endpoints import Endpoint
from cior_console.sign_in import cookies
from cior_console.table import all_endpoints
from cior_core.model import Place, PlaceMethod
from cior_core.people import LedgerOutcome
from cior_core.privacy import Role
from engines.registers import RegisterPlace
from integration.console.page_rig import Room, Screen, room
from integration.console.people_rig import FIREFOX, PASSWORD, Browser
from integration.console.test_console_scripts import SCRIPTS, nothing_ran
from integration.console.wall_rig import TOKEN, alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
QUICK = EdgeLimits(idle_s=1.0, linger_s=0.5, stall_s=1.5, strangers_a_peer=20, strangers=40, known=12)
VALUES = {"alert_id": "a1", "id": "x", "name": "none", "question": "latency"}
UNSAFE = tuple(
    each for each in all_endpoints() if each.is_unsafe and not getattr(each, "is_for_servers", False)
)
"""What a page asks; another server, which has no page, proves itself."""
READ = tuple(each for each in all_endpoints() if not each.is_unsafe and each.path.startswith("/api/"))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(RegisterPlace.of_file(tmp_path / "register.db"), QUICK) as running:
        running.feed.apply(alert(1))
        yield running


@pytest.fixture
async def ana(here: Room) -> Browser:
    """An operator who is signed in."""
    await here.add("agomez", Role.OPERATOR, Role.SUPERVISOR, name="Ana Gómez")
    browser = here.browser()
    await here.enrolled(browser, "agomez")
    return browser


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path.format_map({name: VALUES.get(name, "x") for name in endpoint.parameters})


async def done(here: Room) -> list[str]:
    """What stands in the ledger as done."""
    return [row.entry.act for row in await here.acts() if row.entry.outcome is LedgerOutcome.ALLOWED]


OTHER_PAGES: list[dict[str, str]] = [
    {"Origin": "http://localhost:1"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"},
]


@pytest.mark.parametrize("said", OTHER_PAGES, ids=str)
async def test_no_page_of_another_site_does_anything_in_her_name(
    here: Room, ana: Browser, said: dict[str, str]
) -> None:
    before = await done(here)
    answers = {each.name: (await ana.ask(each.method, path_of(each), {}, **said))[0] for each in UNSAFE}
    assert {name: status for name, status in answers.items() if status not in (403, 415)} == {}
    assert len(answers) > 25
    assert await done(here) == before
    assert (await ana.get("session"))[0] == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("mode", ["cors", "no-cors"])
async def test_no_page_of_another_site_reads_anything_in_her_name(
    here: Room, ana: Browser, site: str, mode: str
) -> None:
    before = len(await here.acts())
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Cior-Reason": "curiosidad"}
    answers = {each.name: (await ana.ask("GET", path_of(each), **said))[0] for each in READ}
    assert {name: status for name, status in answers.items() if status != 403} == {}
    assert "feed.open" in answers
    assert len(await here.acts()) == before, "nor does it stand in the ledger that she had looked"


async def test_a_link_from_elsewhere_leads_to_the_page(here: Room, ana: Browser) -> None:
    said = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await ana.ask("GET", "/console/", **said))[0] == 200


_PAGE = """<form id=f method=post action="%(at)s/api/v1/alerts/%(id)s/acts" enctype="text/plain" target=hidden>
<input name='{"kind":"acknowledge","x":"' value='"}'></form><iframe name=hidden></iframe>
<img src="%(at)s/api/v1/feed">"""
_TRIES = """
const [at, id, done] = arguments;
const url = `${at}/api/v1/alerts/${id}/acts`, body = '{"kind":"acknowledge"}';
const heard = [];
document.getElementById('f').submit();
const plain = {method: 'POST', credentials: 'include', mode: 'no-cors', body};
const json = {method: 'POST', credentials: 'include', headers: {'Content-Type': 'application/json'}, body};
const stream = new EventSource(`${at}/api/v1/feed`, {withCredentials: true});
stream.addEventListener('snapshot', () => heard.push('feed'));
const reads = fetch(`${at}/api/v1/alerts/${id}`, {credentials: 'include'}).then(() => heard.push('alert'), () => 0);
const acts = [plain, json].map((how) => fetch(url, how).catch(() => 0));
Promise.all([reads, ...acts]).then(() => setTimeout(() => { stream.close(); done(heard); }, 1500));
"""


@asynccontextmanager
async def neighbour(text: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Another program on this host name, with a page of its own: its address, and the cookies that it was sent."""
    sent: list[str] = []

    async def hello(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie", ""))
        return web.Response(text=text, content_type="text/html")

    async def plant(_request: web.Request) -> web.Response:
        said = web.Response(text="planted", content_type="text/html")
        said.set_cookie(cookies.SESSION, cookies.new_token(), path="/", secure=True)
        return said

    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/plant", plant)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/", sent
    finally:
        await runner.cleanup()


async def test_in_a_browser_a_neighbour_on_another_port_gets_her_cookies_and_nothing_else(
    browser: Chrome, here: Room
) -> None:
    """Cookies have no ports: it is why Grafana has a host name of its own. What is asked with them is refused."""
    screen = Screen(browser, here)
    assert here.core is not None
    press = here.core.press(1)
    await screen.signed_in("agomez", Role.OPERATOR, name="Ana Gómez")
    before = len(await here.acts("feed.open", "alert.read"))
    async with neighbour(_PAGE % {"at": here.url, "id": press}) as (address, sent):
        await screen.do(lambda: browser.get(address))
        heard = await screen.do(lambda: browser.execute_async_script(_TRIES, here.url, press))
    assert cookies.SESSION in sent[0]
    assert heard == []
    assert here.core.sent == []
    assert await here.acts("alert.acknowledge") == []
    assert len(await here.acts("feed.open", "alert.read")) == before


async def test_a_neighbour_that_puts_its_own_cookie_over_hers_makes_her_nobody_and_no_more(
    browser: Chrome, here: Room
) -> None:
    """What it planted is no session, and none is made of it."""
    screen = Screen(browser, here)
    await screen.signed_in("agomez", Role.OPERATOR)
    async with neighbour("") as (address, _):
        await screen.do(lambda: browser.get(f"{address}plant"))
    await screen.go()
    await screen.until("main.sign-in", "Contraseña")
    shown = {each["name"]: each["value"] for each in await screen.do(browser.get_cookies)}
    stranger = here.browser(await screen.run("return navigator.userAgent"))
    stranger.cookies[cookies.SESSION] = shown[cookies.SESSION]
    assert (await stranger.get("session"))[0] == 401


async def test_the_walls_token_opens_a_wall_and_stands_in_one_address_only(here: Room, ana: Browser) -> None:
    nobody = here.browser()
    for path in ("/api/v1/feed", "/api/v1/alerts/a1", "/api/wall", "/api/v1/session"):
        assert (await nobody.ask("GET", f"{path}?token={TOKEN}"))[0] == 401, path
    program = {"Authorization": f"Bearer {TOKEN}"}
    assert (await nobody.ask("GET", "/api/wall", **program))[0] == 200
    refused = [each for each in UNSAFE if not each.is_open]
    answers = {(await nobody.ask(each.method, path_of(each), {}, **program))[0] for each in refused}
    assert answers == {403}, "it looks, and does nothing"
    session = ana.cookies[cookies.SESSION]
    assert (await nobody.ask("GET", f"/?token={session}"))[0] == 401
    assert (await nobody.ask("GET", "/api/wall", Authorization=f"Bearer {session}"))[0] == 401


async def test_no_address_that_a_browser_asks_for_holds_a_secret(browser: Chrome, here: Room) -> None:
    screen = Screen(browser, here)
    await screen.signed_in("agomez", Role.OPERATOR)
    script = "return performance.getEntriesByType('resource').map((one) => one.name).concat(location.href)"
    asked = [str(each) for each in await screen.run(script)]
    kept = {each["name"]: each["value"] for each in await screen.do(browser.get_cookies)}
    assert any("/api/v1/sign-in" in each for each in asked)
    for secret in (PASSWORD.split()[0], kept[cookies.SESSION], "ticket", "token", "code="):
        assert [each for each in asked if secret in each] == []


async def test_a_script_in_whatever_people_write_is_shown_and_not_run(browser: Chrome, here: Room) -> None:
    screen = Screen(browser, here)
    assert here.core is not None
    place = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.64, district="centro", text=SCRIPTS["closed"])
    press = here.core.press(1, place=place)
    await here.add("mperez", Role.OPERATOR, name=SCRIPTS["svg"])
    await screen.signed_in("sruiz", Role.SUPERVISOR, name=SCRIPTS["image"])
    for kind, text in SCRIPTS.items():
        body = {"kind": "note", "reason": text.replace("\0", "")}
        status = await screen.run(
            _POST, f"/api/v1/alerts/{press}/acts", body, f"note-{kind}".replace(" ", "-")
        )
        assert status in (200, 202), kind
    unit = {"kind": "dispatch", "agency": "police", "unit": SCRIPTS["half"]}
    refused = await screen.run(_POST, f"/api/v1/alerts/{press}/acts", unit, "a-dispatch")
    assert refused == 422, "no unit is called that"
    assert await screen.run(_POST, "/api/v1/shift", {"post": SCRIPTS["attribute"][:60]}, "a-post") == 200
    for path in (f"alerts/{press}", "shift", "load", "ledger", "sessions", f"alerts/{press}"):
        await screen.go(path)
        await screen.until("header", SCRIPTS["image"][:20])
        await asyncio.sleep(0.5)
        await screen.do(lambda: nothing_ran(browser))
    assert SCRIPTS["image"] in await screen.until("section.alert", "Notas"), "shown as it is written"


_POST = """
const [path, body, key] = arguments;
const headers = {'Content-Type': 'application/json', 'Idempotency-Key': key.padEnd(8, '-')};
return fetch(path, {method: 'POST', headers, body: JSON.stringify(body)}).then((answer) => answer.status);
"""


async def test_somebody_signed_in_who_does_not_read_is_let_go(here: Room, ana: Browser) -> None:
    for number in range(6_000):
        here.feed.apply(alert(number))
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        await loop.sock_connect(lazy, ("127.0.0.1", int(here.url.rpartition(":")[2])))
        head = f"GET /api/v1/feed HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {FIREFOX}\r\n"
        cookie = f"Cookie: {cookies.SESSION}={ana.cookies[cookies.SESSION]}\r\n\r\n"
        await loop.sock_sendall(lazy, (head + cookie).encode())
        came, until_s = False, time.monotonic() + 20
        while time.monotonic() < until_s and not (came and here.feed.watchers == 0):
            came = came or here.feed.watchers == 1
            await asyncio.sleep(0.2)
    assert came
    assert here.feed.watchers == 0


async def test_a_crowd_with_forged_cookies_keeps_nobody_out_who_is_signed_in(
    here: Room, ana: Browser
) -> None:
    port = int(here.url.rpartition(":")[2])
    async with AsyncExitStack() as stack:
        for number in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            forged = f"Cookie: {cookies.SESSION}={number:043d}\r\n"
            writer.write(f"GET /api/v1/feed HTTP/1.1\r\nHost: localhost\r\n{forged}\r\n".encode())
        assert (await ana.get("session"))[0] == 200
        assert (await ana.get("alerts/a1"))[0] == 200
        assert here.feed.watchers == 0
        assert here.runner is not None
        assert here.runner.server is not None
        await asyncio.sleep(0.3)
        assert len(here.runner.server.connections) <= QUICK.strangers_a_peer + 4
