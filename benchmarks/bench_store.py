"""Writer speed: events through decode, rows, plan and insert into all tables and views, embedded and over HTTP, in
one run.

    python benchmarks/bench_store.py [--rounds 3] [--rows 20000]

Prints Markdown with medians and ratios. The lite server is the same ClickHouse code as production, over real HTTP on
loopback.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import structlog

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cior_core.catalogue import Kind  # noqa: E402
from cior_store.engine import Store  # noqa: E402
from cior_store.migrate import migrate  # noqa: E402
from cior_store.questions import Questions  # noqa: E402
from cior_store.sink import Sink, SinkSettings  # noqa: E402
from cior_store.writers import Writers  # noqa: E402
from engines.clickhouse_lite import ClickHouseLite  # noqa: E402
from integration.store import city  # noqa: E402

CUTS = (100, 1_000, 10_000)


@contextmanager
def _engine(name: str, folder: Path) -> Iterator[Store]:
    if name == "chdb":
        with Store.open(f"chdb://{folder / 'chdb'}") as store:
            yield store
        return
    with ClickHouseLite(folder / "lite") as server, Store.open(server.dsn()) as store:
        yield store


def _messages(rows: int, *, first: int) -> list[city.Msg]:
    """Single events a message: the writer's worst case; every id is new, so nothing is deduplicated away."""
    events = (
        city.event(n, at_ms=city.NOON_MS + n % 3_600_000, subject=f"unit-{n % 3000}", raw_number=n)
        for n in range(first, first + rows)
    )
    return city.messages("cior.events.v1", events, first=first)


def _insert(store: Store, *, cut: int, rows: int, first: int) -> float:
    """Rows a second through the whole sink."""
    sink = Sink(
        Writers(store),
        on_dead=_never,
        settings=SinkSettings(max_messages=cut),
    )
    batch = _messages(rows, first=first)
    started = time.perf_counter()
    for start in range(0, rows, cut):
        sink.write_batch("cior.events.v1", 0, batch[start : start + cut])
    return rows / (time.perf_counter() - started)


def _never(letter: object) -> None:
    raise AssertionError(f"the benchmark's rows are all good: {letter}")


def _ask(store: Store) -> float:
    """Median milliseconds of the wall's first question over 200 open alerts."""
    Writers(store).write(Kind.ALERT, city.entries([city.alert(n) for n in range(200)]), token="bench")
    ask, times = Questions(store), []
    for _ in range(30):
        started = time.perf_counter()
        assert len(ask.open_alerts()) == 200
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    found: dict[tuple[str, int], list[float]] = {}
    asked: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        _engine("chdb", Path(folder)) as chdb,
        _engine("lite", Path(folder)) as lite,
    ):
        stores, first = {"chdb": chdb, "lite": lite}, 0
        for store in stores.values():
            migrate(store)
        for _ in range(options.rounds):
            for name, store in stores.items():
                for cut in CUTS:
                    rows = max(cut, min(options.rows, cut * 20))
                    found.setdefault((name, cut), []).append(_insert(store, cut=cut, rows=rows, first=first))
                    first += rows
        asked = {name: _ask(store) for name, store in stores.items()}
    _print(found, asked, rounds=options.rounds)


def _print(found: dict[tuple[str, int], list[float]], asked: dict[str, float], *, rounds: int) -> None:
    load, rss_mib = os.getloadavg()[0], psutil.Process().memory_info().rss / 2**20
    print(
        f"Median of {rounds} rounds, 1-minute load {load:.1f}, RSS of the embedded writer's process "
        f"{rss_mib:.0f} MiB.\n"
    )
    print(
        "| events a batch | chDB in process, rows/s | lite server over HTTP, rows/s | HTTP / in process "
        "|\n|---|---|---|---|"
    )
    for cut in CUTS:
        chdb, lite = (statistics.median(found[name, cut]) for name in ("chdb", "lite"))
        print(f"| {cut} | {chdb:,.0f} | {lite:,.0f} | x{lite / chdb:.2f} |")
    print("\n| question | chDB, ms | lite over HTTP, ms |\n|---|---|---|")
    print(f"| open alerts (200 open) | {asked['chdb']:.1f} | {asked['lite']:.1f} |")


if __name__ == "__main__":
    main()
