"""What of a request is there before it is promised, and the sealed package once it was delivered: its bytes as they
stand on the shelf, the same for prosecution and defence, each download in the ledger before its first byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web

from cior_console.authorising import DEED, LAW, REASON_LIMIT, nothing_more
from cior_console.desk import DESK
from cior_console.endpoints import CALLER, query_of
from cior_console.judicial_pages import ASKERS, JUDICIAL, the
from cior_console.judicial_view import MissingPage, ReadingPage, missing_of, reading_of
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE
from cior_core.errors import CiorError
from cior_core.judicial.asking import Span
from cior_core.judicial.explaining import explained
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Request
from cior_core.model import DataClass
from cior_core.people import LedgerEntry, LedgerOutcome
from cior_core.privacy import Asking, Purpose, decide
from cior_evidence.ring_index import survey
from cior_evidence.shelf import Making, copy_id, package_id
from cior_register import holds
from cior_register.holds import KeptHold


class AvailablePage(msgspec.Struct, frozen=True, kw_only=True):
    """One item. ``asked``: its spans as they were understood; ``there``: what of them is recorded, in whole seconds;
    ``missing``: the rest, with causes; ``held``: what of them a hold keeps. ``code``, ``cure``: why the ring could not
    be read, and what to do.
    """

    n: int
    camera: str
    asked: tuple[ReadingPage, ...]
    there: tuple[ReadingPage, ...] = ()
    missing: tuple[MissingPage, ...] = ()
    held: tuple[ReadingPage, ...] = ()
    code: str = ""
    cure: str = ""


class AvailabilityPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the recorders' indexes say, item by item; no picture was opened."""

    request: str
    items: tuple[AvailablePage, ...]


async def availability(request: web.Request) -> AvailabilityPage:
    """What there is of what is asked."""
    found, room, now_ms = await the(request), request.app[JUDICIAL], request.app[DESK].now_ms()
    if room.shelf is None:
        raise Refused("request.no_shelf")
    kept = await request.app[ARCHIVE].register.read(lambda each: holds.of_owner(each, found.id))
    standing = [each for each in kept if each.released_ms is None and _stands(each, now_ms)]
    items = await asyncio.to_thread(_items, found, room.rings, standing, room.rules)
    return AvailabilityPage(request=found.id, items=items)


def _stands(kept: KeptHold, now_ms: int) -> bool:
    return kept.expires_ms is None or kept.expires_ms >= now_ms


def _items(
    found: Request, rings: Sequence[Path], standing: Sequence[KeptHold], rules: Rules
) -> tuple[AvailablePage, ...]:
    return tuple(
        _item((n, each.camera), each.spans, rings, standing=standing, rules=rules)
        for n, each in enumerate(found.asked)
    )


def _item(
    named: tuple[int, str],
    spans: Sequence[Span],
    rings: Sequence[Path],
    *,
    standing: Sequence[KeptHold],
    rules: Rules,
) -> AvailablePage:
    n, camera = named
    asked = AvailablePage(
        n=n, camera=camera, asked=tuple(map(reading_of, spans)), held=tuple(_held(camera, spans, standing))
    )
    try:
        told = [
            explained(
                span, ((gap.from_ms, gap.to_ms, gap.cause) for gap in survey(rings, camera, _ms(span)).gaps)
            )
            for span in spans
        ]
    except CiorError as error:
        return msgspec.structs.replace(asked, code=error.code, cure=error.cure)
    return msgspec.structs.replace(
        asked,
        there=tuple(reading_of(span) for each in told for span in each.covered),
        missing=tuple(missing_of(gap, rules) for each in told for gap in each.missing),
    )


def _ms(span: Span) -> tuple[int, int]:
    return span.since_s * 1000, span.until_s * 1000


