"""Privacy masks: parts of a camera's picture that nobody looks at. They are blanked where pictures are read, so that no
gate, engine, rule, look or still behind it has ever seen them. What the recorder keeps is whole: it copies what the
camera sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import cv2
import numpy as np

from cior_vision.frames import Grey, Image
from cior_vision.geometry import segments_cross
from cior_vision.rule_settings import Point, Polygon

_GRID: Final = (180, 320)
"""Height and width on which shares of areas are counted."""


def blanked(image: Image, masks: Sequence[Polygon]) -> Image:
    """``image`` with the masks black, and a pixel around them; itself when there are none."""
    if not masks:
        return image
    whole = np.require(image, requirements=["C", "W"])
    for mask in masks:  # one by one: where two overlap, both count
        corners = [_corners(mask, whole.shape[:2])]
        cv2.fillPoly(whole, corners, (0, 0, 0))
        # Corners are rounded to pixels: a pixel more all around, so that none within is left.
        cv2.polylines(whole, corners, isClosed=True, color=(0, 0, 0), thickness=3)
    return whole


def hidden_share(polygon: Polygon, masks: Sequence[Polygon]) -> float:
    """How much of an area the masks cover, 0 to 1."""
    area = _filled([polygon])
    hidden = cv2.bitwise_and(area, _filled(masks))
    return cv2.countNonZero(hidden) / max(cv2.countNonZero(area), 1)


def hidden_of_line(points: tuple[Point, Point], masks: Sequence[Polygon]) -> float:
    """How much of a line the masks cover, 0 to 1."""
    drawn = np.zeros(_GRID, np.uint8)
    (first, last) = _corners(points, _GRID).tolist()
    cv2.line(drawn, first, last, 255, 1)
    hidden = cv2.bitwise_and(drawn, _filled(masks))
    return cv2.countNonZero(hidden) / max(cv2.countNonZero(drawn), 1)


def crosses_itself(polygon: Polygon) -> bool:
    """Whether two sides that are no neighbours meet: what lies between would be left open."""
    sides = list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))
    return any(
        segments_cross(one, other)
        for (n, one), (m, other) in combinations(enumerate(sides), 2)
        if m - n not in {1, len(sides) - 1}
    )


def _filled(polygons: Sequence[Polygon]) -> Grey:
    area = np.zeros(_GRID, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(area, [_corners(polygon, _GRID)], 255)
    return area


def _corners(polygon: Sequence[Point], size_px: tuple[int, ...]) -> np.ndarray:
    height, width = size_px
    return np.array([(round(x * width), round(y * height)) for x, y in polygon], np.int32)
