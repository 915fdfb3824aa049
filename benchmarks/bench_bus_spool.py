"""The bus on its own: how long an acknowledgement takes on each road, and how fast the spool fills and drains.

    python benchmarks/bench_bus_spool.py [--presses 1000] [--records 50000]

Wall time against an embedded Tansu broker on this machine; medians over the presses. ``spool, broker away``: the
broker is killed first, so what is measured is the fsync. ``drain``: the backlog goes to the returned broker in
envelopes while presses go on beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.lanes import bucket_key
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_bus.spool import Spool, SpoolClass, SpoolLimits

VALUE = b'{"specversion":"1.0","id":"0fc6f314-76b3-8ae9-a795-fb3618dbc14f","pad":"' + b"x" * 360 + b'"}'


async def press_times_ms(bus: Bus, count: int) -> list[float]:
    waits = []
    for n in range(count):
        started = time.perf_counter()
        await bus.publish([MessageOut(topic=topics.URGENT.name, key=b"bus-%d" % n, value=VALUE)])
        waits.append((time.perf_counter() - started) * 1_000)
        await asyncio.sleep(0.001)
    return waits


def row(name: str, waits: list[float]) -> str:
    ordered = sorted(waits)
    return (
        f"| {name} | {statistics.median(ordered):.1f} | {ordered[int(len(ordered) * 0.95)]:.1f} | "
        f"{ordered[int(len(ordered) * 0.99)]:.1f} | {len(ordered)} |"
    )


async def measure(presses: int, records: int) -> None:
    with Tansu() as broker, tempfile.TemporaryDirectory() as folder:
        settings = BusSettings(bootstrap=broker.bootstrap, profile=Profile.TANSU)
        Topics(settings).ensure()
        spool = Spool(Path(folder), limits=SpoolLimits())
        rows = []
        with Bus(settings, spool=spool) as bus:
            rows.append(row("press, direct, broker acknowledges", await press_times_ms(bus, presses)))
            broker.kill()
            await press_times_ms(bus, 1)
            rows.append(row("press, spool, broker away (fsync each)", await press_times_ms(bus, presses)))
            started = time.perf_counter()
            bulk = [
                MessageOut(topic=topics.TELEMETRY.name, key=bucket_key(n % 64), value=VALUE, bulk=True)
                for n in range(records)
            ]
            futures = [bus.submit([message]) for message in bulk]
            await asyncio.gather(*map(asyncio.wrap_future, futures))
            filled_s = time.perf_counter() - started
            broker.start()
            Topics(settings).ensure()
            started = time.perf_counter()
            during = asyncio.ensure_future(press_times_ms(bus, presses))
            while spool.depth()[SpoolClass.TELEMETRY].messages:  # noqa: ASYNC110 (no event tells it)
                await asyncio.sleep(0.02)
            drained_s = time.perf_counter() - started
            rows.append(row("press, direct, while the backlog drains", await during))
        spool.close()
    print("| way | p50 ms | p95 ms | p99 ms | presses |\n|---|---|---|---|---|")
    print("\n".join(rows))
    print(
        f"\nSpool filled with {records:,} telemetry records of {len(VALUE)} bytes: {records / filled_s:,.0f} records/s."
    )
    print(
        f"Drained in envelopes after the broker's return: {records / drained_s:,.0f} records/s ({drained_s:.1f} s)."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--presses", type=int, default=1_000)
    parser.add_argument("--records", type=int, default=50_000)
    options = parser.parse_args()
    asyncio.run(measure(options.presses, options.records))
