"""The three engines under one contract: embedded chDB, a real ClickHouse HTTP server by libchdb, and the compose
server when its DSN is given.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cior_store.engine import Store
from cior_store.migrate import migrate
from engines.cache import EngineAbsent
from engines.clickhouse_lite import ClickHouseLite

COMPOSE_DSN = os.environ.get("CIOR_TEST_CLICKHOUSE_DSN", "")


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseLite]:
    """This room's own server, with the deployed users; tests may stop it and must start it again."""
    try:
        server = ClickHouseLite(tmp_path_factory.mktemp("store-lite"))
    except EngineAbsent as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have it: {missing}", pytrace=False)
        pytest.skip(str(missing))
    with server:
        yield server


def dsn_of(name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the named engine is; skips with the reason when it is absent."""
    match name:
        case "chdb":
            pytest.importorskip(
                "chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'"
            )
            return f"chdb://{tmp_path_factory.mktemp('chdb')}"
        case "lite":
            return str(request.getfixturevalue("lite").start().dsn())
        case _:
            if not COMPOSE_DSN:
                pytest.skip("no compose server: set CIOR_TEST_CLICKHOUSE_DSN (an administrator's DSN)")
            return COMPOSE_DSN


@pytest.fixture(scope="module", params=["chdb", "lite", "compose"])
def engine_dsn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return dsn_of(request.param, request, tmp_path_factory)


@pytest.fixture(scope="module")
def engine(engine_dsn: str) -> Iterator[Store]:
    """One migrated store for the module. One chDB path a process: it is closed at the module's end."""
    with Store.open(engine_dsn) as store:
        migrate(store)
        yield store


@pytest.fixture
def store(engine: Store) -> Store:
    """A store whose tables are empty."""
    return empty(engine)


def empty(store: Store) -> Store:
    """Truncate every table (their deduplication windows are emptied with them)."""
    tables = store.rows(
        "SELECT database, name FROM system.tables WHERE database IN ('ops', 'sealed', 'ledger') AND engine "
        "LIKE '%MergeTree'"
    )
    for table in tables:
        store.command(f"TRUNCATE TABLE {table['database']}.{table['name']} SYNC")
    return store
