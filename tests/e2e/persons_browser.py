"""One person's browser at the console: it is signed in, pressed, typed in and read as a person does."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pyotp
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from e2e.running_demo import Account

WAIT_S = 45.0
DESK, WALL = (1366, 768), (3840, 2160)
PICTURES = os.environ.get("CIOR_SHOTS", "")
"""A folder: the pictures of docs/img are taken there (``make pictures``)."""
_FETCH = """
const [method, path, body, reason, done] = arguments;
const headers = {Accept: 'application/json'};
if (body !== null) headers['Content-Type'] = 'application/json';
if (reason) headers['Cior-Reason'] = encodeURIComponent(reason);
fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)})
  .then(async (answer) => done([answer.status, await answer.text()]), (error) => done([0, String(error)]));
"""


class PersonsBrowser:
    """A browser of its own, with its own cookies."""

    def __init__(self, chrome: Chrome, address: str, *, size: tuple[int, int] = DESK) -> None:
        self.chrome, self.address = chrome, address
        self.size(*size)

    def go(self, path: str = "") -> None:
        """Open an address of the page."""
        self.chrome.get(self.address + path)

    def desk(self) -> None:
        """To the queue, as it is before something new comes."""
        self.go()
        self.until("header", "En vivo")

    def size(self, width: int, height: int) -> None:
        """Of the page itself, whatever the browser puts around it."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def text(self, css: str = "body") -> str:
        """What stands there; empty when nothing does."""
        script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''"
        return str(self.chrome.execute_script(script, css))

    def count(self, css: str) -> int:
        """How many of these there are."""
        return len(self.chrome.find_elements(By.CSS_SELECTOR, css))

    def until(self, css: str, *words: str, within_s: float = WAIT_S) -> str:
        """Wait until all ``words`` stand there."""
        ends_s = time.monotonic() + within_s
        while not all(word in (shown := self.text(css)) for word in words):
            assert time.monotonic() < ends_s, f"{words} never stood in {css}: {shown[:900]!r}"
            time.sleep(0.1)
        return shown

    def until_not(self, css: str, word: str, within_s: float = WAIT_S) -> str:
        """Wait until ``word`` stands there no more."""
        ends_s = time.monotonic() + within_s
        while word in (shown := self.text(css)):
            assert time.monotonic() < ends_s, f"{word} still stands in {css}: {shown[:900]!r}"
            time.sleep(0.1)
        return shown

    def keys(self, *keys: str) -> None:
        """Press, one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.chrome).send_keys(key).perform()

    def pick(self, words: str, *, within: str = "dialog") -> None:
        """Down, as often as it takes until the choice with these words is taken, as somebody who looks does."""
        for _ in range(20):
            taken = self.chrome.find_elements(By.CSS_SELECTOR, f"{within} label:has(input:checked)")
            if any(words in each.text for each in taken):
                return
            self.keys(Keys.ARROW_DOWN)
            time.sleep(0.1)
        raise AssertionError(f"{words} cannot be taken by keys in {within}")

    def submit(self) -> None:
        """Control and Enter, which sends a dialog."""
        ActionChains(self.chrome).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()

    def write(self, css: str, words: str) -> None:
        """Into a field."""
        self.chrome.find_element(By.CSS_SELECTOR, css).send_keys(words)

    def click(self, css: str, words: str = "") -> None:
        """The first of these, or the first in which ``words`` stand."""
        found = self.chrome.find_elements(By.CSS_SELECTOR, css)
        next(each for each in found if words in each.text).click()

    def choose(self, css: str, words: str) -> None:
        """The entry of a list in which ``words`` stand."""
        self.click(f"{css} option", words)

    def ask(self, method: str, path: str, body: Any = None, *, reason: str = "") -> tuple[int, Any]:
        """What a script of this very page is answered, with its cookie: status and JSON."""
        status, text = self.chrome.execute_async_script(_FETCH, method, path, body, reason)
        try:
            return int(status), msgspec.json.decode(text)
        except msgspec.DecodeError:
            return int(status), text

    def offline(self, *, is_off: bool) -> None:
        """Pull the plug of this page, or put it back."""
        lines = {"offline": is_off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.chrome.execute_cdp_cmd("Network.enable", {})
        self.chrome.execute_cdp_cmd("Network.emulateNetworkConditions", lines)

    def complaints(self) -> list[str]:
        """What the browser complained of: a policy that was broken, an error that nobody caught."""
        found = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        known = ("AudioContext", "status of 4", "status of 5", "ERR_", "willReadFrequently")
        return [one["message"] for one in found if not any(word in one["message"] for word in known)]

    def picture(self, name: str) -> None:
        """For docs/img, when they are being taken; a wall's at half its size. Nothing may stick out sideways."""
        fits = self.chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert fits, f"{name}: wider than the screen"
        if not PICTURES:
            return
        width, height = (self.chrome.execute_script(f"return inner{side}") for side in ("Width", "Height"))
        scale = 0.5 if width > 2 * DESK[0] else 1
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        shot = self.chrome.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
        (Path(PICTURES) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def sign_in(self, account: Account, *, live: bool = True) -> None:
        """With what was printed, for the first time: a telephone becomes the second factor."""
        self.go()
        self.until("main.sign-in", "Ingresar")
        self.write("input[name=login]", account.login)
        self.write("input[name=password]", account.password + Keys.ENTER)
        self.until("main.sign-in", "segundo factor")
        self.click("main.sign-in .button.main")
        self.until("main.sign-in", "secreto")
        secret = self.text(".secret code").replace(" ", "")
        self.write("input[name=code]", pyotp.TOTP(secret).now() + Keys.ENTER)
        self.until("header", "En vivo" if live else "Salir")

    def show_code(self, code: str) -> None:
        """A wall is given its code."""
        self.go()
        self.until("main.sign-in", "Es una pantalla de la sala")
        self.click("main.sign-in button", "Es una pantalla de la sala")
        self.write("input[name=code]", code + Keys.ENTER)
        self.until("header", "En vivo")

    def to_the_press(self, subject: str) -> str:
        """N, until the page of the alert with this device is there: the alert's id."""
        for _ in range(4):
            self.keys("n")
            self.until("section.alert", "Señales que la forman")
            ends_s = time.monotonic() + 3
            while time.monotonic() < ends_s:
                if subject in self.text("section.alert"):
                    return self.alert_id
                time.sleep(0.1)
        raise AssertionError(f"no alert of {subject}: {self.text()[:900]!r}")

    @property
    def alert_id(self) -> str:
        """Of the alert that is open."""
        return str(self.chrome.execute_script("return location.pathname")).rpartition("/")[2]
