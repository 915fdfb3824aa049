"""A centre whose operators sit at other computers: ``cior tls init``, then its console over TLS in a browser that
trusts that authority; people sign in by telephone and by passkey, and the boards' host name gets none of their cookies.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiohttp import web
from click.testing import CliRunner
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cior.cli import main
from cior_bus.certificates import SERVER, Authority
from conftest import absent
from e2e.running_centre import RunningCentre, until
from engines.browser import open_browser
from engines.cache import EngineAbsent
from engines.nss_trust import trust_authority
from integration.console.page_build import build_page

pytestmark = [pytest.mark.tansu, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

CONSOLE, BOARDS = "consola.cior.test", "tableros.cior.test"
PASSWORD = "tres gatos bajo la lluvia"
WAIT_S = 60.0
COOKIES = {"__Host-cior_session", "__Host-cior_browser"}
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
ACT_FROM_ELSEWHERE = """
const [url, done] = arguments;
fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}).then(() => done(1), () => done(0));
"""


class Seat:
    """A centre with TLS and a browser at another computer."""

    def __init__(self, centre: RunningCentre, chrome: Chrome, folder: Path, port: int) -> None:
        self.centre, self.chrome, self.folder = centre, chrome, folder
        self.url = f"https://{CONSOLE}:{port}"

    def cior(self, *words: str) -> str:
        """A command on this centre: what it printed."""
        asked = [*words, "--config", str(self.centre.world.centre_file), "--data", str(self.folder / "data")]
        said = CliRunner().invoke(main, asked)
        assert said.exit_code == 0, said.output
        return said.output

    def go(self) -> None:
        self.chrome.get(f"{self.url}/console/")

    def text(self, css: str = "body") -> str:
        script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''"
        return str(self.chrome.execute_script(script, css))

    def sees(self, css: str, words: str) -> None:
        until(lambda: words in self.text(css), within_s=WAIT_S, what=f"{words!r} in {css}")

    def write(self, css: str, words: str) -> None:
        self.chrome.find_element(By.CSS_SELECTOR, css).send_keys(words)

    def press(self, words: str) -> None:
        """The button that says this."""
        self.chrome.find_element(By.XPATH, f"//button[contains(., '{words}')]").click()

    def first_sign_in(self, login: str, role: str) -> None:
        """A new person as the guide has it: the one-time password, one of her own; then a factor is wanted."""
        said = self.cior("users", "add", login, "--name", "Graciela Gómez", "--role", role)
        found = re.search(r"\b(?:[a-z2-9]{5}-){3}[a-z2-9]{5}\b", said)
        assert found is not None, said
        self.go()
        self.sees("main.sign-in", "Ingresar")
        self.write("input[name=login]", login)
        self.write("input[name=password]", found.group() + Keys.ENTER)
        self.sees("main.sign-in", "doce letras")
        self.write("input[name=password]", PASSWORD + Keys.ENTER)
        self.sees("main.sign-in", "segundo factor")

    def session(self) -> int:
        """What our page is answered when it asks whose session this is."""
        script = "const done = arguments[0]; fetch('/api/v1/session').then((a) => done(a.status));"
        return int(self.chrome.execute_async_script(script))


@pytest.fixture
def seat(tmp_path: Path, chromium: tuple[Path, Path]) -> Iterator[Seat]:
    build_page().ensure()
    folder = tmp_path / "centre"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    console = (
        f'\n[console]\nport = {port}\norigin = "https://{CONSOLE}:{port}"\n'
        f'certificate = "{folder}/data/tls/server.pem"\n'
    )
    centre = RunningCentre(folder, edit=lambda text: text + console)
    made = CliRunner().invoke(
        main, ["tls", "init", "--host", BOARDS, "--config", str(centre.world.centre_file), "--data", f"{folder}/data"]
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert CONSOLE in made.output, "the name in the address bar needs no saying twice"
    try:
        trust_authority(tmp_path / "home", folder / "data" / "tls" / "authority.pem")
    except EngineAbsent as missing:
        absent(str(missing))
    with centre:
        chrome = open_browser(
            *chromium, tmp_path / "profile", hosts=(CONSOLE, BOARDS), home=tmp_path / "home"
        )
        try:
            yield Seat(centre, chrome, folder, port)
        finally:
            chrome.quit()


# Chromium keeps a connection to the stand-in that it never used: TLS waits for its goodbye longer than the loop lives.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_people_sign_in_over_tls_from_another_computer(seat: Seat) -> None:
    by_telephone(seat)
    cookies_hold(seat)
    boards_get_nothing(seat)
    by_passkey(seat)


def by_telephone(seat: Seat) -> None:
    seat.first_sign_in("agomez", "operator")
    seat.press("Usar un teléfono")
    seat.sees("main.sign-in", "se vuelve a mostrar")
    secret = seat.text(".secret code").replace(" ", "")
    seat.write("input[name=code]", pyotp.TOTP(secret).now() + Keys.ENTER)
    seat.sees("header", "Salir")
    assert seat.chrome.execute_script("return window.isSecureContext && 'subtle' in crypto")
    assert (
        seat.chrome.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus")
        == 200
    )


def cookies_hold(seat: Seat) -> None:
    kept = seat.chrome.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
    ours = {each["name"]: each for each in kept}
    assert ours.keys() >= COOKIES
    for name in COOKIES:
        one = ours[name]
        assert (one["domain"], one["path"]) == (CONSOLE, "/"), "this host's alone"
        assert (one["secure"], one["httpOnly"], one["sameSite"]) == (True, True, "Strict")
    assert seat.chrome.execute_script("return document.cookie") == ""


def boards_get_nothing(seat: Seat) -> None:
    """Grafana's place: another host name of the same machine, whose page is another site to the browser."""
    asked: list[str] = []

    async def story() -> None:
        async with boards(seat.folder / "data" / "tls", asked) as port:
            await asyncio.to_thread(seat.chrome.get, f"https://{BOARDS}:{port}/")
            act: Callable[..., Any] = seat.chrome.execute_async_script
            await asyncio.to_thread(act, ACT_FROM_ELSEWHERE, f"{seat.url}/api/v1/sign-out")

    asyncio.run(story())
    gc.collect()  # here, where what it says of that connection is ignored, and not in the middle of another's test
    assert asked, "it was there"
    assert not any("cior" in header for header in asked)
    seat.go()
    seat.sees("header", "Salir")
    assert seat.session() == 200, "its page signed nobody out"


@asynccontextmanager
async def boards(tls: Path, asked: list[str]) -> AsyncIterator[int]:
    """Another program on this machine under its own host name, with a certificate of the same authority."""
    authority = Authority.read((tls / "authority.key").read_bytes(), (tls / "authority.pem").read_bytes())
    pair = authority.sign(BOARDS, dt.datetime.now(dt.UTC), hosts=(BOARDS,), usages=(SERVER,), days=2)
    (tls / "boards.pem").write_bytes(pair + authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "boards.pem")

    async def shown(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Cookie", ""))
        return web.Response(text="<h1>tableros</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", shown)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def by_passkey(seat: Seat) -> None:
    seat.chrome.execute_cdp_cmd("WebAuthn.enable", {})
    seat.chrome.execute_cdp_cmd("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    seat.press("Salir")
    seat.first_sign_in("bruno", "supervisor")
    seat.press("Usar una llave de acceso")
    seat.sees("header", "Salir")
    seat.press("Salir")
    seat.sees("main.sign-in", "Ingresar")
    time.sleep(0.2)  # the page has drawn the door anew
    seat.press("Usar llave de acceso")
    seat.sees("header", "Salir")
    assert "SUPERVIS" in seat.text("header").upper()
