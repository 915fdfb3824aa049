"""Privacy masks painted over pictures, in plain numbers: what is under a mask is one colour before it is encoded, with
two pixels around, so that neither the scaling of a picture nor its halved chroma leaves a rim.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cior_core.picture_masks import Masks, Polygon

Bits = NDArray[np.bool_]
_RIM_PX: Final = 2.0
_BLACK, _GREY = 16, 128


class Cover:
    """The masks of one camera in pictures of one size (even numbers)."""

    def __init__(self, masks: Masks, size_px: tuple[int, int]) -> None:
        width_px, height_px = size_px
        self.luma: Bits = np.zeros((height_px, width_px), np.bool_)
        for mask in masks:
            _add(self.luma, mask)
        blocks = self.luma.reshape(height_px // 2, 2, width_px // 2, 2)
        self.chroma: Bits = np.asarray(blocks.any(axis=(1, 3)), np.bool_)
        self.luma |= self.chroma.repeat(2, axis=0).repeat(2, axis=1)

    def paint(self, picture: NDArray[np.uint8]) -> None:
        """Over an I420 picture of this size, in place. Raises ``ValueError`` for one of another size."""
        height_px, width_px = self.luma.shape
        if picture.shape != (height_px * 3 // 2, width_px):
            raise ValueError(f"a picture of {picture.shape} under masks of {self.luma.shape}")
        picture[:height_px][self.luma] = _BLACK
        chromas = picture[height_px:].reshape(2, height_px // 2, width_px // 2)
        chromas[:, self.chroma] = _GREY

    def share(self, box: tuple[float, float, float, float]) -> float:
        """How much of a box (left, top, right, bottom in 0..1) is covered."""
        height_px, width_px = self.luma.shape
        left, right = (min(max(round(each * width_px), 0), width_px) for each in (box[0], box[2]))
        top, bottom = (min(max(round(each * height_px), 0), height_px) for each in (box[1], box[3]))
        part = self.luma[top:bottom, left:right]
        return float(part.mean()) if part.size else 0.0


def _add(luma: Bits, mask: Polygon) -> None:
    """A polygon, whatever lies between sides that cross, and all that is near one of its sides."""
    height_px, width_px = luma.shape
    corners = np.array(mask, np.float64) * (width_px, height_px)
    first = np.maximum(np.floor(corners.min(axis=0) - _RIM_PX).astype(int), 0)
    last = np.minimum(np.ceil(corners.max(axis=0) + _RIM_PX).astype(int) + 1, (width_px, height_px))
    (left, top), (right, bottom) = first, last
    x = np.arange(left, right, dtype=np.float64)[None, :] + 0.5
    y = np.arange(top, bottom, dtype=np.float64)[:, None] + 0.5
    winding = np.zeros((bottom - top, right - left), np.int32)
    near: Bits = np.zeros(winding.shape, np.bool_)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        winding += _turns(start, end, x, y)
        near |= _away_sq(start, end, x, y) <= _RIM_PX**2
    luma[top:bottom, left:right] |= (winding != 0) | near


def _turns(
    start: NDArray[np.float64], end: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.int32]:
    """What a side adds to how often the polygon goes around each pixel (a ray to the right)."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:
        return np.zeros((1, 1), np.int32)
    crossed = (np.minimum(y0, y1) <= y) & (y < np.maximum(y0, y1))
    # Where the side is not, and all but level, this would be out of any bounds.
    share = np.divide(y - y0, y1 - y0, out=np.zeros_like(y), where=crossed)
    meets = x0 + share * (x1 - x0)
    turns: NDArray[np.int32] = np.where(crossed & (x < meets), 1 if y1 > y0 else -1, 0).astype(np.int32)
    return turns


def _away_sq(
    start: NDArray[np.float64], end: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Square of how far each pixel's middle is from a side."""
    dx, dy = end - start
    length_sq = max(float(dx * dx + dy * dy), 1e-12)
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length_sq, 0.0, 1.0)
    away: NDArray[np.float64] = (x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2
    return away
