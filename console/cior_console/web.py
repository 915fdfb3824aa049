"""The read-only wall over HTTP: one page, one snapshot, one event stream (Server-Sent Events, WHATWG HTML §9.2), a
few store questions.

Who may ask is decided in ``access``, who may stay in ``edge``, what a row may contain in ``wall_view``. Nothing here
writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

import msgspec
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console.access import ACCESS, SESSION, Access, give_session, guard, is_welcome, problem
from cior_console.authorising import LAW, Law, authorise
from cior_console.endpoints import CALLER, TABLE, Endpoint, Handler, Table
from cior_console.feed import AlertFeed, joined
from cior_console.problems import Refused
from cior_console.sessions import WallSessions
from cior_console.sign_in.cross_site import Origin
from cior_console.stream import Channel, stream
from cior_console.tagged import tagged
from cior_console.visibility import View, Visibility
from cior_core import bundled
from cior_core.errors import SourceUnavailable
from cior_core.model import DataClass
from cior_core.people import Scope
from cior_core.privacy import Policy, Role

Ask = Callable[[], Any]
"""A store question, blocking; run in a thread. Its result must be msgspec-encodable."""

FEED = web.AppKey("feed", AlertFeed)
STOP = web.AppKey("stop", asyncio.Event)
_OF_THE_CITY = frozenset({"blind"})
"""Questions whose answer names devices of every district: for whom sees all of them."""
_json = msgspec.json.Encoder()


class WallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the page needs to be served.

    ``questions`` are named by their path under ``/api/ask/``; ``city`` is a GeoJSON FeatureCollection as bytes;
    ``names``: hosts that this console is called by, besides its own address and loopback.
    """

    token: str
    centre: str
    city: bytes
    questions: Mapping[str, Ask]
    now_ms: Callable[[], int]
    drill: bool = False
    keepalive_s: float = 5.0
    ask_timeout_s: float = 5.0
    names: frozenset[str] = frozenset()
    session_idle_s: float = 12 * 3600
    session_life_s: float = 7 * 86_400


CONFIG = web.AppKey("config", WallConfig)


_LOOKING = frozenset(Role) - {
    Role.PROSECUTOR, Role.DEFENDER, Role.ANALYST, Role.AUDITOR, Role.AGENCY, Role.PARTNER,
}  # fmt: skip
"""Who may look at the wall: everybody of the room."""


def _wall(name: str, path: str, says: str, handler: Handler, **more: Any) -> Endpoint:
    values = {"roles": _LOOKING, "data_class": DataClass.PUBLIC} | more
    return Endpoint(name=name, method="GET", path=path, says=says, handler=handler, **values)


def wall_endpoints() -> tuple[Endpoint, ...]:
    """What the wall's page asks. Its rows are the plain view, which the privacy table allows a wall."""
    return (
        _wall("wall.page", "/", "the wall's page", _page, media_type="text/html"),
        _wall("health", "/healthz", "whether it lives", _healthz, is_open=True, roles=frozenset()),
        _wall("static", "/static/{name}", "files of the page", _static, is_open=True, roles=frozenset()),
        _wall("wall.snapshot", "/api/wall", "all open alerts, plain", _snapshot_of_wall),
        _wall("wall.feed", "/api/feed", "the wall's live feed", _stream, media_type="text/event-stream"),
        _wall("wall.city", "/api/city", "districts as GeoJSON", _city, media_type="application/geo+json"),
        _wall("wall.ask", "/api/ask/{question}", "a figure of the page", _ask),
    )


def create_app(
    feed: AlertFeed,
    config: WallConfig,
    metrics: Metrics | None = None,
    *,
    law: Law | None = None,
    endpoints: Iterable[Endpoint] = (),
    origins: Callable[[], frozenset[Origin]] | None = None,
) -> web.Application:
    """The aiohttp application; the caller runs it and feeds ``feed``.

    ``law``: what decides, and the ledger; ``endpoints``: those of people who sign in, beside the wall's;
    ``origins``: where this console's pages are (``access.Access``).
    """
    metrics = metrics or Metrics()
    app = web.Application(middlewares=[guard, authorise], client_max_size=65_536)
    app[FEED], app[CONFIG] = feed, config
    app[ACCESS] = Access(
        WallSessions(config.token, idle_s=config.session_idle_s, life_s=config.session_life_s),
        names=config.names,
        now_ms=config.now_ms,
        metrics=metrics,
        origins=origins,
    )
    app[LAW] = law or Law(policy=_policy(), now_ms=config.now_ms, metrics=metrics)
    app[TABLE] = Table((*wall_endpoints(), *endpoints))
    app[TABLE].add_to(app)
    app.on_startup.append(_bind)
    app.on_shutdown.append(_release)
    return app


