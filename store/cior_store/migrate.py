"""Numbered SQL files, applied in order, once, and never changed afterwards.

File names are ``NNN_name.sql``, the same as the tool *clickhouse-migrations* reads, so that operators of a server may
use that instead. ClickHouse has no transactional DDL: every statement says ``IF [NOT] EXISTS`` or ``OR REPLACE``, so a
file that was cut short by a crash is simply run again.

One placeholder: ``{definer}`` is the user under whose rights an audience's views read, :data:`DEFINER` on a server and
the engine's only user when embedded. A file's checksum is over the text with the placeholder.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

import structlog

from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, IntegrityBroken
from cior_core.model import Struct
from cior_store.engine import Store

log = structlog.get_logger(__name__)
_FILE = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")
_HISTORY = """CREATE TABLE IF NOT EXISTS cior.schema_history
(version UInt32, name String, sha256 String, statements UInt32, applied DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree(applied) ORDER BY version"""
_LOCK_STALE_S = 600
DEFINER = "cior_views"
"""The user of a server under which the audiences' views read; nobody logs in as it (deploy/clickhouse/users.d)."""
AUDIENCES = ("wall", "supervisor", "observatory", "console", "auditor")
"""The databases that hold nothing but views, one an audience: Grafana's three, the console's, the auditors'."""


class Migration(Struct, frozen=True):
    """One file: its number, name, exact text and the SHA-256 of that text."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex digest of the file's bytes."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements in order, without comments. A statement ends with a semicolon at the end of a line."""
        bare = "\n".join(line for line in self.text.splitlines() if not line.lstrip().startswith("--"))
        return tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|$)", bare) if part.strip())


class Applied(Struct, frozen=True):
    """One line of the history or of the status: ``state`` is applied, pending or changed."""

    version: int
    name: str
    sha256: str
    state: str = "applied"


def bundled() -> tuple[Migration, ...]:
    """The migrations of this version of CIOR, in order."""
    folder = resources.files("cior_store") / "migrations"
    return parse(
        {
            entry.name: entry.read_text(encoding="utf-8")
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        }
    )


def parse(files: dict[str, str]) -> tuple[Migration, ...]:
    """Migrations from file names and texts. Raises ``ConfigInvalid`` for a bad name, a gap or a number used twice."""
    found = []
    for name, text in sorted(files.items()):
        match = _FILE.fullmatch(name)
        if match is None:
            raise ConfigInvalid(
                "store.migration_name",
                f"{name} is not NNN_name.sql",
                cure="name it with the next free number",
            )
        found.append(Migration(version=int(match[1]), name=match[2], text=text))
    if [each.version for each in found] != list(range(1, len(found) + 1)):
        raise ConfigInvalid(
            "store.migration_order",
            "migration numbers have a gap or a duplicate",
            cure="number them 001, 002, 003, …",
        )
    return tuple(found)


def history(store: Store) -> dict[int, Applied]:
    """What this store has applied, by version; empty for a new store."""
    if not store.value(
        "SELECT count() FROM system.tables WHERE database = 'cior' AND name = 'schema_history'"
    ):
        return {}
    rows = store.ask(Applied, "SELECT version, name, sha256 FROM cior.schema_history FINAL ORDER BY version")
    return {row.version: row for row in rows}


def status(store: Store, migrations: Sequence[Migration] | None = None) -> tuple[Applied, ...]:
    """Every known migration with its state, without changing anything."""
    done = history(store)
    return tuple(
        _state(each, done.get(each.version)) for each in (bundled() if migrations is None else migrations)
    )


def _state(migration: Migration, done: Applied | None) -> Applied:
    state = "pending" if done is None else "applied" if done.sha256 == migration.sha256 else "changed"
    return Applied(version=migration.version, name=migration.name, sha256=migration.sha256, state=state)


def migrate(store: Store, migrations: Sequence[Migration] | None = None) -> tuple[int, ...]:
    """Bring the store to the newest version; returns the versions applied now.

    Raises ``IntegrityBroken`` when an applied file has changed since, ``ConfigInvalid`` when the store is newer than
    this program or another process is migrating.
    """
    todo = bundled() if migrations is None else tuple(migrations)
    if _pending(store, todo) == ():
        return ()
    store.command("CREATE DATABASE IF NOT EXISTS cior")
    with _lock(store):
        store.command(_HISTORY)
        pending = _pending(store, todo)
        for each in pending:
            _apply(store, each)
        return tuple(each.version for each in pending)


