"""Clips made on purpose: any pictures in any codec, bits turned over, packets lost, matrices written."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from cior_video.orientation import Turn
from cior_vision.frames import Image

TS_PACKET = 188
PID_OF_VIDEO = 0x100


def encoded(
    pictures: Iterable[Image],
    path: Path,
    *,
    fps: int = 10,
    codec: str = "libx264",
    gop: int = 20,
    options: Mapping[str, str] | None = None,
    bit_rate: int | None = None,
    turn: Turn = Turn.NONE,
    pix_fmt: str | None = None,
    is_full_range: bool = False,
) -> Path:
    """Write the pictures as a video; the container follows from the path's ending."""
    matrix: list[int] | None = None if turn is Turn.NONE else display_matrix(turn)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps, options={"threads": "1", **(options or {})})
        first = True
        for index, image in enumerate(pictures):
            if first:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pix_fmt or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
                if is_full_range:
                    stream.codec_context.color_range = 2
                stream.gop_size, stream.time_base, first = gop, Fraction(1, fps), False
                if bit_rate is not None:
                    stream.bit_rate = bit_rate
                if matrix is not None:
                    stream.set_display_matrix(matrix)
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def display_matrix(turn: Turn) -> list[int]:
    """The nine numbers of ISO/IEC 14496-12 that ask for this turn, written out from the standard's own examples."""
    one = 1 << 16
    a, b, c, d = {
        Turn.NONE: (1, 0, 0, 1),
        Turn.RIGHT: (0, 1, -1, 0),
        Turn.OVER: (-1, 0, 0, -1),
        Turn.LEFT: (0, -1, 1, 0),
        Turn.MIRRORED: (-1, 0, 0, 1),
        Turn.MIRRORED_OVER: (1, 0, 0, -1),
        Turn.MIRRORED_LEFT: (0, 1, 1, 0),
        Turn.MIRRORED_RIGHT: (0, -1, -1, 0),
    }[turn]
    return [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]


def damaged(
    ts: Path, to: Path, *, seed: int, bits: float = 0.0, lost: float = 0.0, until: float = 1.0
) -> Path:
    """A transport stream with ``bits`` errors a video packet and a share ``lost`` of them, in its first part."""
    rng, data = np.random.default_rng(seed), bytearray(ts.read_bytes())
    kept = bytearray()
    count = len(data) // TS_PACKET
    for index in range(count):
        packet = data[index * TS_PACKET : (index + 1) * TS_PACKET]
        is_video = struct.unpack(">H", packet[1:3])[0] & 0x1FFF == PID_OF_VIDEO
        if is_video and index / count < until:
            if rng.random() < lost:
                continue
            if rng.random() < bits:
                # Behind the packet's own head: what is damaged is the picture.
                packet[int(rng.integers(20, TS_PACKET))] ^= 1 << int(rng.integers(0, 8))
        kept += packet
    to.write_bytes(kept)
    return to
