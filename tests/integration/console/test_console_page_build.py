"""The console's page is built out of its sources by a machine that has Python only, and its own tests pass."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cior_bus.sealed_box import unseal
from engines.source_tree import ROOT
from integration.console.page_build import WEB, build_page

# Node and npm beside two busy cores; nothing here is judged by its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """The builder, with its tools installed and the bundle of these sources in place."""
    builder = build_page()
    builder.install()
    builder.ensure()
    return builder


def test_the_pages_own_tests_pass(page: ModuleType) -> None:
    run = page.tool("vitest/vitest.mjs", "run", "--reporter=json", "--outputFile=/dev/stdout")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    found = json.loads(run.stdout[run.stdout.index("{") : run.stdout.rindex("}") + 1])
    assert found["numPassedTests"] >= 28
    assert found["numPendingTests"] == 0


def test_its_types_are_strict_and_hold(page: ModuleType) -> None:
    run = page.tool("typescript/bin/tsc", "--noEmit")
    assert run.returncode == 0, run.stdout
    assert json.loads((WEB / "tsconfig.json").read_text())["compilerOptions"]["strict"] is True


def test_no_text_becomes_html_in_any_source() -> None:
    forbidden = re.compile(
        r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
    )
    found = [
        file.name
        for file in (WEB / "src").rglob("*.ts*")
        if forbidden.search(file.read_text(encoding="utf-8"))
    ]
    assert not found


def test_the_lock_pins_every_package_and_names_no_address() -> None:
    text = (WEB / "package-lock.json").read_text(encoding="utf-8")
    packages: dict[str, Any] = json.loads(text)["packages"]
    assert "resolved" not in text
    unpinned = [
        name for name, one in packages.items() if name and not one.get("integrity") and not one.get("link")
    ]
    assert not unpinned


def test_a_bundle_is_that_of_its_sources_and_a_changed_source_is_seen(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "dist"))
    assert page.is_built()
    monkeypatch.setattr(page, "WEB", tmp_path / "web")
    assert page.is_built(), "the same sources in another folder are the same bundle"
    source = tmp_path / "web" / "src" / "main.tsx"
    source.write_text(source.read_text() + "\n// changed\n")
    assert not page.is_built()


def test_a_bundle_is_the_same_bytes_whenever_it_is_built(page: ModuleType, tmp_path: Path) -> None:
    run = page.tool("vite/bin/vite.js", "build", "--outDir", str(tmp_path / "again"), "--logLevel", "warn")
    assert run.returncode == 0, run.stderr
    again = {
        file.relative_to(tmp_path / "again"): file.read_bytes() for file in (tmp_path / "again").rglob("*.*")
    }
    first = {
        file.relative_to(page.BUNDLE): file.read_bytes()
        for file in page.BUNDLE.rglob("*.*")
        if file.name != "sources.sha256"
    }
    assert again == first


def test_offline_it_says_so_in_our_own_words_and_leaves_the_old_page(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "index.html").write_text("the page of yesterday")
    monkeypatch.setattr(page, "WEB", tmp_path / "web")
    monkeypatch.setattr(page, "BUNDLE", tmp_path / "bundle")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # nothing listens on the discard port
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(page.BuildFailed, match="HTTPS_PROXY"):
        page.ensure()
    assert (tmp_path / "bundle" / "index.html").read_text() == "the page of yesterday"


def test_a_wheel_carries_the_page(page: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "cior_console/static_app/index.html" in names
    assert any(re.fullmatch(r"cior_console/static_app/assets/index-[\w-]+\.js", name) for name in names)
    assert not [name for name in names if "node_modules" in name]


def test_the_boxes_that_the_page_opens_are_the_centres() -> None:
    vectors = json.loads((WEB / "test" / "sealed_boxes.json").read_text(encoding="utf-8"))
    private = base64.b64decode(vectors["private"])
    for one in vectors["boxes"]:
        assert unseal(base64.b64decode(one["box"]), private) == one["content"].encode()
