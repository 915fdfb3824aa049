"""From a click to another operator's screen with 100,000 open alerts, and the live feed to 200 open consoles.

    python benchmarks/bench_console_feed.py [--alerts 100000] [--clicks 200] [--consoles 200] [--quick]

*Click*: an operator acknowledges a press over HTTP; another one's feed shows it. On the way: sign-in's caller, privacy
table, ledger row and signed act in one SQLite transaction (synchronous FULL), the real core's step, the feed. The bus
is in memory: its own legs are in "Legs of a press". Meanwhile 100 other alerts a second change. *Feed*: 200 consoles of
one class hold their streams while 100 alerts a second change and twice a second a press with life at risk comes: from
the record at the console to the bytes in each browser's process. Browsers are four processes on the same cores; all
read the host's clock. Published at docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from measured import ROOT, Clocked, Row, Table, latency, markdown, now_ms, write

sys.path.insert(0, str(ROOT / "tests"))

from cior_core.model import Alert, Level, TypeCode
from cior_core.privacy import Role
from integration.console.api_rig import Office, office
from integration.console.wall_rig import alert

BULK_EVERY_S = 0.01
BROWSERS = 4
"""Processes that the consoles' browsers are shared among: one alone was slower than the console."""
LIFE = b'"life_safety":true'
_FOR_EVER = aiohttp.ClientTimeout(total=None)


class HostClock:
    """The console is told the host's time."""

    @property
    def now_ms(self) -> int:
        """Unix milliseconds."""
        return now_ms()


def bulk(number: int, version: int) -> Alert:
    return alert(
        number,
        version=version,
        level=Level.P4,
        life_safety=False,
        type=TypeCode("alarm.community"),
        opened_ms=now_ms() - number,
        updated_ms=now_ms(),
    )


