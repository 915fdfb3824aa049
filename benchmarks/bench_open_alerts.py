"""What one step and one tick of the correlator cost with 1,000, 10,000 and 100,000 alerts open.

    python benchmarks/bench_open_alerts.py [--alerts 1000 10000 100000] [--before ../checkout-of-then] [--quick]

Four cities: *spread* over 18 km, one alert every 20 s; *one corner*, all at the very same place, each after the window
of the one before; *one block*, the same with 60 m between them, as positions of phones and buses are; *no place*, all
without a place in one hour, as a flood of invented accounts makes them. Then presses and ordinary alarms come, one
every 100 ms, half of them beside one before, and a tick every second: each is timed with the entries that are written
for it, in processor time of one core. ``--before`` is a checkout of an earlier commit: the same is done with its core
and rules, in the same run, up to ``--before-alerts`` (it slows down too much for more). ``--workers`` cities are
measured at a time. The result is written after each city, so that a run which is ended early leaves what it has.
Published at docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from cior_core import bundled, rule_loading
from cior_core.correlate import initial, persist, step
from cior_core.model import DEFAULT_AREA, EventItem, Item, TickItem
from cior_core.rules import RulePack
from cior_core.scenario import Signal, instant_ms, make_event
from cior_core.taxonomy import Taxonomy
from measured import ROOT, Clocked, Result, Row, Table, markdown, quantile, write

SHAPES = ("spread", "one corner", "one block", "no place")
HALF_CITY_M = 9000.0
BLOCK_M = 60.0
EVENT_AIM, TICK_AIM_MS = 1000, 5.0
KINDS = ("burglary.alarm", "suspicious.activity", "panic.alarm", "robbery.street")
LATER = ("panic.bus", "burglary.alarm", "gun.shooting", "panic.community")
TICK_EVERY = 200
"""Events between two ticks while the city is filled, so that no timer waits for the measurement."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one filled city cost: milliseconds of processor time."""

    alerts: int
    fill_s: float
    events_ms: list[float]
    ticks_ms: list[float]
    restore_s: float


