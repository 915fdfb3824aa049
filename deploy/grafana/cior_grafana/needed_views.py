"""Which views the boards read."""

from __future__ import annotations

import re

_VIEW = re.compile(r"\b(wall|supervisor|observatory|ops)\.(v_[a-z0-9_]+)\b")


def views_in(sql: str) -> list[str]:
    """The views that a query names, each once, in its order."""
    return list(dict.fromkeys(".".join(found) for found in _VIEW.findall(sql)))
