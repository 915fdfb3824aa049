"""What an expert does with a package, step by step: the page in a browser and the program in a terminal, for a sound
package and for the same one with one byte of its video changed. The pictures of docs/perito.md are taken on the way
when ``CIOR_SHOTS`` names a folder (``make pictures``).
"""

from __future__ import annotations

import base64
import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cior_core import checkpoint
from cior_evidence.packing import Package
from doubles.authorities import Authorities
from doubles.packages import signing
from engines.browser import open_browser
from integration.evidence.package_rig import TRAVELLING

WIDTH = 1_000
SHOTS = os.environ.get("CIOR_SHOTS")
NAME = "SF-2026-000123"
STEPS = re.compile(r"^(\d+)\. ", re.MULTILINE)
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #11161d; }}
pre {{ margin: 0; padding: 18px 22px; color: #d7dee6; font: 13px/1.45 "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; }}
b {{ color: #8fd19e; font-weight: 400; }}
</style><pre>{text}</pre>"""


@pytest.fixture(scope="module")
def browser(chromium: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for the file."""
    driver = open_browser(*chromium, tmp_path_factory.mktemp("chromium-profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def desk(package: Package, authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expert's folder: the package, a copy of it with one byte changed, the root, their own copy of verify.py."""
    folder = tmp_path_factory.mktemp("peritaje")
    for name in (NAME, f"{NAME}-cambiado"):
        shutil.copytree(package.folder, folder / name)
    video = changed(folder)
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.chmod(0o644)
    video.write_bytes(content)
    shutil.copy(authorities.folder / "raiz.pem", folder)
    shutil.copy(TRAVELLING / "verify.py", folder)
    return folder


def changed(desk: Path) -> Path:
    """The video that is not what it was."""
    return min((desk / f"{NAME}-cambiado" / "bag/data/nativo").rglob("*.mp4"))


def ledger_key() -> str:
    """As the centre publishes it."""
    centre = signing()
    return checkpoint.verifier_key(centre.origin, centre.public)


def sized(browser: Chrome, height: int) -> None:
    """The page's own size, whatever the browser puts around it."""
    metrics = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def picture(browser: Chrome, name: str) -> None:
    """The whole page, for docs/img, when pictures are taken."""
    if SHOTS is None:
        return
    sized(browser, 400)
    sized(browser, int(browser.execute_script("return document.documentElement.scrollHeight")))
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    kept(cv2.imdecode(np.frombuffer(base64.b64decode(shot["data"]), np.uint8), cv2.IMREAD_COLOR), name)


def kept(image: Any, name: str) -> None:
    """In sixteen shades a colour, which is all that words need, and as small as PNG makes that."""
    assert SHOTS is not None
    shades = ((image.astype(np.uint16) + 8) // 17 * 17).astype(np.uint8)
    assert cv2.imwrite(f"{SHOTS}/{name}.png", shades, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def by_page(browser: Chrome, package: Path, root: Path, digest: str) -> tuple[str, str]:
    """The page's exit and its words, as an expert gets them."""
    sized(browser, 900)
    browser.get((TRAVELLING / "verificar.html").as_uri())
    for field, value in {"folder": package, "root": root, "key": ledger_key(), "digest": digest}.items():
        browser.find_element(By.ID, field).send_keys(str(value))
    browser.find_element(By.ID, "go").click()
    verdict = browser.find_element(By.ID, "verdict")
    WebDriverWait(browser, 60, poll_frequency=0.05).until(
        lambda _: verdict.get_attribute("data-exit") not in {"busy", "none"}
    )
    return str(verdict.get_attribute("data-exit")), browser.find_element(By.TAG_NAME, "body").text


def test_the_page_says_that_a_sound_package_has_no_defect_and_names_the_byte_that_was_changed(
    browser: Chrome, desk: Path, package: Package
) -> None:
    left, said = by_page(browser, desk / NAME, desk / "raiz.pem", package.digest)
    assert left == "0", said
    picture(browser, "perito-pagina-sana")
    left, said = by_page(browser, desk / f"{NAME}-cambiado", desk / "raiz.pem", package.digest)
    assert left == "1"
    assert "file.changed" in said
    assert changed(desk).name in said
    picture(browser, "perito-pagina-cambiada")


def test_the_program_says_the_same_in_a_terminal(browser: Chrome, desk: Path) -> None:
    shown = ""
    for name, left in ((NAME, 0), (f"{NAME}-cambiado", 1)):
        typed = f"verify.py {name} --root raiz.pem"
        ran = subprocess.run(
            [sys.executable, *typed.split()],
            cwd=desk,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == left, ran.stdout + ran.stderr
        assert [int(each) for each in STEPS.findall(ran.stdout)] == list(range(1, 13))
        assert ("file.changed" in ran.stdout) is (left == 1)
        shown += f"<b>$ python3 {typed}</b>\n{html.escape(ran.stdout.rstrip())}\n<b>$ echo $?</b>\n{left}\n\n"
    page = desk / "terminal.html"
    page.write_text(TERMINAL.format(text=shown.rstrip()), encoding="utf-8")
    browser.get(page.as_uri())
    assert "SIN DEFECTOS" in browser.find_element(By.TAG_NAME, "pre").text
    picture(browser, "perito-terminal")


def test_the_act_begins_with_what_it_is_and_prints_the_digest_that_an_expert_compares(
    package: Package, tmp_path: Path
) -> None:
    reader, drawer = shutil.which("pdftotext"), shutil.which("pdftoppm")
    if reader is None or drawer is None:
        pytest.skip("pdftotext and pdftoppm (poppler) are not on this machine")
    act = package.folder / "sello/acta.pdf"
    ran = subprocess.run(
        [reader, "-layout", act, "-"], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split("\n")[0].strip() == "ACTA DE ENTREGA DE EVIDENCIA DIGITAL"
    assert "".join(ran.stdout.split()).count(package.digest) == 1
    options = ["-r", "80", "-f", "1", "-l", "1", "-gray", "-singlefile"]
    subprocess.run([drawer, *options, act, tmp_path / "acta"], check=True, capture_output=True, timeout=60)
    first = cv2.imread(str(tmp_path / "acta.pgm"), cv2.IMREAD_GRAYSCALE)
    assert first is not None
    assert int(first.max()) - int(first.min()) > 200, "black on white"
    if SHOTS is not None:
        kept(first, "perito-acta")
