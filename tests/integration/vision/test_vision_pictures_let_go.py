"""What a picture holds (its buffers, whatever makes pixels of it) is given back when the next one comes."""

from __future__ import annotations

import gc
from pathlib import Path

import av
import pytest

from cior_video.clock import StandingClock
from cior_video.drops import DropCounter
from cior_video.orientation import Turn
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes
from cior_vision.sources import Probe, read_frames
from cior_vision.synthetic import loiterer, render
from integration.vision.clips import encoded

START_MS = 1_790_000_000_000


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


@pytest.mark.parametrize("turn", [Turn.NONE, Turn.RIGHT])
def test_no_picture_waits_for_the_collector_of_cycles_and_none_starts_threads(
    tmp_path: Path, turn: Turn
) -> None:
    """A soak found a thousand threads and 900 MiB for twelve small cameras."""
    clip = encoded(list(render(loiterer(stays_s=1.0)))[:60], tmp_path / "clip.mp4", turn=turn)
    source = SourceSettings(url=str(clip), fps=60)
    gc.collect()
    before, most, count = threads(), 0, 0
    gc.disable()
    try:
        with open_source(source) as container:
            for frame in read_frames(
                container, times=EpochTimes(file_start_ms=START_MS), source=source,
                clock=StandingClock(START_MS), drops=DropCounter(), probe=Probe(), stopped=lambda: False,
            ):  # fmt: skip
                assert frame is not None
                count, most = count + 1, max(most, threads())
            kept = sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())
    finally:
        gc.enable()
    assert count == 60
    assert kept <= 3, "the last one, and the one whose matrix was read"
    assert most - before <= 4
