"""Which views the boards and alert rules read, and which of them a database lacks.

Asked by ``cior grafana check --store``, ``cior store status``, and where the schema is brought up to date at a start: a
wall with an empty panel and an engine's error number tells nobody what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cior_grafana import queries
from cior_store.engine import Store
from cior_store.views_here import views_here

_RULES = Path(__file__).with_name("alert_rules.sql")
_VIEW = re.compile(r"\b(wall|supervisor|observatory|ops)\.(v_[a-z0-9_]+)\b")


def views_in(sql: str) -> list[str]:
    """The views that a query names, each once, in its order."""
    return list(dict.fromkeys(".".join(found) for found in _VIEW.findall(sql)))


def needed_views() -> dict[str, tuple[str, ...]]:
    """Every view that a board or an alert rule reads, with who does, both sorted."""
    found: dict[str, set[str]] = {}
    for reader, sql in _read():
        for view in views_in(sql):
            found.setdefault(view, set()).add(reader)
    return {view: tuple(sorted(readers)) for view, readers in sorted(found.items())}


def _read() -> Iterator[tuple[str, str]]:
    """Each question with its board; those of the rules come from their file, since their module needs the SDK."""
    for board in queries.boards():
        for query in queries.load(board).values():
            yield board, query.sql
    for query in queries.read(_RULES.read_text(encoding="utf-8"), file=_RULES.name).values():
        yield "alert rules", query.sql


def missing_views(store: Store) -> dict[str, tuple[str, ...]]:
    """The views that boards and rules need and this store lacks, with who needs them. Empty when all are there."""
    here = views_here(store)
    return {view: boards for view, boards in needed_views().items() if view not in here}
