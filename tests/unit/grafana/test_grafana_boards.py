"""The committed boards are what the code makes, and the SDK reads them back whole."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from cior_core.errors import ConfigInvalid
from cior_grafana import building, fields, house_rules, panels, queries, words
from cior_grafana.board import Board, Row, layout
from cior_grafana.boards import BOARDS
from cior_grafana.command import grafana
from cior_grafana.queries import Audience, PromQuery
from cior_grafana.rendering import Rendered, render
from cior_grafana.words import Language
from engines.source_tree import ROOT

WORD = words.Word(es="Uno", en="One")
COMMITTED = ROOT / "deploy" / "grafana" / "dashboards"


@pytest.fixture(scope="module")
def spanish() -> list[Rendered]:
    return building.boards(Language.ES)


def read_back(body: dict[str, Any]) -> dict[str, Any]:
    register_default_plugins()
    again: dict[str, Any] = json.loads(json.dumps(Dashboard.from_json(copy.deepcopy(body)), cls=JSONEncoder))
    return again


def test_the_committed_boards_are_what_the_code_makes() -> None:
    assert building.stale(COMMITTED, building.files(list(Language))) == [], "run: cior grafana build"


def test_every_board_comes_back_from_the_sdk_as_it_went() -> None:
    for made in [*building.boards(Language.ES), *building.boards(Language.EN)]:
        assert read_back(made.body) == made.body, made.board.name


def test_a_misspelt_key_does_not_come_back(spanish: list[Rendered]) -> None:
    body = copy.deepcopy(spanish[0].body)
    defaults = body["panels"][0]["fieldConfig"]["defaults"]
    defaults["treshholds"] = defaults["thresholds"]
    assert read_back(body) != body


def test_a_board_has_one_uid_in_both_languages_and_other_words(spanish: list[Rendered]) -> None:
    for one, other in zip(spanish, building.boards(Language.EN), strict=True):
        assert one.body["uid"] == other.body["uid"] == f"cior-{one.board.name}"
        assert one.body["description"] != other.body["description"]
        assert [panel["gridPos"] for panel in one.body["panels"]] == [
            panel["gridPos"] for panel in other.body["panels"]
        ]


def test_a_target_is_what_the_sql_editor_saves(spanish: list[Rendered]) -> None:
    target = spanish[0].body["panels"][0]["targets"][0]
    assert target["datasource"] == {"type": "grafana-clickhouse-datasource", "uid": "cior-wall"}
    assert (target["editorType"], target["format"], target["queryType"]) == ("sql", 1, "table")
    assert target["pluginVersion"] == "4.20.0"
    assert "--" not in target["rawSql"]


def test_the_age_of_the_data_is_on_the_wall_and_red_from_a_minute_on(spanish: list[Rendered]) -> None:
    wall = next(made for made in spanish if made.board.name == "muro")
    age = next(panel for panel in wall.body["panels"] if panel["title"] == "Edad de los datos")
    defaults = age["fieldConfig"]["defaults"]
    assert {"value": 60, "color": "#C4162A"} in defaults["thresholds"]["steps"]
    assert defaults["noValue"] == "— sin datos"
    state = next(each for each in age["fieldConfig"]["overrides"] if each["matcher"]["options"] == "step")
    mapped = next(each["value"] for each in state["properties"] if each["id"] == "mappings")
    oldest, *_, newest, _ = (each["options"] for each in mapped)
    assert (oldest["from"], oldest["to"], oldest["result"]["text"]) == (60, 1e15, "✖ DATOS VIEJOS")
    assert (newest["from"], newest["to"], newest["result"]["text"]) == (-1e15, 1e15, "✔ al día")


def test_the_words_beside_a_number_stay_empty_when_the_number_is(spanish: list[Rendered]) -> None:
    wall = next(made for made in spanish if made.board.name == "muro")
    numbers = [panel for panel in wall.body["panels"] if panel["type"] == "stat"]
    assert len(numbers) == 6
    for panel in numbers:
        options = panel["transformations"][0]["options"]
        assert (options["mode"], options["reduce"]["reducer"], options["alias"]) == (
            "reduceRow",
            "last",
            "step",
        )


def test_a_line_is_called_by_its_label() -> None:
    text = "-- @query load wall series\n-- @columns time:time level:string alerts:number\nSELECT 1"
    said = words.PanelWords(title=WORD, description=WORD)
    query = queries.read(text, file="x")["load"]
    panel = panels.series("load", width=8, thresholds="level")
    view = fields.View(panel=panel, query=query, said=said, language=Language.ES)
    assert fields.line_name(view) == "${__field.labels.level}"
    assert [rule.matcher.options for rule in fields.columns(view)] == ["time"]


def test_lines_of_several_numbers_say_which_number_they_are() -> None:
    text = (
        "-- @query load wall series\n-- @columns time:time level:string p50_s:number p90_s:number\nSELECT 1"
    )
    columns = {"p50_s": WORD, "p90_s": WORD}
    said = words.PanelWords(title=WORD, description=WORD, columns=columns)
    query = queries.read(text, file="x")["load"]
    view = fields.View(panel=panels.series("load", width=8), query=query, said=said, language=Language.ES)
    named = [
        prop.value
        for rule in fields.columns(view)
        for prop in rule.properties
        if prop.id_val == "displayName"
    ]
    assert named == ["Uno ${__field.labels.level}"] * 2


def test_counts_of_intervals_are_bars_and_no_line_leads_from_one_to_the_next(spanish: list[Rendered]) -> None:
    drawn = {
        panel.name: body["fieldConfig"]["defaults"]["custom"]["drawStyle"]
        for made in spanish
        for panel, body in zip(
            made.board.panels(), (each for each in made.body["panels"] if each["type"] != "row"), strict=True
        )
        if panel.draw is panels.Draw.SERIES
    }
    assert (drawn["presses_by_day"], drawn["presses_over_time"], drawn["stretches"]) == (
        "bars",
        "bars",
        "line",
    )


def test_the_map_needs_no_internet_and_draws_the_citys_own_districts(spanish: list[Rendered]) -> None:
    wall = next(made for made in spanish if made.board.name == "muro")
    options = next(panel["options"] for panel in wall.body["panels"] if panel["type"] == "geomap")
    assert options["basemap"]["type"] == "default"
    assert options["layers"][0]["config"]["src"] == "public/cior/districts.geojson"
    assert "http" not in json.dumps(options)
    assert options["layers"][1]["location"] == {"mode": "coords", "latitude": "lat", "longitude": "lon"}


def test_a_type_is_shown_by_its_name_and_a_reserved_one_as_reserved(spanish: list[Rendered]) -> None:
    wall = next(made for made in spanish if made.board.name == "muro")
    rows = next(panel for panel in wall.body["panels"] if panel["title"].startswith("Lista"))
    override = next(each for each in rows["fieldConfig"]["overrides"] if each["matcher"]["options"] == "type")
    names = next(each["value"][0]["options"] for each in override["properties"] if each["id"] == "mappings")
    assert names["reservada"]["text"] == "reservada"
    assert len(names) > 100


def test_panels_stand_side_by_side_and_rows_below_each_other() -> None:
    board = Board(
        name="x",
        audience=Audience.WALL,
        rows=(
            Row(height=4, panels=(panels.note("a", width=10), panels.note("b", width=14))),
            Row(height=6, title="t", panels=(panels.note("c"),)),
        ),
    )
    assert [(each.x, each.y, each.w, each.h) for each in layout(board)] == [
        (0, 0, 10, 4),
        (10, 0, 14, 4),
        (0, 4, 24, 1),
        (0, 5, 24, 6),
    ]


def test_a_row_wider_than_the_grid_is_refused_by_name() -> None:
    row = Row(panels=(panels.note("a", width=20), panels.note("b", width=5)))
    with pytest.raises(ConfigInvalid, match="panel b ends at column 25 of 24"):
        layout(Board(name="x", audience=Audience.WALL, rows=(row,)))


WRONG = {
    "a query nobody wrote": (panels.table("nothing"), "board.no_query"),
    "an unknown threshold set": (
        panels.number("p1_waiting", width=4, thresholds="rainbow"),
        "thresholds.unknown",
    ),
    "a map without coordinates": (panels.points_map("blind_spots", width=8), "board.no_place"),
    "bars without a name": (panels.bars("p1_waiting", width=8), "board.no_bars"),
    "a panel without words": (panels.table("unsaid", query="open_list"), "words.missing"),
    "a column without words": (panels.table("drill", query="open_list"), "words.no_column"),
    "a note without text": (panels.note("drill"), "words.no_text"),
}


@pytest.mark.parametrize(("panel", "code"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_a_board_is_told(panel: panels.Panel, code: str) -> None:
    board = Board(name="muro", audience=Audience.WALL, rows=(Row(panels=(panel,)),))
    with pytest.raises(ConfigInvalid) as told:
        render(board, language=Language.ES, timezone="UTC")
    assert told.value.code == code
    assert told.value.cure


def test_build_writes_once_and_then_finds_nothing_to_change(tmp_path: Path) -> None:
    arguments = ["build", "--out", str(tmp_path)]
    first = CliRunner().invoke(grafana, arguments)
    assert f"{2 * len(BOARDS)} boards, {2 * len(BOARDS)} changed" in first.output
    assert "/d/cior-muro?kiosk&_dash.hideTimePicker=true&_dash.hideVariables=true" in first.output
    (tmp_path / "es" / "gone.json").write_text("{}")
    assert "1 changed" in CliRunner().invoke(grafana, arguments).output
    assert not (tmp_path / "es" / "gone.json").exists()


def test_check_names_what_somebody_edited_by_hand(tmp_path: Path) -> None:
    CliRunner().invoke(grafana, ["build", "--out", str(tmp_path), "--language", "es"])
    (tmp_path / "es" / "muro.json").write_text("{}")
    told = CliRunner().invoke(grafana, ["build", "--out", str(tmp_path), "--language", "es", "--check"])
    assert isinstance(told.exception, ConfigInvalid)
    assert "es/muro.json" in str(told.exception)
    assert (tmp_path / "es" / "muro.json").read_text() == "{}"


def test_a_centre_has_its_own_time_zone_and_a_wrong_one_is_refused() -> None:
    assert (
        building.boards(Language.ES, timezone="America/Argentina/Mendoza")[0]
        .body["timezone"]
        .endswith("Mendoza")
    )
    with pytest.raises(ConfigInvalid, match="'Mars/Olympus' is no time zone"):
        building.boards(Language.ES, timezone="Mars/Olympus")


def test_a_district_is_chosen_and_never_all_of_them(spanish: list[Rendered]) -> None:
    made = next(made for made in spanish if made.board.name == "distrito")
    (variable,) = made.body["templating"]["list"]
    assert (variable["name"], variable["type"], variable["includeAll"], variable["multi"]) == (
        "district",
        "query",
        False,
        False,
    )
    assert variable["query"] == queries.load("distrito")["districts"].sql
    rows = next(panel for panel in made.body["panels"] if panel["title"] == "Todos los distritos")
    override = next(
        each for each in rows["fieldConfig"]["overrides"] if each["matcher"]["options"] == "district"
    )
    links = next(each["value"] for each in override["properties"] if each["id"] == "links")
    assert links == [
        {"title": "CIOR · Distrito", "url": "/d/cior-distrito?var-district=${__value.raw:percentencode}"}
    ]


def test_a_number_without_a_number_is_told() -> None:
    row = Row(panels=(panels.number("district", query="districts", width=4),))
    board = Board(name="distrito", audience=Audience.WALL, rows=(row,))
    with pytest.raises(ConfigInvalid, match=r"board\.no_number: the number district has no number"):
        render(board, language=Language.ES, timezone="UTC")


def test_a_board_may_ask_prometheus_too() -> None:
    asked = PromQuery(name="drill", expr="sum by (topic) (lag)", legend="{{topic}}")
    row = Row(panels=(panels.series("drill", width=12), panels.number("drill", width=4, thresholds="some")))
    board = Board(name="muro", audience=Audience.WALL, rows=(row,), prometheus=(asked,))
    made = render(board, language=Language.ES, timezone="UTC")
    over_time, now = (panel["targets"][0] for panel in made.body["panels"])
    assert over_time["datasource"] == {"type": "prometheus", "uid": "cior-prometheus"}
    assert (over_time["range"], over_time["format"], over_time["legendFormat"]) == (
        True,
        "time_series",
        "{{topic}}",
    )
    assert (now["instant"], now["format"]) == (True, "table")
    assert made.queries == ()
    assert house_rules.lint([made]) == []
    assert read_back(made.body) == made.body


def test_stacked_counts_are_bars_and_other_series_lines() -> None:
    for is_stacked, style in ((True, "bars"), (False, "line")):
        asked = PromQuery(name="drill", expr="up")
        row = Row(panels=(panels.series("drill", width=12, stacked=is_stacked),))
        board = Board(name="muro", audience=Audience.WALL, rows=(row,), prometheus=(asked,))
        (drawn,) = render(board, language=Language.ES, timezone="UTC").body["panels"]
        assert drawn["fieldConfig"]["defaults"]["custom"]["drawStyle"] == style
