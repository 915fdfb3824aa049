"""Agreements with other administrations: proposed by one person of the desk, approved by another, withdrawn by any.
Whoever sees something under one reads what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from aiohttp import web

from cior_console.acting import KEY, key_of
from cior_console.acts import Name, act_id
from cior_console.authorising import DEED, REASON
from cior_console.desk import DESK, SHARED_ALERTS, SHARED_FOOTAGE
from cior_console.endpoints import CALLER, Endpoint, Ledgered, body_of
from cior_console.footage_pages import FOOTAGE, Instant
from cior_console.register_pages import ARCHIVE
from cior_console.said import shown_text
from cior_console.under_agreement import AGREEMENTS
from cior_console.web import FEED
from cior_core.agreements import Agreement, AgreementState, Hours, Terms, propose
from cior_core.cameras import CameraId
from cior_core.model import Struct
from cior_core.privacy import Purpose, Role, Share
from cior_register import agreements, people

_DESK = frozenset({Role.SUPERVISOR, Role.CUSTODIAN})
_MOST = 500
Written = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class TermsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is proposed. ``agency``: as grants of the role ``partner`` name the organisation; ``hours``: minutes after
    midnight of the city's clock; ``districts`` and ``cameras``: where, one of them fits; ``types``: none, all of them.
    """

    document: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    agency: Name
    purpose: Written
    kinds: Annotated[frozenset[Share], msgspec.Meta(min_length=1)]
    starts_ms: Instant
    ends_ms: Instant
    districts: Annotated[tuple[Name, ...], msgspec.Meta(max_length=_MOST)] = ()
    cameras: Annotated[tuple[CameraId, ...], msgspec.Meta(max_length=_MOST)] = ()
    types: Annotated[tuple[Name, ...], msgspec.Meta(max_length=_MOST)] = ()
    hours: Hours | None = None


class WithdrawalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it ends."""

    reason: Written


class AgreementPage(Struct, frozen=True, kw_only=True):
    """One of them and how it stands; people by their names; ``may``: what the reader may do with it."""

    id: str
    state: AgreementState
    terms: Terms
    proposed_by: str
    proposed_ms: int
    approved_by: str = ""
    approved_ms: int | None = None
    withdrawn_by: str = ""
    withdrawn_ms: int | None = None
    withdrawn_why: str = ""
    may: tuple[str, ...] = ()


class MyAgreement(Struct, frozen=True, kw_only=True):
    """Under which agreement whoever asks sees something now. ``closes_ms``: until when, UTC."""

    id: str
    terms: Terms
    cameras: tuple[str, ...]
    closes_ms: int


async def _every(request: web.Request) -> list[AgreementPage]:
    found, names = await request.app[ARCHIVE].register.read(
        lambda each: (agreements.every(each), _names(each))
    )
    return [_page(request, each, names) for each in found]


def _names(connection: Any) -> dict[str, str]:
    return {each.id: each.name for each in people.everybody(connection)}


def _page(request: web.Request, found: Agreement, names: dict[str, str]) -> AgreementPage:
    caller, now_ms = request[CALLER], request.app[DESK].now_ms()
    values = {name: getattr(found, name) for name in Agreement.__struct_fields__}
    values |= {
        name: names.get(values[name], values[name]) for name in ("proposed_by", "approved_by", "withdrawn_by")
    }
    state, may = found.state(now_ms), []
    if caller.role in _DESK:
        if state is AgreementState.PROPOSED and found.proposed_by != caller.person.id:
            may.append("approve")
        if state in {AgreementState.PROPOSED, AgreementState.COMING, AgreementState.STANDING}:
            may.append("withdraw")
    return AgreementPage(**values, state=state, may=tuple(may))


async def _propose(request: web.Request) -> AgreementPage:
    body, person = body_of(request, TermsBody), request[CALLER].person.id
    told = msgspec.structs.asdict(body)
    told |= {name: shown_text(told[name]) for name in ("document", "purpose")}
    made = Agreement(
        id=act_id(person, key_of(request)),
        terms=Terms(**told),
        proposed_by=person,
        proposed_ms=request.app[DESK].now_ms(),
    )
    propose(made, request.app[DESK].cameras.catalogue)
    return await _kept(request, partial(agreements.propose, agreement=made), made.id)


async def _approve(request: web.Request) -> AgreementPage:
    agreement_id, by = request.match_info["agreement_id"], request[CALLER].person.id
    now_ms = request.app[DESK].now_ms()
    work = partial(agreements.approve, agreement_id=agreement_id, by=by, now_ms=now_ms)
    return await _kept(request, work, agreement_id)


async def _withdraw(request: web.Request) -> AgreementPage:
    """What is open under it ends before this answers."""
    agreement_id, by = request.match_info["agreement_id"], request[CALLER].person.id
    why, now_ms = shown_text(body_of(request, WithdrawalBody).reason), request.app[DESK].now_ms()
    work = partial(agreements.withdraw, agreement_id=agreement_id, by=by, why=why, now_ms=now_ms)
    page = await _kept(request, work, agreement_id)
    request.app[FEED].doubt(agreement_id)
    if FOOTAGE in request.app:
        await request.app[FOOTAGE].end_under(agreement_id)
    return page


async def _kept(request: web.Request, work: Callable[[Any], Agreement], agreement_id: str) -> AgreementPage:
    deed = request[DEED]

    def done(connection: Any) -> tuple[Agreement, dict[str, str]]:
        return work(connection), _names(connection)

    found, names = await deed.write(done, entry=deed.entry(subject=agreement_id))
    request.app[AGREEMENTS].forget()
    return _page(request, found, names)


async def _mine(request: web.Request) -> MyAgreement:
    caller = request[CALLER]
    assert caller.agreement is not None
    assert caller.closes_ms is not None
    return MyAgreement(
        id=caller.agreement.id,
        terms=caller.agreement.terms,
        cameras=caller.scope.cameras,
        closes_ms=caller.closes_ms,
    )


_PROBLEMS = ("agreement.unknown", "agreement.not_now", "request.moved_on")
_KEYED = {KEY: "8 to 80 letters, digits, - or _; the same again is the same agreement"}


def agreement_endpoints() -> tuple[Endpoint, ...]:
    """Agreements, for the desk, for who audits, and for who sees something under one."""
    one = "/api/v1/agreements/{agreement_id}"
    desk: dict[str, Any] = {
        "roles": _DESK, "purpose": Purpose.AGREEMENT_HANDLING, "ledgered": Ledgered.ACT, "answer": AgreementPage,
    }  # fmt: skip
    return (
        Endpoint(
            name="agreements.read",
            method="GET",
            path="/api/v1/agreements",
            says="Every agreement under which others see what is ours, and how it stands, newest first",
            handler=_every,
            roles=_DESK | {Role.AUDITOR},
            purpose=Purpose.AGREEMENT_HANDLING,
            purpose_of={Role.AUDITOR: Purpose.AUDIT},
            ledgered=Ledgered.READ,
            answer=list[AgreementPage],
            headers={REASON: "why, percent-encoded UTF-8, of an auditor"},
        ),
        Endpoint(
            name="agreement.propose",
            method="POST",
            path="/api/v1/agreements",
            says="Propose one: it shares nothing until another person approves it",
            handler=_propose,
            body=TermsBody,
            headers=_KEYED,
            problems=(
                "request.key_missing", "agreement.nothing", "agreement.nowhere", "agreement.camera_unknown",
                "agreement.no_district", "agreement.interval", "agreement.hours",
            ),
            **desk,
        ),
        Endpoint(
            name="agreement.approve",
            method="POST",
            path=f"{one}/approval",
            says="Approve one that another person proposed: it stands from its beginning to its end",
            handler=_approve,
            needs_fresh_sign_in=True,
            problems=(*_PROBLEMS, "agreement.two_persons", "agreement.overlaps"),
            **desk,
        ),
        Endpoint(
            name="agreement.withdraw",
            method="POST",
            path=f"{one}/withdrawal",
            says="End one now, with its partner's sessions, streams and views; one person is enough",
            handler=_withdraw,
            body=WithdrawalBody,
            problems=_PROBLEMS,
            **desk,
        ),
        Endpoint(
            name="agreement.mine",
            method="GET",
            path="/api/v1/agreement",
            says="Under which agreement one sees something now, what it shares and until when",
            handler=_mine,
            roles=frozenset({Role.PARTNER}),
            purpose=Purpose.SHARED_ALERTS,
            purpose_of={Role.PARTNER: Purpose.SHARED_ALERTS},
            shares=SHARED_ALERTS | SHARED_FOOTAGE,
            ledgered=Ledgered.READ,
            answer=MyAgreement,
            problems=("access.no_agreement",),
        ),
    )  # fmt: skip
