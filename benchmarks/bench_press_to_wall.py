"""Press on the socket to alert on the wall and in the store: alone, and with a city's telemetry behind it.

    python benchmarks/bench_press_to_wall.py [--presses 300] [--per-s 1] [--rate 1500] [--front-rate 200] [--quick]

The embedded stack runs as in ``cior up``: broker, sink with console, two stream workers, three connector processes.
Presses are real ones: a DC-09 panel's encrypted frame over TCP (a new connection each, Contact ID 120) and Traccar's
HTTP POST with ``alarm=sos``, at Poisson instants, each from a button and place of its own; half of them each. The
clock starts before the first byte is written and stops

* ``feed``: when an open page (Server-Sent Events over HTTP) has the alert;
* ``store, asked``: when the answer to the store's P1 question over HTTP first counts it, asked each 30 ms while a
  press is under way (k-th press, k-th counted alert; vehicles only, as a panel's panic alone is P3 and that question
  counts P1: it lies in the same tables);
* ``store, own account``: the store's figure for the same alerts, from the connector's receipt stamp to the row's own
  stamp.

Baseline: one message of a press's size through one hop of the same broker with bare confluent-kafka, at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from cior_bus import topics
from cior_bus.admin import Topics
from city_load import SOURCE  # noqa: F401 - the generator must be importable before a long run starts
from measured import Clocked, Row, Table, latency, write
from press_rig import OTHERS, Busy, CityLoad, GridCentre, Hops, Press, Presser, StoreEyes, Wall

BASELINE = "one hop"
WIRES = ("traccar", "dc09")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a setting left behind.

    ``own``: the store's figures of P1 alerts; ``told``: the generator's; ``behind``: unread envelopes by reader.
    """

    name: str
    presses: list[Press]
    hops: Hops
    eyes: StoreEyes
    own: dict[str, Any]
    shares: dict[str, float]
    told: dict[str, Any]
    behind: dict[str, int]


async def pressed(
    centre: GridCentre, options: argparse.Namespace, *, seed: int
) -> tuple[list[Press], StoreEyes]:
    """Presses with everything that watches them."""
    wall, eyes = Wall(centre.stack.wall_url), StoreEyes(centre.stack.wall_url)
    watching = [asyncio.ensure_future(wall.run()), asyncio.ensure_future(eyes.run())]
    await asyncio.wait_for(wall.connected.wait(), 15)
    presser = Presser(centre, wall, eyes)
    try:
        await presser.warm_up()
        await presser.poisson(options.presses, per_s=options.per_s, seed=seed)
        await presser.settled(within_s=30)
    finally:
        for task in watching:
            task.cancel()
        await presser.close()
    return presser.presses, eyes


def setting(
    name: str, options: argparse.Namespace, *, load: bool, seed: int
) -> tuple[list[Table], list[str]]:
    """One fresh stack, one run."""
    with (
        tempfile.TemporaryDirectory(prefix="cior-bench-") as folder,
        GridCentre(Path(folder), seed=seed) as centre,
    ):
        hops = Hops(centre)
        hops.start()
        generator = CityLoad(centre, rate=options.rate, front_rate=options.front_rate)
        if load:
            with generator:
                assert generator.process is not None
                asyncio.run(asyncio.sleep(options.settle_s))
                busy = Busy(centre, generator=generator.process.pid)
                presses, eyes = asyncio.run(pressed(centre, options, seed=seed))
                shares, behind = busy.shares(), waiting(centre)
        else:
            busy = Busy(centre)
            presses, eyes = asyncio.run(pressed(centre, options, seed=seed))
            shares, behind = busy.shares(), waiting(centre)
        hops.stop()
        own = centre.ask("/api/ask/summary")["latency"]
    run = Run(
        name=name,
        presses=presses,
        hops=hops,
        eyes=eyes,
        own=own,
        shares=shares,
        told=generator.told,
        behind=behind,
    )
    return tables(run), notes(run)


