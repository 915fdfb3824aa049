"""A peer for MQTT: another party's broker (amqtt), in a thread of its own, and a device that publishes to it.

Needs the extra ``author``. This broker forgets what is not acknowledged within five seconds, so it is a peer for trying
and no broker for a centre. What counts as accepted is the acknowledgement (PUBACK) that the broker hears from us.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import weakref
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import paho.mqtt.client as paho
from amqtt.broker import Broker
from amqtt.plugins.base import BasePlugin
from paho.mqtt.enums import CallbackAPIVersion

from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer

_PUBACK = 4
_LOOK_S = 0.01
_START_S = 20.0
_HEARD: Counter[str] = Counter()
_SESSIONS: dict[str, Any] = {}


async def _note(_plugin: Any, *, packet: Any, session: Any = None) -> None:
    """Count what a client acknowledged."""
    if session is not None and packet.fixed_header.packet_type == _PUBACK:
        _SESSIONS[session.client_id] = session
        _HEARD[session.client_id] += 1


Watch = type("Watch", (BasePlugin,), {"on_mqtt_packet_received": _note, "__module__": __name__})
"""The broker makes it, by its name."""


class BrokerPeer:
    """One broker for as long as the peer lives; each configuration gets a session and a topic of its own."""

    def __init__(self) -> None:
        self._port = _free_port()
        self._client_id = self._topic = ""
        self._stop = threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=_serve, args=(self._port, ready, self._stop), daemon=True)
        self._thread.start()
        if not ready.wait(_START_S):
            raise TimeoutError("the broker did not start")
        weakref.finalize(self, _end, self._stop, self._thread)

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:  # noqa: ARG002  the kit's signature
        """The example against this broker."""
        name = uuid4().hex
        self._client_id, self._topic = f"kit-{name}", f"kit/{name}/press"
        return msgspec.structs.replace(
            example,
            host="127.0.0.1",
            port=self._port,
            tls=False,
            username="",
            password=None,
            topic=self._topic,
            client_id=self._client_id,
        )

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:  # noqa: ARG002  by the broker
        """Publish with QoS 1 and wait until the broker has heard that it is durable."""
        before = _HEARD[self._client_id]
        await asyncio.to_thread(self._publish, payload)
        try:
            async with asyncio.timeout(within_s):
                while not self._acknowledged(before):  # noqa: ASYNC110  it is another thread that hears it
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return Answer(accepted=False, detail="the broker has heard no acknowledgement")
        return Answer(accepted=True, detail="the broker has heard the acknowledgement")

    def _acknowledged(self, before: int) -> bool:
        session = _SESSIONS.get(self._client_id)
        return _HEARD[self._client_id] > before and session is not None and not session.inflight_out_count

    def _publish(self, payload: bytes) -> None:
        device = paho.Client(CallbackAPIVersion.VERSION2)
        device.connect("127.0.0.1", self._port)
        device.loop_start()
        try:
            device.publish(self._topic, payload, qos=1).wait_for_publish(_START_S)
        finally:
            device.disconnect()
            device.loop_stop()


def _serve(port: int, ready: threading.Event, stop: threading.Event) -> None:
    async def work() -> None:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
                    f"{__name__}.{Watch.__name__}": {},
                },
            }
        )
        await broker.start()
        ready.set()
        while not stop.is_set():  # noqa: ASYNC110  told by another thread
            await asyncio.sleep(0.05)
        await broker.shutdown()

    asyncio.run(work())


def _end(stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    thread.join(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
