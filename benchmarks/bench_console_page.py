"""What a desk waits for and what it costs: the operator's console in Chromium with ten and with 10,000 open alerts.

    python benchmarks/bench_console_page.py [--quick] [--rounds 5] [--alerts 10000]

Real page, table, sign-in and register on loopback; every round is a new page of a signed-in browser. First paint is the
first row of the queue on the screen, counted from the navigation; memory is what Chromium's renderers have for
themselves alone (USS, its spare ones included), after a rest and garbage collection.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from selenium.webdriver import Chrome  # noqa: E402

from cior_core.model import Level, Place, PlaceMethod, TypeCode  # noqa: E402
from cior_core.privacy import Role  # noqa: E402
from engines.browser import open_browser  # noqa: E402
from engines.registers import RegisterPlace  # noqa: E402
from integration.console.page_rig import Room, Screen, room  # noqa: E402
from integration.console.wall_rig import NOW_MS, alert  # noqa: E402
from measured import Clocked, Row, Table, quantile, write  # noqa: E402

PAINT_AIM_MS, MEMORY_AIM_MIB = 2_000.0, 150.0
MIB = 1 << 20
FEW = 10
REST_S = 4.0
LEVELS = (Level.P2, Level.P3, Level.P4, Level.P5, Level.P5)
WATCH = """
const look = new MutationObserver(() => {
  if (!document.querySelector('.entry')) return;
  look.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.firstRowMs = performance.now(); }));
});
look.observe(document, {childList: true, subtree: true});
"""


class Found(msgspec.Struct):
    """Of each round: first row, all rows (ms), JavaScript heap and renderers (MiB)."""

    paints: list[float] = []
    whole: list[float] = []
    heaps: list[float] = []
    renderers: list[float] = []


def fill(here: Room, count: int) -> None:
    """Alerts over the whole map; one in fifty threatens a life and nobody took it."""
    for number in range(count):
        spread = (number * 7919) % 10_007 / 10_007
        place = Place(
            method=PlaceMethod.GPS,
            lat=-32.9 - 0.1 * spread,
            lon=-60.62 - 0.1 * ((number * 104_729) % 10_007 / 10_007),
            district="centro" if number % 2 else "sur",
        )
        change: dict[str, Any] = {"place": place, "opened_ms": NOW_MS - number * 100}
        if number % 50:
            change |= {"level": LEVELS[number % 5], "life_safety": False, "type": TypeCode("alarm.community")}
        here.feed.apply(alert(number, **change))


async def measured(screen: Screen, count: int, rounds: int) -> Found:
    found = Found()
    await screen.do(
        lambda: screen.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    )
    for _ in range(rounds):
        await screen.go()
        await screen.until(".rest-title", f"({count - -(-count // 50)})")
        found.whole.append(float(await screen.run("return performance.now()")))
        found.paints.append(float(await screen.run("return window.firstRowMs")))
        await asyncio.sleep(REST_S)
        await screen.do(lambda: screen.chrome.execute_cdp_cmd("HeapProfiler.collectGarbage", {}))
        found.heaps.append(await screen.do(lambda: heap_mib(screen.chrome)))
        found.renderers.append(await screen.do(lambda: renderers_mib(screen.chrome)))
    return found


def heap_mib(chrome: Chrome) -> float:
    chrome.execute_cdp_cmd("Performance.enable", {})
    metrics = chrome.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")) / MIB


def renderers_mib(chrome: Chrome) -> float:
    process = chrome.service.process
    assert process is not None
    total = 0
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "--type=renderer" in child.cmdline():
                total += child.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total / MIB


async def with_alerts(count: int, rounds: int) -> Found:
    """A console and a browser of their own."""
    with tempfile.TemporaryDirectory() as folder:
        async with room(RegisterPlace.of_file(Path(folder) / "register.db")) as here:
            fill(here, count)
            tools = [Path(str(shutil.which(name))) for name in ("chromium", "chromedriver")]
            chrome = await asyncio.to_thread(open_browser, tools[0], tools[1], Path(folder) / "profile")
            try:
                screen = Screen(chrome, here)
                await screen.size(1366, 768)
                await screen.signed_in("agomez", Role.OPERATOR)
                return await measured(screen, count, rounds)
            finally:
                await asyncio.to_thread(chrome.quit)


def row(label: str, unit: str, values: list[float], few: list[float], *, aim: float | None = None) -> Row:
    median = quantile(values, 0.5)
    return Row(
        label=label,
        unit=unit,
        median=round(median, 1),
        highest=round(max(values), 1),
        n=len(values),
        ratio=round(median / quantile(few, 0.5), 1),
        baseline=f"{FEW} open alerts",
        aim=f"≤ {aim:g}" if aim is not None else "",
        met=max(values) <= aim if aim is not None else None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="one round; the result is kept apart")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    clocked = Clocked("console_page", "The operator's console in a browser", quick=options.quick)
    few = asyncio.run(with_alerts(FEW, rounds))
    many = asyncio.run(with_alerts(options.alerts, rounds))
    rows = (
        row("first row on the screen", "ms", many.paints, few.paints, aim=PAINT_AIM_MS),
        row("all rows in the queue", "ms", many.whole, few.whole),
        row("JavaScript heap", "MiB", many.heaps, few.heaps),
        row("renderers, private", "MiB", many.renderers, few.renderers, aim=MEMORY_AIM_MIB),
    )
    table = Table(title=f"{options.alerts:,} open alerts, 1366×768, no GPU", rows=rows)
    result = clocked.result(
        [table], ["Every value below its aim in every round, not in the median only, counts as met."]
    )
    print(write(result))
    for each in rows:
        print(each)


if __name__ == "__main__":
    main()
