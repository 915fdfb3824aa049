"""The bulk lane against a bare confluent loop, and the stateful device lane against quixstreams' State; same events,
same run, medians.

    python benchmarks/bench_faust_bulk.py [--events 100000] [--rounds 3] [--quix-python /path/to/venv/bin/python]

Each contestant is a process of its own that reads everything from offset 0 of an embedded Tansu broker; the figure is
events per *CPU second of that process* (broker and other programs on the machine do not count), from its first
message to its last. quixstreams pins another confluent-kafka, so it lives in a virtual environment of its own (``pip
install quixstreams==3.28.0 msgspec``); without one its row says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import msgspec

ENVELOPE = 50
DEVICES = 1_000
SINGLES = "bench.singles"
QUIX_NAME = "quixstreams State, keyed count, one event a message, four fields decoded"


def moving(n: int, at_ms: int) -> Any:
    """The ``n``-th event: a vehicle's position."""
    from cior_core import identity
    from cior_core.model import Event, Lane, Place, PlaceMethod, TypeCode

    return Event(
        id=identity.event_id("bench", str(n)),
        source="bench",
        type=TypeCode("device.notice"),
        subject=f"bus-{n % DEVICES}",
        occurred_ms=at_ms + n,
        received_ms=at_ms + n,
        lane=Lane.TELEMETRY,
        place=Place(method=PlaceMethod.GPS, lat=-32.9468, lon=-60.6393, accuracy_m=8.0),
        attributes={"speed_kmh": n % 60, "course_deg": n % 360},
    )


def produce(bootstrap: str, events: int) -> int:
    """The same events twice: one a message on ``bench.singles``, and in envelopes on the telemetry lane.

    Returns the number of envelopes.
    """
    from cior_bus import topics
    from cior_bus.admin import Topics
    from cior_bus.lanes import device_bucket
    from cior_bus.message import MessageOut
    from cior_bus.producer import Bus
    from cior_bus.settings import BusSettings, Profile
    from cior_core import codec

    settings = BusSettings(bootstrap=bootstrap, profile=Profile.TANSU, linger_ms=20, ack_wait_s=30)
    singles = topics.TopicSpec(
        name=SINGLES, key="subject", value="Event", partitions=4, retention_s=3_600, purpose="benchmark"
    )
    Topics(settings).ensure((*topics.CATALOGUE, singles))
    at = time.time_ns() // 1_000_000
    groups: dict[bytes, list[bytes]] = {}
    envelopes = 0
    with Bus(settings) as bus:
        waiting = []
        for n in range(events):
            event = moving(n, at)
            subject, value = event.subject, codec.encode(event)
            waiting.append(bus.submit([MessageOut(topic=SINGLES, key=subject.encode(), value=value)]))
            group = groups.setdefault(device_bucket(subject), [])
            group.append(value)
            if len(group) == ENVELOPE:
                waiting.append(
                    bus.submit(
                        [
                            MessageOut(
                                topic=topics.TELEMETRY.name,
                                key=device_bucket(subject),
                                value=codec.join(group),
                            )
                        ]
                    )
                )
                envelopes += 1
                group.clear()
            if len(waiting) > 5_000:
                for future in waiting:
                    future.result(60)
                waiting.clear()
        for key, group in groups.items():
            if group:
                waiting.append(
                    bus.submit([MessageOut(topic=topics.TELEMETRY.name, key=key, value=codec.join(group))])
                )
                envelopes += 1
        for future in waiting:
            future.result(60)
    return envelopes


def say(events: int, started_s: float) -> None:
    print(json.dumps({"events": events, "cpu_s": time.process_time() - started_s}))


class Narrow(msgspec.Struct):
    """As little as a reader can decode: four fields."""

    id: str
    subject: str
    type: str
    time: str


def run_bare(bootstrap: str, events: int, full: int) -> None:
    """``consume(500)``, decode, a count by subject: no framework.

    ``full``: the canonical event instead of four fields.
    """
    from confluent_kafka import Consumer, TopicPartition

    from cior_core import cloudevents

    decode = cloudevents.decode if full else msgspec.json.Decoder(Narrow).decode
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bare",
            "fetch.wait.max.ms": 20,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(SINGLES, each, 0) for each in range(4)])
    counts: dict[str, int] = {}
    seen, started_s = 0, 0.0
    while seen < events:
        batch = consumer.consume(500, timeout=1.0)
        started_s = started_s or time.process_time()
        for message in batch:
            subject = decode(message.value() or b"").subject
            counts[subject] = counts.get(subject, 0) + 1
        seen += len(batch)
    say(seen, started_s)
    consumer.close()


