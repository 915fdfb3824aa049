"""Telemetry of a city behind the presses: realistic position events of thousands of vehicles, made by a process of
its own.

    python benchmarks/city_load.py BROKER --rate 1500 [--front URL --front-rate 300] [--devices 5000] [--seconds 60]

Two ways in, because a simulated Traccar *and* the whole product share two cores here. ``front``: real HTTP POSTs of
Traccar's JSON to the connector's port, which does everything it does in a centre. The rest is published straight to
``cior.telemetry.v1`` in envelopes keyed by device bucket, one envelope a bucket a second, with the raw records beside
them on ``cior.raw.v1``: that is what the connector's spool would have drained, so the bulk worker, the store and the
broker bear the whole rate. Prints one line of JSON when it ends (SIGTERM, closed standard input, or ``--seconds``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import aiohttp
import msgspec
from confluent_kafka import KafkaError, Message, Producer

from cior_bus import topics
from cior_bus.lanes import BUCKETS, bucket_key, device_bucket
from cior_bus.settings import BusSettings
from cior_core import codec, identity
from cior_core.geo import City
from cior_core.model import (
    ClockQuality,
    Event,
    Lane,
    Place,
    PlaceMethod,
    RawPointer,
    RawRecord,
    TypeCode,
)
from cior_core.model import (
    Producer as Origin,
)
from cior_demo.roster import city_point

SOURCE = "urn:cior:traccar:load"
_ORIGIN = Origin(connector="traccar", version="0.1.0", instance="load")
_POINTS = 4_000
_TURN_S = 0.05


class Fleet:
    """Vehicles that drive round the city and report.

    Equal seeds give equal routes; ids follow from vehicle and report number.
    """

    def __init__(self, devices: int, *, seed: int, prefix: str = "load") -> None:
        dice, city = random.Random(seed), City.demo()
        self.points = [_placed(city, *city_point(city, dice)) for _ in range(_POINTS)]
        self._prefix = f"{prefix}-{seed}"
        self._devices: list[list[int]] = [[] for _ in range(BUCKETS)]
        keys = {bucket_key(number): number for number in range(BUCKETS)}
        for device in range(devices):
            self._devices[keys[device_bucket(self.subject(device))]].append(device)
        self._reports = [0] * devices
        self._turns = [0] * BUCKETS

    def subject(self, device: int) -> str:
        """A vehicle's name in events."""
        return f"vehicle:{self._prefix}-{device:05d}"

    def next_device(self, bucket: int) -> int:
        """Whose turn it is in a bucket."""
        waiting = self._devices[bucket]
        self._turns[bucket] += 1
        return waiting[self._turns[bucket] % len(waiting)]

    def report(self, device: int, at_ms: int) -> tuple[bytes, bytes]:
        """The next position of a vehicle: encoded event, encoded raw record."""
        number = self._reports[device]
        self._reports[device] += 1
        place, speed = self.points[(device * 7 + number) % _POINTS], (device + number * 3) % 60
        body = traccar_body(
            self.subject(device).removeprefix("vehicle:"), place, speed_kmh=speed, at_ms=at_ms, number=number
        )
        digest = identity.payload_sha256(body)
        raw = RawRecord(
            id=identity.raw_id(SOURCE, digest, received_ms=at_ms, instance="load", ordinal=number),
            source=SOURCE,
            subject=self.subject(device),
            received_ms=at_ms,
            payload=body,
            sha256=digest,
            content_type="application/json",
            facts={"via": "forward", "~peer": "127.0.0.1"},
            producer=_ORIGIN,
            events=1,
        )
        event = Event(
            id=identity.event_id(SOURCE, f"{self._prefix}/{device}/{number}"),
            source=SOURCE,
            type=TypeCode("position"),
            subject=self.subject(device),
            occurred_ms=at_ms,
            received_ms=at_ms,
            clock=ClockQuality.SYNCED,
            lane=Lane.TELEMETRY,
            place=place,
            raw=RawPointer(raw_id=raw.id, sha256=raw.sha256),
            producer=_ORIGIN,
            registered=True,
            native_key=f"{self._prefix}/{device}/{number}",
            native_type="position",
            attributes={
                "speed_kmh": float(speed),
                "course_deg": 90.0,
                "native": {"sat": 9, "ignition": True, "motion": True},
                "expected_every_s": 300.0,
            },
        )
        return codec.encode(event), codec.encode(raw)

    def envelope(self, bucket: int, count: int, *, first_ms: int, span_ms: int = 0) -> tuple[bytes, bytes]:
        """``count`` reports of a bucket, evenly over ``span_ms``: event envelope, raw envelope."""
        pairs = [
            self.report(self.next_device(bucket), first_ms + span_ms * number // count)
            for number in range(count)
        ]
        return codec.join([event for event, _ in pairs]), codec.join([raw for _, raw in pairs])

    def envelopes(
        self, events: int, *, size: int, first_ms: int, last_ms: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """Exactly ``events`` reports, evenly over the time span, as (key, event envelope): a backlog."""
        made = 0
        while made < events:
            bucket, count = (made // size) % BUCKETS, min(size, events - made)
            at_ms = first_ms + (last_ms - first_ms) * made // events
            yield bucket_key(bucket), self.envelope(bucket, count, first_ms=at_ms)[0]
            made += count


def _placed(city: City, lat: float, lon: float) -> Place:
    return city.placed(Place(method=PlaceMethod.GPS, lat=lat, lon=lon, fix_age_s=0.0))


def traccar_body(native: str, place: Place, *, speed_kmh: float, at_ms: int, number: int) -> bytes:
    """What a Traccar server posts for one position."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    position = {
        "id": number, "deviceId": 1, "protocol": "teltonika", "serverTime": at, "deviceTime": at,
        "fixTime": at, "outdated": False,
        "valid": True,
        "latitude": place.lat, "longitude": place.lon, "altitude": 25.0,
        "speed": round(speed_kmh / 1.852, 3), "course": 90.0, "accuracy": 0.0,
        "attributes": {"sat": 9, "ignition": True, "motion": True},
    }  # fmt: skip
    device = {
        "id": 1,
        "name": native,
        "uniqueId": native,
        "status": "online",
        "category": "bus",
        "attributes": {},
    }
    return msgspec.json.encode({"position": position, "device": device})


class Tally:
    """What was made and confirmed. Offsets: the last confirmed one of each partition of the telemetry lane."""

    def __init__(self) -> None:
        self.front = self.straight = self.refused = self.lost = 0
        self.late_s = 0.0
        self.offsets: dict[int, int] = {}

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """Delivery report of one envelope."""
        if error is not None:
            self.lost += 1
        elif message.topic() == topics.TELEMETRY.name:
            partition, offset = message.partition() or 0, message.offset() or 0
            self.offsets[partition] = max(offset, self.offsets.get(partition, -1))


async def straight(
    fleet: Fleet, producer: Producer, tally: Tally, *, rate: float, stop: asyncio.Event
) -> None:
    """One envelope a bucket a second, the buckets spread evenly over the second."""
    started_s, sent, bucket, owed = time.monotonic(), 0, 0, 0.0
    while not stop.is_set():
        due = int((time.monotonic() - started_s) * BUCKETS)
        tally.late_s = max(tally.late_s, (due - sent - 1) / BUCKETS - _TURN_S)
        while sent < due:
            owed += rate / BUCKETS
            now_ms, count = time.time_ns() // 1_000_000, int(owed)
            owed -= count
            events, raws = fleet.envelope(bucket, count, first_ms=now_ms - 1000, span_ms=1000)
            key = bucket_key(bucket)
            producer.produce(topics.RAW.name, value=raws, key=key, on_delivery=tally.delivered)
            producer.produce(topics.TELEMETRY.name, value=events, key=key, on_delivery=tally.delivered)
            tally.straight += count
            bucket, sent = (bucket + 1) % BUCKETS, sent + 1
            producer.poll(0)
        await asyncio.sleep(_TURN_S)


async def front(
    fleet: Fleet, tally: Tally, *, url: str, rate: float, devices: int, stop: asyncio.Event
) -> None:
    """Traccar's posts over a few kept connections; a refused or failed post is counted, not repeated."""
    secret = os.environ["CIOR_TRACCAR_SECRET"]
    connector = aiohttp.TCPConnector(limit=16)
    async with aiohttp.ClientSession(
        headers={"X-CIOR-Token": secret, "Content-Type": "application/json"}, connector=connector
    ) as session:
        posts: set[asyncio.Task[None]] = set()

        async def post(body: bytes) -> None:
            try:
                async with session.post(url, data=body) as answer:
                    await answer.read()
                    tally.front += answer.status < 300
                    tally.refused += answer.status >= 300
            except (aiohttp.ClientError, TimeoutError):
                tally.refused += 1

        started_s, sent = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - started_s) * rate)
            if len(posts) > 500:  # the front is behind: posting more would measure our own queue
                sent = due
            while sent < due:
                now_ms, device = time.time_ns() // 1_000_000, sent % devices
                body = traccar_body(
                    f"front-{device:05d}",
                    fleet.points[sent % _POINTS],
                    speed_kmh=30.0,
                    at_ms=now_ms,
                    number=sent,
                )
                task = asyncio.ensure_future(post(body))
                posts.add(task)
                task.add_done_callback(posts.discard)
                sent += 1
            await asyncio.sleep(0.02)
        await asyncio.gather(*posts)


async def run(options: argparse.Namespace) -> None:
    """Until told to stop."""
    stop, tally, fleet = asyncio.Event(), Tally(), Fleet(options.devices, seed=options.seed)
    loop = asyncio.get_running_loop()
    if options.seconds:
        loop.call_later(options.seconds, stop.set)
    else:
        loop.add_reader(sys.stdin, stop.set)
    producer = Producer(BusSettings.from_dsn(options.broker, client_id="city-load", linger_ms=5).producer())
    print("started", flush=True)
    started_s = time.monotonic()
    work = (
        [straight(fleet, producer, tally, rate=options.rate - options.front_rate, stop=stop)]
        if options.rate > options.front_rate
        else []
    )
    if options.front_rate:
        work.append(front(fleet, tally, url=options.front, rate=options.front_rate, devices=1_000, stop=stop))
    await asyncio.gather(*work)
    lasted_s = time.monotonic() - started_s
    producer.flush(10)
    told = {
        "seconds": round(lasted_s, 1), "front_per_s": round(tally.front / lasted_s, 1),
        "straight_per_s": round(tally.straight / lasted_s, 1),
        "refused": tally.refused, "lost": tally.lost, "latest_s": round(tally.late_s, 2),
        "cpu_s": round(time.process_time(), 1),
    }  # fmt: skip
    print(json.dumps(told), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("broker", help="kafka://host:port?profile=tansu")
    parser.add_argument("--rate", type=float, default=1_500)
    parser.add_argument("--front", default="", help="address of the Traccar connector")
    parser.add_argument("--front-rate", type=float, default=0)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
