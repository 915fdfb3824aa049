"""Ledgered reads from an event loop: how many a second, how long each waits, and how late it makes the loop, which is
what a live feed would feel.

Run: ``python benchmarks/bench_register.py [--rate 300] [--seconds 20] [--dsn postgresql://…]``. Reads are offered at a
steady rate, whatever is answered (open loop); each is one entry of the ledger, synced, answered after its commit.
Lateness is that of a timer of 5 ms in the same loop; the first row is the same loop with nothing to do. Then as fast as
64 readers can. Without ``--dsn`` a new file of SQLite. Published at docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from cior.store_parts import SWITCH_S
from cior_core.people import LedgerEntry
from cior_register.register import Register, RegisterLimits
from measured import Clocked, Row, Table, latency, write

_TICK_S = 0.005
_READERS = 64


def entry(n: int) -> LedgerEntry:
    return LedgerEntry(at_ms=n, actor="p-bench", act="alert.read", subject=f"alert-{n}", reason="medición")


async def lateness(stop: asyncio.Event) -> list[float]:
    """How late a timer of 5 ms comes, ms."""
    late: list[float] = []
    while not stop.is_set():
        due_s = time.perf_counter() + _TICK_S
        await asyncio.sleep(_TICK_S)
        late.append((time.perf_counter() - due_s) * 1000)
    return late


async def beside(work: Callable[[], Awaitable[list[float]]]) -> tuple[list[float], list[float]]:
    """What the work measured, and how late the loop was meanwhile."""
    stop = asyncio.Event()
    watch = asyncio.create_task(lateness(stop))
    found = await work()
    stop.set()
    return found, await watch


async def offered(register: Register, *, rate: int, seconds: float) -> list[float]:
    """Ms of each read, offered at a steady rate."""

    async def one(n: int) -> float:
        began_s = time.perf_counter()
        await register.note(entry(n))
        return (time.perf_counter() - began_s) * 1000

    began_s, running = time.perf_counter(), []
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began_s + n / rate - time.perf_counter()))
        running.append(asyncio.create_task(one(n)))
    return list(await asyncio.gather(*running))


async def as_fast_as(register: Register, *, seconds: float) -> float:
    """Reads a second by 64 readers that each wait for the one before."""
    until_s, done = time.perf_counter() + seconds, 0

    async def reader() -> None:
        nonlocal done
        while time.perf_counter() < until_s:
            await register.note(entry(done))
            done += 1

    await asyncio.gather(*(reader() for _ in range(_READERS)))
    return done / seconds


async def idle(seconds: float) -> list[float]:
    await asyncio.sleep(seconds)
    return []


async def measured(dsn: str, *, rate: int, seconds: float) -> list[Table]:
    sys.setswitchinterval(SWITCH_S)  # as the console's process does
    register = await asyncio.to_thread(Register.open, dsn, limits=RegisterLimits(patience_s=60))
    try:
        _, idle_late = await beside(lambda: idle(seconds / 2))
        waits, late = await beside(lambda: offered(register, rate=rate, seconds=seconds))
        fastest = await as_fast_as(register, seconds=seconds / 2)
    finally:
        await asyncio.to_thread(register.close)
    kind = dsn.partition(":")[0]
    return [
        Table(
            title=f"{kind}, {rate} ledgered reads a second offered",
            rows=(
                latency("a read, answered after its commit", waits),
                latency("the loop is late, nothing to do", idle_late),
                latency("the loop is late meanwhile", late, p99_aim=10),
                Row(label="as fast as 64 readers can", unit="reads/s", median=round(fastest), aim="≥ 300",
                    met=fastest >= 300),
            ),
        )
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--dsn", default="")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    clocked = Clocked("register", "Ledgered reads", quick=asked.quick)
    with tempfile.TemporaryDirectory() as folder:
        dsn = asked.dsn or f"sqlite:///{Path(folder) / 'register.db'}"
        tables = asyncio.run(measured(dsn, rate=asked.rate, seconds=asked.seconds))
    path = write(clocked.result(tables, ("One process; the disk of the machine, every commit synced.",)))
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
