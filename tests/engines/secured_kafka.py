"""Apache Kafka with the very security settings of docker-compose.yml, on this machine: TLS for everybody, SCRAM for
parts, certificates for the broker and its administrator, StandardAuthorizer.

Only places and ports differ. ``format`` is told no secret at all: the first user is made by the administrator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cior_bus.bus_certificates import make_certificates
from cior_bus.credentials import read_certificate
from cior_bus.embedded.tansu import LOOPBACK, free_port
from cior_bus.self_test import try_rights
from cior_bus.settings import BusSettings
from cior_core.errors import SourceUnavailable
from engines.apache_kafka import ApacheKafka, ApacheKafkaSettings

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yml"
_SECURITY = (
    "listener",
    "advertised",
    "inter.broker",
    "sasl.",
    "ssl.",
    "authorizer",
    "super.",
    "allow.everyone",
)


def deployed_security() -> dict[str, str]:
    """Broker properties, as the image makes them of its environment: ``___`` a dash, ``__`` is ``_``, ``_`` a dot."""
    environment: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["kafka"][
        "environment"
    ]
    named = {
        name.removeprefix("KAFKA_")
        .replace("___", "\0")
        .replace("__", "\1")
        .replace("_", ".")
        .replace("\0", "-")
        .replace("\1", "_")
        .lower(): str(value).replace("$$", "$")
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }
    return {name: value for name, value in named.items() if name.startswith(_SECURITY)}


class SecuredKafka(ApacheKafka):
    """One broker with keys. ``keys`` holds the folders ``ca``, ``broker`` and ``admin``."""

    def __init__(self, folder: Path, settings: ApacheKafkaSettings | None = None) -> None:
        self.keys = folder / "keys"
        self.admin_port = free_port()
        make_certificates(self.keys, broker_hosts=("localhost", LOOPBACK))
        super().__init__(folder, settings or ApacheKafkaSettings(ready_timeout_s=120))

    @property
    def dsn(self) -> str:
        """For parts."""
        return f"kafkas://{self.bootstrap}?profile=kafka"

    @property
    def admin_dsn(self) -> str:
        """For the administrator."""
        return f"kafkas://{LOOPBACK}:{self.admin_port}?profile=kafka"

    @property
    def admin(self) -> BusSettings:
        """The administrator's settings, with its certificate."""
        return BusSettings.from_dsn(self.admin_dsn, credentials=read_certificate(self.keys / "admin"))

    def _answers(self) -> bool:
        try:
            try_rights(self.admin, None)
        except SourceUnavailable:
            return False
        return True

    def _listeners(self) -> str:
        here = {
            "://:19092": f"://{LOOPBACK}:{self.port}",
            "://:19093": f"://{LOOPBACK}:{self.admin_port}",
            "://:9093": f"://{LOOPBACK}:{self.controller_port}",
            "kafka:19092": f"{LOOPBACK}:{self.port}",
            "kafka:19093": f"{LOOPBACK}:{self.admin_port}",
            "/run/bus-broker": str(self.keys / "broker"),
        }
        text = "".join(f"{name}={value}\n" for name, value in deployed_security().items())
        for there, mine in here.items():
            text = text.replace(there, mine)
        return text
