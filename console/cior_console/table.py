"""All endpoints of the console in one tuple: the wall's, and those of people who sign in."""

from __future__ import annotations

from cior_console.act_endpoints import act_endpoints
from cior_console.agreement_pages import agreement_endpoints
from cior_console.centre_rules import rule_endpoints
from cior_console.city_tiles import tile_endpoints
from cior_console.console_page import page_endpoints
from cior_console.desk import desk_endpoints
from cior_console.drills import drill_endpoints
from cior_console.duty_pages import duty_endpoints
from cior_console.endpoints import Endpoint
from cior_console.footage_pages import footage_endpoints
from cior_console.judicial_endpoints import judicial_endpoints
from cior_console.line_acts import line_endpoints
from cior_console.public_pages import public_endpoints
from cior_console.register_pages import register_endpoints
from cior_console.sealed_boxes import sealed_endpoints
from cior_console.sign_in.endpoints import sign_in_endpoints
from cior_console.silences import silence_endpoints
from cior_console.web import wall_endpoints
from cior_console.workload import load_endpoints


def people_endpoints() -> tuple[Endpoint, ...]:
    """The console's page, and what it asks: that needs somebody's name. Who adds a family of endpoints does it here."""
    return (
        *page_endpoints(),
        *public_endpoints(),
        *sign_in_endpoints(),
        *desk_endpoints(),
        *rule_endpoints(),
        *tile_endpoints(),
        *act_endpoints(),
        *line_endpoints(),
        *register_endpoints(),
        *silence_endpoints(),
        *duty_endpoints(),
        *load_endpoints(),
        *drill_endpoints(),
        *sealed_endpoints(),
        *judicial_endpoints(),
        *footage_endpoints(),
        *agreement_endpoints(),
    )


def all_endpoints() -> tuple[Endpoint, ...]:
    """The whole table, as the pages of ``docs/`` and OpenAPI tell it."""
    return (*wall_endpoints(), *people_endpoints())
