"""TCP and UDP sockets of the receiver: framing, time limits, connection limits. Knows bytes and frames, not messages.

Limits never cost a press: when places are short a stranger leaves, never a panel that has spoken well, and never the
newcomer; places for frames that are taken stop reading (TCP) or leave the datagram unanswered (UDP), so the panel keeps
it and sends again. An answer never waits for its reader, and a datagram never gets more back than it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.frame import Frame, FrameKind, Framer
from cior_connectors.crowd import Crowd, Guest, Standing

Address = tuple[str, int]
READ_BYTES = 4096
MAX_UNREAD_BYTES = 16_384
"""Answers that may wait for a panel to read them."""
UDP_HEADER_BYTES = 28


class Line(Protocol):
    """Where a frame came from, and the way back."""

    @property
    def peer(self) -> Address:
        """The far side."""
        ...

    async def reply(self, raw: bytes) -> None:
        """Write one answer, without waiting for its reader. Raises ``OSError`` when it cannot be given."""
        ...

    def vouch(self, standing: Standing) -> None:
        """The far side has shown ``standing``."""
        ...


IngestStream = Callable[[Frame, Line], Awaitable[None]]
IngestDatagram = Callable[[Frame, Line], bool]


class _Connection(Guest):
    """One panel's stream: how long it has been silent and how to end it."""

    def __init__(
        self, writer: asyncio.StreamWriter, crowd: Crowd, task: asyncio.Task[Any], since: float
    ) -> None:
        name = writer.get_extra_info("peername") or ("unknown", 0)
        self.peer: Address = (str(name[0]), int(name[1]))
        super().__init__(self.peer[0], self._end)
        self._writer, self._crowd, self._task = writer, crowd, task
        self.active = since
        self.bad = 0

    async def reply(self, raw: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError("the panel hung up before the answer")
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._writer.transport.abort()
            raise ConnectionResetError("the panel does not read its answers")
        self._writer.write(raw)

    def vouch(self, standing: Standing) -> None:
        self._crowd.vouch(self, standing)

    def _end(self) -> None:
        self._writer.close()
        self._task.cancel()


class StreamServer:
    """The TCP side. ``ingest`` is awaited for every frame, so a slow consumer slows the sockets."""

    def __init__(self, config: Dc09Config, ingest: IngestStream) -> None:
        self._config = config
        self._ingest = ingest
        self._server: asyncio.Server | None = None
        self._crowd = Crowd(most=config.max_connections, most_strangers=config.max_connections_per_peer)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> int:
        """Bind and listen; returns the port. Raises ``OSError``."""
        self._server = await asyncio.start_server(
            self._serve, self._config.host, self._config.port, limit=READ_BYTES
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening and end every connection; idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many panels are connected now."""
        return len(self._crowd)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        connection = _Connection(writer, self._crowd, task, asyncio.get_running_loop().time())
        self._tasks.add(task)
        try:
            if self._crowd.enter(connection):
                await self._talk(reader, connection)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._crowd.leave(connection)
            with contextlib.suppress(OSError):
                writer.close()

    async def _talk(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        framer = Framer(max_bytes=self._config.max_frame_bytes)
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while connection.bad < self._config.max_bad_per_connection:
            data = await self._read(reader, connection, deadline)
            frames = framer.feed(data) if data else framer.flush()
            for framed in frames:
                connection.active = loop.time()
                self._crowd.active(connection)
                connection.bad += framed.kind is not FrameKind.FRAME
                await self._ingest(framed, connection)
            if not data:
                await self._linger(reader)
                return
            if not framer.pending_bytes:
                deadline = None
            elif deadline is None or frames:
                deadline = loop.time() + self._config.frame_timeout_s

    async def _read(
        self, reader: asyncio.StreamReader, connection: _Connection, deadline: float | None
    ) -> bytes:
        """The next bytes; empty when there are none by ``deadline`` (of a started frame) or for too long since the last
        whole frame: bytes that make no frame are silence.
        """
        loop = asyncio.get_running_loop()
        while True:
            quiet = connection.active + self._patience_s(connection)
            try:
                async with asyncio.timeout_at(quiet if deadline is None else min(deadline, quiet)):
                    return await reader.read(READ_BYTES)
            except TimeoutError:
                spoke_well = loop.time() < connection.active + self._patience_s(connection)
                if not spoke_well or (deadline is not None and loop.time() >= deadline):
                    return b""

    def _patience_s(self, connection: _Connection) -> float:
        if connection.standing is Standing.STRANGER:
            return min(self._config.greeting_timeout_s, self._config.idle_timeout_s)
        return self._config.idle_timeout_s

    async def _linger(self, reader: asyncio.StreamReader) -> None:
        """A panel may close its sending side and still wait for the answer: keep ours open for one frame's time."""
        if reader.at_eof():
            await asyncio.sleep(self._config.frame_timeout_s)


class _Datagram:
    """One datagram and what may be answered to it: never more bytes on the wire than it had, because its sender's
    address may be somebody else's.
    """

    def __init__(self, send: Callable[[bytes, Address], None], peer: Address, size_bytes: int) -> None:
        self.peer = peer
        self._send = send
        self._left_bytes = size_bytes

    async def reply(self, raw: bytes) -> None:
        self._left_bytes -= len(raw) + UDP_HEADER_BYTES
        if self._left_bytes < 0:
            raise ConnectionResetError("the answers would be more than the datagram")
        self._send(raw, self.peer)

    def vouch(self, standing: Standing) -> None:
        """A datagram holds no place."""


class DatagramServer(asyncio.DatagramProtocol):
    """The UDP side.

    ``ingest`` returns False when there is no capacity: the datagram stays unanswered and is counted in :attr:`refused`.
    """

    def __init__(self, config: Dc09Config, ingest: IngestDatagram) -> None:
        self._config = config
        self._ingest = ingest
        self._transport: asyncio.DatagramTransport | None = None
        self.refused = 0

    async def start(self, port: int) -> int:
        """Bind; returns the port. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._config.host, port)
        )
        bound: int = self._transport.get_extra_info("sockname")[1]
        return bound

    async def stop(self) -> None:
        """Close the socket; idempotent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One datagram holds whole frames; what is left over is a frame of its own."""
        framer = Framer(max_bytes=self._config.max_frame_bytes)
        line = _Datagram(self._send, (str(addr[0]), int(addr[1])), len(data) + UDP_HEADER_BYTES)
        for framed in (*framer.feed(data), *framer.flush()):
            if not self._ingest(framed, line):
                self.refused += 1

    def _send(self, raw: bytes, peer: Address) -> None:
        if self._transport is None:
            raise ConnectionResetError("the receiver is closed")
        self._transport.sendto(raw, peer)

    def error_received(self, exc: Exception) -> None:
        """ICMP errors of earlier answers: the panel will send again."""
