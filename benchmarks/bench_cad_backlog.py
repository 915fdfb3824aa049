"""A file of 30,000 calls is dropped by a 911 desk while buttons are pressed.

    python benchmarks/bench_cad_backlog.py [--rows 30000] [--per-s 2] [--press-s 60] [--within-s 150] [--quick]

The embedded stack runs. The file is a day of calls, written as the demo's desk writes its export, away from the buttons
(no press may join a call's alert, or it could not be told from it). From two seconds before the drop on, buttons are
pressed at Poisson instants, by turns over Traccar and DC-09, for ``--press-s``; then the file goes on alone. Drained
means that both consumer groups have committed behind the last call: the bulk worker (device states, and what may wait
sent to the door of the area log) and the urgent worker (the door, and the area log itself). What is not done within
``--within-s`` is left, and said.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from confluent_kafka import Message

from bench_press_legs import messages
from cior_bus import topics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Event, EventItem
from cior_demo.wires import CadWire
from cior_demo.world import ZONE
from measured import Clocked, Row, Table, latency, markdown, now_ms, write
from press_rig import Busy, GridCentre, Hops, Press, Presser, Wall

SPAN_H = 20.0
EAST_DEGREES = 0.35
"""How far the calls lie from the buttons: some 33 km."""
NATURES = (
    ("ruidos molestos", 28), ("persona sospechosa", 14), ("discusión en la vía pública", 10),
    ("choque sin heridos", 10), ("alarma privada", 10), ("robo de bicicleta", 8), ("luminaria apagada", 8),
    ("árbol caído", 5), ("dolor de pecho", 4), ("disparos", 1), ("otros", 2),
)  # fmt: skip
BULK, URGENT = "bulk worker: read, devices known", "urgent worker: correlated"
GROUPS = {BULK: ("cior-bulk", topics.EVENTS), URGENT: ("cior-urgent", topics.AREA)}
DESK = "urn:cior:cad:"
DRAIN_AIM = 500
P95_MS, P99_MS = 500, 1000


def drop(centre: GridCentre, rows: int, *, seed: int) -> None:
    """Write the file as the desk does, and rename it."""
    dice, zone, first = random.Random(seed), ZoneInfo(ZONE), datetime.now(UTC) - timedelta(hours=SPAN_H)
    south, west, north, east = centre.city.bounds
    wire = CadWire(centre.world.cad_folder, year=first.year)
    natures = dice.choices([each for each, _ in NATURES], [weight for _, weight in NATURES], k=rows)
    for number, nature in enumerate(natures):
        at = (first + timedelta(hours=SPAN_H * number / rows)).astimezone(zone).strftime("%d/%m/%Y %H:%M:%S")
        wire.row(
            wire.number(),
            created=at,
            modified=at,
            nature=nature,
            lat=dice.uniform(south, north),
            lon=dice.uniform(west, east) + EAST_DEGREES,
            address=f"Calle {number % 997}",
        )
    wire.drop()


class Progress(threading.Thread):
    """What both groups have committed, by partition, each half second, as long as it runs."""

    def __init__(self, centre: GridCentre) -> None:
        super().__init__(name="progress", daemon=True)
        self._centre, self._over = centre, threading.Event()
        self.seen: list[tuple[float, dict[str, dict[int, int]]]] = []
        self.idle = threading.Event()

    def run(self) -> None:
        """Idle: for six seconds nothing but a few ticks of the clock was committed."""
        while not self._over.wait(0.5):
            now = {who: self._centre.group_position(group, spec) for who, (group, spec) in GROUPS.items()}
            self.seen.append((time.monotonic(), now))
            then = [each for at_s, each in self.seen if at_s < time.monotonic() - 6.0]
            if then and all(_moved(then[-1][who], now[who]) < 30 for who in GROUPS):
                self.idle.set()
            else:
                self.idle.clear()

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join(10)


def _moved(before: dict[int, int], after: dict[int, int]) -> int:
    return sum(max(0, end) - max(0, before.get(part, 0)) for part, end in after.items())


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind. ``done``: (seconds since the drop, calls done) by worker; ``found``: calls by worker;
    ``overtook``: the life-safety calls among them, which take the urgent lane.
    """

    presses: list[Press]
    pressed_s: float
    done: dict[str, list[tuple[float, int]]]
    found: dict[str, int]
    overtook: int
    hops: Hops
    shares: dict[str, float]


async def pressing(centre: GridCentre, options: argparse.Namespace) -> tuple[list[Press], float, float]:
    """(the presses, when the file was dropped, when the last button was pressed)."""
    wall = Wall(centre.stack.wall_url)
    watching = asyncio.ensure_future(wall.run())
    await asyncio.wait_for(wall.connected.wait(), 15)
    presser = Presser(centre, wall)
    try:
        await presser.warm_up()
        count = round((options.press_s + 2) * options.per_s)
        going = asyncio.ensure_future(presser.poisson(count, per_s=options.per_s, seed=51))
        await asyncio.sleep(2)
        dropped_s = time.monotonic()
        await asyncio.to_thread(drop, centre, options.rows, seed=52)
        await going
        ended_s = time.monotonic()
        await presser.settled(within_s=20)
    finally:
        watching.cancel()
        await presser.close()
    return presser.presses, dropped_s, ended_s


def calls(centre: GridCentre, spec: topics.TopicSpec) -> Iterator[tuple[int, int, int]]:
    """(partition, offset, how many of the file's calls) of each message of a topic."""
    count: Callable[[Message], int] = _of_item if spec is topics.AREA else _of_envelope
    for message in messages(centre, spec):
        if found := count(message):
            yield message.partition() or 0, message.offset() or 0, found


