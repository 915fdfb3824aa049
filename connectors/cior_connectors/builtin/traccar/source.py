"""The five verbs of the Traccar receiver, and its history.

What a POST hears (Traccar retries everything that is not 2xx, ten times, from a queue of one hundred in memory; so only
what a retry can cure may fail): 202 once the bytes are durable, *also when they are rejected* (they are in a dead
letter then; the code is in the body); 503 when nothing is durable (retry!); 401 without the right secret (nothing is
kept: anybody could fill the spool); 404 and 405 for other paths and methods; 408 and 413 for a body that trickles or
does not end, and the connection is closed (nothing is kept).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from functools import partial

import structlog
from aiohttp import web

from cior_connectors.builtin.traccar import decode as decoding
from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.builtin.traccar.history import History
from cior_connectors.contract import (
    Accepted,
    Decoded,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
    Rejected,
)
from cior_connectors.crowd import Crowd
from cior_connectors.http_edge import HttpEdge
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.model import Device

_LOG = structlog.get_logger(__name__)
WAITING_PAYLOADS = 256
CONTENT_TYPE = "application/json"


class TraccarSource:
    """One HTTP receiver. ``port`` is the bound port while open."""

    def __init__(self, config: TraccarConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._queue: asyncio.Queue[Received] = asyncio.Queue(WAITING_PAYLOADS)
        self._runner: web.ServerRunner | None = None
        self._server: asyncio.Server | None = None
        self._edge: HttpEdge | None = None
        self._unauthorised = 0
        self.port = 0

    async def open(self, ctx: OpenContext) -> None:
        """Listen. Raises ``SourceUnavailable`` (``traccar.bind``), ``ConfigInvalid`` (``traccar.tls``)."""
        await self.close()
        self._ctx = ctx
        self._queue = asyncio.Queue(WAITING_PAYLOADS)
        config = self._config
        crowd = Crowd(most=config.max_connections, most_strangers=config.max_connections_per_peer)
        self._edge = HttpEdge(
            self._handle, crowd=crowd, instance=ctx.instance, head_timeout_s=config.head_timeout_s
        )
        self._runner = web.ServerRunner(self._edge, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            self._server = await self._edge.listen(config.host, config.port, self._tls())
        except OSError as error:
            await self.close()
            raise SourceUnavailable(
                "traccar.bind",
                f"cannot listen on port {self._config.port}",
                cure="free the port or change it",
            ) from error
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def receive(self) -> AsyncIterator[Received]:
        """Posts as they come; never ends by itself."""
        while True:
            yield await self._queue.get()

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """See :mod:`cior_connectors.builtin.traccar.decode`."""
        return decoding.decode(raw, facts)

    async def close(self) -> None:
        """Stop listening; posts without an answer get 503."""
        while not self._queue.empty():
            await self._queue.get_nowait().ack(Refused(code="connector.stopping"))
        server, self._server = self._server, None
        if server is not None:
            server.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def probe(self) -> ProbeReport:
        """Whether the port can be had and, with an API, whether the token reads the devices."""
        try:
            server = await asyncio.start_server(
                lambda _reader, writer: writer.close(), self._config.host, self._config.port
            )
        except OSError:
            return ProbeReport(
                ok=False, detail=f"port {self._config.port} cannot be had: in use, or not allowed"
            )
        server.close()
        await server.wait_closed()
        if not self._config.api_url:
            return ProbeReport(ok=True, detail="the port is free; no API for history is configured")
        try:
            async with History(self._config) as history:
                known = len(await history.devices())
        except CiorError as error:
            return ProbeReport(ok=False, detail=f"{error.code}: {error.sentence}")
        return ProbeReport(ok=True, detail=f"the port is free; Traccar's API shows {known} devices")

    async def since(self, at_ms: int, /) -> AsyncIterator[Received]:
        """Replayable: every position that Traccar stored from ``at_ms`` on. Ends at once without an API."""
        if not self._config.api_url or self._ctx is None:
            return
        async with History(self._config) as history:
            async for payload in history.messages(since_ms=at_ms, until_ms=self._ctx.now_ms() + 1):
                facts = Facts(
                    source=self._urn,
                    peer="api",
                    content_type=CONTENT_TYPE,
                    details={"via": "history"},
                    authenticated=True,
                )
                yield Received(payload=payload, facts=facts, ack=_unanswered)

    async def devices(self) -> AsyncIterator[Device]:
        """Discoverable: what Traccar knows, as proposals for the registry."""
        if not self._config.api_url:
            return
        async with History(self._config) as history:
            for each in await history.devices():
                kind = each.category or "vehicle"
                yield Device(
                    id=self._config.device_prefix + each.unique_id,
                    kind=kind,
                    name=each.name,
                    expected_every_s=self._config.expected_every_s,
                )

    def expected_every_s(self, subject: str, /) -> float | None:
        """Heartbeating: every vehicle reports at least this often."""
        return self._config.expected_every_s if subject.startswith(self._config.device_prefix) else None

    @property
    def _urn(self) -> str:
        return f"urn:cior:traccar:{self._ctx.instance if self._ctx is not None else ''}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != self._config.path:
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        return await self._post(request)

    async def _post(self, request: web.BaseRequest) -> web.Response:
        assert self._ctx is not None
        assert self._edge is not None
        if not self._secret_fits(request):
            return self._unauthorised_answer()
        try:
            async with asyncio.timeout(self._config.body_timeout_s):
                body, size_bytes, signature = await self._body(request, self._ctx.max_payload_bytes)
        except TimeoutError:
            return _cut(408)
        if size_bytes > self._config.max_body_bytes:
            return _cut(413)
        if self._config.hmac_secret is not None and not hmac.compare_digest(
            signature, request.headers.get("X-Signature-256", "").encode("utf-8", "replace")
        ):
            return self._unauthorised_answer()
        self._edge.proven(request)
        facts = Facts(
            source=self._urn,
            peer=request.remote or "",
            content_type=CONTENT_TYPE,
            details={"via": "forward"},
            authenticated=True,
            truncated_from_bytes=size_bytes if size_bytes > len(body) else None,
        )
        return _response(await self._outcome(body, facts))

    async def _outcome(self, body: bytes, facts: Facts) -> Outcome:
        """Hand over and wait for durability; too long is a refusal (the bytes may turn out durable: then the retry is a
        copy).
        """
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._config.answer_within_s):
                await self._queue.put(Received(payload=body, facts=facts, ack=partial(_settle, answer)))
                return await answer
        except TimeoutError:
            return Refused(code="traccar.answer_late")

    async def _body(self, request: web.BaseRequest, limit_bytes: int) -> tuple[bytes, int, bytes]:
        """The head of the body (at most ``limit_bytes``), its size as far as it was read, and the signature it ought to
        have. Memory is bounded by the head, reading by ``max_body_bytes``.
        """
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head, size_bytes = bytearray(), 0
        key = self._config.hmac_secret.reveal() if self._config.hmac_secret else ""
        mac = hmac.new(key.encode(), digestmod=hashlib.sha256)
        async for part in request.content.iter_chunked(65_536):
            size_bytes += len(part)
            mac.update(part)
            head += part[: max(0, limit_bytes - len(head))]
            if size_bytes > self._config.max_body_bytes:
                break
        return bytes(head), size_bytes, b"sha256=" + mac.hexdigest().encode()

    def _secret_fits(self, request: web.BaseRequest) -> bool:
        if self._config.shared_secret is None:
            return True
        given = request.headers.get(self._config.secret_header, "").encode("utf-8", "replace")
        return hmac.compare_digest(given, self._config.shared_secret.reveal().encode())

    def _unauthorised_answer(self) -> web.Response:
        self._unauthorised += 1
        if self._unauthorised == 1 or self._unauthorised % 1000 == 0:
            _LOG.warning(
                "post_unauthorised",
                instance=self._ctx.instance if self._ctx else "",
                total=self._unauthorised,
            )
        return web.json_response({"outcome": "unauthorised"}, status=401)

    def _tls(self) -> ssl.SSLContext | None:
        if not self._config.tls_certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self._config.tls_certificate, self._config.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigInvalid(
                "traccar.tls",
                f"the certificate cannot be loaded ({type(error).__name__})",
                cure="check tls_certificate and tls_key",
            ) from error
        return context


def _cut(status: int) -> web.Response:
    """An answer to a body that was not read to its end: nothing can follow it on this connection."""
    return web.json_response({"outcome": "refused"}, status=status, headers={"Connection": "close"})


def _response(outcome: Outcome) -> web.Response:
    match outcome:
        case Accepted():
            return web.json_response({"outcome": "accepted", "events": outcome.events}, status=202)
        case Rejected():
            return web.json_response({"outcome": "rejected", "code": outcome.code}, status=202)
        case Refused():
            return web.json_response(
                {"outcome": "refused", "code": outcome.code}, status=503, headers={"Retry-After": "1"}
            )


async def _settle(answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answer.done():
        answer.set_result(outcome)


async def _unanswered(outcome: Outcome) -> None:
    """History needs no answer: what is refused is asked for again."""
