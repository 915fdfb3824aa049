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

MEMORY_S = 20.0
"""Time constant: long against who passes, short against a day's wind."""
OFTEN = 0.3
"""Share of the time from which on a pixel is restless."""
STRANGE = 2.0
"""Of leaves, light and dark ones come by: half as much again is usual, twice as much is something else."""
_WHOLE = 255.0
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class Restless:
    """One camera's pixels."""

    def __init__(self, shape: tuple[int, int]) -> None:
        # Both grow by what is 255 where it changed, so that no plane is made anew for them.
        self._often = np.zeros(shape, np.float32)
        self._sum = np.zeros(shape, np.float32)

    def calm(self, mask: Grey, difference: Grey) -> Grey:
        """``mask`` (0 or 255) without what is usual where it is."""
        often = cv2.dilate((self._often > _WHOLE * OFTEN).view(np.uint8), _NEIGHBOURS)
        doubted = np.asarray(cv2.multiply(mask, often), np.uint8)
        if not cv2.countNonZero(doubted):
            return mask
        usual = self._sum / np.maximum(self._often, np.float32(_WHOLE * 1e-3))
        return mask - doubted * (difference < np.float32(_WHOLE * STRANGE) * usual)

    def learn(self, mask: Grey, difference: Grey, elapsed_s: float) -> None:
        """Take what changed now, of a picture that hangs still."""
        share = 1.0 - math.exp(-elapsed_s / MEMORY_S)
        cv2.accumulateWeighted(mask, self._often, share)
        cv2.accumulateWeighted(cv2.bitwise_and(mask, difference), self._sum, share)
