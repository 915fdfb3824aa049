"""What the registry and the city say reaches a clear event, and nothing of it a sealed one."""

from __future__ import annotations

import pytest
from nacl.public import PrivateKey

from cior_bus import topics
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.records import Channel, Publication, publication_of
from cior_connectors._runtime.seal import Sealer
from cior_core.cameras import Camera, Cameras
from cior_core.catalogue import Kind
from cior_core.codec import records
from cior_core.geo import City
from cior_core.model import DataClass, Device, Event, Place, PlaceMethod
from cior_core.vicinity import Vicinity
from unit.connectors.pressing import SUBJECT, pressing, stamped

CITY = City.demo()
SCHOOL = next(each for each in CITY.facilities if each.kind == "school")
SITE = Place(method=PlaceMethod.SITE, lat=SCHOOL.lat, lon=SCHOOL.lon, accuracy_m=10.0)
CAMERAS = Cameras([Camera(id="camera-canary-1", lat=SCHOOL.lat, lon=SCHOOL.lon)])
FACTS = ("block-canary", "facility-canary", "route-canary", "camera-canary", "school", "siren", "away")


def panel(*, data_class: DataClass = DataClass.RESTRICTED, siren: bool = True) -> Device:
    return Device(
        id="panel-1",
        kind="community",
        place=SITE,
        block="block-canary",
        facility="facility-canary",
        route="route-canary",
        cameras=("camera-canary-2",),
        siren=siren,
        data_class=data_class,
        registered_people=True,
    )


def sent(
    device: Device, *, sealed: bool = False, type_code: str = "panic.app", **fields: object
) -> Publication:
    context = SUBJECT.context((device, *CAMERAS.devices()))
    channel = Channel(
        context=context,
        sealer=Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=bytes(32)),
        life_safety=True,
        sealed=sealed,
        carries_sealed=False,
        keep=lambda events: events,
        expected_every_s=lambda _subject: None,
        placed=CITY.placed,
        vicinity=Vicinity(context.registry, CITY, CAMERAS),
    )
    payload, facts = device.id.encode(), stamped()
    return publication_of(channel, payload, facts, guarded(pressing(type_code, **fields), payload, facts))


def event_of(ready: Publication) -> Event:
    values = [message.value for message in ready.messages if message.topic == topics.URGENT.name]
    event: Event = records(Kind.EVENT, values[0])[0]
    return event


def test_a_registered_press_carries_block_siren_facility_route_cameras_and_what_is_beside_it() -> None:
    assert event_of(sent(panel())).attributes == {
        "block": "block-canary",
        "siren": True,
        "facility": "facility-canary",
        "route": "route-canary",
        "cameras": ["camera-canary-2", "camera-canary-1"],
        "in_view": ["camera-canary-2"],
        "near": ["school"],
    }


def test_the_registrys_word_goes_over_the_wires() -> None:
    told = {"block": "another-block", "siren": True, "cameras": ["none"], "vendor": "kept"}
    attributes = event_of(sent(panel(siren=False), attributes=told)).attributes
    assert attributes["block"] == "block-canary"
    assert attributes["siren"] is False
    assert attributes["cameras"] == ["camera-canary-2", "camera-canary-1"]
    assert attributes["vendor"] == "kept"


def test_a_sender_far_from_home_is_away() -> None:
    far = Place(method=PlaceMethod.GPS, lat=SCHOOL.lat + 0.05, lon=SCHOOL.lon, accuracy_m=10.0)
    assert event_of(sent(panel(), place=far)).attributes["away"] is True


@pytest.mark.parametrize("why", ["device", "instance", "type"])
def test_nothing_of_it_leaves_with_a_sealed_event(why: str) -> None:
    far = Place(method=PlaceMethod.GPS, lat=SCHOOL.lat + 0.05, lon=SCHOOL.lon, accuracy_m=10.0)
    device = panel(
        data_class=DataClass.SEALED if why == "device" else DataClass.RESTRICTED, siren=why != "device"
    )
    ready = sent(
        device,
        sealed=why == "instance",
        type_code="silent.gbv" if why == "type" else "panic.app",
        place=far if why == "instance" else Place(method=PlaceMethod.UNKNOWN),
    )
    assert ready.sealed
    assert event_of(ready).attributes == {}
    clear = b"".join(message.value for message in ready.messages).decode(errors="replace")
    assert [word for word in FACTS if word in clear] == []
