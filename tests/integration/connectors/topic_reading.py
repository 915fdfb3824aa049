"""What lies in the topics, decoded."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, TopicPartition

from cior_bus import topics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import DeadLetter, Event, RawRecord


class Topics:
    """Reads a broker from the beginning, each time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def values(self, topic: str, *, at_least: int = 0, timeout_s: float = 20.0) -> list[tuple[bytes, bytes]]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "reader",
                "fetch.wait.max.ms": 20,
                "enable.auto.commit": False,
            }
        )
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
            found: list[tuple[bytes, bytes]] = []
            deadline, quiet, records = time.monotonic() + timeout_s, 0, 0
            while time.monotonic() < deadline and (records < at_least or quiet < 4):
                batch = [
                    message for message in consumer.consume(1_000, timeout=0.15) if message.error() is None
                ]
                found += [(message.key() or b"", message.value() or b"") for message in batch]
                records = sum(_count(value) for _, value in found)
                quiet = 0 if batch else quiet + 1
            return found
        finally:
            consumer.close()

    def events(self, topic: str, *, at_least: int = 0) -> list[Event]:
        return [
            event
            for _, value in self.values(topic, at_least=at_least)
            for event in codec.records(Kind.EVENT, value)
        ]

    def raws(self, topic: str = topics.RAW.name, *, at_least: int = 0) -> list[RawRecord]:
        return [
            record
            for _, value in self.values(topic, at_least=at_least)
            for record in codec.records(Kind.RAW, value)
        ]

    def dead(self, *, at_least: int = 0) -> list[DeadLetter]:
        return [
            letter
            for _, value in self.values(topics.DEAD.name, at_least=at_least)
            for letter in codec.records(Kind.DEAD, value)
        ]


def _count(value: bytes) -> int:
    return len(codec.split(Kind.RAW, value)) if codec.is_envelope(value) else 1
