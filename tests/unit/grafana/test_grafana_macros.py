"""What a board's SQL becomes: judged by expansions that the plugin's own code made, where they are at hand, and by
vectors of our own.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cior_core.errors import ConfigInvalid
from cior_grafana.macros import FORBIDDEN, Window, expand, ready, substitute, used_variables

NIGHT = Window(from_ms=1_795_651_199_999, to_ms=1_795_653_000_000, interval_ms=1_500)
"""25 Nov 2026 23:59:59.999 to 00:30, so that every cut to seconds and days shows."""

OURS = {
    "$__timeFilter(t)": "t >= toDateTime(1795651199) AND t <= toDateTime(1795653000)",
    "$__timeFilter_ms(t)": "t >= fromUnixTimestamp64Milli(1795651199999) "
    "AND t <= fromUnixTimestamp64Milli(1795653000000)",
    "$__dateFilter(day)": "day >= toDate('2026-11-25') AND day <= toDate('2026-11-26')",
    "$__timeInterval(if(a = ',)', a, b))": "toStartOfInterval(toDateTime(if(a = ',)', a, b)), INTERVAL 1 second)",
    "$__fromTime_ms - $__interval_s": "fromUnixTimestamp64Milli(1795651199999) - 1",
    "$__timeGroup(t, '2h')": "toStartOfInterval(toDateTime(t), INTERVAL 7200 second)",
    "a /* $__fromTime\n */ b": "a               \n    b",
    r"'it\'s $__fromTime' || $__toTime": r"'it\'s $__fromTime' || toDateTime(1795653000)",
    "`$__fromTime`": "`$__fromTime`",
    "nothing here": "nothing here",
}


def vectors(test_data: Path) -> list[dict[str, Any]]:
    path = test_data / "grafana" / "macro_golden.json"
    if not path.is_file():
        pytest.skip(f"the plugin's own expansions are not here: {path.name}")
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


def is_forbidden(sql: str) -> bool:
    return sql == "$__interval" or sql.startswith(("$__columns", "$__perSecondColumns", "$__lttb"))


def window_of(vector: dict[str, Any]) -> Window:
    begin, end = (round(datetime.fromisoformat(vector[key]).timestamp() * 1000) for key in ("from", "to"))
    return Window(from_ms=begin, to_ms=end, interval_ms=vector["interval_ms"])


def outcome(sql: str, window: Window) -> str | dict[str, str]:
    try:
        return expand(sql, window)
    except ConfigInvalid as error:
        return {"error": error.sentence}


def test_what_the_plugins_own_code_made_of_95_expressions_comes_out_here_too(test_data: Path) -> None:
    judged = [vector for vector in vectors(test_data) if not is_forbidden(vector["in"])]
    assert len(judged) == 95
    wrong = {
        v["in"]: outcome(v["in"], window_of(v)) for v in judged if outcome(v["in"], window_of(v)) != v["out"]
    }
    assert wrong == {}


def test_its_other_20_rewrite_statements_or_give_text_and_are_refused_here(test_data: Path) -> None:
    refused = [vector for vector in vectors(test_data) if is_forbidden(vector["in"])]
    assert len(refused) == 20
    for vector in refused:
        with pytest.raises(ConfigInvalid, match="is not for our boards"):
            expand(vector["in"], window_of(vector))


@pytest.mark.parametrize("sql", OURS)
def test_expansions_that_a_board_of_ours_needs(sql: str) -> None:
    assert expand(sql, NIGHT) == OURS[sql]


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_a_forbidden_macro_is_refused_wherever_it_stands(name: str) -> None:
    with pytest.raises(ConfigInvalid, match=rf"\$__{name} is not for our boards"):
        expand(f"SELECT $__timeFilter(coalesce(a, $__{name}(b)))", NIGHT)


@pytest.mark.parametrize(
    "sql", ["$__timeFilter", "$__timeFilter()", "$__timeFilter(a, b)", "$__dt(a)", "$__timeGroup(a, soon)"]
)
def test_wrong_arguments_are_told_and_not_sent(sql: str) -> None:
    with pytest.raises(ConfigInvalid):
        expand(sql, NIGHT)


def test_a_bracket_that_never_closes_is_told() -> None:
    with pytest.raises(ConfigInvalid, match="closing bracket"):
        expand("SELECT $__timeFilter(toDate(a)", NIGHT)


def test_a_district_with_a_quote_in_its_name_stays_inside_its_quotes() -> None:
    sql = "WHERE district = ${district:singlequote}"
    assert substitute(sql, {"district": "O'Higgins"}) == r"WHERE district = 'O\'Higgins'"
    assert used_variables(sql + " AND ${district:singlequote} != ''") == ("district",)


def test_a_backslash_leaves_its_quotes_as_it_does_in_grafana() -> None:
    sent = ready("WHERE district = (${district:singlequote})", NIGHT, {"district": "x\\') OR 1=1 --"})
    assert sent.startswith(r"WHERE district = ('x\\') OR 1=1 ")


def test_a_value_is_no_template_for_another() -> None:
    values = {"a": "${b:singlequote}", "b": "secret"}
    assert ready("SELECT ${a:singlequote}", NIGHT, values) == "SELECT '${b:singlequote}'"


@pytest.mark.parametrize("sql", ["${district}", "${district:csv}", "${route:singlequote}"])
def test_a_variable_without_quotes_or_value_is_refused(sql: str) -> None:
    with pytest.raises(ConfigInvalid, match="variable"):
        ready(sql, NIGHT, {"district": "centro"})


@pytest.mark.parametrize("sql", ["SELECT $__tiemFilter(t)", "SELECT [[district]]", "SELECT ${}"])
def test_what_nobody_would_expand_is_refused(sql: str) -> None:
    with pytest.raises(ConfigInvalid, match="nothing that Grafana"):
        ready(sql, NIGHT)


def test_a_day_in_400_points_has_points_of_five_minutes() -> None:
    assert Window.of(0, 86_400_000).interval_ms == 300_000
    assert Window.of(0, 60_000).interval_ms == 1_000
    assert Window.of(0, 366 * 86_400_000).interval_ms == 86_400_000
