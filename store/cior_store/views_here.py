"""Which views a store has: what a dashboard may count on."""

from __future__ import annotations

from cior_store.engine import Store


def views_here(store: Store) -> frozenset[str]:
    """``database.view`` of every view that the store's user may know of."""
    rows = store.rows("SELECT database, name FROM system.tables WHERE engine LIKE '%View'")
    return frozenset(f"{row['database']}.{row['name']}" for row in rows)
