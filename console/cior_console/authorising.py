"""Who may do this, decided for every request before its handler runs (laws 9 and 13).

Order: role, what can be read of the request, the privacy table with the given reason, freshness of the sign-in, the
ledger. A read's row is committed before anything of its answer exists; an act's row is committed with the act, and an
answer of an act without its row is withheld. What is refused to somebody with a name is in the ledger too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console import problems
from cior_console.endpoints import CALLER, FRESH_MS, TABLE, Caller, Endpoint, Ledgered, keep_read
from cior_console.problems import Refused
from cior_console.under_agreement import AGREEMENTS
from cior_core.agreements import Agreement
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import DataClass
from cior_core.people import LedgerEntry, LedgerOutcome, SessionKind
from cior_core.privacy import Asking, Decision, Policy, Role, Share, decide
from cior_register.writer import nothing
from cior_store.seeing import seeing

log = structlog.get_logger("cior.console")

REASON = "Cior-Reason"
"""The header with the reason of a read, percent-encoded UTF-8 (RFC 3986 §2.1): EventSource and links have no body."""
REASON_LIMIT = 500
_FIELDS = 8
"""Of a form, at most."""
_json = msgspec.json.Encoder()
T = TypeVar("T")
Work = Callable[[Any], T]
"""What is done in the ledger's own transaction; gets the register's connection."""


class Ledger(Protocol):
    """The register, as far as a row of the ledger needs it."""

    async def act(self, entry: LedgerEntry, work: Work[T], /) -> T:
        """Do ``work`` and write ``entry`` in one transaction. Raises ``SourceUnavailable`` while it is away."""
        ...


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """What decides and where it is written. ``ledger`` None: nobody signs in here, there is the wall alone."""

    policy: Policy
    now_ms: Callable[[], int]
    metrics: Metrics
    ledger: Ledger | None = None


LAW = web.AppKey("law", Law)
nothing_more = nothing
"""The work of a read: its row is all."""


class Deed:
    """The row of one request, and whether it stands."""

    def __init__(self, law: Law, caller: Caller, endpoint: Endpoint, *, subject: str, reason: str) -> None:
        self._law, self._caller, self._endpoint = law, caller, endpoint
        self.subject, self.reason = subject, reason
        self.rule = ""
        self.is_redacted = self.is_written = False

    async def write(self, work: Work[T], *, entry: LedgerEntry | None = None) -> T:
        """Do ``work`` with the row in one transaction; ``entry``: the row, where it says more than :meth:`entry` knows.

        Raises ``SourceUnavailable`` when the register is away: then nothing was done.
        """
        if self._law.ledger is None:
            raise SourceUnavailable("register.away", "this console has no register")
        found = await self._law.ledger.act(entry or self.entry(), work)
        self.is_written = True
        return found

    def entry(self, **more: Any) -> LedgerEntry:
        """The row; ``more``: fields that this request knows better, as ``act``, ``outcome``, ``detail``, ``id``."""
        caller, endpoint = self._caller, self._endpoint
        known: dict[str, Any] = {
            "at_ms": self._law.now_ms(),
            "actor": caller.person.id,
            "role": caller.role,
            "session": caller.session.id,
            "purpose": endpoint.purpose_for(caller.role),
            "act": endpoint.name,
            "subject": self.subject,
            "outcome": LedgerOutcome.REDACTED if self.is_redacted else LedgerOutcome.ALLOWED,
            "rule": self.rule,
            "reason": self.reason,
        }
        if caller.agreement is not None:
            more["detail"] = {**more.get("detail", {}), **named(caller.agreement)}
        return LedgerEntry(**(known | more))

    def judge(
        self, data_class: DataClass, *, age_s: float = 0.0, shares: frozenset[Share] | None = None
    ) -> Decision:
        """What the privacy table says of a record of this class and age. ``shares``: what it would be a share of, when
        that is known more closely than the endpoint knows it.
        """
        caller = self._caller
        agreed = caller.agreement.terms.kinds if caller.agreement is not None else frozenset[Share]()
        asking = Asking(
            role=caller.role,
            purpose=self._endpoint.purpose_for(caller.role),
            data_class=data_class,
            reason=self.reason,
            age_s=age_s,
            shares=self._endpoint.shares if shares is None else shares,
            agreed=agreed,
        )
        decision = decide(asking, self._law.policy)
        self.rule = decision.rule or decision.code
        self.is_redacted = decision.outcome == "redact"
        return decision


def named(agreement: Agreement) -> dict[str, str | int]:
    """An agreement, as each row of what was seen under it names it."""
    return {"agreement": agreement.id, "document": agreement.terms.document}


DEED = web.RequestKey("deed", Deed)
Handler = Callable[[web.Request], Awaitable[Any]]


@web.middleware
async def authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler of an endpoint for who may ask it; turn every refusal into a problem document."""
    endpoint = request.app[TABLE].of(request)
    try:
        if endpoint is None:
            return await _of_no_endpoint(request, handler)
        if endpoint.is_open:
            await _read(request, endpoint)
            return _sent(await handler(request), endpoint)
        return await _judged(request, endpoint, handler)
    except Refused as why:
        return problems.answer(why.code, **why.members)
    except web.HTTPRequestEntityTooLarge:
        return problems.answer("request.too_large")
    except CiorError as error:
        log.warning("request_not_served", code=error.code)
        return problems.of_error(error)


