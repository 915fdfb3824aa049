"""All endpoints of the console in one tuple: the wall's, and those of people who sign in."""

from __future__ import annotations

from cior_console.desk import desk_endpoints
from cior_console.endpoints import Endpoint
from cior_console.web import wall_endpoints


def people_endpoints() -> tuple[Endpoint, ...]:
    """Those that need somebody's name. Whoever adds a family of endpoints adds it here."""
    return desk_endpoints()


def all_endpoints() -> tuple[Endpoint, ...]:
    """The whole table, as the pages of ``docs/`` and OpenAPI tell it."""
    return (*wall_endpoints(), *people_endpoints())
