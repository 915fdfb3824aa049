"""What a drop folder remembers between processes: how far each file is durable, which versions of which incidents were
seen, and in which year a number was last given. One small SQLite file, for its owner alone, that holds keyed digests
(HMAC with the centre's key) and no number, row or name: who reads it learns nothing, and can try out nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

_KEYED = 1
_SCHEMA = """
create table if not exists files (
  fingerprint text primary key, durable integer not null, seen_ms integer not null
) without rowid;
create table if not exists versions (
  incident text, version text, ordinal integer not null, seen_ms integer not null, primary key (incident, version)
) without rowid;
create table if not exists numbers (
  number text primary key, year integer not null, seen_ms integer not null
) without rowid;
create table if not exists widths (
  digits text primary key, width integer not null, seen_ms integer not null
) without rowid;
create temp table if not exists occurrences (row text primary key, times integer not null) without rowid;
"""
_HELD = {
    "incident": "select 1 from versions where incident = ? limit 1",
    "version": "select 1 from versions where version = ? limit 1",
    "number": "select 1 from numbers where number = ?",
    "digits": "select 1 from widths where digits = ?",
}
_DAY_MS = 86_400_000
COMMIT_EVERY = 200


class DropState:
    """Marks and versions of one instance. ``keyed`` turns a text into its keyed digest, ``before`` into those by keys
    that were replaced: a row that was written with one of them stays under it. Without ``path``: in memory.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        now_ms: int,
        remember_days: int,
        keyed: Callable[[str], str],
        before: Callable[[str], tuple[str, ...]] = lambda _text: (),
    ) -> None:
        self._keyed, self._before = keyed, before
        if path is not None:  # SQLite gives its side files (-wal, -shm) the rights of the database
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
        self._database = sqlite3.connect(path or ":memory:", isolation_level="DEFERRED")
        self._database.executescript(
            # Survives kill -9; after a power cut the last marks may be old, which sends records again under their ids.
            "pragma journal_mode=wal; pragma synchronous=normal; pragma temp_store=file; pragma secure_delete=on;"
            + _SCHEMA
        )
        self._key_old_rows()
        oldest_ms = now_ms - remember_days * _DAY_MS
        for table in ("versions", "files", "numbers", "widths"):
            self._database.execute(f"delete from {table} where seen_ms < ?", (oldest_ms,))  # noqa: S608  our own names
        self._database.commit()
        self._pending = 0

    def _key_old_rows(self) -> None:
        """Rows that a release before this one wrote in clear become keyed, and the clear bytes leave the file."""
        (told,) = self._database.execute("pragma user_version").fetchone()
        if told >= _KEYED:
            return
        old = self._database.execute("select incident, version, ordinal, seen_ms from versions").fetchall()
        self._database.execute("delete from versions")
        self._database.execute("delete from files")
        self._database.executemany(
            "insert or replace into versions values (?, ?, ?, ?)",
            [(self._keyed(incident), self._keyed(version), *rest) for incident, version, *rest in old],
        )
        self._database.commit()
        self._database.executescript(
            f"vacuum; pragma wal_checkpoint(truncate); pragma user_version={_KEYED};"
        )

    def _held(self, column: str, text: str) -> str:
        """Under which digest ``text`` is remembered: that of an older key where such a row is there."""
        for digest in self._before(text):
            if self._database.execute(_HELD[column], (digest,)).fetchone() is not None:
                return digest
        return self._keyed(text)

    def durable(self, fingerprint: str) -> int:
        """How many records from the start of the file are durable."""
        found = self._database.execute(
            "select durable from files where fingerprint = ?", (self._keyed(fingerprint),)
        ).fetchone()
        return int(found[0]) if found else 0

    def mark(self, fingerprint: str, durable: int, *, now_ms: int, flush: bool = False) -> None:
        """Move the mark, by acknowledgements only; committed every :data:`COMMIT_EVERY` calls or with ``flush``."""
        self._database.execute(
            "insert or replace into files values (?, ?, ?)", (self._keyed(fingerprint), durable, now_ms)
        )
        self._pending += 1
        if flush or self._pending >= COMMIT_EVERY:
            self.commit()

    def forget(self, fingerprint: str) -> None:
        """A finished file needs no mark: dropped again it is read again, under the same ids."""
        self._database.execute("delete from files where fingerprint = ?", (self._keyed(fingerprint),))
        self.commit()

    def known(self, incident: str, version: str, *, now_ms: int) -> bool:
        """Whether ``version`` is a later version of ``incident``: the first one ever seen is not, and stays so when it
        is read again.
        """
        incident, version = self._held("incident", incident), self._held("version", version)
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
            "select 1 from versions where incident = ? and version = ?",
            (self._held("incident", incident), self._held("version", version)),
        ).fetchone()
        return found is not None

    def given(self, number: str, year: int, *, now_ms: int) -> None:
        """``number`` was given to a call of ``year``; the latest year stays."""
        self._database.execute(
            "insert into numbers values (?, ?, ?) on conflict (number) do update"
            " set year = max(year, excluded.year), seen_ms = excluded.seen_ms",
            (self._held("number", number), year, now_ms),
        )

    def year_of(self, number: str) -> int | None:
        """The latest year in which ``number`` was given, None when nobody remembers."""
        found = self._database.execute(
            "select year from numbers where number = ?", (self._held("number", number),)
        ).fetchone()
        return int(found[0]) if found else None

    def cut(self, number: str, *, now_ms: int) -> bool:
        """Whether ``number`` (digits) was seen with more zeros before it: a spreadsheet takes them away."""
        row = (self._held("digits", number.lstrip("0")), len(number), now_ms)
        sql = "insert into widths values (?, ?, ?) on conflict (digits) do update"
        sql += " set width = max(width, excluded.width), seen_ms = excluded.seen_ms returning width"
        (width,) = self._database.execute(sql, row).fetchone()
        return int(width) > len(number)

    def start_file(self) -> None:
        """Begin counting equal rows anew."""
        self._database.execute("delete from occurrences")

    def occurrence(self, row: str) -> int:
        """How many equal rows the file had before this one."""
        sql = "insert into occurrences values (?, 1) on conflict (row) do update set times = times + 1 returning times"
        (times,) = self._database.execute(sql, (self._keyed(row),)).fetchone()
        return int(times) - 1

    def commit(self) -> None:
        """Make everything so far survive a kill."""
        self._database.commit()
        self._pending = 0

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._database.close()
