"""What was written stays as it was, for whoever writes through SQL; what an owner can do all the same is seen from
outside (law 13).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from cior_core.chain import Head
from cior_core.errors import ConfigInvalid
from cior_core.people import LedgerEntry
from cior_register import keeping, ledger, migrate
from cior_register.dsn import RegisterDsn
from cior_register.engine import open_engine
from cior_register.register import Register
from cior_register.tables import METADATA
from engines.postgresql import SUPERUSER, PostgreSql
from engines.registers import RegisterPlace

T_MS = 1_795_262_400_000


def written(place: RegisterPlace, count: int = 5) -> Head:
    register = place.open()
    for n in range(count):
        entry = LedgerEntry(at_ms=T_MS + n, actor="p-ana", act="alert.read", subject=f"a-{n}")
        register.submit(entry, lambda _connection: None).result(60)
    head = register.head
    register.close()
    assert head is not None
    return head


FORGED = (
    "INSERT INTO ledger (seq, id, entry, previous, hash, at_ms, actor, act, subject) "
    "SELECT {seq}, 'forged', entry, {previous}, 'x', at_ms, actor, act, subject FROM ledger WHERE seq = 2"
)
REFUSED = {
    "update": "UPDATE ledger SET actor = 'nobody' WHERE seq = 2",
    "delete": "DELETE FROM ledger WHERE seq = 5",
    "head back": "UPDATE ledger_head SET seq = 1",
    "head gone": "DELETE FROM ledger_head",
    "a number left out": FORGED.format(seq=7, previous="hash"),
    "another before it": FORGED.format(seq=6, previous="previous"),
}
ON_A_FILE = {
    "replaced": "INSERT OR REPLACE INTO ledger SELECT 2, id, entry, previous, hash, 0, 'x', act, subject FROM ledger "
    "WHERE seq = 2",
    "replaced by its name": "INSERT OR REPLACE INTO ledger SELECT 6, id, entry, (SELECT hash FROM ledger_head), 'y', "
    "0, actor, act, subject FROM ledger WHERE seq = 2",
}
ON_A_SERVER = {
    "journal": "DELETE FROM journal_taken",
    "truncate": "TRUNCATE ledger CASCADE",
    "drop": "DROP TABLE ledger",
    "no trigger": "ALTER TABLE ledger DISABLE TRIGGER ALL",
    "as a replica": "SET session_replication_role = replica",
    "as its owner": "SET ROLE cior_owner",
    "head": "UPDATE ledger_head SET seq = 6, hash = 'x'",
}


@pytest.mark.parametrize("statement", (REFUSED | ON_A_FILE).values(), ids=(REFUSED | ON_A_FILE).keys())
def test_law_13_a_files_ledger_takes_no_change(statement: str, tmp_path: Path) -> None:
    """Through a connection without any of our settings, as a tool would open it."""
    written(RegisterPlace.of_file(tmp_path / "register.db"))
    with closing(sqlite3.connect(tmp_path / "register.db")) as tool:
        with pytest.raises(sqlite3.DatabaseError, match=r"append-only|does not follow|moves with"):
            tool.execute(statement)
        tool.commit()
    assert not keeping.prove(f"sqlite:///{tmp_path / 'register.db'}", pins={}).walked.defects


@pytest.mark.parametrize("statement", (REFUSED | ON_A_SERVER).values(), ids=(REFUSED | ON_A_SERVER).keys())
def test_law_13_the_service_may_not_change_a_servers_ledger(statement: str, postgresql: PostgreSql) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    written(place)
    with psycopg.connect(place.dsn) as service, pytest.raises(psycopg.Error):
        service.execute(statement)


@pytest.mark.parametrize(
    "statement", [REFUSED["update"], REFUSED["delete"], FORGED.format(seq=6, previous="'x'")]
)
def test_not_even_a_servers_owner_changes_it_by_mistake(statement: str, postgresql: PostgreSql) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    written(place)
    with psycopg.connect(place.owner_dsn) as owner, pytest.raises(psycopg.errors.IntegrityError):
        owner.execute(statement)


def test_the_service_refuses_to_run_as_who_may_change_the_ledger(postgresql: PostgreSql) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    with pytest.raises(ConfigInvalid, match=r"register\.too_many_rights"):
        Register.open(place.owner_dsn)


def test_the_service_refuses_a_server_that_nobody_migrated(postgresql: PostgreSql) -> None:
    with pytest.raises(ConfigInvalid, match=r"register\.schema_pending"):
        Register.open(postgresql.start().fresh().service_dsn)


def test_an_owner_who_takes_the_triggers_away_is_named_by_the_chain_or_by_a_pin(tmp_path: Path) -> None:
    place = RegisterPlace.of_file(tmp_path / "register.db")
    head = written(place)
    pins = {head.seq: head.hash}
    assert not keeping.prove(place.dsn, pins=pins).walked.defects
    with closing(sqlite3.connect(tmp_path / "register.db")) as owner:
        for name in ("ledger_no_update", "ledger_no_delete", "ledger_head_steps"):
            owner.execute(f"DROP TRIGGER {name}")
        owner.execute("UPDATE ledger SET actor = 'nobody' WHERE seq = 2")
        owner.commit()
        assert keeping.prove(place.dsn, pins=pins).misfiled == (2,)
        owner.execute(
            "UPDATE ledger SET entry = CAST(replace(entry, 'p-ana', 'nobody') AS BLOB) WHERE seq = 2"
        )
        owner.commit()
        (changed,) = keeping.prove(place.dsn, pins=pins).walked.defects
        assert (changed.code, changed.first) == ("changed", 2)
        owner.execute("DELETE FROM ledger WHERE seq > 3")
        owner.execute("UPDATE ledger_head SET seq = 3, hash = (SELECT hash FROM ledger WHERE seq = 3)")
        owner.commit()
    found = {each.code for each in keeping.prove(place.dsn, pins=pins).walked.defects}
    assert "tail_cut" in found


def test_the_migrations_make_what_the_tables_say(register: Register) -> None:
    def drift(connection: Connection) -> list[object]:
        from alembic.autogenerate import compare_metadata
        from alembic.runtime.migration import MigrationContext

        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    assert register.read_now(drift) == []


def test_a_register_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    place = RegisterPlace.of_file(tmp_path / "register.db")
    written(place)
    with closing(sqlite3.connect(tmp_path / "register.db")) as tool:
        tool.execute("UPDATE alembic_version SET version_num = '9999'")
        tool.commit()
    with pytest.raises(Exception, match=r"register\.schema_unknown"):
        place.open()


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    written(RegisterPlace.of_file(tmp_path / "state" / "register.db"))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "state").iterdir()} == {0}


async def test_a_reader_cannot_write_even_by_mistake(register: Register) -> None:
    with pytest.raises(Exception, match=r"register\."):
        await register.read(lambda connection: connection.execute(text("UPDATE people SET name = 'x'")))
    assert await register.read(ledger.head) is not None


def test_the_owner_gives_the_service_a_role_and_no_statement_has_its_password(postgresql: PostgreSql) -> None:
    """Made, then given another password; the server is only ever sent what verifies it."""
    name = f"cior_try_{os.getpid()}"
    server = postgresql.start()
    said: list[str] = []
    engine = open_engine(RegisterDsn.parse(server.dsn(SUPERUSER, "postgres")))
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: said.append(statement))
    try:
        for password in ("la-primera", "la-segunda"):
            migrate.make_role(engine, name, password)
            with psycopg.connect(f"postgresql://{name}:{password}@127.0.0.1:{server.port}/postgres"):
                pass
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{name}:la-primera@127.0.0.1:{server.port}/postgres")
        assert any("CREATE ROLE" in each for each in said)
        assert not [each for each in said if "primera" in each or "segunda" in each]
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")
        engine.dispose()