class City:
    """A correlator's state, and the load that comes to it."""

    def __init__(self, shape: str, alerts: int, pack: RulePack) -> None:
        self.pack, self._shape, self._chance = pack, shape, random.Random(7)
        self.state = initial(DEFAULT_AREA)
        self._apart_s = {"spread": 20.0, "no place": 3600.0 / alerts}.get(shape, 3000.0)
        self._last = (0.0, 0.0)

    def fill(self, alerts: int) -> float:
        """Open ``alerts``; the second at which the last timers have run and what is old is forgotten."""
        for n in range(round(alerts * 1.02)):
            at_s = n * self._apart_s
            self._follow(self.event(n, at_s, KINDS[n % len(KINDS)], self._anywhere()))
            if n % TICK_EVERY == 0:
                self._follow(tick(at_s))
        start_s = alerts * 1.02 * self._apart_s + 4 * 3600.0
        for turn in range(400):
            self._follow(tick(start_s + turn))
        return start_s + 400.0

    def _follow(self, item: Item) -> None:
        """A step that is not measured: no entries."""
        self.state, _ = step(self.state, item, self.pack)

    def take(self, item: Item) -> float:
        """Milliseconds of processor time of one step with its entries."""
        began = time.process_time()
        after, _ = step(self.state, item, self.pack)
        persist.entries(self.state, after)
        took_ms = (time.process_time() - began) * 1000
        self.state = after
        return took_ms

    def next_event(self, n: int, at_s: float) -> EventItem:
        """One that comes later: every other one beside the one before."""
        if n % 2 == 0:
            self._last = self._anywhere() or (
                self._chance.uniform(-HALF_CITY_M, HALF_CITY_M),
                self._chance.uniform(-HALF_CITY_M, HALF_CITY_M),
            )
        return self.event(10_000_000 + n, at_s, LATER[n // 2 % len(LATER)], self._last)

    def _anywhere(self) -> tuple[float, float] | None:
        """Metres east and north; None: no place."""
        match self._shape:
            case "one corner":
                return 0.0, 0.0
            case "one block":
                return self._chance.gauss(0, BLOCK_M), self._chance.gauss(0, BLOCK_M)
            case "no place":
                return None
            case _:
                east_m = self._chance.uniform(-HALF_CITY_M, HALF_CITY_M)
                return east_m, self._chance.uniform(-HALF_CITY_M, HALF_CITY_M)

    def event(self, n: int, at_s: float, kind: str, place: tuple[float, float] | None) -> EventItem:
        """One event of a device of its own."""
        east_m, north_m = place or (0.0, 0.0)
        signal = Signal(
            at_s=at_s,
            event=kind,
            source=f"dev-{n}",
            id=f"e-{n}",
            east_m=east_m,
            north_m=north_m,
            located=place is not None,
            district="centro",
            registered=n % 3 > 0,
        )
        return EventItem(id=f"i-{n}", area=DEFAULT_AREA, at_ms=instant_ms(at_s), event=make_event(signal))


def tick(at_s: float) -> TickItem:
    return TickItem(id=f"t-{at_s}", area=DEFAULT_AREA, at_ms=instant_ms(at_s))


def load(checkout: Path) -> RulePack:
    paths = sorted((checkout / "streams" / "rules").glob("*.toml"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    return rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))


def work(shape: str, alerts: int, events: int, checkout: Path) -> Cost:
    """Fill a city and time it, with the core that this process imports."""
    city = City(shape, alerts, load(checkout))
    began = time.process_time()
    start_s = city.fill(alerts)
    fill_s = time.process_time() - began
    events_ms, ticks_ms = [], []
    for n in range(events):
        at_s = start_s + n * 0.1
        events_ms.append(city.take(city.next_event(n, at_s)))
        if n % 10 == 9:
            ticks_ms.append(city.take(tick(at_s)))
    written = persist.entries(initial(DEFAULT_AREA), city.state)
    table = {key: value for key, value in written.items() if value is not None}
    began = time.process_time()
    persist.restore(table, city.pack)
    return Cost(
        alerts=sum(alert.status not in {"closed", "merged"} for alert in city.state.alerts),
        fill_s=fill_s,
        events_ms=events_ms,
        ticks_ms=ticks_ms,
        restore_s=time.process_time() - began,
    )


def measured(checkout: Path, shape: str, alerts: int, events: int) -> Cost:
    """One city in a process of its own, with the core of ``checkout``."""
    path = os.pathsep.join([str(checkout / "core"), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, __file__, "--worker", shape, str(alerts), str(events), str(checkout)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if ran.returncode:
        raise SystemExit(f"{shape}, {alerts}: ended with {ran.returncode}\n{ran.stderr.decode()[-2000:]}")
    return msgspec.json.decode(ran.stdout, type=Cost)


def rows(cost: Cost, asked: int, before: Cost | None) -> list[Row]:
    label = f"{asked:,} open"
    rate = 1000 / statistics.fmean(cost.events_ms)
    base = None if before is None else 1000 / statistics.fmean(before.events_ms)
    return [
        Row(
            label=f"{label}: event, with its entries",
            unit="events/s",
            median=round(rate),
            n=len(cost.events_ms),
            ratio=None if base is None else round(rate / base, 1),
            baseline="" if base is None else f"before ({base:,.0f})",
            aim=f"median ≥ {EVENT_AIM:,}",
            met=rate >= EVENT_AIM,
        ),
        _tick_row(label, cost.ticks_ms, None if before is None else before.ticks_ms),
        Row(label=f"{label}: restored from the table", unit="s", median=round(cost.restore_s, 2)),
    ]


def _tick_row(label: str, ticks_ms: Sequence[float], before_ms: Sequence[float] | None) -> Row:
    median = statistics.median(ticks_ms)
    base = None if before_ms is None else statistics.median(before_ms)
    return Row(
        label=f"{label}: tick, with its entries",
        unit="ms",
        median=round(median, 2),
        p95=round(quantile(ticks_ms, 0.95), 2),
        p99=round(quantile(ticks_ms, 0.99), 2),
        highest=round(max(ticks_ms), 2),
        n=len(ticks_ms),
        ratio=None if not base else round(median / base, 2),
        baseline="" if base is None else f"before ({base:.2f})",
        aim=f"p99 ≤ {TICK_AIM_MS:g}",
        met=quantile(ticks_ms, 0.99) <= TICK_AIM_MS,
    )


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        of_shape, count, events, checkout = sys.argv[2:]
        sys.stdout.buffer.write(msgspec.json.encode(work(of_shape, int(count), int(events), Path(checkout))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alerts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--before-alerts", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if asked.quick:
        asked.alerts, asked.events = [1000], 400
    clocked = Clocked("open_alerts", "Open alerts: one step and one tick", quick=asked.quick)
    done: dict[tuple[str, int], tuple[Cost, Cost | None]] = {}
    # The largest first: then the last ones are short, and both workers end together.
    wanted = [(shape, alerts) for alerts in sorted(asked.alerts, reverse=True) for shape in asked.shapes]
    result = told(clocked, done, asked)
    with ThreadPoolExecutor(asked.workers) as pool:
        for shape, alerts, cost, before in pool.map(lambda each: city_of(each[0], each[1], asked), wanted):
            done[shape, alerts] = cost, before
            print(f"{shape}, {alerts:,}: {1000 / statistics.fmean(cost.events_ms):,.0f} events/s", flush=True)
            result = told(clocked, done, asked)
            write(result)
    print(markdown(result))
    print(write(result))


def city_of(shape: str, alerts: int, asked: argparse.Namespace) -> tuple[str, int, Cost, Cost | None]:
    """One city, before and after in turn."""
    before = None
    if asked.before is not None and alerts <= asked.before_alerts:
        before = measured(asked.before.resolve(), shape, alerts, asked.events)
    return shape, alerts, measured(ROOT, shape, alerts, asked.events), before


def told(
    clocked: Clocked, done: dict[tuple[str, int], tuple[Cost, Cost | None]], asked: argparse.Namespace
) -> Result:
    """What is known so far."""
    tables: list[Table] = []
    notes = ["A rate is that of the mean event; the factor at an event is a gain, the one at a tick a share."]
    for shape in asked.shapes:
        found: list[Row] = []
        for alerts in asked.alerts:
            if (costs := done.get((shape, alerts))) is None:
                notes.append(f"{shape}, {alerts:,}: not measured in this run.")
                continue
            cost, before = costs
            found += rows(cost, alerts, before)
            notes.append(
                f"{shape}, {alerts:,} asked: {cost.alerts:,} open at the end, filled in {cost.fill_s:.0f} s."
            )
        if found:
            tables.append(Table(title=shape, rows=tuple(found)))
    result = clocked.result(tables, notes)
    if asked.before is not None:
        shown = result.command.replace(str(asked.before), f"<{asked.before.name}>")
        result = msgspec.structs.replace(result, command=shown)
    return result


if __name__ == "__main__":
    main()
