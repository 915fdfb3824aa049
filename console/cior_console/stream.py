"""The live feed over HTTP (Server-Sent Events, WHATWG HTML §9.2): snapshot, changes, a sign of life every 5 s.

An event is ``snapshot``, ``more`` (rows of a long snapshot), ``alert``, ``gone``, ``units`` or ``alive``. Its id is
``EPOCH-NUMBER``: who comes back with ``Last-Event-ID`` goes on where they were, without a snapshot.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from aiohttp import web

from cior_console.feed import AlertFeed, Watcher, joined, message
from cior_console.visibility import Visibility

log = structlog.get_logger("cior.console")

_PART_ROWS = 2_000
"""Rows of one event: a page may paint before it has all of a flood."""
_json = msgspec.json.Encoder()


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream is made of. ``facts``: what a snapshot says besides its rows. ``is_welcome``: whether who reads may
    go on, asked at every sign of life; ``in_parts``: long snapshots come as several events.
    """

    feed: AlertFeed
    visibility: Visibility
    stop: asyncio.Event
    now_ms: Callable[[], int]
    facts: Callable[[], dict[str, Any]]
    ends_ms: int
    is_welcome: Callable[[], Awaitable[bool]]
    keepalive_s: float = 5.0
    in_parts: bool = True


async def stream(request: web.Request, channel: Channel) -> web.StreamResponse:
    """Serve until the page goes, the session ends or the console stops."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    # Watching first: what changes while the snapshot is on its way comes behind it.
    watcher = channel.feed.watch(channel.visibility)
    try:
        await _begin(request, response, channel)
        await _follow(response, channel, watcher)
    except ConnectionError:
        log.debug("watcher_left")
    finally:
        channel.feed.leave(watcher)
    return response


async def _begin(request: web.Request, response: web.StreamResponse, channel: Channel) -> None:
    # With jitter: a console that comes back is not met by all pages in one moment.
    await response.write(b"retry: %d\n\n" % random.randint(1_000, 3_000))  # noqa: S311 - no secret
    missed = channel.feed.since(request.headers.get("Last-Event-ID", ""), channel.visibility)
    if missed is None:
        await _snapshot(response, channel)
    else:
        beside = channel.feed.beside(channel.visibility)
        await response.write(missed + beside + _alive(channel, is_up_to_date=True))


async def _follow(response: web.StreamResponse, channel: Channel, watcher: Watcher) -> None:
    loop = asyncio.get_running_loop()
    told_s = loop.time()
    while not channel.stop.is_set() and channel.now_ms() < channel.ends_ms:
        left_s = channel.keepalive_s - (loop.time() - told_s)
        if left_s > 0:
            try:
                chunk = await watcher.take(left_s)
            except TimeoutError:
                continue
            if channel.now_ms() >= channel.ends_ms or (chunk is None and not await _may_go_on(channel)):
                return
            if chunk is None:
                await _snapshot(response, channel)
            else:
                await response.write(chunk)
        elif await channel.is_welcome():
            told_s = loop.time()
            await response.write(_alive(channel, is_up_to_date=watcher.queue.empty()))
        else:
            return


async def _may_go_on(channel: Channel) -> bool:
    """Whether a partner's agreement still stands, asked before all of it is told again."""
    return channel.visibility.shared is None or await channel.is_welcome()


async def _snapshot(response: web.StreamResponse, channel: Channel) -> None:
    """The rows of this moment; only the last part has an id, so that who loses the way begins again."""
    rows, last = channel.feed.rows(channel.visibility), channel.feed.id
    size = _PART_ROWS if channel.in_parts else max(1, len(rows))
    facts = _json.encode(channel.facts())[:-1]
    for start in range(0, max(1, len(rows)), size):
        is_last = start + size >= len(rows)
        more = b"false" if is_last else b"true"
        part = b'%b,"more":%b,"alerts":%b}' % (facts, more, joined(rows[start : start + size]))
        await response.write(message("more" if start else "snapshot", part, last if is_last else ""))
    if beside := channel.feed.beside(channel.visibility):
        await response.write(beside)


def _alive(channel: Channel, *, is_up_to_date: bool) -> bytes:
    """With an id only when all before it is on its way: else who comes back would miss what waits."""
    feed = channel.feed
    alive = {"now_ms": channel.now_ms(), "seq": feed.seq, "late": feed.is_late}
    return message("alive", _json.encode(alive), feed.id if is_up_to_date and feed.is_settled else "")
