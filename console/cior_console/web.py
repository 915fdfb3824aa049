"""The read-only wall over HTTP: one page, one snapshot, one event stream (Server-Sent Events, WHATWG HTML §9.2), a
few store questions.

Who may ask is decided in ``access``, who may stay in ``edge``, what a row may contain in ``wall_view``. Nothing here
writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import msgspec
import structlog
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console.access import ACCESS, SESSION, Access, give_session, guard, problem
from cior_console.feed import AlertFeed, FeedMessage
from cior_console.sessions import Session, WallSessions
from cior_core.errors import SourceUnavailable

log = structlog.get_logger("cior.console")

Ask = Callable[[], Any]
"""A store question, blocking; run in a thread. Its result must be msgspec-encodable."""

_FEED = web.AppKey("feed", AlertFeed)
_STOP = web.AppKey("stop", asyncio.Event)
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


_CONFIG = web.AppKey("config", WallConfig)


def create_app(feed: AlertFeed, config: WallConfig, metrics: Metrics | None = None) -> web.Application:
    """The aiohttp application; the caller runs it and feeds ``feed``."""
    app = web.Application(middlewares=[guard], client_max_size=65_536)
    app[_FEED], app[_CONFIG] = feed, config
    app[ACCESS] = Access(
        WallSessions(config.token, idle_s=config.session_idle_s, life_s=config.session_life_s),
        names=config.names,
        now_ms=config.now_ms,
        metrics=metrics or Metrics(),
    )
    app.router.add_get("/", _page)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/static/{name}", _static)
    app.router.add_get("/api/wall", _wall)
    app.router.add_get("/api/feed", _stream, allow_head=False)
    app.router.add_get("/api/city", _city)
    app.router.add_get("/api/ask/{question}", _ask)
    app.on_startup.append(_bind)
    app.on_shutdown.append(_release)
    return app


async def _bind(app: web.Application) -> None:
    app[_STOP] = asyncio.Event()
    app[_FEED].bind(asyncio.get_running_loop())


async def _release(app: web.Application) -> None:
    app[_STOP].set()


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
    feed = request.app[_FEED]
    status = "late" if feed.is_late else "ok"
    now_ms = request.app[_CONFIG].now_ms()  # `cior watch` sees by it that our clock jumped
    return _answer(
        {
            "status": status,
            "now_ms": now_ms,
            "watchers": feed.watchers,
            "last_applied_ms": feed.last_applied_ms,
        }
    )


async def _wall(request: web.Request) -> web.StreamResponse:
    feed, config = request.app[_FEED], request.app[_CONFIG]
    return _answer(_snapshot(feed, config, request[SESSION]))


def _snapshot(feed: AlertFeed, config: WallConfig, session: Session) -> dict[str, Any]:
    return {
        "centre": config.centre,
        "drill": config.drill,
        "seq": feed.seq,
        "now_ms": config.now_ms(),
        "session_ends_ms": session.ends_ms,
        "late": feed.is_late,
        "alerts": feed.snapshot(),
    }


async def _city(request: web.Request) -> web.StreamResponse:
    return web.Response(body=request.app[_CONFIG].city, content_type="application/geo+json")


async def _ask(request: web.Request) -> web.StreamResponse:
    config = request.app[_CONFIG]
    question = config.questions.get(request.match_info["question"])
    if question is None:
        return problem(404, "wall.no_such_question", "There is no such question.")
    try:
        return _answer(await asyncio.wait_for(asyncio.to_thread(question), config.ask_timeout_s))
    except (TimeoutError, SourceUnavailable):
        return problem(
            503, "wall.store_slow", "The store did not answer in time; the live list does not depend on it."
        )


async def _stream(request: web.Request) -> web.StreamResponse:
    feed, config, session = request.app[_FEED], request.app[_CONFIG], request[SESSION]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    watcher = feed.watch()
    try:
        # The snapshot goes first on the same connection, so no alert can fall between a snapshot and the stream.
        await response.write(_sse("snapshot", _snapshot(feed, config, session)))
        stop = request.app[_STOP]
        while not stop.is_set() and config.now_ms() < session.ends_ms:
            message = await _next(watcher.queue, config.keepalive_s)
            if message is not None and message.kind == "resync":
                await response.write(_sse("snapshot", _snapshot(feed, config, session)))
            else:
                await response.write(_event(message, feed, config))
    except ConnectionError:
        log.debug("watcher_left")
    finally:
        feed.leave(watcher)
    return response


async def _next(queue: asyncio.Queue[FeedMessage], wait_s: float) -> FeedMessage | None:
    try:
        return await asyncio.wait_for(queue.get(), wait_s)
    except TimeoutError:
        return None


def _event(message: FeedMessage | None, feed: AlertFeed, config: WallConfig) -> bytes:
    if message is None:
        alive = {"now_ms": config.now_ms(), "seq": feed.seq, "late": feed.is_late}
        return _sse("alive", alive)
    return _sse(message.kind, message)


def _sse(kind: str, data: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + _json.encode(data) + b"\n\n"
