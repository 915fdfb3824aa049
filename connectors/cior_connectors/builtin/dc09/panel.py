"""A DC-09 panel as a client: builds frames, plain or encrypted, sends them over TCP or UDP, waits for the answer, sends
again with back-off.

Tests, the city simulator and ``probe`` use it. It behaves like a panel: same sequence and content on every resend, NAK
corrects its clock, DUH ends the try.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from cior_connectors.builtin.dc09 import crypto, frame
from cior_connectors.builtin.dc09.message import Message, parse, stamp
from cior_core.errors import PayloadRejected

_PADDING = b"abcdefghijklmnop"


class Answer(StrEnum):
    """What the receiver said. ``NONE``: nothing within all attempts."""

    ACK = "ack"
    NAK = "nak"
    DUH = "duh"
    NONE = "none"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of one message: the answer, how many frames were sent, and the frames themselves (test evidence)."""

    answer: Answer
    attempts: int
    sequence: str
    frames: tuple[bytes, ...]


class PanelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One panel. ``key`` None sends plain.

    ``clock_error_s`` is how wrong its clock is; ``timestamps`` adds the time to plain messages too. ``dialect`` is how
    it writes frames, and the only way in which it reads answers.
    """

    account: str
    host: str = "127.0.0.1"
    port: int
    transport: Literal["tcp", "udp"] = "tcp"
    key: bytes | None = None
    receiver: str | None = None
    line: str | None = "0"
    attempts: int = 5
    answer_timeout_s: float = 5.0
    backoff_s: float = 0.5
    clock_error_s: float = 0.0
    timestamps: bool = False
    dialect: frame.Dialect = frame.STANDARD


def encode(
    settings: PanelSettings,
    *,
    token: str,
    sequence: int,
    data: str,
    blocks: Sequence[str] = (),
    at_ms: int | None = None,
) -> bytes:
    """One frame.

    ``data`` as between the brackets (``#acct|…``), ``blocks`` with their letter, ``at_ms`` the panel's clock (mandatory
    with a key).
    """
    head = f'"{"*" if settings.key else ""}{token}"{sequence:04d}'
    head += f"R{settings.receiver}" if settings.receiver is not None else ""
    head += f"L{settings.line}" if settings.line is not None else ""
    head += f"#{settings.account}["
    tail = (
        f"{data}]" + "".join(f"[{block}]" for block in blocks) + (stamp(at_ms) if at_ms is not None else "")
    )
    if settings.key is None:
        return settings.dialect.pack(head.encode() + tail.encode("utf-8"))
    content = b"|" + tail.encode("utf-8")
    padding = _PADDING[: crypto.pad_length(len(content))]
    cipher = settings.dialect.cased(crypto.encrypt(content, settings.key, padding=padding))
    return settings.dialect.pack(head.encode() + cipher)


class Panel:
    """A panel with its connection, sequence and clock. ``now_ms`` is its clock before ``clock_error_s``.

    Not for concurrent use.
    """

    def __init__(self, settings: PanelSettings, *, now_ms: Callable[[], int], sequence: int = 1) -> None:
        self.settings = settings
        self._now_ms = now_ms
        self._sequence = sequence
        self._offset_ms = int(settings.clock_error_s * 1000)
        self._link: _Link | None = None

    async def contact_id(
        self, code: str, *, qualifier: int = 1, partition: int = 0, point: int = 0, blocks: Sequence[str] = ()
    ) -> Delivery:
        """Send an ADM-CID event."""
        return await self.send(
            "ADM-CID",
            f"#{self.settings.account}|{qualifier}{code} {partition:02d} {point:03d}",
            blocks=blocks,
        )

    async def sia(self, content: str, *, blocks: Sequence[str] = ()) -> Delivery:
        """Send a SIA-DCS event; ``content`` like ``Nri1/PA001``."""
        return await self.send("SIA-DCS", f"#{self.settings.account}|{content}", blocks=blocks)

    async def supervise(self) -> Delivery:
        """Send a NULL (link test); its sequence is 0000."""
        return await self._deliver("NULL", "", (), 0)

    async def send(
        self, token: str, data: str, *, blocks: Sequence[str] = (), sequence: int | None = None
    ) -> Delivery:
        """Send until answered or ``attempts`` are used up.

        ``sequence`` None takes the next one (0001 to 9999, round again).
        """
        if sequence is None:
            sequence = self._sequence
            self._sequence = self._sequence % 9999 + 1
        return await self._deliver(token, data, blocks, sequence)

    async def close(self) -> None:
        """Hang up; idempotent."""
        if self._link is not None:
            await self._link.close()
            self._link = None

    async def _deliver(self, token: str, data: str, blocks: Sequence[str], sequence: int) -> Delivery:
        frames: list[bytes] = []
        answer = Answer.NONE
        for attempt in range(self.settings.attempts):
            if attempt:
                await asyncio.sleep(self.settings.backoff_s * min(2 ** (attempt - 1), 16))
            frames.append(self._frame(token, data, blocks, sequence))
            answer = await self._ask(frames[-1], sequence)
            if answer in (Answer.ACK, Answer.DUH):
                break
        return Delivery(answer=answer, attempts=len(frames), sequence=f"{sequence:04d}", frames=tuple(frames))

    def _frame(self, token: str, data: str, blocks: Sequence[str], sequence: int) -> bytes:
        timed = self.settings.key is not None or self.settings.timestamps
        at_ms = self._now_ms() + self._offset_ms if timed else None
        return encode(self.settings, token=token, sequence=sequence, data=data, blocks=blocks, at_ms=at_ms)

    async def _ask(self, raw: bytes, sequence: int) -> Answer:
        try:
            async with asyncio.timeout(self.settings.answer_timeout_s):
                if self._link is None:
                    self._link = await _Link.open(self.settings)
                await self._link.write(raw)
                while True:
                    answer = self._understand(await self._link.read(), sequence)
                    if answer is not Answer.NONE:
                        return answer
        except (TimeoutError, OSError):
            await self.close()
            return Answer.NONE

    def _understand(self, body: bytes, sequence: int) -> Answer:
        """An answer to another sequence is somebody else's; a NAK sets our clock."""
        key = self.settings.key
        try:
            found: Message = parse(body, lambda _account: (key,) if key else ())
        except PayloadRejected:
            return Answer.NONE
        if found.token == "NAK":  # noqa: S105  a protocol word
            if found.timestamp_ms is not None:
                self._offset_ms = found.timestamp_ms - self._now_ms()
            return Answer.NAK
        if found.sequence != f"{sequence:04d}":
            return Answer.NONE
        return {"ACK": Answer.ACK, "DUH": Answer.DUH}.get(found.token, Answer.NONE)


