"""What a board's page would ask, and what an answer means."""

from __future__ import annotations

from typing import Any

import pytest

from cior_core.errors import ConfigInvalid
from cior_grafana.asking_panels import State, Target, filled, judged, targets
from cior_grafana.needed_views import needed_views, views_in
from cior_grafana.port import Answer

SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "cior-wall"}


def test_every_query_is_found_in_folded_rows_too_and_hidden_ones_are_not_asked() -> None:
    inner = {"title": "Dentro", "targets": [{"refId": "A", "rawSql": "SELECT 2"}], "datasource": SOURCE}
    board: dict[str, Any] = {
        "panels": [
            {
                "title": "Uno",
                "datasource": SOURCE,
                "targets": [{"rawSql": "SELECT 1"}, {"rawSql": "x", "hide": True}],
            },
            {"type": "row", "title": "Fila", "panels": [inner]},
            {"type": "text", "title": "Nota"},
        ]
    }
    found = list(targets(board))
    assert [(one.panel, one.text, one.query["refId"]) for one in found] == [
        ("Uno", "SELECT 1", "A"),
        ("Dentro", "SELECT 2", "A"),
    ]
    assert all(one.query["datasource"] == SOURCE for one in found)


def test_variables_are_put_in_as_the_page_does_and_the_rest_stays() -> None:
    query = {"rawSql": "WHERE d = ${district:singlequote}", "format": 1, "refId": "A"}
    filled_in = filled(query, {"district": "O'Higgins"})
    assert filled_in == {"rawSql": "WHERE d = 'O\\'Higgins'", "format": 1, "refId": "A"}


def test_a_variable_that_the_board_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ConfigInvalid, match="district"):
        filled({"rawSql": "WHERE d = ${district:singlequote}"}, {})


def test_views_are_read_from_the_text_each_once() -> None:
    sql = "SELECT 1 FROM wall.v_a JOIN wall.v_b USING x WHERE y IN (SELECT y FROM wall.v_a) -- ops.events"
    assert views_in(sql) == ["wall.v_a", "wall.v_b"]


def test_the_views_of_boards_and_of_alert_rules_are_needed() -> None:
    needed = needed_views()
    assert "muro" in needed["wall.v_open_by_level"]
    assert "alert rules" in needed["supervisor.v_blind_share"]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ("code: 60, message: Unknown table expression identifier 'wall.v_b'", "wall.v_b:"),
        ("code: 60, message: Unknown table expression identifier 'ops.v_c' in scope wall.v_a", "ops.v_c:"),
        ("Code: 60. DB::Exception: (UNKNOWN_TABLE)", "wall.v_a, wall.v_b:"),
        ("code: 81, message: Database wall does not exist", "wall.v_a, wall.v_b:"),
    ],
)
def test_a_view_that_is_lacking_is_named(error: str, what: str) -> None:
    target = Target(panel="Uno", query={"rawSql": "SELECT 1 FROM wall.v_a, wall.v_b"})
    finding = judged("muro / Uno", target, Answer(error=error), ms=3, slow_ms=1000)
    assert finding.state is State.MISSING
    assert finding.what.startswith(f"the database lacks {what}")


def test_another_error_is_told_in_the_engines_words() -> None:
    target = Target(panel="Uno", query={"rawSql": "SELECT 1 FROM wall.v_a"})
    finding = judged("x", target, Answer(error="code: 160, too slow"), ms=3, slow_ms=1000)
    assert (finding.state, finding.what) == (State.FAILING, "code: 160, too slow")
