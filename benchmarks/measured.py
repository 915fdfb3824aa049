"""The one result format of every benchmark, and the little arithmetic they share.

A benchmark writes ``results/<name>.json`` (:class:`Result`); ``report.py`` renders all of them into
``docs/benchmarks.md``. A benchmark that prints Markdown only is captured by ``report.py capture`` into the same
format (``text``).
"""

from __future__ import annotations

import math
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when it ran. ``load``: the one-minute load average before and after; other programs share the
    machine, so it belongs to the figure. ``io_stalled``: share of the time in which some task of the machine waited
    for the disk (Linux pressure stall information), None where unknown.
    """

    at: str
    commit: str
    processor: str
    cores: int
    ram_gib: float
    python: str
    system: str
    load_before: float
    load_after: float
    io_stalled: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured quantity.

    ``ratio`` is median to ``baseline``'s median, a row of the same run. ``aim`` is what the project promised, as
    text.
    """

    label: str
    unit: str
    median: float
    p95: float | None = None
    p99: float | None = None
    highest: float | None = None
    n: int | None = None
    ratio: float | None = None
    baseline: str = ""
    aim: str = ""
    met: bool | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a benchmark found. ``notes`` are sentences that a reader must know; ``text`` is captured Markdown."""

    name: str
    title: str
    command: str
    machine: Machine
    quick: bool = False
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""


def now_ms() -> int:
    """The host's clock, which every part of a run shares."""
    return time.time_ns() // 1_000_000


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(
    label: str,
    values: Sequence[float],
    *,
    baseline: tuple[str, float] | None = None,
    unit: str = "ms",
    p95_aim: float | None = None,
    p99_aim: float | None = None,
) -> Row:
    """A row of quantiles; the aims are upper limits of p95 and p99."""
    median, p95, p99 = (quantile(values, share) for share in (0.5, 0.95, 0.99))
    aims = [(p95, p95_aim, "p95"), (p99, p99_aim, "p99")]
    told = [f"{name} ≤ {aim:g}" for _, aim, name in aims if aim is not None]
    return Row(
        label=label,
        unit=unit,
        median=round(median, 1),
        p95=round(p95, 1),
        p99=round(p99, 1),
        highest=round(max(values), 1),
        n=len(values),
        ratio=round(median / baseline[1], 1) if baseline and baseline[1] else None,
        baseline=baseline[0] if baseline else "",
        aim=", ".join(told),
        met=all(value <= aim for value, aim, _ in aims if aim is not None) if told else None,
    )


class Clocked:
    """Takes the machine's facts at the begin of a run; :meth:`result` closes them."""

    def __init__(self, name: str, title: str, *, quick: bool = False) -> None:
        self._name, self._title, self._quick = name, title, quick
        self._load, self._stalled_s, self._began_s = os.getloadavg()[0], _io_stalled_s(), time.monotonic()

    def _io_stalled(self) -> float | None:
        now_s = _io_stalled_s()
        if now_s is None or self._stalled_s is None:
            return None
        return round((now_s - self._stalled_s) / (time.monotonic() - self._began_s), 3)

    def result(self, tables: Sequence[Table], notes: Sequence[str] = (), *, text: str = "") -> Result:
        """The finished result."""
        return Result(
            name=self._name,
            title=self._title,
            command="python " + shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
            machine=msgspec.structs.replace(_machine(self._load), io_stalled=self._io_stalled()),
            quick=self._quick,
            tables=tuple(tables),
            notes=tuple(notes),
            text=text,
        )


def _io_stalled_s() -> float | None:
    try:
        line = Path("/proc/pressure/io").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    return int(line.rsplit("total=", 1)[1]) / 1e6


def _machine(load_before: float) -> Machine:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit.stdout.strip() or "unknown",
        processor=_processor(),
        cores=os.cpu_count() or 0,
        ram_gib=round(psutil.virtual_memory().total / 2**30, 1),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        load_before=round(load_before, 2),
        load_after=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write(result: Result, folder: Path = RESULTS) -> Path:
    """Store a result beside the others.

    A quick run gets a name of its own, so that it never replaces a measured one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}{'.quick' if result.quick else ''}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def read_all(folder: Path = RESULTS) -> list[Result]:
    """Every measured result by name; quick runs are left out."""
    paths = sorted(path for path in folder.glob("*.json") if not path.name.endswith(".quick.json"))
    return [msgspec.json.decode(path.read_bytes(), type=Result) for path in paths]


def markdown(result: Result) -> str:
    """One section."""
    it = result.machine
    parts = [
        f"## {result.title}",
        f"```\n{result.command}\n```",
        (
            f"{it.at}, commit {it.commit}, {it.processor}, {it.cores} cores, {it.ram_gib:g} GiB, Python {it.python}; "
            f"load average {it.load_before:g} before, {it.load_after:g} after"
            + (
                f"; some task waited for the disk {it.io_stalled:.0%} of the time."
                if it.io_stalled is not None
                else "."
            )
        ),
    ]
    parts += [_table(table) for table in result.tables]
    if result.text:
        parts.append(result.text.strip())
    if result.notes:
        parts.append("\n".join(f"- {note}" for note in result.notes))
    return "\n\n".join(parts) + "\n"


_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("p95", lambda row: _number(row.p95)),
    ("p99", lambda row: _number(row.p99)),
    ("highest", lambda row: _number(row.highest)),
    ("n", lambda row: _number(row.n)),
    ("to baseline", lambda row: f"{row.ratio:g}x {row.baseline}" if row.ratio is not None else ""),
    (
        "aim",
        lambda row: (
            f"{row.aim}{'' if row.met is None else ': met' if row.met else ': **not met**'}"
            if row.aim
            else ""
        ),
    ),
)


def _table(table: Table) -> str:
    columns = [(name, cell) for name, cell in _COLUMNS if any(cell(row) for row in table.rows)]
    lines = [
        f"### {table.title}\n",
        "| what | unit | median | " + " | ".join(name for name, _ in columns) + (" |" if columns else ""),
        "|---|---|---" + "|---" * len(columns) + "|",
    ]
    for row in table.rows:
        cells = [row.label, row.unit, _number(row.median), *(cell(row) for _, cell in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 or float(value).is_integer() else f"{value:,.1f}"
