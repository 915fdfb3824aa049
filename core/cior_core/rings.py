"""Areas made of rings of (lat, lon) corners: whether one holds a point, and which of many does, quickly. Pure.

A ring does not repeat its first corner. An area is all of its rings together, outer ones, holes and parts alike: a
point is inside when an odd number of them holds it (even-odd rule), so their order and direction do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Final, NamedTuple

Ring = tuple[tuple[float, float], ...]

_UNASKED: Final = -2
_NONE: Final = -1
_BORDER: Final = -3
_MOST_ROWS: Final = 256


def contains(ring: Sequence[tuple[float, float]], lat: float, lon: float) -> bool:
    """Whether ``ring`` holds the point; the last corner joins the first. Even-odd rule, half-open: of two rings that
    share a border, each point of it is in exactly one, because an edge is computed from its western end whichever ring
    asks.
    """
    return sum(_crosses(edge, lat, lon) for edge in _edges(ring)) % 2 == 1


class _Edge(NamedTuple):
    """An edge from its western end: ``low`` and ``high`` are its latitudes, in order."""

    low: float
    high: float
    lat: float
    lon: float
    over_lat: float
    over_lon: float


def _edges(ring: Sequence[tuple[float, float]]) -> Iterator[_Edge]:
    before = ring[-1]
    for corner in ring:
        (lon_1, lat_1), (lon_2, lat_2) = sorted(((before[1], before[0]), (corner[1], corner[0])))
        yield _Edge(min(lat_1, lat_2), max(lat_1, lat_2), lat_1, lon_1, lat_2 - lat_1, lon_2 - lon_1)
        before = corner


def _crosses(edge: _Edge, lat: float, lon: float) -> bool:
    return edge.low <= lat < edge.high and lon < edge.lon + (lat - edge.lat) * edge.over_lon / edge.over_lat


class Zones:
    """Areas in an order: :meth:`at` tells which one holds a point, the first where they overlap.

    A grid knows the answer of every cell that no border crosses, from the first time that somebody asks there; in the
    others the edges of one row are counted, in the same arithmetic as :func:`contains`.
    """

    def __init__(self, areas: Sequence[Sequence[Ring]]) -> None:
        edges = [(n, edge) for n, rings in enumerate(areas) for ring in rings for edge in _edges(ring)]
        self._south = min((edge.low for _, edge in edges), default=0.0)
        self._north = max((edge.high for _, edge in edges), default=0.0)
        self._west = min((edge.lon for _, edge in edges), default=0.0)
        self._east = max((edge.lon + edge.over_lon for _, edge in edges), default=0.0)
        self._count = max(16, min(_MOST_ROWS, int(2 * sqrt(len(edges)))))
        self._rows_a_degree = self._count / ((self._north - self._south) or 1.0)
        self._columns_a_degree = self._count / ((self._east - self._west) or 1.0)
        self._cells = [[_UNASKED] * self._count for _ in range(self._count)]
        self._bands: list[dict[int, list[_Edge]]] = [{} for _ in range(self._count)]
        for n, edge in edges:
            self._draw(n, edge)

    def at(self, lat: float, lon: float) -> int | None:
        """The number of the area that holds the point; None: none does, or it is no number."""
        if not (self._south <= lat <= self._north and self._west <= lon <= self._east):
            return None
        row, column = self._row(lat), self._column(lon)
        known = self._cells[row][column]
        if known == _BORDER:
            known = self._counted(row, lat, lon)
        elif known == _UNASKED:
            known = self._cells[row][column] = self._counted(row, lat, lon)
        return None if known == _NONE else known

    def _counted(self, row: int, lat: float, lon: float) -> int:
        for number, edges in self._bands[row].items():
            inside = False
            for low, high, from_lat, from_lon, over_lat, over_lon in edges:
                if low <= lat < high and lon < from_lon + (lat - from_lat) * over_lon / over_lat:
                    inside = not inside
            if inside:
                return number
        return _NONE

    def _row(self, lat: float) -> int:
        return min(self._count - 1, int((lat - self._south) * self._rows_a_degree))

    def _column(self, lon: float) -> int:
        return max(0, min(self._count - 1, int((lon - self._west) * self._columns_a_degree)))

    def _draw(self, number: int, edge: _Edge) -> None:
        """Into the band of every row that it touches, and into the cells that it may touch, one more on each side."""
        height = 1 / self._rows_a_degree
        for row in range(self._row(edge.low), self._row(edge.high) + 1):
            self._bands[row].setdefault(number, []).append(edge)
            low = max(edge.low, self._south + (row - 0.01) * height)
            high = min(edge.high, self._south + (row + 1.01) * height)
            ends = (
                [_lon_at(edge, low), _lon_at(edge, high)]
                if edge.over_lat
                else [edge.lon, edge.lon + edge.over_lon]
            )
            first, last = self._column(min(ends)) - 1, self._column(max(ends)) + 1
            for column in range(max(0, first), min(self._count, last + 1)):
                self._cells[row][column] = _BORDER


def _lon_at(edge: _Edge, lat: float) -> float:
    return edge.lon + (lat - edge.lat) * edge.over_lon / edge.over_lat
