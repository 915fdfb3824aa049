"""From a frame to events: the laws of the press, of supervision, of clocks, of strangers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.dc09.config import Account, Dc09Config
from cior_connectors.builtin.dc09.decode import decode
from cior_connectors.builtin.dc09.frame import pack
from cior_connectors.builtin.dc09.message import stamp
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_connectors.contract import DecodeContext, Facts, Secret
from cior_core import bundled
from cior_core.attributes import AUTHENTICATED
from cior_core.errors import PayloadRejected
from cior_core.model import ClockQuality, DataClass, Event, Lane, Phase, PlaceMethod, Producer, RawId
from cior_core.taxonomy import Taxonomy

NOW_MS = 1_790_000_000_000
KEY = "0123456789ABCDEF"
CONFIG = Dc09Config(accounts={"77AA": Account(key=Secret(KEY), must_encrypt=True)})
CONTEXT = DecodeContext(
    config=CONFIG,
    taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
    producer=Producer(connector="dc09", version="1.0.0"),
)


def facts(received_ms: int = NOW_MS, *, first_ms: int = 0, **details: str) -> Facts:
    return Facts(
        source="urn:cior:dc09:norte",
        received_ms=received_ms,
        first_received_ms=first_ms or received_ms,
        raw_id=RawId(f"raw-{received_ms}"),
        details=details,
        context=CONTEXT,
    )


def events(body: str, given: Facts | None = None) -> tuple[Event, ...]:
    return decode(pack(body.encode()), given or facts()).events


def main(body: str, given: Facts | None = None) -> Event:
    return events(body, given)[0]


def press(sequence: int = 1, code: str = "120", point: int = 7, tail: str = "") -> str:
    return f'"ADM-CID"{sequence:04d}L0#1234[#1234|1{code} 00 {point:03d}]{tail}'


def test_a_panic_without_any_position_is_an_urgent_life_safety_event() -> None:
    found = main(press())
    assert (found.type, found.subject, found.phase, found.lane, found.life_safety) == (
        "panic.alarm",
        "panel:1234",
        Phase.NEW,
        Lane.URGENT,
        True,
    )
    assert found.place.method is PlaceMethod.UNKNOWN
    assert found.occurred_ms == NOW_MS


def test_forty_copies_of_a_frame_are_forty_emissions_of_one_press() -> None:
    """Law 2: nothing is filtered; law 4: the id makes them one."""
    copies = [
        main(press(), facts(NOW_MS + n * 1000, press_first_ms=str(NOW_MS), press_repeat=str(n)))
        for n in range(40)
    ]
    assert len({copy.id for copy in copies}) == 1
    assert [copy.attributes.get("repeat", 0) for copy in copies] == list(range(40))


def test_a_second_press_is_another_event_by_sequence_by_zone_and_after_the_window() -> None:
    first = main(press())
    later = facts(NOW_MS + 600_001, press_first_ms=str(NOW_MS + 600_001))
    assert len({first.id, main(press(sequence=2)).id, main(press(point=8)).id, main(press(), later).id}) == 4


def test_a_press_with_its_own_time_stays_itself_when_the_buffer_empties_hours_later() -> None:
    tail = f"[H{stamp(NOW_MS)[1:]}]"
    live, late = main(press(tail=tail)), main(press(tail=tail), facts(NOW_MS + 3 * 3_600_000))
    assert live.id == late.id
    assert (late.occurred_ms, late.attributes["buffered"]) == (NOW_MS, True)


@pytest.mark.parametrize("code", ["121", "122", "124", "125"])
def test_duress_is_silent_and_sealed_and_no_heartbeat_travels_beside_it(code: str) -> None:
    found = events(press(code=code))
    assert [(each.type, each.data_class) for each in found] == [("silent.duress", DataClass.SEALED)]


@pytest.mark.parametrize("code", ["601", "602", "603", "607", "608"])
def test_tests_are_never_incidents(code: str) -> None:
    found = main(press(code=code))
    assert found.type.startswith("test.")
    assert (found.phase, found.life_safety, found.lane) == (Phase.TEST, False, Lane.TELEMETRY)


def test_cancel_is_a_cancel_and_a_restore_a_restore() -> None:
    assert (main(press(code="406")).type, main(press(code="406")).phase) == ("alarm.cancel", Phase.CANCEL)
    restored = main('"ADM-CID"0002L0#1234[#1234|3130 00 007]')
    assert (restored.type, restored.phase) == ("burglary.alarm", Phase.RESTORE)


def test_a_storm_of_restores_after_a_power_cut_is_no_life_safety_and_not_urgent() -> None:
    for sequence in range(300):
        found = main(f'"ADM-CID"{sequence:04d}L0#{sequence:04d}[#{sequence:04d}|3301 00 000]')
        assert (found.type, found.phase, found.life_safety, found.lane) == (
            "device.mains",
            Phase.RESTORE,
            False,
            Lane.NORMAL,
        )


def test_an_unknown_alarm_code_is_an_alarm_that_nobody_classified() -> None:
    for body in (press(code="199"), '"SIA-DCS"0001L0#1234[#1234|NVA1]', press(code="1FE")):
        found = main(body)
        assert (found.type, found.attributes["unknown_code"], found.phase) == (
            "alarm.unclassified",
            True,
            Phase.NEW,
        )


def test_one_sia_message_with_two_alarms_gives_two_events_with_two_ids() -> None:
    found = [each for each in events('"SIA-DCS"0001L0#1234[#1234|Nri1/BA1/FA2]') if each.type != "heartbeat"]
    assert [each.type for each in found] == ["burglary.alarm", "fire.alarm"]
    assert len({each.id for each in found}) == 2
    assert found[0].native_type == "SIA BA"


def test_any_frame_is_a_sign_of_life_and_each_link_test_its_own() -> None:
    null = '"NULL"0000L0#1234[]'
    one, two = main(null), main(null, facts(NOW_MS + 60_000, first_ms=NOW_MS))
    assert (one.type, one.lane, one.subject) == ("heartbeat", Lane.TELEMETRY, "panel:1234")
    assert one.id != two.id
    assert "heartbeat" in [each.type for each in events(press())]


def test_a_panel_whose_clock_is_days_off_still_alarms_at_the_time_we_heard_it() -> None:
    found = main(press(tail=stamp(NOW_MS - 3 * 86_400_000)))
    assert (found.occurred_ms, found.clock, found.clock_error_s) == (
        NOW_MS,
        ClockQuality.SKEWED,
        3 * 86_400.0,
    )


def test_a_measured_offset_is_taken_out_of_the_event_time() -> None:
    wrong_ms = NOW_MS + 86_400_000
    found = main(press(tail=f"[H{stamp(wrong_ms - 60_000)[1:]}]{stamp(wrong_ms)}"))
    assert (found.occurred_ms, found.clock, found.attributes["clock_mark"]) == (
        NOW_MS - 60_000,
        ClockQuality.SKEWED,
        "offset_corrected",
    )


def test_an_event_time_years_off_is_not_believed() -> None:
    found = main(press(tail="[H12:00:00,01-01-1999]"))
    assert (found.occurred_ms, found.clock, found.attributes["clock_mark"]) == (
        NOW_MS,
        ClockQuality.UNKNOWN,
        "far_off",
    )


def test_an_encrypted_press_opens_and_one_with_a_stale_timestamp_still_alarms() -> None:
    panel = PanelSettings(account="77AA", port=1, key=KEY.encode())
    fresh = decode(
        encode(panel, token="ADM-CID", sequence=1, data="#77AA|1120 00 007", at_ms=NOW_MS), facts()
    ).events[0]
    stale = decode(
        encode(panel, token="ADM-CID", sequence=1, data="#77AA|1120 00 007", at_ms=NOW_MS - 90_000), facts()
    ).events[0]
    assert (fresh.type, fresh.attributes["encrypted"], fresh.clock) == (
        "panic.alarm",
        True,
        ClockQuality.SYNCED,
    )
    assert (stale.type, stale.attributes["timestamp_refused"], stale.id) == ("panic.alarm", True, fresh.id)
    assert fresh.attributes[AUTHENTICATED] is True
    assert stale.attributes.get(AUTHENTICATED) is not True, "whoever recorded it could have sent it"
    plain = events('"ADM-CID"0001L0#77AA[#77AA|1120 00 007]')[0]
    assert plain.attributes.get(AUTHENTICATED) is not True


def test_plain_text_from_an_account_that_must_encrypt_alarms_and_is_reported() -> None:
    found = events('"ADM-CID"0001L0#77AA[#77AA|1120 00 007]')
    assert [each.type for each in found] == ["panic.alarm", "source.conflict"]
    assert (found[0].life_safety, found[0].attributes["unbelieved"]) == (True, True)
    assert found[1].attributes == {"reason": "plain_where_encryption_is_due"}


def test_one_account_at_two_addresses_is_an_integrity_event_once_a_window() -> None:
    seen = [
        events(press(n), facts(NOW_MS + n, other_peer="10.0.0.9", other_peer_ms=str(NOW_MS)))[-1]
        for n in (1, 2)
    ]
    assert seen[0].attributes == {"reason": "account_at_two_addresses"}
    assert seen[0].id == seen[1].id


def test_place_comes_from_x_and_y_and_zero_zero_is_no_place() -> None:
    found = main(press(tail="[X060W38.200][Y32S56.400]"))
    assert found.place.lat == pytest.approx(-32.94)
    assert found.place.lon == pytest.approx(-60.63666, abs=1e-4)
    for tail in ("[X000E00.0][Y00N00.0]", "[X060W38.2]", "[X999W00][Y99N00]", "[Xevil][Y1e9]"):
        assert main(press(tail=tail)).place.method is PlaceMethod.UNKNOWN


def test_a_link_from_a_stranger_is_text_and_a_key_never_appears() -> None:
    found = main(press(tail="[Vjavascript:alert(1)\x07][KFFFFFFFFFFFFFFFF]"))
    assert found.attributes["verification_untrusted"] == "javascript:alert(1)"
    assert "FFFFFFFFFFFFFFFF" not in msgspec.json.encode(found).decode()


def test_a_block_that_nobody_knows_is_kept() -> None:
    """Law 12."""
    assert main(press(tail="[Qsomething new][Z123.2M]")).attributes["block_Q"] == "something new"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"GET / HTTP/1.1", "dc09.noise"),
        (b"\nF4D20029", "dc09.truncated"),
        (b'\nZZZZ0029"NULL"\r', "dc09.bad_header"),
        (b'\nF4D2FFFF"NULL"0000L0#1[]\r', "dc09.bad_length"),
        (b'\nF4D20014"NULL"0000L0#1[]\r', "dc09.bad_length"),
        (pack(b'"NULL"'), "dc09.header"),
        (pack(b'"SIA-S2K"0001L0#1234[#1234|x]'), "dc09.unsupported_token"),
        (pack(b'"ADM-CID"0001L0#1234[#1234|hello]'), "dc09.contact_id"),
        (pack(b'"SIA-DCS"0001L0#1234[#1234|Q]'), "dc09.sia_dcs"),
        (pack(b'"*ADM-CID"0001L0#1234[00]'), "dc09.no_key"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_a_stable_code(raw: bytes, code: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        decode(raw, facts())
    assert caught.value.code == code


def test_the_labels_of_the_source_change_no_type_time_or_place() -> None:
    bare, labelled = (
        main(press()),
        main(
            press(),
            facts(
                press_first_ms=str(NOW_MS), press_repeat="3", other_peer="x", other_peer_ms="1", frame="frame"
            ),
        ),
    )
    same = {"type", "occurred_ms", "place", "phase", "lane", "subject"}
    assert {name: getattr(bare, name) for name in same} == {name: getattr(labelled, name) for name in same}


@given(
    st.binary(max_size=400),
    st.dictionaries(
        st.sampled_from(["press_first_ms", "press_repeat", "arrived_ms", "frame", "other_peer"]),
        st.text(max_size=20),
    ),
)
@settings(max_examples=400)
def test_any_bytes_in_any_frame_are_events_or_rejected(noise: bytes, details: Mapping[str, str]) -> None:
    for raw in (
        noise,
        pack(noise),
        pack(b'"SIA-DCS"0001L0#1234[#1234|N' + noise + b"]"),
        pack(b'"ADM-CID"0001L0#1234[' + noise),
    ):
        try:
            decoded = decode(raw, msgspec.structs.replace(facts(), details=details))
        except PayloadRejected as error:
            assert error.code.startswith("dc09.")  # noqa: PT017
            continue
        assert decoded.events
        msgspec.json.encode(decoded.events)
