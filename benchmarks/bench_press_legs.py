"""Where the time of a press goes, leg by leg: device, connector, urgent topic, area log, alerts topic, open page.

    python benchmarks/bench_press_legs.py [--broker tansu kafka] [--presses 100] [--per-s 2] [--rate 0] [--quick]

A whole centre of processes runs, on the embedded broker and on Apache Kafka by turns. Nothing in it is changed for the
measurement: afterwards the topics are read from their beginning, and each message of a press carries the instant at
which its producer handed it over. So the legs are

* ``device → receipt``: from before the first byte to the connector's receipt stamp;
* ``receipt → urgent``: decode, room in the spool, until the press is handed to the client;
* ``urgent → area log``: producing, the worker's fetch, what is known of the device;
* ``area log → alert``: producing, the worker's fetch, the decision, its alert handed to the client;
* ``alert → live feed``: producing, the console's fetch, the row, Server-Sent Events, until an open page has it.

Three of them hold one hop over the broker each; the baseline is such a hop with a bare client at the same time, which
looks for new data as often as the stream workers do. ``--rate``: telemetry events a second behind the presses.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from cior_bus import topics
from cior_bus.admin import Topics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Alert, Event, EventItem
from city_load import SOURCE  # noqa: F401 - the generator must be importable before a long run starts
from measured import Clocked, Row, Table, latency, markdown, write
from press_rig import CityLoad, GridCentre, Hops, Press, Presser, Spot, Wall

LEGS = (
    "device → receipt",
    "receipt → urgent",
    "urgent → area log",
    "area log → alert",
    "alert → live feed",
)
BASELINE = "one hop"
P95_MS, P99_MS = {False: 40.0, True: 300.0}, {False: None, True: 600.0}
"""The aims, alone and with telemetry behind."""


class Instants(msgspec.Struct, frozen=True):
    """When one press was where, UTC milliseconds: the ends of :data:`LEGS`, in their order."""

    ends_ms: tuple[int, ...]

    @property
    def legs_ms(self) -> tuple[int, ...]:
        """The legs, which add up to the whole."""
        return tuple(end - begin for begin, end in zip(self.ends_ms, self.ends_ms[1:], strict=False))

    @property
    def whole_ms(self) -> int:
        """From the first byte to the page."""
        return self.ends_ms[-1] - self.ends_ms[0]


def messages(centre: GridCentre, spec: topics.TopicSpec) -> Iterator[Message]:
    """Everything in a topic, from its beginning to the end that each partition has when it is reached."""
    consumer = Consumer({**centre.stack.bus.consumer("bench-legs"), "enable.partition.eof": True})
    left = set(range(Topics(centre.stack.bus).existing()[spec.name]))
    consumer.assign([TopicPartition(spec.name, each, 0) for each in left])
    give_up_s = time.monotonic() + 30
    try:
        while left:
            assert time.monotonic() < give_up_s, f"{spec.name} has no end"
            for message in consumer.consume(500, timeout=0.2):
                if message.error() is None:
                    yield message
                else:
                    left.discard(message.partition() or 0)
    finally:
        consumer.close()


def instants(centre: GridCentre, presses: list[Press]) -> list[Instants]:
    """The instants of every press that reached the page: found by its place, then by its event."""
    opened: dict[Spot, tuple[str, int]] = {}
    for message in messages(centre, topics.ALERTS):
        alert = codec.decode(Kind.ALERT, message.value() or b"null")
        if isinstance(alert, Alert) and alert.members and alert.place.lat is not None:
            spot = (round(alert.place.lat, 6), round(alert.place.lon or 0.0, 6))
            opened.setdefault(spot, (alert.members[0].event_id, message.timestamp()[1]))
    urgent: dict[str, tuple[int, int]] = {
        event.id: (event.received_ms, message.timestamp()[1])
        for message in messages(centre, topics.URGENT)
        if isinstance(event := codec.decode(Kind.EVENT, message.value() or b""), Event)
    }
    logged: dict[str, int] = {}
    for message in messages(centre, topics.AREA):
        for item in codec.records(Kind.ITEM, message.value()):
            if isinstance(item, EventItem):
                logged.setdefault(item.event.id, message.timestamp()[1])
    found = []
    for press in presses:
        event_id, alert_ms = opened.get(press.spot, ("", 0))
        if press.feed_ms is None or event_id not in urgent or event_id not in logged:
            continue
        received_ms, urgent_ms = urgent[event_id]
        ends = (press.at_ms, received_ms, urgent_ms, logged[event_id], alert_ms, press.feed_ms)
        found.append(Instants(ends))
    return found


async def pressed(centre: GridCentre, options: argparse.Namespace, *, seed: int) -> list[Press]:
    """The presses, with one open page."""
    wall = Wall(centre.stack.wall_url)
    watching = asyncio.ensure_future(wall.run())
    await asyncio.wait_for(wall.connected.wait(), 15)
    presser = Presser(centre, wall)
    try:
        await presser.warm_up()
        await presser.poisson(options.presses, per_s=options.per_s, seed=seed)
        await presser.settled(within_s=20)
    finally:
        watching.cancel()
        await presser.close()
    return presser.presses


@contextlib.contextmanager
def running(broker: str, folder: Path, *, seed: int) -> Iterator[GridCentre]:
    """A centre on the embedded broker, or on an Apache Kafka of its own."""
    with contextlib.ExitStack() as stack:
        if broker == "tansu":
            yield stack.enter_context(GridCentre(folder, seed=seed))
            return
        from engines.apache_kafka import ApacheKafka

        engine = stack.enter_context(ApacheKafka(folder / "kafka"))
        bus = f'[bus]\ndsn = "kafka://{engine.bootstrap}?profile=kafka"\n\n[centre]'
        yield stack.enter_context(
            GridCentre(folder, seed=seed, edit=lambda text: text.replace("[centre]", bus, 1))
        )


def measure(broker: str, options: argparse.Namespace) -> tuple[Table, str]:
    """One fresh centre on one broker."""
    with (
        tempfile.TemporaryDirectory(prefix="cior-bench-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        (folder / "kafka").mkdir()
        centre = stack.enter_context(running(broker, folder, seed=23))
        hops = Hops(centre)
        hops.start()
        if options.rate:
            stack.enter_context(CityLoad(centre, rate=options.rate, front_rate=min(200, options.rate)))
            asyncio.run(asyncio.sleep(5))
        presses = asyncio.run(pressed(centre, options, seed=23))
        hops.stop()
        found = instants(centre, presses)
    lost = sum(press.feed_ms is None for press in presses)
    note = (
        f"{broker}: {len(presses)} presses, {lost} never seen on the feed, {len(found)} followed leg by leg."
    )
    return Table(title=broker, rows=tuple(rows(found, hops, is_loaded=bool(options.rate)))), note


def rows(found: list[Instants], hops: Hops, *, is_loaded: bool) -> list[Row]:
    hop = latency(f"{BASELINE}: bare produce to bare consume, same broker", hops.took_ms)
    base = (BASELINE, hop.median)
    legs = [latency(leg, [each.legs_ms[n] for each in found], baseline=base) for n, leg in enumerate(LEGS)]
    whole = latency(
        "press → live feed",
        [each.whole_ms for each in found],
        baseline=base,
        p95_aim=P95_MS[is_loaded],
        p99_aim=P99_MS[is_loaded],
    )
    return [hop, *legs, whole]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", nargs="+", choices=("tansu", "kafka"), default=["tansu", "kafka"])
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--per-s", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--name", default="")
    parser.add_argument("--quick", action="store_true", help="20 presses; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.presses = 20
    behind = f", with {options.rate:,.0f} telemetry events/s" if options.rate else ", alone"
    name = options.name or ("press_legs_loaded" if options.rate else "press_legs")
    clocked = Clocked(name, f"Legs of a press{behind}", quick=options.quick)
    measured = [measure(broker, options) for broker in options.broker]
    said = [note for _, note in measured]
    said.append("Medians of legs do not add up to the median of the whole; the legs of each press do.")
    result = clocked.result([table for table, _ in measured], said)
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
