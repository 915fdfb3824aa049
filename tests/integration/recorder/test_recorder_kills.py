"""kill -9 at any instant: what was handed to a file is there, whole, and the index says so."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cior_core.footage import GapCause, cover
from cior_recorder.boxes import BoxReader
from cior_recorder.segment_file import PART
from engines.long_runs import often
from engines.rtsp import RtspServer
from integration.recorder import footage_read as read

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.slow]
KILLS = often(8, long=100)


class Nursery:
    """Forks recorders of the camera, one at a time."""

    def __init__(self, url: str, ring: Path, counts: Path) -> None:
        script = Path(__file__).with_name("recorder_process.py")
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._counts = counts
        self._process = subprocess.Popen(
            [sys.executable, str(script), url, str(ring), str(counts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )

    def begin(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.strip().isdigit():
                return int(line)
        raise AssertionError("the nursery is gone")

    def added(self) -> int:
        """Packets that a segment's file took, all recorders together."""
        return self._counts.stat().st_size if self._counts.exists() else 0

    def has_added(self, wanted: int) -> bool:
        return self.added() >= wanted

    def close(self) -> None:
        with self._process:
            self._process.kill()


@contextmanager
def nursery(url: str, ring: Path, counts: Path) -> Iterator[Nursery]:
    made = Nursery(url, ring, counts)
    try:
        yield made
    finally:
        made.close()


def until(ready: Callable[[], bool], *, within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def pictures(ring: Path) -> int:
    """Whole ones in all files, open or not."""
    found = 0
    for path in ring.glob("plaza/*/*.mp4*"):
        boxes = BoxReader()
        boxes.feed(path.read_bytes())
        found += boxes.frames
    return found


@pytest.mark.timeout(1800)
def test_no_kill_takes_more_than_the_picture_being_written(camera: RtspServer, tmp_path: Path) -> None:
    ring, rng, lost = tmp_path / "ring", random.Random(11), list[int]()
    with nursery(camera.url("plaza.mp4"), ring, tmp_path / "counts") as recorders:
        for _ in range(KILLS):
            added, there = recorders.added(), pictures(ring)
            pid, wanted = recorders.begin(), added + rng.randrange(1, 25)
            until(partial(recorders.has_added, wanted))
            time.sleep(rng.uniform(0.0, 0.12))
            os.kill(pid, signal.SIGKILL)
            until(partial(is_gone, pid))
            lost.append(recorders.added() - added - (pictures(ring) - there))
        pid, wanted = recorders.begin(), recorders.added() + 5
        until(partial(recorders.has_added, wanted))
        os.kill(pid, signal.SIGTERM)
        until(partial(is_gone, pid))
        added = recorders.added()
    assert set(lost) <= {0, 1}, "of what a segment's file took, each kill takes the newest picture at most"
    assert not list(ring.rglob(f"*{PART}"))
    kept = read.segments(ring)
    for segment in kept:
        read.checked(ring, segment)
    assert added - sum(each.frames for each in kept) == sum(lost), "and nothing more is lost by going on"
    assert [each.number for each in kept] == list(range(1, len(kept) + 1))
    assert sum(each.recovered for each in kept) >= KILLS // 2
    whole = cover("plaza", (kept[0].start_ms, kept[-1].end_ms), read.records(ring))
    assert {each.cause for each in whole.gaps} <= {GapCause.RESTART}, "every silence has its cause"
