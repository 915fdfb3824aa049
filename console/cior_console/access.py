"""Default deny (law 9): who asks what, under which name, from which page. Every request passes :func:`guard` first.

* ``Host`` must be a name of this console or the address that the connection came to (RFC 9110 §15.5.20: else 421), so
  that no other site's name leads a browser here (DNS rebinding).
* A method that may change something needs the ``Origin`` of this console, or the token itself, which no page sends by
  itself; what only reads is refused to another page's scripts where the browser says so (Fetch Metadata).
* Everything but ``/healthz`` and the static files needs a session (the cookie), or the token as ``Bearer`` for programs
  (RFC 6750), or as ``/?token=…`` once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console import problems
from cior_console.edge import Connection
from cior_console.endpoints import CALLER, TABLE, Caller
from cior_console.sessions import Session, WallSessions, WrongTokens, peer_of
from cior_console.sign_in import cross_site
from cior_console.sign_in.cross_site import SAFE, Origin
from cior_console.under_agreement import AGREEMENTS
from cior_core.errors import SourceUnavailable
from cior_core.people import Grant, Person, Scope, SessionKind
from cior_core.people import Session as SignIn
from cior_core.privacy import Role

COOKIE = "cior_wall"
SESSION = web.RequestKey("session", Session)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_BEARER = "Bearer "


class Access:
    """What :func:`guard` decides with."""

    def __init__(
        self,
        sessions: WallSessions,
        *,
        names: frozenset[str],
        now_ms: Callable[[], int],
        metrics: Metrics,
        wrong: WrongTokens | None = None,
        origins: Callable[[], frozenset[Origin]] | None = None,
    ) -> None:
        """``origins``: where this console's pages are; None: wherever its name leads."""
        self._names = frozenset(name.lower().rstrip(".") for name in names) | _LOOPBACK
        self.now_ms = now_ms
        self._sessions, self._metrics = sessions, metrics
        self._wrong, self._origins = wrong or WrongTokens(), origins

    def refuse(self, reason: str, answer: web.Response) -> web.Response:
        """``answer``, counted."""
        self._metrics.add(m.REFUSED, reason)
        return answer

    def misled(self, request: web.Request) -> web.Response | None:
        """The answer to a request for another host, or of another site's page."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not request.raw_path.startswith("/"):  # RFC 9112 §3.2
            return self.refuse(
                "host", problem(400, "wall.host_missing", "One Host, and a path of this host.")
            )
        if not self._is_ours(hosts[0], request):
            return self.refuse(
                "host", problem(421, "wall.host_unknown", "Not a name of this console: [console] names.")
            )
        if _is_no_page(request):
            return None
        if request.method in SAFE or self._origins is not None:
            ours = self._origins if self._origins is not None else frozenset[Origin]
            code = cross_site.refusal(request.method, request.headers, ours())
            return None if code is None else self.refuse("origin", problems.answer(code))
        if not self._is_own_page(request, hosts[0]):
            return self.refuse(
                "origin", problem(403, "wall.origin_unknown", "Not asked by a page of this console.")
            )
        return None

    def _is_ours(self, host: str, request: web.Request) -> bool:
        name = _name_of(host)
        transport = request.transport
        own = transport.get_extra_info("sockname")[0] if transport is not None else ""
        return name in self._names or (bool(own) and name.strip("[]") == own)

    @staticmethod
    def _is_own_page(request: web.Request, host: str) -> bool:
        origin = urlsplit(request.headers.get("Origin", ""))
        return origin.scheme in ("http", "https") and origin.netloc.lower() == host.lower()

    def session(self, request: web.Request) -> Session | None:
        """The session of the cookie."""
        return self._sessions.check(request.cookies.get(COOKIE, ""), self.now_ms())

    def present(self, request: web.Request, token: str) -> web.Response | Session:
        """Show a token: the session that it may begin, or what to answer."""
        peer, now_s = peer_of(request.remote), asyncio.get_running_loop().time()
        if wait_s := self._wrong.wait_s(peer, now_s):
            answer = problem(429, "wall.too_many_tries", "Too many wrong tokens from this address: wait.")
            answer.headers["Retry-After"] = str(wait_s)
            return self.refuse("tries", answer)
        if not self._sessions.is_token(token):
            self._wrong.count(peer, now_s)
            return self.refuse("token", problem(401, "wall.token_wrong", "This is not the wall's token."))
        return self._sessions.begin(self.now_ms())


ACCESS = web.AppKey("access", Access)


def _is_no_page(request: web.Request) -> bool:
    """Whether a program asks, which no other site's page can make do it: by the token, or as another server."""
    endpoint = request.app[TABLE].of(request)
    is_for_servers = endpoint is not None and endpoint.is_for_servers
    return is_for_servers or request.headers.get("Authorization", "").startswith(_BEARER)


