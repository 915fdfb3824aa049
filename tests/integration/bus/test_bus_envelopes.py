"""What may wait or is published together travels in envelopes, whole and in order; a press never does."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from pathlib import Path

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import Profile
from cior_bus.spool import Spool, SpoolClass
from cior_core import codec
from cior_core.catalogue import Kind
from integration.bus.brokers import URGENT, Broker, numbers, press


async def test_bulk_records_arrive_in_envelopes_and_in_order(broker: Broker, tmp_path: Path) -> None:
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    with Bus(broker.settings, spool=spool, linger_s=0.3) as bus:
        records = [
            MessageOut(topic=topics.EVENTS.name, key=b"b%03d" % (n % 4), value=b'{"n":%d}' % n, bulk=True)
            for n in range(1_000)
        ]
        await asyncio.gather(*(bus.publish([each]) for each in records))
        assert bus.flush(timeout_s=20)
    rows, seen = _records(broker)
    deadline = time.monotonic() + 30
    while sum(map(len, seen.values())) < 1_000 and time.monotonic() < deadline:
        rows, seen = _records(broker)  # a busy broker pauses between two fetches
    assert {key: values == sorted(values) for key, values in seen.items()} == dict.fromkeys(seen, True)
    assert sum(map(len, seen.values())) == 1_000
    assert rows <= 100, "envelopes hold many records"
    spool.close()


def _records(broker: Broker) -> tuple[int, dict[bytes | None, list[int]]]:
    """How many messages there are, and the numbers in them by key."""
    rows = broker.values(topics.EVENTS.name, at_least=10)
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for key, value in rows:
        seen[key] += [
            int(part.split(b":")[1].rstrip(b"}")) for part in (value or b"").strip(b"[]").split(b",")
        ]
    return len(rows), seen


async def test_a_desks_calls_of_one_publish_are_one_message_and_presses_beside_them_are_not(
    broker: Broker, tmp_path: Path
) -> None:
    """By the direct way and, while the broker is away, by the spool: the same envelopes, nothing lost, in order."""
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    with Bus(broker.patient, spool=spool) as bus:
        for start in (0, 50):
            if start and broker.profile is Profile.KAFKA:
                broker.kill()
            await bus.publish(
                [
                    each
                    for n in range(start, start + 50)
                    for each in (
                        press(n, key=b"desk"),
                        MessageOut(
                            topic=topics.EVENTS.name, key=b"b007", value=b'{"n":%d}' % n,
                            spool_class=SpoolClass.LIFE_SAFETY, joins=True,
                        ),
                    )
                ]
            )  # fmt: skip
        if broker.profile is Profile.KAFKA:
            broker.start()
        assert bus.flush(timeout_s=60)
    rows = broker.values(topics.EVENTS.name, at_least=2)
    assert [len(codec.split(Kind.EVENT, value or b"")) for _, value in rows] == [50, 50]
    joined = [json.loads(value or b"") for _, value in rows]
    assert [each["n"] for envelope in joined for each in envelope] == list(range(100))
    assert numbers(broker.values(URGENT, at_least=100)) == list(range(100))
    spool.close()
