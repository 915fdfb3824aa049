"""A backlog of telemetry is drained while presses arrive: how long it takes, and what it does to the presses.

    python benchmarks/bench_backlog.py [--events 250000] [--envelope 50] [--every-s 0.5] [--quick]

The embedded stack runs; the bulk stream worker and the sink with the console are frozen with SIGSTOP, the position
events of 5,000 vehicles are published to ``cior.telemetry.v1`` in envelopes keyed by device bucket, and both are let
go. From that instant on a button is pressed each half second, by turns over Traccar's HTTP POST and DC-09's TCP.
Drained means: both consumer groups have committed behind the last backlogged envelope, which each does only after its
work (device states in their table; rows in ClickHouse). Afterwards the stored rows are counted, copies collapsed.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import threading
import time
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from cior_bus import topics
from cior_store.engine import Store
from cior_store.questions import SupervisorQuestions
from city_load import SOURCE, Fleet, Tally
from measured import Clocked, Row, Table, latency, markdown, now_ms, write
from press_rig import Busy, GridCentre, Hops, Press, Presser, StoreEyes, Wall

FROZEN = ("streams-bulk", "sink-console")
GROUPS = {"bulk worker": "cior-bulk", "store": "cior-store-bulk"}
PATIENCE_S = 600.0
SPAN_S = 170.0
"""250,000 events are 170 s of a city that makes 1,500 a second."""


class Drain(threading.Thread):
    """Watches both groups; ``took_s`` when each has passed the end of the backlog."""

    def __init__(self, centre: GridCentre, ends: dict[int, int]) -> None:
        super().__init__(name="drain", daemon=True)
        self._centre, self._ends = centre, ends
        self.began_s = time.monotonic()
        self.took_s: dict[str, float] = {}

    def run(self) -> None:
        """Until both are through, or patience ends."""
        while len(self.took_s) < len(GROUPS) and time.monotonic() - self.began_s < PATIENCE_S:
            for who, group in GROUPS.items():
                if who in self.took_s:
                    continue
                committed = self._centre.group_position(group, topics.TELEMETRY)
                if committed and all(committed.get(part, -1) > last for part, last in self._ends.items()):
                    self.took_s[who] = round(time.monotonic() - self.began_s, 1)
            time.sleep(0.25)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    presses: list[Press]
    drain: Drain
    hops: Hops
    eyes: StoreEyes
    shares: dict[str, float]
    restarts: dict[str, int]
    stored: int
    placed_s: float


def publish(centre: GridCentre, *, events: int, envelope: int) -> tuple[dict[int, int], float]:
    """Place the backlog; the last offset of each partition, and how long it took."""
    fleet, tally, started_s = Fleet(5_000, seed=31, prefix="backlog"), Tally(), time.monotonic()
    producer = Producer(
        {**msgspec.structs.replace(centre.stack.bus, linger_ms=5).producer(), "message.timeout.ms": 60_000}
    )
    last_ms = now_ms()
    for key, value in fleet.envelopes(
        events, size=envelope, first_ms=last_ms - int(SPAN_S * 1000), last_ms=last_ms
    ):
        while True:
            try:
                producer.produce(topics.TELEMETRY.name, value=value, key=key, on_delivery=tally.delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0, "the broker did not take the backlog"
    assert tally.lost == 0, f"{tally.lost} envelopes were not taken"
    return tally.offsets, time.monotonic() - started_s


async def pressing(
    centre: GridCentre, ends: dict[int, int], options: argparse.Namespace, counted: int
) -> tuple[list[Press], Drain, StoreEyes]:
    """Let go, press until drained, wait for the last ones."""
    wall, eyes, over = (
        Wall(centre.stack.wall_url),
        StoreEyes(centre.stack.wall_url, every_s=0.1),
        asyncio.Event(),
    )
    watching = [asyncio.ensure_future(wall.run()), asyncio.ensure_future(eyes.run())]
    presser = Presser(centre, wall, eyes)
    presser.start_counting(counted)
    drain = Drain(centre, ends)
    for part in FROZEN:
        centre.resume(part)
    drain.began_s = time.monotonic()
    drain.start()

    async def watch() -> None:
        await asyncio.to_thread(drain.join)
        over.set()

    try:
        await asyncio.gather(watch(), presser.steadily(every_s=options.every_s, until=over, most=600))
        await presser.settled(within_s=30)
    finally:
        for task in watching:
            task.cancel()
        await presser.close()
    return presser.presses, drain, eyes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=250_000)
    parser.add_argument("--envelope", type=int, default=50)
    parser.add_argument("--every-s", type=float, default=0.5)
    parser.add_argument("--quick", action="store_true", help="50,000 events; the result is kept apart")
    options = parser.parse_args()
    options.events = 50_000 if options.quick else options.events
    clocked = Clocked("backlog", "Backlog of telemetry while presses arrive", quick=options.quick)
    began_ms = now_ms() - int(SPAN_S * 1000) - 60_000
    with tempfile.TemporaryDirectory(prefix="cior-bench-") as name:
        folder = Path(name)
        with GridCentre(folder, seed=41) as centre:
            asyncio.run(warm(centre))
            counted = centre.ask("/api/ask/latency")["n"]
            hops = Hops(centre)
            for part in FROZEN:
                centre.pause(part)
            ends, placed_s = publish(centre, events=options.events, envelope=options.envelope)
            hops.start()
            busy = Busy(centre)
            presses, drain, eyes = asyncio.run(pressing(centre, ends, options, counted))
            shares = busy.shares()
            restarts = {part: told[2] for part, told in centre.stack.supervisor.status().items() if told[2]}
            hops.stop()
            dsn = centre.stack.addresses.store_dsn
        stored = rows_stored(dsn, since_ms=began_ms, until_ms=now_ms() + 60_000)
    assert stored == options.events, f"{stored} of {options.events} events are in the store"
    run = Run(
        presses=presses,
        drain=drain,
        hops=hops,
        eyes=eyes,
        shares=shares,
        restarts=restarts,
        stored=stored,
        placed_s=placed_s,
    )
    result = clocked.result(tables(run, options), notes(run))
    print(write(result))
    print(markdown(result))


async def warm(centre: GridCentre) -> None:
    """A few presses first: the same warm centre as in the other benchmark."""
    wall = Wall(centre.stack.wall_url)
    watching = asyncio.ensure_future(wall.run())
    await asyncio.wait_for(wall.connected.wait(), 15)
    presser = Presser(centre, wall)
    centre.grid = [*centre.grid[6:], *centre.grid[:6]]
    await presser.warm_up()
    watching.cancel()
    await presser.close()


def rows_stored(dsn: str, *, since_ms: int, until_ms: int) -> int:
    """Distinct backlogged events in the store, asked of the closed centre's own folder."""
    with Store.open(dsn) as store:
        return sum(
            row.events
            for row in SupervisorQuestions(store).events_by_minute(
                since_ms=since_ms, until_ms=until_ms, source=SOURCE
            )
        )


