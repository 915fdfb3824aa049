"""The camera catalogue: which camera sees a place, which are offered for it, and what its two sources make of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import geo, rings
from cior_core.cameras import (
    NEAR_M,
    Camera,
    Cameras,
    CameraState,
    Sight,
)
from cior_core.errors import ConfigInvalid
from cior_core.model import UNKNOWN_PLACE, Place, PlaceMethod
from cior_core.registry import Registry
from cior_core.strict_toml import ConfigFault

LAT, LON = -32.95, -60.65
EAST: dict[str, Any] = {"azimuth_deg": 90.0, "field_of_view_deg": 60.0}


def camera(name: str = "c", north_m: float = 0.0, east_m: float = 0.0, **more: Any) -> Camera:
    lat, lon = point(north_m, east_m)
    return Camera(id=name, lat=lat, lon=lon, **more)


def point(north_m: float, east_m: float) -> tuple[float, float]:
    lat, lon = geo.destination(LAT, LON, bearing=0.0, metres=north_m)
    return geo.destination(lat, lon, bearing=90.0, metres=east_m)


def at(north_m: float, east_m: float, accuracy_m: float | None = None) -> Place:
    lat, lon = point(north_m, east_m)
    return Place(method=PlaceMethod.GPS, lat=lat, lon=lon, accuracy_m=accuracy_m)


@pytest.mark.parametrize(
    ("north_m", "east_m", "seen"),
    [
        (0, 100, Sight.IN_VIEW),
        (57, 100, Sight.IN_VIEW),
        (59, 100, Sight.AWAY),
        (-57, 100, Sight.IN_VIEW),
        (-59, 100, Sight.AWAY),
        (0, -100, Sight.AWAY),
        (0, 149, Sight.IN_VIEW),
        (0, 151, Sight.FAR),
        (0, -3, Sight.IN_VIEW),
    ],
)
def test_a_camera_sees_its_cone_and_what_stands_at_its_mast(
    north_m: float, east_m: float, seen: Sight
) -> None:
    assert camera(**EAST).sight(*point(north_m, east_m)) is seen


def test_an_opening_over_north_is_one_opening() -> None:
    north = camera(azimuth_deg=350.0, field_of_view_deg=40.0)
    assert north.sight(*point(100, 14)) is Sight.IN_VIEW
    assert north.sight(*point(100, -50)) is Sight.IN_VIEW
    assert north.sight(*point(100, 22)) is Sight.AWAY


def test_what_an_inaccurate_fix_may_have_in_view_counts_as_seen() -> None:
    place = point(80, 100)
    assert camera(**EAST).sight(*place) is Sight.AWAY
    assert camera(**EAST).sight(*place, accuracy_m=30.0) is Sight.IN_VIEW
    assert camera(**EAST).sight(*point(0, 170), accuracy_m=30.0) is Sight.IN_VIEW
    assert camera(**EAST).sight(*point(0, -60), accuracy_m=70.0) is Sight.IN_VIEW


def test_a_dome_can_be_turned_and_one_of_which_nobody_wrote_where_it_looks_may_see() -> None:
    behind = point(0, -80)
    assert camera(turns=True, **EAST).sight(*behind) is Sight.TURNABLE
    assert camera(turns=True).sight(*behind) is Sight.TURNABLE
    assert camera().sight(*behind) is Sight.UNKNOWN
    assert camera(field_of_view_deg=360.0).sight(*behind) is Sight.IN_VIEW
    assert camera(azimuth_deg=270.0).sight(*behind) is Sight.IN_VIEW


@given(
    azimuth=st.floats(0, 359.9),
    opening=st.floats(1, 359),
    bearing=st.floats(0, 360),
    metres=st.floats(6, 149),
)
def test_in_view_is_what_the_drawn_cone_holds(
    azimuth: float, opening: float, bearing: float, metres: float
) -> None:
    """The map and the ranking may not disagree, but for the flat ends of the drawn arc."""
    one = camera(azimuth_deg=azimuth, field_of_view_deg=opening)
    lat, lon = geo.destination(one.lat, one.lon, bearing=bearing, metres=metres)
    off_deg = abs((bearing - azimuth + 180) % 360 - 180)
    if abs(off_deg - opening / 2) < 1e-6 * opening + 1e-3 or metres > 149 * math.cos(math.radians(10)):
        return
    assert (one.sight(lat, lon) is Sight.IN_VIEW) is rings.contains(one.cone(), lat, lon)


def test_a_camera_that_looks_nobody_knows_where_has_no_cone_and_a_dome_of_mirrors_a_circle() -> None:
    assert camera().cone() == ()
    circle = camera(field_of_view_deg=360.0, range_m=50.0).cone()
    assert {round(geo.distance_m(LAT, LON, *corner)) for corner in circle} == {50}
    assert (LAT, LON) not in circle


def test_the_view_counts_before_the_distance_and_working_before_blind() -> None:
    cameras = Cameras(
        [
            camera("near-turned-away", 0, 20, **EAST),
            camera("sees", 0, -100, **EAST),
            camera("sees-badly", 0, -60, **EAST),
            camera("dome", 100, 0, turns=True),
            camera("dark", 0, -30, **EAST),
            camera("far", 400, 0, **EAST),
            camera("elsewhere", NEAR_M + 10, 0),
        ]
    )
    states = {
        "near-turned-away": CameraState.SEES,
        "sees": CameraState.SEES,
        "sees-badly": CameraState.BADLY,
        "dark": CameraState.BLIND,
    }
    found = cameras.nearest(at(0, 0), states, count=4)
    assert [(near.id, near.sight) for near in found] == [
        ("sees", Sight.IN_VIEW),
        ("sees-badly", Sight.IN_VIEW),
        ("dome", Sight.TURNABLE),
        ("near-turned-away", Sight.AWAY),
        ("dark", Sight.IN_VIEW),
    ]
    assert found[2].health is CameraState.NO_WORD
    assert round(found[2].distance_m) == 100
    assert round(found[2].bearing_deg) == 180


def test_when_nothing_else_is_there_the_blind_ones_are_told() -> None:
    cameras = Cameras([camera("dark", 0, 20, **EAST)])
    [only] = cameras.nearest(at(0, 0), {"dark": CameraState.BLIND})
    assert (only.id, only.sight) == ("dark", Sight.AWAY)


def test_a_place_without_coordinates_is_offered_no_camera() -> None:
    cameras = Cameras([camera()])
    assert cameras.nearest(UNKNOWN_PLACE, {}) == ()
    sealed = Place(method=PlaceMethod.DISTRICT, district="centro")
    assert cameras.nearest(sealed, {}) == ()
    assert cameras.seeing(sealed, count=8) == []


def test_what_screens_get_has_no_stream_anywhere() -> None:
    cameras = Cameras([camera("c", stream="rtsp://admin:hunter2@10.0.0.9/1", **EAST)])
    shown = cameras.shown({"c": CameraState.SEES})
    assert "hunter2" not in repr((shown, cameras.nearest(at(0, 5), {}), cameras["c"]))
    assert [(each.id, each.health, len(each.cone) > 3) for each in shown] == [("c", CameraState.SEES, True)]


def test_a_state_of_the_views_has_its_word() -> None:
    assert [CameraState.of_state(n) for n in range(4)] == ["unknown", "good", "degraded", "offline"]


# --- sources ------------------------------------------------------------------------------------------------

PACK = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": "cam-1", "name": "Plaza", "azimuth_deg": 10.0, "owner": "municipio"},
                "geometry": {"type": "Point", "coordinates": [LON, LAT]},
            }
        ],
    }
)


def test_the_file_says_of_a_packed_camera_only_what_it_knows_better() -> None:
    text = '[[camera]]\nid = "cam-1"\nstream = "rtsp://10.0.0.9/1"\nazimuth_deg = 20.0\n'
    [one] = Cameras.load(text, pack=PACK, bucket=lambda _lat, _lon: "centro").values()
    assert (one.name, one.owner, one.azimuth_deg, one.stream) == (
        "Plaza",
        "municipio",
        20.0,
        "rtsp://10.0.0.9/1",
    )
    assert (one.lat, one.lon, one.district) == (LAT, LON, "centro")


def test_the_file_alone_is_a_catalogue_too() -> None:
    text = '[[camera]]\nid = "solo"\nplace = { lat = -32.9, lon = -60.6, accuracy_m = 12.0 }\nturns = true\n'
    [one] = Cameras.load(text).values()
    assert (one.turns, one.place.accuracy_m, one.range_m) == (True, 12.0, 150.0)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('[[camera]]\nid = "x"\n', "cameras.no_place", 1),
        (
            '[[camera]]\nid = "x"\nplace = {lat = 1.0, lon = 1.0}\n[[camera]]\nid = "x"\n',
            "cameras.id_twice",
            5,
        ),
        ('[[camera]]\nid = "x"\nplace = {lat = 0.0, lon = 0.0}\n', "cameras.place", 3),
        (
            '[[camera]]\nid = "x"\nplace = {lat = 1.0, lon = 1.0}\nazimuth_deg = 360\n',
            "config.wrong_value",
            4,
        ),
        ('[[camera]]\nid = "x"\nplace = {lat = 1.0, lon = 1.0}\nrange_m = 0\n', "config.wrong_value", 4),
        ('[[camera]]\nid = "x"\nplace = {lat = 1.0, lon = 1.0}\nurl = "rtsp://"\n', "config.unknown_key", 4),
        ('[[camera]]\nid = "a/b"\nplace = {lat = 1.0, lon = 1.0}\n', "config.wrong_value", 2),
    ],
)
def test_a_fault_of_the_file_names_line_code_and_cure(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigFault) as caught:
        Cameras.load(text)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert caught.value.cure


def test_a_pack_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match=r"cameras\.pack"):
        Cameras.load(pack=PACK.replace('"cam-1"', '""'))


# --- the register of devices --------------------------------------------------------------------------------


def test_cameras_are_among_the_devices_with_their_place_and_their_silence() -> None:
    known = Registry.load("", cameras=Cameras([camera("cam-1", expected_every_s=60.0, drill=True)]))
    device = known["cam-1"]
    assert (device.kind, device.expected_every_s, device.drill) == ("camera", 60.0, True)
    assert device.place.located


@pytest.mark.parametrize("row", ['id = "x"\nkind = "camera"', 'id = "cam-1"\nkind = "panel"'])
def test_a_camera_in_the_register_is_refused_there_is_one_list(row: str) -> None:
    with pytest.raises(ConfigFault, match=r"registry\.camera") as caught:
        Registry.load(f"[[device]]\n{row}\n", cameras=Cameras([camera("cam-1")]))
    assert caught.value.line == 2
