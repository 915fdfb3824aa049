"""What public frames and bug reports say, decoded: families, restores, verified fire, accounts without ``#``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_connectors.builtin.dc09 import contact_id, sia_dcs
from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.decode import decode
from cior_connectors.builtin.dc09.frame import pack
from cior_connectors.builtin.dc09.message import parse
from cior_connectors.contract import DecodeContext, Facts
from cior_core import bundled
from cior_core.errors import PayloadRejected
from cior_core.model import DataClass, Event, Lane, Phase, Producer, RawId
from cior_core.taxonomy import Taxonomy

NOW_MS = 1_790_000_000_000
CONTEXT = DecodeContext(
    config=Dc09Config(),  # no key: in clear is how these panels speak
    taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
    producer=Producer(connector="dc09", version="1.0.0"),
)
HOLD_UP = b'\n8D5F0022"SIA-DCS"0001L0#5504[5004|Nri1HA1]\r'  # ioBroker.sia 3, with its CRC right


def events(raw: bytes) -> tuple[Event, ...]:
    facts = Facts(
        source="urn:cior:dc09:norte",
        received_ms=NOW_MS,
        first_received_ms=NOW_MS,
        raw_id=RawId("raw"),
        context=CONTEXT,
    )
    return decode(raw, facts).events


def said(code: str) -> Event:
    return events(pack(b'"SIA-DCS"0101L0#AAA[#AAA|Nri1/%b012]' % code.encode()))[0]


def test_fire_that_a_second_detector_confirmed_is_fire_verified_and_life_safety() -> None:
    (fire, alive) = events(b'\n85480024"SIA-DCS"0101L0#AAA[#AAA|Nri1/FM012]\r')
    assert (fire.type, fire.phase, fire.lane, fire.life_safety) == (
        "fire.alarm",
        Phase.NEW,
        Lane.URGENT,
        True,
    )
    assert fire.attributes["verified"] is True
    assert alive.type == "heartbeat"
    assert "verified" not in said("FA").attributes
    assert "verified" not in said("FG").attributes


@pytest.mark.parametrize("code", ["KA", "SA"])
def test_heat_and_sprinkler_are_fire(code: str) -> None:
    found = said(code)
    assert (found.type, found.life_safety, found.lane) == ("fire.alarm", True, Lane.URGENT)
    assert "unknown_code" not in found.attributes


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("KR", "fire.alarm"),
        ("KH", "fire.alarm"),
        ("SR", "fire.alarm"),
        ("WR", "water.alarm"),
        ("ZR", "environment.alarm"),
    ],
)
def test_a_restore_ends_its_own_alarm(code: str, wanted: str) -> None:
    found = said(code)
    assert (found.type, found.phase) == (wanted, Phase.RESTORE)
    assert "unknown_code" not in found.attributes


def test_water_has_a_type_of_its_own() -> None:
    found = said("WA")
    assert (found.type, found.phase, found.life_safety) == ("water.alarm", Phase.NEW, False)
    assert "unknown_code" not in found.attributes


@pytest.mark.parametrize("code", ["FN", "QZ", "PX", "AF", "ZX"])
def test_a_code_in_no_table_is_an_alarm_in_doubt_with_its_code(code: str) -> None:
    found = said(code)
    assert (found.type, found.life_safety, found.attributes["code"], found.attributes["unknown_code"]) == (
        "alarm.unclassified",
        True,
        code,
        True,
    )


def test_a_hold_up_without_hash_before_the_account_is_a_hold_up_in_doubt() -> None:
    (found,) = events(HOLD_UP)
    assert (found.type, found.subject, found.data_class) == (
        "silent.duress",
        "panel:5504",
        DataClass.SEALED,
    )
    assert (found.attributes["doubtful"], found.attributes["data_account"]) == (
        "data_account_without_hash",
        "5004",
    )


@pytest.mark.parametrize(
    ("body", "type_code", "account"),
    [
        (b'"SIA-DCS"0001L0#5504[5504|Nri1HA1]', "silent.duress", "5504"),
        (b'"SIA-DCS"0001L0#A123[A123|NMA1]', "medical.alarm", "A123"),  # not the text message "123|NMA1"
        (b'"SIA-DCS"0001L0#5504[5504|Nti10:20:30/ri1/FA3]', "fire.alarm", "5504"),
        (b'"SIA-DCS"0001L0#5504[5504|OPA3]', "panic.alarm", "5504"),
        (b'"SIA-DCS"0001L0#site7[site7|NFA3]', "fire.alarm", "site7"),
        (b'"SIA-DCS"0001L0[5504|Nri1MA1]', "medical.alarm", "5504"),
        (b'"ADM-CID"0001L0#1234[1234|1120 00 007]', "panic.alarm", "1234"),
        (b'"ADM-CID"0001L0#1234[1234|18112000007]', "panic.alarm", "1234"),
        (b'"ADM-CID"0001L0#1234[9413|3110 01 007]', "fire.alarm", "1234"),
    ],
)
def test_a_data_account_without_hash_is_read_in_both_formats(
    body: bytes, type_code: str, account: str
) -> None:
    found = events(pack(body))[0]
    assert (found.type, found.subject) == (type_code, f"panel:{account}")
    assert found.attributes["doubtful"] == "data_account_without_hash"


@pytest.mark.parametrize(
    "data",
    [
        "#1234|1120 00 007",
        "#5504|Nri1/HA1",
        "|Nri1/HA1",
        "Nri1/HA1|Aback door",
        "NBA1^Hall^|A1234|text",
        "1120 00 007|text",
        "Aopen 24 h|call BEN",
        "113001015|1120 text",
    ],
)
def test_what_has_its_hash_or_needs_none_is_not_in_doubt(data: str) -> None:
    message = parse(f'"SIA-DCS"0001L0#5504[{data}]'.encode(), lambda _account: ())
    assert not message.unhashed


def test_a_word_before_the_event_is_text() -> None:
    """AlphaVision (pysiaalarm 68): the zone stands before the event."""
    block = sia_dcs.parse("0|NRP")
    assert ([each.code for each in block.events], block.text) == (["RP"], "0")
    assert sia_dcs.parse("Npi0/AT").events[0].code == "AT"  # Satel (pysiaalarm 87)
    with pytest.raises(PayloadRejected):
        sia_dcs.parse("0|")


@given(st.text(alphabet="0123456789ABCDEF|#NOriAa /[", max_size=60))
def test_any_data_is_an_event_or_a_rejection(data: str) -> None:
    message = parse(f'"SIA-DCS"0001L0#5504[{data}]'.encode(), lambda _account: ())
    for read in (contact_id.parse, sia_dcs.parse):
        try:
            read(message.data)
        except PayloadRejected as error:
            assert error.code in {"dc09.contact_id", "dc09.sia_dcs"}  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sia_FM", "fire.alarm"),
        ("sia_KA", "fire.alarm"),
        ("sia_SA", "fire.alarm"),
        ("sia_KR", "fire.alarm"),
        ("sia_WA", "water.alarm"),
        ("data_account_without_hash_HA", "silent.duress"),
        ("bincrc_bypass_verbatim_pysiaalarm64", "device.bypass"),
        ("bincrc_trikdis_panic_1120", "panic.alarm"),
        ("bincrc_trikdis_test_verbatim", "test.periodic"),
        ("bincrc_with_0de8_inside", "panic.alarm"),
        ("bincrc_with_0def_inside", "panic.alarm"),
    ],
)
def test_the_shared_file(name: str, wanted: str, test_data: Path) -> None:
    path = test_data / "real" / "dc09" / f"{name}.bin"
    if not path.is_file():
        pytest.skip("this copy of the test data has no real/dc09")
    assert events(path.read_bytes())[0].type == wanted
