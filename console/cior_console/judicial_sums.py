"""What is told of all requests together: the year's report, and the public's counts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from cior_console.desk import DESK
from cior_console.endpoints import query_of
from cior_console.judicial_pages import JUDICIAL
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE
from cior_core.judicial.calendars import day_of
from cior_core.judicial.jurisdiction import Jurisdiction
from cior_core.judicial.reports import PublicCount, YearReport, public_counts, year_report
from cior_register import requests


class YearQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A civil year of the jurisdiction; 0: this one of the report, the last that is over of what is published."""

    year: Annotated[int, msgspec.Meta(ge=0, le=2_200)] = 0


async def report(request: web.Request) -> YearReport:
    """The year as the register has it now."""
    now_ms, rules = request.app[DESK].now_ms(), request.app[JUDICIAL].rules
    year = query_of(request, YearQuery).year or day_of(now_ms, rules.zone).year
    return await request.app[ARCHIVE].register.read(
        lambda each: year_report(requests.every(each), year=year, now_ms=now_ms, rules=rules)
    )


async def transparency(request: web.Request) -> list[PublicCount]:
    """What anybody may know of a year that is over."""
    if JUDICIAL not in request.app:
        raise Refused("request.no_such_path")
    rules = request.app[JUDICIAL].rules
    now_year = day_of(request.app[DESK].now_ms(), rules.zone).year
    year = query_of(request, YearQuery).year or now_year - 1
    if year >= now_year:
        raise Refused("request.year_open")
    return await counts_of(request, year)


async def counts_of(request: web.Request, year: int) -> list[PublicCount]:
    """The public table of a year; whoever asks has seen to it that it is over."""
    rules = request.app[JUDICIAL].rules
    return await request.app[ARCHIVE].register.read(
        lambda each: public_counts(requests.every(each), year=year, rules=rules)
    )


async def rules_of(request: web.Request) -> Jurisdiction:
    """The jurisdiction's own file: authorities, legal basis, deadlines, refusals, causes."""
    return request.app[JUDICIAL].rules.jurisdiction
