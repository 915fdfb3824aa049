"""The preview draws what a query answered, says when there is nothing, and lets nothing of the data act in a page."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cior_core.errors import ConfigInvalid
from cior_grafana import panels, pictures, preview_page
from cior_grafana.panels import Panel
from cior_grafana.preview_page import Box, Page
from cior_grafana.preview_panels import Asked, note, shown
from cior_grafana.preview_values import instant_ms, moment, moment_of, written
from cior_grafana.queries import Audience, Column, Format, Kind, Query
from cior_grafana.words import Language, PanelWords, Word, type_names

ROSARIO = ZoneInfo("America/Argentina/Cordoba")
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=ROSARIO)
NOON_MS = round(NOON.timestamp() * 1000)
SPAN = pictures.Span(from_ms=NOON_MS - 3_600_000, to_ms=NOON_MS, zone=ROSARIO)
BOX = Box(x=0, y=0, width=12, height=8)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def word(text: str) -> Word:
    return Word(es=text, en=f"{text} (en)")


WORDS = PanelWords(
    title=word("Título"), description=word("Qué es"), columns={"n": word("Cuántas"), "m": word("Otras")}
)


def asked(panel: Panel, rows: list[dict[str, Any]], **kinds: str) -> Asked:
    columns = tuple(Column(name=name, kind=Kind(kind)) for name, kind in kinds.items())
    query = Query(name="q", sql="", audience=Audience.WALL, format=Format.TABLE, columns=columns)
    return Asked(
        panel=panel, words=WORDS, query=query, rows=tuple(rows), span=SPAN, rings=(), language=Language.ES
    )


def page_of(*drawn: preview_page.Panel) -> str:
    page = Page(name="muro", title="Muro", description="", told="de … a …", language="es", panels=drawn)
    return preview_page.html(page, [("muro", "Muro"), ("distrito", EVIL)])


def test_a_number_tells_its_step_by_colour_and_by_word() -> None:
    drawn = shown(asked(panels.age(), [{"n": 61.0}], n="number"), BOX)
    assert [(one.text, one.state, one.colour) for one in drawn.numbers] == [
        ("1 min 1 s", "✖ DATOS VIEJOS", "#C4162A")
    ]


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_a_number_that_is_none_is_grey_and_says_so(nothing: float | None) -> None:
    (one,) = shown(asked(panels.age(), [{"n": nothing}], n="number"), BOX).numbers
    assert (one.text, one.state, one.colour) == ("—", "— sin datos", "#6E7280")


def test_no_rows_are_told_in_the_panels_own_words() -> None:
    drawn = shown(asked(panels.table("q"), [], n="number"), BOX)
    assert (drawn.rows, drawn.empty) == ((), "— sin datos")
    assert "— sin datos" in page_of(drawn)


def test_a_tables_cells_have_units_colours_and_the_centres_clock() -> None:
    panel = panels.table("q", colours={"level": "level"}, units={"n": "percentunit"})
    rows = [{"level": "P1", "n": 0.0034, "at": datetime(2026, 11, 26, 15, 0, tzinfo=UTC)}]
    drawn = shown(asked(panel, rows, level="string", n="number", at="time"), BOX)
    assert [cell.text for cell in drawn.rows[0]] == ["■ P1", "0,3 %", "26/11 12:00:00"]
    assert drawn.rows[0][0].colour == "#FF4D4F"
    assert [cell.text for cell in drawn.head] == ["level", "Cuántas", "at"]


def test_a_type_is_read_by_its_name_and_an_unknown_one_as_it_came() -> None:
    rows = [{"type": "reservada"}, {"type": "panic.bus"}, {"type": "never.heard"}]
    drawn = shown(asked(panels.table("q"), rows, type="string"), BOX)
    named = [cells[0].text for cells in drawn.rows]
    assert named == ["reservada", type_names(Language.ES)["panic.bus"], "never.heard"]
    assert named[1] != "panic.bus"


def test_a_line_a_label_with_gaps_where_there_is_no_value() -> None:
    at = [datetime.fromtimestamp(NOON_MS / 1000 - s, UTC) for s in (1800, 1200, 600, 0)]
    numbers = [1, 2, math.nan, 4]
    rows: list[dict[str, Any]] = [
        {"time": t, "level": "P1", "n": n} for t, n in zip(at, numbers, strict=True)
    ]
    rows += [{"time": at[0], "level": "P2", "n": 3}]
    svg = shown(
        asked(panels.series("q", width=12), rows, time="time", level="string", n="number"), BOX
    ).picture
    assert svg.count("<polyline") == 1
    assert svg.count("<circle") == 2
    assert ">P1<" in svg
    assert ">P2<" in svg


def test_a_limit_is_drawn_across_a_series() -> None:
    panel = panels.series("q", width=12, thresholds="waiting", line=True, unit="s")
    svg = shown(asked(panel, [{"time": NOON, "n": 5}], time="time", n="number"), BOX).picture
    assert svg.count("stroke-dasharray") == 2
    assert "ESPERA DEMASIADO 3 min" in svg


def test_a_state_lasts_until_the_next_word_or_the_end_of_the_range() -> None:
    rows = [
        {"time": datetime.fromtimestamp(NOON_MS / 1000 - s, UTC), "cam": "c1", "n": n}
        for s, n in ((3600, 0), (1800, 3))
    ]
    panel = panels.state_timeline("q", width=12, thresholds="health_code")
    svg = shown(asked(panel, rows, time="time", cam="string", n="number"), BOX).picture
    widths = [float(found) for found in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(widths[1], abs=0.2)
    assert "✖ caído" in svg


def test_the_map_leaves_out_what_has_no_place() -> None:
    rows: list[dict[str, Any]] = [
        {"la": -32.9, "lo": -60.6, "level": "P1"},
        {"la": None, "lo": None, "level": "P2"},
    ]
    svg = shown(
        asked(panels.points_map("q", width=8), rows, la="latitude", lo="longitude", level="string"), BOX
    ).picture
    assert svg.count("<circle") == 1
    assert ">P1<" in svg


def test_bars_that_have_no_room_are_counted() -> None:
    rows = [{"district": f"d{n}", "n": n} for n in range(40)]
    svg = shown(asked(panels.bars("q", width=12), rows, district="string", n="number"), BOX).picture
    assert "+ " in svg
    assert svg.count("<rect") + int(re.findall(r"\+ (\d+)", svg)[0]) == 40


def test_a_notes_markdown_becomes_words() -> None:
    words = PanelWords(
        title=word("Nota"), description=word("-"), text=word("## Hola\n**ya** [acá](http://x)")
    )
    assert note(words, Language.ES, BOX).text == "Hola\nya acá"


def test_nothing_of_the_data_acts_in_a_page() -> None:
    rows = [{"s": EVIL, "n": 1, "time": NOON}]
    text = page_of(
        shown(asked(panels.table("q"), rows, s="string"), BOX),
        shown(asked(panels.series("q", width=9), rows, time="time", s="string", n="number"), BOX),
        shown(asked(panels.bars("q", width=9), rows, s="string", n="number"), BOX),
        preview_page.Panel(box=BOX, title=EVIL, description=EVIL, error=EVIL),
        preview_page.Panel(
            box=BOX, title="", numbers=(preview_page.Number(text=EVIL, colour="red}body{x:y"),)
        ),
    )
    assert "<script" not in text
    assert "<img" not in text
    assert "body{x:y" not in text


def test_a_page_needs_nothing_else_and_allows_its_own_style_only() -> None:
    text = page_of(shown(asked(panels.age(), [{"n": 1}], n="number"), BOX))
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
    assert "Vista previa: no es Grafana" in text
    assert " style=" not in text
    assert "http" not in text.replace("http-equiv", "")


RELATIVE = {
    "now": NOON,
    "now-24h": datetime(2026, 11, 25, 12, 0, tzinfo=ROSARIO),
    "now/d": datetime(2026, 11, 26, tzinfo=ROSARIO),
    "now-1d/d": datetime(2026, 11, 25, tzinfo=ROSARIO),
    "now-12M/M": datetime(2025, 11, 1, tzinfo=ROSARIO),
    "now-9M": datetime(2026, 2, 26, 12, 0, tzinfo=ROSARIO),
    "now-1y/y": datetime(2025, 1, 1, tzinfo=ROSARIO),
    "now/w": datetime(2026, 11, 23, tzinfo=ROSARIO),
}


@pytest.mark.parametrize("text", RELATIVE)
def test_ranges_are_read_on_the_centres_clock(text: str) -> None:
    assert moment_of(text, NOON) == RELATIVE[text]


def test_the_last_day_of_a_month_goes_back_to_a_day_that_exists() -> None:
    assert moment_of("now-1M", NOON.replace(month=3, day=31)).day == 28


def test_a_range_nobody_knows_is_told() -> None:
    with pytest.raises(ConfigInvalid, match="no relative time"):
        moment_of("yesterday", NOON)


WRITTEN = {
    (1234567.0, "short"): "1.234.567",
    (0.5, "short"): "0,5",
    (2022.0, ""): "2022",
    (3700.0, "s"): "1 h 1 min",
    (0.25, "s"): "250 ms",
    (90_000.0, "s"): "1 d 1 h",
    (7.0, "m"): "7 min",
    (0.342, "percentunit"): "34,2 %",
    (2_500_000.0, "bytes"): "2,5 MB",
    (1500.0, "currencyARS"): "$ 1.500",
    (3.0, "suffix: h"): "3 h",
}


@pytest.mark.parametrize("value", WRITTEN)
def test_numbers_have_their_unit_as_people_read_it(value: tuple[float, str]) -> None:
    assert written(*value, Language.ES) == WRITTEN[value]


def test_the_stores_clock_is_utc_and_a_day_is_a_day() -> None:
    assert instant_ms(datetime(2026, 11, 26, 15, 0)) == NOON_MS  # noqa: DTZ001 (the driver gives it so)
    assert moment(date(2026, 11, 26), ROSARIO) == "26/11/2026"
    assert moment(None, ROSARIO) == "—"
