"""Judicial requests over HTTP: asked by prosecutors and defenders, kept and answered by custodians.

What an act makes of a request is core's step; who may take which act of whose request is said here. Each act and its
ledger row are one transaction, and what it holds stands with it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web

from cior_console.acting import KEY, key_of
from cior_console.authorising import DEED, nothing_more
from cior_console.desk import DESK
from cior_console.endpoints import CALLER, Caller, body_of, query_of
from cior_console.judicial_view import RequestLine, RequestPage, line_of, page_of
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE, PersonRow, person_row
from cior_console.said import shown_text
from cior_core.cameras import ShownCamera
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, Span, WrittenItem
from cior_core.judicial.copies import CopyKind
from cior_core.judicial.jurisdiction import Proceeding, Rules
from cior_core.judicial.state import Request
from cior_core.people import LedgerOutcome
from cior_core.privacy import LegalBasis, Role
from cior_core.requests import AuthorityKind, RequestStatus
from cior_evidence.shelf import Shelf
from cior_register import holds, people, requests
from cior_register.requests import RequestQuestion

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Text = Annotated[str, msgspec.Meta(max_length=2_000)]
Words = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
Mark = Annotated[str, msgspec.Meta(pattern="^[a-z0-9._-]{1,80}/[0-9]{4,}/p[0-9]{1,6}$")]
"""A person in a redacted copy: folder of the camera, file, mark."""
MOST_ITEMS = 200
MOST_KEPT = 50
ASKERS = frozenset({Role.PROSECUTOR, Role.DEFENDER})
_KINDS = {
    Role.PROSECUTOR: frozenset({AuthorityKind.PROSECUTOR, AuthorityKind.JUDGE}),
    Role.DEFENDER: frozenset({AuthorityKind.DEFENCE}),
}
"""For whom each role asks; a custodian writes in what came on paper from anybody."""
ASKERS_ACTS = frozenset({"reply", "ask_copy", "receive", "reopen", "confirm", "renew"})
CUSTODIANS_ACTS = frozenset(
    {
        "observe", "take_up", "conflict", "approve", "reject", "find_nothing", "build", "assemble", "seal", "deliver",
        "derive", "receive", "close", "reopen", "replace",
    }
)  # fmt: skip
PAPER_ACTS = frozenset({"reply", "confirm", "renew", "ask_copy"})
"""What a custodian does for who has no account here."""


class ItemBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera and one interval, RFC 3339; a time without an offset is asked back with its readings."""

    camera: Short
    since: Short
    until: Short


class FilingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked. ``authority``: a code of ``/api/v1/requests/rules``; ``provisional``: keep it, the order comes.
    ``identity``: of what is ``sealed`` the order names who is protected, too.
    """

    authority: Short
    office: Short
    case: Short
    reason: Words
    items: Annotated[tuple[ItemBody, ...], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]
    document: Annotated[str, msgspec.Meta(max_length=120)] = ""
    order: LegalBasis = LegalBasis.NONE
    proceeding: Proceeding = Proceeding.CRIMINAL
    investigation: bool = True
    alerts: Annotated[tuple[Short, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    sealed: bool = False
    identity: bool = False
    provisional: bool = False
    drill: bool = False


class RequestActBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act. Which members it needs depends on ``kind``; ``seen_version``: what was on the screen."""

    kind: Short
    seen_version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    changes: Annotated[tuple[a.Change, ...], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    authority: Short | None = None
    words: Text | None = None
    question: Words | None = None
    reason: Words | None = None
    person: Short | None = None
    denied: Annotated[tuple[a.Denied, ...], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    code: Short | None = None
    searched: Text | None = None
    covered: dict[int, tuple[Span, ...]] | None = None
    gaps: Annotated[tuple[a.Gap, ...], msgspec.Meta(max_length=10_000)] | None = None
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    recipient: Short | None = None
    party: Short | None = None
    by_request: Short | None = None
    copy: CopyKind | None = None
    is_strict: bool | None = None
    keep: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=MOST_KEPT)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    filing: FilingBody | None = None


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Newest first. ``state``: a word of the register, as ``en_revision``."""

    state: RequestStatus | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200


class JudicialRoom(msgspec.Struct, frozen=True, kw_only=True):
    """``rules``: of this centre's jurisdiction. ``changed``: have what is due and unsent looked at soon. ``shelf``:
    where packages stand (None: this centre builds none); ``rings``: the recorders' folders; ``boxes``: where the boxes
    of requests wait to be opened (None: as of ``shelf``).
    """

    rules: Rules
    changed: Callable[[], None]
    shelf: Shelf | None = None
    rings: tuple[Path, ...] = ()
    boxes: Path | None = None


JUDICIAL = web.AppKey("judicial", JudicialRoom)


async def file(request: web.Request) -> RequestPage:
    """A request arrives: what it asks for is on hold when this answers."""
    body, caller, room = body_of(request, FilingBody), request[CALLER], request.app[JUDICIAL]
    filing = filing_of(body)
    _refuse_foreign(filing, caller, room.rules)
    act = a.File(
        by=caller.person.id,
        at_ms=request.app[DESK].now_ms(),
        request=secrets.token_hex(16),
        filing=filing,
        known=_known(request, filing.items),
        is_clerk=caller.role is Role.CUSTODIAN,
    )
    return await _done(request, act.request, act, act_name="request.file")


def _refuse_foreign(filing: Filing, caller: Caller, rules: Rules) -> None:
    """A prosecutor asks for no defence, and a defender for no prosecution."""
    kinds, row = _KINDS.get(caller.role), rules.jurisdiction.authority.get(filing.authority)
    if kinds is not None and row is not None and row.kind not in kinds:
        raise Refused("request.other_authority")


def filing_of(body: FilingBody) -> Filing:
    """As core has it, with everything written safe to show."""
    told = msgspec.structs.asdict(body)
    for name in ("office", "case", "document", "reason"):
        told[name] = shown_text(told[name])
    items = tuple(WrittenItem(each.camera, each.since, each.until) for each in body.items)
    return Filing(**told | {"items": items})


def _known(request: web.Request, items: Iterable[WrittenItem]) -> tuple[str, ...]:
    there = request.app[DESK].cameras.ids()
    return tuple(sorted({each.camera for each in items} & there))


async def cameras(request: web.Request) -> list[ShownCamera]:
    """The catalogue. How a camera does now is no word on the time that is asked for, so it is left out."""
    return request.app[DESK].cameras.shown(request[CALLER].scope, {})


async def known_people(request: web.Request) -> list[PersonRow]:
    """By name those whom a request may concern, and nobody's post: who asks, to be given a copy, and who keeps."""
    everybody = await request.app[ARCHIVE].register.read(people.everybody)
    concerned = ASKERS | {Role.CUSTODIAN}
    return [person_row(each) for each in everybody if any(grant.role in concerned for grant in each.grants)]


async def act(request: web.Request) -> RequestPage:
    """One act on a request."""
    body, caller = body_of(request, RequestActBody), request[CALLER]
    before = await the(request)
    if body.kind not in acts_of(before, caller):
        raise Refused("request.not_yours")
    if body.seen_version is not None and body.seen_version != before.version:
        raise Refused("request.moved_on")
    made = _act(body, request, before)
    return await _done(request, before.id, made, act_name=f"request.{body.kind}")


def acts_of(request: Request, caller: Caller) -> frozenset[str]:
    """Which acts this person may take of this request, whatever its state."""
    if caller.role in ASKERS:
        return ASKERS_ACTS
    return CUSTODIANS_ACTS if request.parties.requester else CUSTODIANS_ACTS | PAPER_ACTS


def _act(body: RequestActBody, request: web.Request, before: Request) -> a.Act:
    told = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
    told |= {name: shown_text(told[name]) for name in _WRITTEN if name in told}
    person = request[CALLER].person.id
    if request[CALLER].role in ASKERS:
        told["recipient"] = person
    filing = filing_of(body.filing) if body.filing is not None else None
    items = (
        filing.items
        if filing is not None
        else tuple(each.written for each in body.changes or () if each.written is not None)
    )
    told |= {
        "type": body.kind, "by": person, "at_ms": request.app[DESK].now_ms(), "filing": filing,
        "known": _known(request, (*items, *(each.written for each in before.asked))),
    }  # fmt: skip
    try:
        made: a.Act = msgspec.convert(msgspec.to_builtins(told), a.Act)
    except msgspec.ValidationError as error:
        raise Refused("request.malformed", where=str(error)[:200]) from error
    return made


_WRITTEN = ("words", "question", "reason", "searched", "recipient", "party")


async def _done(request: web.Request, request_id: str, made: a.Act, *, act_name: str) -> RequestPage:
    room, deed, caller = request.app[JUDICIAL], request[DEED], request[CALLER]
    key = f"{caller.person.id}/{key_of(request)}"

    def work(connection: Any) -> requests.Taken:
        return requests.take(connection, request_id, made, room.rules, key=key)

    taken = await deed.write(work, entry=deed.entry(act=act_name, subject=request_id))
    room.changed()
    return await _page(request, taken.request)


async def the(request: web.Request) -> Request:
    """The request of this address, when it is this person's to see. Raises ``Refused``; that is in the ledger."""
    request_id, caller = request.match_info["request_id"], request[CALLER]
    found = await request.app[ARCHIVE].register.read(lambda each: requests.find(each, request_id))
    if found is None:
        raise Refused("request.unknown")
    if not is_theirs(found, caller):
        deed = request[DEED]
        await deed.write(
            nothing_more, entry=deed.entry(outcome=LedgerOutcome.REFUSED, rule="deny.not_theirs")
        )
        raise Refused("request.unknown")
    return found


def is_theirs(request: Request, caller: Caller) -> bool:
    """Whoever asked, and whoever was given a copy; the house sees all."""
    if caller.role not in ASKERS:
        return True
    person = caller.person.id
    return person == request.parties.requester or any(person == each.recipient for each in request.deliveries)


async def one(request: web.Request) -> RequestPage:
    """One request."""
    return await _page(request, await the(request))


async def _page(request: web.Request, found: Request) -> RequestPage:
    caller, room = request[CALLER], request.app[JUDICIAL]

    def read(connection: Any) -> tuple[Any, Any]:
        return requests.acts(connection, found.id), holds.of_owner(connection, found.id)

    story, kept = await request.app[ARCHIVE].register.read(read)
    is_house = caller.role not in ASKERS
    return await asyncio.to_thread(
        page_of, found, story, kept,
        rules=room.rules, may=acts_of(found, caller), is_house=is_house, shelf=room.shelf,
    )  # fmt: skip


async def every(request: web.Request) -> list[RequestLine]:
    """One's own requests and those whose package one was given; a custodian's list has all of them."""
    query, caller = query_of(request, RequestQuery), request[CALLER]
    question = RequestQuestion(
        whose=caller.person.id if caller.role in ASKERS else "",
        state=query.state.value if query.state is not None else "",
        limit=query.limit,
    )
    found = await request.app[ARCHIVE].register.read(lambda each: requests.asked(each, question))
    return [line_of(each, request.app[JUDICIAL].rules) for each in found]


async def queue(request: web.Request) -> list[RequestLine]:
    """What waits for the centre, the nearest clock first."""
    found = await request.app[ARCHIVE].register.read(
        lambda each: requests.asked(each, RequestQuestion(limit=5_000))
    )
    waiting = [each for each in found if each.state in _WAITING or each.wanted]
    waiting.sort(key=lambda each: (each.deadline_ms or 2**53, each.received_ms, each.id))
    return [line_of(each, request.app[JUDICIAL].rules) for each in waiting]


_WAITING = frozenset(
    {
        RequestStatus.RECEIVED, RequestStatus.CLARIFIED, RequestStatus.HELD, RequestStatus.UNDER_REVIEW,
        RequestStatus.APPROVED, RequestStatus.PARTLY_APPROVED, RequestStatus.ASSEMBLED, RequestStatus.SEALED,
        RequestStatus.REOPENED, RequestStatus.NEGATIVE,
    }
)  # fmt: skip
KEYED = {KEY: "8 to 80 letters, digits, - or _, new for each act; the same again is the same act"}
