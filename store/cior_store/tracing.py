"""Where a text stands in the store: proof that something is nowhere, or the list of places when it is."""

from __future__ import annotations

from collections.abc import Sequence

from cior_store.engine import Store

_DATABASES = ("cior", "ops", "sealed", "ledger")


def tables_holding(store: Store, needles: Sequence[str]) -> dict[str, int]:
    """Rows by table that hold any of the needles in any column, numbers as text included; case does not matter.

    Reads every row of every table: for small stores and for audits. States of aggregates hold no text and are left out.
    """
    sql = """SELECT concat(c.database, '.', c.table) AS name, groupArray(c.name) AS columns FROM system.columns AS c
        INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
        WHERE c.database IN {databases:Array(String)} AND t.engine LIKE '%MergeTree'
        AND NOT startsWith(c.table, '.inner')
        AND NOT startsWith(c.type, 'AggregateFunction') GROUP BY name ORDER BY name"""
    tables = store.rows(sql, {"databases": list(_DATABASES)})
    found = {str(row["name"]): _rows_with(store, str(row["name"]), row["columns"], needles) for row in tables}
    return {name: count for name, count in found.items() if count}


def _rows_with(store: Store, table: str, columns: Sequence[str], needles: Sequence[str]) -> int:
    text = ", ' ', ".join(f"ifNull(toString(`{column}`), '')" for column in columns)
    sql = (
        f"SELECT count() FROM {table} WHERE multiSearchAnyCaseInsensitive(concat('', {text}), "
        f"{{needles:Array(String)}})"
    )
    return int(store.value(sql, {"needles": list(needles)}))
