"""Connections, set up so that what is committed is on the disk and one writer at a time chains the ledger.

SQLite: write-ahead log, ``synchronous=FULL``, a write begins with ``BEGIN IMMEDIATE``, recursive triggers (without them
``INSERT OR REPLACE`` deletes a row past its delete trigger). PostgreSQL: short limits, so that a server that hangs is
noticed; ``synchronous_commit`` as the server has it (on).
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from cior_register.dsn import RegisterDsn

_BUSY_MS = 5_000
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={_BUSY_MS}",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "recursive_triggers=ON",
)
# libpq's options (PostgreSQL 15, 34.1.2): seconds to connect, ms without an acknowledgement from the other host.
_LIBPQ = {"connect_timeout": 3, "keepalives_idle": 10, "tcp_user_timeout": 5_000, "application_name": "cior"}
_SERVER = "-c lock_timeout=5000 -c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000"


def open_engine(dsn: RegisterDsn, *, is_reader: bool = False, connections: int = 1) -> Engine:
    """An engine with at most so many connections; a reader's cannot write. Nothing is connected yet."""
    return _file(dsn, is_reader, connections) if dsn.embedded else _server(dsn, is_reader, connections)


def _file(dsn: RegisterDsn, is_reader: bool, connections: int) -> Engine:  # noqa: FBT001 - both are ours
    assert dsn.path is not None
    engine = create_engine(
        dsn.url,
        pool_size=connections,
        max_overflow=0,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_up(raw: Any, _record: Any) -> None:
        for pragma in (*_PRAGMAS, *(("query_only=ON",) if is_reader else ())):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if is_reader else "BEGIN IMMEDIATE")

    return engine


def _server(dsn: RegisterDsn, is_reader: bool, connections: int) -> Engine:  # noqa: FBT001 - both are ours
    read_only = " -c default_transaction_read_only=on" if is_reader else ""
    return create_engine(
        dsn.url,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=is_reader,
        connect_args={**_LIBPQ, "options": _SERVER + read_only},
    )


def prepare_file(dsn: RegisterDsn) -> None:
    """A new register's file is for its owner alone, before anything is in it. ``OSError`` passes through."""
    if dsn.path is not None and not dsn.path.exists():
        dsn.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(dsn.path, os.O_WRONLY | os.O_CREAT, 0o600))
