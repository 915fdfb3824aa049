"""What the register tells and takes: the ledger, people, shifts."""

from __future__ import annotations

import secrets
from typing import Annotated, Protocol, TypeVar

import msgspec
from aiohttp import web

from cior_console.acting import BOOK, KEY, PREFER, ActAnswer
from cior_console.acts import Name, Words
from cior_console.authorising import DEED, REASON, Work
from cior_console.desk import DESK, ROOM
from cior_console.endpoints import CALLER, Endpoint, Ledgered, body_of, query_of
from cior_console.said import shown_text
from cior_core.model import ActionKind
from cior_core.people import LedgerRow, Person
from cior_core.privacy import Purpose, Role
from cior_register import ledger, people, shifts
from cior_register.shifts import HandOver, OpenAlert, Shift

T = TypeVar("T")
Instant = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Reads(Protocol):
    """The register, as far as these pages read it."""

    async def read(self, query: Work[T], /) -> T:
        """A question."""
        ...


class Archive(msgspec.Struct, frozen=True):
    """Where the pages read."""

    register: Reads


ARCHIVE = web.AppKey("archive", Archive)


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Newest first. ``act`` may end with a dot: all of a family. ``before_seq``: the page after the last one read."""

    actor: str = ""
    act: str = ""
    subject: str = ""
    since_ms: Instant | None = None
    until_ms: Instant | None = None
    before_seq: Instant | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row with its place in the chain."""

    seq: int
    hash: str
    at_ms: int
    actor: str
    act: str
    subject: str
    outcome: str
    role: str | None = None
    session: str = ""
    purpose: str | None = None
    rule: str = ""
    reason: str = ""
    detail: dict[str, str | int] = {}


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the house."""

    id: str
    name: str
    roles: tuple[str, ...]
    disabled: bool = False
    post: str | None = None


class ShiftPage(msgspec.Struct, frozen=True, kw_only=True):
    """Who sits where now, and what was handed over lately."""

    now_ms: int
    present: tuple[Shift, ...]
    hand_overs: tuple[HandOver, ...]


class ShiftBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a post that is free."""

    post: Name


class OpenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that stays open, and why."""

    alert_id: Name
    why: Words = ""


class HandOverBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hand a post, and what is open there, to ``assignee``."""

    post: Name
    assignee: Name
    reason: Words
    open_alerts: Annotated[tuple[OpenBody, ...], msgspec.Meta(max_length=500)] = ()


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What of a hand-over the centre is told: who has these alerts from now on."""

    assignee: str
    reason: str
    post: str
    target_ids: tuple[str, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It stands in the register and in the ledger."""

    id: str


async def _ledger(request: web.Request) -> list[LedgerLine]:
    asked = query_of(request, LedgerQuery)
    question = ledger.LedgerQuestion(**msgspec.structs.asdict(asked))
    rows = await request.app[ARCHIVE].register.read(lambda connection: ledger.rows(connection, question))
    return [_line(row) for row in rows]


def _line(row: LedgerRow) -> LedgerLine:
    entry = row.entry
    return LedgerLine(
        seq=row.place.seq,
        hash=row.hash,
        at_ms=entry.at_ms,
        actor=entry.actor,
        act=entry.act,
        subject=entry.subject,
        outcome=entry.outcome.value,
        role=entry.role,
        session=entry.session,
        purpose=entry.purpose,
        rule=entry.rule,
        reason=entry.reason,
        detail=dict(entry.detail),
    )


async def _people(request: web.Request) -> list[PersonRow]:
    register = request.app[ARCHIVE].register
    everybody, present = await register.read(lambda each: (people.everybody(each), shifts.present(each)))
    posts = {shift.person_id: shift.post for shift in present}
    is_room = request[CALLER].role in ROOM
    return [person_row(each, posts.get(each.id)) for each in everybody if not (is_room and each.disabled)]


def person_row(person: Person, post: str | None = None) -> PersonRow:
    """As others of the house see them."""
    roles = tuple(sorted(grant.role.value for grant in person.grants))
    return PersonRow(id=person.id, name=person.name, roles=roles, disabled=person.disabled, post=post)


async def _shift(request: web.Request) -> ShiftPage:
    register = request.app[ARCHIVE].register
    present, told = await register.read(lambda each: (shifts.present(each), shifts.hand_overs(each)))
    return ShiftPage(now_ms=request.app[DESK].now_ms(), present=tuple(present), hand_overs=tuple(told))