class _Link:
    """A connected TCP stream or UDP socket that yields frame bodies."""

    def __init__(
        self,
        settings: PanelSettings,
        reader: asyncio.StreamReader,
        close: Callable[[], None],
        write: Callable[[bytes], None],
    ) -> None:
        self._dialect = settings.dialect
        self._reader = reader
        self._close = close
        self._write = write
        self._framer = frame.Framer(max_bytes=65_546)
        self._ready: list[bytes] = []

    @classmethod
    async def open(cls, settings: PanelSettings) -> _Link:
        if settings.transport == "tcp":
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
            return cls(settings, reader, writer.close, writer.write)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(reader), remote_addr=(settings.host, settings.port)
        )
        return cls(settings, reader, transport.close, transport.sendto)

    async def write(self, raw: bytes) -> None:
        self._write(raw)

    async def read(self) -> bytes:
        while not self._ready:
            data = await self._reader.read(4096)
            if not data:
                raise ConnectionResetError("the receiver hung up")
            self._ready += [framed.body for framed in self._framer.feed(data) if self._readable(framed)]
        return self._ready.pop(0)

    def _readable(self, framed: frame.Frame) -> bool:
        """A panel reads its own dialect only; hex digits it reads in either case."""
        told, own = framed.dialect, self._dialect
        return framed.kind is frame.FrameKind.FRAME and (told.raw_crc, told.counts_cr) == (
            own.raw_crc,
            own.counts_cr,
        )

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            self._close()
        await asyncio.sleep(0)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  asyncio's signature
        self._reader.feed_data(data)

    def error_received(self, exc: Exception) -> None:
        """ICMP refused: the wait for the answer runs out, as on a real panel."""
