"""What a press means is the registration's word, whichever wire it came by; a silent code stays silent."""

from __future__ import annotations

import json

import msgspec
import pytest

from cior_connectors.builtin.dc09.decode import decode as from_panel
from cior_connectors.builtin.dc09.frame import pack
from cior_connectors.builtin.traccar.decode import decode as from_tracker
from cior_connectors.contract import Facts
from cior_connectors.kit.subject import Subject
from cior_connectors.press_types import PRESS_TYPES, press_types
from cior_core.model import Device, Event, Phase, RawId

NOW_MS = 1_795_305_600_000


def facts(connector: str, device: Device) -> Facts:
    context = Subject(f"cior_connectors.builtin.{connector}").context((device,))
    return Facts(
        source=f"urn:cior:{connector}:kit",
        received_ms=NOW_MS,
        first_received_ms=NOW_MS,
        raw_id=RawId("r-1"),
        context=context,
    )


def panel(kind: str, code: str = "120", *, qualifier: str = "1") -> Event:
    device = Device(id="panel:1234", kind=kind)
    frame = pack(f'"ADM-CID"0001L0#1234[#1234|{qualifier}{code} 00 007]'.encode())
    return from_panel(frame, facts("dc09", device)).events[0]


def tracker(kind: str) -> Event:
    device = Device(id="vehicle:v-1", kind=kind)
    position = {"deviceTime": "2026-11-25T00:00:00Z", "attributes": {"alarm": "sos"}}
    message = json.dumps({"position": position, "device": {"id": 1, "uniqueId": "v-1"}})
    return from_tracker(message.encode(), facts("traccar", device)).events[0]


@pytest.mark.parametrize(("kind", "type_code"), PRESS_TYPES.items())
def test_a_press_is_what_its_registered_kind_says_on_both_wires(kind: str, type_code: str) -> None:
    assert {panel(kind).type, tracker(kind).type} == {type_code}
    assert panel(kind).life_safety


def test_the_panel_of_a_siren_says_that_it_sounds() -> None:
    assert panel("siren").type == "siren.community"


def test_a_panel_of_no_such_kind_stays_a_private_alarm() -> None:
    assert (panel("panel").type, panel("panel", "129").type) == ("panic.alarm", "panic.verified")
    assert "verified" not in panel("panel", "129").attributes, "its type says so"


def test_what_the_station_verified_stays_verified_under_another_type() -> None:
    press = panel("community", "129")
    assert (press.type, press.attributes["verified"]) == ("panic.community", True)
    assert "verified" not in panel("community").attributes


def test_the_restore_of_a_community_press_is_of_the_same_type() -> None:
    press = panel("community", qualifier="3")
    assert (press.type, press.phase) == ("panic.community", Phase.RESTORE)


@pytest.mark.parametrize("code", ["121", "122"])
def test_duress_stays_silent_whatever_the_kind(code: str) -> None:
    assert panel("community", code).type == "silent.duress"


def test_fire_of_a_community_panel_stays_fire() -> None:
    assert panel("community", "110").type == "fire.alarm"


def test_an_installation_names_kinds_of_its_own() -> None:
    given = facts("dc09", Device(id="panel:1234", kind="kiosk"))
    named = press_types() | {"kiosk": "panic.stop"}
    context = given.known
    config = msgspec.structs.replace(context.config, press_types=named)
    given = msgspec.structs.replace(given, context=msgspec.structs.replace(context, config=config))
    frame = pack(b'"ADM-CID"0001L0#1234[#1234|1120 00 007]')
    assert from_panel(frame, given).events[0].type == "panic.stop"