def run_batch_consumer(bootstrap: str, events: int) -> None:
    """Our plain consumer (bulk sinks): envelopes, every event fully decoded to the canonical struct."""
    import threading

    from cior_bus import topics
    from cior_bus.consumer import Batch, BatchConsumer
    from cior_bus.gathering import BatchLimits
    from cior_bus.settings import BusSettings, Profile
    from cior_core import codec
    from cior_core.catalogue import Kind

    stop, counts, started = threading.Event(), dict[str, int](), [0.0, 0]

    def handle(batch: Batch) -> None:
        started[0] = started[0] or time.process_time()
        for record in batch.records:
            for event in codec.records(Kind.EVENT, record.value):
                counts[event.subject] = counts.get(event.subject, 0) + 1
                started[1] += 1
        if started[1] >= events:
            stop.set()

    settings = BusSettings(bootstrap=bootstrap, profile=Profile.TANSU)
    consumer = BatchConsumer(
        settings,
        group=f"sink{time.time_ns()}",
        topics=[topics.TELEMETRY.name],
        limits=BatchLimits(max_records=100, max_wait_s=0.2),
    )
    consumer.run(handle, stop=stop)
    say(int(started[1]), started[0])


def run_faust_counts(bootstrap: str, events: int) -> None:
    """What quixstreams does, on our lane: four fields, a count by device in a table with changelog, one write per
    envelope, offset inside the value.
    """
    run_faust_stateless(bootstrap, events, 0, keep_counts=1)


def run_faust_stateless(bootstrap: str, events: int, full: int, keep_counts: int = 0) -> None:
    """The bulk lane without state: our Faust application, agent and guard, decode, a count by subject."""
    from cior_bus import topics
    from cior_bus.message import RecordIn
    from cior_bus.metrics import Metrics
    from cior_bus.producer import Bus
    from cior_bus.settings import BusSettings, Profile
    from cior_core import codec
    from cior_core.catalogue import Kind
    from cior_streams import app as edge
    from cior_streams.guard import Guard
    from cior_streams.runner import WallClock
    from cior_streams.settings import Role, StreamSettings

    counts: dict[str, int] = {}
    progress = [0.0, 0]
    narrow = msgspec.json.Decoder(list[Narrow]).decode
    held: dict[bytes, tuple[int, dict[str, int]]] = {}
    tables: list[MutableMapping[bytes, bytes]] = []

    async def count(record: RecordIn) -> None:
        progress[0] = progress[0] or time.process_time()
        key = record.key or b""
        offset, numbers = held.get(key, (-1, {}))
        if record.offset <= offset:
            return
        for event in narrow(record.value or b"[]"):
            numbers[event.subject] = numbers.get(event.subject, 0) + 1
            progress[1] += 1
        held[key] = (record.offset, numbers)
        tables[0][key] = msgspec.msgpack.encode(held[key])

    async def handle(record: RecordIn) -> None:
        progress[0] = progress[0] or time.process_time()
        for event in codec.records(Kind.EVENT, record.value) if full else narrow(record.value or b"[]"):
            counts[event.subject] = counts.get(event.subject, 0) + 1
            progress[1] += 1

    async def main() -> None:
        bus = BusSettings(bootstrap=bootstrap, profile=Profile.TANSU)
        settings = StreamSettings(
            bus=bus, role=Role.BULK, state_dir=Path(tempfile.mkdtemp()), app_prefix=f"bench{time.time_ns()}"
        )
        app = edge.create_app(settings)
        if keep_counts:
            tables.append(edge.bytes_table(app, "devices", settings))
        with Bus(bus) as outlet:
            edge.add_agent(
                app,
                topics.TELEMETRY,
                count if keep_counts else handle,
                name="telemetry",
                guard=Guard(outlet, clock=WallClock(), metrics=Metrics()),
            )
            await until_read(app, progress, events)

    import uvloop

    uvloop.run(main())


async def until_read(app: Any, progress: list[float], events: int) -> None:
    """Run ``app`` until ``progress`` (processor time of the first event, events read) says that all are read."""
    app.loop = asyncio.get_running_loop()
    app.finalize()
    starting = asyncio.ensure_future(app.start())
    while progress[1] < events:  # noqa: ASYNC110 (no event tells it)
        await asyncio.sleep(0.01)
    say(int(progress[1]), progress[0])
    sys.stdout.flush()
    await asyncio.wait_for(app.stop(), 10)
    starting.cancel()


def run_faust_devices(bootstrap: str, envelopes: int, events: int) -> None:
    """The whole bulk worker: decode, device state (supervision, clock, place), table with changelog, watchdog,
    health.
    """
    from cior_bus.settings import BusSettings, Profile
    from cior_city import packs
    from cior_streams import metrics as s
    from cior_streams.runner import Worker
    from cior_streams.settings import Role, StreamSettings
    from cior_streams.wiring import Domain

    async def main() -> None:
        bus = BusSettings(bootstrap=bootstrap, profile=Profile.TANSU)
        settings = StreamSettings(
            bus=bus, role=Role.BULK, state_dir=Path(tempfile.mkdtemp()), app_prefix=f"bench{time.time_ns()}"
        )
        worker = Worker(settings, Domain.of(packs.rule_pack(), packs.taxonomy()))
        running = asyncio.ensure_future(worker.run())
        while not worker.metrics.value(s.HANDLED, "telemetry"):  # noqa: ASYNC110 (no event tells it)
            await asyncio.sleep(0.005)
        started_s, before = time.process_time(), worker.metrics.value(s.HANDLED, "telemetry")
        while worker.metrics.value(s.HANDLED, "telemetry") < envelopes:  # noqa: ASYNC110 (no event tells it)
            await asyncio.sleep(0.02)
        say(round(events * (1 - before / envelopes)), started_s)
        sys.stdout.flush()
        worker.stop()
        await running

    import uvloop

    uvloop.run(main())


