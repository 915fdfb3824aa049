"""Light that falls on what is there: the beam of a car that is not in view, a lamp that comes on behind a corner.

Light multiplies: where only it changed, the ratio of the picture to the average varies slowly, and what is left after
the ratio of the neighbourhood is undone is small. A person, a car or the lamp itself has edges that the average has
not. Looked at only where the gate would open, and first where the largest change is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cior_vision.frames import Grey
from cior_vision.sway import Plane

AROUND_PX = 21
"""Neighbourhood in pixels of 320x180: wider than a person far off, who is then a rest; beams are wider."""
BLACK = 8.0
"""Added to both: near black, a ratio is noise."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


Part = tuple[slice, slice]
ALL: Part = (slice(None), slice(None))


def around(rect: Sequence[int], shape: tuple[int, ...]) -> Part:
    """Rows and columns of a place (left, top, width, height) with all that is needed to judge it."""
    left, top, width, height = rect
    reach = AROUND_PX // 2 + 1
    rows = slice(max(top - reach, 0), min(top + height + reach, shape[0]))
    return rows, slice(max(left - reach, 0), min(left + width + reach, shape[1]))


def unexplained(average: Plane, picture: Grey, mask: Grey, *, threshold: int) -> Grey:
    """``mask`` (0 or 255) where light does not explain it: more than half of ``threshold`` is left (at the outline of
    what is larger than the neighbourhood, half of it goes into the ratio).
    """
    now, before = picture + np.float32(BLACK), average + np.float32(BLACK)
    size = (AROUND_PX, AROUND_PX)
    lit = np.minimum(before * cv2.blur(now / before, size), np.float32(255.0 + BLACK))
    rest = np.asarray(cv2.absdiff(now, lit) > threshold / 2, np.uint8) * np.uint8(255)
    return np.asarray(cv2.bitwise_and(rest, cv2.dilate(mask, _NEIGHBOURS)), np.uint8)
