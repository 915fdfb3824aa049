"""A camera that shows its own clock, a real recorder of it, and what a page sees of both.

The picture's number stands in it as bright and dark blocks; by the recorder's own record of when it took which picture,
the number on a screen tells how old what is shown is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from cior_core import footage
from cior_core.cameras import Camera, Cameras
from cior_core.footage import Segment
from engines.source_tree import ROOT

FPS = 10
WIDTH, HEIGHT = 320, 180
BITS, BLOCK = 12, 24
CAMERA = "plaza"
LAT, LON = -32.95, -60.64
RECORDER = ROOT / "tests" / "integration" / "recorder" / "recorder_process.py"
READ_CODE = f"""
const video = document.querySelector('.player video');
if (!video || video.readyState < 2) return null;
const canvas = document.createElement('canvas');
canvas.width = {WIDTH}; canvas.height = {HEIGHT};
const pen = canvas.getContext('2d');
pen.drawImage(video, 0, 0, canvas.width, canvas.height);
const bits = [...Array({BITS}).keys()].map((bit) => pen.getImageData(bit * {BLOCK} + 12, 20, 1, 1).data[0] > 128);
return [bits.reduce((code, isSet, bit) => code + (isSet ? 2 ** bit : 0), 0), Date.now(), video.currentTime];
"""


def cameras() -> Cameras:
    """The camera, beside the place of the rig's alerts."""
    return Cameras([Camera(id=CAMERA, name="Plaza", lat=LAT, lon=LON + 0.0003, district="centro")])


def clock_clip(path: Path, *, seconds: int = 60, codec: str = "libx264") -> Path:
    """Ten pictures a second, a key picture each second, each with its number."""
    options = {"preset": "veryfast", "tune": "zerolatency", "threads": "1", "crf": "27"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size, stream.time_base = FPS, Fraction(1, FPS)
        for number in range(seconds * FPS):
            picture = av.VideoFrame.from_ndarray(_picture(number), format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _picture(number: int) -> Any:
    image = np.full((HEIGHT, WIDTH, 3), 70, np.uint8)
    for bit in range(BITS):
        image[:40, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
    words = f"{number // FPS:02d}.{number % FPS}"
    cv2.putText(image, words, (70, 130), cv2.FONT_HERSHEY_SIMPLEX, 2, (240, 240, 240), 3)
    return image


def code_of(image: Any) -> int:
    """The number in a decoded picture."""
    return sum(1 << bit for bit in range(BITS) if image[20, bit * BLOCK + 12, 0] > 128)


def segments(ring: Path) -> list[Segment]:
    """What the index has so far."""
    found: list[Segment] = []
    for path in sorted((ring / CAMERA).glob(f"*/{footage.INDEX}")):
        entries = footage.read_index(path.read_bytes()).entries
        found += [each.record for each in entries if isinstance(each.record, Segment)]
    return found


def shown_at_ms(ring: Path, code: int) -> int:
    """When the recorder took the picture with this number, in the newest connection."""
    last = segments(ring)[-1]
    first = next(each for each in segments(ring) if each.stretch == last.stretch)
    with av.open(str(ring / first.path)) as container:
        image = next(container.decode(video=0)).to_ndarray(format="bgr24")
    return first.start_ms + (code - code_of(image)) * 1000 // FPS


class RecorderProcess:
    """Forks recorders of ``url`` into ``ring``; each can be killed without a word."""

    def __init__(self, url: str, ring: Path, counts: Path, *, segment_s: float = 1.0) -> None:
        env = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
        self._parent = subprocess.Popen(
            [sys.executable, str(RECORDER), url, str(ring), str(counts), str(segment_s)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True,
        )  # fmt: skip
        self.pid = 0

    def start(self) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write("\n")
        self._parent.stdin.flush()
        lines = (line.strip() for line in self._parent.stdout)  # its log stands between
        self.pid = int(next(line for line in lines if line.isdigit()))

    def kill(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0

    def end(self) -> None:
        self.kill()
        self._parent.kill()
        self._parent.communicate()


@contextmanager
def recorder(url: str, ring: Path, counts: Path, *, segment_s: float = 1.0) -> Iterator[RecorderProcess]:
    """One that records."""
    process = RecorderProcess(url, ring, counts, segment_s=segment_s)
    try:
        process.start()
        yield process
    finally:
        process.end()


def wait_for_segments(ring: Path, count: int, *, within_s: float = 40.0) -> None:
    """Blocking."""
    ends_s = time.monotonic() + within_s
    while len(segments(ring)) < count:
        assert time.monotonic() < ends_s, "the recorder recorded nothing"
        time.sleep(0.1)
