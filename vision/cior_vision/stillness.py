"""Does the picture live? Which parts of it showed something that was never there before.

A sensor never gives the same picture twice: every part of it that is neither black nor burnt out carries noise. A
frozen picture that is encoded anew changes too, but only by the encoder's own steps, and an encoder that is fed the
same picture comes to give the same pictures again, key picture by key picture. So what counts is not whether a part
equals the one before (a codec repeats a quiet part exactly, until its next key picture), but whether it shows anything
*new*: a content unknown in the last :data:`MEMORY` pictures. Parts, because a burnt-in clock goes on over a frozen
picture.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from cior_core.model import Struct
from cior_vision.frames import Grey

ROWS, COLUMNS = 6, 8
"""Parts of the 320x180 picture, 40x30 pixels each: a burnt-in clock takes two or three of the 48."""
MEMORY = 150
"""Pictures remembered, half a minute at five a second: three key intervals of ten seconds."""
LIVELY = (24.0, 232.0)
"""Mean luma between which a part's noise is not cut off."""
LIVELY_STD = 1.0
"""A part whose own contrast is below this is as flat as a codec makes a wall: it may be the same again by chance."""
LEAST_PARTS = 8
"""With fewer parts that could show life nothing is said."""


class Life(Struct, frozen=True, kw_only=True):
    """``able``: parts that could show life; ``new``: those of them that showed something never seen before."""

    able: int
    new: int

    @property
    def is_still(self) -> bool | None:
        """Whether three quarters or more showed nothing new; ``None`` where too few could."""
        return None if self.able < LEAST_PARTS else self.new <= self.able // 4


class Stillness:
    """What one camera's parts looked like lately."""

    def __init__(self) -> None:
        self._seen = np.zeros((MEMORY, ROWS * COLUMNS), np.uint32)
        self._count = 0

    def reset(self) -> None:
        """A new epoch: nothing is known."""
        self._count = 0

    def step(self, grey: Grey) -> Life:
        """What this picture (320x180) shows that is new."""
        parts = _parts(grey)
        sums = np.fromiter(map(zlib.crc32, parts), np.uint32, len(parts))
        known = (self._seen[: min(self._count, MEMORY)] == sums).any(axis=0)
        self._seen[self._count % MEMORY] = sums
        self._count += 1
        able = _lively(parts)
        return Life(able=int(able.sum()), new=int((able & ~known).sum()))


def _lively(parts: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which parts could show life: neither black nor burnt out nor flat."""
    means, squares = (
        np.asarray(cv2.reduce(parts, 1, kind, dtype=cv2.CV_32S), np.float64).ravel() / parts.shape[1]
        for kind in (cv2.REDUCE_SUM, cv2.REDUCE_SUM2)
    )
    lit = (means > LIVELY[0]) & (means < LIVELY[1])
    return np.asarray(lit & (squares - means**2 > LIVELY_STD**2), np.bool_)


def _parts(grey: Grey) -> NDArray[np.uint8]:
    """One row of pixels a part."""
    height, width = 180 // ROWS, 320 // COLUMNS
    return np.ascontiguousarray(
        grey.reshape(ROWS, height, COLUMNS, width).transpose(0, 2, 1, 3).reshape(ROWS * COLUMNS, -1)
    )
