"""Two states of the project measured in turn on one machine: before, after, before, after ..., and the ratio of their
medians.

    python benchmarks/in_turn.py --before ../checkout-of-then [--pairs 3] [--only correlate press_to_wall backlog]

``--before`` is a checkout of the earlier commit with an environment of its own (``make venv`` there); "after" is this
checkout. Each benchmark is run by its own state's script, so each state is measured as it measured itself. A ratio
above 1 means that the later state is slower; the aim of a change that only moves things is a median ratio of at most
1.15. The result goes to ``results/in_turn.json`` and so to ``docs/benchmarks.md``. What ``--only`` leaves out stays as
it was, with the commit at which it was measured.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from measured import RESULTS, ROOT, Clocked, Result, Row, Table, markdown, write

AIM = 1.15
ROUND_TIMEOUT_S = 900
_AT = ", measured at "
_RATE = re.compile(r"^(step[^:]*): median ([\d,]+) items/s", re.MULTILINE)


class Measured(msgspec.Struct, frozen=True):
    """One benchmark: its script with arguments, and how a figure (smaller is better) is read from what it left
    behind.
    """

    script: str
    arguments: tuple[str, ...]
    read: Callable[[Path, str], Mapping[str, float]]


def rates(_checkout: Path, printed: str) -> dict[str, float]:
    """``bench_correlate.py`` prints items a second; the figure is microseconds an item."""
    return {name: 1e6 / float(rate.replace(",", "")) for name, rate in _RATE.findall(printed)}


def medians(name: str, wanted: re.Pattern[str]) -> Callable[[Path, str], dict[str, float]]:
    """The medians of the rows of ``results/<name>.json`` whose ``title: label`` matches."""

    def read(checkout: Path, _printed: str) -> dict[str, float]:
        file = checkout / "benchmarks" / "results" / f"{name}.json"
        tables = msgspec.json.decode(file.read_bytes(), type=Result).tables
        rows = ((f"{table.title}: {row.label}", row.median) for table in tables for row in table.rows)
        return {label: median for label, median in rows if wanted.search(label)}

    return read


BENCHMARKS = {
    "correlate": Measured("bench_correlate.py", ("--rounds", "5"), rates),
    "press_to_wall": Measured(
        "bench_press_to_wall.py",
        ("--quick", "--per-s", "2"),
        medians("press_to_wall.quick", re.compile(r"press: |both wires|own account")),
    ),
    "backlog": Measured(
        "bench_backlog.py",
        # Whole: of 50,000 events the last may wait in a batch that gathers for eight seconds, or just not.
        (),
        medians("backlog", re.compile(r"drained by|press \(both|first eight|question")),
    ),
}


def run(checkout: Path, measured: Measured) -> Mapping[str, float]:
    """One run of one state. Raises ``SystemExit`` with the end of its output when it fails."""
    python = checkout / ".venv" / "bin" / "python"
    command = [str(python if python.exists() else sys.executable), f"benchmarks/{measured.script}"]
    ran = subprocess.run(
        [*command, *measured.arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=ROUND_TIMEOUT_S,
    )
    if ran.returncode:
        raise SystemExit(
            f"{measured.script} ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-3_000:]}"
        )
    return measured.read(checkout, ran.stdout)


def compared(name: str, runs: Mapping[str, list[Mapping[str, float]]]) -> Table:
    """A row for each figure that both states have: median of the later state's runs, ratio to the earlier one's."""
    labels = [label for label in runs["before"][0] if all(label in each for each in runs["after"])]
    rows = []
    for label in labels:
        before, after = (
            statistics.median(each[label] for each in runs[state]) for state in ("before", "after")
        )
        ratio = round(after / before, 2)
        rows.append(
            Row(
                label=label,
                unit="µs/item" if name == "correlate" else "ms or s",
                median=round(after, 1),
                n=len(runs["after"]),
                ratio=ratio,
                baseline=f"before ({before:,.1f})",
                aim=f"ratio ≤ {AIM:g}",
                met=ratio <= AIM,
            )
        )
    return Table(title=name, rows=tuple(rows))


def left_as_it_was(measured: Sequence[str]) -> list[Table]:
    """The tables of the kept result that are not among those ``measured`` now; each says of which commit it is."""
    file = RESULTS / "in_turn.json"
    if not file.exists():
        return []
    earlier = msgspec.json.decode(file.read_bytes(), type=Result)
    at = f"{_AT}{earlier.machine.commit}"
    return [
        table if _AT in table.title else msgspec.structs.replace(table, title=f"{table.title}{at}")
        for table in earlier.tables
        if table.title.partition(_AT)[0] not in measured
    ]


def commit_of(checkout: Path) -> str:
    """The short commit of a checkout."""
    told = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=tuple(BENCHMARKS), default=tuple(BENCHMARKS))
    asked = parser.parse_args()
    states = {"before": asked.before.resolve(), "after": ROOT}
    clocked = Clocked("in_turn", "Before and after, in turn")
    tables = []
    for name in asked.only:
        runs: dict[str, list[Mapping[str, float]]] = {state: [] for state in states}
        for pair in range(asked.pairs):
            for state, checkout in states.items():
                runs[state].append(run(checkout, BENCHMARKS[name]))
                print(f"{name}, pair {pair + 1}, {state}: {runs[state][-1]}", flush=True)
        tables.append(compared(name, runs))
    tables += left_as_it_was(asked.only)
    told = (
        f"Before: commit {commit_of(states['before'])}; {asked.pairs} pairs; each figure is the median "
        f"of its runs' medians."
    )
    result = clocked.result(tables, [told])
    result = msgspec.structs.replace(
        result,
        command=f"python benchmarks/in_turn.py --before <checkout of then> --pairs {asked.pairs} --only "
        f"{' '.join(asked.only)}",
    )
    print(write(result))
    print(markdown(result))


if __name__ == "__main__":
    main()
