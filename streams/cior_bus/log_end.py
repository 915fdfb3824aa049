"""Where a partition ends, as its readers find it.

The embedded broker tells the first offset of the last batch plus one when it is asked for the latest offset: whatever
else lies in that batch is behind the end that it tells. A reader that has arrived at the end is told the right one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from cior_bus.settings import BusSettings
from cior_core.errors import SourceUnavailable

Place = tuple[str, int]
_PARTITION_EOF: Final = -191
# librdkafka's own code (rdkafka.h); the binding names it with an underscore.


def ends_as_read(
    settings: BusSettings, told: Mapping[Place, int], *, timeout_s: float = 20.0
) -> dict[Place, int]:
    """The next offset of each partition of ``told`` (what the broker told: never behind the right one), by reading from
    there to the end.

    Raises ``SourceUnavailable`` (``bus.end_unknown``) when the broker does not lead there in time: then nobody knows.
    """
    ends = dict(told)
    left = set(told)
    consumer = Consumer({**settings.consumer(f"{settings.client_id}-ends"), "enable.partition.eof": True})
    try:
        consumer.assign([TopicPartition(*place, max(0, end - 1)) for place, end in told.items()])
        give_up_s = time.monotonic() + timeout_s
        while left and time.monotonic() < give_up_s:
            message = consumer.poll(0.2)
            if message is not None and _is_end(message):
                place = (message.topic() or "", message.partition() or 0)
                ends[place] = max(ends.get(place, 0), message.offset() or 0)
                left.discard(place)
    except KafkaException as error:
        raise _unknown(error.args[0].name()) from error
    finally:
        consumer.close()
    if left:
        raise _unknown(f"{len(left)} of {len(told)} partitions")
    return ends


def _is_end(message: Message) -> bool:
    error: KafkaError | None = message.error()
    return error is not None and error.code() == _PARTITION_EOF


def _unknown(why: str) -> SourceUnavailable:
    return SourceUnavailable(
        "bus.end_unknown",
        f"the broker did not lead to the end of a log ({why})",
        cure="see whether the broker runs; the worker tries again",
    )
