"""A listener for devices that send lines over TCP, or datagrams over UDP, and wait for a word back.

Limits never cost a press: when places are short a stranger leaves (:mod:`cior_connectors.crowd`), a full queue stops
the reading of streams and leaves a datagram unanswered, so that the device keeps it and sends it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, cast

from msgspec import Meta

from cior_connectors.contract import (
    Accepted,
    ConnectorConfig,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Rejected,
)
from cior_connectors.crowd import Crowd, Guest, Standing
from cior_core.errors import SourceUnavailable

QUEUE = 64
READ_BYTES = 4096
MAX_UNREAD_BYTES = 16_384
UDP_HEADER_BYTES = 28
_Reply = Callable[[bytes], None]


class LinesConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen, and how patient to be."""

    host: Annotated[str, Meta(description="Address to listen on.", examples=["127.0.0.1"])] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on.", examples=[9100])] = 9100
    tcp: Annotated[bool, Meta(description="Lines over TCP.")] = True
    udp: Annotated[bool, Meta(description="One message a datagram over UDP, on the same port.")] = False
    max_line_bytes: Annotated[int, Meta(ge=16, le=65536, description="Longest line.")] = 4096
    line_s: Annotated[float, Meta(gt=0, description="Time for a line that has begun, in seconds.")] = 10.0
    greeting_s: Annotated[float, Meta(gt=0, description="Time for the first good line, in seconds.")] = 30.0
    idle_s: Annotated[float, Meta(gt=0, description="Longest silence of a known device, in seconds.")] = (
        3600.0
    )
    max_connections: Annotated[int, Meta(ge=1, description="Connections in all.")] = 1000
    max_connections_per_peer: Annotated[int, Meta(ge=1, description="Strangers of one address.")] = 50

    def __post_init__(self) -> None:
        if not (self.tcp or self.udp):
            raise ValueError("tcp and udp are both off: nobody could speak")


