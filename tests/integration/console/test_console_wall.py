"""The wall over real HTTP and in a real browser: what a press looks like, what a silent alarm does not show, what a
slow or lost link says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cior_console.feed import AlertFeed
from cior_console.web import WallConfig, create_app
from cior_core import priority
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


class Wall:
    """A served wall and its feed."""

    def __init__(self, url: str, feed: AlertFeed, runner: web.AppRunner) -> None:
        self.url, self.feed, self.runner = url, feed, runner


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


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    feed = AlertFeed(NAMES, now_ms=lambda: NOW_MS, watcher_limit=5)
    config = WallConfig(
        token=TOKEN, centre="Ensayo", city=CITY, questions=questions(), now_ms=lambda: NOW_MS, keepalive_s=0.2
    )
    runner = web.AppRunner(create_app(feed, config), shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield Wall(f"http://127.0.0.1:{port}", feed, runner)
    await runner.cleanup()


async def events(url: str, want: int) -> list[tuple[str, Any]]:
    """The first ``want`` events of the stream, without the keep-alives."""
    found: list[tuple[str, Any]] = []
    async with (
        aiohttp.ClientSession(cookies={"cior_wall": TOKEN}) as session,
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


async def test_law_9_without_the_token_there_is_nothing_to_see(wall: Wall) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/api/wall", "/api/feed", "/api/city", "/api/ask/latency"):
            async with session.get(wall.url + path) as answer:
                assert answer.status == 401, path
                assert "wall.token_missing" in await answer.text()
        async with session.get(f"{wall.url}/?token=wrong") as answer:
            assert answer.status == 401


async def test_a_press_reaches_an_open_page_and_leaves_it_when_closed(wall: Wall) -> None:
    reading = asyncio.create_task(events(wall.url, 4))
    await asyncio.sleep(0.3)
    wall.feed.apply(alert(1))
    wall.feed.apply(alert(1, version=1))  # the same version again: at-least-once upstream, once on the wall
    wall.feed.apply(alert(1, version=2, level=Level.P2))
    wall.feed.apply(alert(1, version=3, status=AlertStatus.CLOSED))
    kinds = [
        (kind, (data.get("alert") or {}).get("level")) for kind, data in await asyncio.wait_for(reading, 5)
    ]
    assert kinds == [("snapshot", None), ("alert", "P1"), ("alert", "P2"), ("gone", None)]


async def test_the_silent_channel_shows_district_and_nothing_else(wall: Wall) -> None:
    wall.feed.apply(SILENT)
    await asyncio.sleep(0.1)
    async with (
        aiohttp.ClientSession(cookies={"cior_wall": TOKEN}) as session,
        session.get(f"{wall.url}/api/wall") as answer,
    ):
        text = await answer.text()
    assert CANARY not in text
    row = json.loads(text)["alerts"][0]
    assert (row["silent"], row["district"], row["lat"], row["lon"]) == (True, "sur", None, None)
    assert (row["reasons"], row["sources"]) == ([], 0)
    assert "transit" not in text


async def test_a_loud_alert_shows_no_subject_and_no_free_text(wall: Wall) -> None:
    wall.feed.apply(alert(1))
    await asyncio.sleep(0.1)
    async with (
        aiohttp.ClientSession(cookies={"cior_wall": TOKEN}) as session,
        session.get(f"{wall.url}/api/wall") as answer,
    ):
        assert CANARY not in await answer.text()


async def test_a_page_that_does_not_keep_up_gets_a_new_snapshot_and_delays_nobody(wall: Wall) -> None:
    slow, quick = wall.feed.watch(), wall.feed.watch()
    for number in range(12):
        wall.feed.apply(alert(number))
        await asyncio.sleep(0)
        while not quick.queue.empty():
            quick.queue.get_nowait()
    await asyncio.sleep(0.05)
    kinds = [slow.queue.get_nowait().kind for _ in range(slow.queue.qsize())]
    assert slow.resyncs >= 1
    assert "resync" in kinds
    assert quick.resyncs == 0


async def test_a_store_that_is_away_is_said_and_does_not_break_the_page(wall: Wall) -> None:
    async with aiohttp.ClientSession(cookies={"cior_wall": TOKEN}) as session:
        async with session.get(f"{wall.url}/api/ask/broken") as answer:
            assert answer.status == 503
            assert (await answer.json(content_type=None))["title"] == "wall.store_slow"
        async with session.get(f"{wall.url}/api/ask/nonsense") as answer:
            assert answer.status == 404


@pytest.fixture
def browser(chromium: tuple[Path, Path], tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = str(chromium[0])
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1600,900",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(chromium[1])))
    yield driver
    driver.quit()


async def test_in_a_browser_the_press_is_on_the_list_and_on_the_map_and_the_silent_alarm_is_not_a_point(
    wall: Wall, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    shot = Path(os.environ.get("CIOR_SHOTS", str(tmp_path))) / "wall.png"

    def look() -> None:
        browser.get(f"{wall.url}/?token={TOKEN}")
        WebDriverWait(browser, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#map .district"))
        assert "token" not in browser.current_url
        wall.feed.apply(alert(1))
        wall.feed.apply(SILENT)
        wall.feed.apply(alert(2, level=Level.P4, type=TypeCode("alarm.community"), life_safety=False))
        WebDriverWait(browser, 10).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#list li")) == 3)
        rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#list li")]
        assert "Pánico en colectivo" in rows[0] or "Pánico en colectivo" in rows[1]
        assert any("Alarma silenciosa" in row and "Sur" in row for row in rows)
        points = [
            node.get_attribute("data-id") for node in browser.find_elements(By.CSS_SELECTOR, "#map circle")
        ]
        assert sorted(str(point) for point in points) == ["a1", "a2"]
        assert CANARY not in browser.page_source
        WebDriverWait(browser, 10).until(lambda d: "cuadran" in d.find_element(By.ID, "balance").text)
        assert "panel:1007" in browser.find_element(By.ID, "blind").text
        assert browser.save_screenshot(str(shot))
        browser.find_element(By.ID, "lang").click()
        WebDriverWait(browser, 5).until(lambda d: "Bus panic button" in d.find_element(By.ID, "list").text)

    await asyncio.to_thread(look)


def mixed_queue() -> list[Alert]:
    """Every reason to come first or last, in no order."""
    made = [
        alert(number, level=level, status=status, score=score, opened_ms=NOW_MS - age_ms)
        for number, (level, status, score, age_ms) in enumerate(
            product(
                (Level.P1, Level.P2),
                (AlertStatus.ON_SCENE, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED),
                (10, 90),
                (0, 5_000),
            )
        )
    ]
    random.Random(7).shuffle(made)
    return made


async def test_page_and_snapshot_keep_the_one_order_of_every_queue(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    queue = mixed_queue()
    wanted = [each.id for each in sorted(queue, key=priority.order)]

    def look() -> None:
        browser.get(f"{wall.url}/?token={TOKEN}")
        WebDriverWait(browser, 10).until(lambda d: "vivo" in d.find_element(By.ID, "link").text)
        for each in queue:  # one by one: a page that fell behind would get the server's sorted snapshot
            wall.feed.apply(each)
            time.sleep(0.05)
        WebDriverWait(browser, 10).until(lambda d: listed(d) == wanted)

    await asyncio.to_thread(look)
    assert [row.id for row in wall.feed.snapshot()] == wanted


async def test_a_long_list_is_never_cut_before_a_life_safety_alert_that_nobody_acknowledged(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    flood = [alert(number, status=AlertStatus.ACKNOWLEDGED) for number in range(220)]
    waiting, calm = alert(300, level=Level.P2), alert(301, level=Level.P3, life_safety=False)

    def look() -> None:
        browser.get(f"{wall.url}/?token={TOKEN}")
        WebDriverWait(browser, 10).until(lambda d: "vivo" in d.find_element(By.ID, "link").text)
        for each in (*flood, waiting, calm):
            wall.feed.apply(each)
        WebDriverWait(browser, 10).until(lambda d: waiting.id in listed(d))
        assert len(listed(browser)) == 201
        assert calm.id not in listed(browser)

    await asyncio.to_thread(look)


def listed(browser: webdriver.Chrome) -> list[str]:
    """The rows' ids from top to bottom, read in one go."""
    script = "return [...document.querySelectorAll('#list li')].map((row) => row.dataset.id)"
    found: list[str] = browser.execute_script(script)
    return found


async def test_in_a_browser_a_lost_centre_is_shouted(wall: Wall, browser: webdriver.Chrome) -> None:
    def look() -> None:
        browser.get(f"{wall.url}/?token={TOKEN}")
        WebDriverWait(browser, 10).until(lambda d: "vivo" in d.find_element(By.ID, "link").text)
        assert not browser.find_element(By.ID, "banner").is_displayed()

    def shouted() -> None:
        WebDriverWait(browser, 25).until(lambda d: "SIN CONEXIÓN" in d.find_element(By.ID, "banner").text)

    await asyncio.to_thread(look)
    await wall.runner.cleanup()
    await asyncio.to_thread(shouted)
