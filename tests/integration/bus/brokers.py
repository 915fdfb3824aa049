"""Brokers for tests that run the same body on the embedded Tansu and on Apache Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_bus.settings import BusSettings, Profile

URGENT = topics.URGENT.name


class Broker:
    """An engine with the profile to talk to it."""

    def __init__(self, engine: Any, profile: Profile) -> None:
        self.engine, self.profile = engine, profile
        self.settings = BusSettings(bootstrap=engine.bootstrap, profile=profile)

    @property
    def patient(self) -> BusSettings:
        """For stories that do not judge when a broker counts as away: on a busy machine it is slow, not away."""
        return msgspec.structs.replace(self.settings, ack_wait_s=20.0)

    def kill(self) -> None:
        self.engine.kill()

    def start(self) -> None:
        self.engine.start()

    def values(
        self, topic: str, *, at_least: int = 0, timeout_s: float = 15.0
    ) -> list[tuple[bytes | None, bytes | None]]:
        """Keys and values of :meth:`messages`."""
        found = self.messages(topic, at_least=at_least, timeout_s=timeout_s)
        return [(message.key(), message.value()) for message in found]

    def messages(self, topic: str, *, at_least: int = 0, timeout_s: float = 15.0) -> list[Any]:
        """Everything in a topic, partition by partition in order; waits until there is ``at_least`` so much, then
        until nothing more comes.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap,
                "group.id": "test-reader",
                "fetch.wait.max.ms": 20,
                "enable.auto.commit": False,
            }
        )
        try:
            metadata = consumer.list_topics(topic, timeout=10).topics[topic]
            consumer.assign([TopicPartition(topic, each, 0) for each in metadata.partitions])
            found: list[Any] = []
            deadline, quiet = time.monotonic() + timeout_s, 0
            while time.monotonic() < deadline and (len(found) < at_least or quiet < 4):
                batch = [
                    message for message in consumer.consume(1_000, timeout=0.15) if message.error() is None
                ]
                found += batch
                quiet = 0 if batch else quiet + 1
            found.sort(key=lambda message: (message.partition(), message.offset()))
            return found
        finally:
            consumer.close()


def empty(bootstrap: str) -> None:
    """Remove every topic, so that a shared Apache Kafka starts a test like a fresh one."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]
    for future in admin.delete_topics(names, operation_timeout=10).values() if names else ():
        try:
            future.result(10)
        except KafkaException as error:
            assert error.args[0].name() == "UNKNOWN_TOPIC_OR_PART"  # noqa: PT017
    deadline = time.monotonic() + 10
    while any(not name.startswith("__") for name in admin.list_topics(timeout=10).topics):
        assert time.monotonic() < deadline, "topics are not going away"
        time.sleep(0.05)


def _broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Your own broker: kill it and start it again as you like."""
    engine = request.getfixturevalue(request.param)
    if request.param == "apache_kafka":
        empty(engine.bootstrap)
        yield Broker(engine, Profile.KAFKA)
        engine.start()
    else:
        yield Broker(engine, Profile.TANSU)


broker = pytest.fixture(
    _broker, params=["tansu", pytest.param("apache_kafka", marks=pytest.mark.kafka)], name="broker"
)


def press(number: int, *, key: bytes = b"bus-12") -> MessageOut:
    """A press of the urgent lane, numbered."""
    return MessageOut(topic=URGENT, key=key, value=b'{"n":%d}' % number)


def numbers(rows: list[tuple[bytes | None, bytes | None]], key: bytes | None = None) -> list[int]:
    """The numbers of presses as they were read; of one key, when it is named."""
    return [int((value or b"")[5:-1]) for each, value in rows if key is None or each == key]
