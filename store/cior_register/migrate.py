"""The schema: which revision a register has, and bringing it up to date (Alembic).

A file is migrated by whoever opens it. A server is migrated by its owner (``cior register migrate``); the service has
a role of its own, which may read and add to the ledger and do nothing else to it (:mod:`cior_register.roles`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_register.roles import GRANTS, SERVICE_ROLE

_FOLDER = Path(__file__).parent / "migrations"


def newest() -> str:
    """The revision that this program knows."""
    head = _script().get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str:
    """The revision of a register; empty before its first migration."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def pending(connection: Connection) -> bool:
    """Whether it is older than this program. Raises ``IntegrityBroken`` when it is newer, or of another kind."""
    found = current(connection)
    known = {each.revision for each in _script().walk_revisions()}
    if found and found not in known:
        raise IntegrityBroken(
            "register.schema_unknown",
            f"this register has revision {found}, which this program does not know",
            cure="run the newer program, or restore the backup that belongs to this one",
        )
    return found != newest()


def migrate(engine: Engine) -> tuple[str, str]:
    """Bring it up to date; the revisions before and after.

    On a server it also gives the roles of the parts their rights, those that exist.
    """
    with engine.begin() as connection:
        before = current(connection)
        if pending(connection):
            config = Config()
            config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if connection.dialect.name == "postgresql":
            for role, grants in GRANTS.items():
                for statement in grants() if has_role(connection, role) else ():
                    connection.execute(text(statement))
        return before, current(connection)


def has_role(connection: Connection, role: str) -> bool:
    """Whether the server knows a role."""
    found = connection.execute(text("SELECT count(*) FROM pg_roles WHERE rolname = :name"), {"name": role})
    return bool(found.scalar_one())


def make_role(engine: Engine, role: str, password: str) -> None:
    """A role of PostgreSQL with this password; one that is there gets it. The server is sent the SCRAM verifier
    (RFC 5803), so that no log of its statements has the password.
    """
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        verb = "ALTER" if has_role(connection, role) else "CREATE"
        connection.exec_driver_sql(f"{verb} ROLE {role} LOGIN PASSWORD '{verifier}'")


def refuse_unready(connection: Connection) -> None:
    """Raises ``ConfigInvalid`` when a server's schema is not this program's, or when this role may change the past."""
    if pending(connection):
        raise ConfigInvalid(
            "register.schema_pending",
            "the register's schema is older than this program",
            cure="cior register migrate, with the owner's address in CIOR_REGISTER_OWNER",
        )
    rights = ", ".join(
        f"has_table_privilege('ledger', '{verb}')" for verb in ("UPDATE", "DELETE", "TRUNCATE")
    )
    may = connection.execute(text(f"SELECT {rights}")).one()
    if any(may):
        raise ConfigInvalid(
            "register.too_many_rights",
            "the register is opened as a role that may change the ledger",
            cure=f"sign in as {SERVICE_ROLE}, or as the part's own role; the owner is for cior register migrate only",
        )


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER))
