"""What Traccar's forwarding lost is recovered over its REST API, with the ids that the lost POSTs would have had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from aiohttp import web

from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.builtin.traccar.forwarder import Forwarder, iso, message
from cior_connectors.builtin.traccar.source import TraccarSource
from cior_connectors.contract import Secret
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.subject import Bench, Subject
from cior_core.model import Device

TOKEN = "read-only-token-of-tests"
NOW_MS = 1_795_305_600_000


class FakeTraccar:
    """Speaks the two REST calls of Traccar that we use: ``/api/devices`` and ``/api/reports/route`` (its OpenAPI
    description, version 6).
    """

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.messages = messages
        self.broken = False
        self.port = 0
        self.asked: list[str] = []

    async def devices(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response(
            [
                {**each, "lastUpdate": iso(NOW_MS)}
                for each in {m["device"]["id"]: m["device"] for m in self.messages}.values()
            ]
        )

    async def route(self, request: web.Request) -> web.Response:
        self._check(request)
        self.asked.append(request.query_string)
        wanted = {int(each) for each in request.query.getall("deviceId")}
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("from", "to"))
        positions = [m["position"] for m in self.messages if m["position"]["deviceId"] in wanted]
        return web.json_response(
            [p for p in positions if start <= datetime.fromisoformat(p["fixTime"]).astimezone(UTC) < end]
        )

    def _check(self, request: web.Request) -> None:
        if self.broken:
            raise web.HTTPInternalServerError
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/api/devices", self.devices)
        app.router.add_get("/api/reports/route", self.route)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
        finally:
            await runner.cleanup()


def three_messages() -> list[dict[str, Any]]:
    return [
        message(
            unique_id=f"86400000000009{n}",
            device_ms=NOW_MS - 60_000 + n * 1_000,
            lat=-32.95,
            lon=-60.64,
            alarm="sos" if n == 1 else "",
            number=n,
        )
        for n in range(3)
    ]


def configured(subject: Subject, api_url: str, *, token: str = TOKEN) -> TraccarConfig:
    return cast(
        "TraccarConfig",
        msgspec.structs.replace(subject.config, port=0, api_url=api_url, api_token=Secret(token)),
    )


async def test_a_dropped_post_is_recovered_with_the_same_ids() -> None:
    subject = Subject("cior_connectors.builtin.traccar")
    messages = three_messages()
    async with FakeTraccar(messages).serving() as api_url:
        config = configured(subject, api_url)
        source = TraccarSource(config)
        with subject.bench(source, config=config, reconcile_every_s=0.2) as bench:
            async with running(bench):
                await until(lambda: source.port > 0, "not listening")
                async with Forwarder(
                    f"http://127.0.0.1:{source.port}/traccar", secret="change-me-change-me"
                ) as forwarder:
                    assert (await forwarder.post(messages[0]))[0] == 202
                await until(
                    lambda: len({event.id for event in bench.sink.decoded()}) == 4,
                    "history was not recovered",
                )
                await asyncio.sleep(0.5)
            by_id = {event.id: event for event in bench.sink.decoded()}
            copies = [event for event in bench.sink.decoded() if event.subject == "vehicle:864000000000090"]
    assert sorted(event.type for event in by_id.values()) == ["panic.bus", "position", "position", "position"]
    assert len(copies) >= 2, "it came live and by history"
    assert len({event.id for event in copies}) == 1, "and has one id"


async def test_the_mark_moves_only_past_what_is_durable() -> None:
    subject = Subject("cior_connectors.builtin.traccar")
    fake = FakeTraccar(three_messages())
    async with fake.serving() as api_url:
        config = configured(subject, api_url)
        with subject.bench(TraccarSource(config), config=config, reconcile_every_s=0.1) as bench:
            mark = bench.instance.state_dir / "history.mark"
            bench.sink.full = True
            async with running(bench):
                await until(lambda: len(fake.asked) >= 2, "history was not asked")
                assert not mark.exists()
                bench.sink.full = False
                await until(mark.exists, "the mark never moved")
            assert {event.type for event in bench.sink.decoded()} == {"panic.bus", "position"}


async def test_a_broken_api_degrades_and_never_takes_the_live_line_down() -> None:
    subject = Subject("cior_connectors.builtin.traccar")
    fake = FakeTraccar(three_messages())
    async with fake.serving() as api_url:
        for token, broken, code in (
            (TOKEN, True, "traccar.api_status"),
            ("wrong", False, "traccar.api_token"),
        ):
            fake.broken = broken
            config = configured(subject, api_url, token=token)
            source = TraccarSource(config)
            with subject.bench(source, config=config, reconcile_every_s=0.1) as bench:
                async with running(bench):

                    def degraded(bench: Bench = bench) -> bool:
                        return bench.instance.book.health.state == "degraded"

                    await until(degraded, "not degraded")
                    assert bench.instance.book.health.reason == code
                    async with Forwarder(
                        f"http://127.0.0.1:{source.port}/traccar", secret="change-me-change-me"
                    ) as forwarder:
                        assert (await forwarder.post(three_messages()[1]))[0] == 202
                    assert source.port > 0


async def test_the_servers_devices_are_proposed_for_the_registry() -> None:
    subject = Subject("cior_connectors.builtin.traccar")
    async with FakeTraccar(three_messages()).serving() as api_url:
        found: list[Device] = [
            device async for device in TraccarSource(configured(subject, api_url)).devices()
        ]
        report = await TraccarSource(configured(subject, api_url)).probe()
        refused = await TraccarSource(configured(subject, api_url, token="wrong")).probe()
    assert [(device.id, device.kind) for device in found] == [
        (f"vehicle:86400000000009{n}", "bus") for n in range(3)
    ]
    assert (report.ok, refused.ok) == (True, False)
    assert "wrong" not in refused.detail
