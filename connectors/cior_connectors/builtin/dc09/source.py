"""The five verbs of the DC-09 receiver. Answers go out only from ``ack``, after the runtime's outcome (law 1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from cior_connectors.builtin.dc09 import decode as decoding
from cior_connectors.builtin.dc09 import reply
from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.frame import Dialect, Frame, FrameKind
from cior_connectors.builtin.dc09.handover import Handover
from cior_connectors.builtin.dc09.listeners import DatagramServer, Line, StreamServer
from cior_connectors.builtin.dc09.message import Message, account_of, parse
from cior_connectors.builtin.dc09.window import PeerWatch, ResendWindow
from cior_connectors.contract import (
    Accepted,
    Decoded,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Rejected,
)
from cior_connectors.crowd import Standing
from cior_core.errors import PayloadRejected, SourceUnavailable

WINDOW_FILE = "presses.journal"


class Dc09Source:
    """A receiver on one port, TCP and UDP."""

    def __init__(self, config: Dc09Config) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._handover = Handover()
        self._window = ResendWindow(window_s=config.resend_window_s)
        self._peers = PeerWatch(window_s=config.resend_window_s)
        self._streams = StreamServer(config, self._ingest)
        self._datagrams = DatagramServer(config, self._offer)
        self.port = 0

    async def open(self, ctx: OpenContext) -> None:
        """Read the resend journal and bind. Raises ``SourceUnavailable`` (``dc09.bind``)."""
        self._ctx = ctx
        self._handover = Handover()
        self._window = ResendWindow(
            window_s=self._config.resend_window_s, journal=ctx.state_dir / WINDOW_FILE
        )
        self._window.open(now_ms=ctx.now_ms())
        try:
            self.port = await self._streams.start() if self._config.tcp else self._config.port
            if self._config.udp:
                self.port = await self._datagrams.start(self.port)
        except OSError as error:
            await self.close()
            raise SourceUnavailable(
                "dc09.bind", f"cannot listen on port {self._config.port}", cure="free the port or change it"
            ) from error

    async def receive(self) -> AsyncIterator[Received]:
        """Frames as they come, of all panels; never ends by itself."""
        while True:
            yield await self._handover.get()

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """See :func:`cior_connectors.builtin.dc09.decode.decode`."""
        return decoding.decode(raw, facts)

    async def close(self) -> None:
        """Unbind, hang up, release the journal; idempotent."""
        await self._streams.stop()
        await self._datagrams.stop()
        self._window.close()

    async def probe(self) -> ProbeReport:
        """Bind the port as real work does, unless this receiver already holds it; then talk to it."""
        if self._ctx is not None and self._streams.connections >= 0 and self.port and self._config.tcp:
            try:
                _, writer = await asyncio.open_connection(self._config.host, self.port)
                writer.close()
                return ProbeReport(ok=True, detail=f"listening on port {self.port}")
            except OSError:
                pass
        trial = Dc09Source(self._config)
        try:
            port = (
                await trial._streams.start()
                if self._config.tcp
                else await trial._datagrams.start(self._config.port)
            )
        except OSError as error:
            return ProbeReport(
                ok=False, detail=f"cannot listen on port {self._config.port}: {error.strerror}"
            )
        finally:
            await trial.close()
        return ProbeReport(ok=True, detail=f"port {port} can be used")

    def expected_every_s(self, subject: str, /) -> float | None:
        """Supervision time of a panel: any frame restarts it (SIA DC-09 §5.5.3)."""
        return self._config.silence_s(subject.removeprefix(self._config.subject_prefix))

    async def _ingest(self, framed: Frame, line: Line) -> None:
        message = self._message(framed)
        await self._handover.put(self._received(framed, message, "tcp", line), _shown(message))

    def _offer(self, framed: Frame, line: Line) -> bool:
        message = self._message(framed)
        return self._handover.offer(self._received(framed, message, "udp", line), _shown(message))

    def _received(self, framed: Frame, message: Message | None, transport: str, line: Line) -> Received:
        """Label the frame and hand it over; a label never decides whether it is handed over (law 2)."""
        ctx = self._opened
        arrived_ms, peer = ctx.now_ms(), line.peer
        details = {"transport": transport, "frame": framed.kind.value, "arrived_ms": str(arrived_ms)}
        if message is not None:
            details |= self._labels(message, peer[0], arrived_ms)
        account = account_of(framed.body) if framed.kind is FrameKind.FRAME else ""
        facts = Facts(
            source=f"urn:cior:dc09:{ctx.instance}",
            peer=f"{peer[0]}:{peer[1]}",
            subject=f"{self._config.subject_prefix}{account}" if account else "",
            content_type="application/x-sia-dc09",
            details=details,
        )

        async def ack(outcome: Outcome) -> None:
            if message is not None:
                line.vouch(_earned(message, outcome, arrived_ms))
            frame = self._answer(message, outcome, arrived_ms, framed.dialect)
            if frame is not None:
                await line.reply(frame)

        return Received(payload=framed.raw, facts=facts, ack=ack)

    @property
    def _opened(self) -> OpenContext:
        if self._ctx is None:
            raise SourceUnavailable("dc09.closed", "the receiver is not open")
        return self._ctx

    def _message(self, framed: Frame) -> Message | None:
        """The message, to know how to answer; None when nothing may be answered."""
        if framed.kind is not FrameKind.FRAME:
            return None
        try:
            return parse(framed.body, self._config.keys)
        except PayloadRejected:
            return None

    def _labels(self, message: Message, host: str, now_ms: int) -> dict[str, str]:
        labels: dict[str, str] = {}
        if message.token not in reply.LINK_TOKENS:
            words = ("press", message.account, message.sequence, message.identity())
            before = self._opened.keyed_before(*words)
            seen = self._window.sight(self._opened.keyed(*words), now_ms=now_ms, before=before)
            labels |= {"press_first_ms": str(seen.first_ms), "press_repeat": str(seen.repeat)}
        other = self._peers.sight(message.account, host, now_ms=now_ms)
        if other is not None:
            labels |= {"other_peer": other[0], "other_peer_ms": str(other[1])}
        return labels

    def _answer(
        self, message: Message | None, outcome: Outcome, arrived_ms: int, dialect: Dialect
    ) -> bytes | None:
        """ACK after durability; NAK for an encrypted clock that is off; DUH for a kind we do not handle, and for
        a plain link test of a panel that must encrypt; nothing when it is not durable or not readable.

        What reports something is acknowledged however it came: a panel that hears DUH keeps repeating it, and its next
        press waits behind.
        """
        if message is None:
            return None
        now_ms = self._opened.now_ms()
        match outcome:
            case Accepted() if not reply.timely(message, arrived_ms):
                return reply.nak(now_ms=now_ms, dialect=dialect)
            case Accepted(believed=False) if message.token in reply.LINK_TOKENS:
                return reply.duh(message, now_ms=now_ms, dialect=dialect)
            case Accepted():
                return reply.ack(message, now_ms=now_ms, dialect=dialect)
            case Rejected():
                return reply.duh(message, now_ms=now_ms, dialect=dialect)
            case _:
                return None


def _shown(message: Message | None) -> Standing:
    """What a frame shows before anybody has decoded it."""
    if message is None:
        return Standing.STRANGER
    return Standing.PROVEN if message.encrypted else Standing.HEARD


def _earned(message: Message, outcome: Outcome, arrived_ms: int) -> Standing:
    """What its connection has shown once the frame is durable: a recorded frame that is played again shows nothing."""
    if not isinstance(outcome, Accepted) or not outcome.believed:
        return Standing.STRANGER
    return Standing.PROVEN if message.encrypted and reply.timely(message, arrived_ms) else Standing.HEARD
