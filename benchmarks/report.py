"""Renders the page of all benchmarks, and captures benchmarks that print Markdown into the common format.

    python benchmarks/report.py
    python benchmarks/report.py capture bench_store.py [arguments]

The first writes ``docs/benchmarks.md`` from ``benchmarks/results/*.json``; the second runs one script and keeps what it printed as such a result.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec

from measured import ROOT, Clocked, Result, markdown, read_all, write

_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
PAGE = ROOT / "docs" / "benchmarks.md"
TITLES = {
    "press_to_wall": "Press to wall",
    "press_to_wall_dense": "Press to wall, denser",
    "backlog": "Backlog of telemetry while presses arrive",
    "footprint": "Footprint of the embedded stack",
    "faust_bulk": "Bulk lane and stateful device lane against other loops",
    "correlate": "Correlation step alone",
    "store": "Store writer",
    "bus_spool": "Bus and spool",
    "vision": "Vision",
}
"""Every benchmark in the order of the page: name of its result and heading."""

HEAD = """# Benchmarks

Written by `python benchmarks/report.py` from `benchmarks/results/*.json`; do not edit. How to run and read them: `benchmarks/README.md`.

Every figure is a median (or the named quantile, nearest rank) of one run on the machine named in its section; a ratio compares with the named baseline of
the *same* run. The machine is a small shared virtual one, other programs ran beside: the load average is part of each section, and where processor
shares are given, so is what everything else on the machine used. Ratios carry over to other machines, milliseconds do not.
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


def page(results: list[Result]) -> str:
    """The whole page, in the order of :data:`TITLES`; what has no result yet is named at the end."""
    by_name = {result.name: result for result in results}
    sections = [markdown(by_name.pop(name)) for name in TITLES if name in by_name]
    sections += [markdown(result) for result in by_name.values()]
    missing = [name for name in TITLES if name not in {result.name for result in results}]
    tail = [f"Not measured yet: {', '.join(missing)}.\n"] if missing else []
    return "\n".join([HEAD, *sections, *tail])


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
