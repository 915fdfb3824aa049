"""Sealed boxes at the custodian's desk: how many a request needs, the file of closed ones to take to who keeps the
private key, and what is handed back: the key of single boxes, each in the ledger before it is kept (ADR 54).
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from aiohttp import web

from cior_console.authorising import DEED, LAW, REASON_LIMIT, nothing_more
from cior_console.desk import DESK
from cior_console.endpoints import CALLER, Caller, body_of
from cior_console.judicial_pages import JUDICIAL, the
from cior_console.problems import Refused
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.judicial.state import Request
from cior_core.people import LedgerEntry
from cior_core.privacy import Policy, Purpose
from cior_evidence import box_desk
from cior_evidence.box_files import OPENED, ClosedBox, OpenedFile
from cior_evidence.box_room import BoxRoom, Handed, Judged

MOST_OPENINGS = 50
"""As many as one hand-over takes: more come in several."""


class BoxLine(msgspec.Struct, frozen=True, kw_only=True):
    """One box. ``opened_by``, ``reason``: of who opened it where the key is; empty while it is closed."""

    record: str
    received_ms: int
    opened_by: str = ""
    reason: str = ""
    opened_ms: int | None = None
    handed_ms: int | None = None


class BoxesPage(msgspec.Struct, frozen=True, kw_only=True):
    """``is_laid_out``: whether who builds has looked which boxes the alarms need; ``may``: whether this person may take
    them out and hand them back now, ``why``: the code of why not.
    """

    request: str
    is_laid_out: bool
    closed: int
    opened: int
    boxes: tuple[BoxLine, ...]
    may: bool
    why: str = ""


class OpeningsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``cior evidence open-boxes`` wrote, at most :data:`MOST_OPENINGS` of its rows at once (base64)."""

    request: Annotated[str, msgspec.Meta(max_length=64)]
    opened: Annotated[tuple[bytes, ...], msgspec.Meta(min_length=1, max_length=MOST_OPENINGS)]
    format: Annotated[str, msgspec.Meta(max_length=40)] = OPENED


class HandedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one opening. ``code``: why it is refused; ``record``: empty where it could not be read."""

    record: str
    code: str = ""


class HandedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Each opening in its order, and how the boxes stand now."""

    handed: tuple[HandedLine, ...]
    page: BoxesPage


async def boxes(request: web.Request) -> BoxesPage:
    """How the boxes of a request stand; nothing of what is in them."""
    return await _page(request, await the(request))


async def boxes_out(request: web.Request) -> web.StreamResponse:
    """The file of closed boxes, for who may build this package."""
    found, room = await _may(request)
    if not room.path.is_file():
        raise Refused("boxes.none")
    await request[DEED].write(nothing_more, entry=_entry(request, found))
    headers = {
        "Content-Type": "application/json",
        "Content-Disposition": f'attachment; filename="sobres-{found.id[:12]}.json"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(room.path, headers=headers)


async def hand_back(request: web.Request) -> HandedPage:
    """Each opening against the box that was received; accepted or refused it is a row, and then it is kept."""
    found, room = await _may(request)
    body = body_of(request, OpeningsBody)
    file = OpenedFile(format=body.format, request=body.request, opened=body.opened)
    try:
        judged = await asyncio.to_thread(room.judged, file)
    except PayloadRejected as error:
        raise Refused(error.code) from error
    for each in judged:
        await request[DEED].write(nothing_more, entry=box_desk.opening_entry(_entry(request, found), each))
        await asyncio.to_thread(_keep, room, each, by=request[CALLER].person.id, at_ms=_now_ms(request))
    return HandedPage(
        handed=tuple(HandedLine(record=each.record, code=each.code) for each in judged),
        page=await _page(request, found),
    )


def _keep(room: BoxRoom, judged: Judged, *, by: str, at_ms: int) -> None:
    if judged.opened is not None:
        room.keep(judged.opened, by=by, at_ms=at_ms)


async def _may(request: web.Request) -> tuple[Request, BoxRoom]:
    """Raises ``Refused``, which is in the ledger."""
    found = await the(request)
    shared = request.app[JUDICIAL].boxes
    if shared is None:
        raise Refused("request.no_shelf")
    why = _why_not(found, request[CALLER], request.app[LAW].policy)
    if why:
        raise Refused(why)
    return found, BoxRoom(shared, found.id)


def _why_not(found: Request, caller: Caller, policy: Policy) -> str:
    try:
        box_desk.check_hands(found, caller.person.id)
        box_desk.decision_of(found, policy)
    except PayloadRejected as error:
        return error.code
    except AccessDenied as error:
        return error.code if error.code.startswith("request.") else "access.denied"
    return ""


def _entry(request: web.Request, found: Request) -> LedgerEntry:
    return request[DEED].entry(
        act=box_desk.TAKEN_OUT, purpose=Purpose.JUDICIAL_REQUEST, reason=found.filing.reason[:REASON_LIMIT]
    )


def _now_ms(request: web.Request) -> int:
    return request.app[DESK].now_ms()


async def _page(request: web.Request, found: Request) -> BoxesPage:
    shared = request.app[JUDICIAL].boxes
    if shared is None:
        raise Refused("request.no_shelf")
    why = _why_not(found, request[CALLER], request.app[LAW].policy)
    return await asyncio.to_thread(page_of, BoxRoom(shared, found.id), why)


def page_of(room: BoxRoom, why: str) -> BoxesPage:
    """Reads the room's files. Raises ``PayloadRejected`` (``boxes.format``) for one that is not ours."""
    laid, handed = room.closed(), room.handed()
    lines = tuple(_line(each, handed.get(each.record)) for each in laid.boxes) if laid is not None else ()
    opened = sum(1 for each in lines if each.handed_ms is not None)
    return BoxesPage(
        request=room.request, is_laid_out=laid is not None, closed=len(lines) - opened, opened=opened, boxes=lines,
        may=not why, why=why,
    )  # fmt: skip


def _line(box: ClosedBox, kept: Handed | None) -> BoxLine:
    line = BoxLine(record=box.record, received_ms=box.received_ms)
    if kept is None:
        return line
    opened = kept.opened
    return msgspec.structs.replace(
        line, opened_by=opened.who, reason=opened.reason, opened_ms=opened.at_ms, handed_ms=kept.at_ms
    )