def tables(run: Run, options: argparse.Namespace) -> list[Table]:
    drain, presses = run.drain, run.presses
    whole_s = (
        max(drain.took_s.values(), default=float("nan")) if len(drain.took_s) == len(GROUPS) else PATIENCE_S
    )
    took = [
        Row(label=f"drained by the {who}", unit="s", median=took_s) for who, took_s in drain.took_s.items()
    ]
    took.append(Row(label="drained by both", unit="s", median=whole_s, aim="≤ 120 s", met=whole_s <= 120))
    took += [
        Row(label=f"rate of the {who}", unit="events/s", median=round(options.events / took_s))
        for who, took_s in drain.took_s.items()
    ]
    hop = latency("one hop: bare produce to bare consume, same broker", run.hops.took_ms)
    base, rows = ("one hop", hop.median), [hop]
    feed = [press.feed_ms - press.at_ms for press in presses if press.feed_ms is not None]
    rows.append(
        latency("press (both wires): on the live feed", feed, baseline=base, p95_aim=500, p99_aim=1000)
    )
    settled = [press.feed_ms - press.at_ms for press in presses[8:] if press.feed_ms is not None]
    rows.append(latency("the same without the first eight presses (the thaw)", settled, baseline=base))
    asked = [press.store_ms - press.at_ms for press in presses if press.store_ms is not None]
    if asked:
        rows.append(
            latency(
                "traccar press: in the store's question, asked",
                asked,
                baseline=base,
                p95_aim=500,
                p99_aim=1000,
            )
        )
    used = [
        Row(label=part, unit="% of a core", median=share)
        for part, share in sorted(run.shares.items(), key=lambda item: -item[1])
    ]
    return [
        Table(title=f"{options.events:,} events in envelopes of {options.envelope}: drain", rows=tuple(took)),
        Table(title="Presses meanwhile", rows=tuple(rows)),
        Table(title="Processor use meanwhile", rows=tuple(used)),
    ]


def notes(run: Run) -> list[str]:
    presses, drain, eyes = run.presses, run.drain, run.eyes
    lost = sum(press.feed_ms is None for press in presses)
    return [
        (
            f"{len(presses)} presses in the time, {lost} never seen on the feed; restarts of parts in the whole "
            f"run: {run.restarts or 'none'}."
        ),
        (
            f"Rows of the backlog in the store afterwards, copies collapsed: {run.stored:,}. Publishing the "
            f"backlog took {run.placed_s:.0f} s."
        ),
        (
            f"Groups through in time: {', '.join(drain.took_s) or 'none'}. The backlog has events only, no "
            f"raw records; the store's P1 question was asked "
            f"{eyes.asked} times, {eyes.refused} without an answer."
        ),
    ]


if __name__ == "__main__":
    main()
