"""The audit trail of one item (a request, or a camera's footage of an interval) as CSV and as PDF. Asking for it is a
row of the ledger, and in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import web

from cior_console.desk import DESK
from cior_console.endpoints import CALLER, query_of
from cior_console.footage_pages import Instant
from cior_console.footage_views import TOLD_EVERY_S
from cior_console.judicial_pages import ASKERS, JUDICIAL, the
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE
from cior_console.web import CONFIG
from cior_core.cameras import is_camera_id
from cior_core.chain import Head
from cior_core.judicial.state import Request
from cior_core.people import LedgerEntry, LedgerRow
from cior_evidence.audit_trail import MOST_PRINTED, Trail, trail_csv, trail_pdf
from cior_register import holds, ledger, people, requests
from cior_register.ledger import LedgerQuestion

_PAGE: Final = 1_000
_DAY_MS: Final = 86_400_000
_WATCHED_MS: Final = int(TOLD_EVERY_S * 1000)
"""A live view has a row so often: what it showed lies at most so far from one."""
Span = tuple[int, int]


class FootageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose footage: from ``since_ms`` up to, not including, ``until_ms`` (UTC), both needed, at most 31 days."""

    since_ms: Instant | None = None
    until_ms: Instant | None = None


async def request_csv(request: web.Request) -> web.Response:
    """Every row about one request, reads included, oldest first."""
    return _csv(await _of_request(request))


async def request_pdf(request: web.Request) -> web.Response:
    """The same as PDF."""
    return await _pdf(await _of_request(request))


async def footage_csv(request: web.Request) -> web.Response:
    """Every row about a camera's footage of an interval: who looked, who asked, what was deleted."""
    return _csv(await _of_footage(request))


async def footage_pdf(request: web.Request) -> web.Response:
    """The same as PDF."""
    return await _pdf(await _of_footage(request))


async def _of_request(request: web.Request) -> Trail:
    found = await the(request)
    return await _trail(request, found.id, lambda each, head: _about(each, head, subject=found.id))


async def _of_footage(request: web.Request) -> Trail:
    asked, camera = query_of(request, FootageQuery), request.match_info["camera"]
    if asked.since_ms is None or asked.until_ms is None or not asked.since_ms < asked.until_ms:
        raise Refused("footage.interval")
    if not is_camera_id(camera):
        raise Refused("footage.no_camera")
    span = (asked.since_ms, asked.until_ms)
    if span[1] - span[0] > 31 * _DAY_MS:
        raise Refused("trail.too_wide")
    return await _trail(request, camera, partial(_footage, camera=camera, span=span), span=span)


async def _trail(request: web.Request, subject: str, rows: Any, *, span: Span | None = None) -> Trail:
    caller = request[CALLER]

    def read(connection: Any) -> Trail:
        head = ledger.head(connection)
        found = sorted(rows(connection, head), key=lambda each: each.place.seq)
        return Trail(
            subject=subject,
            rows=tuple(found),
            head=head,
            zone=str(request.app[JUDICIAL].rules.zone),
            centre=request.app[CONFIG].centre,
            written_for=caller.person.id,
            written_ms=request.app[DESK].now_ms(),
            span=span,
            names=_names(connection, found) if caller.role not in ASKERS else {},
        )

    return await request.app[ARCHIVE].register.read(read)


def _names(connection: Any, rows: Iterable[LedgerRow]) -> dict[str, str]:
    """Of those who stand in it. Who asks reads no names of the house."""
    actors = {each.entry.actor for each in rows}
    return {each.id: each.name for each in people.everybody(connection) if each.id in actors}


def _about(connection: Any, head: Head, **question: Any) -> Iterator[LedgerRow]:
    """All rows up to ``head`` that a question is about, newest first."""
    before = head.seq + 1
    while True:
        page = ledger.rows(connection, LedgerQuestion(before_seq=before, limit=_PAGE, **question))
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].place.seq


def _footage(connection: Any, head: Head, *, camera: str, span: Span) -> Iterator[LedgerRow]:
    """Who looked at it, the requests that ask for it, and what the deleter took of its days."""
    for row in _about(connection, head, subject=camera, act="footage.", since_ms=span[0]):
        if is_about(row.entry, span):
            yield row
    for each in requests.every(connection):
        if _asks_for(each, camera, span):
            yield from _about(connection, head, subject=each.id)
    target = holds.footage_of(camera)
    for seq in sorted(set(holds.told_deleted(connection, target, since_ms=span[0], until_ms=span[1]))):
        yield from ledger.rows(connection, LedgerQuestion(before_seq=seq + 1, limit=1))


def is_about(entry: LedgerEntry, span: Span) -> bool:
    """Whether a row of a camera's views is about its footage of ``span``. One that names no interval is: a refusal."""
    told = {name: value for name, value in entry.detail.items() if isinstance(value, int)}
    match entry.detail.get("kind"):
        case "live":
            since = told.get("sent_from_ms", entry.at_ms)
            until = told.get("sent_to_ms", entry.at_ms) + _WATCHED_MS
        case "clip":
            since = min(told[each] for each in ("asked_from_ms", "from_ms") if each in told)
            until = max(told[each] for each in ("asked_to_ms", "to_ms") if each in told)
        case _:
            return True
    return since < span[1] and span[0] < until


def _asks_for(request: Request, camera: str, span: Span) -> bool:
    return any(
        each.since_s * 1000 < span[1] and span[0] < each.until_s * 1000
        for item in request.asked
        if item.camera == camera
        for each in item.spans
    )


def _csv(trail: Trail) -> web.Response:
    return web.Response(
        body=trail_csv(trail), content_type="text/csv", charset="utf-8", headers=_sent(trail, "csv")
    )


async def _pdf(trail: Trail) -> web.Response:
    if len(trail.rows) > MOST_PRINTED:
        raise Refused("trail.too_long", rows=len(trail.rows))
    body = await asyncio.to_thread(trail_pdf, trail)
    return web.Response(body=body, content_type="application/pdf", headers=_sent(trail, "pdf"))


def _sent(trail: Trail, form: str) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{trail.subject}.{form}"',
    }