async def _start(request: web.Request) -> Done:
    body, caller = body_of(request, ShiftBody), request[CALLER]
    shift = Shift(
        id=secrets.token_hex(16),
        post=shown_text(body.post),
        person_id=caller.person.id,
        role=caller.role,
        started_ms=request.app[DESK].now_ms(),
    )
    deed = request[DEED]
    await deed.write(lambda connection: shifts.start(connection, shift), entry=deed.entry(subject=shift.post))
    return Done(id=shift.id)


async def _end(request: web.Request) -> Done:
    person, now_ms, deed = request[CALLER].person.id, request.app[DESK].now_ms(), request[DEED]
    await deed.write(lambda connection: shifts.end(connection, person, at_ms=now_ms))
    return Done(id=person)


async def _hand_over(request: web.Request) -> web.Response:
    """The register's hand-over and the centre's act in one transaction."""
    body, caller, book = body_of(request, HandOverBody), request[CALLER], request.app[BOOK]
    named = [each.alert_id for each in body.open_alerts]
    told = HandOver(
        id=secrets.token_hex(16),
        post=shown_text(body.post),
        from_id=caller.person.id,
        to_id=body.assignee,
        at_ms=request.app[DESK].now_ms(),
        note=shown_text(book.tellable(body.reason, named)),
        open_alerts=tuple(
            OpenAlert(each.alert_id, shown_text(book.tellable(each.why, [each.alert_id])))
            for each in body.open_alerts
        ),
    )
    return await book.take(
        request,
        Handed(
            assignee=body.assignee,
            reason=body.reason,
            post=body.post,
            target_ids=tuple(named),
        ),
        ActionKind.HAND_OVER,
        also=lambda connection: shifts.hand_over(connection, told, role=caller.role),
    )


_AUDITS = {Role.AUDITOR: Purpose.AUDIT}


def register_endpoints() -> tuple[Endpoint, ...]:
    """What the register tells and takes."""
    return (
        Endpoint(
            name="ledger.read",
            method="GET",
            path="/api/v1/ledger",
            says="Who did and read what, newest first; reading it is in it",
            handler=_ledger,
            roles=frozenset({Role.AUDITOR, Role.SUPERVISOR}),
            purpose=Purpose.AUDIT,
            ledgered=Ledgered.READ,
            query=LedgerQuery,
            answer=list[LedgerLine],
            headers={REASON: "why, percent-encoded UTF-8"},
        ),
        Endpoint(
            name="people.read",
            method="GET",
            path="/api/v1/people",
            says="Who works here, in which roles, at which post",
            handler=_people,
            roles=ROOM | {Role.AUDITOR},
            purpose_of=_AUDITS,
            ledgered=Ledgered.READ,
            answer=list[PersonRow],
        ),
        Endpoint(
            name="shift.read",
            method="GET",
            path="/api/v1/shift",
            says="Who sits where, and the last hand-overs",
            handler=_shift,
            roles=ROOM | {Role.AUDITOR},
            purpose_of=_AUDITS,
            ledgered=Ledgered.READ,
            answer=ShiftPage,
        ),
        Endpoint(
            name="shift.start",
            method="POST",
            path="/api/v1/shift",
            says="Take a post that is free",
            handler=_start,
            roles=ROOM,
            ledgered=Ledgered.ACT,
            body=ShiftBody,
            answer=Done,
            problems=("shifts.taken",),
        ),
        Endpoint(
            name="shift.end",
            method="DELETE",
            path="/api/v1/shift",
            says="Leave one's post; what one has stays one's own until it is handed over",
            handler=_end,
            roles=ROOM,
            ledgered=Ledgered.ACT,
            answer=Done,
            problems=("shifts.none",),
        ),
        Endpoint(
            name="shift.hand_over",
            method="POST",
            path="/api/v1/shift/hand-over",
            says="Hand a post and its open alerts to somebody",
            handler=_hand_over,
            roles=ROOM,
            ledgered=Ledgered.ACT,
            body=HandOverBody,
            answer=ActAnswer,
            status=202,
            headers={KEY: "8 to 80 letters, digits, - or _", PREFER: "wait=n (RFC 7240)"},
            problems=("shifts.not_theirs", "shifts.taken", "request.key_missing", "request.key_reused"),
        ),
    )