def _name_of(host: str) -> str:
    """The name without port, as RFC 3986 §3.2.2 writes it; empty when the port is no number."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        return host.lower().rstrip(".")
    return name.lower().rstrip(".") if port.isdigit() and port.isascii() else ""


def problem(status: int, code: str, detail: str) -> web.Response:
    """RFC 9457 problem document."""
    body = msgspec.json.encode({"type": "about:blank", "title": code, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json")


def shown_token(request: web.Request) -> str | None:
    """The token in ``Authorization``, or in the one address that takes it out of itself again."""
    given = request.headers.get("Authorization", "")
    if given.startswith(_BEARER):
        return given.removeprefix(_BEARER)
    return request.query.get("token") if request.path == "/" else None


def give_session(response: web.StreamResponse, cookie: str, ends_ms: int, now_ms: int) -> None:
    """Set the cookie; the browser forgets it when the session ends at the latest."""
    left_s = max(0, (ends_ms - now_ms) // 1000)
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="Strict", max_age=left_s)


Identify = Callable[[web.Request], Awaitable[Caller | None]]
"""Whose session a request carries; None: nobody's."""


class People(msgspec.Struct, frozen=True):
    """Who signs people in, as far as a request needs it."""

    identify: Identify


PEOPLE = web.AppKey("people", People)
_DISPLAY = Person(id="wall", login="wall", name="Muro", grants=(Grant(Role.WALL),))


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let in, or answer. Who comes in has a name from here on (``request[CALLER]``)."""
    access = request.app[ACCESS]
    if (misled := access.misled(request)) is not None:
        return misled
    token = shown_token(request)
    found = await _found(request, access, token)
    if isinstance(found, web.Response):
        return found
    endpoint = request.app[TABLE].of(request)
    if found is None:
        is_open = endpoint is not None and endpoint.is_open
        return await handler(request) if is_open else _nobody(access, request)
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.is_welcome():
        full = problem(503, "wall.full", "Too many pages are open.")
        full.headers["Retry-After"] = "5"
        return full
    request[SESSION] = found
    response = await handler(request)
    if token is None and found.cookie is not None and not response.prepared:
        give_session(response, found.cookie, found.ends_ms, access.now_ms())
    return response


async def _found(request: web.Request, access: Access, token: str | None) -> web.Response | Session | None:
    """The session of a person, else that of the wall; what to answer to a wrong token."""
    if token is None and PEOPLE in request.app:
        try:
            caller = await request.app[PEOPLE].identify(request)
        except SourceUnavailable:
            return problems.answer("register.away", retry_after_s=1)
        if caller is not None:
            request[CALLER] = caller
            return Session(caller.session.expires_ms)
    found = access.session(request) if token is None else access.present(request, token)
    if isinstance(found, Session):
        request[CALLER] = _display(found)
    return found


def _display(session: Session) -> Caller:
    """The wall's own account: it can only look."""
    shown = SignIn(
        id="wall",
        person_id=_DISPLAY.id,
        role=Role.WALL,
        kind=SessionKind.DISPLAY,
        created_ms=0,
        expires_ms=session.ends_ms,
    )
    return Caller(person=_DISPLAY, session=shown, role=Role.WALL, scope=Scope())


def _nobody(access: Access, request: web.Request) -> web.Response:
    if request.path.startswith("/api/v1/"):
        return access.refuse("nobody", problems.answer("session.missing"))
    detail = "Open the address that was printed at start (it carries the token)."
    return access.refuse("nobody", problem(401, "wall.token_missing", detail))


async def is_welcome(request: web.Request) -> bool:
    """Whether a request that lasts may go on: its person's session still stands. The wall's own ends by time alone."""
    if request[CALLER].person is _DISPLAY:
        return True
    try:
        caller = await request.app[PEOPLE].identify(request)
    except SourceUnavailable:
        return False
    asked = request[CALLER]
    if caller is None or caller.session.id != asked.session.id:
        return False
    if asked.agreement is None:
        return True
    under = await request.app[AGREEMENTS].open_for(caller.scope)
    return under is not None and under.agreement.id == asked.agreement.id
