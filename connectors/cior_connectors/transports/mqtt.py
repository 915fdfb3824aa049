"""A subscriber of an MQTT 3.1.1 broker that acknowledges a message only when its bytes are durable (law 1).

The session is kept by the broker (``clean_session`` off), messages come with QoS 1 and the library acknowledges nothing
by itself: what was not acknowledged when the line breaks, or was refused, the broker sends again. Acknowledgements go
out in the order of the messages (MQTT-4.6.0-2).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import paho.mqtt.client as paho
from msgspec import Meta
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from cior_connectors.contract import (
    ConnectorConfig,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
    Secret,
)
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
KEEPALIVE_S = 30
CONNECT_S = 10.0
MAX_UNACKNOWLEDGED = 1000
_REFUSED = frozenset({"Bad user name or password", "Not authorized"})


class MqttConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which broker, which topic, as whom."""

    host: Annotated[str, Meta(description="The broker.", examples=["broker.example.org"])]
    port: Annotated[int, Meta(ge=0, le=65535, description="Its port.", examples=[8883])] = 8883
    topic: Annotated[
        str, Meta(min_length=1, description="What to subscribe to.", examples=["alarms/+/press"])
    ]
    client_id: Annotated[
        str,
        Meta(description="Name of the session that the broker keeps; empty: cior-<name of the instance>."),
    ] = ""
    username: Annotated[str, Meta(description="Who we are.")] = ""
    password: Annotated[Secret | None, Meta(description="Its proof.", examples=["env:BROKER_PASSWORD"])] = (
        None
    )
    tls: Annotated[bool, Meta(description="Off only on this machine, or in a closed network.")] = True
    ca_file: Annotated[
        str, Meta(description="Authority of the broker's certificate; empty: the system's.")
    ] = ""

    def __post_init__(self) -> None:
        if self.password is not None and not self.tls and self.host not in LOOPBACK:
            raise ValueError("a password without tls could be read by anybody: set tls = true")
        if "\0" in self.topic or not paho.topic_matches_sub(self.topic, self.topic):
            raise ValueError("topic is no MQTT topic filter")


