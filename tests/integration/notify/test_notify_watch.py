"""``cior watch`` over real sockets: a centre that stops, comes back, is late or has an old press; and a watcher that
the centre hears.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from cior.watch_command import settings_of, watch
from cior_connectors.builtin.notify.config import WebhookSection
from cior_connectors.builtin.notify.watch import BeatSection, RingSection, Watcher, WatchSettings
from cior_connectors.contract import Secret
from cior_core.errors import ConfigInvalid
from integration.notify.desk import SECRET, Desk
from integration.notify.peers import HttpPeer, until


class Centre:
    """A console's ``/healthz`` and a worker's ``/metrics``. ``lost``: so many requests more are not answered."""

    def __init__(self) -> None:
        self.status, self.ahead_ms, self.oldest_ms, self.lost, self.asked = "ok", 0, 12.0, 0, 0
        self.url = ""

    async def health(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.lost:
            self.lost -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"status": self.status, "now_ms": _now_ms() + self.ahead_ms, "watchers": 3})

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"# HELP x\ncior_streams_oldest_waiting_milliseconds {self.oldest_ms}\n")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def centre() -> AsyncIterator[Centre]:
    made, app = Centre(), web.Application()
    app.router.add_get("/healthz", made.health)
    app.router.add_get("/metrics", made.metrics)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def settings(watched: Centre, phone: HttpPeer, **more: object) -> WatchSettings:
    hook = WebhookSection(name="sms", url=phone.url, secret=Secret(SECRET))
    given: dict[str, object] = {
        "centre": "Rosario",
        "url": watched.url,
        "metrics": (f"{watched.url}/metrics",),
        "every_s": 0.3,
        "webhook": (hook,),
        "ring": (RingSection(channel="sms", address="guardia"),),
    }
    return WatchSettings(**{**given, **more})  # type: ignore[arg-type]  # the fields of a file


@asynccontextmanager
async def watching(chosen: WatchSettings, said: list[str] | None = None) -> AsyncIterator[Watcher]:
    watcher = Watcher(chosen, say=(said if said is not None else []).append)
    task = asyncio.ensure_future(watcher.run())
    try:
        yield watcher
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_centre_that_stops_rings_with_a_bell_and_says_when_it_is_back() -> None:
    said: list[str] = []
    async with centre() as watched, HttpPeer() as phone, watching(settings(watched, phone), said):
        await until(lambda: watched.asked > 1)
        watched.lost = 10
        await until(lambda: len(phone.calls) == 2)
    first, back = (call.json for call in phone.calls)
    assert (first["title"], first["level"], first["to"]) == ("CIOR NO RESPONDE: Rosario", "P1", "guardia")
    assert back["title"] == "CIOR volvió: Rosario"
    assert [line.count("\a") for line in said] == [3, 0]


async def test_one_lost_request_rings_nobody() -> None:
    async with centre() as watched, HttpPeer() as phone, watching(settings(watched, phone)):
        for _ in range(3):
            await loses_one(watched)
    assert phone.calls == []


async def loses_one(watched: Centre) -> None:
    asked, watched.lost = watched.asked, 1
    await until(lambda: watched.asked > asked + 2)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"status": "late"}, "El centro dice que las alertas llegan tarde."),
        ({"oldest_ms": 31_000.0}, "La pulsación más vieja sin procesar espera hace 31 s."),
        ({"ahead_ms": 120_000}, "El reloj del centro saltó 120 s."),
    ],
)
async def test_a_centre_that_answers_and_is_not_well_rings(wrong: dict[str, object], words: str) -> None:
    async with centre() as watched, HttpPeer() as phone, watching(settings(watched, phone)):
        await until(lambda: watched.asked > 1)
        for name, value in wrong.items():
            setattr(watched, name, value)
        await until(lambda: len(phone.calls) >= 1)
    assert phone.calls[0].json["text"] == words


async def test_the_centre_hears_its_watcher_and_why_it_rings(tmp_path: Path) -> None:
    async with centre() as watched, HttpPeer() as phone, Desk(tmp_path, phone.url) as desk:
        beat = BeatSection(
            name="torre", secret=Secret(SECRET), every_s=0.1, url=f"http://127.0.0.1:{desk.source.port}"
        )
        async with watching(settings(watched, phone, beat=beat)):
            await until(lambda: len(desk.beats) >= 1)
            watched.status = "late"
            await until(lambda: b"watch.late" in desk.beats[-1])
        assert desk.source.expected_every_s("watcher:torre") == 180.0
        assert desk.source.expected_every_s("watcher:otra") is None


def test_its_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text('centre = "Rosario"\nurl = "http://127.0.0.1:9"\n', encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ConfigInvalid) as refused:
        settings_of(file, None)
    file.chmod(0o600)
    assert (refused.value.code, settings_of(file, None).centre) == ("keys.readable_by_others", "Rosario")


async def test_once_says_by_its_exit_code_whether_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with centre() as watched, HttpPeer() as phone:
        assert await Watcher(settings(watched, phone), say=print).well_now() is True
        watched.status = "late"
        assert await Watcher(settings(watched, phone), say=print).well_now() is False
    assert "llegan tarde" in capsys.readouterr().out


def test_where_nobody_answers_once_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "watch.toml"
    file.touch(mode=0o600)
    file.write_text('centre = "Rosario"\nurl = "http://127.0.0.1:9"\nevery_s = 0.1\n', encoding="utf-8")
    assert watch(file, None, once=True, language="en") == 1
    assert "CIOR DOES NOT ANSWER: Rosario" in capsys.readouterr().out
