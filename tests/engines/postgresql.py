"""Debian's PostgreSQL with a private cluster on a free port of loopback: passwords (SCRAM), checksums, no socket file.

Nothing of a cluster that the package made is touched. As root the server runs as ``nobody``: it refuses root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec
import psycopg
from psycopg import sql

from engines.cache import EngineAbsent
from engines.process import EngineProcess

MINIMUM = 15
SUPERUSER, OWNER = "postgres", "cior_owner"
SERVICE, DELETER, EVIDENCE = "cior_register", "cior_deleter", "cior_evidence"
PASSWORD = "de-prueba"
_START_S = 30.0


def programs() -> Path:
    """The folder of the newest version's programs. Raises ``EngineAbsent``."""
    found = [
        (int(path.parent.parent.name), path.parent)
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if path.parent.parent.name.isdecimal()
    ]
    version, folder = max(found, default=(0, Path()))
    if version < MINIMUM:
        raise EngineAbsent(f"PostgreSQL {MINIMUM} is not installed (Debian: apt-get install postgresql)")
    return folder


class Database(msgspec.Struct, frozen=True):
    """A database of one test: the addresses of its owner and of the parts' roles."""

    name: str
    owner_dsn: str
    service_dsn: str
    deleter_dsn: str
    evidence_dsn: str


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=INT"]


class PostgreSql:
    """Use as a context manager. Start after stop or kill is allowed: the data outlives them."""

    def __init__(self, folder: Path) -> None:
        self._bin = programs()
        # Not below pytest's folder, which nobody but its owner may enter.
        self._home = Path(tempfile.mkdtemp(prefix="cior-postgresql-"))
        self._count = 0
        self.migrated: Database | None = None
        """A database that others are made like, once somebody made its schema."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._make_cluster()
        self._process = EngineProcess(
            "postgresql",
            self._command(),
            log_path=folder / "postgresql.log",
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )

    def _make_cluster(self) -> None:
        password = self._home / "password"
        password.write_text(f"{PASSWORD}\n")
        if os.geteuid() == 0:
            for path in (self._home, password):
                shutil.chown(path, "nobody", "nogroup")
        arguments = [
            "-D",
            str(self._home / "data"),
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(password),
        ]
        subprocess.run(
            [*_as_nobody(), str(self._bin / "initdb"), *arguments, "-N", "--data-checksums", "-E", "UTF8"],
            check=True, capture_output=True, cwd=self._home, timeout=120, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "",
            "max_connections": "60", "shared_buffers": "32MB",
            # What a machine that loses power loses is not what these tests are about; processes are killed in them.
            "fsync": "off", "full_page_writes": "off",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*_as_nobody(), str(self._bin / "postgres"), "-D", str(self._home / "data"), *options]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def bin(self) -> Path:
        """Where ``pg_dump`` and the others are."""
        return self._bin

    def start(self) -> Self:
        """Run it, unless it does."""
        if self._process.pid is None:
            self._process.start(self._answers, timeout_s=_START_S)
        return self

    def stop(self) -> None:
        """Fast shutdown: transactions under way are rolled back."""
        if (pid := self._process.pid) is not None:
            os.kill(pid, signal.SIGINT)
            self._process.stop(timeout_s=20)

    def processes(self) -> list[int]:
        """The postmaster and its children."""
        pid = self._process.pid
        if pid is None:
            return []
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def kill(self) -> None:
        """SIGKILL for all of them at once, as when the machine kills its processes."""
        running = self.processes()
        self._process.kill()
        for pid in running[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def dsn(self, user: str, database: str) -> str:
        """As the register reads it."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def fresh(self, *, like: str = "template0") -> Database:
        """A new database, empty or ``like`` another one, with an owner who is no superuser, and the roles of the
        parts, which own nothing.
        """
        self._count += 1
        name = f"register_{os.getpid()}_{self._count}"
        with psycopg.connect(self.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            for role in (OWNER, SERVICE, DELETER, EVIDENCE):
                if (
                    connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
                    is None
                ):
                    made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                    connection.execute(made.format(sql.Identifier(role), sql.Literal(PASSWORD)))
            made = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            connection.execute(made.format(*map(sql.Identifier, (name, OWNER, like))))
        owner, service, deleter, evidence = (
            self.dsn(role, name) for role in (OWNER, SERVICE, DELETER, EVIDENCE)
        )
        return Database(
            name=name, owner_dsn=owner, service_dsn=service, deleter_dsn=deleter, evidence_dsn=evidence
        )

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn(SUPERUSER, "postgres"), connect_timeout=2).close()
            return True
        return False
