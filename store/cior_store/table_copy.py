"""Tables out to files and back in, a partition at a time, in the engine's own Native format (gzip).

Every engine reads what another one wrote: an embedded store goes into a server and back. ``BACKUP`` is not used: chDB
refuses it without a folder in its configuration (measured on 26.9), and a server's lands on the server's own disk,
where no digest of ours is over it.

A partition is read at one instant (the parts that are there when its query begins). Raw records come first, the rest
once what they became has arrived too. Rows come as they lie, copies included; materialised views are off while rows go
in, because what they made comes with its own table.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cior_core.backup_manifest import Portion, Schema, Tables
from cior_core.errors import AccessDenied, ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_store.chain_rows import CLEAR, SEALED
from cior_store.engine import Store
from cior_store.migrate import dump, history

DATABASES = ("ops", "sealed", "ledger")
SUFFIX = ".native.gz"
_LEVEL = 1
_OUT = {"max_threads": 1, "output_format_compression_level": _LEVEL}
_IN = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "optimize_on_insert": 0,
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
    "min_insert_block_size_rows": 200_000,
    "min_insert_block_size_bytes": 64 * 1_048_576,
}


class Slice(Struct, frozen=True):
    """One partition of one table, by the engine's id of it."""

    table: str
    partition: str

    @property
    def file(self) -> str:
        """Where it lies below a folder of tables."""
        return f"{self.table}/{self.partition}{SUFFIX}"


def tables(store: Store) -> tuple[str, ...]:
    """Every table that holds rows of its own."""
    rows = store.rows(
        "SELECT database, name FROM system.tables WHERE database IN {d:Array(String)} "
        "AND engine LIKE '%MergeTree' ORDER BY database, name",
        {"d": list(DATABASES)},
    )
    return tuple(f"{row['database']}.{row['name']}" for row in rows)


def slices(store: Store) -> tuple[Slice, ...]:
    """Every partition with rows. Raises ``AccessDenied`` when this user may not read all of them: it would not even see
    that something is missing.
    """
    for database in DATABASES:
        if not store.value(f"CHECK GRANT SELECT ON {database}.*"):
            raise AccessDenied(
                "backup.grants",
                f"this user may not read all of database {database}",
                cure="use the user cior_backup of deploy/clickhouse/users.d/cior.xml",
            )
    rows = store.rows(
        "SELECT DISTINCT database, table, partition_id FROM system.parts WHERE database IN {d:Array(String)} "
        "AND active AND rows > 0 ORDER BY database, table, partition_id",
        {"d": list(DATABASES)},
    )
    return tuple(
        Slice(table=f"{row['database']}.{row['table']}", partition=row["partition_id"]) for row in rows
    )


def copy_tables(
    store: Store,
    folder: Path,
    *,
    settle: Callable[[], bool] = lambda: True,
    go_on: Callable[[], bool] = lambda: True,
) -> Tables:
    """Every table into ``folder``, which is there and empty. ``settle`` waits, when the raw records are copied, until
    what they became is stored, and tells whether it is; ``go_on`` is asked before each partition.

    Raises ``SourceUnavailable`` when it said no, ``AccessDenied`` when this user may not read everything.
    """
    schema = tuple(Schema(each.version, each.sha256) for each in history(store).values())
    portions = [
        _copied(store, piece, folder, go_on) for piece in slices(store) if piece.table in {CLEAR, SEALED}
    ]
    (span,) = store.rows(
        "SELECT toUnixTimestamp64Milli(min(received)) AS first, toUnixTimestamp64Milli(max(received)) AS last "
        "FROM ops.raw"
    )
    is_whole = settle()
    portions += [
        _copied(store, piece, folder, go_on) for piece in slices(store) if piece.table not in {CLEAR, SEALED}
    ]
    return Tables(
        engine=store.version(),
        schema=schema,
        portions=tuple(portions),
        first_ms=int(span["first"]),
        last_ms=int(span["last"]),
        is_whole=is_whole,
    )


def _copied(store: Store, piece: Slice, folder: Path, go_on: Callable[[], bool]) -> Portion:
    if not go_on():
        raise SourceUnavailable("backup.stopped", "the store was closed during the backup", cure="repeat it")
    rows = copy_out(store, piece, folder / piece.file)
    return Portion(piece.table, piece.partition, rows, f"{folder.name}/{piece.file}")


