"""What a forwarded Traccar message means, story by story."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors._runtime.guard import DecodeResult
from cior_connectors.builtin.traccar.config import Button, TraccarConfig
from cior_connectors.builtin.traccar.forwarder import message
from cior_connectors.builtin.traccar.reading import instant_ms, number, words
from cior_connectors.contract import Facts, Secret
from cior_connectors.kit import wall
from cior_connectors.kit.subject import Subject
from cior_core.identity import raw_id
from cior_core.model import ClockQuality, Device, Event, Lane, PlaceMethod

SUBJECT = Subject("cior_connectors.builtin.traccar")
NOW_MS = 1_795_305_600_000
SECRET = Secret("long-enough-for-a-test")


def facts(
    *,
    config: TraccarConfig | None = None,
    devices: tuple[Device, ...] = (),
    received_ms: int = NOW_MS,
    ordinal: int = 0,
) -> Facts:
    rid = raw_id("urn:cior:traccar:kit", "0", received_ms=received_ms, instance="kit", ordinal=ordinal)
    return Facts(
        source="urn:cior:traccar:kit",
        received_ms=received_ms,
        raw_id=rid,
        context=SUBJECT.context(devices, config=config),
    )


def read(body: dict[str, Any] | bytes, **changes: Any) -> DecodeResult:
    return SUBJECT.decode(body if isinstance(body, bytes) else json.dumps(body).encode(), facts(**changes))


def press_of(body: dict[str, Any], **changes: Any) -> Event:
    return next(event for event in read(body, **changes).events if event.life_safety)


def sos(**changes: Any) -> dict[str, Any]:
    return message(
        **{
            "unique_id": "86400001",
            "device_ms": NOW_MS - 2_000,
            "lat": -32.95,
            "lon": -60.64,
            "alarm": "sos",
            **changes,
        }
    )


def test_a_press_is_urgent_and_its_position_is_telemetry() -> None:
    events = read(sos(speed_kn=10.0)).events
    assert [(event.type, event.lane, event.life_safety) for event in events] == [
        ("panic.bus", Lane.URGENT, True),
        ("position", Lane.TELEMETRY, False),
    ]
    assert events[1].attributes["speed_kmh"] == 18.5
    assert (events[0].occurred_ms, events[0].received_ms, events[0].clock) == (
        NOW_MS - 2_000,
        NOW_MS,
        ClockQuality.SYNCED,
    )


def test_forty_copies_are_one_press_and_the_next_press_is_another() -> None:
    copies = {press_of(sos(), received_ms=NOW_MS + n * 7_000, ordinal=n).id for n in range(40)}
    assert len(copies) == 1
    assert press_of(sos(device_ms=NOW_MS - 1_000)).id not in copies


def test_the_event_forwarding_of_a_press_has_the_positions_id() -> None:
    body = sos()
    as_event = {
        "event": {"type": "alarm", "attributes": {"alarm": "sos"}, "eventTime": "2026-11-22T00:00:00Z"},
        **body,
    }
    assert press_of(as_event).id == press_of(body).id
    assert [event.type for event in read(as_event).events] == ["panic.bus"]


def test_a_press_without_device_time_is_told_apart_by_receipt() -> None:
    body = sos(deviceTime=None, fixTime=None, serverTime=None)
    assert press_of(body, ordinal=0).id != press_of(body, ordinal=1).id


@pytest.mark.parametrize(
    "wrong",
    [
        {"latitude": 0.0, "longitude": 0.0},
        {"latitude": None},
        {"latitude": "-32,95"},
        {"longitude": 999.0},
        {"latitude": True},
        {"latitude": [1]},
        {"latitude": "NaN"},
    ],
)
def test_whatever_is_wrong_with_the_position_the_press_stands(wrong: dict[str, Any]) -> None:
    press = press_of(sos(**wrong))
    assert press.place.method is PlaceMethod.UNKNOWN
    assert press.type == "panic.bus"


def test_a_missing_position_object_is_still_a_press_when_the_event_says_so() -> None:
    press = press_of(
        {
            "event": {"type": "alarm", "attributes": {"alarm": "sos"}, "eventTime": "2026-11-21T23:59:58Z"},
            "device": {"uniqueId": "86400001"},
        }
    )
    assert (press.place.method, press.occurred_ms) == (PlaceMethod.UNKNOWN, NOW_MS - 2_000)


@pytest.mark.parametrize(
    ("changes", "age_s", "last_known"),
    [
        ({}, 0.0, None),
        ({"fix_ms": NOW_MS - 62_000}, 60.0, None),
        ({"fix_ms": NOW_MS - 63_000}, 61.0, True),
        ({"valid": False}, 0.0, True),
        ({"outdated": True}, 0.0, True),
        ({"fixTime": None}, None, True),
    ],
)
def test_a_fix_older_than_sixty_seconds_or_not_valid_is_last_known(
    changes: dict[str, Any], age_s: float | None, last_known: bool | None
) -> None:
    press = press_of(sos(**changes))
    assert (press.place.fix_age_s, press.attributes.get("last_known")) == (age_s, last_known)


@pytest.mark.parametrize(
    ("offset_s", "quality", "error_s"),
    [
        (619_315_200, ClockQuality.SKEWED, 1.0),
        (86_400 * 400, ClockQuality.UNKNOWN, None),
        (-3_600, ClockQuality.SKEWED, 3_600.0),
    ],
)
def test_a_clock_a_gps_rollover_behind_or_ahead_is_told_and_does_not_order(
    offset_s: int, quality: ClockQuality, error_s: float | None
) -> None:
    press = press_of(sos(device_ms=NOW_MS - offset_s * 1_000))
    assert (press.clock, press.occurred_ms, press.clock_error_s) == (quality, NOW_MS, error_s)
    assert press.attributes["device_ms"] == NOW_MS - offset_s * 1_000


@pytest.mark.parametrize("details", [{"via": "history"}, {"via": "forward"}])
def test_a_copy_that_reaches_us_hours_later_has_the_clock_that_traccar_saw(details: dict[str, str]) -> None:
    told = msgspec.structs.replace(facts(), details=details)
    body = json.dumps(sos(device_ms=NOW_MS - 6 * 3_600_000, server_ms=NOW_MS - 6 * 3_600_000 + 900)).encode()
    press = SUBJECT.decode(body, told).events[0]
    assert (press.clock, press.clock_error_s, press.attributes["buffered"]) == (
        ClockQuality.SYNCED,
        1.0,
        True,
    )


def test_a_press_delivered_hours_late_keeps_its_own_time_and_says_so() -> None:
    press = press_of(sos(device_ms=NOW_MS - 6 * 3_600_000, server_ms=NOW_MS - 300))
    assert (press.occurred_ms, press.attributes["buffered"], press.clock) == (
        NOW_MS - 6 * 3_600_000,
        True,
        ClockQuality.UNKNOWN,
    )


def test_general_is_a_press_only_for_the_models_that_say_it_so() -> None:
    config = TraccarConfig(shared_secret=SECRET, buttons=(Button(model="FMB920", alarm="general"),))
    assert press_of(sos(alarm="general", model="FMB920"), config=config).type == "panic.bus"
    assert [event.type for event in read(sos(alarm="general", model="FMB640"), config=config).events] == [
        "device.notice",
        "position",
    ]


def test_the_registered_kind_of_the_vehicle_decides_before_traccars_category() -> None:
    assert press_of(sos(category="taxi")).type == "panic.taxi"
    assert (
        press_of(sos(category="taxi"), devices=(Device(id="vehicle:86400001", kind="stop"),)).type
        == "panic.stop"
    )
    assert press_of(sos(category="zeppelin")).type == "panic.bus"


def test_a_comma_list_is_several_facts_with_ids_of_their_own() -> None:
    events = read(sos(alarm="sos, tampering,sos,jamming")).events
    assert [event.type for event in events] == ["panic.bus", "device.tamper", "device.jamming", "position"]
    assert len({event.id for event in events}) == 4


def test_unknown_attributes_of_the_tracker_are_kept() -> None:
    body = sos()
    body["position"]["attributes"] |= {"io78": 3, "driverUniqueId": "A1", "nested": {"no": 1}}
    assert (
        read(body).events[-1].attributes["native"] | {"io78": 3, "driverUniqueId": "A1"}
        == read(body).events[-1].attributes["native"]
    )


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "traccar.json"),
        (b"\xef\xbb\xbf{}", "traccar.json"),
        (b"[]", "traccar.shape"),
        (b"{}", "traccar.shape"),
        (b'{"position":{"latitude":NaN},"device":{"uniqueId":"1"}}', "traccar.not_finite"),
        (b'{"position":{"latitude":-Infinity},"device":{"uniqueId":"1"}}', "traccar.not_finite"),
        (b'{"position":{"a":1,"a":2},"device":{"uniqueId":"1"}}', "traccar.duplicate_key"),
        (b'{"position":{},"device":{}}', "traccar.no_device"),
        (b"[" * 100_000, "traccar.json"),
        (b'{"position":{"altitude":' + b"9" * 5_000 + b'},"device":{"uniqueId":"1"}}', "traccar.json"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_code(raw: bytes, code: str) -> None:
    assert read(raw).code == code


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alarm", "x", "type", "attributes"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = [
    "latitude",
    "longitude",
    "speed",
    "course",
    "accuracy",
    "deviceTime",
    "fixTime",
    "serverTime",
    "valid",
    "outdated",
    "attributes",
    "deviceId",
]


@settings(max_examples=300)
@given(
    changes=st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=6),
    device=st.dictionaries(st.sampled_from(["uniqueId", "model", "category", "id"]), _JSON, max_size=4),
)
def test_any_types_in_any_field_give_plausible_events_or_a_rejection(
    changes: dict[str, Any], device: dict[str, Any]
) -> None:
    body = sos()
    body["position"] |= changes
    body["device"] |= device
    known = facts()
    decoded = SUBJECT.decode(json.dumps(body).encode(), known)
    assert decoded.trace_id is None
    assert [found for event in decoded.events for found in wall.complaints(event, known)] == []


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
def test_readers_are_total(value: Any) -> None:
    instant_ms(value)
    words(value)
    found = number(value, low=-1, high=1)
    assert found is None or -1 <= found <= 1


def test_the_config_refuses_an_open_line_short_secrets_and_half_tls() -> None:
    for wrong in (
        {},
        {"shared_secret": Secret("short")},
        {"shared_secret": SECRET, "tls_key": "k"},
        {"shared_secret": SECRET, "api_url": "http://x"},
    ):
        with pytest.raises(ValueError):
            TraccarConfig(**wrong)
    assert "long-enough" not in repr(TraccarConfig(shared_secret=SECRET))
    with pytest.raises(TypeError):
        msgspec.json.encode(TraccarConfig(shared_secret=SECRET))
