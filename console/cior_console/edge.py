"""The console's sockets: who may stay, and for how long.

Half-open requests, slow bodies and readers that do not read hold a descriptor each, and in an embedded centre the store
lives in the same process. So every connection has a time-out in each of its states. Limits count *strangers* only,
connections on which nobody has shown a session yet: whoever fills them throws out strangers of his own address first,
and never a screen of the room.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import traceback
from collections import Counter
from contextlib import suppress
from typing import Any

from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.sessions import peer_of
from cior_core.model import Struct

_SWEEP_S = 1.0
_CUT_LINE_MS = 60_000
"""For a peer whose line was cut to answer (RFC 5482); the system's own patience is a quarter of an hour."""
_PROGRESS_BYTES = 16_384
"""Less than this taken in ``stall_s`` is no reading: a snapshot of a flood would take an hour."""


class EdgeLimits(Struct, frozen=True, kw_only=True):
    """How long and how many.

    * ``idle_s``: for the whole head of a request, and between two requests of a connection.
    * ``linger_s``: for the rest of a body that nobody reads.
    * ``stall_s``: for a reader to take something of what waits for it.
    * ``strangers_a_peer``, ``strangers``: connections without a session, of one peer and in all.
    * ``known``: connections with one.
    """

    idle_s: float = 10.0
    linger_s: float = 2.0
    stall_s: float = 15.0
    strangers_a_peer: int = 32
    strangers: int = 128
    known: int = 384


def within_descriptors(limits: EdgeLimits) -> EdgeLimits:
    """``limits``, or less where this process may open few files: half of them are the store's and the bus's."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or limits.strangers + limits.known <= soft // 2:
        return limits
    strangers = max(8, soft // 8)
    return EdgeLimits(
        idle_s=limits.idle_s,
        linger_s=limits.linger_s,
        stall_s=limits.stall_s,
        strangers_a_peer=min(limits.strangers_a_peer, max(4, strangers // 4)),
        strangers=strangers,
        known=max(16, soft // 4),
    )


class _Terse(logging.Filter):
    """What went wrong and where, without the words of an exception: they may quote what was sent. Each place once."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return record.levelno >= logging.WARNING
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else "the parser"
        said = f"a request failed: {type(error).__name__} in {place}; said once for each place"
        if said in self._said:
            return False
        self._said.add(said)
        record.msg, record.args = said, ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def _terse_logger() -> logging.Logger:
    logger = logging.getLogger("cior.console.http")
    if not any(isinstance(each, _Terse) for each in logger.filters):
        logger.addFilter(_Terse())
        logger.setLevel(logging.WARNING)  # so nothing is written of a request that went well
    return logger


class Connection(web.RequestHandler):
    """One connection, known to the edge from beginning to end."""

    __slots__ = ("_edge",)

    def __init__(self, edge: Edge, server: web.Server, limits: EdgeLimits) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_s,
            lingering_time=limits.linger_s,
            access_log=_terse_logger(),
            logger=_terse_logger(),
        )
        self._edge = edge

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sit down."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._edge.joined(self, transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the seat."""
        self._edge.left(self)
        super().connection_lost(exc)

    def is_welcome(self) -> bool:
        """Somebody showed a session here: from now on no stranger. False when there are too many of those too."""
        return self._edge.knows(self)


class _Seat:
    def __init__(self, transport: asyncio.Transport, now_s: float) -> None:
        self.transport = transport
        self.peer = peer_of((transport.get_extra_info("peername") or ("",))[0])
        self.is_known = False
        self._waiting, self._since_s = 0, now_s

    def has_stalled(self, now_s: float, stall_s: float) -> bool:
        """Whether nothing worth it of what waits to be sent has been taken for ``stall_s``."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting or waiting <= self._waiting - _PROGRESS_BYTES or not self._waiting:
            self._waiting, self._since_s = waiting, now_s
        return now_s - self._since_s > stall_s


class Edge(web.BaseSite):
    """Listens for ``runner`` at ``host`` and ``port`` (0: a free one) within ``limits``."""

    __slots__ = ("_host", "_limits", "_metrics", "_port", "_seats", "_sweep", "_tls")

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        *,
        limits: EdgeLimits,
        metrics: Metrics,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner)
        self._tls = tls
        self._host, self._port = host, port
        self._limits, self._metrics = within_descriptors(limits), metrics
        self._seats: dict[Connection, _Seat] = {}
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """Its address, for people."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen."""
        await super().start()
        loop = asyncio.get_running_loop()
        shaking: dict[str, Any] = {"ssl_handshake_timeout": self._limits.idle_s} if self._tls else {}
        self._server = await loop.create_server(
            self._connection, self._host, self._port, backlog=128, ssl=self._tls, **shaking
        )
        self._sweep = loop.call_later(_SWEEP_S, self._sweep_out)

    async def stop(self) -> None:
        """Listen no more; the runner ends what is open."""
        if self._sweep is not None:
            self._sweep.cancel()
        await super().stop()

    def _connection(self) -> Connection:
        server = self._runner.server
        if server is None:
            raise ConnectionAbortedError
        return Connection(self, server, self._limits)

    def joined(self, connection: Connection, transport: asyncio.Transport) -> None:
        """A stranger came; another may have to go."""
        seat = self._seats[connection] = _Seat(transport, asyncio.get_running_loop().time())
        raw = transport.get_extra_info("socket")
        with suppress(OSError, AttributeError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _CUT_LINE_MS)
        strangers = Counter(each.peer for each in self._seats.values() if not each.is_known)
        if strangers[seat.peer] > self._limits.strangers_a_peer:
            self._throw_out(seat.peer)
        elif strangers.total() > self._limits.strangers:
            self._throw_out(strangers.most_common(1)[0][0])

    def _throw_out(self, peer: str) -> None:
        """The oldest stranger of ``peer``: a request that is whole takes milliseconds, what is oldest only sits."""
        for seat in self._seats.values():
            if seat.peer == peer and not seat.is_known and not seat.transport.is_closing():
                self._metrics.add(m.REFUSED, "connections")
                seat.transport.abort()
                return

    def knows(self, connection: Connection) -> bool:
        """``connection`` has shown a session."""
        seat = self._seats.get(connection)
        if seat is None or seat.is_known:
            return seat is not None
        if sum(each.is_known for each in self._seats.values()) >= self._limits.known:
            self._metrics.add(m.REFUSED, "full")
            return False
        seat.is_known = True
        return True

    def left(self, connection: Connection) -> None:
        """It is over."""
        self._seats.pop(connection, None)

    def _sweep_out(self) -> None:
        loop = asyncio.get_running_loop()
        for seat in list(self._seats.values()):
            if seat.has_stalled(loop.time(), self._limits.stall_s):
                self._metrics.add(m.REFUSED, "slow")
                seat.transport.abort()
        self._sweep = loop.call_later(_SWEEP_S, self._sweep_out)


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    limits: EdgeLimits,
    metrics: Metrics,
    tls: ssl.SSLContext | None = None,
) -> web.AppRunner:
    """Serve ``app``, with TLS where it is given; its handlers end when their client goes. ``cleanup`` of what comes
    back ends it.
    """
    runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None, handler_cancellation=True)
    await runner.setup()
    await Edge(runner, host, port, limits=limits, metrics=metrics, tls=tls).start()
    return runner
