"""What registry and city say about an event: its siren, the cameras that see it, what is beside it, whether the
sender is away.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from cior_core.cameras import Camera, Cameras
from cior_core.geo import Block, City, District, Facility
from cior_core.model import (
    UNKNOWN_PLACE,
    DataClass,
    Device,
    Event,
    EventId,
    Lane,
    Place,
    PlaceMethod,
    TypeCode,
)
from cior_core.vicinity import MAX_CAMERAS, PLACE_LIMIT_M, Vicinity

LAT, LON = -32.95, -60.65
M_NORTH = 1 / 111_195


def at(north_m: float, *, accuracy_m: float | None = None, method: PlaceMethod = PlaceMethod.GPS) -> Place:
    return Place(method=method, lat=LAT + north_m * M_NORTH, lon=LON, accuracy_m=accuracy_m)


def press(place: Place = UNKNOWN_PLACE, *, lane: Lane = Lane.URGENT) -> Event:
    return Event(
        id=EventId("e-1"),
        source="urn:x",
        type=TypeCode("panic.app"),
        subject="phone-1",
        occurred_ms=0,
        received_ms=0,
        place=place,
        lane=lane,
    )


def box(south_m: float, north_m: float) -> tuple[tuple[float, float], ...]:
    low, high = LAT + south_m * M_NORTH, LAT + north_m * M_NORTH
    return (low, LON - 0.01), (low, LON + 0.01), (high, LON + 0.01), (high, LON - 0.01)


CITY = City(
    districts=[District(id="centro", name="Centro", ring=box(-5000, 5000))],
    facilities=[
        Facility(id="school-1", kind="school", name="Escuela", lat=LAT + 100 * M_NORTH, lon=LON),
        Facility(id="school-2", kind="school", name="Escuela", lat=LAT + 120 * M_NORTH, lon=LON),
        Facility(id="care-1", kind="care", name="Centro", lat=LAT - 140 * M_NORTH, lon=LON),
    ],
    blocks=[Block(id="b-long", name="Cuadra", ring=box(-50, 400))],
)
HOME = at(0, method=PlaceMethod.SITE)
PHONE = Device(id="phone-1", kind="app", place=HOME, block="b-1", registered_people=True)


def camera(name: str, north_m: float, **more: Any) -> Camera:
    return Camera(id=name, lat=LAT + north_m * M_NORTH, lon=LON, **more)


def registry(*devices: Device) -> dict[str, Device]:
    return {device.id: device for device in devices}


def test_a_block_has_a_siren_when_any_device_of_it_has_one() -> None:
    siren = Device(id="siren-1", kind="siren", block="b-1", siren=True)
    assert Vicinity(registry(PHONE, siren)).facts(press(), PHONE)["siren"] is True
    assert Vicinity(registry(PHONE)).facts(press(), PHONE) == {"block": "b-1", "siren": False}


def test_a_device_without_block_says_nothing_of_sirens() -> None:
    bus = Device(id="bus-1", kind="bus", facility="depot-1")
    assert Vicinity(registry(bus)).facts(press(), bus) == {"facility": "depot-1"}


def test_a_vehicle_says_which_line_it_serves_and_a_sealed_device_lends_nothing() -> None:
    bus = Device(id="bus-1", kind="bus", route="101")
    assert Vicinity(registry(bus)).facts(press(), bus) == {"route": "101"}
    assert Vicinity(registry(bus)).facts(press(lane=Lane.TELEMETRY), bus) == {"route": "101"}


def test_cameras_are_the_named_ones_then_the_near_ones_nearest_first() -> None:
    cameras = Cameras(camera(f"cam-{m}", m) for m in (149, -40, 90, 151))
    bus = Device(id="bus-1", kind="bus", cameras=("on-board", "cam-90"))
    seen = Vicinity(registry(bus), None, cameras).facts(press(at(0)), bus)["cameras"]
    assert seen == ["on-board", "cam-90", "cam--40", "cam-149"]


def test_who_has_the_place_in_view_goes_before_who_is_nearer_and_looks_away() -> None:
    away = camera("looks-away", 20, azimuth_deg=0.0, field_of_view_deg=60.0)
    sees = camera("sees", 120, azimuth_deg=180.0, field_of_view_deg=60.0)
    found = Vicinity({}, None, Cameras([away, sees])).facts(press(at(0)), None)["cameras"]
    assert found == ["sees", "looks-away"]


def test_an_inaccurate_place_reaches_farther_until_it_is_no_place_any_more() -> None:
    around = Vicinity({}, None, Cameras([camera("cam-1", 200)]))
    assert "cameras" not in around.facts(press(at(0)), None)
    assert around.facts(press(at(0, accuracy_m=60)), None)["cameras"] == ["cam-1"]
    assert around.facts(press(at(0, accuracy_m=PLACE_LIMIT_M + 1)), None) == {}
    assert around.facts(press(at(0, accuracy_m=math.nan)), None) == {}


def test_many_cameras_are_the_nearest_few() -> None:
    cameras = Cameras(camera(f"cam-{n:02d}", n) for n in range(40))
    seen = Vicinity({}, None, cameras).facts(press(at(0)), None)["cameras"]
    assert seen == [f"cam-{n:02d}" for n in range(MAX_CAMERAS)]


def test_a_sealed_device_lends_nothing_to_others() -> None:
    hers = Device(id="s-1", kind="siren", block="b-1", siren=True, data_class=DataClass.SEALED)
    assert Vicinity(registry(hers, PHONE)).facts(press(), PHONE)["siren"] is False


def test_what_stands_beside_a_place_is_said_once_by_kind() -> None:
    around = Vicinity({}, CITY)
    assert around.facts(press(at(0)), None)["near"] == ["care", "school"]
    assert around.facts(press(at(60)), None)["near"] == ["school"]
    assert around.facts(press(at(2000)), None) == {}


@pytest.mark.parametrize(
    ("north_m", "accuracy_m", "away"),
    [(0, 5.0, False), (199, 0.0, False), (201, 0.0, True), (260, 100.0, False), (-5000, None, True)],
)
def test_a_sender_is_away_only_when_no_accuracy_explains_the_distance(
    north_m: float, accuracy_m: float | None, *, away: bool
) -> None:
    facts = Vicinity(registry(PHONE), CITY).facts(press(at(north_m, accuracy_m=accuracy_m)), PHONE)
    assert ("away" in facts) is away


def test_inside_the_lines_of_the_own_block_nobody_is_away_however_long_it_is() -> None:
    phone = msgspec.structs.replace(PHONE, block="b-long")
    around = Vicinity(registry(phone), CITY)
    assert "away" not in around.facts(press(at(390)), phone)
    assert around.facts(press(at(410)), phone)["away"] is True


@pytest.mark.parametrize(
    "device",
    [
        msgspec.structs.replace(PHONE, registered_people=False),
        msgspec.structs.replace(PHONE, place=UNKNOWN_PLACE),
    ],
)
def test_a_fixed_device_and_one_without_home_are_never_away(device: Device) -> None:
    assert "away" not in Vicinity(registry(device), CITY).facts(press(at(5000)), device)


def test_telemetry_and_impossible_places_get_nothing() -> None:
    around = Vicinity({}, CITY, Cameras([camera("cam-1", 0)]))
    assert around.facts(press(at(0), lane=Lane.TELEMETRY), PHONE) == {}
    for lat in (math.inf, math.nan, 91.0):
        assert around.facts(press(Place(method=PlaceMethod.GPS, lat=lat, lon=LON)), None) == {}
