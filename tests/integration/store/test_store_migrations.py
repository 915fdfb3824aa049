"""Migrations: once, in order, never changed, and the same everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied, ConfigInvalid, IntegrityBroken
from cior_store import migrate as migrations
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions
from cior_store.rows import TABLES
from cior_store.writers import TableWriter, Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city


def test_migrating_again_does_nothing(engine: Store) -> None:
    assert migrations.migrate(engine) == ()
    assert {each.state for each in migrations.status(engine)} == {"applied"}


def test_a_file_changed_after_it_was_applied_is_refused(engine: Store) -> None:
    first, *rest = migrations.bundled()
    changed = (msgspec.structs.replace(first, text=first.text + "\n-- harmless?\n"), *rest)
    assert migrations.status(engine, changed)[0].state == "changed"
    with pytest.raises(IntegrityBroken, match=r"store\.migration_changed"):
        migrations.migrate(engine, changed)


def test_a_store_newer_than_the_program_is_refused(engine: Store) -> None:
    with pytest.raises(ConfigInvalid, match=r"store\.newer"):
        migrations.migrate(engine, migrations.bundled()[:-1])


def test_a_file_cut_short_by_a_failure_is_run_again_from_its_start(engine: Store) -> None:
    known = migrations.bundled()
    number = len(known) + 1
    made = "CREATE TABLE IF NOT EXISTS ops.half_done (n UInt8) ENGINE = Memory;\n"
    broken = migrations.Migration(version=number, name="half", text=made + "SELECT no_such_function();\n")
    with pytest.raises(ConfigInvalid) as caught:
        migrations.migrate(engine, (*known, broken))
    assert f"{number:03d}_half.sql, statement 2" in "".join(caught.value.__notes__)
    assert migrations.status(engine, (*known, broken))[-1].state == "pending"
    fixed = migrations.Migration(version=number, name="half", text=made)
    try:
        assert migrations.migrate(engine, (*known, fixed)) == (number,)
    finally:
        engine.command("DROP TABLE IF EXISTS ops.half_done")
        engine.command(f"DELETE FROM cior.schema_history WHERE version = {number}")


def test_two_migrators_do_not_run_together(lite: ClickHouseLite) -> None:
    with Store.open(lite.start().dsn()) as store:
        migrations.migrate(store)
        extra = migrations.Migration(version=len(migrations.bundled()) + 1, name="extra", text="SELECT 1;\n")
        store.command("CREATE TABLE cior.schema_lock (owner String) ENGINE = TinyLog COMMENT 'another:1'")
        try:
            with pytest.raises(ConfigInvalid, match=r"store\.migrating"):
                migrations.migrate(store, (*migrations.bundled(), extra))
        finally:
            store.command("DROP TABLE cior.schema_lock SYNC")


def test_a_server_without_the_views_definer_is_told_so_and_no_other_is_taken(
    lite: ClickHouseLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(lite.start().dsn()) as store:
        migrations.migrate(store)
        made = "CREATE OR REPLACE VIEW wall.v_extra DEFINER = {definer} SQL SECURITY DEFINER AS\nSELECT 1;\n"
        extra = migrations.Migration(version=len(migrations.bundled()) + 1, name="extra", text=made)
        monkeypatch.setattr(migrations, "DEFINER", "nobody_here")
        with pytest.raises(ConfigInvalid, match=r"store\.no_definer: the server has no user nobody_here"):
            migrations.migrate(store, (*migrations.bundled(), extra))
        assert store.value("SELECT count() FROM system.tables WHERE name = 'v_extra'") == 0


def test_every_engine_ends_with_the_same_schema(lite: ClickHouseLite, tmp_path: Path) -> None:
    """The embedded engine is asked in a process of its own: one process has one chDB path."""
    code = """
        import sys, msgspec, logging
        from cior_store import migrate
        from cior_store.engine import Store
        with Store.open("chdb://" + sys.argv[1]) as store:
            migrate.migrate(store)
            open(sys.argv[2], "wb").write(msgspec.json.encode(migrate.dump(store)))
        """
    out = tmp_path / "dump.json"
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "db"), str(out)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-800:]
    embedded = msgspec.json.decode(out.read_bytes(), type=dict[str, str])
    with Store.open(lite.start().dsn()) as store:
        migrations.migrate(store)
        server = migrations.dump(store)
    assert embedded.keys() == server.keys()
    assert {name: ddl for name, ddl in embedded.items() if server[name] != ddl} == {}
    assert len(server) > 40


def test_a_server_that_is_migrated_anew_after_a_restart_ends_with_the_same_schema(
    lite: ClickHouseLite, tmp_path: Path
) -> None:
    """Functions outlive databases, and the engine reads them again from its own writing of them."""
    with ClickHouseLite(tmp_path, lite.settings) as own, Store.open(own.dsn()) as store:
        migrations.migrate(store)
        first = migrations.dump(store)
        for database in store.rows("SELECT name FROM system.databases WHERE engine = 'Atomic'"):
            if database["name"] not in {"system", "default"}:
                store.command(f"DROP DATABASE {database['name']} SYNC")
        own.stop()
        own.start()
        migrations.migrate(store)
        assert {name: ddl for name, ddl in migrations.dump(store).items() if first[name] != ddl} == {}


def test_every_statement_can_be_run_twice() -> None:
    for migration in migrations.bundled():
        for statement in migration.statements:
            repeatable = " IF NOT EXISTS " in statement.replace("\n", " ") or statement.startswith(
                "CREATE OR REPLACE "
            )
            # A table that keeps the newest version of each key, poured into itself: copies collapse.
            poured = re.fullmatch(r"INSERT INTO (\S+) SELECT \* FROM \1 FINAL", statement)
            dropped = re.fullmatch(r"DROP (VIEW|TABLE) IF EXISTS \S+", statement)
            # A table that keeps one row of each key, filled from one that stays: copies collapse too.
            filled = statement.startswith(
                (
                    "INSERT INTO ops.raw_digests (raw_id, digest, first)\nSELECT",
                    "INSERT INTO ops.rule_firings\nSELECT",
                    "INSERT INTO ops.alert_clock\n",
                    "INSERT INTO ops.alert_visible (alert_id, reserved)\nSELECT",
                )
            )
            assert repeatable or poured or dropped or filled, statement[:80]


def test_no_views_query_is_changed_in_place() -> None:
    """The engine's names for a changed view's blocks differ until it starts again: a batch that it was killed in is
    then counted twice (ClickHouse 26.7). Drop the view and make it anew.
    """
    statements = [statement for migration in migrations.bundled() for statement in migration.statements]
    assert not [statement for statement in statements if " MODIFY QUERY" in statement]


@pytest.mark.parametrize(
    "names", [["1_x.sql"], ["001_a.sql", "003_b.sql"], ["001_a.sql", "001_b.sql"], ["001_A.sql"]]
)
def test_badly_numbered_files_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigInvalid):
        migrations.parse(dict.fromkeys(names, "SELECT 1;"))


def test_a_store_from_before_the_consoles_views_answers_its_page_after_them(
    lite: ClickHouseLite, tmp_path: Path
) -> None:
    """What was stored before them is in their answers, and the console's user reads nothing besides."""
    known = migrations.bundled()
    older = known[: next(n for n, each in enumerate(known) if each.name == "console_views")]
    with ClickHouseLite(tmp_path, lite.settings) as own:
        with Store.open(own.dsn()) as store:
            migrations.migrate(store, older)
            assert Writers(store).write(Kind.RAW, city.entries([city.raw(1)]), token="raw") == ()
            table, columns, rows = TABLES[Kind.ALERT][0]
            alone = TableWriter(store, table=table, columns=columns, rows=rows)
            assert alone.write(city.entries([city.alert(1)]), token="alert") == ()
        with Store.open(own.dsn("cior_migrator")) as store:
            assert migrations.migrate(store) == tuple(each.version for each in known[len(older) :])
        day: Any = {"since_ms": city.NOON_MS - 43_200_000, "until_ms": city.NOON_MS + 43_200_000}
        with Store.open(own.dsn("cior_console")) as store:
            ask = ConsoleQuestions(store)
            assert [row.signals for row in ask.signals_by_source(**day)] == [1]
            assert [row.alerts for row in ask.alerts_by_level(**day)] == [1]
            assert [row.raw_stored for row in ask.reconciliation(**day)] == [1]
            with pytest.raises(AccessDenied):
                store.rows("SELECT alert_id FROM ops.alert_current")