def _of_item(message: Message) -> int:
    items = codec.records(Kind.ITEM, message.value())
    return sum(isinstance(item, EventItem) and item.event.source.startswith(DESK) for item in items)


def _of_envelope(message: Message) -> int:
    if message.headers():
        return 0
    events = codec.records(Kind.EVENT, message.value() or b"[]")
    return sum(isinstance(event, Event) and event.source.startswith(DESK) for event in events)


def over_time(centre: GridCentre, progress: Progress, dropped_s: float) -> dict[str, list[tuple[float, int]]]:
    """Calls done by each worker at each look."""
    done: dict[str, list[tuple[float, int]]] = {}
    for who, (_, spec) in GROUPS.items():
        lie = list(calls(centre, spec))
        done[who] = [
            (at_s - dropped_s, sum(count for part, offset, count in lie if offset < seen[who].get(part, 0)))
            for at_s, seen in progress.seen
            if at_s >= dropped_s
        ]
        done[who].append((done[who][-1][0], sum(count for _, _, count in lie)))
    return done


def measure(options: argparse.Namespace) -> Run:
    """One fresh centre, one file."""
    with tempfile.TemporaryDirectory(prefix="cior-bench-") as name, GridCentre(Path(name), seed=53) as centre:
        hops, progress, busy = Hops(centre), Progress(centre), Busy(centre)
        hops.start()
        progress.start()
        presses, dropped_s, ended_s = asyncio.run(pressing(centre, options))
        progress.idle.wait(max(1.0, options.within_s - (time.monotonic() - dropped_s)))
        progress.stop()
        hops.stop()
        shares, done = busy.shares(), over_time(centre, progress, dropped_s)
        overtook = sum(count for _, _, count in calls(centre, topics.URGENT))
    found = {who: seen.pop()[1] for who, seen in done.items()}
    return Run(
        presses=presses,
        pressed_s=ended_s - dropped_s,
        done=done,
        found=found,
        overtook=overtook,
        hops=hops,
        shares=shares,
    )


def tables(run: Run, options: argparse.Namespace) -> list[Table]:
    hop = latency("one hop: bare produce to bare consume, same broker", run.hops.took_ms)
    seen = [press.feed_ms - press.at_ms for press in run.presses if press.feed_ms is not None]
    acked = [press.acked_ms - press.at_ms for press in run.presses if press.acked_ms is not None]
    base = ("one hop", hop.median)
    rows = [
        hop,
        latency("device acknowledged", acked, baseline=base),
        latency("press (both wires): on the live feed", seen, baseline=base, p95_aim=P95_MS, p99_aim=P99_MS),
    ]
    used = [Row(label=part, unit="% of a core", median=share) for part, share in run.shares.items()]
    return [
        Table(title="Presses meanwhile", rows=tuple(rows)),
        Table(title=f"Drain of {options.rows:,} calls", rows=tuple(drain(run, options.rows))),
        Table(title="Processor use meanwhile", rows=tuple(sorted(used, key=lambda row: -row.median))),
    ]


def drain(run: Run, asked: int) -> list[Row]:
    """How fast the file went: by worker, from the drop on and after the last press; and as a whole."""
    rows, whole_s, is_whole = [], 0.0, run.found[BULK] + run.overtook >= asked
    for who, seen in run.done.items():
        last_s = next((at_s for at_s, count in seen if count >= run.found[who]), None)
        is_whole = is_whole and last_s is not None
        until_s = last_s if last_s is not None else seen[-1][0]
        whole_s = max(whole_s, until_s)
        most = max(count for _, count in seen)
        rows.append(Row(label=who, unit="calls/s", median=round(most / max(until_s, 0.5)), n=most))
        after = [(at_s, count) for at_s, count in seen if run.pressed_s <= at_s <= until_s]
        if len(after) > 2:
            (from_s, first), (to_s, final) = after[0], after[-1]
            rows.append(
                Row(
                    label=f"{who}, after the last press",
                    unit="calls/s",
                    median=round((final - first) / (to_s - from_s)),
                    n=final - first,
                )
            )
    rate = asked / whole_s if is_whole else 0.0
    rows.append(
        Row(
            label="the whole file, from the drop until nothing is left"
            if is_whole
            else "the whole file: not done",
            unit="calls/s",
            median=round(rate),
            aim=f"median ≥ {DRAIN_AIM}",
            met=rate >= DRAIN_AIM,
        )
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--per-s", type=float, default=2.0)
    parser.add_argument("--press-s", type=float, default=60.0)
    parser.add_argument("--within-s", type=float, default=150.0)
    parser.add_argument("--quick", action="store_true", help="3,000 calls; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.press_s, options.within_s = 3_000, 15.0, 60.0
    clocked, began_ms = (
        Clocked("cad_backlog", "A desk's file while presses arrive", quick=options.quick),
        now_ms(),
    )
    run = measure(options)
    lost = sum(press.feed_ms is None for press in run.presses)
    notes = [
        (
            f"{len(run.presses)} presses, {lost} never seen on the feed; {run.found[BULK]:,} calls came by the bulk "
            f"lane and {run.overtook:,} (life-safety) by the urgent one; {run.found[URGENT]:,} may alert and went "
            "through the area log."
        ),
        f"Of a day of calls, {', '.join(f'{share} % {nature}' for nature, share in NATURES)}; nobody closes an alert.",
        f"The whole run took {(now_ms() - began_ms) / 1000:.0f} s.",
    ]
    result = clocked.result(tables(run, options), notes)
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
