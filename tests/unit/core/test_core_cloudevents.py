"""The wire form of an event: what we write reads back, what others add is kept, what is wrong is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cior_core import cloudevents
from cior_core.errors import PayloadRejected
from cior_core.model import (
    ClockQuality,
    DataClass,
    Event,
    EventId,
    Lane,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    TypeCode,
)

PRESS = Event(
    id=EventId("3920b34f-e748-8abf-a303-27e55fb13f70"),
    source="urn:cior:dc09:receiver-1",
    type=TypeCode("panic.bus"),
    subject="bus-123",
    occurred_ms=1_795_310_961_123,
    received_ms=1_795_310_961_623,
    clock=ClockQuality.SYNCED,
    place=Place(method=PlaceMethod.GPS, lat=-32.94, lon=-60.66, accuracy_m=8.0, fix_age_s=1.5),
    life_safety=True,
    lane=Lane.URGENT,
    raw=RawPointer(raw_id=RawId("r1"), sha256="a" * 64, index=2),
    producer=Producer(connector="dc09", version="0.1.0"),
    attributes={"zone": "003", "buttons": [1, 2.5, {"deep": None}]},
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SOME_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
MAYBE = st.none() | TEXT
FINITE = st.floats(allow_nan=False, allow_infinity=False)
INSTANT = st.integers(-62_135_596_800_000, 253_402_300_799_999)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PLACES = st.builds(
    Place,
    method=st.sampled_from(PlaceMethod),
    lat=st.none() | FINITE,
    lon=st.none() | FINITE,
    accuracy_m=st.none() | FINITE,
    fix_age_s=st.none() | FINITE,
    h3=MAYBE,
    district=MAYBE,
    text=MAYBE,
)
NEW_NAME = st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True)
EXTRAS = st.dictionaries(NEW_NAME, JSON, max_size=2) | st.fixed_dictionaries(
    {
        "data": st.dictionaries(NEW_NAME, JSON, min_size=1, max_size=2)
        | st.fixed_dictionaries({"place": st.dictionaries(NEW_NAME, JSON, min_size=1)})
    }
)
EVENTS = st.builds(
    Event,
    id=SOME_TEXT,
    source=SOME_TEXT,
    type=st.from_regex(r"[a-z0-9_]{1,6}(\.[a-z0-9_]{1,6}){0,2}", fullmatch=True),
    subject=SOME_TEXT,
    phase=st.sampled_from(Phase),
    occurred_ms=INSTANT,
    received_ms=INSTANT,
    recorded_ms=st.none() | INSTANT,
    clock=st.sampled_from(ClockQuality),
    clock_error_s=st.none() | FINITE,
    place=PLACES,
    data_class=st.sampled_from(DataClass),
    life_safety=st.booleans(),
    lane=st.sampled_from(Lane),
    raw=st.none() | st.builds(RawPointer, raw_id=TEXT, sha256=TEXT, index=st.integers(0, 99)),
    producer=st.none() | st.builds(Producer, connector=TEXT, version=TEXT, instance=TEXT),
    drill=st.booleans(),
    registered=st.none() | st.booleans(),
    independence=MAYBE,
    native_key=MAYBE,
    native_type=MAYBE,
    native_priority=MAYBE,
    summary=MAYBE,
    attributes=st.dictionaries(TEXT, JSON, max_size=3),
    traceparent=MAYBE,
    extra=EXTRAS,
)


def nested(levels: int) -> dict[str, Any]:
    """Objects in objects, so many."""
    return {"deeper": nested(levels - 1)} if levels > 1 else {}


def tree_of(event: Event = PRESS) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(cloudevents.encode(event))
    return tree


def refusal(payload: bytes) -> str:
    with pytest.raises(PayloadRejected) as refused:
        cloudevents.decode(payload)
    return refused.value.code


# --- round trips --------------------------------------------------------------------------------------------


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS)
def test_every_event_reads_back_equal_on_both_roads(event: Event) -> None:
    wire = cloudevents.encode(event)
    assert cloudevents.decode(wire) == event
    assert cloudevents.decode(json.dumps(json.loads(wire), indent=1).encode()) == event, (
        "the strict road, by another writer's layout"
    )
    assert cloudevents.encode(cloudevents.decode(wire)) == wire


def test_the_attributes_are_cloudevents_1_0() -> None:
    tree = tree_of()
    data = tree.pop("data")
    assert tree == {
        "specversion": "1.0",
        "id": PRESS.id,
        "source": "urn:cior:dc09:receiver-1",
        "type": "ar.cior.panic.bus.v1",
        "subject": "bus-123",
        "time": "2026-11-22T01:29:21.123Z",
        "receivedtime": "2026-11-22T01:29:21.623Z",
        "dataclassification": "restricted",
        "lane": "urgent",
        "lifesafety": True,
        "partitionkey": "bus-123",
        "datacontenttype": "application/json",
        "dataschema": cloudevents.SCHEMA_BASE,
    }
    assert all(name.isalnum() and name == name.lower() for name in tree)
    assert data["attributes"]["zone"] == "003", "leading zeros stay"


# --- law 12 -------------------------------------------------------------------------------------------------


def test_law_12_unknown_attributes_and_data_fields_survive_both_ways() -> None:
    tree = tree_of()
    tree["sequence"] = "000042"
    tree["partitionkey"] = "another-key"
    tree["data"]["from_version_2"] = {"nested": [1, {"a": None}]}
    tree["data"]["place"]["floor"] = 3
    tree["data"]["raw"]["segment"] = "s-1"
    event = cloudevents.decode(json.dumps(tree).encode())
    assert event.extra == {
        "sequence": "000042",
        "partitionkey": "another-key",
        "data": {
            "from_version_2": {"nested": [1, {"a": None}]},
            "place": {"floor": 3},
            "raw": {"segment": "s-1"},
        },
    }
    assert json.loads(cloudevents.encode(event)) == tree
    assert cloudevents.decode(cloudevents.encode(event)) == event
    changed = msgspec.structs.replace(event, recorded_ms=event.received_ms + 5)
    assert json.loads(cloudevents.encode(changed))["data"]["place"]["floor"] == 3, (
        "also after we change what is ours"
    )


def test_extra_can_never_overwrite_what_we_know() -> None:
    for extra in (
        {"id": "forged"},
        {"data": {"phase": "cancel"}},
        {"data": {"place": {"lat": 0.0}}},
        {"Bad-Name": 1},
    ):
        with pytest.raises(PayloadRejected, match=r"event\.extra_name"):
            cloudevents.encode(msgspec.structs.replace(PRESS, extra=extra))


# --- refusals -----------------------------------------------------------------------------------------------


def without(name: str) -> bytes:
    tree = tree_of()
    del tree[name]
    return json.dumps(tree).encode()


def changed(**members: object) -> bytes:
    return json.dumps(tree_of() | members).encode()


def with_data(**members: object) -> bytes:
    tree = tree_of()
    tree["data"] |= members
    return json.dumps(tree).encode()


WIRE = cloudevents.encode(PRESS)

REFUSED = {
    "nothing": (b"", "event.json"),
    "garbage": (b"\x00\x01\x02{]", "event.json"),
    "truncated": (WIRE[:-1], "event.json"),
    "two documents": (WIRE + WIRE, "event.json"),
    "an array": (b"[1]", "event.json"),
    "cp1252": (WIRE.replace(b"003", b"\xf1\xe9\xed"), "event.encoding"),
    "utf-8 byte-order mark": (b"\xef\xbb\xbf" + WIRE, "event.bom"),
    "utf-16": (WIRE.decode().encode("utf-16"), "event.bom"),
    "duplicate attribute": (
        WIRE.replace(b'"subject":', b'"subject":"bus-999","subject":'),
        "event.duplicate_key",
    ),
    "duplicate data member": (WIRE.replace(b'"zone":', b'"zone":"1","zone":'), "event.duplicate_key"),
    "duplicate unknown member": (WIRE.replace(b'"data":', b'"xa":1,"xa":1,"data":'), "event.duplicate_key"),
    "duplicate with escapes": (WIRE.replace(b'"zone":', b'"\\u007aone":"1","zone":'), "event.duplicate_key"),
    "NaN": (WIRE.replace(b"-32.94", b"NaN"), "event.not_finite"),
    "Infinity": (WIRE.replace(b"-32.94", b"-Infinity"), "event.not_finite"),
    "1e999": (WIRE.replace(b"-32.94", b"1e999"), "event.not_finite"),
    "NaN in attributes": (WIRE.replace(b"2.5", b"NaN"), "event.not_finite"),
    "half a surrogate pair": (WIRE.replace(b'"003"', b'"\\ud83d"'), "event.encoding"),
    "integer beyond 64 bits": (WIRE.replace(b"2.5", b"9" * 30), "event.int_range"),
    "integer of 5000 digits": (WIRE.replace(b"2.5", b"9" * 5000), "event.json"),
    "nested 200,000 deep": (b"[" * 200_000, "event.depth"),
    "nested 40 deep": (WIRE.replace(b"2.5", b"[" * 40 + b"]" * 40), "event.depth"),
    "over the limit": (b" " * (cloudevents.MAX_EVENT_BYTES + 1), "event.too_large"),
    "20 MB": (WIRE.replace(b'"003"', b'"' + b"x" * 20_000_000 + b'"'), "event.too_large"),
    "time without offset": (changed(time="2026-11-22T01:29:21.123"), "event.time_offset"),
    "time without date": (changed(time="01:29:21Z"), "event.time_format"),
    "time as a number": (changed(time=1_795_310_961_123), "event.field"),
    "time with a space": (changed(time="2026-11-22 01:29:21Z"), "event.time_format"),
    "30 February": (changed(time="2026-02-30T01:29:21.000Z"), "event.time_format"),
    "25 o'clock": (changed(time="2026-02-20T25:29:21+00:00"), "event.time_format"),
    "offset of 99 hours": (changed(time="2026-02-20T05:29:21+99:00"), "event.time_format"),
    "year 0": (changed(time="0000-02-20T05:29:21Z"), "event.time_format"),
    "no time": (without("time"), "event.field"),
    "null time": (changed(time=None), "event.field"),
    "no id": (without("id"), "event.field"),
    "empty id": (changed(id=""), "event.required"),
    "empty subject": (changed(subject=""), "event.required"),
    "id as number": (changed(id=7), "event.field"),
    "subject as list": (changed(subject=["a"]), "event.field"),
    "specversion 0.3": (changed(specversion="0.3"), "event.specversion"),
    "another's type": (changed(type="com.example.thing"), "event.type_foreign"),
    "type with line feed": (changed(type="ar.cior.panic.v1\n"), "event.type_foreign"),
    "type of version 2": (changed(type="ar.cior.panic.bus.v2"), "event.type_version"),
    "data in base64": (changed(data_base64="AAAA"), "event.content_type"),
    "data is xml": (changed(datacontenttype="application/xml"), "event.content_type"),
    "data is a list": (changed(data=[]), "event.field"),
    "data is null": (changed(data=None), "event.field"),
    "place is text": (with_data(place="here"), "event.field"),
    "place without method": (with_data(place={"lat": 1.0}), "event.field"),
    "latitude as text": (with_data(place={"method": "gps", "lat": "-32.94"}), "event.field"),
    "unknown phase": (with_data(phase="sometime"), "event.field"),
    "unknown class": (changed(dataclassification="secret"), "event.field"),
    "life safety as text": (changed(lifesafety="true"), "event.field"),
    "attributes as list": (with_data(attributes=[]), "event.field"),
    "attribute name with a capital": (changed(traceParent="00-1"), "event.attribute_name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_bytes_are_refused_with_a_code(case: str) -> None:
    payload, code = REFUSED[case]
    assert refusal(payload) == code


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (msgspec.structs.replace(PRESS, attributes={"x": math.nan}), "event.not_finite"),
        (msgspec.structs.replace(PRESS, clock_error_s=math.inf), "event.not_finite"),
        (
            msgspec.structs.replace(PRESS, place=Place(method=PlaceMethod.GPS, lat=math.nan, lon=0.0)),
            "event.not_finite",
        ),
        (msgspec.structs.replace(PRESS, attributes={"x": b"bytes"}), "event.value_type"),
        (msgspec.structs.replace(PRESS, attributes={1: "x"}), "event.value_type"),
        (msgspec.structs.replace(PRESS, attributes={"x": 2**64}), "event.int_range"),
        (msgspec.structs.replace(PRESS, attributes={"x": 2**63}), "event.int_range"),
        (msgspec.structs.replace(PRESS, attributes=nested(cloudevents.MAX_DEPTH)), "event.depth"),
        (msgspec.structs.replace(PRESS, summary="\ud800"), "event.encoding"),
        (msgspec.structs.replace(PRESS, type=TypeCode("Not A Code")), "event.type_foreign"),
        (msgspec.structs.replace(PRESS, subject=""), "event.required"),
        (msgspec.structs.replace(PRESS, occurred_ms=10**18), "event.time_range"),
        (msgspec.structs.replace(PRESS, summary="x" * cloudevents.MAX_EVENT_BYTES), "event.too_large"),
    ],
)
def test_an_event_that_would_not_read_back_is_not_written(event: Event, code: str) -> None:
    with pytest.raises(PayloadRejected) as refused:
        cloudevents.encode(event)
    assert refused.value.code == code


@settings(max_examples=600)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_a_rejection(payload: bytes) -> None:
    only_rejects(payload)


@settings(max_examples=600)
@given(st.integers(0, len(WIRE)), st.integers(0, 40), st.binary(max_size=12))
def test_mutilated_events_raise_nothing_but_a_rejection(at: int, cut: int, put: bytes) -> None:
    only_rejects(WIRE[:at] + put + WIRE[at + cut :])


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([*tree_of(), "recordedtime", "traceparent", "drill", "xnew"]), JSON, max_size=4
    ),
    st.dictionaries(
        st.sampled_from(["phase", "place", "raw", "producer", "attributes", "clock", "registered", "xnew"]),
        JSON,
        max_size=3,
    ),
)
def test_wrong_types_anywhere_raise_nothing_but_a_rejection(
    attributes: dict[str, object], data: dict[str, object]
) -> None:
    tree = tree_of()
    tree["data"] |= data
    only_rejects(json.dumps(tree | attributes).encode())


def outcome(read: Callable[[bytes], Event], payload: bytes) -> Event | str:
    """The event, or the code of its rejection; any other exception is the test's failure."""
    try:
        return read(payload)
    except PayloadRejected as refused:
        return refused.code


