"""The register: devices are found by what the wire calls them, and a wrong file says where it is wrong."""

from __future__ import annotations

import pytest

from cior_core.model import DEFAULT_AREA, UNKNOWN_PLACE, DataClass, Device, Place, PlaceMethod
from cior_core.registry import Registry, Row
from cior_core.strict_toml import ConfigFault

TEXT = """\
[[device]]
id = "panel:1001"
kind = "panel"
name = "Kiosco de la esquina"
expected_every_s = 60
siren = true
block = "block-07"
source = "urn:cior:dc09:norte"
native = ["1001", "0A01"]
place = {method = "site", lat = -32.95, lon = -60.66}

[[device]]
id = "panel:sur-1001"
kind = "panel"
source = "urn:cior:dc09:sur"
native = ["1001"]

[[device]]
id = "bus-001"
kind = "bus"
native = ["356307042441013"]

[[device]]
id = "silent-1"
kind = "gbv_button"
data_class = "sealed"

[[device]]
id = "old-1"
kind = "bus"
enabled = false
native = ["999"]
"""
REGISTRY = Registry.load(TEXT)


@pytest.mark.parametrize(
    ("source", "native", "device"),
    [
        ("urn:cior:dc09:norte", "1001", "panel:1001"),
        ("urn:cior:dc09:norte", "0A01", "panel:1001"),
        ("urn:cior:dc09:sur", "1001", "panel:sur-1001"),
        ("urn:cior:dc09:oeste", "1001", None),
        ("urn:cior:traccar:1", "356307042441013", "bus-001"),
        ("urn:cior:traccar:2", "356307042441013", "bus-001"),
        ("urn:cior:traccar:1", "bus-001", "bus-001"),
        ("urn:cior:traccar:1", "999", None),
        ("urn:cior:traccar:1", "old-1", None),
        ("urn:cior:traccar:1", "", None),
    ],
)
def test_a_device_is_found_by_channel_and_name_or_is_unregistered(
    source: str, native: str, device: str | None
) -> None:
    found = REGISTRY.find(source, native)
    assert (found and found.id) == device


def test_what_is_found_is_a_plain_device_with_its_facts() -> None:
    assert REGISTRY["panel:1001"] == Device(
        id="panel:1001",
        kind="panel",
        name="Kiosco de la esquina",
        expected_every_s=60.0,
        siren=True,
        block="block-07",
        area=DEFAULT_AREA,
        place=Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.66),
    )
    assert type(REGISTRY["panel:1001"]) is Device
    assert REGISTRY["bus-001"].place is UNKNOWN_PLACE
    assert REGISTRY["silent-1"].data_class is DataClass.SEALED
    assert list(REGISTRY) == ["panel:1001", "panel:sur-1001", "bus-001", "silent-1"]


def test_a_row_has_every_field_of_a_device() -> None:
    assert set(Row.__struct_fields__) == {*Device.__struct_fields__, "source", "native"}


def test_an_empty_register_is_one() -> None:
    assert len(Registry.load("")) == 0
    assert Registry().find("urn:x", "1") is None


@pytest.mark.parametrize(
    ("before", "after", "code", "line"),
    [
        ('id = "bus-001"', 'id = "panel:1001"', "registry.id_twice", 19),
        ('id = "bus-001"', 'id = ""', "registry.id_twice", 19),
        ('source = "urn:cior:dc09:sur"', 'source = "urn:cior:dc09:norte"', "registry.native_twice", 16),
        ("lat = -32.95", "lat = 0.0, lon = 0.0}\n#", "registry.place", 10),
        ("lat = -32.95", "lat = 132.95", "registry.place", 10),
        (", lon = -60.66", "", "registry.place", 10),
        ("expected_every_s = 60", "expected_every_s = 0", "registry.interval", 5),
        ('data_class = "sealed"', 'data_class = "sealed"\nsiren = true', "registry.sealed_siren", 27),
        ('data_class = "sealed"', 'data_class = "sealed"\nagency = "police"', "registry.sealed_unit", 27),
        ("siren = true", 'siren = "yes"', "config.wrong_value", 6),
        ('kind = "bus"', 'knd = "bus"', "config.unknown_key", 20),
        ("lat = -32.95", "lad = -32.95", "config.unknown_key", 10),
        ('kind = "gbv_button"\n', "", "config.missing_key", 23),
        ("[[device]]", "[[device]", "config.syntax", 1),
    ],
)
def test_a_wrong_file_says_file_line_code_and_cure(before: str, after: str, code: str, line: int) -> None:
    assert before in TEXT
    with pytest.raises(ConfigFault) as refused:
        Registry.load(TEXT.replace(before, after, 1), file="devices.toml")
    assert refused.value.code == code
    assert (refused.value.file, refused.value.line) == ("devices.toml", line)
    assert refused.value.cure
