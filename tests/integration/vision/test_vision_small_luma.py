"""The small luma that gate and conditions see is the decoder's own: as the picture's pixels have it, upright, masked,
and without its colours being made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from cior_video.clock import StandingClock
from cior_video.drops import DropCounter
from cior_video.orientation import Turn
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes
from cior_vision import sources
from cior_vision.frames import Frame, Image
from cior_vision.shrunk import shrink
from cior_vision.sources import Probe, read_frames
from integration.vision.clips import encoded

START_MS = 1_790_000_000_000
FINE = {"crf": "10", "preset": "veryfast"}
LOSSLESS = {"codec": "ffv1", "options": {}}
CORNER = ((0.0, 0.0), (0.4, 0.0), (0.2, 0.5), (0.0, 0.5))


def street() -> Image:
    """Light and dark, greys and colours, each elsewhere."""
    drawn = np.full((270, 480, 3), 120, np.uint8)
    drawn[:60], drawn[200:, :200] = 250, 12
    cv2.circle(drawn, (330, 150), 60, (40, 90, 200), -1)
    cv2.line(drawn, (20, 190), (460, 70), (200, 160, 60), 5)
    return drawn


def frames(clip: Path, **settings: Any) -> Iterator[Frame]:
    source = SourceSettings(url=str(clip), fps=60, **settings)
    with open_source(source) as container:
        for frame in read_frames(
            container, times=EpochTimes(file_start_ms=START_MS), source=source, clock=StandingClock(START_MS),
            drops=DropCounter(), probe=Probe(), stopped=lambda: False,
        ):  # fmt: skip
            assert isinstance(frame, Frame)
            yield frame


FORMS: dict[str, dict[str, Any]] = {
    "h264": {"options": FINE},
    "h264 at full range": {"options": FINE, "is_full_range": True},
    "mjpeg": {"codec": "mjpeg", "options": {"q": "2"}},
    "with all its colours": {**LOSSLESS, "pix_fmt": "yuv444p"},
    "ten bits": {**LOSSLESS, "pix_fmt": "yuv420p10le"},
    "grey": {**LOSSLESS, "pix_fmt": "gray"},
    "without a luma": {**LOSSLESS, "pix_fmt": "bgr0"},
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_what_the_pixels_say_however_they_are_coded(tmp_path: Path, form: str) -> None:
    clip = encoded([street()] * 2, tmp_path / "clip.mkv", **FORMS[form])
    [first, _] = frames(clip)
    off = first.small.astype(int) - shrink(first.image)
    assert abs(off.mean()) < 2
    assert np.quantile(abs(off), 0.98) <= 4
    assert int(np.ptp(first.small)) > 200, "light and dark are both in it"


@pytest.mark.parametrize("turn", list(Turn))
def test_it_is_upright_and_what_a_mask_covers_is_black_in_it_and_in_the_pixels(
    tmp_path: Path, turn: Turn
) -> None:
    clip = encoded([street()] * 2, tmp_path / "clip.mp4", options=FINE)
    [open_to_all, _] = frames(clip, turn=turn)
    assert cv2.absdiff(open_to_all.small, shrink(open_to_all.image)).mean() < 3
    [first, _] = frames(clip, turn=turn, masks=(CORNER,))
    assert first.image.shape[:2] == first.picture.size_px
    covered = np.zeros((180, 320), np.uint8)
    cv2.fillPoly(covered, [np.array([(round(x * 320), round(y * 180)) for x, y in CORNER])], 255)
    assert not first.small[covered > 0].any()
    height, width = first.picture.size_px
    whole = cv2.resize(covered, (width, height), interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode(whole, np.ones((5, 5), np.uint8)) > 0
    assert not first.image[inside].any(), "nor in what a detector looks at"
    assert open_to_all.image[inside].any()
    around = cv2.dilate(covered, np.ones((9, 9), np.uint8)) > 0
    assert np.array_equal(first.small[~around], open_to_all.small[~around])


def test_colours_are_made_only_for_who_asks_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counting:
        def __init__(self) -> None:
            self._scaler = VideoReformatter()

        def reformat(self, *given: Any, **named: Any) -> Any:
            made.append(1)
            return self._scaler.reformat(*given, **named)

    monkeypatch.setattr(sources, "VideoReformatter", Counting)
    clip = encoded([street()] * 6, tmp_path / "clip.mp4", options=FINE)
    seen = list(frames(clip))
    assert [frame.small.shape for frame in seen] == [(180, 320)] * 6
    assert not made
    assert seen[2].image is seen[2].image
    assert len(made) == 1
    assert cv2.absdiff(seen[2].image, street()).mean() < 4, "decoded pictures wait for who asks, unharmed"
