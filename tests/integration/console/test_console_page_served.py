"""The page over HTTP: open to all, under a policy that lets nothing else run, and no way out of its folder."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from integration.console.api_rig import office
from integration.console.page_build import build_page

pytestmark = pytest.mark.timeout(600)  # the page is built first, when its sources changed


@pytest.fixture(scope="module", autouse=True)
def bundle() -> Path:
    build_page().ensure()
    folder: Path = build_page().BUNDLE
    return folder


async def asked(url: str) -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as nobody, nobody.get(url, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def test_every_address_of_the_page_is_the_page_and_nobody_needs_a_session_for_it() -> None:
    async with office() as here:
        pages = [await asked(f"{here.url}/console/{path}") for path in ("", "shift", "ledger", "alerts/a-1")]
        assert {status for status, _, _ in pages} == {200}
        assert len({text for _, text, _ in pages}) == 1
        assert (await asked(f"{here.url}/console"))[0] == 308


async def test_the_policy_lets_nothing_run_that_is_not_a_file_of_the_page() -> None:
    async with office() as here:
        _, text, headers = await asked(f"{here.url}/console/")
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["frame-ancestors"] == "'none'"
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", text), "nothing is inline"
        assert "no-cache" in headers["Cache-Control"]


async def test_what_the_page_is_made_of_is_kept_for_a_year_and_is_what_it_says() -> None:
    async with office() as here:
        _, text, _ = await asked(f"{here.url}/console/")
        paths = re.findall(r'(?:src|href)="(/console/[^"]+)"', text)
        assert len(paths) >= 3
        for path in paths:
            status, _, headers = await asked(here.url + path)
            assert status == 200, path
            assert headers["X-Content-Type-Options"] == "nosniff"
            if "/assets/" in path:
                assert "immutable" in headers["Cache-Control"]


async def test_nothing_outside_the_bundle_is_served() -> None:
    async with office() as here:
        for path in (
            "assets/..%2f..%2fpart.py",
            "assets/%2e%2e%2findex.html",
            "assets/none.js",
            "sources.svg",
        ):
            assert (await asked(f"{here.url}/console/{path}"))[0] == 404, path
        stamp = (await asked(f"{here.url}/console/sources.sha256"))[1]
        assert "<!doctype html>" in stamp, "the stamp is no file of the page: the address is a screen of it"


async def test_a_checkout_whose_page_was_never_built_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cior_console.console_page._files", dict)
    async with office() as here:
        status, text, _ = await asked(f"{here.url}/console/")
        assert status == 503
        assert "make web" in text
