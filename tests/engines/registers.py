"""Where the tests' registers are, with a schema made as a centre makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec

from cior_register.dsn import RegisterDsn
from cior_register.engine import open_engine
from cior_register.migrate import migrate
from cior_register.register import Register
from engines.postgresql import PostgreSql


class RegisterPlace(msgspec.Struct, frozen=True):
    """``dsn`` is the service's address; ``owner_dsn`` who migrates, ``deleter_dsn`` who claims what it deletes,
    ``evidence_dsn`` who builds packages: the same for a file.
    """

    dsn: str
    owner_dsn: str
    deleter_dsn: str
    evidence_dsn: str
    server: PostgreSql | None = None

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """A file that is not there yet."""
        dsn = f"sqlite:///{path}"
        return cls(dsn, dsn, dsn, dsn)

    @classmethod
    def of_server(cls, server: PostgreSql) -> Self:
        """A new database, migrated by its owner (once: the others are made like it)."""
        if server.migrated is None:
            server.migrated = server.fresh()
            engine = open_engine(RegisterDsn.parse(server.migrated.owner_dsn))
            migrate(engine)
            engine.dispose()
        made = server.fresh(like=server.migrated.name)
        return cls(made.service_dsn, made.owner_dsn, made.deleter_dsn, made.evidence_dsn, server)

    def open(self, **options: object) -> Register:
        """As the service opens it."""
        return Register.open(self.dsn, **options)  # type: ignore[arg-type]  # the test's own keywords
