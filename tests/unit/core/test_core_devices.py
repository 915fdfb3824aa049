"""Devices: silence is an event, a stuck button still rings, a wrong clock blocks nothing, a redelivered message
changes nothing.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import bundled, cloudevents, device_state, devices
from cior_core.attributes import UNBELIEVED
from cior_core.device_state import Bucket, DeviceState, Reputation
from cior_core.devices import DeviceSettings
from cior_core.errors import IntegrityBroken
from cior_core.model import (
    ClockQuality,
    DataClass,
    Device,
    Event,
    EventId,
    Phase,
    Place,
    PlaceMethod,
    TypeCode,
)
from cior_core.taxonomy import Taxonomy

KINDS = Taxonomy.load(bundled.text("taxonomy.toml"))
START = 1_795_310_961_000
EVERY_MINUTE = DeviceSettings(expected_every_s=60.0)
DAY_S = 86_400


def said(
    at_s: float,
    kind: str = "heartbeat",
    *,
    late_s: float = 0.0,
    event_id: str | None = None,
    phase: Phase = Phase.NEW,
    **more: object,
) -> Event:
    """Something the panel said, received ``at_s`` seconds after the start, having happened ``late_s`` before."""
    received_ms = START + round(at_s * 1000)
    fields: dict[str, Any] = {"clock": ClockQuality.SYNCED, **more}
    return Event(
        id=EventId(event_id or f"{kind}@{at_s}"),
        source="urn:test",
        type=TypeCode(kind),
        subject="panel-7",
        phase=phase,
        occurred_ms=received_ms - round(late_s * 1000),
        received_ms=received_ms,
        **fields,
    )


def told(
    *events: Event, settings: DeviceSettings = devices.DEFAULT_SETTINGS, state: DeviceState | None = None
) -> tuple[DeviceState, list[Event]]:
    """The state and the derived events after a story."""
    derived: list[Event] = []
    for event in events:
        state, found = devices.step(state, event, event.received_ms, settings)
        derived += found
    assert state is not None
    return state, derived


def kinds(events: list[Event] | tuple[Event, ...]) -> list[str]:
    return [f"{event.type} {event.phase}" for event in events]


def swept(
    state: DeviceState, at_s: float, settings: DeviceSettings = EVERY_MINUTE
) -> tuple[DeviceState, tuple[Event, ...]]:
    changed, events = devices.sweep({state.subject: state}, START + round(at_s * 1000), settings)
    return changed.get(state.subject, state), events


# --- supervision --------------------------------------------------------------------------------------------


def test_silence_of_three_heartbeats_is_one_event_and_the_return_another() -> None:
    state, _ = told(said(0), said(60), settings=EVERY_MINUTE)
    state, events = swept(state, 239)
    assert events == ()
    state, events = swept(state, 240)
    assert kinds(events) == ["source.silent new"]
    assert events[0].occurred_ms == START + 240_000
    assert events[0].attributes == {"last_heard_ms": START + 60_000, "expected_every_s": 60.0, "missed": 3}
    state, events = swept(state, 9_999)
    assert events == (), "silence is told once"
    state, events_back = told(said(10_000), settings=EVERY_MINUTE, state=state)
    assert kinds(events_back) == ["source.restored restore"]
    assert events_back[0].attributes["silent_s"] == 9_760.0
    _, events_later = told(said(10_060), settings=EVERY_MINUTE, state=state)
    assert events_later == []


def test_a_message_that_arrived_before_the_last_one_ends_no_silence() -> None:
    """Two ways lead here; the slower one brings what the panel said before it fell silent."""
    state, _ = told(said(0), said(60), settings=EVERY_MINUTE)
    state, _ = swept(state, 240)
    after, events = told(said(30), settings=EVERY_MINUTE, state=state)
    assert events == []
    assert after.silent_since_ms == START + 240_000


def test_a_silence_that_nobody_swept_is_told_when_it_ends() -> None:
    _, events = told(said(0), said(3600), settings=EVERY_MINUTE)
    assert kinds(events) == ["source.silent new", "source.restored restore"]


def test_any_word_counts_as_life_even_an_undecoded_one() -> None:
    state, _ = told(said(0), said(100, "source.undecoded"), settings=EVERY_MINUTE)
    assert devices._deadline_ms(state, EVERY_MINUTE) == START + 280_000


@pytest.mark.parametrize(
    "forged",
    [
        {"kind": "panic.bus", "attributes": {UNBELIEVED: True}},
        {"kind": "heartbeat", "attributes": {UNBELIEVED: True}},
        {"kind": "source.undecoded", "attributes": {UNBELIEVED: True}},
        {"kind": "source.conflict"},
    ],
)
def test_what_may_be_forged_is_no_sign_of_life_and_ends_no_silence(forged: dict[str, Any]) -> None:
    """Whoever cuts a panel off and speaks in its name does not keep it from being found silent."""
    state, _ = devices.step(None, said(0), START, EVERY_MINUTE)
    for at_s in range(30, 200, 30):
        state, told = devices.step(state, said(at_s, **forged), START + at_s * 1000, EVERY_MINUTE)
        assert told == ()
    swept, events = devices.sweep({"panel-7": state}, START + 200_000, EVERY_MINUTE)
    assert [event.type for event in events] == ["source.silent"]
    state, told = devices.step(swept["panel-7"], said(210, **forged), START + 210_000, EVERY_MINUTE)
    assert (state.silent_since_ms is not None, told) == (True, ())


def test_forged_presses_do_not_make_a_button_stuck() -> None:
    state, _ = devices.step(None, said(0), START)
    for n in range(100):
        pressed = said(n / 10, "panic.bus", event_id=f"forged-{n}", attributes={UNBELIEVED: True})
        state, told = devices.step(state, pressed, START + n * 100)
        assert told == ()
    assert devices.annotated(said(11, "panic.bus"), state).attributes["repeats"] == 1


def test_a_registered_device_that_never_spoke_is_found_silent() -> None:
    state = devices.enroll(Device(id="panel-7", kind="panel", expected_every_s=60.0), START)
    _, events = swept(state, 180, DeviceSettings())
    assert kinds(events) == ["source.silent new"]


def test_our_own_absence_is_not_blamed_on_the_device() -> None:
    """The centre was down from minute 1 to minute 60; the panel kept talking to nobody."""
    panel = Device(id="panel-7", kind="panel", expected_every_s=60.0)
    state, _ = told(said(0), said(60), settings=EVERY_MINUTE)
    state = devices.enroll(panel, START + 3_600_000, state)
    assert swept(state, 3_601)[1] == ()
    state, events = told(said(3_630), settings=EVERY_MINUTE, state=state)
    assert events == []
    _, found = swept(devices.enroll(panel, START + 3_640_000, state), 3_640 + 180)
    assert kinds(found) == ["source.silent new"]
    assert found[0].attributes["last_heard_ms"] == START + 3_630_000


def test_nothing_is_expected_of_a_device_without_interval() -> None:
    state, _ = told(said(0))
    assert swept(state, 1e6, DeviceSettings())[1] == ()


@given(st.lists(st.tuples(st.floats(0, 400), st.booleans()), min_size=1, max_size=30))
def test_silences_and_returns_alternate_whatever_happens(story: list[tuple[float, bool]]) -> None:
    """Each step waits a while, then either hears the device or sweeps.

    The log of derived events must read silent, restored, silent...
    """
    state, log = told(said(0), settings=EVERY_MINUTE)
    at_s = 0.0
    for wait_s, heard in story:
        at_s += wait_s
        if heard:
            state, events = told(said(at_s), settings=EVERY_MINUTE, state=state)
        else:
            state, found = swept(state, at_s)
            events = list(found)
            assert swept(state, at_s)[1] == (), "sweeping twice adds nothing"
        log += events
    assert [event.type for event in log] == ["source.silent", "source.restored"] * (len(log) // 2) + [
        "source.silent"
    ] * (len(log) % 2)
    assert len({event.id for event in log}) == len(log)


# --- clocks and order ---------------------------------------------------------------------------------------

HERE = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.66)
THERE = Place(method=PlaceMethod.GPS, lat=-32.90, lon=-60.70)


def test_a_clock_years_ahead_never_blocks_newer_data() -> None:
    state, _ = told(
        said(0, "position", late_s=-5 * 365 * DAY_S, place=THERE), said(10, "position", place=HERE)
    )
    assert state.place == HERE
    assert state.occurred_ms == START + 10_000


def test_a_late_position_does_not_move_the_device_back() -> None:
    state, _ = told(said(100, "position", place=HERE), said(110, "position", late_s=3600, place=THERE))
    assert state.place == HERE
    assert state.seen_ms == START + 110_000, "but it is a sign of life"


@pytest.mark.parametrize(
    "place",
    [
        Place(method=PlaceMethod.GPS, lat=0.0, lon=0.0),
        Place(method=PlaceMethod.GPS, lat=float("nan"), lon=1.0),
        Place(method=PlaceMethod.UNKNOWN),
    ],
)
def test_a_place_that_is_none_does_not_replace_one(place: Place) -> None:
    state, _ = told(said(0, "position", place=HERE), said(10, "position", place=place))
    assert state.place == HERE


@given(st.permutations(range(8)))
def test_the_end_state_of_positions_does_not_depend_on_their_order(order: list[int]) -> None:
    places = [Place(method=PlaceMethod.GPS, lat=-32.0 - n / 100, lon=-60.0) for n in range(8)]
    events = [
        said(1000 + rank, "position", late_s=rank + 1000 - n, place=places[n]) for rank, n in enumerate(order)
    ]
    state, _ = told(*events)
    assert state.place == places[7]


def test_the_offset_is_the_median_of_what_was_measured_and_drift_is_told_once() -> None:
    slow = [said(60.0 * n, late_s=600 + (9000 if n == 3 else n % 2)) for n in range(9)]
    state, events = told(*slow)
    assert devices._clock_offset_s(state) == pytest.approx(600.0, abs=1.0), (
        "one buffered message does not shift it"
    )
    assert kinds(events) == ["device.clock new"]
    state, events = told(*[said(1000 + 60.0 * n) for n in range(15)], state=state)
    assert kinds(events) == ["device.clock restore"]


def test_a_clock_on_its_limit_does_not_alarm_and_clear_for_ever() -> None:
    """It is called good again only at half the limit."""
    state, events = told(*[said(60.0 * n, late_s=90) for n in range(5)])
    assert kinds(events) == ["device.clock new"]
    state, events = told(*[said(1000 + 60.0 * n, late_s=45) for n in range(15)], state=state)
    assert events == []
    _, events = told(*[said(3000 + 60.0 * n, late_s=29) for n in range(15)], state=state)
    assert kinds(events) == ["device.clock restore"]


def test_unreadable_and_buffered_times_measure_nothing() -> None:
    state, _ = told(
        *[said(60.0 * n, clock=ClockQuality.UNKNOWN) for n in range(5)],
        *[said(400 + 60.0 * n, late_s=900, attributes={"buffered": True}) for n in range(5)],
    )
    assert devices._clock_offset_s(state) is None


def test_the_devices_own_instant_is_measured_even_when_the_event_was_moved_to_its_receipt() -> None:
    events = [
        said(60.0 * n, clock=ClockQuality.SKEWED, attributes={"device_ms": START + 60_000 * n + 300_000})
        for n in range(5)
    ]
    state, _ = told(*events)
    assert devices._clock_offset_s(state) == -300.0


# --- presses ------------------------------------------------------------------------------------------------


def test_a_device_that_presses_without_end_is_remembered_in_bounded_room() -> None:
    state, _ = told(*[said(3600.0 * n, "panic.bus") for n in range(100)])
    assert state.press_count == 100
    assert [press.id for press in state.presses] == [f"panic.bus@{3600.0 * n}" for n in range(68, 100)]


def test_law_2_a_stuck_button_marks_and_never_suppresses() -> None:
    state: DeviceState | None = None
    marked = []
    for n in range(60):
        press = said(n * 2.0, "panic.bus", life_safety=True)
        state, _ = devices.step(state, press, press.received_ms)
        marked.append(devices.annotated(press, state))
    assert len(marked) == 60, "each press went through"
    assert [event.attributes.get("stuck", False) for event in marked] == [False] * 19 + [True] * 41
    assert all(
        event.life_safety and event.phase is Phase.NEW and event.type == "panic.bus" for event in marked
    )


def test_a_button_pressed_like_no_hand_does_is_stuck_once_until_it_is_quiet() -> None:
    state, events = told(*[said(n * 2.0, "panic.bus") for n in range(60)])
    assert kinds(events) == ["device.stuck_button new"]
    assert events[0].attributes == {"why": "rate"}
    state, events = told(said(1000, "panic.bus"), state=state)
    assert kinds(events) == ["device.stuck_button restore"]
    assert state.stuck_since_ms is None


def test_a_level_held_for_a_day_is_stuck_and_one_edge_is_not() -> None:
    story = [
        said(0, "panic.stop"),
        *[said(3600.0 * hour, "panic.stop", phase=Phase.STILL) for hour in range(1, 30)],
    ]
    state, events = told(*story)
    assert kinds(events) == ["device.stuck_button new"]
    assert events[0].received_ms == START + 24 * 3_600_000
    assert state.press_count == 1, "still held is the same press"
    _, events = told(said(200_000, "panic.stop", phase=Phase.RESTORE), state=state)
    assert kinds(events) == ["device.stuck_button restore"]
    _, events = told(said(0, "panic.stop"), *[said(3600.0 * hour) for hour in range(1, 60)])
    assert events == [], "one press and days of heartbeats is no held level"


def test_copies_of_one_press_are_counted_as_copies_not_as_presses() -> None:
    frame = [said(n * 1.0, "panic.community", event_id="one-press") for n in range(40)]
    state, events = told(*frame)
    assert events == []
    assert state.press_count == 1
    marked = devices.annotated(frame[-1], state)
    assert (marked.attributes["repeats"], marked.attributes["copies"]) == (1, 40)


def test_repeats_count_presses_of_the_last_two_minutes() -> None:
    events = [said(at, "panic.taxi") for at in (0.0, 300.0, 350.0, 400.0)]
    state, _ = told(*events)
    assert devices.annotated(events[-1], state).attributes["repeats"] == 3


def test_annotation_adds_and_never_removes() -> None:
    press = said(0, "panic.taxi", attributes={"zone": "7"}, place=HERE, extra={"x": 1})
    state, _ = told(press)
    marked = devices.annotated(press, state)
    assert marked.attributes == {"zone": "7", "repeats": 1, "copies": 1}
    assert msgspec.structs.replace(marked, attributes=press.attributes) == press


# --- reputation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmed", "false", "low", "high"),
    [
        (0, 10, 0.0, 0.27754),
        (10, 0, 0.72246, 1.0),
        (5, 5, 0.23659, 0.76341),
        (358, 103_552, 0.003107, 0.003820),
    ],
)
def test_the_wilson_interval_of_a_record(confirmed: int, false: int, low: float, high: float) -> None:
    found = devices._confirmation(Reputation(confirmed=confirmed, false=false))
    assert found.low == pytest.approx(low, abs=1e-5)
    assert found.high == pytest.approx(high, abs=1e-5)
    assert found.n == confirmed + false


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_smoothed_rate_is_sane_and_confirmations_never_lower_it(confirmed: int, false: int) -> None:
    found = devices._confirmation(Reputation(confirmed=confirmed, false=false))
    better = devices._confirmation(Reputation(confirmed=confirmed + 1, false=false))
    assert 0.0 <= found.low <= found.high <= 1.0
    assert 0.0 < found.rate < 1.0
    assert better.rate > found.rate
    assert better.low >= found.low


# --- derived events are events ------------------------------------------------------------------------------


def test_derived_events_have_types_lanes_and_ids_of_the_taxonomy_and_go_over_the_wire() -> None:
    story = [
        *[said(n * 40.0, late_s=700) for n in range(9)],
        *[said(400 + n * 2.0, "panic.bus") for n in range(25)],
    ]
    state, events = told(*story, settings=EVERY_MINUTE)
    _, silent = swept(state, 9000)
    for event in [*events, *silent]:
        kind = KINDS[event.type]
        assert event.lane is kind.lane
        assert event.life_safety is kind.life_safety
        assert cloudevents.decode(cloudevents.encode(event)) == event
    assert {event.type for event in [*events, *silent]} == {
        "device.clock",
        "device.stuck_button",
        "source.silent",
    }


def test_a_sealed_device_never_shows_its_place_in_a_derived_event() -> None:
    state, _ = told(
        said(
            0, "silent.gbv", place=msgspec.structs.replace(HERE, district="sur"), data_class=DataClass.SEALED
        )
    )
    state, _ = told(said(1, "position", place=HERE), state=state)
    _, events = swept(state, 500)
    assert events[0].data_class is DataClass.SEALED, "once sealed, always sealed"
    assert not events[0].place.located


def test_replaying_the_same_story_gives_the_same_events() -> None:
    story = [
        said(n * 50.0 + (400 if n > 5 else 0), "panic.bus" if n % 3 else "heartbeat", late_s=n * 7.0)
        for n in range(40)
    ]
    assert told(*story, settings=EVERY_MINUTE) == told(*story, settings=EVERY_MINUTE)


# --- buckets ------------------------------------------------------------------------------------------------


def test_law_4_a_redelivered_message_is_applied_once() -> None:
    bucket = Bucket()
    offsets = [0, 1, 1, 2, 0, 1, 2, 3, 3]
    applied = []
    for offset in offsets:
        if bucket.fresh("cior.telemetry.v1", 2, offset):
            state, _ = devices.step(
                bucket.states.get("panel-7"), said(offset * 10.0, "panic.bus"), START + 10**6
            )
            bucket = bucket.applied({"panel-7": state}, topic="cior.telemetry.v1", partition=2, offset=offset)
            applied.append(offset)
    assert applied == [0, 1, 2, 3]
    assert bucket.states["panel-7"].press_count == 4
    assert bucket.fresh("cior.telemetry.v1", 1, 0), "offsets are kept by partition"
    assert bucket.fresh("cior.events.v1", 2, 0), "and by topic"


def test_an_offset_never_moves_down() -> None:
    bucket = (
        Bucket()
        .applied({}, topic="t", partition=0, offset=9)
        .applied({}, topic="t", partition=0, offset=3)
        .applied({})
    )
    assert not bucket.fresh("t", 0, 9)


@given(st.integers(0, 2**32))
def test_a_bucket_reads_back_equal(seed: int) -> None:
    dice = random.Random(seed)
    story = [
        said(
            n * dice.uniform(1, 400),
            dice.choice(["heartbeat", "panic.bus", "position"]),
            late_s=dice.uniform(0, 900),
            place=HERE,
        )
        for n in range(dice.randrange(1, 30))
    ]
    state, _ = told(*story, settings=EVERY_MINUTE)
    bucket = Bucket().applied(
        {"panel-7": state, "other": devices.enroll(Device(id="other", kind="bus"), START)},
        topic="t",
        partition=1,
        offset=42,
    )
    value = device_state.encode_bucket(bucket)
    assert device_state.decode_bucket(value) == bucket
    assert device_state.encode_bucket(device_state.decode_bucket(value)) == value


def test_no_value_is_an_empty_bucket() -> None:
    assert device_state.decode_bucket(None) == Bucket()


def test_older_bytes_read_and_newer_ones_are_refused() -> None:
    old = msgspec.msgpack.encode([1, {"t-0": 5}, {"panel-7": ["panel-7", START]}])
    assert device_state.decode_bucket(old).states["panel-7"].seen_ms == START
    with pytest.raises(IntegrityBroken, match=r"devices\.bucket"):
        device_state.decode_bucket(msgspec.msgpack.encode([99, {}, {}]))


@given(st.binary(max_size=80))
def test_foreign_bytes_are_refused_and_nothing_else_is_raised(value: bytes) -> None:
    try:
        device_state.decode_bucket(value)
    except IntegrityBroken as refused:
        assert refused.code == "devices.bucket"  # noqa: PT017 - both outcomes are right, any other exception fails