def _held(camera: str, spans: Iterable[Span], standing: Iterable[KeptHold]) -> Iterable[ReadingPage]:
    mine = [each for each in standing if camera in each.cameras]
    for span in spans:
        for hold in mine:
            since_s, until_s = (
                max(span.since_s, hold.since_ms // 1000),
                min(span.until_s, hold.until_ms // 1000),
            )
            if since_s < until_s:
                yield reading_of(Span(since_s=since_s, until_s=until_s))


class PartQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ZIP of a package that is larger than one may be; the first has everything but the payload."""

    part: Annotated[int, msgspec.Meta(ge=1, le=999)] = 1


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is downloaded: a package or a copy of one, by its name and the digest that it was sealed under."""

    name: str
    digest: str
    part: int


async def download(request: web.Request) -> web.StreamResponse:
    """The sealed package, for who was given a copy and for custodians: a file that is sent piece by piece, from any of
    its bytes on (RFC 9110 §14).
    """
    found = await the(request)
    part = query_of(request, PartQuery).part
    return await _sent(request, found, Wanted(name=package_id(found), digest=found.package, part=part))


async def download_copy(request: web.Request) -> web.StreamResponse:
    """A copy that was made of the package, under the same rules: to whom it was given, by its own digest."""
    found, number = await the(request), request.match_info["n"]
    copy = next((each for each in found.standing_copies if str(each.n) == number), None)
    if copy is None:
        raise Refused("request.no_copy")
    part = query_of(request, PartQuery).part
    return await _sent(request, found, Wanted(name=copy_id(found, copy), digest=copy.digest, part=part))


async def _sent(request: web.Request, found: Request, wanted: Wanted) -> web.StreamResponse:
    await _may_have(request, found, wanted)
    shelf = request.app[JUDICIAL].shelf
    if shelf is None:
        raise Refused("request.no_shelf")
    if not wanted.digest:
        raise Refused("request.not_sealed")
    told = await asyncio.to_thread(shelf.progress, wanted.name)
    if wanted.part > told.parts:
        raise Refused("request.no_part")
    path = shelf.archive(told.name, part=wanted.part, parts=told.parts)
    if told.state is not Making.READY or told.digest != wanted.digest or not path.is_file():
        raise Refused("request.package_elsewhere")
    await _noted(request, found, wanted)
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{path.name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Cior-Package-Digest": wanted.digest,
    }
    return web.FileResponse(path, headers=headers)


async def _may_have(request: web.Request, found: Request, wanted: Wanted) -> None:
    """Who asks needs it, by its digest, in the list of what was given to them, and everybody the privacy table's yes:
    the order's basis and those who approved it are the reason. Raises ``Refused``, which is in the ledger.
    """
    caller, deed = request[CALLER], request[DEED]
    mine = [each.digest for each in found.deliveries if each.recipient == caller.person.id]
    if caller.role in ASKERS and wanted.digest not in mine:
        await deed.write(
            nothing_more, entry=deed.entry(outcome=LedgerOutcome.REFUSED, rule="deny.not_delivered")
        )
        raise Refused("request.not_delivered")
    asking = Asking(
        role=caller.role,
        purpose=Purpose.JUDICIAL_REQUEST,
        data_class=DataClass.SEALED if found.filing.sealed else DataClass.RESTRICTED,
        legal_basis=found.filing.order,
        approvers=len(found.parties.approvers),
        reason=found.filing.reason,
    )
    decision = decide(asking, request.app[LAW].policy)
    deed.rule = decision.rule or decision.code
    if decision.outcome != "allow":
        await deed.write(nothing_more, entry=_entry(request, found, wanted, outcome=LedgerOutcome.REFUSED))
        raise Refused("access.denied", rule=decision.code)


async def _noted(request: web.Request, found: Request, wanted: Wanted) -> None:
    await request[DEED].write(nothing_more, entry=_entry(request, found, wanted))


def _entry(request: web.Request, found: Request, wanted: Wanted, **more: LedgerOutcome) -> LedgerEntry:
    told = {
        "package": wanted.name,
        "digest": wanted.digest,
        "range": request.headers.get("Range", "")[:80],
        "part": str(wanted.part) if wanted.part > 1 else "",
    }
    return request[DEED].entry(
        purpose=Purpose.JUDICIAL_REQUEST,
        reason=found.filing.reason[:REASON_LIMIT],
        detail={name: value for name, value in told.items() if value},
        **more,
    )
