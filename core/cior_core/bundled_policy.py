"""The bundled table of who may see what and how long things are kept, read once."""

from __future__ import annotations

from functools import cache

from cior_core import bundled
from cior_core.privacy import Policy


@cache
def privacy_policy() -> Policy:
    """The bundled table of who may see what and how long things are kept."""
    return Policy.load(bundled.text("privacy.toml"))
