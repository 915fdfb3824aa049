"""Named queries: what a file may say, and that a mistake is told with its line."""

from __future__ import annotations

import pytest

from cior_core.strict_toml import ConfigFault
from cior_grafana import house_rules, queries
from cior_grafana.board import Board
from cior_grafana.boards import BOARDS
from cior_grafana.queries import Audience, Bound, Format, Kind
from cior_store import viewdocs

GOOD = """\
-- Why this file exists.

-- Why this query exists.
-- @query open_by_level wall table
-- @columns level:string
-- @columns alerts:number
-- @bounded state
SELECT level, alerts
-- not for the board
FROM wall.v_open_by_level;

-- @query load supervisor series
-- @columns time:time alerts:number
SELECT $__timeInterval(opened) AS time, count() AS alerts
FROM supervisor.v_alerts
WHERE $__timeFilter(opened)
GROUP BY time
"""


def test_a_query_is_read_with_its_columns_and_without_its_comments() -> None:
    found = queries.read(GOOD, file="sql/x.sql")
    level = found["open_by_level"]
    assert level.sql == "SELECT level, alerts\nFROM wall.v_open_by_level"
    assert (level.audience, level.format, level.bound) == (Audience.WALL, Format.TABLE, Bound.STATE)
    assert [(column.name, column.kind) for column in level.columns] == [
        ("level", Kind.STRING),
        ("alerts", Kind.NUMBER),
    ]
    assert (level.file, level.line) == ("sql/x.sql", 4)
    assert (found["load"].bound, found["load"].named(Kind.TIME)) == (Bound.TIME, ("time",))


WRONG = {
    "no header": ("SELECT 1", "sql.orphan", 1),
    "columns before any query": ("-- @columns a:number", "sql.orphan", 1),
    "a short header": ("-- @query a wall\n-- @columns n:number\nSELECT 1", "sql.header", 1),
    "an unknown audience": (
        "-- @query a street table\n-- @columns n:number\nSELECT 1",
        "sql.unknown_audience",
        1,
    ),
    "an unknown format": ("-- @query a wall rows\n-- @columns n:number\nSELECT 1", "sql.unknown_format", 1),
    "an unknown kind": ("-- @query a wall table\n-- @columns n:float\nSELECT 1", "sql.unknown_kind", 2),
    "an unknown bound": (
        "-- @query a wall table\n-- @columns n:number\n-- @bounded hope\nSELECT 1",
        "sql.unknown_bound",
        3,
    ),
    "a column without kind": ("-- @query a wall table\n-- @columns n\nSELECT 1", "sql.column", 2),
    "a column twice": (
        "-- @query a wall table\n-- @columns n:number n:time\nSELECT 1",
        "sql.column_twice",
        2,
    ),
    "no columns": ("-- @query a wall table\nSELECT 1", "sql.no_columns", 1),
    "a misspelt tag": ("-- @query a wall table\n-- @column n:number\nSELECT 1", "sql.unknown_tag", 2),
    "no text": ("-- @query a wall table\n-- @columns n:number\n", "sql.empty", 1),
    "a series without time": ("-- @query a wall series\n-- @columns n:number\nSELECT 1", "sql.no_time", 2),
    "a name twice": (f"{GOOD}\n-- @query load wall table\n-- @columns n:number\nSELECT 1", "sql.twice", 19),
}


@pytest.mark.parametrize(("text", "code", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_a_file_of_queries_is_told_with_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigFault) as told:
        queries.read(text, file="sql/x.sql")
    assert (told.value.code, told.value.line) == (code, line)
    assert "sql/x.sql" in str(told.value)
    assert told.value.cure


def test_a_board_without_a_file_of_queries_is_named() -> None:
    with pytest.raises(ConfigFault, match=r"sql/nowhere\.sql"):
        queries.load("nowhere")


def test_every_file_of_queries_belongs_to_a_board_and_every_query_is_asked() -> None:
    asked = {(board.name, query.name) for board in BOARDS for query in board.questions()}
    written = {
        (board, name)
        for board in queries.boards()
        if board != "shared"
        for name in queries.read((queries.FOLDER / f"{board}.sql").read_text(), file=f"{board}.sql")
    }
    assert written - asked == set()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_query_reads_views_that_a_migration_makes_and_the_page_describes(board: Board) -> None:
    asked = {name for query in board.questions() for name in house_rules.reads(query.sql)}
    assert asked
    assert asked - set(viewdocs.described()) == set()


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (Audience.WALL, {Audience.WALL}),
        (Audience.SUPERVISOR, {Audience.WALL, Audience.SUPERVISOR}),
        (Audience.OBSERVATORY, {Audience.OBSERVATORY}),
    ],
)
def test_who_may_see_what(who: Audience, sees: set[Audience]) -> None:
    assert {each for each in Audience if who.covers(each)} == sees
