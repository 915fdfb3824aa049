"""What the embedded stack costs when nothing happens, and how long a newcomer waits for the demo.

    python benchmarks/bench_footprint.py [--idle-s 60] [--no-demo] [--quick]

Idle: every process of the embedded stack as ``cior up`` starts it, with the simulated camera's worker (motion gate,
no model), after so many seconds without any signal from outside: resident memory (RSS), memory of its own (USS: what
would come free if it ended), and processor time over the next minute. Demo: ``git clone`` of this checkout's last
commit into an empty folder, an empty home, ``make demo``: once with nothing cached, once more from another clone with
pip's cache of the first.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from cior_demo import camera
from measured import ROOT, Clocked, Row, Table, markdown, write
from press_rig import Busy, GridCentre

MIB = 2**20


def idle(options: argparse.Namespace) -> list[Table]:
    """The tables of a stack at rest."""
    with tempfile.TemporaryDirectory(prefix="cior-bench-") as name:
        folder = Path(name)
        centre = GridCentre(folder, seed=51, with_camera=True)
        (folder / "video").mkdir()
        camera.draw_clip(folder / "video" / "camera-plaza.mp4")
        centre.stack.supervisor.start(camera.camera_part(folder / "video", centre.world.rtsp_port))
        started_s = time.monotonic()
        with centre:
            ready_s = time.monotonic() - started_s
            time.sleep(options.idle_s)
            busy = Busy(centre)
            time.sleep(options.idle_s)
            shares = busy.shares()
            memory = {
                part: _memory(pid)
                for part, (_, pid, _) in centre.stack.supervisor.status().items()
                if pid is not None
            }
    simulated = "simulated-camera"
    rss = [
        Row(label=part, unit="MiB RSS", median=round(whole / MIB, 1))
        for part, (whole, _) in memory.items()
        if part != simulated
    ]
    rss.append(
        Row(
            label="all (shared pages counted in each)",
            unit="MiB RSS",
            median=round(sum(row.median for row in rss), 1),
        )
    )
    uss = [
        Row(label=part, unit="MiB USS", median=round(own / MIB, 1))
        for part, (_, own) in memory.items()
        if part != simulated
    ]
    uss.append(Row(label="all", unit="MiB USS", median=round(sum(row.median for row in uss), 1)))
    used = [
        Row(label=part, unit="% of a core", median=share)
        for part, share in shares.items()
        if part in memory and part != simulated
    ]
    used.append(Row(label="all", unit="% of a core", median=round(sum(row.median for row in used), 1)))
    start = Row(label="start of the stack until every part is ready", unit="s", median=round(ready_s, 1))
    return [
        Table(title="Start", rows=(start,)),
        Table(title=f"Memory after {options.idle_s:.0f} s at rest", rows=(*rss, *uss)),
        Table(title=f"Processor over {options.idle_s:.0f} s at rest", rows=tuple(used)),
    ]


def _memory(pid: int) -> tuple[int, int]:
    """RSS and USS of a process and its children, bytes."""
    process = psutil.Process(pid)
    every = [process, *process.children(recursive=True)]
    full = [one.memory_full_info() for one in every]
    return sum(one.rss for one in full), sum(one.uss for one in full)


def demos() -> tuple[Table, list[str]]:
    """``make demo`` from a clean clone, pip's cache cold and warm."""
    rows: list[Row] = []
    told: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cior-clone-") as name:
        home = Path(name) / "home"
        home.mkdir()
        for cache in ("cold", "warm"):
            clone = Path(name) / f"clone-{cache}"
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            whole_s, output, code = _demo(clone, home)
            play = re.search(r"whole demo: (\d+) s", output)
            ready = re.search(r"ready after ([\d.]+) s", output)
            rows.append(Row(label=f"make demo, pip's cache {cache}", unit="s", median=round(whole_s, 1)))
            if play:
                rows.append(
                    Row(label="of it the demo itself (play, settle, replay)", unit="s", median=float(play[1]))
                )
            if ready:
                rows.append(Row(label="of that until every part was ready", unit="s", median=float(ready[1])))
            told.append(
                f"make demo, cache {cache}: exit code {code}"
                + ("" if code == 0 else f"; its last lines: {' / '.join(output.splitlines()[-4:])}")
            )
            shutil.rmtree(clone)
    return Table(title="make demo from a clean clone, wall time", rows=tuple(rows)), told


def _demo(clone: Path, home: Path) -> tuple[float, str, int]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LANG", "TMPDIR") or name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    kept.pop("PIP_CACHE_DIR", None)
    started_s = time.monotonic()
    ran = subprocess.run(
        ["make", "demo"],
        cwd=clone,
        env={**kept, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    return time.monotonic() - started_s, ran.stdout + ran.stderr, ran.returncode


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--idle-s", type=float, default=60)
    parser.add_argument("--no-demo", action="store_true")
    parser.add_argument(
        "--quick", action="store_true", help="10 s at rest, no demo; the result is kept apart"
    )
    options = parser.parse_args()
    if options.quick:
        options.idle_s, options.no_demo = 10, True
    clocked = Clocked("footprint", "Footprint of the embedded stack", quick=options.quick or options.no_demo)
    found, told = (
        idle(options),
        ["A registry of some 800 devices; the simulated camera's own server is not counted."],
    )
    if not options.no_demo:
        demo, words = demos()
        found, told = [*found, demo], [*told, *words]
    result = clocked.result(found, told)
    print(write(result))
    print(markdown(result))


if __name__ == "__main__":
    main()
