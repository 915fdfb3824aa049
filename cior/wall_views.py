"""Whether a store has the views of Grafana's boards and rules: said where a schema is seen or brought up to date."""

from __future__ import annotations

from collections.abc import Iterator

from cior_grafana.needed_views import missing_views
from cior_store.engine import Store


def lacking(store: Store) -> Iterator[str]:
    """A sentence a view that a board or rule needs and the store lacks. Its user must know of all views."""
    for view, boards in missing_views(store).items():
        yield f"view {view} is not there: {', '.join(boards)} need it; `cior store migrate` makes it"
