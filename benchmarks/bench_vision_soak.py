"""A soak of the vision worker: twelve cameras on real sockets, faults by a schedule, an hour.

    python benchmarks/bench_vision_soak.py [--soak hour] [--lasts SECONDS] [--speed 1] [--page]
    python benchmarks/bench_vision_soak.py --of FOLDER [--page]     judges what an earlier run left

Prints after how long each fault was named and was over, what was said without a reason, the alerts by level, the least
watched camera, memory and threads. ``--page`` writes ``docs/vision-soak.md``. ``--speed``: how many times faster than
time the cameras and the worker's clock go. Exits 1 when something is not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cior_city import packs  # noqa: E402
from engines.faulty_cameras import Tempo  # noqa: E402
from integration.vision.soak_judge import Report, report  # noqa: E402
from integration.vision.soak_plan import planned  # noqa: E402
from integration.vision.soaking import Rig  # noqa: E402

PAGE = ROOT / "docs" / "vision-soak.md"
HEAD = """# A soak of the vision worker

Written by `python benchmarks/bench_vision_soak.py --page`; do not edit. `{soak}`: {minutes:.0f} minutes of the cameras'
time, played at {speed:g} times the speed of time; {cameras} cameras on sockets of their own (every third MJPEG over
HTTP, the others H.264 over RTSP; 320x180, drawn by us, five pictures a second), {faults} faults by
`tests/integration/vision/soak.toml`, one worker as a process of its own with the detector of our drawn figures. A fault
must be named, and said to be over, within a minute.
"""


def page(found: Report) -> str:
    """The whole page."""
    plan = found.plan
    head = HEAD.format(
        soak=plan.name,
        speed=found.speed,
        minutes=plan.lasts_s / 60,
        cameras=plan.cameras,
        faults=len(found.named),
    )
    kept = found.memory
    memory = (
        "too short a run to say"
        if kept is None
        else f"{kept.first_mib} MiB in the first quarter and {kept.last_mib} MiB in the last of "
        f"{kept.judged_s / 60:.0f} minutes\n  after the warm-up; slope {kept.mib_an_hour} MiB an hour"
    )
    wrong = [f"- {each}" for each in found.faults] or ["- nothing"]
    rates = found.rates.values()
    levels = ", ".join(f"{level} {count}" for level, count in found.levels.items())
    rows = [
        head, found.table(), "",
        f"- Alerts by level: {levels or 'none'}; nobody drew a P1 or P2.",
        f"- Pictures a second while nothing was done to a camera: {min(rates)} to {max(rates)} of five.",
        f"- Memory of the worker: {memory}; at most {found.threads} threads.",
        f"- Pictures that this machine sent more than two seconds late: {found.late}.",
        "", "Not as it must be:", "", *wrong, "",
    ]  # fmt: skip
    return "\n".join(rows)


def run(name: str, lasts_s: float | None, speed: float, folder: Path) -> None:
    """Play a soak into ``folder``."""
    plan, faults = planned(name, lasts_s=lasts_s)
    asyncio.run(Rig(plan, faults, folder, tempo=Tempo(time.time(), speed)).run(early=False))


def main() -> int:
    """As the module says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soak", default="hour")
    parser.add_argument("--lasts", type=float)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--of", type=Path)
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        if asked.of is None:
            run(asked.soak, asked.lasts, asked.speed, Path(temporary))
        found = report(asked.of or Path(temporary), packs.rule_pack())
    text = page(found)
    sys.stdout.write(text)
    if asked.page:
        PAGE.write_text(text, encoding="utf-8")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
