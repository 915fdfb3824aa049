"""A ring of footage as a recorder leaves it while it records, with a hole in it."""

from __future__ import annotations

import time
from pathlib import Path

from cior_core.footage import GapCause
from integration.recorder.fed_track import Clock, Fed

HOLE_MS = 3_000


class Ring:
    """A camera's ring whose newest picture is of now: four seconds, a hole, two and a half; the last file is open."""

    def __init__(self, folder: Path, clip: Path) -> None:
        self.path, self.clip, self.began_ms = folder, clip, now_ms() - 6_500 - HOLE_MS
        self.fed = Fed(folder, clip, Clock(self.began_ms))
        self.fed.connection(40)
        self.fed.track.ended(GapCause.CAMERA_AWAY)
        self.fed.clock.advance(HOLE_MS)
        self.fed.connection(25, first=40)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
