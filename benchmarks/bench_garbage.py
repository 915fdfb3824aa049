"""1,500 frames of garbage a second on the DC-09 port while real panels press.

    python benchmarks/bench_garbage.py [--rate 1500] [--presses 120] [--per-s 2] [--quick]

The embedded stack runs. A process of its own (``garbage_load.py``) writes every kind of garbage from the very address
that the panels call from, as an attacker behind a carrier's address translation does, and calls again whenever it is
hung up on. Panels press at Poisson instants: an encrypted frame over a new TCP connection each, sent again up to five
times as a panel does. The same panels press before the garbage begins: that is the baseline.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import msgspec

from measured import Clocked, Row, Table, latency, markdown, write
from press_rig import Busy, GridCentre, Press, Presser, Wall

P99_MS = 1000
QUIET = "no garbage"


class Garbage:
    """The generator process around a block; ``told`` holds its figures afterwards."""

    def __init__(self, port: int, *, rate: float) -> None:
        script = str(Path(__file__).with_name("garbage_load.py"))
        self._argv = [sys.executable, script, str(port), "--rate", str(rate)]
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "started", "the generator did not start"
        return self

    def __exit__(self, *_error: object) -> None:
        out, _ = self.process.communicate(timeout=60)
        self.told = json.loads(out.splitlines()[-1]) if out.strip() else {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind: presses before and in the garbage."""

    quiet: list[Press]
    presses: list[Press]
    told: dict[str, Any]
    shares: dict[str, float]


def only_panels(centre: GridCentre) -> None:
    centre.grid = [actor for actor in centre.grid if actor.kind == "panel"]


async def pressed(centre: GridCentre, options: argparse.Namespace, *, count: int, seed: int) -> list[Press]:
    """``count`` presses, each of a panel that has not pressed yet."""
    wall = Wall(centre.stack.wall_url)
    watching = asyncio.ensure_future(wall.run())
    await asyncio.wait_for(wall.connected.wait(), 15)
    presser = Presser(centre, wall)
    try:
        await presser.poisson(count, per_s=options.per_s, seed=seed)
        await presser.settled(within_s=20)
    finally:
        watching.cancel()
        await presser.close()
    centre.grid = centre.grid[count:]
    return presser.presses


def measure(options: argparse.Namespace) -> Run:
    """One fresh centre."""
    with tempfile.TemporaryDirectory(prefix="cior-bench-") as name, GridCentre(Path(name), seed=61) as centre:
        only_panels(centre)
        asyncio.run(pressed(centre, options, count=6, seed=62))
        quiet = asyncio.run(pressed(centre, options, count=max(10, options.presses // 4), seed=63))
        with Garbage(centre.world.dc09_port, rate=options.rate) as garbage:
            asyncio.run(asyncio.sleep(3))
            busy = Busy(centre, generator=garbage.process.pid)
            presses = asyncio.run(pressed(centre, options, count=options.presses, seed=64))
            shares = busy.shares()
    return Run(quiet=quiet, presses=presses, told=garbage.told, shares=shares)


def lost(presses: list[Press]) -> int:
    return sum(press.acked_ms is None or press.feed_ms is None for press in presses)


def rows(run: Run) -> list[Row]:
    before = [press.feed_ms - press.at_ms for press in run.quiet if press.feed_ms is not None]
    quiet = latency(f"{QUIET}: panel press on the live feed", before)
    base = (QUIET, quiet.median)
    acked = [press.acked_ms - press.at_ms for press in run.presses if press.acked_ms is not None]
    seen = [press.feed_ms - press.at_ms for press in run.presses if press.feed_ms is not None]
    unheard = Row(
        label=f"{QUIET}: presses not acknowledged, or not on the live feed",
        unit="presses",
        median=lost(run.quiet),
        n=len(run.quiet),
    )
    found = [quiet, unheard]
    if acked:
        found.append(latency("in garbage: device acknowledged", acked, baseline=base))
    if seen:
        found.append(latency("in garbage: panel press on the live feed", seen, baseline=base, p99_aim=P99_MS))
    missing = lost(run.presses)
    found.append(
        Row(
            label="in garbage: presses not acknowledged, or not on the live feed",
            unit="presses",
            median=missing,
            n=len(run.presses),
            aim="median ≤ 0",
            met=missing == 0,
        )
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1_500)
    parser.add_argument("--presses", type=int, default=120)
    parser.add_argument("--per-s", type=float, default=2.0)
    parser.add_argument("--quick", action="store_true", help="20 presses; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.presses = 20
    clocked = Clocked("garbage", "Panels press into garbage on their port", quick=options.quick)
    run = measure(options)
    used = [Row(label=part, unit="% of a core", median=share) for part, share in run.shares.items()]
    tables = [
        Table(title=f"{options.rate:,.0f} frames of garbage a second", rows=tuple(rows(run))),
        Table(title="Processor use meanwhile", rows=tuple(sorted(used, key=lambda row: -row.median))),
    ]
    told = run.told
    notes = [
        (
            f"The generator wrote {told['frames_per_s']:,} frames a second for {told['seconds']:.0f} s over "
            f"{told['calls']:,} connections, was hung up on {told['hung_up']:,} times and refused "
            f"{told['refused']:,} times, and was at most {told['latest_s']:.2f} s late (on the same cores)."
        ),
        "Frames that lie behind a hang-up are counted as written: a receiver that hangs up does not read them.",
    ]
    result = clocked.result(tables, notes)
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
