"""One server for this room, with the deployed users and migrated to head."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cior_store.engine import Store
from cior_store.migrate import migrate
from engines.clickhouse_lite import ClickHouseLite
from integration.store.engines_here import empty, lite

__all__ = ["lite"]


@pytest.fixture(scope="module")
def admin(lite: ClickHouseLite) -> Iterator[Store]:
    """The server's administrator over emptied tables of the newest schema."""
    with Store.open(lite.start().dsn()) as store:
        migrate(store)
        yield empty(store)
