"""Which way up: the display matrix of a stream, as one of the eight ways to lay a picture on a screen.

ISO/IEC 14496-12 §8.3.2 (track header) and H.264/H.265 display orientation messages; FFmpeg hands both on as nine 32-bit
numbers a b u, c d v, x y w. A point (p, q), right and down, is shown at (a p + c q + x, b p + d q + y).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


class Turn(StrEnum):
    """What sets a stored picture upright: degrees clockwise, after a mirroring left to right where it says so."""

    NONE = "0"
    RIGHT = "90"
    OVER = "180"
    LEFT = "270"
    MIRRORED = "mirrored"
    MIRRORED_RIGHT = "mirrored_90"
    MIRRORED_OVER = "mirrored_180"
    MIRRORED_LEFT = "mirrored_270"

    @property
    def is_quarter(self) -> bool:
        """Whether it changes width for height."""
        return self.value.endswith(("90", "270"))


# The linear parts (a, b, c, d) of the eight.
_PARTS = {
    Turn.NONE: (1, 0, 0, 1),
    Turn.RIGHT: (0, 1, -1, 0),
    Turn.OVER: (-1, 0, 0, -1),
    Turn.LEFT: (0, -1, 1, 0),
    Turn.MIRRORED: (-1, 0, 0, 1),
    Turn.MIRRORED_RIGHT: (0, -1, -1, 0),
    Turn.MIRRORED_OVER: (1, 0, 0, -1),
    Turn.MIRRORED_LEFT: (0, 1, 1, 0),
}


def turn_of(matrix: bytes) -> Turn:
    """The nearest of the eight to a display matrix (36 bytes, native order). What is no matrix turns nothing."""
    if len(matrix) < 20:
        return Turn.NONE
    numbers = np.frombuffer(matrix[:20], np.int32).astype(np.float64)
    linear = numbers[[0, 1, 3, 4]]
    if not linear.any():
        return Turn.NONE
    return max(_PARTS, key=lambda turn: float(np.dot(linear, _PARTS[turn])))


class Turns:
    """The turn of each picture of one stream, by its own display matrix. A picture whose side data is looked at refers
    to itself, and then its buffers wait for the collector of cycles; so the matrix is read when the rotation that
    follows from it is another.
    """

    def __init__(self) -> None:
        self._known: dict[int, Turn] = {}

    def of(self, picture: VideoFrame) -> Turn:
        """What sets it upright."""
        rotation = picture.rotation
        if rotation not in self._known:
            matrix = picture.side_data.get("DISPLAYMATRIX")
            self._known[rotation] = turn_of(bytes(matrix)) if isinstance(matrix, SideData) else Turn.NONE
        return self._known[rotation]


def upright(image: Picture, turn: Turn) -> Picture:
    """The picture, or a plane of one, as it is meant to be seen. Raises ``ImportError`` without OpenCV, unless nothing
    is to be done.
    """
    if turn is Turn.NONE:
        return image
    import cv2

    mirrored, _, degrees = turn.value.rpartition("_") if "_" in turn else ("", "", turn.value)
    if mirrored or turn is Turn.MIRRORED:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    rotation = {
        "90": cv2.ROTATE_90_CLOCKWISE, "180": cv2.ROTATE_180, "270": cv2.ROTATE_90_COUNTERCLOCKWISE,
    }.get(degrees)  # fmt: skip
    return image if rotation is None else np.asarray(cv2.rotate(image, rotation), np.uint8)


def shown_point(point: tuple[float, float], turn: Turn) -> tuple[float, float]:
    """Where a point of the stored picture lies in the upright one, both normalised, as :func:`upright` lays it."""
    x, y = point
    x = 1 - x if turn.startswith("mirrored") else x
    return {"90": (1 - y, x), "180": (1 - x, 1 - y), "270": (y, 1 - x)}.get(turn.rpartition("_")[2], (x, y))


def stored_point(point: tuple[float, float], turn: Turn) -> tuple[float, float]:
    """Where a point of the upright picture lies in the stored one, both normalised: :func:`upright` undone."""
    x, y = point
    x, y = {"90": (y, 1 - x), "180": (1 - x, 1 - y), "270": (1 - y, x)}.get(turn.rpartition("_")[2], (x, y))
    return (1 - x, y) if turn.startswith("mirrored") else (x, y)
