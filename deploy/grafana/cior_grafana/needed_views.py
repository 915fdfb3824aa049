"""Which views the boards read, and which of them a database lacks.

Asked by ``cior grafana check --store``, ``cior store status``, and where the schema is brought up to date at a start: a
wall with an empty panel and an engine's error number tells nobody what to do.
"""

from __future__ import annotations

import re

from cior_grafana import queries
from cior_store.engine import Store
from cior_store.views_here import views_here

_VIEW = re.compile(r"\b(wall|supervisor|observatory|ops)\.(v_[a-z0-9_]+)\b")


def views_in(sql: str) -> list[str]:
    """The views that a query names, each once, in its order."""
    return list(dict.fromkeys(".".join(found) for found in _VIEW.findall(sql)))


def needed_views() -> dict[str, tuple[str, ...]]:
    """Every view that a board reads, with the boards that do, both sorted."""
    found: dict[str, set[str]] = {}
    for board in queries.boards():
        for query in queries.load(board).values():
            for view in views_in(query.sql):
                found.setdefault(view, set()).add(board)
    return {view: tuple(sorted(boards)) for view, boards in sorted(found.items())}


def missing_views(store: Store) -> dict[str, tuple[str, ...]]:
    """The views that boards need and this store lacks, with those boards. Empty when all are there."""
    here = views_here(store)
    return {view: boards for view, boards in needed_views().items() if view not in here}
