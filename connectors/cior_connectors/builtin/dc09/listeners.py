"""TCP and UDP sockets of the receiver: framing, time limits, connection limits. Knows bytes and frames, not messages.

Limits never cost a press: when the house is full the longest idle connection leaves, not the newcomer; a full hand-over
queue stops reading (TCP) or leaves the datagram unanswered (UDP), so the panel keeps it and sends again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.frame import Frame, FrameKind, Framer

Address = tuple[str, int]
Reply = Callable[[bytes], Awaitable[None]]
IngestStream = Callable[[Frame, Address, Reply], Awaitable[None]]
IngestDatagram = Callable[[Frame, Address, Reply], bool]
READ_BYTES = 4096


class _Connection:
    """One panel's stream: how long it has been silent and how to end it."""

    def __init__(self, writer: asyncio.StreamWriter, peer: Address, since: float) -> None:
        self.writer = writer
        self.peer = peer
        self.active = since
        self.bad = 0

    async def reply(self, raw: bytes) -> None:
        """Write one answer. Raises ``OSError`` when the panel has gone."""
        if self.writer.is_closing():
            raise ConnectionResetError("the panel hung up before the answer")
        self.writer.write(raw)
        await self.writer.drain()


class StreamServer:
    """The TCP side. ``ingest`` is awaited for every frame, so a slow consumer slows the sockets."""

    def __init__(self, config: Dc09Config, ingest: IngestStream) -> None:
        self._config = config
        self._ingest = ingest
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[Any], _Connection] = {}
        self.evicted = 0

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
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many panels are connected now."""
        return len(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        name = writer.get_extra_info("peername") or ("unknown", 0)
        connection = _Connection(writer, (str(name[0]), int(name[1])), asyncio.get_running_loop().time())
        if task is None:
            return
        self._free_capacity(connection.peer[0])
        self._open[task] = connection
        try:
            await self._talk(reader, connection)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.pop(task, None)
            with contextlib.suppress(OSError):
                writer.close()

    def _free_capacity(self, host: str) -> None:
        mine = [(task, known) for task, known in self._open.items() if known.peer[0] == host]
        crowd = mine if len(mine) >= self._config.max_connections_per_peer else list(self._open.items())
        if crowd and (crowd is mine or len(self._open) >= self._config.max_connections):
            idle, known = min(crowd, key=lambda entry: entry[1].active)
            self._open.pop(idle, None)
            self.evicted += 1
            known.writer.close()
            idle.cancel()

    async def _talk(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        framer = Framer(max_bytes=self._config.max_frame_bytes)
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while connection.bad < self._config.max_bad_per_connection:
            try:
                async with asyncio.timeout_at(
                    deadline if deadline is not None else loop.time() + self._config.idle_timeout_s
                ):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                data = b""
            frames = framer.feed(data) if data else framer.flush()
            for framed in frames:
                connection.active = loop.time()
                connection.bad += framed.kind is not FrameKind.FRAME
                await self._ingest(framed, connection.peer, connection.reply)
            if not data:
                await self._linger(reader)
                return
            if not framer.pending_bytes:
                deadline = None
            elif deadline is None or frames:
                deadline = loop.time() + self._config.frame_timeout_s

    async def _linger(self, reader: asyncio.StreamReader) -> None:
        """A panel may close its sending side and still wait for the answer: keep ours open for one frame's time."""
        if reader.at_eof():
            await asyncio.sleep(self._config.frame_timeout_s)


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
        peer = (str(addr[0]), int(addr[1]))
        for framed in (*framer.feed(data), *framer.flush()):
            if not self._ingest(framed, peer, lambda raw: self._reply(raw, addr)):
                self.refused += 1

    async def _reply(self, raw: bytes, addr: Any) -> None:
        if self._transport is None:
            raise ConnectionResetError("the receiver is closed")
        self._transport.sendto(raw, addr)

    def error_received(self, exc: Exception) -> None:
        """ICMP errors of earlier answers: the panel will send again."""
