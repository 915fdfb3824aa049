"""The read-only wall over HTTP: one page, one snapshot, one event stream (Server-Sent Events, WHATWG HTML §9.2), a
few store questions.

Default deny: every path but ``/healthz`` and the static files needs the wall's token, given once as ``/?token=…`` and
kept in an HttpOnly cookie. Nothing here writes; what a row may contain is decided in ``wall_view``.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any

import msgspec
import structlog
from aiohttp import web

from cior_console.feed import AlertFeed, FeedMessage
from cior_core.errors import SourceUnavailable

log = structlog.get_logger("cior.console")

Ask = Callable[[], Any]
"""A store question, blocking; run in a thread. Its result must be msgspec-encodable."""

_COOKIE = "cior_wall"
_FEED = web.AppKey("feed", AlertFeed)
_STOP = web.AppKey("stop", asyncio.Event)
_json = msgspec.json.Encoder()


class WallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the page needs to be served.

    ``questions`` are named by their path under ``/api/ask/``; ``city`` is a GeoJSON FeatureCollection as bytes.
    """

    token: str
    centre: str
    city: bytes
    questions: Mapping[str, Ask]
    now_ms: Callable[[], int]
    drill: bool = False
    keepalive_s: float = 5.0
    ask_timeout_s: float = 5.0


_CONFIG = web.AppKey("config", WallConfig)


def create_app(feed: AlertFeed, config: WallConfig) -> web.Application:
    """The aiohttp application; the caller runs it and feeds ``feed``."""
    app = web.Application(middlewares=[_guard_token])
    app[_FEED], app[_CONFIG] = feed, config
    app.router.add_get("/", _page)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/static/{name}", _static)
    app.router.add_get("/api/wall", _wall)
    app.router.add_get("/api/feed", _stream)
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


def _problem(status: int, code: str, detail: str) -> web.Response:
    """RFC 9457 problem document."""
    body = _json.encode({"type": "about:blank", "title": code, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json")


@web.middleware
async def _guard_token(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.path == "/healthz" or request.path.startswith("/static/"):
        return await handler(request)
    given = request.query.get("token") or request.cookies.get(_COOKIE, "")
    if not hmac.compare_digest(given.encode(), request.app[_CONFIG].token.encode()):
        return _problem(
            401, "wall.token_missing", "Open the address that was printed at start (it carries the token)."
        )
    return await handler(request)


async def _page(request: web.Request) -> web.StreamResponse:
    if "token" in request.query:  # keep the token out of the address bar, the history and the Referer
        language = request.query.get("lang", "")
        away = web.HTTPSeeOther("/" + (f"?lang={language}" if language in ("es", "en") else ""))
        away.set_cookie(
            _COOKIE, request.query["token"], httponly=True, samesite="Strict", max_age=30 * 86_400
        )
        raise away
    return _file("wall.html", "text/html")


_TYPES = {"wall.js": "text/javascript", "wall.css": "text/css"}


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in _TYPES:
        return _problem(404, "wall.no_such_file", "There is no such file.")
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
    return _answer({"status": "ok", "watchers": feed.watchers, "last_applied_ms": feed.last_applied_ms})


async def _wall(request: web.Request) -> web.StreamResponse:
    feed, config = request.app[_FEED], request.app[_CONFIG]
    return _answer(_snapshot(feed, config))


def _snapshot(feed: AlertFeed, config: WallConfig) -> dict[str, Any]:
    return {
        "centre": config.centre,
        "drill": config.drill,
        "seq": feed.seq,
        "now_ms": config.now_ms(),
        "alerts": feed.snapshot(),
    }


async def _city(request: web.Request) -> web.StreamResponse:
    return web.Response(body=request.app[_CONFIG].city, content_type="application/geo+json")


async def _ask(request: web.Request) -> web.StreamResponse:
    config = request.app[_CONFIG]
    question = config.questions.get(request.match_info["question"])
    if question is None:
        return _problem(404, "wall.no_such_question", "There is no such question.")
    try:
        return _answer(await asyncio.wait_for(asyncio.to_thread(question), config.ask_timeout_s))
    except (TimeoutError, SourceUnavailable):
        return _problem(
            503, "wall.store_slow", "The store did not answer in time; the live list does not depend on it."
        )


async def _stream(request: web.Request) -> web.StreamResponse:
    feed, config = request.app[_FEED], request.app[_CONFIG]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    watcher = feed.watch()
    try:
        # The snapshot goes first on the same connection, so no alert can fall between a snapshot and the stream.
        await response.write(b"event: snapshot\ndata: " + _json.encode(_snapshot(feed, config)) + b"\n\n")
        stop = request.app[_STOP]
        while not stop.is_set():
            await response.write(_event(await _next(watcher.queue, config.keepalive_s), feed, config))
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
        return b"event: alive\ndata: " + _json.encode({"now_ms": config.now_ms(), "seq": feed.seq}) + b"\n\n"
    if message.kind == "resync":
        return b"event: snapshot\ndata: " + _json.encode(_snapshot(feed, config)) + b"\n\n"
    return b"event: " + message.kind.encode() + b"\ndata: " + _json.encode(message) + b"\n\n"