def _pending(store: Store, todo: Sequence[Migration]) -> tuple[Migration, ...]:
    done = history(store)
    if len(done) > len(todo):
        raise ConfigInvalid(
            "store.newer",
            f"the store is at version {max(done)}, this program knows {len(todo)}",
            cure="run the newer version of CIOR",
        )
    for each in todo:
        if _state(each, done.get(each.version)).state == "changed":
            raise IntegrityBroken(
                "store.migration_changed",
                f"{each.version:03d}_{each.name}.sql was changed after it was applied",
                cure="restore it; write a new file",
            )
    return tuple(each for each in todo if each.version not in done)


def _apply(store: Store, migration: Migration) -> None:
    for number, statement in enumerate(migration.statements, start=1):
        try:
            _run(store, statement)
        except CiorError as error:
            error.add_note(f"in {migration.version:03d}_{migration.name}.sql, statement {number}")
            raise
    columns: list[list[Any]] = [
        [migration.version],
        [migration.name],
        [migration.sha256],
        [len(migration.statements)],
    ]
    store.insert(
        "cior.schema_history",
        ("version", "name", "sha256", "statements"),
        columns,
        token=f"migration-{migration.version}-{migration.sha256}",
    )
    log.info(
        "migration_applied",
        version=migration.version,
        name=migration.name,
        statements=len(migration.statements),
    )


def _run(store: Store, statement: str) -> None:
    try:
        store.command(statement.replace("{definer}", "CURRENT_USER" if store.dsn.embedded else DEFINER))
    except CredentialsRefused as error:
        # Past the connection, "unknown user" is about the definer.
        raise ConfigInvalid(
            "store.no_definer",
            f"the server has no user {DEFINER}, under which the audiences' views read",
            cure="give the server this version's deploy/clickhouse/users.d/cior.xml, then run the migrations again",
        ) from error


@contextmanager
def _lock(store: Store) -> Iterator[None]:
    """Only one migrator: creating a table is the one atomic test-and-set that every engine here has.

    An embedded store has one owner process, so there a lock left by a crash is always stale; on a server it is after
    ten minutes.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}"
    if store.dsn.embedded:
        store.command("DROP TABLE IF EXISTS cior.schema_lock SYNC")
    try:
        _take(store, owner)
    except ConfigInvalid as error:
        if not _stale(store):
            raise ConfigInvalid(
                "store.migrating",
                "another process is migrating this store",
                cure=f"wait; its lock expires after {_LOCK_STALE_S} s",
            ) from error
        store.command("DROP TABLE IF EXISTS cior.schema_lock SYNC")
        _take(store, owner)
    try:
        yield
    finally:
        store.command("DROP TABLE IF EXISTS cior.schema_lock SYNC")


def _take(store: Store, owner: str) -> None:
    store.command(f"CREATE TABLE cior.schema_lock (owner String) ENGINE = TinyLog COMMENT '{owner}'")


def _stale(store: Store) -> bool:
    sql = (
        "SELECT dateDiff('second', metadata_modification_time, now()) FROM system.tables WHERE database "
        "= 'cior' AND name = 'schema_lock'"
    )
    age_s = store.value(sql)
    return age_s is None or int(age_s) > _LOCK_STALE_S


def dump(store: Store) -> dict[str, str]:
    """The DDL of every object, by ``database.name``: two stores at the same version must give equal dumps, whatever
    engine they run on (the definer's name is the placeholder again).
    """
    rows = store.rows(
        "SELECT database, name, create_table_query AS ddl FROM system.tables "
        "WHERE database IN {databases:Array(String)} AND NOT startsWith(name, '.inner') ORDER BY database, name",
        {"databases": ["ops", "sealed", "ledger", *AUDIENCES]},
    )
    return {
        f"{row['database']}.{row['name']}": re.sub(r" DEFINER = \S+ ", " DEFINER = {definer} ", row["ddl"])
        for row in rows
    }