def only_rejects(payload: bytes) -> None:
    match outcome(cloudevents.decode, payload):
        case str(code):
            assert code.startswith("event.")
        case event:
            assert cloudevents.decode(cloudevents.encode(event)) == event, (
                "what is accepted can be written again"
            )


def test_both_roads_agree_on_every_single_byte_change() -> None:
    """The typed road may never accept what the strict road refuses, nor read it otherwise."""
    for at in range(len(WIRE)):
        for put in (b"", b'"', b"0", b" ", b"}"):
            payload = WIRE[:at] + put + WIRE[at + 1 :]
            assert outcome(cloudevents.decode, payload) == outcome(cloudevents._decode_strictly, payload)


# --- instants -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-11-22T01:29:21.123Z", 1_795_310_961_123),
        ("2026-11-21T22:29:21.123456789-03:00", 1_795_310_961_123),
        ("2026-11-22t01:29:21.1z", 1_795_310_961_100),
        ("2026-11-22T01:29:21-00:00", 1_795_310_961_000),
        ("2016-12-31T23:59:60.500Z", 1_483_228_800_500),
        ("0001-01-01T00:00:00.000Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_rfc_3339_instants(text: str, instant_ms: int) -> None:
    assert cloudevents.from_rfc3339(text) == instant_ms


@given(INSTANT)
def test_instants_read_back(instant_ms: int) -> None:
    text = cloudevents.to_rfc3339(instant_ms)
    assert len(text) == 24
    assert cloudevents.from_rfc3339(text) == instant_ms


# --- a peer -------------------------------------------------------------------------------------------------


def test_the_reference_sdk_reads_ours_and_we_read_the_reference_sdk() -> None:
    peer = pytest.importorskip(
        "cloudevents.core.formats.json", reason="the peer package 'cloudevents' is not installed"
    )
    peer_events = pytest.importorskip("cloudevents.core.v1.event")
    read = peer.JSONFormat().read(peer_events.CloudEvent, WIRE)
    assert read.get_id() == PRESS.id
    assert read.get_type() == "ar.cior.panic.bus.v1"
    assert read.get_subject() == "bus-123"
    assert int(read.get_time().timestamp() * 1000) == PRESS.occurred_ms
    assert read.get_extension("dataclassification") == "restricted"
    assert read.get_data()["place"]["lat"] == -32.94
    assert cloudevents.decode(peer.JSONFormat().write(read)) == PRESS
