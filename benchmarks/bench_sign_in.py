"""Whole sign-ins a second (password and telephone), how long each takes, and how late the loop gets meanwhile: each
moment of lateness is one of the live feed.

Run: ``python benchmarks/bench_sign_in.py [--rate 20] [--seconds 15]``. Sign-ins are offered at a steady rate, whatever
is answered (open loop), each by somebody else; then as fast as 32 people who all stand at the door. Lateness is that of
a timer of 5 ms in the same loop; the first row is the same loop with nobody at the door. Published at
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pyotp

from cior.store_parts import SWITCH_S
from cior_console.problems import Refused
from cior_console.sign_in.book import Visitor
from cior_console.sign_in.flow import More, Ready, SignIn
from cior_console.sign_in.opening import SignInSettings, opened
from cior_console.sign_in.tls import Door
from cior_core.bundled_policy import privacy_policy
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import factors, people
from cior_register.passwords import hashed, is_right
from cior_register.register import Register, RegisterLimits
from measured import Clocked, Row, Table, latency, now_ms, write

_TICK_S = 0.005
_AT_THE_DOOR = 32
_PASSWORD = "tres gatos bajo la lluvia"


class Somebody(msgspec.Struct, frozen=True):
    """A person with a telephone."""

    login: str
    secret: str


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


async def employed(register: Register, flow: SignIn, count: int, *, kind: str) -> list[Somebody]:
    """So many people; one hash for all, which changes nothing of what a check costs."""
    made, found = hashed(_PASSWORD), [Somebody(f"{kind}{n}", pyotp.random_base32()) for n in range(count)]

    def add(connection: Any) -> None:
        for each in found:
            person = Person(id=each.login, login=each.login, name="Ana", grants=(Grant(Role.OPERATOR),))
            people.add(connection, person, now_ms=0, password_hash=made)
            factors.set_totp(connection, each.login, flow.means.box.sealed(each.login, each.secret.encode()))
            factors.take_step(connection, each.login, 1, now_ms=0)

    await register.act(LedgerEntry(at_ms=0, actor="bench", act="people.add"), add, patience_s=60)
    return found


async def sign_in(flow: SignIn, who: Somebody) -> float:
    """Ms from the password to the session."""
    began_s = time.perf_counter()
    visitor = Visitor(peer=secrets.token_hex(6), label="bench")
    step = await flow.password(visitor, who.login, _PASSWORD, None)
    assert isinstance(step, More)
    done = await flow.code(visitor, step.ticket, pyotp.TOTP(who.secret).now())
    assert isinstance(done, Ready)
    return (time.perf_counter() - began_s) * 1000


async def offered(flow: SignIn, everybody: list[Somebody], *, rate: int) -> list[float]:
    """Ms of each that was served, offered at a steady rate; who is told to come again (busy) is not served."""

    async def one(who: Somebody) -> float:
        try:
            return await sign_in(flow, who)
        except Refused:
            return -1.0

    began_s, running = time.perf_counter(), []
    for n, who in enumerate(everybody):
        await asyncio.sleep(max(0.0, began_s + n / rate - time.perf_counter()))
        running.append(asyncio.create_task(one(who)))
    return [each for each in await asyncio.gather(*running) if each >= 0]


async def as_fast_as(flow: SignIn, everybody: list[Somebody]) -> float:
    """Sign-ins a second while so many stand at the door all the time."""
    waiting, began_s = iter(everybody), time.perf_counter()

    async def place() -> None:
        for who in waiting:
            await sign_in(flow, who)

    await asyncio.gather(*(place() for _ in range(_AT_THE_DOOR)))
    return len(everybody) / (time.perf_counter() - began_s)


async def idle(seconds: float) -> list[float]:
    await asyncio.sleep(seconds)
    return []


def hash_alone(times: int = 20) -> list[float]:
    """Ms of a hash in this thread."""
    kept, took = hashed(_PASSWORD), []
    for _ in range(times):
        began_s = time.perf_counter()
        is_right(kept, _PASSWORD)
        took.append((time.perf_counter() - began_s) * 1000)
    return took


async def measured(dsn: str, *, rate: int, seconds: float) -> list[Table]:
    sys.setswitchinterval(SWITCH_S)  # as the console's process does
    register = await asyncio.to_thread(Register.open, dsn, limits=RegisterLimits(patience_s=60))
    settings = SignInSettings(key=secrets.token_bytes(32), centre="Bench", policy=privacy_policy())
    door = Door(host="127.0.0.1", port=1)
    try:
        async with opened(settings, register, lambda: door, now_ms=now_ms) as desk:
            steady = await employed(register, desk.flow, int(rate * seconds), kind="steady")
            crowd = await employed(register, desk.flow, int(rate * seconds), kind="crowd")
            _, idle_late = await beside(lambda: idle(seconds / 3))
            took, late = await beside(lambda: offered(desk.flow, steady, rate=rate))
            fastest = await as_fast_as(desk.flow, crowd)
    finally:
        await asyncio.to_thread(register.close)
    served = len(took) / seconds
    return [
        Table(
            title=f"{rate} sign-ins a second offered",
            rows=(
                latency("a hash alone", hash_alone()),
                latency("a sign-in, from the password to the session", took),
                Row(label="served of those offered", unit="sign-ins/s", median=round(served, 1), aim="≥ 20",
                    met=served >= 20 * 0.99),
                latency("the loop is late, nobody at the door", idle_late),
                latency("the loop is late meanwhile", late, p99_aim=10),
                Row(label=f"as fast as {_AT_THE_DOOR} at the door can", unit="sign-ins/s", median=round(fastest, 1),
                    aim="≥ 20", met=fastest >= 20),
            ),
        )
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    clocked = Clocked("sign_in", "Sign-ins", quick=asked.quick)
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"sqlite:///{Path(folder) / 'register.db'}"
        tables = asyncio.run(measured(dsn, rate=asked.rate, seconds=asked.seconds))
    path = write(clocked.result(tables, ("One process; each by somebody else, from another address.",)))
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
