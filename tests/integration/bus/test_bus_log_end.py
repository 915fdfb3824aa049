"""Where a log ends: what the embedded broker says of it, and what a reader finds."""

from __future__ import annotations

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.log_end import ends_as_read
from cior_bus.settings import BusSettings, Profile
from cior_core.errors import SourceUnavailable
from integration.bus.brokers import Broker


def told(settings: BusSettings, partitions: int) -> dict[tuple[str, int], int]:
    """What the broker says when it is asked for the latest offset."""
    consumer = Consumer(settings.consumer("test-ends"))
    try:
        return {
            (topics.AREA.name, each): consumer.get_watermark_offsets(
                TopicPartition(topics.AREA.name, each), timeout=10, cached=False
            )[1]
            for each in range(partitions)
        }
    finally:
        consumer.close()


def in_one_batch(settings: BusSettings, count: int, partition: int) -> None:
    producer = Producer(msgspec.structs.replace(settings, linger_ms=200, ack_wait_s=20.0).producer())
    refused: list[object] = []
    for number in range(count):
        producer.produce(
            topics.AREA.name,
            value=b"%d" % number,
            key=b"k",
            partition=partition,
            on_delivery=lambda error, _message: refused.append(error) if error else None,
        )
    assert (producer.flush(30), refused) == (0, [])


def test_the_end_is_found_behind_a_batch_of_many(broker: Broker) -> None:
    Topics(broker.settings).ensure()
    in_one_batch(broker.settings, 20, 0)
    in_one_batch(broker.settings, 3, 0)
    in_one_batch(broker.settings, 1, 1)
    said = told(broker.settings, 3)
    if broker.profile is Profile.TANSU:
        assert said[topics.AREA.name, 0] < 23, "it tells the right end: `log_end` may go"
    found = ends_as_read(broker.settings, said)
    assert [found[topics.AREA.name, each] for each in range(3)] == [23, 1, 0]


def test_an_end_that_nobody_leads_to_is_not_guessed(broker: Broker) -> None:
    Topics(broker.settings).ensure()
    broker.kill()
    with pytest.raises(SourceUnavailable) as caught:
        ends_as_read(broker.settings, {(topics.AREA.name, 0): 0, (topics.AREA.name, 1): 7}, timeout_s=1.0)
    assert caught.value.code == "bus.end_unknown"
