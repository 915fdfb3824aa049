"""Plane geometry in normalised picture coordinates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

from cior_vision.rule_settings import Point

EDGE = 0.985
"""A box that reaches below this share of the picture's height is cut by the edge: where it stands cannot be seen."""
MARGIN = 1 - EDGE


class Box(NamedTuple):
    """An upright box, normalised: left, top, right, bottom in 0..1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Share of the picture's height."""
        return self.bottom - self.top

    @property
    def ground(self) -> Point:
        """Where the object stands: bottom centre (the convention of Frigate zones and of NVIDIA nvdsanalytics)."""
        return (self.left + self.right) / 2, self.bottom

    @property
    def cut_below(self) -> bool:
        """Whether the lower picture edge hides the true ground point."""
        return self.bottom >= EDGE

    @property
    def cut(self) -> bool:
        """Whether any edge of the picture hides a part of it: its shape is not the object's."""
        return self.cut_below or self.top <= MARGIN or self.left <= MARGIN or self.right >= EDGE


def inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Even-odd rule, a ray to the right. Points exactly on an edge may fall either way: debouncing is the caller's."""
    x, y = point
    hit = False
    previous = polygon[-1]
    for corner in polygon:
        (x1, y1), (x2, y2) = previous, corner
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            hit = not hit
        previous = corner
    return hit


def zone_hit(box: Box, polygon: Sequence[Point]) -> bool | None:
    """Whether the object stands in the zone; ``None`` when that cannot be seen.

    A box cut by the lower picture edge stands somewhere below the picture: unknown, unless the zone itself is drawn
    down to that edge, which says that its owner means what lies beyond too.
    """
    if not box.cut_below:
        return inside(box.ground, polygon)
    if max(y for _, y in polygon) < EDGE:
        return None
    return inside((box.ground[0], EDGE - 0.005), polygon)


def side(point: Point, line: tuple[Point, Point], *, aspect: float) -> float:
    """Signed distance of ``point`` from the infinite line, in picture heights: positive on the right-hand side of
    somebody walking from the first vertex to the last (the picture's y axis points down). ``aspect`` is width over
    height.
    """
    (ax, ay), (bx, by) = line
    dx, dy = (bx - ax) * aspect, by - ay
    length = hypot(dx, dy)
    if length == 0.0:
        return 0.0
    return (dx * (point[1] - ay) - dy * (point[0] - ax) * aspect) / length


def segments_cross(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    """Whether two closed segments meet."""
    a, b = first
    c, d = second
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    return turns[0] * turns[1] <= 0 and turns[2] * turns[3] <= 0 and any(turns)


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def distance(first: Point, second: Point, *, aspect: float) -> float:
    """Distance in picture heights."""
    return hypot((first[0] - second[0]) * aspect, first[1] - second[1])


def away_from(segment: tuple[Point, Point], point: Point, *, aspect: float) -> float:
    """Distance of ``point`` from a segment, in picture heights."""
    (ax, ay), (bx, by) = segment
    dx, dy = (bx - ax) * aspect, by - ay
    px, py = (point[0] - ax) * aspect, point[1] - ay
    share = min(max((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-12), 0.0), 1.0)
    return hypot(px - share * dx, py - share * dy)


def area(polygon: Sequence[Point], *, aspect: float) -> float:
    """Area of a polygon without crossings of itself, in squares of the picture's height (the shoelace formula)."""
    turns = sum(
        x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True)
    )
    return abs(turns) * aspect / 2


def along(way: tuple[Point, Point], axis: tuple[Point, Point], *, aspect: float) -> tuple[float, float]:
    """A way taken, as its part along ``axis`` (negative: against it) and its length, both in picture heights."""
    ax, ay = (axis[1][0] - axis[0][0]) * aspect, axis[1][1] - axis[0][1]
    dx, dy = (way[1][0] - way[0][0]) * aspect, way[1][1] - way[0][1]
    return (dx * ax + dy * ay) / max(hypot(ax, ay), 1e-9), hypot(dx, dy)
