"""Sign-ins a second, and how late the loop gets meanwhile: each moment of lateness is one of the live feed.

``python benchmarks/bench_sign_in.py [--seconds 10]`` offers more than one thread can do, then 20 a second, and measures
how late a timer of 5 ms fires in the same loop; baseline: the same loop with nobody at the door.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from cior_console.sign_in.passwords import Passwords
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from cior_register.register import Register

TICK_S = 0.005


async def lateness(stop: asyncio.Event) -> list[float]:
    """By how many ms a timer fires late, until ``stop``."""
    late_ms = []
    while not stop.is_set():
        due_s = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late_ms.append((time.perf_counter() - due_s) * 1000)
    return late_ms


async def offered(
    register: Register, passwords: Passwords, *, a_second: float, seconds: float
) -> tuple[int, list[float]]:
    """Sign-ins at this rate: how many were served, and the ms that each took."""
    took_ms: list[float] = []

    async def one() -> None:
        began_s = time.perf_counter()
        known = await register.read(lambda c: people.credentials(c, "agomez"))
        assert known is not None
        verdict = await passwords.check("tres gatos bajo la lluvia", known.password_hash)
        assert verdict.is_right
        await register.note(LedgerEntry(at_ms=time.time_ns() // 1_000_000, actor="p", act="sign_in"))
        took_ms.append((time.perf_counter() - began_s) * 1000)

    running = []
    for _ in range(int(a_second * seconds)):
        running.append(asyncio.create_task(one()))
        await asyncio.sleep(1 / a_second)
    await asyncio.gather(*running, return_exceptions=True)
    return len(took_ms), took_ms


def spread(values: list[float]) -> str:
    """Median, p95, p99 and the worst."""
    cut = statistics.quantiles(values, n=100)
    return f"p50 {cut[49]:.1f}  p95 {cut[94]:.1f}  p99 {cut[98]:.1f}  max {max(values):.1f} ms"


async def measure(seconds: float) -> None:
    """All of it, told line by line."""
    with tempfile.TemporaryDirectory() as folder:
        register, passwords = Register.open(f"sqlite:///{Path(folder) / 'register.db'}"), Passwords()
        made = await passwords.make("tres gatos bajo la lluvia")
        person = Person(id="p", login="agomez", name="Ana", grants=(Grant(Role.OPERATOR),))
        entry = LedgerEntry(at_ms=0, actor="bench", act="people.add")
        await register.act(entry, lambda c: people.add(c, person, now_ms=0, password_hash=made))
        for a_second in (0.0, 20.0, 60.0):
            stop = asyncio.Event()
            watching = asyncio.create_task(lateness(stop))
            began_s = time.perf_counter()
            if a_second:
                served, took_ms = await offered(register, passwords, a_second=a_second, seconds=seconds)
                rate = served / (time.perf_counter() - began_s)
                print(f"{a_second:.0f}/s offered: {rate:.1f}/s served, each {spread(took_ms)}")
            else:
                await asyncio.sleep(seconds)
            stop.set()
            print(f"  loop late at {a_second:.0f}/s: {spread(await watching)}")
        passwords.close()
        register.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(measure(parser.parse_args().seconds))
