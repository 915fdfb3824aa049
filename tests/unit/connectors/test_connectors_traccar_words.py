"""What trackers of many makers call an alarm, and how old their fix is when their times make no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_connectors.builtin.traccar.config import Button, TraccarConfig
from cior_connectors.builtin.traccar.forwarder import iso, message
from cior_connectors.builtin.traccar.reading import folded, number, truth, words
from cior_connectors.contract import Facts, Secret
from cior_connectors.kit.subject import Subject
from cior_core.identity import raw_id
from cior_core.model import Event, PlaceMethod

SUBJECT = Subject("cior_connectors.builtin.traccar")
NOW_MS = 1_795_305_600_000
SECRET = Secret("long-enough-for-a-test")
DAY_MS = 86_400_000

# A tk103 behind Traccar whose alarm word comes in capitals, and one whose fix is dated a year ahead: shapes of public
# reports, with invented identifiers (the bytes of ../shared/data/real/traccar).
CAPITALS = (
    '{"position": {"id": 0, "attributes": {"alarm": "SOS"}, "deviceId": 2, "protocol": "tk103", "serverTime": '
    '"2026-11-26T06:24:40.000+00:00", "deviceTime": "2026-11-26T06:24:39.000+00:00", "fixTime": '
    '"2026-11-26T06:24:39.000+00:00", "outdated": false, "valid": false, "latitude": 0.0, "longitude": 0.0, '
    '"altitude": 0, "speed": 0, "course": 0, "address": null, "accuracy": 0.0, "network": null}, "device": {"id": 2, '
    '"uniqueId": "027000000713", "name": "Taxi 2", "category": "taxi", "attributes": {}}}'
)
FUTURE_FIX = (
    CAPITALS.replace('"SOS"', '"sos"')
    .replace('"valid": false', '"valid": true')
    .replace('"fixTime": "2026', '"fixTime": "2027')
    .replace('"latitude": 0.0, "longitude": 0.0', '"latitude": -32.94, "longitude": -60.64')
)
REPORTED_MS = 1_795_674_281_000


def read(body: dict[str, Any] | str, *, received_ms: int = NOW_MS, **fields: Any) -> tuple[Event, ...]:
    rid = raw_id("urn:cior:traccar:kit", "0", received_ms=received_ms, instance="kit", ordinal=0)
    config = TraccarConfig(shared_secret=SECRET, **fields)
    facts = Facts(
        source="urn:cior:traccar:kit",
        received_ms=received_ms,
        raw_id=rid,
        context=SUBJECT.context((), config=config),
    )
    return SUBJECT.decode((body if isinstance(body, str) else json.dumps(body)).encode(), facts).events


def report(alarm: Any = "sos", **changes: Any) -> dict[str, Any]:
    body = message(
        unique_id="86400001", device_ms=NOW_MS - 2_000, lat=-32.95, lon=-60.64, alarm="sos", **changes
    )
    body["position"]["attributes"]["alarm"] = alarm
    return body


def types(alarm: Any, **fields: Any) -> list[str]:
    return [str(event.type) for event in read(report(alarm), **fields)][:-1]


def test_the_word_in_capitals_of_a_real_taxi_is_its_press() -> None:
    press = read(CAPITALS, received_ms=REPORTED_MS)[0]
    assert (press.type, press.life_safety, press.place.method) == ("panic.taxi", True, PlaceMethod.UNKNOWN)
    assert press.attributes["alarm"] == "SOS", "as it was said"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("SOS", "panic.bus"),
        ("Sos", "panic.bus"),
        (" sós ", "panic.bus"),
        ("S.O.S.", "panic.bus"),
        ("ＳＯＳ", "panic.bus"),
        ("PANIC", "panic.bus"),
        ("SOS button", "panic.bus"),
        ("tampering PANIC", "panic.bus"),
        ("POWERCUT", "device.power_cut"),
        ("power_cut", "device.power_cut"),
        ("Power-Off", "device.power_cut"),
        ("low battery", "device.low_battery"),
        ("LOW_POWER", "device.low_battery"),
        ("fall-down", "medical.alarm"),
        ("FallDown", "medical.alarm"),
        ("Accident", "traffic.injury"),
        ("JAMMING", "device.jamming"),
        ("Tampering", "device.tamper"),
        ("gps_antenna_cut", "device.tamper"),
        ("overspeed", "device.notice"),
        ("sosiego", "device.notice"),
    ],
)
def test_a_word_means_the_same_in_any_letters(said: str, meant: str) -> None:
    assert types(said) == [meant]


@given(st.sampled_from(sorted(TraccarConfig(shared_secret=SECRET).alarms)), st.data())
def test_every_known_word_keeps_its_meaning_in_any_case(word: str, data: st.DataObject) -> None:
    config = TraccarConfig(shared_secret=SECRET)
    upper = data.draw(st.lists(st.booleans(), min_size=len(word), max_size=len(word)))
    spelt = "".join(each.upper() if up else each.lower() for each, up in zip(word, upper, strict=True))
    assert config.meaning(spelt, model="") == config.alarms[word]


@pytest.mark.parametrize(
    "said",
    [
        "SOS,powerCut",
        "sos;POWER_CUT",
        "Sos | power-cut",
        ["SOS", "powercut"],
        ["SOS,powerCut"],
        "sos/POWERCUT",
        "sos\npowercut",
    ],
)
def test_a_list_is_a_list_whatever_separates_it(said: Any) -> None:
    assert types(said) == ["panic.bus", "device.power_cut"]


def test_one_meaning_said_twice_is_one_press() -> None:
    assert types("SOS,sos,S-O-S") == ["panic.bus"]
    body = report("SOS")
    both = read({"event": {"type": "alarm", "attributes": {"alarm": "sos"}}, **body})
    assert [event.type for event in both] == ["panic.bus"]


def test_the_attribute_counts_in_other_cases_too() -> None:
    body = report()
    body["position"]["attributes"] = {"Alarm": "SOS", "ALARM": "powerCut"}
    assert [event.type for event in read(body)] == ["panic.bus", "device.power_cut", "position"]


def test_a_button_of_a_model_and_a_category_count_in_other_letters() -> None:
    buttons = (Button(model="FMB920", alarm="general", means="SOS"),)
    body = report("General", model="fmb920", category="TAXI")
    assert read(body, buttons=buttons)[0].type == "panic.taxi"
    assert read(report(category="GBV"))[0].type == "silent.gbv"


def test_two_spellings_with_two_meanings_are_refused() -> None:
    with pytest.raises(ValueError, match="two spellings"):
        TraccarConfig(shared_secret=SECRET, alarms={"powerCut": "device.power_cut", "power_cut": "press"})
    TraccarConfig(shared_secret=SECRET, alarms={"pánico": "press", "PANICO": "press"})


@given(st.text(max_size=30))
def test_folding_is_total_and_settles(word: str) -> None:
    assert folded(folded(word)) == folded(word)


def place_of(body: dict[str, Any] | str, *, received_ms: int = NOW_MS) -> tuple[float | None, bool]:
    press = read(body, received_ms=received_ms)[0]
    assert press.life_safety
    return press.place.fix_age_s, press.attributes.get("last_known") is True


UNKNOWN_AGE = (None, True)


def test_a_fix_from_a_year_ahead_is_a_last_known_place_of_unknown_age() -> None:
    assert place_of(FUTURE_FIX, received_ms=REPORTED_MS) == UNKNOWN_AGE


@pytest.mark.parametrize("ahead_ms", [61_000, 300_000, 3_600_000, DAY_MS, 1024 * 7 * DAY_MS])
def test_a_fix_after_the_press_is_of_unknown_age(ahead_ms: int) -> None:
    assert place_of(report(fix_ms=NOW_MS - 2_000 + ahead_ms)) == UNKNOWN_AGE


@pytest.mark.parametrize("fix_ms", [0, 315_964_800_000, NOW_MS - 1024 * 7 * DAY_MS, NOW_MS - 31 * DAY_MS])
def test_a_fix_from_before_any_memory_of_the_tracker_is_of_unknown_age(fix_ms: int) -> None:
    assert place_of(report(fix_ms=fix_ms)) == UNKNOWN_AGE


@pytest.mark.parametrize("clock_ms", [NOW_MS + DAY_MS, NOW_MS - 40 * DAY_MS, 915_148_800_000])
def test_a_clock_that_is_not_believed_does_not_vouch_for_its_fix(clock_ms: int) -> None:
    body = report(server_ms=NOW_MS - 300)
    body["position"] |= {"deviceTime": iso(clock_ms), "fixTime": iso(clock_ms)}
    assert place_of(body) == UNKNOWN_AGE


def test_a_clock_a_gps_rollover_behind_runs_and_vouches_for_its_fix() -> None:
    rolled_ms = NOW_MS - 1024 * 7 * DAY_MS
    assert place_of(report(fix_ms=rolled_ms - 5_000, deviceTime=iso(rolled_ms))) == (5.0, False)


def test_without_a_device_time_a_fix_is_as_old_as_traccars_receipt_says() -> None:
    old = report(fix_ms=NOW_MS - 3_600_000, server_ms=NOW_MS - 1_000)
    old["position"]["deviceTime"] = None
    assert place_of(old) == (3_599.0, True)
    fresh = report(fix_ms=NOW_MS - 3_000, server_ms=NOW_MS - 1_000)
    fresh["position"]["deviceTime"] = None
    assert place_of(fresh) == (2.0, False)


def test_seconds_between_two_good_clocks_are_no_doubt() -> None:
    assert place_of(report(fix_ms=NOW_MS + 3_000)) == (0.0, False)


@pytest.mark.parametrize(
    "changes", [{"valid": "false"}, {"valid": 0}, {"valid": "No"}, {"outdated": "TRUE"}, {"outdated": 1}]
)
def test_yes_and_no_count_as_text_and_as_numbers(changes: dict[str, Any]) -> None:
    assert place_of(report(**changes)) == (0.0, True)


@pytest.mark.parametrize("zero", [0, 0.0, "0", "0.0", "-0.0", "0.000000"])
def test_nowhere_is_nowhere_as_text_too(zero: Any) -> None:
    press = read(report(latitude=zero, longitude=zero))[0]
    assert (press.type, press.place.method) == ("panic.bus", PlaceMethod.UNKNOWN)


def test_coordinates_and_speed_count_as_text() -> None:
    events = read(report(latitude="-32.95", longitude=" -60.64", speed="10"))
    assert (events[0].place.lat, events[0].place.lon) == (-32.95, -60.64)
    assert events[1].attributes["speed_kmh"] == 18.5
    assert number("3_2.9", low=-90, high=90) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
def test_the_readers_are_total(value: Any) -> None:
    assert truth(value) in (True, False, None)
    assert all(0 < len(word) <= 40 for word in words(value))


def test_the_shared_files_are_these_bytes(test_data: Path) -> None:
    real = test_data / "real" / "traccar"
    if not real.is_dir():
        pytest.skip("this copy of the test data has no real/traccar")
    assert json.loads((real / "alarm_word_uppercase.json").read_text()) == json.loads(CAPITALS)
    assert json.loads((real / "fix_in_future_fresh.json").read_text()) == json.loads(FUTURE_FIX)