class LinesSource:
    """The five verbs but ``decode``. ``port`` is the bound one while open.

    A payload is one line with its end (TCP; the last line without one when the device hangs up), or one datagram.
    """

    kind = "lines"

    def __init__(self, config: LinesConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._queue: asyncio.Queue[Received] = asyncio.Queue(QUEUE)
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._crowd = Crowd(most=config.max_connections, most_strangers=config.max_connections_per_peer)
        self._talks: set[asyncio.Task[Any]] = set()
        self.port = 0

    def answer(self, outcome: Outcome, /) -> bytes:
        """What the device hears once the outcome is known; nothing when its bytes are not durable (law 1)."""
        match outcome:
            case Accepted():
                return b"OK\n"
            case Rejected():
                return b"ERR\n"
            case _:
                return b""

    async def open(self, ctx: OpenContext) -> None:
        """Bind. Raises ``SourceUnavailable`` (``<kind>.bind``)."""
        await self.close()
        self._ctx, self._queue = ctx, asyncio.Queue(QUEUE)
        try:
            await self._bind()
        except OSError as error:
            await self.close()
            raise SourceUnavailable(
                f"{self.kind}.bind",
                f"cannot listen on port {self._config.port}",
                cure="free the port or change it",
            ) from error

    async def receive(self) -> AsyncIterator[Received]:
        """Lines and datagrams of all devices, as they come; never ends by itself."""
        while True:
            yield await self._queue.get()

    async def close(self) -> None:
        """Unbind and hang up; idempotent."""
        server, self._server = self._server, None
        datagrams, self._datagrams = self._datagrams, None
        for each in (server, datagrams):
            if each is not None:
                each.close()
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    async def probe(self) -> ProbeReport:
        """Bind as real work does, unless this source holds the port already."""
        if self._server is not None or self._datagrams is not None:
            return ProbeReport(ok=True, detail=f"listening on port {self.port}")
        try:
            await self._bind()
        except OSError as error:
            return ProbeReport(
                ok=False, detail=f"cannot listen on port {self._config.port}: {error.strerror}"
            )
        finally:
            await self.close()
        return ProbeReport(ok=True, detail=f"port {self.port} can be used")

    async def _bind(self) -> None:
        config = self._config
        self.port = config.port
        if config.tcp:
            self._server = await asyncio.start_server(self._talk, config.host, config.port, limit=READ_BYTES)
            self.port = self._server.sockets[0].getsockname()[1]
        if config.udp:
            self._datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagrams(self._datagram), local_addr=(config.host, self.port)
            )
            self.port = self._datagrams.get_extra_info("sockname")[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None

        def end() -> None:
            writer.close()
            task.cancel()

        guest = Guest(str((writer.get_extra_info("peername") or ("unknown", 0))[0]), end)
        self._talks.add(task)
        try:
            if self._crowd.enter(guest):
                await self._lines(reader, writer, guest)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            self._crowd.leave(guest)
            with contextlib.suppress(OSError):
                writer.close()

    async def _lines(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, guest: Guest) -> None:
        loop = asyncio.get_running_loop()
        pending, heard_s, began_s = b"", loop.time(), 0.0
        while True:
            data = await self._read(reader, self._until_s(guest, heard_s, began_s if pending else None))
            began_s = began_s if pending else loop.time()
            *lines, pending = (pending + data).split(b"\n")
            whole = [line + b"\n" for line in lines]
            if pending and (not data or len(pending) > self._config.max_line_bytes):
                whole.append(pending)
                pending, data = b"", b""
            for line in whole:
                heard_s = began_s = loop.time()
                self._crowd.active(guest)
                await self._queue.put(self._received(line, guest.host, _into(writer), guest))
            if not data:
                if reader.at_eof():  # it may have closed its sending side and still wait for the answer
                    await asyncio.sleep(self._config.line_s)
                return

    def _until_s(self, guest: Guest, heard_s: float, began_s: float | None) -> float:
        """How long a connection may be silent: bytes that end no line are silence, and a line has its own time."""
        config = self._config
        stranger = guest.standing is Standing.STRANGER
        quiet_s = heard_s + (min(config.greeting_s, config.idle_s) if stranger else config.idle_s)
        return quiet_s if began_s is None else min(quiet_s, began_s + config.line_s)

    async def _read(self, reader: asyncio.StreamReader, until_s: float) -> bytes:
        """The next bytes; none when the device hung up or time is over."""
        try:
            async with asyncio.timeout_at(until_s):
                return await reader.read(READ_BYTES)
        except TimeoutError:
            return b""

    def _datagram(self, data: bytes, host: str, reply: _Reply) -> None:
        room_bytes = len(data) + UDP_HEADER_BYTES

        def bounded(raw: bytes) -> None:  # the sender's address may be somebody else's
            if len(raw) + UDP_HEADER_BYTES <= room_bytes:
                reply(raw)

        try:
            self._queue.put_nowait(self._received(data, host, bounded, None))
        except asyncio.QueueFull:
            assert self._ctx is not None
            self._ctx.degraded(
                "datagrams come faster than they become durable: those without an answer come again"
            )

    def _received(self, raw: bytes, host: str, reply: _Reply, guest: Guest | None) -> Received:
        assert self._ctx is not None
        limit = self._ctx.max_payload_bytes
        facts = Facts(
            source=f"urn:cior:{self.kind}:{self._ctx.instance}",
            peer=host,
            details={"transport": "udp" if guest is None else "tcp"},
            truncated_from_bytes=len(raw) if len(raw) > limit else None,
        )

        async def ack(outcome: Outcome) -> None:
            if guest is not None and isinstance(outcome, Accepted):
                self._crowd.vouch(guest, Standing.HEARD)
            if answer := self.answer(outcome):
                reply(answer)

        return Received(payload=raw[:limit], facts=facts, ack=ack)


def _into(writer: asyncio.StreamWriter) -> _Reply:
    """A reply into a stream that never waits for its reader. Raises ``OSError`` when it cannot be given."""

    def reply(raw: bytes) -> None:
        if writer.is_closing():
            raise ConnectionResetError("the device hung up before the answer")
        if writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            writer.transport.abort()
            raise ConnectionResetError("the device does not read its answers")
        writer.write(raw)

    return reply


class _Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram over with the way back to its sender."""

    def __init__(self, take: Callable[[bytes, str, _Reply], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One payload."""
        transport = self._transport
        assert transport is not None

        def reply(raw: bytes) -> None:
            if transport.is_closing():
                raise ConnectionResetError("the listener is closed")
            transport.sendto(raw, addr)

        self._take(data, str(addr[0]), reply)
