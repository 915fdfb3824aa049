"""The way of a unit through the runtime, on an in-memory bus: order, guard, gate, limits, sealing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import structlog
from nacl.public import PrivateKey

from cior_bus import topics
from cior_bus.sealed_content import opened
from cior_bus.spool import SpoolClass
from cior_connectors._runtime import codes
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.records import Channel, publication_of
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.unread import UnreadPace
from cior_connectors.contract import Accepted, Decoded, Facts, Refused, Rejected, RejectedPart
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.scripted import ScriptedSource
from cior_core.attributes import AUTHENTICATED, UNBELIEVED
from cior_core.catalogue import Kind
from cior_core.codec import records
from cior_core.errors import SourceUnavailable
from cior_core.model import DataClass, Device, Lane, Place, PlaceMethod
from unit.connectors.pressing import FACTS, SUBJECT, pressing, stamped

NOW_MS = 1_795_305_600_000

# --- guard (law 3, this room's part) ---


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Maria Gomez"),
        RecursionError(),
        MemoryError(),
        KeyError("x"),
        AssertionError(),
        OSError("disk"),
    ],
)
def test_law_3_whatever_decode_raises_becomes_a_code_and_a_trace_id_without_its_words(
    error: Exception,
) -> None:
    def decode(raw: bytes, facts: Facts) -> Decoded:
        raise error

    with structlog.testing.capture_logs() as lines:
        decoded = guarded(decode, b"x", stamped())
    assert decoded.code == f"bug.{type(error).__name__}"
    assert decoded.trace_id is not None
    assert decoded.trace_id in repr(lines)
    assert "Maria" not in repr(lines) + decoded.reason


def test_decode_that_returns_something_else_is_a_bug() -> None:
    def decode(*_: object) -> list[str]:
        return ["event"]

    dead = guarded(decode, b"x", stamped())  # type: ignore[arg-type]
    assert dead.code == "bug.TypeError"


def test_what_was_cut_at_the_source_is_not_decoded() -> None:
    decoded = guarded(pressing(), b"head", stamped(truncated_from_bytes=20_000_000))
    assert (decoded.code, decoded.events) == ("payload.oversized", ())


async def test_law_3_a_bug_in_decode_costs_one_dead_letter_and_nothing_else() -> None:
    def decode(raw: bytes, facts: Facts) -> Decoded:
        if raw == b"boom":
            raise ZeroDivisionError
        return pressing()(raw, facts)

    source = ScriptedSource(decode, [(b"bus-1", FACTS), (b"boom", FACTS), (b"bus-2", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 3, "not answered")
        assert source.answers == {
            0: Accepted(events=1),
            1: Rejected(code="bug.ZeroDivisionError", sealed=True),
            2: Accepted(events=1),
        }
        assert {event.subject for event in bench.sink.decoded() if event.type == "panic.bus"} == {
            "bus-1",
            "bus-2",
        }
        assert bench.metrics.value(m.BUGS, "kit") == 1
        assert [opened(letter.payload, bytes(SUBJECT.key)).payload for letter in bench.sink.dead()] == [
            b"boom"
        ]


async def test_one_rotten_row_does_not_cost_its_siblings() -> None:
    def decode(raw: bytes, facts: Facts) -> Decoded:
        return Decoded(
            events=pressing()(b"bus-1", facts).events,
            rejected=(RejectedPart(code="toy.row", reason="row 2", payload=b"row two"),),
        )

    source = ScriptedSource(decode, [(b"file", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
        assert source.answers[0] == Accepted(events=2, sealed=True)
        read = {(event.type, event.subject) for event in bench.sink.decoded()}
        assert ("panic.bus", "bus-1") in read, "what was read stays loud"
        letters = [opened(letter.payload, bytes(SUBJECT.key)) for letter in bench.sink.dead()]
        assert [(letter.code, letter.payload) for letter in letters] == [("toy.row", b"row two")]
        record = bench.sink.raws()[0]
        assert (record.events, record.dead) == (2, 1), "the press and source.undecoded, one dead letter"


async def test_an_event_that_json_cannot_carry_becomes_a_dead_letter_beside_its_siblings() -> None:
    def decode(raw: bytes, facts: Facts) -> Decoded:
        good = pressing()(b"bus-1", facts).events
        return Decoded(
            events=(
                *good,
                *pressing("panic.taxi", attributes={"n": float("nan")})(b"bus-2", facts).events,
                *pressing("panic.stop", attributes={"x": "y" * 1_100_000})(b"bus-3", facts).events,
            )
        )

    source = ScriptedSource(decode, [(b"file", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
        assert {event.type for event in bench.sink.decoded()} == {"panic.bus", "source.undecoded"}
        assert [letter.code for letter in bench.sink.dead()] == ["event.not_finite", "event.too_large"]


# --- law 1, law 2 ---


async def test_law_1_the_answer_comes_after_durability_and_never_without_it() -> None:
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS)])
    with SUBJECT.bench(source) as bench:
        bench.sink.hold()
        async with running(bench):
            await until(lambda: bench.sink.waiting == 1, "never published")
            assert source.answers == {}
            bench.sink.full = True
            bench.sink.release()
            await until(lambda: len(source.answers) == 1, "not answered")
        assert isinstance(source.answers[0], Refused)
        assert bench.sink.messages == []


async def test_raw_and_events_and_dead_letters_become_durable_in_one_publish() -> None:
    seen: list[set[str]] = []

    class Watching:
        async def publish(self, messages: Any, /) -> None:
            seen.append({message.topic for message in messages})

    source = ScriptedSource(pressing(), [(b"\xff", FACTS)])
    with SUBJECT.bench(source) as bench:
        bench.instance.pipeline._sink = Watching()
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
    assert seen[0] == {topics.SEALED.name, topics.DEAD.name, topics.URGENT.name}


async def test_law_2_no_limit_and_no_missing_registration_can_hold_a_press_back() -> None:
    presses = [(f"bus-{n % 2}".encode(), FACTS) for n in range(60)]
    source = ScriptedSource(pressing(), presses)
    with SUBJECT.bench(source, max_events_per_s=0.001) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 60, "not answered")
        published = [event for event in bench.sink.decoded() if event.type == "panic.bus"]
        assert len(published) == 60
        assert {event.registered for event in published} == {False}
        assert bench.metrics.value(m.DROPPED, "kit") == 0


async def test_law_11_telemetry_over_the_limit_is_dropped_counted_and_its_raw_record_kept() -> None:
    source = ScriptedSource(pressing("position"), [(b"bus-1", FACTS)] * 100)
    with SUBJECT.bench(source, max_events_per_s=1.0) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 100, "not answered")
        kept = len([event for event in bench.sink.decoded() if event.type == "position"])
        assert kept == 10
        assert bench.metrics.value(m.DROPPED, "kit", "telemetry_rate", "true") == 90
        said = [event.attributes for event in bench.sink.events() if event.type == "accounting"]
        assert sum(one["dropped"] for one in said) == 90
        assert sum(count for one in said for count in one["by_minute"].values()) == 100
        assert len(bench.sink.raws()) == 100
        assert sum(record.events for record in bench.sink.raws()) == kept


async def test_when_room_is_short_what_still_fits_goes_through_unit_by_unit() -> None:
    """A batch that cannot be taken whole is offered unit by unit, so one that is too much does not cost its neighbours
    their way.
    """
    taken: list[int] = []

    class OnlySingles:
        async def publish(self, messages: Any, /) -> None:
            presses = [message for message in messages if message.topic == topics.URGENT.name]
            if len(presses) > 1:
                raise SourceUnavailable("spool.full", "too much at once")
            taken.append(len(presses))

    source = ScriptedSource(pressing(), [(f"bus-{n}".encode(), FACTS) for n in range(5)])
    with SUBJECT.bench(source) as bench:
        bench.instance.pipeline._sink = OnlySingles()
        async with running(bench):
            await until(lambda: len(source.answers) == 5, "not answered")
    assert set(source.answers.values()) == {Accepted(events=1)}


# --- the registered-devices gate ---


async def test_the_gate_marks_completes_and_never_refuses() -> None:
    site = Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.64, district="centro")
    devices = [Device(id="bus-1", kind="bus", place=site, drill=True)]
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS), (b"stranger", FACTS)])
    with SUBJECT.bench(source, devices=devices) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 2, "not answered")
        found = {event.subject: event for event in bench.sink.decoded()}
        assert (found["bus-1"].registered, found["bus-1"].place, found["bus-1"].drill) == (True, site, True)
        assert (found["stranger"].registered, found["stranger"].place.method, found["stranger"].drill) == (
            False,
            PlaceMethod.UNKNOWN,
            False,
        )
        assert bench.metrics.value(m.UNREGISTERED, "kit") == 1


# --- lanes and classes ---


def channel(
    *,
    life_safety: bool = True,
    sealed: bool = False,
    carries_sealed: bool = False,
    devices: tuple[Device, ...] = (),
    key: PrivateKey | None = None,
) -> Channel:
    sealer = Sealer(team_key=bytes((key or PrivateKey.generate()).public_key), hmac_key=bytes(32))
    return Channel(
        context=SUBJECT.context(devices),
        sealer=sealer,
        life_safety=life_safety,
        sealed=sealed,
        carries_sealed=carries_sealed,
        keep=lambda events: events,
        expected_every_s=lambda _subject: None,
    )


@pytest.mark.parametrize(
    ("type_code", "life_safety", "spool_class", "bulk"),
    [
        ("panic.bus", True, SpoolClass.LIFE_SAFETY, False),
        ("device.tamper", True, SpoolClass.LIFE_SAFETY, False),
        ("device.mains", True, SpoolClass.NORMAL, True),
        ("position", True, SpoolClass.TELEMETRY, True),
    ],
)
def test_a_unit_has_the_class_of_the_most_urgent_thing_in_it(
    type_code: str, life_safety: bool, spool_class: SpoolClass, bulk: bool
) -> None:
    ready = publication_of(
        channel(life_safety=life_safety),
        b"bus-1",
        stamped(),
        guarded(pressing(type_code), b"bus-1", stamped()),
    )
    assert ready.spool_class is spool_class
    assert {message.bulk for message in ready.messages} == {bulk}
    assert {message.spool_class for message in ready.messages} == {spool_class}


@pytest.mark.parametrize(
    ("life_safety", "authenticated", "spool_class"),
    [
        (True, True, SpoolClass.LIFE_SAFETY),
        (True, False, SpoolClass.UNREAD),
        (False, True, SpoolClass.NORMAL),
        (False, False, SpoolClass.NORMAL),
    ],
)
def test_undecodable_bytes_have_the_room_of_presses_where_their_sender_proved_itself(
    life_safety: bool, authenticated: bool, spool_class: SpoolClass
) -> None:
    facts = stamped(authenticated=authenticated)
    ready = publication_of(
        channel(life_safety=life_safety), b"\xff", facts, guarded(pressing(), b"\xff", facts)
    )
    assert (ready.spool_class, bool(ready.lanes)) == (spool_class, life_safety)


@pytest.mark.parametrize(
    ("said", "spool_class"),
    [({}, SpoolClass.LIFE_SAFETY), ({AUTHENTICATED: True}, SpoolClass.LIFE_SAFETY)]
    + [({AUTHENTICATED: False, UNBELIEVED: told}, SpoolClass.UNPROVEN) for told in (False, True)],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_a_press_that_nobody_proved_is_durable_in_room_of_its_own_sealed_or_not(
    said: dict[str, bool], spool_class: SpoolClass, sealed: bool
) -> None:
    facts = stamped(sealed=sealed)
    decoded = guarded(pressing(attributes=said), b"bus-1", facts)
    ready = publication_of(channel(), b"bus-1", facts, decoded)
    assert {message.spool_class for message in ready.messages} == {spool_class}
    assert (ready.outcome, ready.life_safety) == (Accepted(events=1, sealed=sealed), True)


def test_what_cannot_be_read_is_said_one_by_one_and_then_together() -> None:
    """A flood of 1,500 a second for a minute: the operator hears of it at once, of a stranger's own trouble too, and
    of each frame in the end.
    """
    pace, said, counted, now_ms = UnreadPace(), 0, 0, NOW_MS
    for n in range(90_000):
        now_ms = NOW_MS + n * 1000 // 1_500
        said += pace.allows(f"192.0.2.1:{n % 60_000}", now_ms=now_ms)
        if (told := pace.shared(now_ms=now_ms)) is not None:
            counted += told["parts"]
    assert pace.allows("198.51.100.7:1", now_ms=now_ms), "another panel's line is still heard by itself"
    told = pace.shared(now_ms=now_ms + 10_000)
    assert told is not None
    assert said + counted + told["parts"] == 90_000
    assert said < 10


def test_law_12_facts_and_unknown_attributes_reach_the_record() -> None:
    facts = stamped(details={"path": "/x", "file": "a.csv"}, peer="192.0.2.9", subject="bus-1")
    ready = publication_of(
        channel(),
        b"bus-1",
        facts,
        guarded(
            pressing(attributes={"vendor_thing": [1, {"deep": True}]}, extra={"vendorext": "kept"}),
            b"bus-1",
            facts,
        ),
    )
    event = next(
        event
        for message in ready.messages
        if message.topic == topics.URGENT.name
        for event in records(Kind.EVENT, message.value)
    )
    record = next(
        each
        for message in ready.messages
        if message.topic == topics.RAW.name
        for each in records(Kind.RAW, message.value)
    )
    assert event.attributes["vendor_thing"] == [1, {"deep": True}]
    assert event.extra["vendorext"] == "kept"
    assert record.facts == {"path": "/x", "file": "a.csv", "~peer": "192.0.2.9", "~subject": "bus-1"}


# --- sealing (law 9) ---


def _clear_text(ready: Any) -> str:
    return json.dumps(
        [
            [
                message.topic,
                message.key.decode(),
                message.value.decode(),
                [value.decode() for _, value in message.headers],
            ]
            for message in ready.messages
        ]
    )


@pytest.mark.parametrize("why", ["instance", "facts", "device", "type", "undecodable"])
def test_law_9_each_reason_to_seal_seals_everything_of_the_unit(why: str) -> None:
    key = PrivateKey.generate()
    device = Device(
        id="maria-canary",
        kind="watch",
        data_class=DataClass.SEALED,
        place=Place(method=PlaceMethod.SITE, lat=-32.91, lon=-60.61, district="norte"),
    )
    where = Place(method=PlaceMethod.GPS, lat=-32.98765, lon=-60.65432)
    facts = stamped(
        sealed=why == "facts", subject="maria-canary" if why == "facts" else "", peer="198.51.100.7"
    )
    taken = channel(
        sealed=why == "instance",
        devices=(device,) if why in {"device", "undecodable"} else (),
        carries_sealed=why == "undecodable",
        key=key,
    )
    decode = pressing(
        "silent.gbv" if why == "type" else "panic.app",
        place=where,
        summary="Maria Canary, Corrientes 123",
        attributes={"alias": "mari-the-neighbour"},
    )
    payload = b"maria-canary" if why != "undecodable" else b"\xffmaria-canary"
    ready = publication_of(taken, payload, facts, guarded(decode, payload, facts))
    text = _clear_text(ready)
    assert ready.sealed
    for word in (
        "maria",
        "Maria",
        "canary",
        "mari-the-neighbour",
        "-32.98",
        "-60.65",
        "-32.91",
        "198.51",
        "Corrientes",
    ):
        assert word not in text, word
    # Three letters stand in one of a hundred boxes by chance: the vendor's name is looked for as a word.
    assert not re.search(r"(?<![A-Za-z0-9+/])toy(?![A-Za-z0-9+/=])", text)
    assert topics.RAW.name not in {message.topic for message in ready.messages}
    record = next(
        each
        for message in ready.messages
        if message.topic == topics.SEALED.name
        for each in records(Kind.RAW, message.value)
    )
    content = opened(record.payload, bytes(key))
    assert content.payload == payload
    assert b"maria-canary" not in record.payload


def test_a_sealed_event_shows_pseudonym_silence_and_district_and_nothing_else() -> None:
    place = Place(method=PlaceMethod.GPS, lat=-32.9, lon=-60.6, accuracy_m=4.0, h3="89a", district="norte")
    event = guarded(
        pressing(
            "panic.app",
            place=place,
            attributes={"a": 1},
            summary="s",
            native_type="t",
            traceparent="00-1",
            independence="maria",
        ),
        b"maria",
        stamped(),
    ).events[0]
    sealer = Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=bytes(32))
    out = sealer.strip(event, raw=None, device=None)
    shown = {name for name in out.__struct_fields__ if getattr(out, name) not in (None, {}, "", False)}
    assert shown == {
        "id",
        "source",
        "type",
        "subject",
        "phase",
        "occurred_ms",
        "received_ms",
        "clock",
        "place",
        "data_class",
        "life_safety",
        "lane",
        "producer",
        "independence",
    }
    assert (out.type, out.place, out.data_class, out.lane) == (
        codes.SILENT,
        Place(method=PlaceMethod.DISTRICT, district="norte"),
        DataClass.SEALED,
        Lane.URGENT,
    )


def test_pseudonyms_are_stable_for_one_centre_and_differ_between_centres_and_ids_collapse() -> None:
    key = bytes(PrivateKey.generate().public_key)
    one, same, other = (Sealer(team_key=key, hmac_key=bytes([n]) * 32) for n in (1, 1, 2))
    assert one.pseudonym("subject", "a", "bc") == same.pseudonym("subject", "a", "bc")
    assert one.pseudonym("subject", "a", "bc") != other.pseudonym("subject", "a", "bc")
    assert one.pseudonym("subject", "a", "bc") != one.pseudonym("subject", "ab", "c")
    events = [
        guarded(pressing(), b"maria", stamped(received_ms=at)).events[0]
        for at in (1_795_305_600_000, 1_795_305_605_000)
    ]
    assert len({one.strip(event, raw=None, device=None).id for event in events}) == 1


def test_supervision_of_a_sealed_device_goes_on_under_its_pseudonym() -> None:
    sealer = Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=bytes(32))
    beat = guarded(pressing("heartbeat"), b"maria", stamped()).events[0]
    press = guarded(pressing(), b"maria", stamped()).events[0]
    out = [sealer.strip(event, raw=None, device=None) for event in (beat, press)]
    assert [event.type for event in out] == ["heartbeat", codes.SILENT]
    assert out[0].subject == sealer.subject(beat.source, "maria", None) != "maria"
    assert out[1].subject not in {out[0].subject, "maria"}, "an alert never shows the name of its supervision"
