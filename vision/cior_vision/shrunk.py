"""The small luma, 320x180 grey, that the gate and the picture conditions share: of a picture's pixels or, where the
decoder has it, of its luma alone, so that a picture that nobody looks at closer is never given its colours.
"""

from __future__ import annotations

import av
import cv2
import numpy as np

from cior_video.orientation import Turn, upright
from cior_vision.frames import Grey, Image

WIDTH_PX, HEIGHT_PX = 320, 180
_FIRST_PLANE_IS_LUMA = frozenset({"yuv420p", "yuv422p", "yuv444p", "nv12"})
_AND_FULL_RANGE = frozenset({"yuvj420p", "yuvj422p", "yuvj444p", "gray"})
_FULL_RANGE = 2
"""FFmpeg's ``AVCOL_RANGE_JPEG``."""
# What is sent as 16 to 235 (ITU-R BT.601 §2.5.3), spread over 0 to 255.
_SPREAD = np.clip(np.round((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)


def shrink(image: Image) -> Grey:
    """Of a picture's pixels. Linear: area averaging costs six times as much."""
    small = cv2.resize(image, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def luma_of(picture: av.VideoFrame, turn: Turn) -> Grey | None:
    """Of a decoded picture, upright; ``None`` where its first plane is no luma of eight bits."""
    name = picture.format.name
    is_full = name in _AND_FULL_RANGE
    if not is_full and name not in _FIRST_PLANE_IS_LUMA:
        return None
    plane = picture.planes[0]
    stored = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    rows = stored[: picture.height, : picture.width]
    size = (HEIGHT_PX, WIDTH_PX) if turn.is_quarter else (WIDTH_PX, HEIGHT_PX)
    small = cv2.resize(rows, size, interpolation=cv2.INTER_LINEAR)
    if not is_full and picture.color_range != _FULL_RANGE:
        small = cv2.LUT(small, _SPREAD)
    return upright(np.asarray(small, np.uint8), turn)
