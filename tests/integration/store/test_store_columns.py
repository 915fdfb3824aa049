"""Whatever a record's row holds has a column in its table: a field that came without its migration would end the sink
of every centre.
"""

from __future__ import annotations

import pytest

from cior_store.engine import Store
from cior_store.rows import TABLES


@pytest.mark.parametrize(
    ("table", "columns"), [(table, columns) for tables in TABLES.values() for table, columns, _ in tables]
)
def test_every_row_fits_the_table_that_the_migrations_make(
    store: Store, table: str, columns: tuple[str, ...]
) -> None:
    database, name = table.split(".")
    rows = store.rows(
        "SELECT name FROM system.columns WHERE database = {d:String} AND table = {t:String}",
        {"d": database, "t": name},
    )
    assert set(columns) - {row["name"] for row in rows} == set()
