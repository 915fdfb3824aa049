"""What a recorder's start and its idle sweep cost by the days that its ring keeps, a camera.

Run: ``python benchmarks/bench_recorder_start.py [--cameras 10] [--names 2000]``. A ring in the temporary folder
(``TMPDIR``): of each camera and day so many empty files with names of segments, an index of as many lines for the
newest three days and of fifty for the others, since nothing reads those. With ``--names 43200`` it is a ring of
segments of two seconds. *Past*: 335 days more, of which one line each is left.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cior_core import chain, footage
from cior_core.camera_stretch import PictureForm
from cior_core.footage import DAY_MS, FootageClock, PastDay, Segment
from cior_core.model import ClockQuality
from cior_recorder.disk import Room
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from cior_recorder.past import Past
from cior_recorder.pruning import Pruner
from cior_recorder.recovery import resumed
from cior_recorder.sweeping import Sweeper
from measured import Clocked, Row, Table, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from doubles.courts import NoOrders

FIRST_MS = 1_795_737_600_000  # 2026-11-27T00:00:00Z
ROUNDS = 5


def segment(camera: str, number: int, at_ms: int) -> Segment:
    """Two seconds."""
    return Segment(
        camera=camera, number=number, stretch=at_ms, epoch=0, start_ms=at_ms, end_ms=at_ms + 2000, frames=50,
        keyframes=1, size_bytes=500_000, sha256="a" * 64, payload_sha256="b" * 64,
        path=footage.segment_path(camera, number, at_ms), form=PictureForm(codec="h264", width_px=1280, height_px=720),
        codec_sha256="c" * 64, first_pts=90_000, time_base=(1, 90_000),
        clock=FootageClock(source="rtcp", quality=ClockQuality.SYNCED, offset_ms=-30, error_ms=4),
    )  # fmt: skip


def filled(ring: Path, camera: str, *, days: int, names: int) -> int:
    """A camera's days; the instant at which the last segment ends."""
    end_ms = FIRST_MS
    for day in range(days):
        start_ms = FIRST_MS + day * DAY_MS
        folder = ring / camera / footage.day_of(start_ms)
        folder.mkdir(parents=True)
        head = footage.first_head(camera, folder.name)
        lines = []
        for n in range(names):
            each = segment(camera, day * names + n + 1, start_ms + n * (DAY_MS // names))
            (ring / each.path).touch()
            if day >= days - 3 or n < 50:
                entry = footage.entry_after(head, each)
                head, end_ms = entry.head, each.end_ms
                lines.append(footage.line_of(entry))
        (folder / footage.INDEX).write_bytes(b"".join(lines))
    return end_ms


def past(ring: Path, camera: str, *, days: int) -> None:
    """Lines of days that are gone."""
    known = Past(ring, camera)
    for day in range(days):
        name = footage.day_of(FIRST_MS - (days - day) * DAY_MS)
        head = chain.Head(footage.first_head(camera, name).chain, 43_202, "d" * 64)
        known.append(
            PastDay(
                camera=camera, day=name, at_ms=FIRST_MS, before=head, last=head, named=head, index_sha256="e" * 64,
                index_bytes=37_000_000, segments=43_200, size_bytes=21_600_000_000, last_number=1,
                expired_ms=(FIRST_MS, FIRST_MS), rules=(footage.RemovalRule.RETENTION,),
                told=((FIRST_MS, FIRST_MS + DAY_MS, footage.GapCause.EXPIRED),),
            )
        )  # fmt: skip


def median_ms(work: Callable[[], object]) -> float:
    """Of a few rounds, the first of which counts for nothing: the folders are in memory then."""
    took = []
    for _ in range(ROUNDS + 1):
        began_s = time.perf_counter()
        work()
        took.append((time.perf_counter() - began_s) * 1000)
    return sorted(took[1:])[ROUNDS // 2]


def costs(ring: Path, cameras: list[str], now_ms: int) -> tuple[float, float]:
    """Milliseconds a camera: a start, and a sweep that finds nothing due."""

    def start() -> None:
        for camera in cameras:
            resumed(ring, camera, Ledger(ring, camera), now_ms=now_ms)

    ledgers = {camera: Ledger(ring, camera) for camera in cameras}
    holds, court = Holds(ring), NoOrders()
    sweeper = Sweeper(
        ring, ledgers, holds=holds, court=court, room=lambda: Room(free_bytes=10**12, whole_bytes=10**12),
        now_ms=lambda: now_ms,
    )  # fmt: skip
    pruner = Pruner(ring, ledgers, holds=holds, court=court, now_ms=lambda: now_ms)

    def sweep() -> None:
        assert sweeper.sweep(keep_ms=4000 * DAY_MS, reserve_bytes=1).removed == 0
        assert pruner.prune(keep_ms=4000 * DAY_MS, years=10) == 0

    return median_ms(start) / len(cameras), median_ms(sweep) / len(cameras)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--names", type=int, default=2_000)
    options = parser.parse_args()
    clocked = Clocked("recorder_start", "Recorder: what days cost", quick=options.names < 2_000)
    cameras = [f"camera-{n}" for n in range(options.cameras)]
    starts, sweeps = list[Row](), list[Row]()
    for label, days, gone in (("3 days", 3, 0), ("30 days", 30, 0), ("30 days and 335 past", 30, 335)):
        with tempfile.TemporaryDirectory() as name:
            ring = Path(name)
            now_ms = max(filled(ring, camera, days=days, names=options.names) for camera in cameras)
            for camera in cameras:
                past(ring, camera, days=gone)
            start, sweep = costs(ring, cameras, now_ms)
        base = (starts[0].median, sweeps[0].median) if starts else (start, sweep)
        starts.append(
            Row(
                label=f"a start, {label}",
                unit="ms a camera",
                median=round(start, 1),
                ratio=round(start / base[0], 2),
            )
        )
        sweeps.append(
            Row(
                label=f"a sweep, {label}",
                unit="ms a camera",
                median=round(sweep, 2),
                ratio=round(sweep / base[1], 2),
            )
        )
    rows = (*starts, *sweeps)
    path = write(clocked.result([Table(title=f"{options.names} segments a camera and day", rows=rows)]))
    for row in rows:
        print(f"{row.label}: {row.median:g} {row.unit}, {row.ratio:g} times")
    print(path)


if __name__ == "__main__":
    main()