class MqttSource:
    """The five verbs but ``decode``. A payload is one message; ``details`` say ``topic``, ``qos``, ``retained``."""

    kind = "mqtt"

    def __init__(self, config: MqttConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._line: _Line | None = None

    async def open(self, ctx: OpenContext) -> None:
        """Connect and subscribe. Raises ``SourceUnavailable``, ``CredentialsRefused`` or ``ConfigInvalid``."""
        await self.close()
        self._ctx = ctx
        line = _Line(self._config, self._config.client_id or f"cior-{ctx.instance}", kind=self.kind)
        self._line = line
        await line.open(lasting=True)

    async def receive(self) -> AsyncIterator[Received]:
        """Messages as they come. Raises ``SourceUnavailable`` when the line breaks, or when one was refused: opened
        again, the broker sends it again.
        """
        line, ctx = self._line, self._ctx
        if line is None or ctx is None:
            raise SourceUnavailable(f"{self.kind}.closed", "the subscriber is not open")
        while True:
            message = await line.next()
            if message.qos == 0:
                ctx.degraded("a message came with QoS 0: what is lost of such on the way nobody sends again")
            yield self._received(line, message, ctx)

    async def close(self) -> None:
        """Hang up and leave the session at the broker; idempotent. Acknowledgements that come later are void."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def probe(self) -> ProbeReport:
        """Connect and subscribe as real work does, in a session of its own that nobody keeps."""
        line = _Line(self._config, "", kind=self.kind)
        try:
            await line.open(lasting=False)
        except CiorError as error:
            return ProbeReport(ok=False, detail=error.sentence)
        finally:
            await line.close()
        return ProbeReport(ok=True, detail="the broker takes us and grants the subscription")

    def _received(self, line: _Line, message: paho.MQTTMessage, ctx: OpenContext) -> Received:
        raw, limit = bytes(message.payload), ctx.max_payload_bytes
        facts = Facts(
            source=f"urn:cior:{self.kind}:{ctx.instance}",
            peer=self._config.host,
            details={
                "topic": message.topic,
                "qos": str(message.qos),
                "retained": "yes" if message.retain else "no",
            },
            truncated_from_bytes=len(raw) if len(raw) > limit else None,
            authenticated=self._config.tls,  # its certificate was checked
        )

        async def ack(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                line.fail(
                    SourceUnavailable(f"{self.kind}.refused", "a message was not taken: it comes again")
                )
            else:
                line.acknowledge(message)

        return Received(payload=raw[:limit], facts=facts, ack=ack)


class _Line:
    """One connection: the library's thread hands over to the event loop, never the other way round."""

    def __init__(self, config: MqttConfig, client_id: str, *, kind: str) -> None:
        self._config, self._kind, self._client_id = config, kind, client_id
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[paho.MQTTMessage | CiorError] = asyncio.Queue()
        self._granted: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[paho.MQTTMessage] = deque()
        self._durable: set[int] = set()
        self._failed: CiorError | None = None
        self._client: paho.Client | None = None

    async def open(self, *, lasting: bool) -> None:
        """Connect and wait for the grant of the subscription."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=not lasting,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client = client
        client.connect_timeout = CONNECT_S
        self._introduce(client)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_subscribe, client.on_message = self._subscribed, self._came
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.to_thread(client.connect, self._config.host, self._config.port, KEEPALIVE_S)
                client.loop_start()
                await self._granted
        except (OSError, ValueError) as error:
            raise SourceUnavailable(
                f"{self._kind}.away", f"the broker cannot be reached ({type(error).__name__})"
            ) from error

    async def next(self) -> paho.MQTTMessage:
        """The next message. Raises what ended the line."""
        if self._failed is not None:
            raise self._failed
        found = await self._queue.get()
        if isinstance(found, CiorError):
            raise found
        return found

    def acknowledge(self, message: paho.MQTTMessage) -> None:
        """``message`` is durable: acknowledge the unbroken run of durable ones from the oldest on."""
        if self._client is None or message.qos == 0:
            return
        self._durable.add(message.mid)
        while self._waiting and self._waiting[0].mid in self._durable:
            oldest = self._waiting.popleft()
            self._durable.discard(oldest.mid)
            self._client.ack(oldest.mid, oldest.qos)

    def fail(self, error: CiorError) -> None:
        """End the line with ``error``; the first one counts."""
        if self._failed is None:
            self._failed = error
            self._queue.put_nowait(error)
        if not self._granted.done():
            self._granted.set_exception(error)

    async def close(self) -> None:
        """Say good-bye, end the thread; idempotent."""
        client, self._client = self._client, None
        if self._granted.done() and not self._granted.cancelled():
            self._granted.exception()
        self._granted.cancel()
        if client is not None:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def _introduce(self, client: paho.Client) -> None:
        config = self._config
        if config.username:
            client.username_pw_set(config.username, config.password.reveal() if config.password else None)
        if not config.tls:
            return
        try:
            client.tls_set_context(ssl.create_default_context(cafile=config.ca_file or None))
        except OSError as error:
            raise ConfigInvalid(
                f"{self._kind}.ca_file", "ca_file cannot be read", cure="name a PEM file of the authority"
            ) from error

    # --- what the library's thread calls ---

    def _hand_over(self, act: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *arguments)

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        if not code.is_failure:
            client.subscribe(self._config.topic, qos=1)
        elif str(code) in _REFUSED:
            refused = CredentialsRefused(
                f"{self._kind}.credentials", f"the broker says: {code}", cure="renew them"
            )
            self._hand_over(self.fail, refused)
        else:
            self._hand_over(self.fail, SourceUnavailable(f"{self._kind}.away", f"the broker says: {code}"))

    def _subscribed(self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _more: Any) -> None:
        if any(code.is_failure for code in codes):
            self._hand_over(
                self.fail,
                CredentialsRefused(
                    f"{self._kind}.topic", "the broker refuses the subscription", cure="give us the topic"
                ),
            )
        else:
            self._hand_over(self._grant)

    def _grant(self) -> None:
        if not self._granted.done():
            self._granted.set_result(None)

    def _came(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._hand_over(self._take, message)

    def _take(self, message: paho.MQTTMessage) -> None:
        if message.qos:
            self._waiting.append(message)
        self._queue.put_nowait(message)
        if len(self._waiting) > MAX_UNACKNOWLEDGED:
            self.fail(
                SourceUnavailable(f"{self._kind}.flood", "messages come faster than they become durable")
            )

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        self._hand_over(self.fail, SourceUnavailable(f"{self._kind}.line", f"the broker hung up: {code}"))