async def change(here: Office, alerts: int) -> None:
    """100 changes a second of what is open."""
    turn = 0
    while True:
        turn += 1
        here.feed.apply(bulk(turn % alerts, 2 + turn // alerts))
        await asyncio.sleep(BULK_EVERY_S)


async def press(here: Office, count: int, every_s: float) -> list[str]:
    """Presses, each a new alert; their ids."""
    ids = []
    for number in range(count):
        ids.append(here.centre.press(number, subject=f"bus-{number}"))
        await asyncio.sleep(every_s)
    return ids


async def child(here: Office, mode: str, who: list[str], rest: list[str]) -> list[float]:
    """Run browsers as a process of their own; the milliseconds that they saw."""
    arguments = [sys.executable, __file__, "--browser", mode, here.url, json.dumps(who), *rest]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    found: list[float] = json.loads(said)
    return found


async def clicks(here: Office, count: int) -> list[float]:
    ids = await press(here, count, 0)
    await asyncio.sleep(0.5)
    who = [here.known(Role.OPERATOR, login=name) for name in ("ana", "eva")]
    return await child(here, "click", who, [json.dumps(ids)])


class Feeds(NamedTuple):
    """Milliseconds of each press at each browser; how late the console's loop was; its share of a core."""

    seen_ms: list[float]
    late_ms: list[float]
    cpu_share: float


async def consoles(here: Office, count: int, presses: int) -> Feeds:
    who = [here.known(Role.OPERATOR, login=f"op-{number}") for number in range(count)]
    parts = [who[first::BROWSERS] for first in range(BROWSERS)]
    watching = asyncio.gather(*(child(here, "watch", part, [str(presses)]) for part in parts if part))
    await asyncio.sleep(12)
    assert here.feed.watchers == count
    late_ms: list[float] = []
    looking = asyncio.create_task(lateness(late_ms))
    cpu_s, began_s = time.process_time(), time.monotonic()
    for number in range(presses):
        here.feed.apply(alert(2_000_000 + number, opened_ms=now_ms(), updated_ms=now_ms()))
        await asyncio.sleep(0.5)
    share = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
    looking.cancel()
    return Feeds([value for found in await watching for value in found], late_ms, share)


async def lateness(found: list[float]) -> None:
    """How much later than asked the console's loop comes back."""
    while True:
        asked_s = time.monotonic()
        await asyncio.sleep(0.01)
        found.append((time.monotonic() - asked_s - 0.01) * 1_000)


async def presses_of(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The rows with life at risk alone: what reads the others is not what is measured."""
    rest = b""
    async for piece in stream.content.iter_any():
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            if LIFE in event and b"\nevent: alert\n" in event:
                yield json.loads(event[event.index(b"data: ") + 6 :])["alert"]


async def rows_of(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The rows of ``alert`` events as they come."""
    kind = b""
    async for line in stream.content:
        if line.startswith(b"event: "):
            kind = line[7:-1]
        elif line.startswith(b"data: ") and kind == b"alert":
            yield json.loads(line[6:])["alert"]


async def browse_clicks(url: str, who: list[str], ids: list[str]) -> list[float]:
    """The first clicks, the second looks."""
    seen: dict[str, float] = {}
    ana, eva = (
        aiohttp.ClientSession(cookies={"who": name}, read_bufsize=2**27, timeout=_FOR_EVER) for name in who
    )
    async with ana, eva, eva.get(f"{url}/api/v1/feed") as stream:

        async def look() -> None:
            async for row in rows_of(stream):
                if row["status"] == "acknowledged":
                    seen.setdefault(row["id"], now_ms())

        looking = asyncio.create_task(look())
        await asyncio.sleep(15)
        clicked = {}
        for number, each in enumerate(ids):
            headers = {"Origin": url, "Idempotency-Key": f"click-number-{number}"}
            clicked[each] = now_ms()
            async with ana.post(
                f"{url}/api/v1/alerts/{each}/acts", json={"kind": "acknowledge"}, headers=headers
            ) as answer:
                assert answer.status == 200, await answer.text()
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        looking.cancel()
    return [seen[each] - at for each, at in clicked.items()]


async def browse_watch(url: str, who: list[str], presses: int) -> list[float]:
    """Everybody watches; how long each press took to each of them."""

    async def watch(name: str) -> list[float]:
        found: list[float] = []
        await asyncio.sleep(who.index(name) * 0.02)  # one address: it may not come with 200 strangers at once
        async with (
            aiohttp.ClientSession(
                cookies={"who": name}, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**26
            ) as session,
            session.get(f"{url}/api/v1/feed") as stream,
        ):
            async for row in presses_of(stream):
                found.append(now_ms() - row["updated_ms"])
                if len(found) == presses:
                    return found
        return found

    return [value for found in await asyncio.gather(*map(watch, who)) for value in found]


async def measure(arguments: argparse.Namespace, folder: Path) -> tuple[Row, ...]:
    async with office(folder, keepalive_s=5.0) as here:
        here.clock = HostClock()  # type: ignore[assignment]
        for number in range(arguments.alerts):
            here.feed.apply(bulk(number, 1))
            if number % 1_000 == 0:
                await asyncio.sleep(0)
        changing = asyncio.create_task(change(here, arguments.alerts))
        told = f"{arguments.alerts:,} open alerts"
        row = latency(f"click → another screen, {told}", await clicks(here, arguments.clicks), p95_aim=300)
        changing.cancel()
    async with office(folder / "feed", keepalive_s=5.0) as here:
        here.clock = HostClock()  # type: ignore[assignment]
        for number in range(1_000):
            here.feed.apply(bulk(number, 1))
        changing = asyncio.create_task(change(here, 1_000))
        feeds = await consoles(here, arguments.consoles, arguments.presses)
        changing.cancel()
    many = f"{arguments.consoles} open consoles"
    share = round(feeds.cpu_share * 100, 1)
    return (
        row,
        latency(f"press → {many}", feeds.seen_ms, p95_aim=500),
        latency(f"the console's loop comes late, {many}", feeds.late_ms),
        Row(label=f"the console's share of one core, {many}", unit="%", median=share),
    )


def browser(mode: str, url: str, who: list[str], rest: str) -> None:
    work = browse_clicks(url, who, json.loads(rest)) if mode == "click" else browse_watch(url, who, int(rest))
    print(json.dumps(asyncio.run(work)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--consoles", type=int, default=200)
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.alerts, arguments.clicks, arguments.consoles, arguments.presses = 5_000, 20, 20, 5
    clocked = Clocked("console_feed", "Console: click to another screen, feed to many", quick=arguments.quick)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "feed").mkdir()
        rows = asyncio.run(measure(arguments, Path(folder)))
    notes = (
        "The bus is in memory: the legs over the broker are in 'Legs of a press'.",
        "200 browsers are four processes on the same two cores, which read the presses alone.",
    )
    result = clocked.result([Table(title="latency", rows=rows)], notes)
    print(markdown(result))
    write(result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--browser"]:
        browser(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]), sys.argv[5])
    else:
        main()
