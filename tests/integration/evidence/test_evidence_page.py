"""``verificar.html`` in a real browser, from a file and without a network: it says what verify.py says."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cior_evidence import verify
from cior_evidence.packing import Package
from doubles.authorities import Authorities
from engines.browser import open_browser
from integration.console.page_build import WEB
from integration.evidence.authorities import SEALING, Wish, pki
from integration.evidence.package_rig import TRAVELLING, ledger_key
from integration.evidence.tampering import TAMPERINGS, Outside, of_signature

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("tamperings.toml").read_text(encoding="utf-8")
)
SEEN = [name for name, row in TABLE.items() if not row.get("browser")]
UNSEEN = [name for name, row in TABLE.items() if row.get("browser")]
WAIT_S = 60.0
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
  .then((found) => done(found.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 200)])));
"""


@pytest.fixture(scope="module")
def browser(chromium: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for the file: each test loads the page anew."""
    driver = open_browser(*chromium, tmp_path_factory.mktemp("chromium-profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raiz") / "raiz.pem"
    path.write_bytes(pki().root.pem)
    return path


def shown(browser: Chrome, package: Path, root: Path, outside: Outside, *, key: str) -> tuple[int, list[Any]]:
    """The verdict of the page and its findings, as a reader would get them."""
    browser.get((TRAVELLING / "verificar.html").as_uri())
    fields = {
        "folder": str(package),
        "root": str(root),
        "key": key,
        "digest": outside.digest,
        "at": outside.at,
    }
    if outside.kept:
        kept = root.with_name("guardado.txt")
        kept.write_bytes(outside.kept)
        fields["kept"] = str(kept)
    for name, value in fields.items():
        if value:
            browser.find_element(By.ID, name).send_keys(value)
    browser.find_element(By.ID, "go").click()
    verdict = browser.find_element(By.ID, "verdict")
    WebDriverWait(browser, WAIT_S, poll_frequency=0.05).until(
        lambda _: verdict.get_attribute("data-exit") not in {"busy", "none"}
    )
    rows = browser.execute_script("""
      return [...document.querySelectorAll('#steps [data-code]')]
        .map((row) => [row.dataset.code, row.dataset.weight, row.innerText]);
    """)
    return int(verdict.get_attribute("data-exit") or -1), rows


def _wait(browser: Chrome, is_so: Callable[[], bool]) -> None:
    WebDriverWait(browser, WAIT_S, poll_frequency=0.05).until(lambda _: is_so())


def by_program(package: Path, root: Path, outside: Outside, *, key: str) -> tuple[int, set[str]]:
    """verify.py's exit and codes."""
    given = [str(package), "--root", str(root), "--json", *(["--ledger-key", key] if key else [])]
    given += ["--kept", str(root.with_name("guardado.txt"))] if outside.kept else []
    given += ["--digest", outside.digest] if outside.digest else []
    given += ["--at", outside.at] if outside.at else []
    said = io.StringIO()
    with redirect_stdout(said):
        left = verify.main(given)
    return left, {each["code"] for each in json.loads(said.getvalue())["findings"]}


@pytest.mark.parametrize("name", SEEN)
def test_the_page_and_the_program_say_the_same_codes(
    name: str, browser: Chrome, root: Path, tmp_path: Path
) -> None:
    package, outside = TAMPERINGS[name](tmp_path / "paquete")
    left, rows = shown(browser, package, root, outside, key=ledger_key())
    codes = {code for code, _, _ in rows}
    assert set(TABLE[name]["codes"]) <= codes
    assert (left, codes) == by_program(package, root, outside, key=ledger_key())


def test_what_a_browser_cannot_see_is_listed_with_its_reason_and_is_little() -> None:
    assert {TABLE[name]["number"] for name in UNSEEN} >= {"26", "30", "Z1"}
    assert len(UNSEEN) < len(TABLE) / 8


@pytest.mark.parametrize(
    ("wish", "how"),
    [
        (Wish("P-256", kind="p256"), {}),
        (Wish("P-384", kind="p384"), {"digest": "sha384"}),
        (SEALING, {"is_pss": True}),
        (SEALING, {"digest": "sha512", "is_pss": True}),
        (SEALING, {"digest": "sha384"}),
    ],
    ids=["p256", "p384", "pss", "pss-sha512", "pkcs1-sha384"],
)
def test_every_algorithm_of_the_seal_is_taken_and_one_bit_of_it_is_noticed(
    wish: Wish, how: dict[str, Any], browser: Chrome, root: Path, tmp_path: Path
) -> None:
    for folder, is_bent in (("sano", False), ("tocado", True)):
        package = of_signature(tmp_path / folder, wish, is_bent=is_bent, **how)
        left, rows = shown(browser, package, root, Outside(), key=ledger_key())
        codes = {code for code, _, _ in rows}
        assert (left, codes) == by_program(package, root, Outside(), key=ledger_key())
        assert ("sig.value" in codes) is is_bent
        assert left == is_bent


def test_a_package_of_the_real_builder_passes_in_both(
    package: Package, authorities: Authorities, browser: Chrome
) -> None:
    root = authorities.folder / "raiz.pem"
    left, rows = shown(browser, package.folder, root, Outside(), key="")
    assert (left, {code for code, _, _ in rows}) == by_program(package.folder, root, Outside(), key="")
    assert left == 0
    facts = browser.find_element(By.ID, "facts").text
    assert package.digest in facts


def test_the_page_is_open_to_everybody_in_two_languages(browser: Chrome, root: Path, tmp_path: Path) -> None:
    package, outside = TAMPERINGS["bit_in_video"](tmp_path)
    _, rows = shown(browser, package, root, outside, key=ledger_key())
    assert any("El contenido cambió." in text for _, _, text in rows)
    _judge(browser)
    browser.find_element(By.ID, "language").click()
    assert browser.execute_script("return document.documentElement.lang") == "en"
    assert "The content was changed." in browser.find_element(By.ID, "steps").text
    assert browser.find_element(By.ID, "verdict").text.startswith("DEFECTS")
    _judge(browser)


def _judge(browser: Chrome) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: make web")
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    assert browser.execute_async_script(RUN_AXE) == []


def test_it_lets_nothing_out_or_in(browser: Chrome, root: Path, tmp_path: Path) -> None:
    """Its policy refuses a request, an image, a script and a form; its own script is allowed by digest alone."""
    text = (TRAVELLING / "verificar.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:,)", text)
    package, outside = TAMPERINGS["control"](tmp_path)
    assert shown(browser, package, root, outside, key=ledger_key())[0] == 0
    refused = browser.execute_async_script("""
      const done = arguments[arguments.length - 1], seen = [];
      document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';
      fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => done([seen, window.ran === true]), 100));
    """)
    assert set(refused[0]) == {"connect-src", "img-src", "script-src-elem"}
    assert refused[1] is False


def test_its_digests_are_those_of_the_standard(browser: Chrome) -> None:
    """Every length around a block's end, fed in slices, against hashlib."""
    browser.get((TRAVELLING / "verificar.html").as_uri())
    lengths = [0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 255, 256, 1_000, 70_001]
    found = browser.execute_script(
        """
        return arguments[0].map((length) => {
          const bytes = Uint8Array.from({length}, (_, n) => (n * 7 + length) % 256), out = [];
          for (const made of [new Sha256(), new Sha512()]) {
            for (let at = 0; at < length; at += 37) made.update(bytes.subarray(at, at + 37));
            out.push(made.hex());
          }
          return out;
        });
        """,
        lengths,
    )
    for length, (short, long) in zip(lengths, found, strict=True):
        content = bytes((n * 7 + length) % 256 for n in range(length))
        assert (short, long) == (hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())


def test_a_dropped_folder_is_walked_and_its_empty_folder_told(browser: Chrome) -> None:
    """A drop cannot be acted by selenium: the page's own walk is given entries as the browser gives them."""
    browser.get((TRAVELLING / "verificar.html").as_uri())
    found = browser.execute_async_script("""
      const done = arguments[arguments.length - 1];
      const file = (name) => ({ isFile: true, name, file: (good) => good(new File(['x'], name)) });
      const folder = (name, inside) => ({
        isFile: false, isDirectory: true, name,
        createReader: () => { const left = [inside.slice(0, 1), inside.slice(1), []];
                              return { readEntries: (good) => good(left.shift() || []) }; },
      });
      const top = folder('sf-1', [folder('bag', [file('a.txt'), folder('data', [])]), file('LEEME.txt')]);
      const map = new Map(), empty = [];
      walk(top, '', map, empty).then(() => done([[...map.keys()].sort(), empty]));
    """)
    assert found == [["LEEME.txt", "bag/a.txt"], ["bag/data/"]]


def test_a_junk_root_is_told_in_words(browser: Chrome, tmp_path: Path) -> None:
    package, _ = TAMPERINGS["control"](tmp_path / "p")
    junk = tmp_path / "raiz.pem"
    junk.write_text("nada")
    browser.get((TRAVELLING / "verificar.html").as_uri())
    browser.find_element(By.ID, "folder").send_keys(str(package))
    browser.find_element(By.ID, "root").send_keys(str(junk))
    browser.find_element(By.ID, "go").click()
    verdict = browser.find_element(By.ID, "verdict")
    WebDriverWait(browser, WAIT_S, poll_frequency=0.05).until(
        lambda _: verdict.get_attribute("data-exit") == "unusable"
    )
    assert "raiz.pem" in verdict.text
