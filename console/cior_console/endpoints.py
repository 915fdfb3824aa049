"""One table of endpoints (ADR 0029): from it come routes, OpenAPI 3.1, authorisation and the matrix of roles.

An endpoint names who may ask (``roles``), what for (``purpose``) and how delicate what it touches is (``data_class``);
``authorising`` judges that with :func:`cior_core.privacy.decide` before its handler runs. What no row names is refused
(law 9).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from cior_core.agreements import Agreement
from cior_core.errors import ConfigInvalid
from cior_core.model import DataClass, Struct
from cior_core.people import Person, Scope, Session
from cior_core.privacy import Purpose, Role, Share

Handler = Callable[[web.Request], Awaitable[Any]]
"""Answers a struct (sent as JSON with the endpoint's status) or a response of its own; raises ``problems.Refused``."""

FRESH_MS = 300_000
"""How long after a sign-in or a re-authentication it counts as fresh."""
FORM = "application/x-www-form-urlencoded"
_PARAMETER = re.compile(r"\{(\w+)\}")
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Ledgered(StrEnum):
    """What of an endpoint stands in the ledger (law 13)."""

    NOTHING = "nothing"
    READ = "read"
    ACT = "act"


class Endpoint(Struct, frozen=True, kw_only=True):
    """One row of the table.

    * ``name``: the dotted code of the act or read, as the ledger has it.
    * ``roles``: who may ask; ``purpose_of``: roles that ask for another purpose than ``purpose``.
    * ``is_open``: asked before anybody has signed in; then ``roles`` is empty.
    * ``ledgered``: ``READ``, one row before the handler runs; ``ACT``: the handler writes its row itself, in the
      transaction of the act (``authorising.Deed``), and an answer without it is refused.
    * ``goes_on_without_register``: law 13 lets those who are signed in go on while the register is away.
    * ``shares``: what of it an agreement may share with a partner.
    * ``body``, ``query``, ``answer``: structs; ``headers``: what else the handler reads, with its meaning.
    * ``is_for_servers``: another server asks this, so it has no ``Origin``, and its body is a form; it proves itself.
    * ``media_type``: of an answer that is no struct; ``text/event-stream`` for one that does not end.
    """

    name: str
    method: str
    path: str
    says: str
    handler: Handler
    roles: frozenset[Role] = frozenset()
    purpose: Purpose = Purpose.LIVE_OPERATION
    purpose_of: Mapping[Role, Purpose] = {}
    data_class: DataClass = DataClass.RESTRICTED
    ledgered: Ledgered = Ledgered.NOTHING
    shares: frozenset[Share] = frozenset()
    is_open: bool = False
    is_for_servers: bool = False
    needs_fresh_sign_in: bool = False
    goes_on_without_register: bool = False
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    status: int = 200
    headers: Mapping[str, str] = {}
    problems: tuple[str, ...] = ()
    media_type: str = "application/json"

    @property
    def streams(self) -> bool:
        """Whether its answer goes on for as long as who asks stays."""
        return self.media_type == "text/event-stream"

    @property
    def body_type(self) -> str:
        """The media type of its body."""
        return FORM if self.is_for_servers else "application/json"

    @property
    def is_unsafe(self) -> bool:
        """Whether it may change something (RFC 9110 §9.2.1)."""
        return self.method in _UNSAFE

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(_PARAMETER.findall(self.path))

    def purpose_for(self, role: Role) -> Purpose:
        """What ``role`` asks this for."""
        return self.purpose_of.get(role, self.purpose)


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks, from which session, in which role, and for which part of the city. ``agreement``: under which one a
    partner asks, and ``closes_ms`` when that is over; None: under none.
    """

    person: Person
    session: Session
    role: Role
    scope: Scope
    agreement: Agreement | None = None
    closes_ms: int | None = None


CALLER = web.RequestKey("caller", Caller)
_BODY = web.RequestKey("body", msgspec.Struct)
_QUERY = web.RequestKey("query", msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)


def body_of(request: web.Request, kind: type[S]) -> S:
    """The body that the endpoint of this request names."""
    found = request[_BODY]
    assert isinstance(found, kind)
    return found


def query_of(request: web.Request, kind: type[S]) -> S:
    """The query that the endpoint of this request names."""
    found = request[_QUERY]
    assert isinstance(found, kind)
    return found


def keep_read(request: web.Request, *, body: msgspec.Struct | None, query: msgspec.Struct | None) -> None:
    """Put what was read of a request where its handler finds it."""
    if body is not None:
        request[_BODY] = body
    if query is not None:
        request[_QUERY] = query


class Table:
    """All endpoints. Raises ``ConfigInvalid`` for one that is open and names roles, or names nobody, or is twice."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self._of_route: dict[web.AbstractRoute, Endpoint] = {}
        seen: set[tuple[str, str]] = set()
        for each in self.endpoints:
            if each.is_open == bool(each.roles):
                raise _fault(each, "is open to all and names roles, or names nobody")
            if (each.method, each.path) in seen:
                raise _fault(each, "stands twice in the table")
            seen.add((each.method, each.path))

    def add_to(self, app: web.Application) -> None:
        """Make the routes."""
        for each in self.endpoints:
            methods = ("GET", "HEAD") if each.method == "GET" and not each.streams else (each.method,)
            for method in methods:
                self._of_route[app.router.add_route(method, each.path, each.handler)] = each

    def of(self, request: web.Request) -> Endpoint | None:
        """The endpoint that a request is for; None: there is none."""
        return self._of_route.get(request.match_info.route)


TABLE = web.AppKey("table", Table)


def _fault(endpoint: Endpoint, what: str) -> ConfigInvalid:
    return ConfigInvalid("endpoint.invalid", f"{endpoint.method} {endpoint.path} {what}", cure="mend its row")