def copy_out(store: Store, piece: Slice, target: Path) -> int:
    """Write one partition to a file that is not there yet; its rows. The file is not synced."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    columns, what = _named(_columns(store, piece.table)), {"p": piece.partition}
    sql = f"SELECT {columns} FROM {piece.table} WHERE _partition_id = {{p:String}}"
    if not store.dsn.embedded:
        with target.open("xb") as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
            return store.download(sql, what, packed, settings={"max_threads": 1})
    store.command(f"INSERT INTO FUNCTION file({_quoted(target)}, 'Native') {sql} {_settings(_OUT)}", what)
    target.chmod(0o600)
    return int(store.value(f"SELECT count() FROM file({_quoted(target)}, 'Native')"))


def copy_in(store: Store, portion: Portion, source: Path) -> None:
    """Insert one file. Call it within :func:`loading`. Raises ``IntegrityBroken`` when other rows came in than left."""
    columns = _columns(store, portion.table)
    if store.dsn.embedded:
        named = _named(columns)
        taken = f"SELECT {named} FROM file({_quoted(source)}, 'Native')"
        store.command(f"INSERT INTO {portion.table} ({named}) {taken} {_settings(_IN)}")
    else:
        with source.open("rb") as file:
            store.upload(portion.table, columns, file, settings=_IN)
    there = store.value(
        f"SELECT count() FROM {portion.table} WHERE _partition_id = {{p:String}}", {"p": portion.partition}
    )
    if there != portion.rows:
        raise IntegrityBroken(
            "backup.rows",
            f"{portion.file}: {portion.rows} rows were copied, {there} came in",
            cure="restore into a new home again; if it stays so, the file is not what its table was",
        )


@contextmanager
def loading(store: Store, names: Sequence[str]) -> Iterator[None]:
    """Tables that take rows as they are: no views that count them again, no merge, no constraint that would refuse a
    row which somebody changed in the store that was copied (``cior verify-log`` names it, and it must be there).

    Raises ``ConfigInvalid`` for a table that this schema does not have.
    """
    before = dump(store)
    known = set(tables(store))
    if unknown := [name for name in names if name not in known]:
        raise ConfigInvalid(
            "backup.table",
            f"the backup has a table {unknown[0]} that its schema does not have",
            cure="use the version of CIOR that made the backup",
        )
    checks = [(name, *each) for name in names for each in _checks(before[name])]
    views = _views(store)
    for name, check, _ in checks:
        store.command(f"ALTER TABLE {name} DROP CONSTRAINT {check}")
    for view in views:
        store.command(f"DETACH TABLE {view} SYNC")
    for name in names:
        store.command(f"SYSTEM STOP MERGES {name}")
    yield
    for name in names:
        store.command(f"SYSTEM START MERGES {name}")
    for view in views:
        store.command(f"ATTACH TABLE {view}")
    for name, check, text in checks:
        store.command(f"ALTER TABLE {name} ADD CONSTRAINT {check} CHECK {text}")
    if dump(store) != before:
        raise IntegrityBroken(
            "backup.schema", "the restored schema is not that of its migrations", cure="tell the developers"
        )


def is_empty(store: Store) -> bool:
    """Whether no table of ours has a row."""
    return not slices(store)


def _views(store: Store) -> list[str]:
    rows = store.rows(
        "SELECT database, name FROM system.tables WHERE database IN {d:Array(String)} "
        "AND engine = 'MaterializedView' ORDER BY database, name",
        {"d": list(DATABASES)},
    )
    return [f"{row['database']}.{row['name']}" for row in rows]


def _columns(store: Store, table: str) -> list[str]:
    database, _, name = table.partition(".")
    rows = store.rows(
        "SELECT name FROM system.columns WHERE database = {d:String} AND table = {t:String} "
        "AND default_kind NOT IN ('ALIAS', 'EPHEMERAL', 'MATERIALIZED') ORDER BY position",
        {"d": database, "t": name},
    )
    return [str(row["name"]) for row in rows]


def _named(columns: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def _checks(ddl: str) -> list[tuple[str, str]]:
    """The constraints of a table as the engine writes them: name and condition."""
    found = []
    for part in ddl.split("CONSTRAINT ")[1:]:
        name, _, rest = part.partition(" CHECK ")
        found.append((name.strip("` "), rest[: _end(rest)].strip()))
    return found


def _end(text: str) -> int:
    """Where a condition ends: at a comma or a bracket that it did not open."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0 or (depth == 0 and char == ","):
            return at
    return len(text)


def _quoted(path: Path) -> str:
    """As a literal of SQL."""
    return "'" + str(path.resolve()).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _settings(of: dict[str, int]) -> str:
    return "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in of.items())
