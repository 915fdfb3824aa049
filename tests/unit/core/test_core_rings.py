"""Which of many areas holds a point: the grid gives what counting every edge gives, whoever asked before."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from cior_core.geo import City
from cior_core.rings import Ring, Zones, contains

CITY = City.demo()
CORNER = st.tuples(st.integers(0, 12), st.integers(0, 12))
RINGS = st.lists(CORNER, min_size=3, max_size=9, unique=True).map(
    lambda corners: tuple((lat / 4, lon / 4) for lat, lon in corners)
)


def counted(areas: list[tuple[Ring, ...]], lat: float, lon: float) -> int | None:
    """The first area an odd number of whose rings holds the point."""
    for number, rings in enumerate(areas):
        if sum(contains(ring, lat, lon) for ring in rings) % 2:
            return number
    return None


@given(
    areas=st.lists(st.lists(RINGS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=4),
    points=st.lists(st.tuples(st.floats(-0.5, 3.5), st.floats(-0.5, 3.5)), max_size=20),
    corners=st.lists(CORNER, max_size=10),
)
def test_the_grid_answers_as_counting_does(
    areas: list[tuple[Ring, ...]], points: list[tuple[float, float]], corners: list[tuple[int, int]]
) -> None:
    zones = Zones(areas)
    asked = [*points, *((lat / 4, lon / 4) for lat, lon in corners)]
    for lat, lon in [*asked, *reversed(asked)]:
        assert zones.at(lat, lon) == counted(areas, lat, lon)


def test_of_areas_that_overlap_the_first_has_the_point_and_a_hole_has_none() -> None:
    big: Ring = ((0, 0), (0, 4), (4, 4), (4, 0))
    hole: Ring = ((1, 1), (1, 2), (2, 2), (2, 1))
    small: Ring = ((1.5, 1.5), (1.5, 3), (3, 3), (3, 1.5))
    zones = Zones([(big, hole), (small,)])
    assert zones.at(1.2, 1.2) is None
    assert zones.at(1.7, 1.7) == 1
    assert zones.at(2.5, 2.5) == 0
    assert zones.at(0.5, 0.5) == 0


def test_what_is_no_number_or_outside_is_in_none() -> None:
    zones = Zones([(((0, 0), (0, 1), (1, 0)),)])
    for lat, lon in ((math.nan, 0.1), (0.1, math.nan), (math.inf, 0.0), (5.0, 0.1), (0.9, 0.9)):
        assert zones.at(lat, lon) is None
    assert Zones([]).at(0.0, 0.0) is None


@given(st.floats(-33.04, -32.86), st.floats(-60.80, -60.60))
def test_a_citys_district_is_the_one_whose_ring_holds_the_point(lat: float, lon: float) -> None:
    found = counted([each.rings for each in CITY.districts], lat, lon)
    assert CITY.district(lat, lon) == (None if found is None else CITY.districts[found].id)
