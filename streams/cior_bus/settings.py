"""How to reach the broker: one frozen struct, two profiles.

``tansu`` is the embedded broker, ``kafka`` is Apache Kafka 4.x. The differences are measured (research on stream
processing §0, §9): an idempotent producer makes Tansu lose acknowledged records, so idempotence exists in the ``kafka``
profile only; Tansu's long poll does not wake on new data, so its fetch wait is short; its group join takes half the
session timeout, so that is short too.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from cior_bus.credentials import Certificate, Scram
from cior_bus.refusals import Refused, listener
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

PLAIN, SECURED = "kafka", "kafkas"


class Profile(StrEnum):
    """Which broker stands behind the bootstrap address."""

    TANSU = "tansu"
    KAFKA = "kafka"


PROMPT_WAIT_MS = 10
"""Fetch wait on a press's way: the embedded broker looks for new data at half of it."""


class BusSettings(Struct, frozen=True):
    """Everything a Kafka client of this room needs.

    ``ack_wait_s``: how long a direct publish may stay unacknowledged before the spool takes it. ``secured``: TLS only;
    ``credentials``: who we are there, kept out of the DSN so that no secret appears in a command line. ``on_refused``:
    called from any client's thread when the broker refuses us for good. ``properties``: further librdkafka properties,
    hidden in :meth:`__repr__`.
    """

    bootstrap: str
    profile: Profile = Profile.TANSU
    client_id: str = "cior"
    ack_wait_s: float = 1.5
    linger_ms: int | None = None
    fetch_wait_ms: int | None = None
    session_timeout_ms: int | None = None
    message_max_bytes: int = 2_000_000
    queue_max_kbytes: int = 65_536
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    secured: bool = False
    credentials: Scram | Certificate | None = None
    on_refused: Callable[[Refused], None] | None = None

    @classmethod
    def from_dsn(cls, dsn: str, **overrides: Any) -> Self:
        """``kafka://host:port[,host:port]?profile=tansu|kafka[&client_id=…]``; ``kafkas://`` is the same inside TLS, to
        a broker that asks who we are (``credentials``).

        Raises ``ConfigInvalid`` (``bus.dsn_invalid``).
        """
        parts = urlsplit(dsn)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        unknown = sorted(set(query) - {"profile", "client_id"})
        if parts.scheme not in {PLAIN, SECURED} or not parts.netloc or "@" in parts.netloc or unknown:
            raise _dsn_invalid(
                f"unknown parameters {unknown}" if unknown else "scheme, host or credentials in the address"
            )
        if not all(_is_address(address) for address in parts.netloc.split(",")):
            raise _dsn_invalid("every broker needs host:port")
        if query.get("profile", Profile.KAFKA) not in tuple(Profile):
            raise _dsn_invalid(f"profile must be one of {', '.join(Profile)}")
        given: dict[str, Any] = {
            "profile": Profile(query.get("profile", Profile.KAFKA)),
            "bootstrap": parts.netloc,
            "secured": parts.scheme == SECURED,
        }
        if given["secured"] and given["profile"] is Profile.TANSU:
            raise _dsn_invalid("the embedded broker speaks no TLS: it answers on this machine only")
        if "client_id" in query:
            given["client_id"] = query["client_id"]
        return cls(**(given | overrides))

    @property
    def dsn(self) -> str:
        """The address as text, without ``properties`` and ``credentials``."""
        return f"{SECURED if self.secured else PLAIN}://{self.bootstrap}?profile={self.profile.value}"

    def __repr__(self) -> str:
        return f"BusSettings({self.dsn!r}, client_id={self.client_id!r}, properties=<{len(self.properties)} hidden>)"

    def client(self) -> dict[str, Any]:
        """The librdkafka properties common to all clients: the one place where keys are shown."""
        shown = {"security.protocol": "ssl"} if self.secured else {}
        if self.credentials is not None:
            shown = self.credentials.properties()
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "socket.keepalive.enable": True,
            "log_level": 2,
            **shown,
            "error_cb": listener(self.on_refused),
            **self.properties,
        }

    def producer(self) -> dict[str, Any]:
        """acks=all, murmur2 (Faust's and Java's partitioner), lz4.

        Order per key is kept: by idempotence on Kafka, by one request in flight on Tansu.
        """
        order: dict[str, Any] = {"enable.idempotence": True}
        if self.profile is Profile.TANSU:
            order = {"enable.idempotence": False, "max.in.flight.requests.per.connection": 1}
        return {
            **self.client(),
            **order,
            "acks": "all",
            "allow.auto.create.topics": False,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 2 if self.linger_ms is None else self.linger_ms,
            "message.max.bytes": self.message_max_bytes,
            "message.timeout.ms": max(2_000, int(self.ack_wait_s * 2_000)),
            "topic.metadata.propagation.max.ms": 2_000,
            "queue.buffering.max.kbytes": self.queue_max_kbytes,
        }

    def prompt(self) -> Self:
        """The same for a reader on a press's way to the wall: it looks for news each 5 ms where the broker's long poll
        does not wake on them."""
        if self.profile is not Profile.TANSU:
            return self
        return msgspec.structs.replace(self, fetch_wait_ms=PROMPT_WAIT_MS)

    def consumer(self, group: str) -> dict[str, Any]:
        """A plain consumer: commits only when told, earliest, eager assignment; fetch wait and session by profile."""
        tansu = self.profile is Profile.TANSU
        session_ms = self.session_timeout_ms or (6_000 if tansu else 30_000)
        return {
            **self.client(),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": session_ms // 6,
            "fetch.wait.max.ms": self.fetch_wait_ms or (20 if tansu else 500),
            "fetch.message.max.bytes": 4_194_304,
            "queued.max.messages.kbytes": 32_768,
            "allow.auto.create.topics": False,
        }


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit()


def _dsn_invalid(why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "bus.dsn_invalid",
        f"the broker address cannot be used: {why}",
        cure="write kafka://host:port?profile=tansu or profile=kafka, kafkas:// for a broker that asks for keys",
    )
