"""What a drop folder remembers between processes: how far each file is durable, and which versions of which incidents
were seen. One small SQLite file.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_SCHEMA = """
create table if not exists files (
  fingerprint text primary key, durable integer not null, seen_ms integer not null
) without rowid;
create table if not exists versions (
  incident text, version text, ordinal integer not null, seen_ms integer not null, primary key (incident, version)
) without rowid;
create temp table if not exists occurrences (row text primary key, times integer not null) without rowid;
"""
_DAY_MS = 86_400_000
COMMIT_EVERY = 200


class DropState:
    """Marks and versions of one instance."""

    def __init__(self, path: Path, *, now_ms: int, remember_days: int) -> None:
        self._database = sqlite3.connect(path, isolation_level="DEFERRED")
        self._database.executescript(
            # Survives kill -9; after a power cut the last marks may be old, which sends records again under their ids.
            "pragma journal_mode=wal; pragma synchronous=normal; pragma temp_store=file;" + _SCHEMA
        )
        oldest_ms = now_ms - remember_days * _DAY_MS
        self._database.execute("delete from versions where seen_ms < ?", (oldest_ms,))
        self._database.execute("delete from files where seen_ms < ?", (oldest_ms,))
        self._database.commit()
        self._pending = 0

    def durable(self, fingerprint: str) -> int:
        """How many records from the start of the file are durable."""
        found = self._database.execute(
            "select durable from files where fingerprint = ?", (fingerprint,)
        ).fetchone()
        return int(found[0]) if found else 0

    def mark(self, fingerprint: str, durable: int, *, now_ms: int, flush: bool = False) -> None:
        """Move the mark, by acknowledgements only; committed every :data:`COMMIT_EVERY` calls or with ``flush``."""
        self._database.execute(
            "insert or replace into files values (?, ?, ?)", (fingerprint, durable, now_ms)
        )
        self._pending += 1
        if flush or self._pending >= COMMIT_EVERY:
            self.commit()

    def forget(self, fingerprint: str) -> None:
        """A finished file needs no mark: dropped again it is read again, under the same ids."""
        self._database.execute("delete from files where fingerprint = ?", (fingerprint,))
        self.commit()

    def known(self, incident: str, version: str, *, now_ms: int) -> bool:
        """Whether ``version`` is a later version of ``incident``: the first one ever seen is not, and stays so when it
        is read again.
        """
        found = self._database.execute(
            "select ordinal from versions where incident = ? and version = ?", (incident, version)
        ).fetchone()
        if found is not None:
            return int(found[0]) > 0
        (ordinal,) = self._database.execute(
            "select count(*) from versions where incident = ?", (incident,)
        ).fetchone()
        # A label, so it may be written before durability: the same record read again gets the same answer.
        self._database.execute(
            "insert into versions values (?, ?, ?, ?)", (incident, version, ordinal, now_ms)
        )
        return int(ordinal) > 0

    def again(self, incident: str, version: str) -> bool:
        """Whether exactly this version was read before: exports overlap."""
        found = self._database.execute(
            "select 1 from versions where incident = ? and version = ?", (incident, version)
        ).fetchone()
        return found is not None

    def start_file(self) -> None:
        """Begin counting equal rows anew."""
        self._database.execute("delete from occurrences")

    def occurrence(self, row: str) -> int:
        """How many equal rows the file had before this one."""
        sql = "insert into occurrences values (?, 1) on conflict (row) do update set times = times + 1 returning times"
        (times,) = self._database.execute(sql, (row,)).fetchone()
        return int(times) - 1

    def commit(self) -> None:
        """Make everything so far survive a kill."""
        self._database.commit()
        self._pending = 0

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._database.close()
