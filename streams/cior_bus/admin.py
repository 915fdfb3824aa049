"""Topics, created explicitly from the catalogue and checked. Works on Tansu and on Apache Kafka."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from enum import StrEnum

from confluent_kafka import KafkaError, KafkaException

# The stubs forget that it re-exports ConfigResource and ResourceType.
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from cior_bus.log_epoch import epoch_of
from cior_bus.settings import BusSettings
from cior_bus.topics import CATALOGUE, TopicSpec
from cior_core.errors import ConfigInvalid, SourceUnavailable
from cior_core.model import Struct


class TopicState(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    WRONG_PARTITIONS = "wrong_partitions"
    WRONG_CONFIG = "wrong_config"


class TopicCheck(Struct, frozen=True):
    """One topic as the broker has it."""

    name: str
    state: TopicState
    partitions: int = 0
    detail: str = ""


def config_of(spec: TopicSpec) -> dict[str, str]:
    """The topic's configuration: retention always written out (some clients read it back), compaction by key where the
    catalogue says so.
    """
    retention_ms = -1 if spec.retention_s is None else spec.retention_s * 1_000
    policy = "compact" if spec.compacted else "delete"
    return {
        "retention.ms": str(retention_ms),
        "cleanup.policy": policy,
        "max.message.bytes": str(spec.max_message_bytes),
    }


class Topics:
    """The administrator's view of one broker."""

    def __init__(self, settings: BusSettings, *, timeout_s: float = 10.0) -> None:
        self._client, self._settings = AdminClient(settings.client()), settings
        self._timeout_s = timeout_s

    def epoch(self) -> str:
        """The name of the log's epoch (:mod:`cior_bus.log_epoch`).

        Raises ``SourceUnavailable`` (``bus.broker_away``).
        """
        try:
            return epoch_of(self._client, self._settings, topic=CATALOGUE[0].name, timeout_s=self._timeout_s)
        except KafkaException as error:
            raise SourceUnavailable(
                "bus.broker_away", f"the broker did not answer ({error.args[0].name()})"
            ) from error

    def existing(self) -> dict[str, int]:
        """Partition counts of all topics. Raises ``SourceUnavailable`` (``bus.broker_away``)."""
        try:
            found = self._client.list_topics(timeout=self._timeout_s).topics
        except KafkaException as error:
            raise SourceUnavailable(
                "bus.broker_away", f"the broker did not list its topics ({error.args[0].name()})"
            ) from error
        return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}

    def ensure(
        self, specs: Iterable[TopicSpec] = CATALOGUE, *, partitions: int | None = None, replicas: int = 1
    ) -> list[str]:
        """Create what is missing and return its names; existing topics are left alone (see :meth:`check`).

        ``partitions`` overrides the catalogue for all alike, since topics that share a table must have equal counts.
        Raises ``SourceUnavailable`` or ``ConfigInvalid`` (``bus.topic_refused``).
        """
        have = self.existing()
        wanted = [
            NewTopic(
                spec.name,
                num_partitions=partitions or spec.partitions,
                replication_factor=replicas,
                config=config_of(spec),
            )
            for spec in specs
            if spec.name not in have
        ]
        if not wanted:
            return []
        created = []
        for name, future in self._client.create_topics(
            wanted, operation_timeout=self._timeout_s, request_timeout=self._timeout_s
        ).items():
            if self._created(name, future):
                created.append(name)
        return created

    def _created(self, name: str, future: Future[None]) -> bool:
        try:
            future.result(self._timeout_s)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            if reason.retriable() or reason.code() < 0:
                raise SourceUnavailable(
                    "bus.topic_not_created", f"{name} could not be created now ({reason.name()})"
                ) from error
            raise ConfigInvalid(
                "bus.topic_refused",
                f"the broker refuses to create {name} ({reason.name()})",
                cure="check rights and settings",
            ) from error
        except TimeoutError as error:
            raise SourceUnavailable("bus.topic_not_created", f"{name} was not created in time") from error
        return True

    def check(
        self, specs: Iterable[TopicSpec] = CATALOGUE, *, partitions: int | None = None
    ) -> list[TopicCheck]:
        """Compare every topic with the catalogue: existence, partitions, clean-up policy and retention where the broker
        tells them.
        """
        specs, have = tuple(specs), self.existing()
        configs = self._configs([spec.name for spec in specs if spec.name in have])
        return [
            _check(spec, have.get(spec.name), configs.get(spec.name, {}), partitions or spec.partitions)
            for spec in specs
        ]

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        """What the broker tells of its topics' settings; a broker that does not answer this request (Tansu) gives an
        empty answer.
        """
        if not names:
            return {}
        found: dict[str, dict[str, str]] = {}
        for resource, future in self._client.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in names]
        ).items():
            try:
                found[resource.name] = {
                    name: entry.value
                    for name, entry in future.result(self._timeout_s).items()
                    if entry.value is not None
                }
            except (KafkaException, TimeoutError):
                found[resource.name] = {}
        return found

    def delete(self, names: Iterable[str]) -> None:
        """For tests and for an operator who starts over.

        Raises ``SourceUnavailable`` when the broker does not do it.
        """
        for future in self._client.delete_topics(list(names), operation_timeout=self._timeout_s).values():
            try:
                future.result(self._timeout_s)
            except KafkaException as error:
                raise SourceUnavailable(
                    "bus.topic_not_deleted", f"a topic was not deleted ({error.args[0].name()})"
                ) from error


def _check(
    spec: TopicSpec, partitions: int | None, config: dict[str, str], wanted_partitions: int
) -> TopicCheck:
    if partitions is None:
        return TopicCheck(name=spec.name, state=TopicState.MISSING)
    if partitions != wanted_partitions:
        detail = f"has {partitions} partitions, wants {wanted_partitions}"
        return TopicCheck(
            name=spec.name, state=TopicState.WRONG_PARTITIONS, partitions=partitions, detail=detail
        )
    wrong = [
        f"{name} is {config[name]}, wants {value}"
        for name, value in config_of(spec).items()
        if name in config and config[name] != value
    ]
    state = TopicState.WRONG_CONFIG if wrong else TopicState.OK
    return TopicCheck(name=spec.name, state=state, partitions=partitions, detail="; ".join(wrong))
