"""An HTTP listener's edge: limits of connections, of time and of bytes, and a log that quotes nobody.

aiohttp closes a connection that has not brought a whole request head within its keep-alive time, the first as well as
the next; bodies are timed here. What it cannot read it would log with a traceback that quotes the bytes: here faults
are counted and told by kind, one line a minute.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cior_connectors.crowd import Crowd, Guest, Standing

_LOG = structlog.get_logger(__name__)
TLS_HANDSHAKE_S = 10.0
LINGER_S = 1.0
TOLD_EVERY_S = 60.0
BACKLOG = 512
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Faults(logging.Handler):
    """Counts what the HTTP library would have logged; kinds of errors only, never their words or frames."""

    def __init__(self, instance: str, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._instance, self._now_s = instance, now_s
        self._counts: Counter[str] = Counter()
        self._told_s = -TOLD_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        """Count ``record``; say the counts when a minute has gone by."""
        kind = record.exc_info[0] if record.exc_info else None
        self._counts[kind.__name__ if kind is not None else record.levelname] += 1
        if self._now_s() - self._told_s >= TOLD_EVERY_S:
            self._told_s = self._now_s()
            _LOG.warning("http_faults_counted", instance=self._instance, faults=dict(self._counts))
            self._counts.clear()


def faults_logger(instance: str) -> logging.Logger:
    """A logger of nobody's tree, for the HTTP library."""
    logger = logging.getLogger(f"cior_connectors.http.{instance}")
    logger.propagate, logger.handlers = False, [Faults(instance)]
    return logger


class HttpEdge(web.Server):
    """``handle`` answers requests of ``crowd``'s connections; ``head_timeout_s`` bounds each wait for a head."""

    def __init__(self, handle: Handler, *, crowd: Crowd, instance: str, head_timeout_s: float) -> None:
        super().__init__(
            handle,
            keepalive_timeout=head_timeout_s,
            lingering_time=LINGER_S,
            access_log=None,
            logger=faults_logger(instance),
        )
        self.crowd = crowd
        self._guests: dict[RequestHandler, Guest] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Let it in, at somebody's cost when places are short."""
        super().connection_made(handler, transport)
        name = transport.get_extra_info("peername") or ("unknown", 0)
        guest = Guest(str(name[0]), handler.force_close)
        self._guests[handler] = guest
        self.crowd.enter(guest)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Its place is free."""
        super().connection_lost(handler, exc)
        if (guest := self._guests.pop(handler, None)) is not None:
            self.crowd.leave(guest)

    def proven(self, request: web.BaseRequest) -> None:
        """The sender of ``request`` has shown a secret."""
        guest = self._guests.get(request.protocol)
        if guest is not None:
            self.crowd.vouch(guest, Standing.PROVEN)

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
        """Bind and accept. Raises ``OSError``."""
        return await asyncio.get_running_loop().create_server(
            self,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=TLS_HANDSHAKE_S if tls is not None else None,
            backlog=BACKLOG,
        )