def waiting(centre: GridCentre) -> dict[str, int]:
    """Messages of the telemetry lane that lie unread, by reader."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(centre.stack.bus.consumer("bench-watermarks"))
    ends = {
        each: consumer.get_watermark_offsets(TopicPartition(topics.TELEMETRY.name, each), timeout=5)[1]
        for each in range(Topics(centre.stack.bus).existing()[topics.TELEMETRY.name])
    }
    consumer.close()
    return {
        who: sum(end - max(0, found.get(each, 0)) for each, end in ends.items())
        for who, group in (("bulk worker", "cior-bulk"), ("store", "cior-store-bulk"))
        if (found := centre.group_position(group, topics.TELEMETRY))
    }


OWN_ACCOUNT = {
    "store, own account (vehicles, warm-up included): receipt to row": "visible",
    "store, own account: receipt to decision": "decide",
}


def tables(run: Run) -> list[Table]:
    own, shares = run.own, run.shares
    hop = latency(f"{BASELINE}: bare produce to bare consume, same broker", run.hops.took_ms)
    base = (BASELINE, hop.median)
    rows = [hop]
    for wire in WIRES:
        mine = [press for press in run.presses if press.wire == wire]
        seen = {
            "device acknowledged": [
                press.acked_ms - press.at_ms for press in mine if press.acked_ms is not None
            ],
            "on the live feed": [press.feed_ms - press.at_ms for press in mine if press.feed_ms is not None],
            "in the store's question, asked": [
                press.store_ms - press.at_ms for press in mine if press.store_ms is not None
            ],
        }
        for what, values in seen.items():
            aim = what != "device acknowledged"
            if values:
                rows.append(
                    latency(
                        f"{wire} press: {what}",
                        values,
                        baseline=base,
                        p95_aim=500 if aim else None,
                        p99_aim=1000 if aim else None,
                    )
                )
    everything = [press.feed_ms - press.at_ms for press in run.presses if press.feed_ms is not None]
    rows.append(latency("both wires: on the live feed", everything, baseline=base, p95_aim=500, p99_aim=1000))
    for label, what in OWN_ACCOUNT.items():
        rows.append(
            Row(
                label=label,
                unit="ms",
                median=own[f"{what}_p50_ms"],
                p95=own[f"{what}_p95_ms"],
                p99=own[f"{what}_p99_ms"],
                n=own["alerts"],
                ratio=round(own[f"{what}_p50_ms"] / hop.median, 1),
                baseline=BASELINE,
            )
        )
    used = [
        Row(label=part, unit="% of a core", median=share)
        for part, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    used.append(
        Row(
            label="the product, generator and eyes",
            unit="% of a core",
            median=round(sum(shares.values()) - shares[OTHERS], 1),
        )
    )
    return [
        Table(title=f"{run.name}: latency", rows=tuple(rows)),
        Table(title=f"{run.name}: processor use meanwhile", rows=tuple(used)),
    ]


def notes(run: Run) -> list[str]:
    name, presses, eyes, told, behind = run.name, run.presses, run.eyes, run.told, run.behind
    lost = sum(press.feed_ms is None for press in presses)
    refused = sum(press.acked_ms is None for press in presses)
    found = [
        (
            f"{name}: {len(presses)} presses, {lost} never seen on the feed, {refused} never acknowledged; "
            f"the store's question was asked {eyes.asked} times, "
            f"{eyes.refused} without an answer; unread envelopes of the telemetry lane at the end: {behind}."
        )
    ]
    if told:
        found.append(
            f"{name}: measured load {told['front_per_s']:.0f} events/s through the front (HTTP posts to the "
            f"Traccar connector) and "
            f"{told['straight_per_s']:.0f} events/s straight onto the telemetry lane with their raw records "
            f"on the raw topic, for {told['seconds']:.0f} s; "
            f"{told['refused']} posts refused, {told['lost']} envelopes lost, generator at most "
            f"{told['latest_s']:.2f} s late, its own processor time "
            f"{told['cpu_s']:.0f} s (on the same cores)."
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presses", type=int, default=300)
    parser.add_argument("--per-s", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1_500)
    parser.add_argument("--front-rate", type=float, default=200)
    parser.add_argument("--settle-s", type=float, default=15)
    parser.add_argument("--name", default="press_to_wall", help="name of the result")
    parser.add_argument("--only", choices=("alone", "loaded"))
    parser.add_argument("--quick", action="store_true", help="60 presses; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.presses, options.settle_s = 60, 8
    clocked = Clocked(
        options.name,
        f"Press to wall, {options.per_s:g} presses a second",
        quick=options.quick or bool(options.only),
    )
    found: list[Table] = []
    said: list[str] = []
    for name, load, seed in (
        ("alone", False, 21),
        (f"with {options.rate:,.0f} telemetry events/s", True, 22),
    ):
        if options.only in (None, "loaded" if load else "alone"):
            more, words = setting(name, options, load=load, seed=seed)
            found, said = found + more, said + words
    said.append(
        f"Presses come at {options.per_s:g} a second on average; nobody acknowledges or closes an alert."
    )
    result = clocked.result(found, said)
    print(write(result))
    from measured import markdown

    print(markdown(result))


if __name__ == "__main__":
    main()
