"""Apache Kafka itself for tests: jars from Maven Central, KRaft, one node in both roles, loopback, no Docker.

The data folder outlives stop and kill, so a restart is what it is in a centre: same address, same records.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

import msgspec

from cior_bus.embedded.tansu import LOOPBACK, answers, free_port
from engines import cache, maven
from engines.process import EngineFailed, EngineProcess

VERSION = "4.3.1"
LOG4J_VERSION = "2.25.4"
MINIMUM_JAVA = 17

_PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$host:$controller_port
controller.listener.names=CONTROLLER
log.dirs=$data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=4194304
log.index.size.max.bytes=262144
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
controlled.shutdown.enable=true
""")


_PLAIN = Template("""\
listeners=PLAINTEXT://$host:$port,CONTROLLER://$host:$controller_port
advertised.listeners=PLAINTEXT://$host:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
""")


class ApacheKafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and limits of the test broker."""

    version: str = VERSION
    heap_mib: int = 384
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 20.0
    download_timeout_s: float = 400.0


def jars(settings: ApacheKafkaSettings) -> Path:
    """The folder with the broker's jars; fetched once by Maven into the cache."""
    wanted = (
        f"org.apache.kafka:kafka_2.13:{settings.version}",
        f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}",
    )
    return maven.jars(f"kafka-{settings.version}", wanted, timeout_s=settings.download_timeout_s)


def _cluster_id() -> str:
    """As Kafka makes them: base64url of a UUID that does not begin with a dash, which its own tool would take for an
    option (one in 64 does).
    """
    while (made := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return made


class ApacheKafka:
    """One broker. ``folder`` holds its configuration, log and records."""

    def __init__(self, folder: Path, settings: ApacheKafkaSettings | None = None) -> None:
        self.settings = settings or ApacheKafkaSettings()
        self.port, self.controller_port = free_port(), free_port()
        self._folder = folder
        self._java = cache.java(MINIMUM_JAVA)
        self._classpath = f"{jars(self.settings)}/*"
        self._properties = folder / "server.properties"
        self._format()
        self._process = EngineProcess(
            f"Apache Kafka {self.settings.version}",
            self._argv("kafka.Kafka", str(self._properties)),
            log_path=folder / "broker.log",
            env=dict(os.environ),
        )

    @property
    def bootstrap(self) -> str:
        """``host:port`` for Kafka clients. Stable over stop, kill and start."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs, else None."""
        return self._process.pid

    def start(self) -> Self:
        """Start on the same port and records as before and wait until it answers."""
        if self.pid is None:
            self._process.start(self._answers, timeout_s=self.settings.ready_timeout_s)
        return self

    def stop(self) -> None:
        """Controlled shutdown."""
        self._process.stop(timeout_s=self.settings.stop_timeout_s)

    def kill(self) -> None:
        """SIGKILL; acknowledged records survive it, since the page cache does."""
        self._process.kill()

    def restart(self) -> Self:
        """Controlled shutdown, then start: same address, same records."""
        self.stop()
        return self.start()

    def _argv(self, main_class: str, *arguments: str) -> list[str]:
        heap = f"{self.settings.heap_mib}m"
        options = [
            f"-Xmx{heap}",
            f"-Xms{min(self.settings.heap_mib, 128)}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
        ]
        return [self._java, *options, "-cp", self._classpath, main_class, *arguments]

    def _answers(self) -> bool:
        return answers(LOOPBACK, self.port)

    def _listeners(self) -> str:
        """Who is heard where, and what is asked of them."""
        return _PLAIN.substitute(host=LOOPBACK, port=self.port, controller_port=self.controller_port)

    def _format(self) -> None:
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        common = _PROPERTIES.substitute(host=LOOPBACK, controller_port=self.controller_port, data=data)
        self._properties.write_text(common + self._listeners())
        cluster_id = _cluster_id()
        argv = self._argv(
            "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", str(self._properties)
        )
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        self.format_argv, self.format_said = argv, ran.stdout + ran.stderr
        if ran.returncode:
            raise EngineFailed(
                f"Apache Kafka storage could not be formatted:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
