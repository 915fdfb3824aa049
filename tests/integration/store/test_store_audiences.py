"""What Grafana's users and the console's can find out: everything that the store has is tried as each of them, over
HTTP, on a server with the deployed users; and what a free query over their views tells of sealed records (laws 9, 17).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from cior_console.summary import summarise
from cior_console.wall_questions import wall_questions
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied
from cior_core.model import Alert, AlertStatus, Level, Place, PlaceMethod, TypeCode
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions, Questions
from cior_store.seeing import seeing
from cior_store.writers import Writers
from engines.cache import EngineAbsent
from engines.clickhouse_lite import ClickHouseLite, ClickHouseLiteSettings, UserSpec
from integration.store import canaries, city
from integration.store.engines_here import empty

MAY_READ = {
    "cior_grafana_wall": {"wall"},
    "cior_grafana_supervisor": {"wall", "supervisor"},
    "cior_grafana_observatory": {"observatory"},
    "cior_console": {"console"},
    "cior_auditor": {"auditor"},
}
USERS = tuple(MAY_READ)
RESERVED = f"{canaries.WORD}-alert-0"
PANELS = tuple(user for user in USERS if user not in {"cior_console", "cior_auditor"})
"""Whose limits are those of a panel."""
BESIDES = {"cior_console": {"cior.schema_history"}}
"""What a user reads that is no view of its audience: whether migrations are due."""
DENIED, READONLY, THROWN = 497, 164, 395
TOO_MANY_READ, TOO_MANY_GIVEN, OUT_OF_BOUNDS = 158, 396, 452
NO_SUCH_DOOR = {636, 344}
"""``merge`` finds no table that the user may see; impersonation is off."""
ENGINE_FACTS = {
    f"system.{name}"
    for name in (
        "aggregate_function_combinators", "collations", "columns", "completions", "contributors", "current_roles",
        "data_type_families", "database_engines", "databases", "dictionary_layouts", "disk_types", "enabled_roles",
        "formats", "functions", "licenses", "one", "privileges", "quota_usage", "settings", "table_engines",
        "table_functions", "tables", "time_zones",
    )
}  # fmt: skip
"""What the engine tells every user about itself; of tables and columns only those that the user may read."""
TOO_MUCH = "too_much"
"""A user with one grant more than a wall: what the matrix must find."""
README = Path(__file__).resolve().parents[3] / "deploy" / "README.md"
NORTE = "cior_grafana_norte"


def _row_filter_example() -> str:
    """The file that deploy/README.md gives for a district's supervisor."""
    found = re.search(
        r"```xml\n(<clickhouse>.*?</clickhouse>)\n```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseLite]:
    """A migrated store with open and sealed records, written by the sink's own writers."""
    greedy = UserSpec(
        name=TOO_MUCH, grants=("GRANT SELECT ON wall.*", "GRANT SELECT ON ops.alert_current"), read_only=True
    )
    settings = ClickHouseLiteSettings(extra_users=(greedy,), users_d=(_row_filter_example(),))
    try:
        server = ClickHouseLite(tmp_path_factory.mktemp("audiences"), settings)
    except EngineAbsent as missing:
        pytest.skip(str(missing))
    with server:
        with Store.open(server.dsn("cior_migrator")) as migrator:
            migrate(migrator)
        with Store.open(server.dsn()) as admin:
            _fill(admin, at_ms=time.time_ns() // 1_000_000)
        yield server


def _fill(store: Store, *, at_ms: int, other: bool = False) -> None:
    """Open records, and the canaries', or those of another world (:func:`_otherwise`)."""
    writers = Writers(store)
    centro, norte = (
        Place(method=PlaceMethod.GPS, lat=-32.94, lon=-60.64, district=name) for name in ("centro", "norte")
    )
    open_records: dict[Kind, list[Any]] = {
        Kind.RAW: [city.raw(1, at_ms=at_ms)],
        Kind.EVENT: [
            city.event(1, at_ms=at_ms, raw_number=1),
            city.event(2, at_ms=at_ms, type=TypeCode("device.offline"), place=centro),
        ],
        Kind.ALERT: [
            city.alert(1, at_ms=at_ms, place=centro),
            city.alert(2, at_ms=at_ms, place=norte, level=Level.P2, status=AlertStatus.ACKNOWLEDGED),
        ],
    }
    for number, batch in enumerate((open_records, canaries.batches(at_ms=at_ms))):
        for kind, records in batch.items():
            written = [_otherwise(each, at_ms) for each in records] if other and number else records
            assert writers.write(kind, city.entries(written), token=f"{kind}-{number}") == (), kind


def _otherwise(record: Any, at_ms: int) -> Any:
    """A sealed record of another world: every word and number of its own differs, and so do its seconds and how many
    members it has; its level, status, district, class and minute are the same.
    """
    text = msgspec.json.encode(record)
    for old, new in ((canaries.WORD, "parrot"), (canaries.NUMBER, 12345678), (at_ms, at_ms - 3000)):
        text = text.replace(str(old).encode(), str(new).encode())
    made = msgspec.json.decode(text, type=type(record))
    return msgspec.structs.replace(made, members=made.members * 2) if isinstance(made, Alert) else made


def code(centre: ClickHouseLite, user: str, sql: str) -> int:
    """0 when the server answers, else its error number."""
    try:
        centre.query(sql, user)
    except HTTPError as refusal:
        said = refusal.read().decode()
    except IncompleteRead as cut:
        # Refused after the first rows were on their way: the error ends the rows, and the answer without its end.
        said = cut.partial.decode(errors="replace")
    else:
        return 0
    found = re.search(r"Code: (\d+)", said)
    assert found is not None
    return int(found[1])


def everything(centre: ClickHouseLite) -> list[str]:
    """Every table and view of the server, system tables too, as its administrator sees them."""
    listed = centre.query("SELECT concat(database, '.', name) FROM system.tables FORMAT TSV").split()
    assert {"sealed.raw", "ops.raw", "ledger.evidence_ledger", "wall.v_open_alerts", "system.users"} <= set(
        listed
    )
    return listed


def answering(centre: ClickHouseLite, user: str) -> set[str]:
    """What of that gives the user anything at all: its rows, their number, or the definition."""
    ways = ("SELECT * FROM {} LIMIT 1", "SELECT count() FROM {}", "DESCRIBE TABLE {}", "SHOW CREATE TABLE {}")
    called = windows(centre)
    return {
        name
        for name in everything(centre)
        for forms in [{name, called.get(name, name)}]
        if any(code(centre, user, way.format(form)) == 0 for way in ways for form in forms)
    }


def windows(centre: ClickHouseLite) -> dict[str, str]:
    """The views that take arguments, each as it is asked: for all of today and of yesterday, of a reserved alert."""
    day_ms = 86_400_000
    since_ms = (time.time_ns() // 1_000_000 // day_ms - 1) * day_ms
    window = {"since_ms": since_ms, "until_ms": since_ms + 3 * day_ms}
    values: dict[str, object] = {"alert": f"'{RESERVED}'", "after": 0, "until": 100, **window}
    values |= {name.replace("_ms", "_s"): value // 1000 for name, value in window.items()}
    found = {}
    texts = centre.query(
        "SELECT concat(database, '.', name), create_table_query FROM system.tables WHERE engine = 'View' FORMAT TSV"
    )
    for name, text in (line.split("\t", 1) for line in texts.splitlines()):
        if taken := sorted(set(re.findall(r"\{(\w+):(?:U?Int64|String)\}", text))):
            found[name] = f"{name}({', '.join(f'{each} = {values[each]}' for each in taken)})"
    return found


def readable(centre: ClickHouseLite, user: str) -> dict[str, str]:
    """The views of the user's audience, each with how it is asked."""
    called = windows(centre)
    return {
        name: called.get(name, name) for name in everything(centre) if name.split(".")[0] in MAY_READ[user]
    }


@pytest.mark.parametrize("user", USERS)
def test_law_9_a_reader_reads_the_views_of_its_audience_and_nothing_else(
    centre: ClickHouseLite, user: str
) -> None:
    allowed = readable(centre, user)
    found = answering(centre, user)
    assert {name for name in found if not _engine(name)} == allowed.keys() | BESIDES.get(user, set())
    assert {name for name in found if _engine(name)} <= ENGINE_FACTS
    for name, asked in allowed.items():
        assert code(centre, user, f"SELECT * FROM {asked}") == 0, name


def _engine(name: str) -> bool:
    """Whether it is the engine's own, about itself."""
    return name.split(".", maxsplit=1)[0].lower() in {"system", "information_schema"}


def test_the_matrix_finds_one_grant_too_many(centre: ClickHouseLite) -> None:
    walls = answering(centre, "cior_grafana_wall")
    assert answering(centre, TOO_MUCH) - walls == {"ops.alert_current"}


@pytest.mark.parametrize("user", USERS)
def test_the_engines_own_lists_name_nothing_but_the_audience(centre: ClickHouseLite, user: str) -> None:
    assert "alert_current" not in centre.query("SELECT word FROM system.completions FORMAT TSV", user)
    for table in ("tables", "columns", "databases", "data_skipping_indices", "parts", "dictionaries"):
        column = "name" if table == "databases" else "database"
        if code(centre, user, f"SELECT 1 FROM system.{table}") == DENIED:
            continue
        named = set(centre.query(f"SELECT DISTINCT {column} FROM system.{table} FORMAT TSV", user).split())
        besides = {name.split(".")[0] for name in BESIDES.get(user, ())}
        assert {name for name in named if not _engine(f"{name}.")} <= MAY_READ[user] | besides, table


# What a free query might try instead of a table's name. Each is refused, and for lack of a right.
BY_OTHER_DOORS = (
    "SELECT * FROM remote('127.0.0.1', ops.alert_current)",
    "SELECT * FROM merge('ops', '.*')",
    "SELECT * FROM merge('sealed', '.*')",
    "SELECT * FROM loop(ops.alert_current) LIMIT 1",
    "SELECT * FROM mergeTreeIndex(ops, alert_current)",
    "SELECT * FROM view(SELECT * FROM ops.alert_current)",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM file('/etc/passwd', 'CSV', 'a String')",
    "SELECT * FROM executable('x', 'CSV', 'a String')",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM dictionary('x')",
    "SELECT hasColumnInTable('ops', 'raw', 'payload')",
    "EXPLAIN SELECT * FROM ops.alert_current",
    "EXPLAIN ESTIMATE SELECT * FROM ops.alert_current",
    "SELECT (SELECT any(payload) FROM ops.raw)",
    "WITH x AS (SELECT body FROM ops.events) SELECT * FROM x",
    "SELECT * FROM wall.v_open_alerts WHERE alert_id IN (SELECT alert_id FROM ops.alert_current)",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.users",
    "SHOW ACCESS",
    "SHOW USERS",
    "EXECUTE AS cior_sink SELECT 1",
    "INSERT INTO ops.actions (action_id) VALUES ('x')",
    "INSERT INTO FUNCTION null('a UInt8') VALUES (1)",
    "ALTER TABLE ops.raw DELETE WHERE 1",
    "TRUNCATE TABLE ops.raw",
    "DROP VIEW wall.v_open_alerts",
    "CREATE OR REPLACE VIEW wall.v_open_alerts AS SELECT 1",
    "CREATE VIEW wall.v_mine DEFINER = cior_views SQL SECURITY DEFINER AS SELECT * FROM ops.alert_current",
    "CREATE TABLE wall.mine (n UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (n UInt8)",
    "CREATE DICTIONARY wall.d (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE 'raw' DB 'ops')) LAYOUT(FLAT())",
    "CREATE FUNCTION f AS (x) -> x",
    "CREATE USER mine",
    "GRANT SELECT ON ops.* TO cior_grafana_wall",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "BACKUP TABLE wall.v_open_alerts TO Null",
)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("sql", BY_OTHER_DOORS)
def test_there_is_no_other_door(centre: ClickHouseLite, user: str, sql: str) -> None:
    assert code(centre, user, sql) in {DENIED, READONLY, *NO_SUCH_DOOR}


@pytest.mark.parametrize("user", PANELS)
def test_a_panels_limits_are_its_users_and_cannot_be_changed(centre: ClickHouseLite, user: str) -> None:
    limits = dict(
        line.split("\t")
        for line in centre.query("SELECT name, value FROM system.settings FORMAT TSV", user).splitlines()
    )
    assert (limits["readonly"], limits["max_execution_time"]) == ("1", "10")
    for change in ("max_threads = 1", "max_memory_usage = 0", "max_rows_to_read = 0", "readonly = 0"):
        assert code(centre, user, f"SELECT 1 SETTINGS {change}") == READONLY, change
    for seconds, answer in ((7, 0), (65, 0), (66, OUT_OF_BOUNDS), (0, OUT_OF_BOUNDS)):
        assert code(centre, user, f"SELECT 1 SETTINGS max_execution_time = {seconds}") == answer, seconds
    assert code(centre, user, "SELECT count() FROM numbers(100000001) WHERE number % 7 = 0") == TOO_MANY_READ
    assert code(centre, user, "SELECT number FROM numbers(100001) ORDER BY number") == TOO_MANY_GIVEN
    assert (
        centre.query("SELECT quota_name, max_queries FROM system.quota_usage", user) == "cior_panels\t6000\n"
    )


def told(centre: ClickHouseLite, user: str) -> dict[str, str]:
    """All that the user's views say, as text."""
    return {
        name: centre.query(f"SELECT * FROM {asked} FORMAT TSVWithNames", user)
        for name, asked in readable(centre, user).items()
    }


def leaking(texts: dict[str, str]) -> set[str]:
    """The views that say a canary."""
    return {name for name, text in texts.items() if canaries.WORD in text or str(canaries.NUMBER) in text}


def test_the_canaries_stand_in_the_tables(centre: ClickHouseLite) -> None:
    """Otherwise the next tests would find nothing in nothing."""
    for table in (
        "sealed.raw", "ops.events", "ops.alert_current", "ops.alert_log", "ops.dead_letters", "ops.commands",
        "ops.receipts", "ops.actions", "ops.source_health", "ops.camera_state", "ops.device_state",
    ):  # fmt: skip
        assert leaking({table: centre.query(f"SELECT * FROM {table} FORMAT TSV")}) == {table}


@pytest.mark.parametrize("user", USERS)
def test_no_view_says_anything_of_a_sealed_record(centre: ClickHouseLite, user: str) -> None:
    assert leaking(told(centre, user)) == set()


@pytest.mark.parametrize("user", USERS)
def test_no_filter_of_the_readers_sees_what_a_view_leaves_out(centre: ClickHouseLite, user: str) -> None:
    """The engine may move a reader's filter below the view's own: with ``throwIf`` a row left out would speak."""
    for name, asked in readable(centre, user).items():
        columns = centre.query(f"DESCRIBE TABLE (SELECT * FROM {asked}) FORMAT TSV", user).splitlines()
        assert columns, name
        for column, kind, *_ in (line.split("\t") for line in columns):
            if "String" in kind:
                trap = f"throwIf(position(toString({column}), '{canaries.WORD}') > 0)"
                assert code(centre, user, f"SELECT count() FROM {asked} WHERE NOT {trap}") == 0, (
                    name,
                    column,
                )


def test_a_readers_filter_may_go_before_a_views_own_and_a_mask_holds(centre: ClickHouseLite) -> None:
    """Why views mask what they leave out: the engine reads the cheaper column first, and ``throwIf`` then tells."""
    views = {
        "bare": "SELECT device FROM ops.reordered WHERE startsWith(class, 'open')",
        "masked": "SELECT if(startsWith(class, 'open'), device, '') AS device FROM ops.reordered "
        "WHERE startsWith(class, 'open')",
    }
    rows = "SELECT if(number = 7, 'canary', 'x'), if(number = 7, 'sealed', 'open') || toString(rand64())"
    with Store.open(centre.dsn("cior_migrator")) as migrator:
        try:
            migrator.command(
                "CREATE TABLE ops.reordered (device String, class String) ENGINE = MergeTree ORDER BY tuple() "
                "SETTINGS min_bytes_for_wide_part = 0"
            )
            migrator.command(f"INSERT INTO ops.reordered {rows} FROM numbers(50000)")
            answers = {}
            for name, select in views.items():
                head = f"CREATE OR REPLACE VIEW wall.v_{name} DEFINER = cior_views SQL SECURITY DEFINER AS "
                migrator.command(head + select)
                trap = f"SELECT count() FROM wall.v_{name} WHERE NOT throwIf(device = 'canary')"
                answers[name] = code(centre, "cior_grafana_wall", trap)
        finally:
            for name in views:
                migrator.command(f"DROP VIEW IF EXISTS wall.v_{name}")
            migrator.command("DROP TABLE IF EXISTS ops.reordered SYNC")
    assert answers == {"bare": THROWN, "masked": 0}


def _world(centre: ClickHouseLite, at_ms: int, *, other: bool) -> dict[str, list[dict[str, Any]]]:
    """All that every user can read in a store with these records alone."""
    with Store.open(centre.dsn()) as admin:
        _fill(empty(admin), at_ms=at_ms, other=other)
    return {
        name: [
            json.loads(line)
            for line in centre.query(f"SELECT * FROM {asked} FORMAT JSONEachRow", user).splitlines()
        ]
        for user in USERS
        for name, asked in readable(centre, user).items()
    }


def _told_by(rows: list[dict[str, Any]], columns: set[str]) -> list[str]:
    return sorted(json.dumps({name: row[name] for name in sorted(columns)}) for row in rows)


def test_two_cities_that_differ_in_what_is_sealed_look_the_same(centre: ClickHouseLite) -> None:
    """Then no query over the views, whatever it joins or counts, can tell what was sealed. What differs between two
    looks at one city (ages) is left out.
    """
    at_ms = time.time_ns() // 60_000_000_000 * 60_000 - 30_000
    other, once, again = (_world(centre, at_ms, other=each) for each in (True, False, False))
    assert sum(map(bool, once.values())) > 5
    for name, rows in once.items():
        columns = {
            column
            for column in (rows[0] if rows else ())
            if _told_by(rows, {column}) == _told_by(again[name], {column})
        }
        assert _told_by(rows, columns) == _told_by(other[name], columns), name


def test_a_view_that_leaks_is_found(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_migrator")) as migrator:
        head = "CREATE OR REPLACE VIEW wall.v_leaky DEFINER = cior_views SQL SECURITY DEFINER AS "
        migrator.command(head + "SELECT type FROM ops.alert_current FINAL")
        try:
            assert leaking(told(centre, "cior_grafana_wall")) == {"wall.v_leaky"}
        finally:
            migrator.command("DROP VIEW wall.v_leaky")


def test_even_a_careless_view_gets_neither_sealed_data_nor_raw_bytes(centre: ClickHouseLite) -> None:
    """The definer sees less than whoever makes the view: made it can be, read it cannot."""
    columns = centre.query(
        "SELECT concat(database, '.', table), name FROM system.columns WHERE database IN ('sealed', 'cior') "
        "OR (database = 'ops' AND name IN ('body', 'payload') AND NOT startsWith(table, 'v_')) FORMAT TSV"
    )
    pairs = [line.split("\t") for line in columns.splitlines() if not line.split("\t")[0].endswith("_mv")]
    assert {"sealed.raw", "ops.raw", "ops.events", "ops.alert_current"} <= {table for table, _ in pairs}
    with Store.open(centre.dsn("cior_migrator")) as migrator:
        head = "CREATE OR REPLACE VIEW wall.v_careless DEFINER = cior_views SQL SECURITY DEFINER AS "
        try:
            for table, column in pairs:
                migrator.command(f"{head} SELECT {column} FROM {table}")
                assert code(centre, "cior_grafana_wall", "SELECT * FROM wall.v_careless") == DENIED, (
                    table,
                    column,
                )
        finally:
            migrator.command("DROP VIEW IF EXISTS wall.v_careless")


def test_the_console_can_answer_its_page_with_what_it_may_read(centre: ClickHouseLite) -> None:
    """Each question, as its user, with something to say; a reserved device is a number and a district."""
    with Store.open(centre.dsn("cior_console")) as store, seeing(()):
        now_ms = time.time_ns() // 1_000_000
        asked = wall_questions(ConsoleQuestions(store), lambda: now_ms + 120_000)
        answers = {name: ask() for name, ask in asked.items()}
        assert answers["latency"]["n"] > 0
        assert answers["sources"]
        hidden = [spot for spot in answers["blind"] if spot["name"] == canaries.DISTRICT]
        assert [(spot["state_es"], spot["since_ms"]) for spot in hidden] == [
            ("reservados que no responden: hasta 5", None)
        ]
        whole = summarise(ConsoleQuestions(store), since_ms=now_ms - 3_600_000, until_ms=now_ms + 120_000)
        assert whole.levels
        assert canaries.WORD not in repr((answers, whole))
        for deeper in (Questions(store).open_alerts, lambda: Questions(store).raw("raw-1")):
            with pytest.raises(AccessDenied):
                deeper()


def test_nobody_logs_in_as_the_definer(centre: ClickHouseLite) -> None:
    for password in ("", "cior_views"):
        request = Request(f"http://{centre.host}:{centre.http_port}/", data=b"SELECT 1")
        request.add_header("X-ClickHouse-User", "cior_views")
        request.add_header("X-ClickHouse-Key", password)
        with pytest.raises(HTTPError) as refusal:
            urlopen(request, timeout=10)
        assert refusal.value.code in {401, 403}
        refusal.value.close()


def test_a_reserved_alert_is_there_as_a_level_and_a_district(centre: ClickHouseLite) -> None:
    """Hidden is not lost: an operator sees that one waits."""
    rows = centre.query(
        "SELECT DISTINCT type, level, district, alert_id, points, lat, sources, acknowledged, toSecond(opened) "
        "FROM wall.v_open_alerts WHERE reserved AND NOT drill FORMAT TSV",
        "cior_grafana_wall",
    )
    assert rows == "reservada\tP1\tnorte\t\t\\N\t\\N\t[]\tfalse\t0\n"


def test_a_districts_supervisor_sees_that_district_only(centre: ClickHouseLite) -> None:
    for name in ("v_open_alerts", "v_open_by_district", "v_blind_spots"):
        seen = centre.query(f"SELECT DISTINCT district FROM wall.{name} FORMAT TSV", NORTE)
        assert seen == "norte\n", name
        peek = f"SELECT count() FROM wall.{name} WHERE NOT throwIf(district != 'norte')"
        assert code(centre, NORTE, peek) == 0, f"a filter of the reader's sees the other districts of {name}"
        every = centre.query(
            f"SELECT count() FROM wall.{name} WHERE district != 'norte'", "cior_grafana_wall"
        )
        assert int(every) >= 1, f"{name} has no other district: the filter was not tried"
    assert answering(centre, NORTE) - ENGINE_FACTS == {
        f"wall.{name}" for name in ("v_open_alerts", "v_open_by_district", "v_blind_spots")
    }
