"""What whoever keeps the machine asks of a register that need not be running: its schema, its state, its proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine, func, select

from cior_core.chain import Walked, verify
from cior_core.model import Struct
from cior_core.people import REGISTER_CHAIN
from cior_register import faults, ledger, migrate
from cior_register.dsn import RegisterDsn
from cior_register.engine import open_engine, prepare_file
from cior_register.roles import SERVICE_ROLE
from cior_register.tables import PEOPLE

_NAMED = 100


class Migrated(Struct, frozen=True):
    """Revisions before and after; whether the service's role is there to be given its rights (a file needs none)."""

    address: str
    before: str
    after: str
    has_service_role: bool


class RegisterStatus(Struct, frozen=True):
    """``revision`` is empty for a register without a schema; ``waiting``: entries that are not on the bus yet."""

    address: str
    revision: str
    newest: str
    entries: int = 0
    people: int = 0
    waiting: int = 0


class Proof(Struct, frozen=True):
    """What became of a walk over the whole chain, and the numbers of entries that are not filed under what they say."""

    walked: Walked
    misfiled: tuple[int, ...]


def bring_up_to_date(dsn: str, passwords: Mapping[str, str] | None = None) -> Migrated:
    """Migrate, as the owner. ``passwords``: on a server these roles are made with them, or get them; empty: none."""
    with _engine(dsn) as (address, engine):
        prepare_file(address)
        for role, password in (passwords or {}).items():
            if password and not address.embedded:
                migrate.make_role(engine, role, password)
        before, after = migrate.migrate(engine)
        with engine.connect() as connection:
            has_role = address.embedded or migrate.has_role(connection, SERVICE_ROLE)
        return Migrated(address.shown, before, after, has_role)


def status(dsn: str) -> RegisterStatus:
    """How it is; changes nothing."""
    with _engine(dsn) as (address, engine):
        if address.path is not None and not address.path.exists():
            return RegisterStatus(address.shown, "", migrate.newest())
        with engine.connect() as connection:
            revision = migrate.current(connection)
            if not revision:
                return RegisterStatus(address.shown, revision, migrate.newest())
            people: int = connection.execute(select(func.count()).select_from(PEOPLE)).scalar_one()
            entries, waiting = ledger.head(connection).seq, ledger.waiting(connection)
            return RegisterStatus(address.shown, revision, migrate.newest(), entries, people, waiting)


def prove(dsn: str, *, pins: Mapping[int, str]) -> Proof:
    """Hold the ledger against its chain, and its chain against what is kept elsewhere (number → hash)."""
    with _engine(dsn) as (_, engine), engine.connect() as connection:
        walked = verify(REGISTER_CHAIN, ledger.falling(connection), pins=pins)
        misfiled = [seq for _, seq in zip(range(_NAMED), ledger.misfiled(connection), strict=False)]
        return Proof(walked, tuple(misfiled))


@contextmanager
def _engine(dsn: str) -> Iterator[tuple[RegisterDsn, Engine]]:
    address = RegisterDsn.parse(dsn)
    engine = open_engine(address)
    try:
        with faults.translated():
            yield address, engine
    finally:
        engine.dispose()
