"""A console that other computers reach without TLS: nobody signs in there, and the page says what to do."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from cior_core.privacy import Role
from engines.browser import open_browser
from engines.registers import RegisterPlace
from integration.console.page_rig import Screen, room
from integration.console.people_rig import PASSWORD

pytestmark = pytest.mark.browser
HOST = "consola.cior.test"


async def test_the_page_says_the_cure_and_takes_no_password(
    tmp_path: Path, chromium: tuple[Path, Path]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    origin = f"http://{HOST}:{port}"
    place = RegisterPlace.of_file(tmp_path / "register.db")
    async with room(place, origin=origin, port=port) as here:
        await here.add("agomez", Role.OPERATOR)
        here.url = origin
        chrome = await asyncio.to_thread(open_browser, *chromium, tmp_path / "profile", hosts=(HOST,))
        try:
            screen = Screen(chrome, here)
            await screen.go()
            said = await screen.until("main.sign-in", "cior tls init")
            assert "[console] certificate" in said
            assert await screen.run("return document.querySelector('input[name=password]') === null")
            assert not await screen.run("return window.isSecureContext"), "which is why"
        finally:
            await asyncio.to_thread(chrome.quit)
        await refused_by_hand(port)
        assert [row.entry.act for row in await here.acts()] == ["people.add"]


async def refused_by_hand(port: int) -> None:
    """Whoever sends a password all the same is refused before it is looked at."""
    headers = {"Host": f"{HOST}:{port}", "Origin": f"http://{HOST}:{port}"}
    body = {"login": "agomez", "password": PASSWORD}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"http://127.0.0.1:{port}/api/v1/sign-in", json=body) as answer,
    ):
        said = await answer.json(content_type=None)
        assert (answer.status, said["code"]) == (503, "sign_in.no_tls")
        assert "cior tls init" in said["detail_es"]
        assert "Set-Cookie" not in answer.headers
