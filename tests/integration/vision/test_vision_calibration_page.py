"""Calibrating a camera in a real browser: drawn with mouse and keyboard over a still, tried, saved, and what was saved
is what the worker's own loader reads and its pipeline tells.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from cior_core.cameras import Cameras
from cior_vision.calibration.bench import Bench
from cior_vision.calibration.serving import Calibration
from cior_vision.clips import clip_of
from cior_vision.detectors import registry
from cior_vision.replay import clip_replay
from cior_vision.settings import load_settings
from engines.browser import open_browser
from integration.console.page_build import WEB
from integration.vision.conftest import catalogue_toml
from integration.vision.shirts import ShirtDetector

WAIT_S = 40
NOW_MS = 1_795_780_800_000
SHOTS = os.environ.get("CIOR_SHOTS")
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
  .then((found) => done(found.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 200)])));
"""
FILE = """\
# Cámaras del ensayo
[detector]
engine = "shirts"   # por el color

[[camera]]
id = "camera-plaza"
"""


@pytest.fixture(scope="module")
def browser(chromium: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One for all tests here: each has a server, hence an origin, of its own."""
    driver = open_browser(*chromium, tmp_path_factory.mktemp("chromium") / "profile")
    yield driver
    driver.quit()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.BUILT_IN, "shirts", "integration.vision.shirt_engine")
    (tmp_path / "camaras.toml").write_text(FILE, encoding="utf-8")
    return tmp_path / "camaras.toml"


@pytest.fixture
def page(config: Path, clips: Path) -> Iterator[Calibration]:
    """The server that ``cior vision calibrate`` starts, on the drawn clip."""
    clip = clip_of(clips / "loiterer.mp4")
    bench = Bench(config, clip, camera=None, detector=ShirtDetector(), now_ms=lambda: NOW_MS)
    serving = Calibration(bench)
    thread = threading.Thread(target=serving.serve)
    thread.start()
    yield serving
    serving.stop()
    thread.join()
    serving.close()


class Person:
    """Somebody before the page."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome = chrome
        chrome.get(address)
        self.until("return document.querySelector('#stage').dataset.shown === '0.00'")

    def until(self, script: str) -> Any:
        return WebDriverWait(self.chrome, WAIT_S).until(lambda driver: driver.execute_script(script))

    def text(self, css: str) -> str:
        return str(self.chrome.execute_script("return document.querySelector(arguments[0]).innerText", css))

    def press(self, css: str) -> None:
        self.chrome.find_element(By.CSS_SELECTOR, css).click()

    def click_at(self, *points: tuple[float, float]) -> None:
        """Click on the picture at these shares of it."""
        stage = self.chrome.find_element(By.ID, "shapes")
        box = stage.rect
        for x, y in points:
            # From the middle of the element, as the driver counts.
            ActionChains(self.chrome, duration=0).move_to_element_with_offset(
                stage, round((x - 0.5) * box["width"]), round((y - 0.5) * box["height"])
            ).click().perform()

    def keys(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.chrome, duration=0).send_keys(key).perform()

    def axe(self) -> list[Any]:
        source = AXE.read_text(encoding="utf-8")
        self.chrome.execute_cdp_cmd("Runtime.evaluate", {"expression": source})
        found: list[Any] = self.chrome.execute_async_script(RUN_AXE)
        return found

    def shot(self, name: str) -> None:
        """For docs/img, when pictures are taken (``make pictures``)."""
        if SHOTS is not None:
            height = self.chrome.execute_script(
                "scrollTo(0, 0); return document.documentElement.scrollHeight"
            )
            metrics = {"width": 1200, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            shown = cv2.imdecode(
                np.frombuffer(self.chrome.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR
            )
            assert shown is not None
            # A street's grain makes a large PNG.
            small = cv2.resize(shown, (900, round(shown.shape[0] * 0.75)), interpolation=cv2.INTER_AREA)
            assert cv2.imwrite(f"{SHOTS}/{name}.jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])
            self.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def complaints(self) -> list[str]:
        found = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        return [one["message"] for one in found]


@pytest.fixture
def person(browser: Chrome, page: Calibration) -> Iterator[Person]:
    browser.set_window_size(1440, 1100)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    yield Person(browser, page.address)
    browser.get("about:blank")


def told_by_the_worker(config: Path, clip: Path) -> set[str]:
    """What the worker's loader reads and its pipeline tells of the same clip."""
    settings = load_settings(config, Cameras.load(catalogue_toml("loiterer.mp4")))
    result = clip_replay(settings, clip, detector=ShirtDetector(), start_ms=NOW_MS)
    return {incident.rule_id for incident in result.incidents}


def test_a_zone_by_mouse_and_a_line_by_keyboard_are_tried_saved_and_fire_in_the_worker(
    person: Person, config: Path, clips: Path
) -> None:
    person.press("[data-tool=zone]")
    person.click_at((0.3, 0.6), (0.7, 0.6), (0.7, 0.95), (0.3, 0.95))
    person.press("#finish")
    person.press("[data-id=zona-camera-plaza-1] .adding:last-child button")  # the first kind: intrusion
    assert "intrusión: intrusion-zona-camera-plaza-1" in person.text("#list")

    # The line with the keyboard alone: from the middle of the picture down, then up again.
    person.chrome.find_element(By.CSS_SELECTOR, "[data-tool=line]").send_keys(Keys.ENTER)
    person.keys(*[Keys.ARROW_RIGHT] * 2, *[Keys.ARROW_DOWN] * 9, Keys.ENTER)
    person.keys(*[Keys.ARROW_UP] * 10, Keys.ENTER)
    person.until("return document.querySelector('[data-id=linea-camera-plaza-1]') !== null")
    assert person.text("#doing") == "Línea «linea-camera-plaza-1» dibujada"
    person.press("[data-id=linea-camera-plaza-1] .adding:last-child button")

    before = config.read_bytes()
    person.press("#try")
    person.until("return document.querySelector('#said').innerText.startsWith('Probado')")
    assert "Intrusión en zona vigilada" in person.text("#fired")
    assert "de A a B" in person.text("#fired")
    assert "; persona; seguimientos" in person.text("#fired")
    assert config.read_bytes() == before, "a try writes nothing"
    person.press("#fired li button")
    person.until("return Number(document.querySelector('#stage').dataset.shown) > 3")
    assert person.chrome.find_elements(By.CSS_SELECTOR, "#shapes .seen"), "who it was, marked on the still"
    assert person.axe() == [] if AXE.is_file() else True
    person.shot("camaras-probar")

    person.press("#save")
    person.until("return document.querySelector('#said').innerText.startsWith('Guardado')")
    made = config.read_text(encoding="utf-8")
    assert made.startswith(FILE), "what was there stays, comments too"
    [kept] = config.parent.glob("camaras.toml.*.bak")
    assert kept.read_bytes() == before
    assert told_by_the_worker(config, clips / "loiterer.mp4") == {
        "intrusion-zona-camera-plaza-1", "line_crossing-linea-camera-plaza-1",
    }  # fmt: skip
    assert person.complaints() == []


def test_a_mask_blanks_the_still_the_try_and_the_worker_and_the_page_says_what_stays_whole(
    person: Person, page: Calibration, config: Path, clips: Path
) -> None:
    assert "sus originales están enteros" in " ".join(person.text(".whole").split())
    person.press("[data-tool=zone]")
    person.click_at((0.3, 0.6), (0.7, 0.6), (0.7, 0.95), (0.3, 0.6))
    person.until(
        "return document.querySelector('[data-id=zona-camera-plaza-1]') !== null"
    )  # a click on the first closes
    person.press("[data-id=zona-camera-plaza-1] .adding:last-child button")
    person.press("[data-tool=mask]")
    person.click_at((0.02, 0.3), (0.98, 0.3), (0.98, 0.98), (0.02, 0.98))
    person.keys("t")
    person.press("#try")
    person.until("return document.querySelector('#said').innerText === 'Probado: 0 avisos'")
    assert "una máscara tapa el 100 %" in person.text("#notes")
    person.shot("camaras-mascara")
    person.press("#save")
    person.until("return document.querySelector('#said').innerText.startsWith('Guardado')")
    still = cv2.imdecode(np.frombuffer(page.bench.still(8.0), np.uint8), cv2.IMREAD_COLOR)
    assert still is not None
    height, width = still.shape[:2]
    assert still[int(height * 0.35) : int(height * 0.93), int(width * 0.05) : int(width * 0.95)].max() < 12
    assert still[: int(height * 0.25)].mean() > 80
    assert told_by_the_worker(config, clips / "loiterer.mp4") == set()
    assert person.axe() == [] if AXE.is_file() else True


def test_what_is_drawn_is_shown_again_moved_by_mouse_and_by_its_numbers_and_taken_out_with_its_rules(
    person: Person, page: Calibration, config: Path
) -> None:
    person.press("[data-tool=zone]")
    person.click_at((0.2, 0.2), (0.4, 0.2), (0.4, 0.4))
    person.press("#finish")
    person.press("[data-id=zona-camera-plaza-1] .adding:last-child button")
    person.press("#save")
    person.until("return document.querySelector('#said').innerText.startsWith('Guardado')")
    stage = person.chrome.find_element(By.ID, "shapes")
    box = stage.rect
    start = [round((0.4 - 0.5) * box["width"]), round((0.4 - 0.5) * box["height"])]
    ActionChains(person.chrome).move_to_element_with_offset(stage, *start).click_and_hold().move_by_offset(
        round(box["width"] * 0.2), 0
    ).release().perform()
    points = person.chrome.find_element(By.CSS_SELECTOR, "[data-id=zona-camera-plaza-1] textarea")
    moved = [float(value) for value in str(points.get_attribute("value")).split()[2].split(",")]
    assert moved == pytest.approx([0.6, 0.4], abs=0.01)
    points.send_keys(Keys.CONTROL + "a")
    points.send_keys("0.1,0.1 0.5,0.1 0.5,0.5 0.1,0.5", Keys.TAB)
    person.press("#language")
    assert person.text("#try") == "Try"
    assert person.axe() == [] if AXE.is_file() else True
    person.press("#save")
    person.until("return document.querySelector('#said').innerText.startsWith('Written')")
    assert "polygon = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]" in config.read_text(encoding="utf-8")
    person.press("[data-id=zona-camera-plaza-1] [aria-label^=Delete]")
    person.press("#save")
    person.until(
        "return document.querySelector('#list').children.length === 0 && "
        "document.querySelector('#said').innerText.startsWith('Written')"
    )
    assert "[[" not in config.read_text(encoding="utf-8").replace("[[camera]]", "")
    assert len(list(config.parent.glob("camaras.toml.*.bak"))) == 3, "none is written over, in one second too"


RULED = (
    FILE
    + """
[[zone]]
id = "acera"
camera = "camera-plaza"
polygon = [[0.3, 0.6], [0.7, 0.6], [0.7, 0.95], [0.3, 0.95]]

[[rule]]
kind = "loitering"
id = "merodeo"
zone = "acera"
after_s = 600     # lo pidió la vecinal
version = 3
"""
)


def test_what_a_rule_asks_is_changed_by_keyboard_tried_and_saved_as_its_next_version(
    person: Person, page: Calibration, config: Path, clips: Path
) -> None:
    config.write_text(RULED, encoding="utf-8")
    person.chrome.refresh()
    person.until("return document.querySelector('#stage').dataset.shown === '0.00'")
    person.press("#try")
    person.until("return document.querySelector('#said').innerText === 'Probado: 0 avisos'")

    person.chrome.find_element(By.CSS_SELECTOR, "summary[aria-label='Ajustar merodeo']").send_keys(Keys.ENTER)
    person.until("return document.querySelector('details').open")
    assert "Versión 3" in person.text("details")
    person.keys(Keys.TAB)
    focused = person.chrome.switch_to.active_element
    assert focused.get_attribute("title") == "after_s"
    focused.send_keys(Keys.CONTROL + "a")
    focused.send_keys("99999999", Keys.TAB)
    assert person.text("#doing") == "«Avisa a los (s)» no se puede leer; va un número 0–86400"
    assert focused.get_attribute("value") == "600"
    focused.send_keys(Keys.CONTROL + "a")
    focused.send_keys("5", Keys.TAB)
    assert person.axe() == [] if AXE.is_file() else True
    person.press("#try")
    person.until("return document.querySelector('#said').innerText === 'Probado: 1 avisos'")
    assert config.read_text(encoding="utf-8") == RULED, "a try writes nothing"
    person.shot("camaras-ajustar")

    person.press("#save")
    person.until("return document.querySelector('#said').innerText.startsWith('Guardado')")
    changed = RULED.replace("after_s = 600 ", "after_s = 5 ").replace("version = 3", "version = 4")
    assert config.read_text(encoding="utf-8").split() == changed.split()
    assert "# lo pidió la vecinal" in config.read_text(encoding="utf-8")
    assert "Versión 4" in person.text("details"), "what was open stays open"
    assert told_by_the_worker(config, clips / "loiterer.mp4") == {"merodeo"}
    assert person.complaints() == []


def test_who_changed_the_file_meanwhile_is_not_overwritten(person: Person, config: Path) -> None:
    person.press("[data-tool=zone]")
    person.click_at((0.2, 0.2), (0.4, 0.2), (0.4, 0.4))
    person.press("#finish")
    theirs = FILE + "# otra persona\n"
    config.write_text(theirs, encoding="utf-8")
    person.press("#save")
    person.until("return !document.querySelector('#wrong').hidden")
    assert "vision.file_changed" in person.text("#wrong")
    assert config.read_text(encoding="utf-8") == theirs


def test_the_command_prints_an_address_that_opens_the_page_and_ends_by_ctrl_c(
    config: Path, clips: Path
) -> None:
    config.write_text(FILE.replace('"shirts"', '"none"'), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "cior",
        "vision",
        "calibrate",
        str(clips / "loiterer.mp4"),
        "--config",
        str(config),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            address = next(line.strip() for line in running.stdout if "http://" in line)
            assert address.startswith("http://127.0.0.1:")
            port = int(address.split(":")[2].split("/")[0])
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            line.request("GET", "/")
            assert "Calibrar una cámara" in line.getresponse().read().decode()
            line.close()
            running.send_signal(signal.SIGINT)
            assert running.wait(WAIT_S) == 0
        finally:
            running.kill()


# --- nobody else -----------------------------------------------------------------------------------------------------


def asked(
    page: Calibration, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    try:
        named = {"Host": f"127.0.0.1:{page.port}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        line.request(method, path, body or None, named)
        answer = line.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        line.close()


def test_the_address_works_once_and_for_one_browser(page: Calibration) -> None:
    token, own = page.address.split("#")[1], f"http://127.0.0.1:{page.port}"
    assert asked(page, "POST", "/enter", b"guess", Origin=own)[0] == 403
    status, headers, _ = asked(page, "POST", "/enter", token.encode(), Origin=own)
    assert status == 204
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert asked(page, "POST", "/enter", token.encode(), Origin=own)[0] == 403, "the second time"
    assert asked(page, "GET", "/state")[0] == 403
    assert asked(page, "GET", "/still?at=1")[0] == 403
    inside = cookie.split(";")[0]
    assert asked(page, "GET", "/state", Cookie=inside)[0] == 200
    assert asked(page, "POST", "/try", b"{}", Cookie=inside)[0] == 403, "not from the page"
    assert asked(page, "POST", "/try", b"{}", Cookie=inside, Origin="http://evil.example")[0] == 403
    status, _, told = asked(page, "POST", "/try", b"{}", Cookie=inside, Origin=own)
    assert (status, json.loads(told)["code"]) == (422, "page.body")
    assert asked(page, "GET", "/state", Cookie=inside, Host="evil.example")[0] == 403, (
        "a name turned to this machine"
    )
    assert asked(page, "GET", "/../camaras.toml", Cookie=inside)[0] == 404
    big = asked(page, "POST", "/save", b" " * 300_000, Cookie=inside, Origin=own)
    assert big[0] == 422


def test_every_answer_forbids_what_the_page_does_not_need(page: Calibration) -> None:
    for path in ("/", "/page.js", "/state"):
        _, headers, _ = asked(page, "GET", path)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert "require-trusted-types-for 'script'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_it_listens_on_loopback_only(page: Calibration) -> None:
    assert page._server.server_address[0] == "127.0.0.1"
