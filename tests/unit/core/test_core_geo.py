"""Places: distances against published figures, districts that tile the city, borders that decide the same way each
time.
"""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections import Counter
from pathlib import Path

import h3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cior_core import bundled, geo, rings
from cior_core.errors import ConfigInvalid
from cior_core.geo import City, CoordinateFault
from cior_core.model import UNKNOWN_PLACE, Place, PlaceMethod

CITY = City.demo()
SOUTH, WEST, NORTH, EAST = CITY.bounds
LATS, LONS = st.floats(SOUTH - 0.02, NORTH + 0.02), st.floats(WEST - 0.02, EAST + 0.02)
ROOT = Path(__file__).parents[3]
Corner = tuple[float, float]


def edges(ring: tuple[Corner, ...]) -> list[tuple[Corner, Corner]]:
    return list(zip(ring, (*ring[1:], ring[0]), strict=True))


def area(ring: tuple[Corner, ...]) -> float:
    return sum(lon_1 * lat_2 - lon_2 * lat_1 for (lat_1, lon_1), (lat_2, lon_2) in edges(ring)) / 2


def outline() -> tuple[Corner, ...]:
    """The borders that only one district has, joined to one ring."""
    own = [edge for district in CITY.districts for edge in edges(district.ring)]
    following = {a: b for a, b in own if (b, a) not in own}
    ring = [next(iter(following))]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    assert len(ring) == len(following), "the outline is one ring"
    return tuple(ring)


def holding(lat: float, lon: float) -> list[str]:
    return [district.id for district in CITY.districts if rings.contains(district.ring, lat, lon)]


# --- distances ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [
        ((0.0, 0.0), (0.0, 1.0), 111_195.08),
        (
            (36.12, -86.67),
            (33.94, -118.40),
            2_886_448.4,
        ),  # Nashville to Los Angeles, the classic worked example (R = 6371.0088 km)
        ((-32.9468, -60.6393), (-32.9468, -60.6393), 0.0),
        ((0.0, 0.0), (0.0, 180.0), math.pi * geo.EARTH_RADIUS_M),
        ((90.0, 0.0), (-90.0, 77.0), math.pi * geo.EARTH_RADIUS_M),
    ],
)
def test_known_distances(a: Corner, b: Corner, metres: float) -> None:
    assert geo.distance_m(*a, *b) == pytest.approx(metres, rel=1e-6, abs=1e-6)


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_distance_is_symmetric_bounded_and_agrees_with_h3(
    lat_a: float, lon_a: float, lat_b: float, lon_b: float
) -> None:
    there = geo.distance_m(lat_a, lon_a, lat_b, lon_b)
    assert there == pytest.approx(geo.distance_m(lat_b, lon_b, lat_a, lon_a), abs=1e-6)
    assert 0 <= there <= math.pi * geo.EARTH_RADIUS_M + 1e-6
    assert there == pytest.approx(
        h3.great_circle_distance((lat_a, lon_a), (lat_b, lon_b), unit="m"), rel=1e-5, abs=0.1
    )


def test_cells() -> None:
    nine = geo.cell(-32.95, -60.66)
    assert h3.get_resolution(nine) == 9


# --- bad coordinates ----------------------------------------------------------------------------------------

FAULTS = {
    "fine": (-32.95, -60.66, None),
    "zero and zero": (0.0, 0.0, CoordinateFault.NULL_ISLAND),
    "almost zero": (0.0001, -0.0001, CoordinateFault.NULL_ISLAND),
    "on the equator": (0.0, -60.66, CoordinateFault.FAR_AWAY),
    "swapped": (-60.66, -32.95, CoordinateFault.SWAPPED),
    "NaN": (math.nan, -60.66, CoordinateFault.NOT_FINITE),
    "infinite": (-32.95, math.inf, CoordinateFault.NOT_FINITE),
    "latitude 91": (91.0, 0.5, CoordinateFault.OUT_OF_RANGE),
    "longitude -181": (-32.95, -181.0, CoordinateFault.OUT_OF_RANGE),
    "Gauss-Krueger metres": (6_355_000.0, 5_438_000.0, CoordinateFault.OUT_OF_RANGE),
    "another city": (-34.60, -58.38, None),
    "another continent": (40.09, -75.38, CoordinateFault.FAR_AWAY),
}


@pytest.mark.parametrize("case", FAULTS)
def test_numbers_that_are_no_place_are_named(case: str) -> None:
    lat, lon, fault = FAULTS[case]
    assert geo.coordinate_fault(lat, lon, bounds=CITY.bounds, margin_deg=2.5) is fault


def test_without_a_city_only_impossible_numbers_are_faults() -> None:
    assert geo.coordinate_fault(40.09, -75.38) is None
    assert geo.coordinate_fault(91.0, 0.5) is CoordinateFault.OUT_OF_RANGE


# --- districts ----------------------------------------------------------------------------------------------


def test_six_districts_tile_the_city_without_gap_or_overlap() -> None:
    assert [district.id for district in CITY.districts] == [
        "centro",
        "norte",
        "noroeste",
        "oeste",
        "sudoeste",
        "sur",
    ]
    counts = Counter(edge for district in CITY.districts for edge in edges(district.ring))
    assert set(counts.values()) == {1}, (
        "no two districts run along one border in the same direction: no overlap"
    )
    assert all(area(district.ring) > 0 for district in CITY.districts), "counter-clockwise (RFC 7946)"
    assert sum(area(district.ring) for district in CITY.districts) == pytest.approx(
        area(outline()), rel=1e-12
    ), "no gap"