def _policy() -> Policy:
    return Policy.load(bundled.text("privacy.toml"))


async def _bind(app: web.Application) -> None:
    app[STOP] = asyncio.Event()
    app[FEED].bind(asyncio.get_running_loop())


async def _release(app: web.Application) -> None:
    app[STOP].set()


async def _page(request: web.Request) -> web.StreamResponse:
    if "token" in request.query:  # keep the token out of the address bar, the history and the Referer
        language = request.query.get("lang", "")
        away = web.HTTPSeeOther("/" + (f"?lang={language}" if language in ("es", "en") else ""))
        session = request[SESSION]
        give_session(away, session.cookie or "", session.ends_ms, request.app[ACCESS].now_ms())
        raise away
    return _file("wall.html", "text/html")


_TYPES = {
    "wall.js": "text/javascript",
    "wall_list.js": "text/javascript",
    "wall_words.js": "text/javascript",
    "wall.css": "text/css",
    "public.css": "text/css",
}


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in _TYPES:
        return problem(404, "wall.no_such_file", "There is no such file.")
    return _file(name, _TYPES[name])


def _file(name: str, content_type: str) -> web.Response:
    text = resources.files("cior_console").joinpath("static", name).read_text(encoding="utf-8")
    headers = {
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'",
    }
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)


def _answer(value: Any) -> web.Response:
    return web.Response(
        body=_json.encode(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def _healthz(request: web.Request) -> web.StreamResponse:
    feed = request.app[FEED]
    status = "late" if feed.is_late else "ok"
    now_ms = request.app[CONFIG].now_ms()  # `cior watch` sees by it that our clock jumped
    return _answer(
        {
            "status": status,
            "now_ms": now_ms,
            "watchers": feed.watchers,
            "last_applied_ms": feed.last_applied_ms,
        }
    )


def _plain(request: web.Request) -> Visibility:
    """What a wall shows of the part of the city that is its caller's."""
    return Visibility(View.PLAIN, request[CALLER].scope)


async def _snapshot_of_wall(request: web.Request) -> web.StreamResponse:
    feed = request.app[FEED]
    facts = _json.encode(_facts(request))[:-1]
    body = b'%b,"alerts":%b}' % (facts, joined(feed.rows(_plain(request))))
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _facts(request: web.Request) -> dict[str, Any]:
    feed, config = request.app[FEED], request.app[CONFIG]
    return {
        "centre": config.centre,
        "drill": config.drill,
        "seq": feed.seq,
        "now_ms": config.now_ms(),
        "session_ends_ms": request[SESSION].ends_ms,
        "late": feed.is_late,
    }


async def _city(request: web.Request) -> web.StreamResponse:
    return tagged(request, request.app[CONFIG].city, "application/geo+json")


async def _ask(request: web.Request) -> web.StreamResponse:
    config = request.app[CONFIG]
    question = config.questions.get(request.match_info["question"])
    if question is None:
        return problem(404, "wall.no_such_question", "There is no such question.")
    if request.match_info["question"] in _OF_THE_CITY and request[CALLER].scope != Scope():
        raise Refused("access.denied", rule="deny.scope")
    try:
        return _answer(await asyncio.wait_for(asyncio.to_thread(question), config.ask_timeout_s))
    except (TimeoutError, SourceUnavailable):
        return problem(
            503, "wall.store_slow", "The store did not answer in time; the live list does not depend on it."
        )


async def _stream(request: web.Request) -> web.StreamResponse:
    return await stream(request, channel(request, _plain(request), in_parts=False))


def channel(request: web.Request, visibility: Visibility, *, in_parts: bool = True) -> Channel:
    """The live feed of a request."""
    config, session, closes_ms = request.app[CONFIG], request[SESSION], request[CALLER].closes_ms
    return Channel(
        feed=request.app[FEED],
        visibility=visibility,
        stop=request.app[STOP],
        now_ms=config.now_ms,
        facts=lambda: _facts(request),
        ends_ms=session.ends_ms if closes_ms is None else min(session.ends_ms, closes_ms),
        is_welcome=lambda: is_welcome(request),
        keepalive_s=config.keepalive_s,
        in_parts=in_parts,
    )
