"""How a stream worker runs.

The Faust options are measured, not tasted: research on stream processing §4.1, §4.2 and §9.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from cior_bus import topics
from cior_bus.log_epoch import name_in
from cior_bus.rights import Part, User, user_of
from cior_bus.settings import PROMPT_WAIT_MS, BusSettings, Profile
from cior_core.model import Struct


class Role(StrEnum):
    """Two applications in two processes, so that a backlog of telemetry never delays a press."""

    URGENT = "urgent"
    BULK = "bulk"


class StreamSettings(Struct, frozen=True):
    """One worker.

    ``worker`` names it among the workers of its role (its state folder must be its own); ``workers`` is how many there
    are.

    ``version`` is raised to give up all tables after a data loss of the broker that left their changelogs behind.
    ``stall_s``: input waits and nothing was committed for so long → the process ends for its supervisor to start it
    again. ``epoch``: set by the runner, see :mod:`cior_bus.log_epoch`.
    """

    bus: BusSettings
    role: Role
    state_dir: Path
    worker: str = "1"
    workers: int = 1
    partitions: int = topics.AREA.partitions
    version: int = 1
    tick_s: float = 1.0
    stall_s: float = 30.0
    app_prefix: str = "cior"
    epoch: str = ""

    @property
    def app_id(self) -> str:
        """The application's name: of its state folder and health file."""
        return f"{self.app_prefix}-{self.role.value}"

    @property
    def group(self) -> str:
        """The consumer group and the first part of the changelogs' names."""
        return name_in(self.epoch, self.app_id)

    @property
    def user(self) -> User:
        """Who this worker is at a broker that asks."""
        return user_of(Part.STREAMS_URGENT if self.role is Role.URGENT else Part.STREAMS_BULK)

    @property
    def changelogs(self) -> tuple[topics.TopicSpec, ...]:
        """The topics that keep its tables. On Kafka they are there before it starts."""
        return self.user.rights.changelogs(partitions=self.partitions, group=self.group)

    @property
    def datadir(self) -> Path:
        """Local tables of this application *and* worker: an explicit folder is not namespaced by Faust."""
        return self.state_dir / f"{self.app_id}-{self.worker}"

    @property
    def sources(self) -> tuple[topics.TopicSpec, ...]:
        """The topics this role reads."""
        if self.role is Role.URGENT:
            return (topics.URGENT, topics.ACTIONS, topics.RECEIPTS, topics.WAITING, topics.AREA)
        return (topics.EVENTS, topics.TELEMETRY)

    @property
    def urgent_topics(self) -> frozenset[str]:
        """Those of them on which a press may wait."""
        return frozenset({topics.URGENT.name, topics.AREA.name}) & {spec.name for spec in self.sources}


FETCH_WAIT_MS = PROMPT_WAIT_MS
"""Tansu's long poll does not wake on new data; Apache Kafka's does, so there Faust's own 1500 ms stay."""
BULK_FETCH_WAIT_MS = 100
"""The same for the bulk application.

Each look costs the broker processor time, and telemetry may wait a tenth of a second.
"""

STREAM_BUFFER = 4_096
"""Messages that lie before one agent; when it is full, no topic's next message is fetched."""

_COMMON: dict[str, Any] = {
    "broker_commit_interval": 0.5,
    "broker_commit_every": 1_000,
    "stream_buffer_maxsize": STREAM_BUFFER,
    "stream_wait_empty": True,
    "topic_disable_leader": True,
    "consumer_auto_offset_reset": "earliest",
    "producer_acks": -1,
    "processing_guarantee": "at_least_once",
    "web_enabled": False,
    "web_bind": "127.0.0.1",
    "web_tables_enabled": False,
    "cython_optimizations": False,
    "key_serializer": "raw",
    "value_serializer": "raw",
}
_TANSU: dict[str, Any] = {
    "topic_allow_declare": True,
    "broker_session_timeout": 2.0,
    "broker_heartbeat_interval": 0.5,
    "broker_rebalance_timeout": 6.0,
    "broker_request_timeout": 30.0,
    # Batches form while one is on its way. One entry a batch, as it was before recoveries read to the right end, was
    # one round trip an entry: a step of ten waited for ten.
    "producer_linger": 0.0,
    "producer_max_batch_size": 262_144,
    "store": "memory://",
    "recovery_consistency_check": False,
}
_KAFKA: dict[str, Any] = {
    "topic_allow_declare": False,  # no part may create topics: changelogs are made beforehand
    "broker_session_timeout": 30.0,
    "broker_heartbeat_interval": 3.0,
    "broker_rebalance_timeout": 60.0,
    "broker_request_timeout": 90.0,
    "producer_linger": 0.005,
    "producer_max_batch_size": 262_144,
    "producer_compression_type": "lz4",
    "store": "rocksdb://?driver=rocksdict",
    "recovery_consistency_check": True,
}


def faust_options(settings: StreamSettings) -> dict[str, Any]:
    """The keyword arguments of ``faust.App`` for this worker."""
    tansu = settings.bus.profile is Profile.TANSU
    options = _COMMON | (_TANSU if tansu else _KAFKA)
    if not tansu and settings.bus.session_timeout_ms is not None:
        session_s = settings.bus.session_timeout_ms / 1_000
        options |= {"broker_session_timeout": session_s, "broker_heartbeat_interval": session_s / 6}
    return options | {
        "broker": [f"kafka://{address}" for address in settings.bus.bootstrap.split(",")],
        "datadir": str(settings.datadir),
        "topic_partitions": settings.partitions,
        "table_standby_replicas": 1 if settings.workers > 1 else 0,
        "version": settings.version,
    }
