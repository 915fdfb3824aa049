"""Law 16 on the page: three thousand open alerts, most of them forged, and one press of a bus that everybody sees."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from cior_core.model import Alert, AlertStatus, DataClass, Level, Place, PlaceMethod, Reason, TypeCode
from integration.console.wall_rig import (
    CANARY,
    NOW_MS,
    SILENT,
    TOKEN,
    Wall,
    alert,
    listed,
    rows,
    served,
    shown,
)

LINE = "line-of-nobody-known"
COMMUNITY = TypeCode("alarm.community")
BUS = alert(7001, opened_ms=NOW_MS - 1_000, score=90)
MOST_NODES = 1_500
"""What the page may be made of, whatever happens; a calm one has about 150."""


def spread(n: int) -> Place:
    return Place(
        method=PlaceMethod.GPS, lat=-33.0 + n % 60 / 1000, lon=-60.66 + n % 37 / 1000, district="centro"
    )


def forged(n: int, **change: Any) -> Alert:
    """The ``n``-th press of an invented account, that core has put on the line."""
    about = Reason(code="line.shared", points=0, text_es="de nadie conocido", text_en="of nobody known")
    values: dict[str, Any] = {
        "type": COMMUNITY,
        "opened_ms": NOW_MS - 600_000 + n,
        "score": 95,
        "reasons": (about,),
        "place": spread(n),
        "group": LINE,
    }
    return alert(n, **(values | change))


def waiting(n: int) -> Alert:
    """One of four hundred others that nobody took."""
    return alert(3_000 + n, opened_ms=NOW_MS - 900_000 + n, place=spread(n))


FORGED = [forged(n) for n in range(2_600)]
OTHERS = [waiting(n) for n in range(399)]


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    async with served(watcher_limit=500) as running:
        yield running


def open_page(browser: webdriver.Chrome, wall: Wall, language: str = "es") -> None:
    browser.get(f"{wall.url}/?token={TOKEN}&lang={language}")
    WebDriverWait(browser, 20).until(
        lambda d: d.find_element(By.ID, "link").get_attribute("class") == "figure good"
    )


def said(browser: webdriver.Chrome, part: str) -> str:
    return browser.find_element(By.ID, part).text


def nodes(browser: webdriver.Chrome) -> int:
    return int(browser.execute_script("return document.querySelectorAll('*').length"))


def in_view(browser: webdriver.Chrome) -> list[str]:
    """Ids of the rows that stand whole between the edges of the view."""
    script = """const view = document.getElementById('view').getBoundingClientRect();
        return [...document.querySelectorAll('#list li')].filter((row) => {
          const box = row.getBoundingClientRect();
          return box.top >= view.top - 1 && box.bottom <= view.bottom + 1 && box.bottom <= innerHeight;
        }).map((row) => row.dataset.id || row.dataset.line)"""
    found: list[str] = browser.execute_script(script)
    return found


def line_shown(browser: webdriver.Chrome) -> tuple[str, str]:
    """Text and ``aria-expanded`` of the first line, read in one go: a row is drawn anew whenever something moves."""
    script = """const row = document.querySelector('#list li.line');
        return [row.innerText, row.getAttribute('aria-expanded') || '']"""
    text, expanded = browser.execute_script(script)
    return str(text), str(expanded)


KEEP_NEWS = """window.kept = [];
    new MutationObserver(() => kept.push(document.getElementById('news').textContent))
        .observe(document.getElementById('news'), { childList: true });"""
"""From then on each wording of the news is kept, however short it stood."""


async def give(wall: Wall, alerts: list[Alert]) -> None:
    for each in alerts:
        wall.feed.apply(each)
    await asyncio.sleep(0)  # they wait in the loop's own order
    assert len(rows(wall)) == len({one.id for one in alerts})


async def test_law_16_the_feed_has_every_open_alert_however_many(wall: Wall) -> None:
    await give(wall, [*FORGED, *OTHERS, BUS])
    async with shown() as session, session.get(f"{wall.url}/api/wall") as answer:
        rows = (await answer.json())["alerts"]
    assert len(rows) == 3_000
    assert {row["id"] for row in rows if row["group"] == LINE} == {one.id for one in FORGED}


async def test_law_16_a_bus_press_in_a_flood_is_seen_without_scrolling_and_the_page_stays_small(
    wall: Wall, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    await give(wall, [*FORGED[:2_000], *OTHERS])
    await asyncio.to_thread(open_page, browser, wall)

    def scrolled_away() -> None:
        WebDriverWait(browser, 20).until(listed)
        assert nodes(browser) < MOST_NODES
        browser.execute_script("document.getElementById('view').scrollTop = 9000")
        browser.execute_script(KEEP_NEWS)
        time.sleep(0.3)

    def bus_is_said() -> None:
        WebDriverWait(browser, 20).until(lambda d: "600 más en renglones compartidos" in said(d, "news"))
        assert "1 alerta nueva: ■ P1 Pánico en colectivo, Centro" in said(browser, "news")
        assert not [each for each in browser.execute_script("return kept") if "Alarma comunitaria" in each]
        assert BUS.id not in in_view(browser)
        assert browser.find_element(By.ID, "news").get_attribute("aria-live") == "assertive"
        assert nodes(browser) < MOST_NODES
        where = Path(os.environ.get("CIOR_SHOTS", str(tmp_path)))
        assert browser.save_screenshot(str(where / "flood.png"))
        browser.find_element(By.ID, "jump").send_keys(Keys.ENTER)
        WebDriverWait(browser, 10).until(lambda d: BUS.id in in_view(d))
        assert browser.execute_script("return document.activeElement.id") == "list"

    await asyncio.to_thread(scrolled_away)
    for each in (BUS, *FORGED[2_000:]):  # six hundred more after the press
        wall.feed.apply(each)
    await asyncio.to_thread(bus_is_said)


async def test_law_16_after_a_reload_what_nobody_took_is_named_above_the_list_newest_first(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    low = alert(7002, level=Level.P4, score=20, opened_ms=NOW_MS - 500, type=COMMUNITY)
    await give(wall, [*FORGED, *OTHERS, low])

    def look() -> None:
        open_page(browser, wall)
        WebDriverWait(browser, 20).until(lambda d: "sin tomar fuera de la vista" in said(d, "away"))
        assert low.id not in in_view(browser)
        assert said(browser, "away").split(": ", 1)[1].startswith("● P4 Alarma comunitaria, Centro")

    await asyncio.to_thread(look)


async def test_a_line_says_how_many_of_which_level_and_opens_and_closes_by_keyboard(
    wall: Wall, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    mixed = [*FORGED[:2_500], *(forged(n, level=Level.P4, score=20) for n in range(2_500, 2_600)), BUS]
    await give(wall, mixed)

    def look() -> None:
        open_page(browser, wall)
        WebDriverWait(browser, 20).until(lambda d: len(listed(d)) == 2)
        text, _ = line_shown(browser)
        assert "2.600 avisos de equipos no conocidos" in text
        assert "P1 2.500" in text
        assert "P4 100" in text
        assert "Alarma comunitaria 2.600" in text
        tree = browser.find_element(By.ID, "list")
        tree.send_keys(Keys.HOME)
        tree.send_keys(Keys.ENTER)
        WebDriverWait(browser, 10).until(lambda d: len(listed(d)) > 2)
        assert line_shown(browser)[1] == "true"
        tree.send_keys(Keys.END)
        WebDriverWait(browser, 10).until(lambda d: in_view(d)[-1:] == [BUS.id])
        assert tree.get_attribute("aria-activedescendant") == f"row-{BUS.id}"
        assert nodes(browser) < MOST_NODES
        assert said(browser, "away") == "", "who opens a flood lets it in among what nobody took"
        where = Path(os.environ.get("CIOR_SHOTS", str(tmp_path)))
        assert browser.save_screenshot(str(where / "line-open.png"))
        tree.send_keys(Keys.ARROW_UP)
        last = FORGED[0].id.replace("a0", "a2599")
        assert tree.get_attribute("aria-activedescendant") == f"row-{last}"
        tree.send_keys(Keys.ARROW_LEFT)
        tree.send_keys(Keys.ARROW_LEFT)
        WebDriverWait(browser, 10).until(lambda d: len(listed(d)) == 2)

    await asyncio.to_thread(look)


async def test_every_row_can_be_reached_by_keyboard_and_all_are_in_the_queues_order(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    await give(wall, [alert(n, status=AlertStatus.ACKNOWLEDGED) for n in range(220)] + [waiting(1)])
    wanted = [row["id"] for row in rows(wall)]

    def walk() -> None:
        open_page(browser, wall)
        WebDriverWait(browser, 20).until(listed)
        tree = browser.find_element(By.ID, "list")
        for at in range(13, len(wanted) + 1, 13):
            tree.send_keys(Keys.ARROW_DOWN * 13)
            assert tree.get_attribute("aria-activedescendant") == f"row-{wanted[at - 1]}"
            assert wanted[at - 1] in in_view(browser)

    await asyncio.to_thread(walk)


async def test_who_takes_an_alert_of_a_line_sees_it_alone(wall: Wall) -> None:
    await give(wall, FORGED[:30])
    wall.feed.apply(forged(3, version=2, status=AlertStatus.ACKNOWLEDGED))
    await asyncio.sleep(0.05)
    assert [row["id"] for row in rows(wall) if row["group"] is None] == [FORGED[3].id]


async def test_a_flood_of_silent_alarms_is_a_line_without_a_point_and_without_a_name(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    silent = [
        alert(n, silent=True, data_class=DataClass.SEALED, place=SILENT.place, group="silent-line")
        for n in range(40)
    ]
    await give(wall, silent)

    def look() -> None:
        open_page(browser, wall, "en")
        WebDriverWait(browser, 20).until(lambda d: len(listed(d)) == 1)
        text, _ = line_shown(browser)
        assert "40 signals of devices nobody knows" in text
        assert "Silent alarm 40" in text
        assert not browser.find_elements(By.CSS_SELECTOR, "#map circle")
        assert CANARY not in browser.page_source

    await asyncio.to_thread(look)


async def test_law_16_a_press_that_waited_makes_the_wall_red_and_health_says_late(
    wall: Wall, browser: webdriver.Chrome
) -> None:
    await asyncio.to_thread(open_page, browser, wall)
    assert "al día" in said(browser, "health")
    wall.clock.now_ms = NOW_MS + 2_500  # its signal was received at NOW_MS
    wall.feed.apply(alert(1, opened_ms=NOW_MS + 2_400))

    def red() -> None:
        WebDriverWait(browser, 10).until(lambda d: "LOS AVISOS LLEGAN TARDE" in said(d, "banner"))
        assert browser.find_element(By.ID, "health").get_attribute("class") == "figure bad"

    await asyncio.to_thread(red)
    async with shown() as session, session.get(f"{wall.url}/healthz") as answer:
        assert (await answer.json())["status"] == "late"
    wall.clock.now_ms += 61_000
    async with shown() as session, session.get(f"{wall.url}/healthz") as answer:
        assert (await answer.json())["status"] == "ok"


async def test_workers_that_say_that_presses_wait_make_the_wall_red(browser: webdriver.Chrome) -> None:
    spots = [
        {"name": f"panel:{n}", "state_es": "callado", "state_en": "silent", "since_ms": NOW_MS}
        for n in range(60)
    ]
    late = {
        "name": "streams:cior-urgent-0",
        "state_es": "degradado",
        "state_en": "degraded",
        "since_ms": NOW_MS,
        "late": True,
    }
    async with served(questions={"blind": lambda: [*spots, late]}) as running:

        def red() -> None:
            open_page(browser, running)
            WebDriverWait(browser, 10).until(lambda d: "LOS AVISOS LLEGAN TARDE" in said(d, "banner"))
            first = browser.find_element(By.CSS_SELECTOR, "#blind li")
            assert "streams:cior-urgent-0" in first.text  # what is late is not under sixty silent panels
            assert "(61)" in said(browser, "blindcount")
            browser.find_element(By.CSS_SELECTOR, "#blind button").click()
            assert len(browser.find_elements(By.CSS_SELECTOR, "#blind li")) == 61

        await asyncio.to_thread(red)
