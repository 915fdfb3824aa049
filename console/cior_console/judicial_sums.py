"""What is told of all requests together: the year's report, the public's counts; and of one request who touched it."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

import msgspec
from aiohttp import web

from cior_console.desk import DESK
from cior_console.endpoints import query_of
from cior_console.judicial_pages import JUDICIAL, the
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE
from cior_core.judicial.calendars import day_of
from cior_core.judicial.jurisdiction import Jurisdiction
from cior_core.judicial.reports import PublicCount, YearReport, public_counts, year_report
from cior_core.people import LedgerRow
from cior_core.rfc3339 import to_rfc3339
from cior_register import ledger, requests
from cior_register.ledger import LedgerQuestion

_PAGE = 1_000
_TRAIL = ("seq", "at", "actor", "role", "act", "outcome", "rule", "reason", "previous", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell (OWASP, CSV injection)."""


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


async def trail(request: web.Request) -> web.Response:
    """Every ledger row about one request, reads included, oldest first, with its place in the chain."""
    found = await the(request)
    rows = await request.app[ARCHIVE].register.read(lambda each: _about(each, found.id))
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{found.id}.csv"',
    }
    return web.Response(body=trail_csv(rows), content_type="text/csv", charset="utf-8", headers=headers)


def _about(connection: Any, request_id: str) -> list[LedgerRow]:
    """All rows about a request, newest first."""
    rows: list[LedgerRow] = []
    while True:
        before = rows[-1].place.seq if rows else None
        page = ledger.rows(connection, LedgerQuestion(subject=request_id, before_seq=before, limit=_PAGE))
        rows += page
        if len(page) < _PAGE:
            return rows


def trail_csv(newest_first: list[LedgerRow]) -> bytes:
    """RFC 4180, CRLF; a cell that a spreadsheet would compute has an apostrophe before it."""
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(_TRAIL)
    for row in reversed(newest_first):
        entry = row.entry
        cells = (
            str(row.place.seq), to_rfc3339(entry.at_ms), entry.actor, entry.role.value if entry.role else "",
            entry.act, entry.outcome.value, entry.rule, entry.reason, row.place.previous, row.hash,
        )  # fmt: skip
        writer.writerow([f"'{each}" if each.startswith(_FORMULA) else each for each in cells])
    return told.getvalue().encode()