@given(LATS, LONS)
@example(-32.935, -60.690)
def test_every_point_of_the_city_is_in_exactly_one_district(lat: float, lon: float) -> None:
    inside = rings.contains(outline(), lat, lon)
    assert len(holding(lat, lon)) == int(inside)
    assert CITY.district(lat, lon) == next(iter(holding(lat, lon)), None)
    assert CITY.bucket(lat, lon) in {*(district.id for district in CITY.districts), geo.OUTSIDE}


INNER_EDGES = [
    edge
    for district in CITY.districts
    for edge in edges(district.ring)
    if any(edge[::-1] in edges(other.ring) for other in CITY.districts)
]


@given(st.sampled_from(INNER_EDGES), st.floats(0, 1))
def test_a_border_point_belongs_to_exactly_one_district_whoever_asks(
    edge: tuple[Corner, Corner], share: float
) -> None:
    (lat_1, lon_1), (lat_2, lon_2) = edge
    lat, lon = lat_1 + share * (lat_2 - lat_1), lon_1 + share * (lon_2 - lon_1)
    found = holding(lat, lon)
    ends_on_the_outline = (lat, lon) in outline()
    assert len(found) == 1 or (ends_on_the_outline and not found), (
        "the outer border may fall outside, an inner one never"
    )
    turned = [district.id for district in CITY.districts if rings.contains(district.ring[::-1], lat, lon)]
    rotated = [
        district.id
        for district in CITY.districts
        if rings.contains(district.ring[2:] + district.ring[:2], lat, lon)
    ]
    assert turned == rotated == found


def test_outside_is_a_bucket_of_its_own() -> None:
    assert CITY.district(-34.6, -58.4) is None
    assert CITY.bucket(-34.6, -58.4) == geo.OUTSIDE
    assert CITY.bucket(math.nan, math.nan) == geo.OUTSIDE


# --- facilities ---------------------------------------------------------------------------------------------


def test_97_facilities_and_the_schools_stand_in_districts() -> None:
    kinds = Counter(facility.kind for facility in CITY.facilities)
    assert kinds == {"health": 51, "care": 35, "sports": 11, "school": 35}
    assert all(facility.district != geo.OUTSIDE for facility in CITY.facilities)
    school = next(facility for facility in CITY.facilities if facility.kind == "school")
    assert set(school.properties) == {"plan", "hours", "contact"}


@given(LATS, LONS, st.sampled_from(["health", "care", "sports", "school", None]))
def test_nearest_is_nearest(lat: float, lon: float, kind: str | None) -> None:
    found = CITY.nearest(lat, lon, kind=kind, count=3)
    every = sorted(
        geo.distance_m(lat, lon, each.lat, each.lon) for each in CITY.facilities if kind in (None, each.kind)
    )
    assert [near.distance_m for near in found] == every[:3]


def test_nearest_of_each_kind_takes_far_below_50_ms() -> None:
    fastest = min(
        timed(lambda: [CITY.nearest(-32.95, -60.66, kind=kind) for kind in ("health", "care", "sports")])
        for _ in range(5)
    )
    assert fastest < 0.050


def timed(work: object) -> float:
    begun = time.perf_counter()
    work()  # type: ignore[operator]  # parametrized
    return time.perf_counter() - begun


def test_blocks_hold_their_people() -> None:
    square = CITY.blocks[7]
    lat = sum(corner[0] for corner in square.ring) / 4
    lon = sum(corner[1] for corner in square.ring) / 4
    assert CITY.block(lat, lon) == "block-07"
    assert CITY.block(-34.6, -58.4) is None


def test_placed_fills_cell_and_district_and_keeps_what_was_said() -> None:
    bare = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.66)
    assert CITY.placed(bare) == Place(
        method=PlaceMethod.GPS, lat=-32.95, lon=-60.66, h3=geo.cell(-32.95, -60.66), district="centro"
    )
    told = Place(method=PlaceMethod.CALLER, lat=-32.95, lon=-60.66, district="sur")
    assert CITY.placed(told).district == "sur"
    assert CITY.placed(UNKNOWN_PLACE) is UNKNOWN_PLACE


# --- files --------------------------------------------------------------------------------------------------


def test_the_city_files_are_what_the_drawing_program_draws_and_say_that_they_are_not_official() -> None:
    spec = importlib.util.spec_from_file_location("draw_city", ROOT / "core" / "tools" / "draw_city.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    for name, text in drawing.files().items():
        assert bundled.text(f"city/{name}") == text, f"run: python core/tools/draw_city.py ({name} is stale)"
        assert "NOT official" in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace('"id":"sur"', '"id":"norte"'), "geo.id_twice"),
        (lambda text: text.replace('"Polygon"', '"Point"'), "geo.geojson"),
        (lambda text: text.replace("[-60.7,", '["-60.7",'), "geo.geojson"),
        (lambda text: text.replace("[-60.7,", "[999,"), "geo.geojson"),
        (lambda text: text.replace('"id":"sur",', ""), "geo.geojson"),
        (lambda text: text[:-20], "geo.geojson"),
        (lambda text: text[:0] + '{"features": []}', "geo.no_districts"),
    ],
)
def test_a_broken_city_file_does_not_load(change: object, code: str) -> None:
    text = change(bundled.text("city/districts.geojson"))  # type: ignore[operator]  # parametrized
    with pytest.raises(ConfigInvalid) as refused:
        City.load(districts=text)
    assert refused.value.code == code


def test_a_ring_that_does_not_close_is_refused() -> None:
    tree = json.loads(bundled.text("city/districts.geojson"))
    tree["features"][0]["geometry"]["coordinates"][0].pop()
    with pytest.raises(ConfigInvalid, match=r"geo\.geojson"):
        City.load(districts=json.dumps(tree))
