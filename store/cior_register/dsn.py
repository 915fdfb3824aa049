"""Where a register is: a file of SQLite beside an embedded centre, a database of PostgreSQL in a real one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

_CURE = "sqlite:///<file>, or postgresql://user:pass@host:5432/database"
# Options of libpq that say how a connection is secured or found; no other may be set by a DSN.
_ALLOWED = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "passfile"})


class RegisterDsn(Struct, frozen=True):
    """A read address. ``shown`` holds no password and is what logs and errors may print."""

    path: Path | None = None
    host: str = ""
    port: int = 5432
    user: str = ""
    password: str = ""
    database: str = ""
    options: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"RegisterDsn({self.shown})"

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this machine."""
        return self.path is not None

    @property
    def shown(self) -> str:
        """The address without secrets."""
        if self.path is not None:
            return f"sqlite:///{self.path}"
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    @property
    def url(self) -> URL:
        """As SQLAlchemy wants it."""
        if self.path is not None:
            return URL.create("sqlite", database=str(self.path))
        return URL.create(
            "postgresql+psycopg",
            username=self.user,
            password=self.password or None,
            host=self.host,
            port=self.port,
            database=self.database,
            query=self.options,
        )

    @classmethod
    def parse(cls, text: str) -> RegisterDsn:
        """Read a DSN. Raises ``ConfigInvalid`` (``register.dsn``)."""
        parts = urlsplit(text)
        if parts.scheme == "sqlite":
            name = text.removeprefix("sqlite:///")
            if not name or name == text or "?" in name:
                raise ConfigInvalid("register.dsn", "a register in a file needs its path", cure=_CURE)
            return cls(path=Path(os.path.realpath(name)))
        if parts.scheme != "postgresql" or not parts.hostname or not parts.path.strip("/"):
            raise ConfigInvalid("register.dsn", "this is no address of a register", cure=_CURE)
        options = dict(parse_qsl(parts.query))
        if strangers := sorted(options.keys() - _ALLOWED):
            raise ConfigInvalid(
                "register.dsn", f"unknown options: {', '.join(strangers)}", cure=f"only {sorted(_ALLOWED)}"
            )
        return cls(
            host=parts.hostname,
            port=parts.port or 5432,
            user=unquote(parts.username or "cior_register"),
            password=unquote(parts.password or ""),
            database=parts.path.strip("/"),
            options=options,
        )
