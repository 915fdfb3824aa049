"""A copy of the register that can be made while it is written, and its way back. What a copy must hold is in the facts
beside it: a copy without its end verifies in itself, and is found by that.

A server's roles are not in its copy: the service's is made by hand (deploy/README.md) and gets its rights again here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
from sqlalchemy import Connection, inspect, select

from cior_core.chain import Head, verify
from cior_core.errors import CiorError, ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_core.people import REGISTER_CHAIN
from cior_register import faults, ledger, migrate
from cior_register.dsn import RegisterDsn
from cior_register.engine import open_engine
from cior_register.tables import LEDGER

_FACTS = ".json"
_LIMIT_S = 3_600.0
_BLOCK = 1 << 20


class BackupFacts(Struct, frozen=True):
    """``seq``, ``hash``: an entry that the copy holds, the last one when it was begun. ``sha256``: of the copy."""

    engine: str
    revision: str
    seq: int
    hash: str
    sha256: str
    at_ms: int


def backup(dsn: str, path: Path, *, now_ms: int) -> BackupFacts:
    """Copy the register to ``path``, its facts beside it. Raises ``ConfigInvalid`` when something is there already."""
    address = RegisterDsn.parse(dsn)
    if path.exists():
        raise ConfigInvalid(
            "register.backup_there", f"{path.name} is there already", cure="name another file"
        )
    head, revision = _asked(address)
    fresh = path.with_name(f"{path.name}.part")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if address.path is not None:
        _copy(address.path, fresh)
    else:
        _run(address, "pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={fresh}"])
    facts = BackupFacts(
        engine="sqlite" if address.embedded else "postgresql", revision=revision, seq=head.seq, hash=head.hash,
        sha256=_digest(fresh), at_ms=now_ms,
    )  # fmt: skip
    _kept(Path(f"{path}{_FACTS}"), msgspec.json.encode(facts))
    _sync(fresh)
    fresh.rename(path)
    _sync(path.parent)
    return facts


def restore(dsn: str, path: Path) -> BackupFacts:
    """Bring a copy back into a register that holds nothing, bring it up to date, and check it.

    Raises ``ConfigInvalid`` (``register.not_empty``, ``register.backup_facts``), ``IntegrityBroken``
    (``register.backup_changed``, ``register.backup_short``, ``register.backup_broken``).
    """
    address, facts = RegisterDsn.parse(dsn), _facts(path)
    if _digest(path) != facts.sha256:
        raise IntegrityBroken(
            "register.backup_changed", "this copy is not the one that was made", cure="take another copy"
        )
    if address.path is not None:
        _put_file(path, address.path, facts)
    else:
        _put_server(address, path, facts)
    return facts


def check(connection: Connection, facts: BackupFacts) -> None:
    """Whether the chain is whole and holds what the facts say. Raises ``IntegrityBroken``."""
    found = connection.execute(select(LEDGER.c.hash).where(LEDGER.c.seq == facts.seq)).scalar_one_or_none()
    if facts.seq and found != facts.hash:
        raise IntegrityBroken(
            "register.backup_short",
            f"entry {facts.seq} of the ledger is not in this copy as it was",
            cure="take another copy",
        )
    if verify(REGISTER_CHAIN, ledger.falling(connection)).defects:
        raise IntegrityBroken(
            "register.backup_broken", "the ledger of this copy was changed", cure="take another copy"
        )


def _asked(address: RegisterDsn) -> tuple[Head, str]:
    engine = open_engine(address)
    try:
        with faults.translated(), engine.connect() as connection:
            return ledger.head(connection), migrate.current(connection)
    finally:
        engine.dispose()


def _copy(source: Path, target: Path) -> None:
    # The library's own copy: of the file alone, what stands in its write-ahead log would be missing, and verify.
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _put_file(copy: Path, target: Path, facts: BackupFacts) -> None:
    if target.exists():
        raise ConfigInvalid(
            "register.not_empty",
            "a register is there already",
            cure=f"move {target.name} and what lies beside it away",
        )
    if facts.engine != "sqlite":
        raise _other_engine(facts)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = target.with_name(f"{target.name}.part")
    shutil.copyfile(copy, fresh)
    fresh.chmod(0o600)
    _checked(RegisterDsn(path=fresh), facts)
    for beside in ("-wal", "-shm"):
        Path(f"{fresh}{beside}").unlink(missing_ok=True)
    _sync(fresh)
    fresh.rename(target)
    _sync(target.parent)


def _put_server(address: RegisterDsn, copy: Path, facts: BackupFacts) -> None:
    engine = open_engine(address)
    try:
        with faults.translated(), engine.connect() as connection:
            is_empty = not inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if not is_empty:
        raise ConfigInvalid(
            "register.not_empty", "this database holds something", cure="make a new, empty one"
        )
    if facts.engine != "postgresql":
        raise _other_engine(facts)
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run(address, "pg_restore", [*options, f"--dbname={address.database}", str(copy)], names_database=False)
    _checked(address, facts)


def _checked(address: RegisterDsn, facts: BackupFacts) -> None:
    """Brought up to date (on a server, with the service's rights) and verified."""
    engine = open_engine(address)
    try:
        with faults.translated():
            migrate.migrate(engine)
            with engine.connect() as connection:
                check(connection, facts)
                if address.embedded:
                    connection.rollback()
    finally:
        engine.dispose()


def _run(
    address: RegisterDsn, program: str, arguments: Sequence[str], *, names_database: bool = True
) -> None:
    """One of PostgreSQL's programs; the password in its environment, never among its arguments."""
    where = [
        f"--host={address.host}",
        f"--port={address.port}",
        f"--username={address.user}",
        "--no-password",
    ]
    named = [f"--dbname={address.database}"] if names_database else []
    secrets = {"PGPASSWORD": address.password, **{f"PG{k.upper()}": v for k, v in address.options.items()}}
    try:
        ran = subprocess.run(
            [_program(program), *where, *named, *arguments],
            env={**os.environ, **secrets}, capture_output=True, text=True, check=False, timeout=_LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SourceUnavailable("register.backup_slow", f"{program} did not end in an hour") from None
    if ran.returncode:
        said = next(iter(ran.stderr.splitlines()), "")
        raise SourceUnavailable("register.backup_failed", f"{program}: {said}", cure="see what it says")


def _program(name: str) -> str:
    """On the path, or where Debian keeps the newest version's."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda each: each.parts[-3].zfill(3)
    )
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise ConfigInvalid(
            "register.no_program",
            f"{name} is not installed",
            cure="Debian: apt-get install postgresql-client",
        )
    return found


def _facts(path: Path) -> BackupFacts:
    try:
        return msgspec.json.decode(Path(f"{path}{_FACTS}").read_bytes(), type=BackupFacts)
    except (OSError, msgspec.MsgspecError):
        raise ConfigInvalid(
            "register.backup_facts",
            f"the facts of this copy ({path.name}{_FACTS}) cannot be read",
            cure="keep both files together",
        ) from None


def _other_engine(facts: BackupFacts) -> CiorError:
    return ConfigInvalid(
        "register.other_engine", f"this is a copy of {facts.engine}", cure="restore it where it came from"
    )


def _digest(path: Path) -> str:
    made = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            made.update(block)
    return made.hexdigest()


def _kept(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
