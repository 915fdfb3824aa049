"""The wall over real HTTP and in a real browser: what a press looks like, what a silent alarm does not show, what a
slow or lost link says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import aiohttp
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cior_console.visibility import View, Visibility
from cior_core import priority
from cior_core.model import Alert, AlertStatus, Level, TypeCode
from integration.console.wall_rig import (
    CANARY,
    NOW_MS,
    SILENT,
    TOKEN,
    Wall,
    alert,
    events,
    listed,
    rows,
    served,
    shown,
)


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    async with served() as running:
        yield running


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
        shown() as session,
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
        shown() as session,
        session.get(f"{wall.url}/api/wall") as answer,
    ):
        assert CANARY not in await answer.text()


async def test_a_page_that_does_not_keep_up_gets_a_new_snapshot_and_delays_nobody(wall: Wall) -> None:
    everything = Visibility(View.PLAIN)
    slow, quick = wall.feed.watch(everything), wall.feed.watch(everything)
    for number in range(12):
        wall.feed.apply(alert(number))
        await asyncio.sleep(0)
        while not quick.queue.empty():
            quick.queue.get_nowait()
    await asyncio.sleep(0.05)
    told = [slow.queue.get_nowait() for _ in range(slow.queue.qsize())]
    assert slow.resyncs >= 1
    assert None in told  # take a new snapshot
    assert quick.resyncs == 0


async def test_a_store_that_is_away_is_said_and_does_not_break_the_page(wall: Wall) -> None:
    async with shown() as session:
        async with session.get(f"{wall.url}/api/ask/broken") as answer:
            assert answer.status == 503
            assert (await answer.json(content_type=None))["title"] == "wall.store_slow"
        async with session.get(f"{wall.url}/api/ask/nonsense") as answer:
            assert answer.status == 404


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
    browser.set_window_size(1600, 2000)  # only what is seen is drawn, and here all twelve are

    def look() -> None:
        browser.get(f"{wall.url}/?token={TOKEN}")
        WebDriverWait(browser, 10).until(lambda d: "vivo" in d.find_element(By.ID, "link").text)
        for each in queue:  # one by one: a page that fell behind would get the server's sorted snapshot
            wall.feed.apply(each)
            time.sleep(0.05)
        WebDriverWait(browser, 10).until(lambda d: listed(d) == wanted)

    await asyncio.to_thread(look)
    assert [row["id"] for row in rows(wall)] == wanted


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


async def test_a_4k_wall_has_larger_letters_and_fills_itself_when_its_window_changes(
    browser: webdriver.Chrome,
) -> None:
    async with served() as wall:
        for number in range(200):
            wall.feed.apply(alert(number, level=Level.P3, life_safety=False))
        await asyncio.to_thread(browser.get, f"{wall.url}/?token={TOKEN}")
        await asyncio.to_thread(
            WebDriverWait(browser, 20).until, lambda d: d.find_elements(By.CSS_SELECTOR, "#list li")
        )
        small = await asyncio.to_thread(browser.execute_script, _ROWS)
        metrics = {"width": 3840, "height": 2160, "deviceScaleFactor": 1, "mobile": False}
        await asyncio.to_thread(browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", metrics)
        await asyncio.sleep(1)
        large = await asyncio.to_thread(browser.execute_script, _ROWS)
    assert large["letters"] == 28
    assert large["row"] == small["row"] * 28 / 16
    assert large["to"] >= large["edge"], "rows down to the edge, without waiting for the next alert"


_ROWS = """
const rows = [...document.querySelectorAll('#list li')].map((one) => one.getBoundingClientRect());
return {letters: Number.parseFloat(getComputedStyle(document.body).fontSize), row: rows[0].height,
  to: Math.max(...rows.map((one) => one.bottom)), edge: document.getElementById('view').getBoundingClientRect().bottom};
"""