QUIX = """
import json, sys, tempfile, time
import msgspec
from quixstreams import Application
bootstrap, events = sys.argv[1], int(sys.argv[2])
class Seen(msgspec.Struct):
    id: str
    subject: str
    type: str
    time: str
decode = msgspec.json.Decoder(Seen).decode
progress = [0.0, 0]
app = Application(broker_address=bootstrap, consumer_group=f"quix{time.time_ns()}", auto_offset_reset="earliest",
                  state_dir=tempfile.mkdtemp(), loglevel="ERROR", commit_interval=0.5,
                  consumer_extra_config={"fetch.wait.max.ms": 20, "session.timeout.ms": 6000},
                  topic_create_timeout=30)
topic = app.topic(SINGLES, value_deserializer="bytes", key_deserializer="bytes")
frame = app.dataframe(topic)
def count(value, state):
    progress[0] = progress[0] or time.process_time()
    subject = decode(value).subject
    n = state.get(subject, 0) + 1
    state.set(subject, n)
    progress[1] += 1
    if progress[1] >= events:
        print(json.dumps({"events": progress[1], "cpu_s": time.process_time() - progress[0]}), flush=True)
        app.stop()
    return n
frame = frame.apply(count, stateful=True)
app.run(frame)
"""


def contestants(bootstrap: str, events: int, envelopes: int, quix_python: str) -> dict[str, list[str]]:
    me = [sys.executable, __file__, "--child"]
    count = str(events)
    return {
        "bare confluent loop, four fields decoded": [*me, "bare", bootstrap, count, "0"],
        "**Faust bulk lane**, envelopes, four fields decoded": [*me, "stateless", bootstrap, count, "0"],
        "bare confluent loop, whole event decoded": [*me, "bare", bootstrap, count, "1"],
        "**Faust bulk lane**, envelopes, whole event decoded": [*me, "stateless", bootstrap, count, "1"],
        "bus `BatchConsumer`, envelopes, whole event decoded": [*me, "batch", bootstrap, count],
        "**Faust bulk worker**: whole event, device state, table with changelog": [
            *me,
            "devices",
            bootstrap,
            str(envelopes),
            count,
        ],
        "**Faust bulk lane**: keyed count in a table with changelog, four fields decoded": [
            *me,
            "counts",
            bootstrap,
            count,
        ],
        QUIX_NAME: [quix_python, "-c", QUIX.replace("SINGLES", repr(SINGLES)), bootstrap, count],
    }


def child(name: str, arguments: list[str]) -> None:
    runs = {
        "bare": run_bare,
        "batch": run_batch_consumer,
        "stateless": run_faust_stateless,
        "devices": run_faust_devices,
        "counts": run_faust_counts,
    }
    runs[name](arguments[0], *map(int, arguments[1:]))  # type: ignore[operator]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quix-python", default="")
    parser.add_argument("--child", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1:])
        return
    from cior_bus.embedded.tansu import Tansu

    with Tansu() as broker:
        envelopes = produce(broker.bootstrap, options.events)
        rates: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, argv in contestants(
                broker.bootstrap, options.events, envelopes, options.quix_python
            ).items():
                if not argv[0]:
                    continue
                ran = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
                lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
                if not lines:
                    print(f"{name}: {ran.stderr[-800:]}", file=sys.stderr)
                    continue
                said = json.loads(lines[-1])
                rates.setdefault(name, []).append(said["events"] / said["cpu_s"])
    report(rates, options.events, envelopes)


def report(rates: dict[str, list[float]], events: int, envelopes: int) -> None:
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(
        f"\n{events} events, {DEVICES} devices, {envelopes} envelopes of up to {ENVELOPE}; events per CPU "
        f"second of the reading process, medians\n"
    )
    print(
        "| reader | events/s per core (median) | range | to the bare loop with the same decoding | to "
        "quixstreams State |"
    )
    print("|---|---|---|---|---|")
    for name, values in rates.items():
        bare = next(
            rate
            for each, rate in middle.items()
            if each.startswith("bare") and ("four" in each) is ("four" in name or name is QUIX_NAME)
        )
        quix = (
            f"{middle[name] / middle[QUIX_NAME]:.2f}x"
            if QUIX_NAME in middle
            else "not run (no --quix-python)"
        )
        print(
            f"| {name} | {middle[name]:,.0f} | {min(values):,.0f}–{max(values):,.0f} | "
            f"{middle[name] / bare:.2f}x | {quix} |"
        )


if __name__ == "__main__":
    main()
