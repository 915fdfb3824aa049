"""Each house rule refuses what it is there for, and nothing else of a good board."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cior_grafana import building, house_rules, panels
from cior_grafana.board import Board, Row, Variable
from cior_grafana.queries import Audience, Bound, Column, Format, Kind, Query
from cior_grafana.rendering import Rendered
from cior_grafana.words import Language

GOOD_SQL = "SELECT level, alerts FROM wall.v_open_by_level WHERE $__timeFilter(opened)"


@pytest.fixture(scope="module")
def good() -> Rendered:
    """The wall as it is."""
    return next(made for made in building.boards(Language.ES) if made.board.name == "muro")


def codes(made: Rendered) -> set[str]:
    return {finding.code for finding in house_rules.lint([made])}


def edited(made: Rendered, edit: Callable[[dict[str, Any]], None]) -> Rendered:
    body = copy.deepcopy(made.body)
    edit(body)
    return msgspec.structs.replace(made, body=body)


def asking(made: Rendered, sql: str, **changes: Any) -> Rendered:
    query = Query(
        name="q",
        sql=sql,
        audience=Audience.WALL,
        format=Format.TABLE,
        columns=(Column(name="alerts", kind=Kind.NUMBER),),
        file="sql/x.sql",
        line=7,
    )
    return msgspec.structs.replace(made, queries=(msgspec.structs.replace(query, **changes),))


def column(name: str, kind: Kind = Kind.STRING) -> tuple[Column, ...]:
    return (Column(name=name, kind=kind),)


def test_the_boards_break_no_rule() -> None:
    for language in Language:
        assert house_rules.lint(building.boards(language)) == []


def test_a_good_query_breaks_no_rule(good: Rendered) -> None:
    assert codes(asking(good, GOOD_SQL)) == set()


def panel(body: dict[str, Any], kind: str = "table") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in body["panels"] if each["type"] == kind)
    return found


def defaults(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = panel(body)["fieldConfig"]["defaults"]
    return found


BODIES: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "colours by order": (
        "colour.implicit",
        lambda body: defaults(body).update(color={"mode": "palette-classic"}),
    ),
    "a fixed colour by name": (
        "colour.implicit",
        lambda body: defaults(body).update(color={"mode": "fixed", "fixedColor": "red"}),
    ),
    "no thresholds": ("colour.implicit", lambda body: defaults(body).update(thresholds={"steps": []})),
    "a threshold by name": (
        "colour.implicit",
        lambda body: defaults(body).update(thresholds={"steps": [{"color": "green", "value": None}]}),
    ),
    "no text for no rows": ("panel.no_state", lambda body: defaults(body).pop("noValue")),
    "no grey for null": ("panel.no_state", lambda body: defaults(body).update(mappings=[])),
    "five seconds": ("refresh.fast", lambda body: body.update(refresh="5s")),
    "no refresh": ("refresh.fast", lambda body: body.pop("refresh")),
    "no title": ("words.missing", lambda body: panel(body).update(title="")),
    "no description": ("words.missing", lambda body: panel(body).pop("description")),
    "a board without description": ("words.missing", lambda body: body.update(description=" ")),
    "the browser's time": ("timezone.missing", lambda body: body.update(timezone="browser")),
    "All": (
        "variable.all",
        lambda body: body["templating"].update(list=[{"name": "district", "includeAll": True}]),
    ),
    "a repeated panel": ("panel.repeat", lambda body: panel(body).update(repeat="district")),
    "two panels in one place": (
        "grid.overlap",
        lambda body: body["panels"][1].update(gridPos=body["panels"][0]["gridPos"]),
    ),
    "over the edge": ("grid.edge", lambda body: body["panels"][-1]["gridPos"].update(x=20, w=5, y=90)),
    "no target": ("target.none", lambda body: panel(body).update(targets=[])),
    "a target without format": ("target.vague", lambda body: panel(body)["targets"][0].pop("format")),
    "a target of another source": (
        "target.vague",
        lambda body: panel(body)["targets"][0]["datasource"].update(uid="P4169E866C3094E38"),
    ),
    "a target without source": ("target.vague", lambda body: panel(body)["targets"][0].pop("datasource")),
    "arrests in a title": ("kpi.coercion", lambda body: panel(body).update(title="Detenidos por turno")),
    "stops in a description": (
        "kpi.coercion",
        lambda body: panel(body).update(description="Stops per officer"),
    ),
    "searches in a column's name": (
        "kpi.coercion",
        lambda body: panel(body)["fieldConfig"]["overrides"][0]["properties"].append(
            {"id": "displayName", "value": "Cacheos"}
        ),
    ),
    "a link to no board": ("link.lost", lambda body: body.update(links=[{"url": "/d/cior-luna"}])),
    "a value's link to no board": (
        "link.lost",
        lambda body: panel(body)["fieldConfig"]["overrides"][0]["properties"].append(
            {"id": "links", "value": [{"url": "/d/cior-luna?var-x=1"}]}
        ),
    ),
}


@pytest.mark.parametrize(("code", "edit"), BODIES.values(), ids=BODIES)
def test_a_board_that_breaks_a_rule_is_refused(
    code: str, edit: Callable[[dict[str, Any]], None], good: Rendered
) -> None:
    found = house_rules.lint([edited(good, edit)])
    assert {finding.code for finding in found} == {code}
    assert all(finding.cure and finding.where and finding.message for finding in found)


QUERIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "rate columns": ("macro.statement", "$__rateColumns(a) FROM wall.v_x WHERE now() > t", {}),
    "lttb": ("macro.statement", "$__lttb(100, t, n) FROM wall.v_x WHERE now() > t", {}),
    "the screen's interval": ("macro.browser", f"{GOOD_SQL} AND x > $__interval", {}),
    "conditional All": ("macro.browser", f"{GOOD_SQL} AND $__conditionalAll(d, x)", {}),
    "ad-hoc filters": ("macro.browser", f"{GOOD_SQL} AND $__adHocFilters('wall.v_x')", {}),
    "a misspelt macro": ("macro.leftover", f"{GOOD_SQL} AND $__timeFilte(t)", {}),
    "another board's variable": ("macro.leftover", f"{GOOD_SQL} AND d = ${{district:singlequote}}", {}),
    "a bare variable": ("macro.leftover", f"{GOOD_SQL} AND d = $district", {}),
    "an old variable": ("macro.leftover", f"{GOOD_SQL} AND d = [[district]]", {}),
    "no bound": ("sql.unbounded", "SELECT count() AS alerts FROM wall.v_alerts", {}),
    "a supervisor's query on the wall": ("audience.above", GOOD_SQL, {"audience": Audience.SUPERVISOR}),
    "a table": ("sql.table", "SELECT alerts FROM ops.alert_current WHERE opened > today()", {}),
    "sealed data": ("sql.table", "SELECT alerts FROM sealed.v_items WHERE opened > today()", {}),
    "a joined table": (
        "sql.table",
        "SELECT alerts FROM wall.v_a JOIN raw.payload ON a = b WHERE now() > t",
        {},
    ),
    "a table after a comma": ("sql.table", "SELECT alerts FROM wall.v_a, ops.events WHERE now() > t", {}),
    "a table in quotes": ("sql.table", "SELECT alerts FROM `raw`.`payload` WHERE now() > t", {}),
    "another audience's view": ("sql.reach", "SELECT alerts FROM supervisor.v_a WHERE now() > t", {}),
    "an alert's id on the wall": ("sealed.column", GOOD_SQL, {"columns": column("alert_id")}),
    "a payload on the wall": ("sealed.column", GOOD_SQL, {"columns": column("payload")}),
    "points of reserved alerts": (
        "sealed.point",
        "SELECT lat FROM wall.v_open_alerts WHERE opened > today()",
        {"columns": column("lat", Kind.LATITUDE)},
    ),
    "a cap over open alerts": (
        "sql.cap",
        "SELECT level AS alerts FROM wall.v_open_alerts WHERE turn < 9 ORDER BY turn LIMIT 200",
        {"bound": Bound.STATE},
    ),
    "arrests by name": ("kpi.coercion", GOOD_SQL, {"columns": column("arrests_per_shift")}),
    "arrests in the text": ("kpi.coercion", f"{GOOD_SQL} AND kind = 'detenciones'", {}),
    "stops in a view": ("kpi.coercion", "SELECT n FROM wall.v_stops WHERE day > today()", {}),
}


@pytest.mark.parametrize(("code", "sql", "changes"), QUERIES.values(), ids=QUERIES)
def test_a_query_that_breaks_a_rule_is_refused(
    code: str, sql: str, changes: dict[str, Any], good: Rendered
) -> None:
    found = house_rules.lint([asking(good, sql, **changes)])
    assert {finding.code for finding in found} == {code}
    assert all("sql/x.sql:7" in finding.where and finding.cure for finding in found)


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        ("SELECT alerts FROM wall.v_open_by_level", {"bound": Bound.STATE}),
        ("SELECT n AS alerts FROM wall.v_month", {"bound": Bound.ROLLUP}),
        (
            "SELECT if(reserved, '', alert_id) AS alert_id FROM wall.v_x WHERE t > now()",
            {"columns": column("alert_id")},
        ),
        ("SELECT bus_stops FROM wall.v_bus_stops WHERE $__timeFilter(t)", {}),
        ("WITH a AS (SELECT 1) SELECT alerts FROM a WHERE t > now64(3)", {}),
    ],
)
def test_what_only_looks_wrong_is_left_alone(sql: str, changes: dict[str, Any], good: Rendered) -> None:
    assert codes(asking(good, sql, **changes)) == set()


def test_a_variable_of_the_board_may_choose(good: Rendered) -> None:
    board = msgspec.structs.replace(good.board, variables=(Variable(name="district", query="open_list"),))
    made = msgspec.structs.replace(good, board=board)
    assert codes(asking(made, f"{GOOD_SQL} AND d = ${{district:singlequote}}")) == set()


def test_text_states_on_a_timeline_are_refused(good: Rendered) -> None:
    row = Row(panels=(panels.state_timeline("blind_spots", width=24, thresholds="health"),))
    board = Board(name="muro", audience=Audience.WALL, rows=(row,))
    assert codes(msgspec.structs.replace(good, board=board)) == {"state.text"}


def test_two_boards_of_one_uid_or_title_are_refused(good: Rendered) -> None:
    found = {finding.code for finding in house_rules.lint([good, edited(good, lambda _: None)])}
    assert found == {"uid.twice", "title.twice"}


def test_an_observatory_board_never_asks_as_the_wall(good: Rendered) -> None:
    board = msgspec.structs.replace(good.board, audience=Audience.OBSERVATORY)
    assert codes(msgspec.structs.replace(good, board=board)) == {"audience.above"}


@pytest.mark.parametrize("sql", ["SELECT 1 WHERE d = ${district:singlequote}", "SELECT $d", "SELECT [[d]]"])
def test_a_variable_in_an_alert_rule_is_refused(sql: str) -> None:
    assert [finding.code for finding in house_rules.lint_alert_sql("data_age", sql)] == ["alert.variable"]


def test_macros_may_stand_in_an_alert_rule() -> None:
    assert house_rules.lint_alert_sql("data_age", GOOD_SQL) == []
