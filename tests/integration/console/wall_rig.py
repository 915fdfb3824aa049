"""A wall that is served on loopback, its alerts, and a city of two districts: for every test of the console."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from selenium import webdriver

from cior_bus.metrics import Metrics
from cior_console.edge import EdgeLimits, listen
from cior_console.feed import AlertFeed
from cior_console.visibility import View, Visibility
from cior_console.web import WallConfig, create_app
from cior_core.errors import SourceUnavailable
from cior_core.model import (
    Alert,
    AlertId,
    AlertStatus,
    AreaId,
    DataClass,
    EventId,
    Level,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Reason,
    TypeCode,
)

TOKEN = "only-for-this-test"
NOW_MS = 1_795_000_000_000
CANARY = "CANARY-María-Pérez-San-Lorenzo-1234"
CITY = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": "centro", "name": "Centro"},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [
                        [
                            [-60.67, -32.97],
                            [-60.62, -32.97],
                            [-60.62, -32.93],
                            [-60.67, -32.93],
                            [-60.67, -32.97],
                        ]
                    ],
                },
            },
            {
                "type": "Feature",
                "properties": {"id": "sur", "name": "Sur"},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [
                        [
                            [-60.67, -33.01],
                            [-60.62, -33.01],
                            [-60.62, -32.97],
                            [-60.67, -32.97],
                            [-60.67, -33.01],
                        ]
                    ],
                },
            },
        ],
    }
).encode()


class Name(msgspec.Struct, frozen=True, kw_only=True):
    name_es: str
    name_en: str


NAMES: dict[str, Name] = {
    TypeCode("transit.panic.bus"): Name(name_es="Pánico en colectivo", name_en="Bus panic button"),
    TypeCode("alarm.community"): Name(name_es="Alarma comunitaria", name_en="Community alarm"),
}


def member(number: int) -> Member:
    place = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.64, district="centro")
    return Member(
        event_id=EventId(f"e{number}"),
        type=TypeCode("transit.panic.bus"),
        source="urn:x",
        subject=CANARY,
        phase=Phase.NEW,
        occurred_ms=NOW_MS,
        received_ms=NOW_MS,
        place=place,
        life_safety=True,
        independence=f"s{number}",
        summary=CANARY,
    )


def alert(number: int, **change: Any) -> Alert:
    reason = Reason(code="base", points=90, text_es="pulsador de colectivo", text_en="bus panic button")
    values: dict[str, Any] = {
        "id": AlertId(f"a{number}"),
        "area": AreaId("city"),
        "version": 1,
        "type": TypeCode("transit.panic.bus"),
        "level": Level.P1,
        "score": 90,
        "status": AlertStatus.OPEN,
        "reasons": (reason,),
        "members": (member(number),),
        "opened_ms": NOW_MS - 5000,
        "updated_ms": NOW_MS,
        "first_occurred_ms": NOW_MS,
        "last_occurred_ms": NOW_MS,
        "place": Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.64, district="centro"),
        "data_class": DataClass.RESTRICTED,
        "life_safety": True,
        "protocol": "p",
        "protocol_version": 1,
        "rules_version": "r",
        "notes": (CANARY,),
    }
    return Alert(**(values | change))


SILENT = alert(
    9,
    silent=True,
    data_class=DataClass.SEALED,
    level=Level.P1,
    place=Place(method=PlaceMethod.DISTRICT, district="sur", lat=-33.0, lon=-60.65),
)


class Clock:
    """The instant that the console is told, in Unix milliseconds; a test moves it."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS


class Wall:
    """A served wall and its feed."""

    def __init__(self, feed: AlertFeed, runner: web.AppRunner, clock: Clock) -> None:
        self.feed, self.runner, self.clock = feed, runner, clock
        self.port: int = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    def connections(self) -> list[web.RequestHandler]:
        """What is open now."""
        server = self.runner.server
        return server.connections if server is not None else []


def rows(wall: Wall) -> list[Any]:
    """The rows that a wall has now, in their order."""
    return [json.loads(row) for row in wall.feed.rows(Visibility(View.PLAIN))]


def slow_store() -> Any:
    raise SourceUnavailable("store.away", "the store is away")


def questions() -> dict[str, Callable[[], Any]]:
    return {
        "latency": lambda: {"n": 12, "p50_ms": 80.0, "p95_ms": 210.0, "p99_ms": 400.0},
        "balance": lambda: {"accepted": 10, "stored": 9, "dead": 1, "in_flight": 0, "gap": 0},
        "blind": lambda: [
            {"name": "panel:1007", "state_es": "callado", "state_en": "silent", "since_ms": NOW_MS - 90_000}
        ],
        "sources": lambda: [{"source": "dc09", "signals": 12, "dead": 1}],
        "broken": slow_store,
    }


@asynccontextmanager
async def served(limits: EdgeLimits | None = None, **settings: Any) -> AsyncIterator[Wall]:
    """A wall behind the real edge; ``settings`` replace those of its configuration, ``watcher_limit`` of its feed."""
    clock = Clock()
    feed = AlertFeed(NAMES, now_ms=lambda: clock.now_ms, watcher_limit=settings.pop("watcher_limit", 5))
    values: dict[str, Any] = {
        "token": TOKEN,
        "centre": "Ensayo",
        "city": CITY,
        "questions": questions(),
        "now_ms": lambda: clock.now_ms,
        "keepalive_s": 0.2,
    }
    metrics = Metrics()
    app = create_app(feed, WallConfig(**(values | settings)), metrics)
    runner = await listen(app, "127.0.0.1", 0, limits=limits or EdgeLimits(), metrics=metrics)
    try:
        yield Wall(feed, runner, clock)
    finally:
        await runner.cleanup()


def shown() -> aiohttp.ClientSession:
    """A program that shows the wall's token with each request."""
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})


async def events(url: str, want: int) -> list[tuple[str, Any]]:
    """The first ``want`` events of the stream, without the keep-alives."""
    found: list[tuple[str, Any]] = []
    async with (
        shown() as session,
        session.get(f"{url}/api/feed") as stream,
    ):
        kind = ""
        async for raw in stream.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: ") and kind != "alive":
                found.append((kind, json.loads(line[6:])))
                if len(found) == want:
                    return found
    return found


def listed(browser: webdriver.Chrome) -> list[str]:
    """The ids of the rows that are drawn, from top to bottom, read in one go. A line has none."""
    script = (
        "return [...document.querySelectorAll('#list li')].map((row) => row.dataset.id || row.dataset.line)"
    )
    found: list[str] = browser.execute_script(script)
    return found
