"""Which registered devices a worker watches from its start."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from cior_bus.lanes import device_bucket
from cior_core import device_state, devices
from cior_core.identity import device_pseudonym
from cior_core.model import DataClass, Device, Place, PlaceMethod
from cior_core.sealed_devices import enrolled
from cior_streams.device_table import DeviceTable, Registry

KEY = b"k" * 32
HOME = (-32.951234, -60.665678)
T0 = 1_790_000_000_000


class Fixed:
    def now_ms(self) -> int:
        return T0


def device(**change: Any) -> Device:
    return msgspec.convert({"id": "panel:1001", "kind": "panel", **change}, Device)


def watched(*devices: Device) -> list[str]:
    registry = Registry(devices)
    return [each.id for one in devices for each in registry.of(device_bucket(one.id))]


def home() -> Device:
    return device(
        name="Ana Canary",
        data_class=DataClass.SEALED,
        expected_every_s=60,
        place=Place(method=PlaceMethod.SITE, lat=HOME[0], lon=HOME[1]),
        block="block-canary",
        facility="facility-canary",
        cameras=("camera-canary",),
        registered_people=True,
    )


def placed(place: Place) -> Place:
    return msgspec.structs.replace(place, district="norte")


def test_a_registered_device_is_watched_before_its_first_word() -> None:
    assert watched(device()) == ["panel:1001"]


def test_a_sealed_device_is_never_enrolled_by_its_registered_name() -> None:
    assert watched(device(data_class=DataClass.SEALED)) == []


def test_a_device_out_of_service_is_not_missed() -> None:
    assert watched(device(enabled=False)) == []


def test_law_17_a_sealed_device_is_missed_under_its_pseudonym_and_nothing_else_of_it_is_in_the_changelog() -> (
    None
):
    known = enrolled([home(), device(id="panel:7")], key=KEY, placed=placed)
    name = device_pseudonym(KEY, "panel:1001")
    assert [each.id for each in known] == [name, "panel:7"]
    changelog: dict[bytes, bytes] = {}
    bucket = device_bucket(name)
    table = DeviceTable(changelog, registry=Registry(known), clock=Fixed(), on_reset=lambda: None)
    loaded = table.load(bucket)
    silent, events = devices.sweep(loaded.states, T0 + 3_600_000)
    table.keep(bucket, loaded, silent, None)
    assert {event.subject for event in events} == {name}
    assert {event.type for event in events} == {"source.silent"}
    assert all(event.place == Place(method=PlaceMethod.DISTRICT, district="norte") for event in events)
    assert all(event.data_class is DataClass.SEALED for event in events)
    written = b"".join([*changelog, *changelog.values(), msgspec.json.encode(events)])
    assert name.encode() in written
    for canary in (b"1001", b"anary", b"32.95", b"60.66", *(struct.pack(">d", each) for each in HOME)):
        assert canary not in written
    kept = device_state.decode_bucket(changelog[bucket]).states[name]
    assert kept.silent_since_ms is not None
    assert kept.place == Place(method=PlaceMethod.DISTRICT, district="norte")


def test_law_17_a_sealed_device_out_of_service_is_not_missed_either() -> None:
    (gone,) = enrolled([msgspec.structs.replace(home(), enabled=False)], key=KEY, placed=placed)
    assert watched(gone) == []
