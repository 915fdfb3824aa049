"""Renders the page of all benchmarks, and captures benchmarks that print Markdown into the common format.

    python benchmarks/report.py
    python benchmarks/report.py capture bench_store.py [arguments]

The first writes ``docs/benchmarks.md`` from ``benchmarks/results/*.json``; the second runs one script and keeps what
it printed as such a result.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from measured import ROOT, Clocked, Result, markdown, read_all, write

_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
PAGE = ROOT / "docs" / "benchmarks.md"
AIMS = ROOT / "benchmarks" / "aims.toml"
TITLES = {
    "press_to_wall": "Press to wall",
    "press_to_wall_dense": "Press to wall, denser",
    "console_feed": "Console: click to another screen, feed to many",
    "press_legs": "Legs of a press, alone",
    "press_legs_loaded": "Legs of a press, with telemetry behind",
    "burst": "A press until its alert shows what a camera saw",
    "notices": "Press to phone, alone",
    "notices_loaded": "Press to phone, with telemetry behind",
    "cad_backlog": "A desk's file while presses arrive",
    "garbage": "Panels press into garbage on their port",
    "backlog": "Backlog of telemetry while presses arrive",
    "footprint": "Footprint of the embedded stack",
    "faust_bulk": "Bulk lane and stateful device lane against other loops",
    "correlate": "Correlation step alone",
    "open_alerts": "Open alerts: one step and one tick",
    "store": "Store writer",
    "register": "Ledgered reads",
    "grafana": "Panels of the walls",
    "bus_spool": "Bus and spool",
    "vision": "Vision",
    "vision_cost": "Vision: what a busy camera costs, and what it finds for that",
    "vision_cameras": "Vision: busy cameras a core",
    "vision_switches": "Vision: does a narrower input switch ids more often",
    "vision_gpu": "Vision on a card",
    "vision_batches": "Vision: batches on a processor",
    "package": "An evidence package",
    "in_turn": "Before and after, in turn",
}
"""Every benchmark in the order of the page: name of its result and heading."""

HEAD = """# Benchmarks

Written by `python benchmarks/report.py` from `benchmarks/results/*.json`; do not edit. How to run and read them:
`benchmarks/README.md`.

Every figure is a median (or the named quantile, nearest rank) of one run on the machine named in its section; a ratio
compares with the named baseline of the *same* run. The machine is a small shared virtual one, other programs ran
beside: the load average is part of each section, and where processor shares are given, so is what everything else on
the machine used. Ratios carry over to other machines, milliseconds do not.
"""


def capture(script: str, arguments: list[str]) -> Result:
    """Run a benchmark that prints Markdown. Raises ``SystemExit`` with its error output when it fails."""
    path = ROOT / "benchmarks" / script
    name = path.stem.removeprefix("bench_")
    clocked = Clocked(name, TITLES.get(name, name))
    ran = subprocess.run(
        [sys.executable, str(path), *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if ran.returncode:
        raise SystemExit(f"{script} ended with {ran.returncode}:\n{ran.stderr[-2_000:]}")
    result = clocked.result((), text=_as_markdown(ran.stdout))
    shown = [_shown(argument) for argument in arguments]
    return msgspec.structs.replace(result, command="python " + shlex.join([f"benchmarks/{script}", *shown]))


def _shown(argument: str) -> str:
    """Paths of this machine have no place on a page."""
    return f"<{Path(argument).name}>" if argument.startswith("/") else argument


def _as_markdown(text: str) -> str:
    """Tables stay tables, log lines go; output without a table is quoted as it is."""
    text = "\n".join(line for line in text.splitlines() if not _LOG_LINE.match(line))
    return text if "|---" in text else f"```\n{text.strip()}\n```"


class Aim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A promise about one cell of a captured table: the named row's number in the named column is at least that."""

    benchmark: str
    row: str
    column: str
    at_least: float


class Unmeasured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A promise of a benchmark whose rows carry it once there is a result."""

    benchmark: str
    what: str
    aim: str


class Promise(msgspec.Struct, frozen=True):
    """One promise and what was measured. ``met`` None: the figure is not there."""

    what: str
    aim: str
    measured: str
    met: bool | None
    commit: str


def promises(results: list[Result], aims: list[Aim]) -> Iterator[Promise]:
    """Every promise of every result: those in rows, then those of ``aims.toml``."""
    for result in results:
        for table in result.tables:
            for row in table.rows:
                if row.met is not None:
                    quantiles = () if row.aim.startswith("median") else (row.p95, row.p99)
                    told = " / ".join(f"{value:g}" for value in quantiles if value is not None)
                    measured = (
                        f"ratio {row.ratio:g}" if row.aim.startswith("ratio") else told or f"{row.median:g}"
                    )
                    what = f"{result.title}, {table.title}: {row.label}"
                    yield Promise(what, row.aim, f"{measured} {row.unit}", row.met, result.machine.commit)
    by_name = {result.name: result for result in results}
    for aim in aims:
        if (found := by_name.get(aim.benchmark)) is not None:
            value = cell(found.text, aim)
            what = f"{found.title}: {aim.row.replace('**', '')}, {aim.column}"
            met = None if value is None else value >= aim.at_least
            yield Promise(
                what,
                f"≥ {aim.at_least:g}",
                "not measured" if value is None else f"{value:g}",
                met,
                found.machine.commit,
            )


def cell(text: str, aim: Aim) -> float | None:
    """The number that a captured table has at the aim's row and column; None when it is not there."""
    columns: list[str] = []
    for line in text.splitlines():
        cells = [each.strip() for each in line.strip().strip("|").split("|")]
        if aim.column in cells:
            columns = cells
        elif cells[0] == aim.row and aim.column in columns and len(cells) == len(columns):
            return float(cells[columns.index(aim.column)].rstrip("x").replace(",", ""))
    return None


def missed(results: list[Result]) -> str:
    """The section of what was promised and not reached, first on the page."""
    texts = tomllib.loads(AIMS.read_text(encoding="utf-8"))
    rows = list(promises(results, msgspec.convert(texts["aim"], list[Aim])))
    names = {result.name for result in results}
    rows += [
        Promise(f"{TITLES[each.benchmark]}: {each.what}", each.aim, "**not measured**", None, "")
        for each in msgspec.convert(texts["promise"], list[Unmeasured])
        if each.benchmark not in names
    ]
    lines = [
        "## Aims that are not met",
        "",
        f"{sum(row.met is True for row in rows)} of {len(rows)} aims are met; these are not, or were not measured:",
        "",
        "| what | aim | measured | commit |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.what} | {row.aim} | {row.measured} | {row.commit} |" for row in rows if row.met is not True
    ]
    return "\n".join(lines) + "\n"


def page(results: list[Result]) -> str:
    """The whole page, in the order of :data:`TITLES`; what has no result yet is named at the end."""
    by_name = {result.name: result for result in results}
    sections = [markdown(by_name.pop(name)) for name in TITLES if name in by_name]
    sections += [markdown(result) for result in by_name.values()]
    missing = [name for name in TITLES if name not in {result.name for result in results}]
    tail = [f"Not measured yet: {', '.join(missing)}.\n"] if missing else []
    return "\n".join([HEAD, missed(results), *sections, *tail])


def main() -> None:
    match sys.argv[1:]:
        case ["capture", script, *arguments]:
            print(write(capture(script, arguments)))
        case []:
            PAGE.write_text(page(read_all()), encoding="utf-8")
            print(PAGE.relative_to(ROOT))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
