"""The preview over a city's day: every board in a real browser, and the command that a developer types."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from selenium.webdriver import Chrome

from cior_core.geo import City
from cior_grafana import preview
from cior_grafana.boards import BOARDS
from cior_grafana.command import grafana
from cior_store.engine import Store
from engines.clickhouse_lite import ClickHouseLite
from integration.grafana import walls_story
from integration.store import canaries

NAMES = [board.name for board in BOARDS]
SCREEN = (1920, 1080)
LOOK = """
    const sections = [...document.querySelectorAll('section')];
    return {
        overflows: document.documentElement.scrollWidth > document.documentElement.clientWidth,
        policy: document.querySelectorAll('meta[http-equiv=Content-Security-Policy]').length,
        acting: document.querySelectorAll('script, img, iframe, object').length,
        sections: sections.length,
        empty: sections.filter(it => !it.classList.contains('heading') && it.clientHeight < 20).length,
        cut: sections.flatMap(it => [...it.querySelectorAll('.plain')])
            .filter(it => it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1)
            .map(it => it.closest('section').querySelector('h2').textContent),
        failed: [...document.querySelectorAll('.error')].map(it => it.textContent),
    };
"""


def look() -> preview.Look:
    return preview.Look(now=datetime.now(UTC), rings=preview.rings(City.demo()))


@pytest.fixture(scope="module")
def pages(admin: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every board of the story in Spanish."""
    walls_story.tell(admin, time.time_ns() // 1_000_000)
    folder = tmp_path_factory.mktemp("preview")
    preview.write_pages(admin, BOARDS, look(), folder)
    return folder


@pytest.fixture
def screen(browser: Chrome) -> Chrome:
    """A browser whose page is as large as a wall's."""
    browser.set_window_size(*SCREEN)
    inner = browser.execute_script("return [innerWidth, innerHeight]")
    browser.set_window_size(*(2 * want - has for want, has in zip(SCREEN, inner, strict=True)))
    return browser


def console(screen: Chrome) -> list[dict[str, object]]:
    found: list[dict[str, object]] = screen.execute("getLog", {"type": "browser"})["value"]
    return found


def test_every_board_is_drawn_whole_and_nothing_in_it_acts(pages: Path, screen: Chrome) -> None:
    for name in NAMES:
        screen.get((pages / f"{name}.html").as_uri())
        seen = screen.execute_script(LOOK)
        assert seen.pop("sections") > 0, name
        assert seen == {"overflows": False, "policy": 1, "acting": 0, "empty": 0, "cut": [], "failed": []}, (
            name
        )
        assert screen.title != "acted", name
        assert console(screen) == [], name


def test_a_camera_named_like_a_script_is_shown_as_words(pages: Path) -> None:
    assert any("&lt;script&gt;" in (pages / f"{name}.html").read_text() for name in NAMES)


def test_what_is_sealed_stands_on_no_page(pages: Path) -> None:
    for path in pages.iterdir():
        text = path.read_text()
        assert canaries.WORD not in text, path.name
        assert str(canaries.NUMBER) not in text, path.name


def test_the_index_leads_to_every_board(pages: Path, screen: Chrome) -> None:
    screen.get((pages / "index.html").as_uri())
    links = screen.execute_script(
        "return [...document.querySelectorAll('dt a')].map(it => it.getAttribute('href'))"
    )
    assert links == [f"{name}.html" for name in NAMES]


def test_the_command_draws_one_board_in_english_for_its_own_user(
    pages: Path, lite: ClickHouseLite, tmp_path: Path
) -> None:
    dsn = lite.dsn("cior_grafana_wall")
    ran = CliRunner().invoke(
        grafana, ["preview", "muro", "--store", dsn, "--language", "en", "--out", str(tmp_path)]
    )
    assert ran.exit_code == 0, ran.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "muro.html"]
    text = (tmp_path / "muro.html").read_text()
    assert "Preview: this is not Grafana" in text
    assert "The query failed" not in text


def test_a_query_that_fails_says_so_in_its_panel_and_the_others_are_drawn(
    admin: Store, lite: ClickHouseLite, tmp_path: Path
) -> None:
    with Store.open(lite.dsn("cior_grafana_observatory")) as stranger:
        (_, path) = preview.write_pages(
            stranger, [board for board in BOARDS if board.name == "muro"], look(), tmp_path
        )
    text = path.read_text()
    assert "La consulta falló: data_age: store.denied" in text
    assert "Vista previa: no es Grafana" in text
