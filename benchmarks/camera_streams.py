"""The public clips as a camera of 1280x720 would send them: cropped to 16:9, brought to its rate, enlarged, with the
noise of a sensor, and coded as cheap cameras code.

Between two pictures of a slower clip, those of a faster camera are made by motion (FFmpeg's ``minterpolate``): repeated
pictures would cost a decoder next to nothing. Noise, since what was enlarged has no detail of its own, and bits are
what decoding costs; the rate of bits is held at what such cameras are set to.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np

from cior_core.model import Struct

WIDTH_PX, HEIGHT_PX = 1280, 720
NOISE = 2.5
"""Grey levels."""
_GONE = (av.error.BlockingIOError, av.error.EOFError)


class Stream(Struct, frozen=True, kw_only=True):
    """A camera's setting. ``forward``: pictures between two others that refer forward, and that none refers to."""

    name: str
    fps: int
    kbit_s: int
    forward: int = 0


def sent(clip: Path, path: Path, stream: Stream, *, lasts_s: int) -> Path:
    """The first ``lasts_s`` of ``clip`` as that camera sends it."""
    wanted, chance = lasts_s * stream.fps, np.random.default_rng(1)
    noise = [chance.normal(0.0, NOISE, (HEIGHT_PX, WIDTH_PX)).astype(np.float32) for _ in range(4)]
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        coder = _coder(container, stream)
        for number, picture in zip(range(wanted), _enlarged(source, stream.fps), strict=False):
            planes = picture.to_ndarray()
            shift = (int(chance.integers(HEIGHT_PX)), int(chance.integers(WIDTH_PX)))
            luma = planes[:HEIGHT_PX] + np.roll(noise[number % 4], shift, axis=(0, 1))
            planes[:HEIGHT_PX] = np.clip(luma, 16, 235).astype(np.uint8)
            coded = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            coded.pts, coded.time_base = number, Fraction(1, stream.fps)
            container.mux(coder.encode(coded))
        container.mux(coder.encode(None))
    return path


def _coder(container: Any, stream: Stream) -> Any:
    """One reference, a key picture each two seconds, a constant rate of bits, no look ahead that a camera has not."""
    own = {
        "keyint": 2 * stream.fps, "min-keyint": 2 * stream.fps, "scenecut": 0, "ref": 1, "weightp": 0,
        "b-pyramid": "none", "b-adapt": 0, "rc-lookahead": 5,
        "vbv-maxrate": stream.kbit_s, "vbv-bufsize": stream.kbit_s,
    }  # fmt: skip
    options = {
        "preset": "veryfast", "threads": "1", "bf": str(stream.forward),
        "x264-params": ":".join(f"{key}={value}" for key, value in own.items()),
    }  # fmt: skip
    coder = container.add_stream("libx264", rate=stream.fps, options=options)
    coder.width, coder.height, coder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    coder.bit_rate = stream.kbit_s * 1000
    return coder


def _enlarged(source: Any, fps: int) -> Iterator[av.VideoFrame]:
    video = source.streams.video[0]
    width, height = video.codec_context.width, video.codec_context.height
    crop = f"{min(width, height * 16 // 9)}:{min(height, width * 9 // 16)}"
    is_slower = video.average_rate is not None and video.average_rate < fps
    paced = ("minterpolate", f"fps={fps}:mi_mode=mci") if is_slower else ("fps", str(fps))
    graph = av.filter.Graph()
    last = begin = graph.add_buffer(template=video)
    size = f"{WIDTH_PX}:{HEIGHT_PX}:flags=bicubic"
    for name, value in (("crop", crop), paced, ("scale", size), ("format", "yuv420p")):
        step = graph.add(name, value)
        last.link_to(step)
        last = step
    end = graph.add("buffersink")
    last.link_to(end)
    graph.configure()
    for picture in source.decode(video):
        begin.push(picture)
        while True:
            try:
                made = end.pull()
            except _GONE:
                break
            if isinstance(made, av.VideoFrame):
                yield made
