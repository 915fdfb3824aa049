"""What moves all the time: leaves in the wind, a flag, water. Each pixel's own share of the last seconds in which it
changed, and by how much it usually does; where it changes often, only what is twice as strange as usual is motion.

A person who walks changes a pixel for a second or two of twenty; a crowd does more, but then tracks live and the
detector is asked each second anyway. Measured on drawn crowns of trees over a fifth of the picture: open in 8 % of the
pictures instead of 85 %, and whoever stands up in them opens it at once.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from cior_vision.frames import Grey
from cior_vision.sway import Plane

MEMORY_S = 20.0
"""Time constant: long against who passes, short against a day's wind."""
OFTEN = 0.3
"""Share of the time from which on a pixel is restless."""
STRANGE = 2.0
"""Of leaves, light and dark ones come by: half as much again is usual, twice as much is something else."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class Restless:
    """One camera's pixels."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._often = np.zeros(shape, np.float32)
        self._sum = np.zeros(shape, np.float32)

    def calm(self, mask: Grey, difference: Grey) -> Grey:
        """``mask`` (0 or 255) without what is usual where it is."""
        usual = self._sum / np.maximum(self._often, np.float32(1e-3))
        often = cv2.dilate(self._often, _NEIGHBOURS) > OFTEN
        return np.asarray(np.where(often & (difference < STRANGE * usual), np.uint8(0), mask), np.uint8)

    def learn(self, mask: Grey, difference: Grey, elapsed_s: float) -> None:
        """Take what changed now, of a picture that hangs still."""
        share = 1.0 - math.exp(-elapsed_s / MEMORY_S)
        changed: Plane = (mask > 0).astype(np.float32)
        cv2.accumulateWeighted(changed, self._often, share)
        cv2.accumulateWeighted(changed * difference, self._sum, share)
