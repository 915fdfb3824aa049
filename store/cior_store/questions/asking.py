"""What all questions share."""

from __future__ import annotations

from typing import Any

from cior_store.engine import Store

WINDOW = "received >= fromUnixTimestamp64Milli({since:Int64}) AND received < fromUnixTimestamp64Milli({until:Int64})"


def window(since_ms: int, until_ms: int, **more: Any) -> dict[str, Any]:
    """The parameters of :data:`WINDOW`, with others."""
    return {"since": since_ms, "until": until_ms, **more}


class Asking:
    """Questions over one open store; thread-safe as the store is."""

    def __init__(self, store: Store) -> None:
        self._store = store
