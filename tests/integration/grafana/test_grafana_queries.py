"""Every query of every board and rule on a real server, as the user that asks it there, within that user's limits.

What a panel needs is judged on the answer: names, order and kinds of its columns, no sealed word in any cell, and no
value of a variable that shows more than the same user may read.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cior_grafana import queries
from cior_grafana.boards import BOARDS
from cior_grafana.macros import Window, ready, used_variables
from cior_grafana.queries import Query
from cior_store.engine import Store
from engines.clickhouse_lite import ClickHouseLite
from integration.grafana import walls_story
from integration.grafana.asking import USERS, Answer, Refused, ask, faults
from integration.store import canaries

NOW_MS = time.time_ns() // 1_000_000
# The boards' files, and beside their folder the one of the alert rules.
FILES = [*sorted(queries.FOLDER.glob("*.sql")), *sorted(queries.FOLDER.parent.glob("*.sql"))]
WRITTEN = {
    f"{path.stem}-{query.name}": query
    for path in FILES
    for query in queries.read(path.read_text(encoding="utf-8"), file=path.name).values()
}
EVERY = [pytest.param(query, id=name) for name, query in WRITTEN.items()]
CHOOSING = [pytest.param(query, id=name) for name, query in WRITTEN.items() if used_variables(query.sql)]
HARMLESS = "no existe tal distrito"
HOSTILE = {
    "a quote": "O'Higgins' OR '1'='1",
    "quotes doubled": "'' OR ''=''",
    "ten thousand": "x" * 10_000,
    "nul": "cen\0tro",
    "unicode": "ñandú 🚨 \u202e\ufeff",
    "a template": "${district:singlequote} $__timeFilter(x) {{x}}",
}
BREAKING_OUT = {
    "or": "x\\') OR 1=1 --",
    "or without bracket": "x\\' OR 1=1 --",
    "raw bytes": "x\\' UNION ALL SELECT payload FROM ops.raw --",
    "sealed bytes": "x\\' OR (SELECT count() FROM sealed.raw) > 0 --",
    "base table": "x\\' OR (SELECT count() FROM ops.alert_current) > 0 --",
    "other users": "x\\' OR (SELECT count() FROM system.users) > 0 --",
    "file": "x\\' OR (SELECT count() FROM file('/etc/passwd', 'LineAsString')) > 0 --",
}


def range_of(begin: datetime, end: datetime) -> Window:
    return Window.of(*(round(at.timestamp() * 1000) for at in (begin, end)))


def ranges() -> dict[str, Window]:
    """A minute, a year, a day that has 23 hours where the clock is put forward, and no time at all."""
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    spring = datetime(2026, 9, 6, tzinfo=ZoneInfo("America/Santiago"))
    return {
        "a minute": range_of(now - timedelta(minutes=1), now),
        "a year": range_of(now - timedelta(days=365), now),
        "a short day": range_of(spring, spring + timedelta(days=1)),
        "nothing": range_of(now, now),
    }


YEAR = ranges()["a year"]


def answer(server: ClickHouseLite, query: Query, window: Window, value: str = "centro") -> Answer:
    chosen = dict.fromkeys(used_variables(query.sql), value)
    return ask(server, USERS[query.audience], ready(query.sql, window, chosen))


def wrong(query: Query, found: Answer) -> list[str]:
    columns = tuple((column.name, column.kind.value) for column in query.columns)
    return faults(found, columns) + sealed_words(found)


def sealed_words(found: Answer) -> list[str]:
    told = str(found.rows)
    return [f"a cell says {word}" for word in (canaries.WORD, str(canaries.NUMBER)) if word in told]


@pytest.fixture(scope="module")
def told(admin: Store, lite: ClickHouseLite) -> ClickHouseLite:
    walls_story.tell(admin, NOW_MS)
    return lite


def test_every_board_and_the_rules_are_judged() -> None:
    asked = {path.stem for path in FILES}
    assert {board.name for board in BOARDS} | {"alert_rules", "shared"} == asked
    assert all(any(name.startswith(f"{each}-") for name in WRITTEN) for each in asked)


@pytest.mark.parametrize("query", EVERY)
def test_a_store_in_which_nothing_happened(admin: Store, lite: ClickHouseLite, query: Query) -> None:
    assert wrong(query, answer(lite, query, YEAR)) == []


@pytest.mark.parametrize("query", EVERY)
def test_a_city_s_day(told: ClickHouseLite, query: Query) -> None:
    found = {name: wrong(query, answer(told, query, window)) for name, window in ranges().items()}
    assert not {name: faulty for name, faulty in found.items() if faulty}


@pytest.mark.parametrize("query", CHOOSING)
def test_a_value_that_is_odd_finds_nothing_more(told: ClickHouseLite, query: Query) -> None:
    nothing = comparable(query, answer(told, query, YEAR, HARMLESS))
    for name, value in HOSTILE.items():
        assert comparable(query, answer(told, query, YEAR, value)) == nothing, name


@pytest.mark.parametrize("query", CHOOSING)
def test_a_value_that_leaves_its_quotes_reads_no_more_than_its_user_may(
    told: ClickHouseLite, query: Query
) -> None:
    for name, value in BREAKING_OUT.items():
        try:
            found = answer(told, query, YEAR, value)
        except Refused:
            continue
        assert not sealed_words(found), name


def test_a_backslash_does_leave_its_quotes_and_only_the_grants_hold(told: ClickHouseLite) -> None:
    sql = "SELECT count() AS alerts FROM wall.v_open_alerts WHERE (district = ${district:singlequote})"

    def found(value: str) -> int:
        return int(ask(told, USERS["wall"], ready(sql, YEAR, {"district": value})).rows[0][0])

    assert found(HARMLESS) == 0
    assert found("x\\') OR 1=1 --") > 0
    with pytest.raises(Refused) as refusal:
        found("x\\') OR (SELECT count() FROM ops.alert_current) > 0 --")
    assert refusal.value.code == 497


def comparable(query: Query, found: Answer) -> list[list[Any]]:
    """Rows without what grows while the test runs: ages."""
    aging = [place for place, column in enumerate(query.columns) if column.name.endswith(("_s", "_ms"))]
    return [[cell for place, cell in enumerate(row) if place not in aging] for row in found.rows]
