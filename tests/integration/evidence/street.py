"""A street that we draw, recorded: two people in red shirts, one who walks by and one who stands."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from cior_vision.synthetic import Scene, Walker, render
from doubles.packages import FPS, FRAMES, ring

WIDTH_PX, HEIGHT_PX = 640, 360
SEGMENT_S = FRAMES / FPS
PASSER = Walker(path=((-1.0, 0.1, 0.9), (13.0, 0.6, 0.9)))
STANDER = Walker(path=((-1.0, 0.85, 0.85), (13.0, 0.85, 0.85)))
SCENE = Scene(
    walkers=(PASSER, STANDER), duration_s=SEGMENT_S, width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=FPS
)


def street_ring(folder: Path) -> Path:
    """One segment of it."""
    return ring(folder, segments=1, draw=_draw)


def _draw(path: Path, _number: int) -> tuple[int, int]:
    options = {
        "g": str(FPS),
        "sc_threshold": "0",
        "bf": "0",
        "threads": "1",
        "crf": "18",
        "preset": "veryfast",
    }
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as out:
        stream: Any = out.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for index, image in enumerate(render(SCENE)):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return WIDTH_PX, HEIGHT_PX