async def _of_no_endpoint(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        found: web.StreamResponse = await handler(request)
    except web.HTTPNotFound:
        return problems.answer("request.no_such_path")
    except web.HTTPMethodNotAllowed as error:
        answer = problems.answer("request.method")
        answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return answer
    return found


async def _judged(request: web.Request, endpoint: Endpoint, handler: Handler) -> web.StreamResponse:
    law, caller = request.app[LAW], await _under(request, endpoint)
    subject = request.match_info.get(endpoint.parameters[0], "") if endpoint.parameters else ""
    deed = Deed(law, caller, endpoint, subject=subject[:200], reason=_said_reason(request))
    if caller.role not in endpoint.roles:
        raise await _denied(law, deed, Refused("access.role", role=caller.role.value), rule="deny.role")
    body = await _read(request, endpoint)
    deed.reason = deed.reason or str(getattr(body, "reason", "") or "")
    decision = deed.judge(endpoint.data_class)
    if decision.outcome == "deny":
        raise await _denied(law, deed, _refusal(decision), rule=decision.code)
    if endpoint.needs_fresh_sign_in and not is_fresh(caller, law.now_ms()):
        raise await _denied(law, deed, Refused("session.not_fresh"), rule="deny.not_fresh")
    request[DEED] = deed
    if endpoint.ledgered is Ledgered.READ and law.ledger is not None:
        await _written(deed, endpoint, law)
    try:
        with seeing(caller.scope.districts):
            answer = _sent(await handler(request), endpoint)
    except Refused as why:
        if endpoint.ledgered is Ledgered.ACT and not deed.is_written:
            await _denied(law, deed, why, rule=why.code)
        raise
    if endpoint.ledgered is Ledgered.ACT and not deed.is_written:
        log.error("act_without_a_row", endpoint=endpoint.name)
        raise Refused("request.failed")
    return answer


async def _under(request: web.Request, endpoint: Endpoint) -> Caller:
    """Who asks; a partner with the agreement that is open for them, and no farther than it reaches."""
    caller = request[CALLER]
    if caller.role is not Role.PARTNER or not endpoint.shares or AGREEMENTS not in request.app:
        return caller
    found = await request.app[AGREEMENTS].open_for(caller.scope)
    if found is not None:
        caller = msgspec.structs.replace(
            caller, scope=found.scope, agreement=found.agreement, closes_ms=found.closes_ms
        )
        request[CALLER] = caller
    return caller


def _refusal(decision: Decision) -> Refused:
    if decision.code == "deny.agreement":
        return Refused("access.no_agreement")
    if decision.code == "deny.reason_missing":
        return Refused("access.reason_missing")
    return Refused("access.denied", rule=decision.code)


def is_fresh(caller: Caller, now_ms: int) -> bool:
    """Whether the person of this session showed who they are within the last five minutes."""
    session = caller.session
    shown_ms = max(session.created_ms, session.reauthenticated_ms or 0)
    return session.kind is SessionKind.BROWSER and 0 <= now_ms - shown_ms <= FRESH_MS


async def _written(deed: Deed, endpoint: Endpoint, law: Law) -> None:
    try:
        await deed.write(nothing_more)
    except SourceUnavailable:
        if not endpoint.goes_on_without_register:
            raise
        law.metrics.add(m.UNRECORDED, endpoint.name)


async def _denied(law: Law, deed: Deed, refusal: Refused, *, rule: str) -> Refused:
    """The refusal, once it is in the ledger; it stands while the register is away too, and is counted then."""
    deed.rule = rule
    law.metrics.add(m.DENIED, rule)
    if law.ledger is None:
        return refusal
    try:
        said = deed.entry(outcome=LedgerOutcome.REFUSED, detail={"answer": refusal.code})
        await deed.write(nothing_more, entry=said)
    except SourceUnavailable:
        law.metrics.add(m.UNRECORDED, "denial")
    return refusal


def _said_reason(request: web.Request) -> str:
    return unquote(request.headers.get(REASON, ""))[:REASON_LIMIT]


async def _read(request: web.Request, endpoint: Endpoint) -> msgspec.Struct | None:
    """Body and query as the endpoint names them. Raises ``Refused``."""
    body = query = None
    if endpoint.query is not None:
        query = _converted(dict(request.query), endpoint.query)
    if endpoint.body is not None:
        if request.content_type != endpoint.body_type:
            raise Refused("request.not_json")
        body = _body(await request.read(), endpoint)
    keep_read(request, body=body, query=query)
    return body


def _body(raw: bytes, endpoint: Endpoint) -> msgspec.Struct:
    assert endpoint.body is not None
    if not endpoint.is_for_servers:
        return _decoded(raw, endpoint.body)
    try:
        form = dict(parse_qsl(raw.decode("ascii"), max_num_fields=_FIELDS))
    except ValueError as error:
        raise Refused("request.malformed", where="form") from error
    return _converted(form, endpoint.body)


def _decoded(raw: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("request.malformed", where=str(error)[:200]) from error


def _converted(given: dict[str, str], kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.MsgspecError as error:
        raise Refused("request.malformed", where=str(error)[:200]) from error


def _sent(value: Any, endpoint: Endpoint) -> web.StreamResponse:
    if isinstance(value, web.StreamResponse):
        return value
    body = b"" if value is None else _json.encode(value)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=endpoint.status, body=body, content_type="application/json", headers=headers)
