"""Wire forms, envelopes, lanes, settings and numbers of the bus."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_bus import lanes, topics
from cior_bus.dead_letters import dead_letter
from cior_bus.message import MessageOut
from cior_bus.settings import BusSettings, Profile
from cior_bus.spool import Entry, SpoolClass
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CiorError, ConfigInvalid, PayloadRejected
from cior_core.model import Event, EventId, Lane, Producer, RawId, RawRecord, TickItem, TypeCode


def event(n: int) -> Event:
    return Event(
        id=EventId(f"e{n}"),
        source="s",
        type=TypeCode("panic.bus"),
        subject=f"d{n}",
        occurred_ms=n,
        received_ms=n,
        lane=Lane.NORMAL,
    )


def raw(payload: bytes) -> RawRecord:
    return RawRecord(
        id=RawId("r"),
        source="s",
        subject="d",
        received_ms=1,
        payload=payload,
        sha256="0",
        producer=Producer(connector="c", version="1"),
    )


@given(st.binary(max_size=2_000))
def test_raw_bytes_survive_exactly(payload: bytes) -> None:
    assert codec.decode(Kind.RAW, codec.encode(raw(payload))).payload == payload


def test_raw_bytes_travel_as_base64_that_any_tool_reads() -> None:
    assert json.loads(codec.encode(raw(b"\x00\xff")))["payload"] == "AP8="


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_an_envelope_is_a_json_array_and_reads_like_its_records(count: int) -> None:
    events = [event(n) for n in range(count)]
    value = codec.join([codec.encode(each) for each in events])
    assert codec.records(Kind.EVENT, value) == events
    assert [codec.decode(Kind.EVENT, bytes(part)) for part in codec.split(Kind.EVENT, value)] == events
    assert len(json.loads(value)) == count


def test_a_single_record_reads_like_an_envelope_of_one() -> None:
    tick = TickItem(id="t", area="city", at_ms=5)  # type: ignore[arg-type]  # an area is text
    assert (
        codec.records(Kind.ITEM, codec.encode(tick))
        == codec.records(Kind.ITEM, codec.join([codec.encode(tick)]))
        == [tick]
    )
    assert codec.records(Kind.EVENT, b" \n" + codec.encode(event(1))) == [event(1)]


@pytest.mark.parametrize("kind", list(Kind))
@given(
    value=st.one_of(
        st.none(),
        st.binary(max_size=200),
        st.sampled_from([b"{}", b"[", b"[1]", b"null", b'"x"', b"[[[]]]", b"\xef\xbb\xbf{}", b"[" * 5_000]),
    )
)
def test_whatever_cannot_be_read_is_rejected_and_nothing_else_is_raised(
    kind: Kind, value: bytes | None
) -> None:
    for read in (codec.decode, codec.records):
        try:
            read(kind, value)
        except PayloadRejected as rejected:
            assert rejected.code  # noqa: PT017
        else:
            assert value
            assert codec.is_envelope(value) or value.lstrip().startswith(b"{")


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans(), st.integers(1, 300)), max_size=80)
)
def test_merging_keeps_every_record_and_the_order_of_each_key(rows: list[tuple[bytes, bool, int]]) -> None:
    entries = [
        Entry(topic="t", key=key, value=b'{"n":%d,"p":"%s"}' % (n, b"x" * size), bulk=bulk)
        for n, (key, bulk, size) in enumerate(rows)
    ]
    merged = lanes.merge(entries, max_records=7, max_bytes=900)
    for key in (b"a", b"b", b"c"):
        read: list[Any] = []
        for entry in merged:
            if entry.key == key:
                found = json.loads(entry.value)
                read += found if isinstance(found, list) else [found]
        assert [record["n"] for record in read] == [n for n, row in enumerate(rows) if row[0] == key]
    for entry in merged:
        assert not isinstance(json.loads(entry.value), list) or len(json.loads(entry.value)) <= 7


def test_a_device_keeps_its_bucket_for_ever() -> None:
    """Device state lies under it: a change of this function would orphan every table."""
    assert [lanes.device_bucket(name) for name in ("bus-1", "bus-2", "ñandú")] == [
        b"b%03d" % n for n in _BUCKETS
    ]
    assert len({lanes.device_bucket(f"bus-{n}") for n in range(2_000)}) == lanes.BUCKETS


_BUCKETS = [16, 42, 38]


def test_tansu_never_gets_idempotence_and_kafka_always_does() -> None:
    tansu, kafka = (
        BusSettings(bootstrap="b:1", profile=profile).producer() for profile in (Profile.TANSU, Profile.KAFKA)
    )
    assert (tansu["enable.idempotence"], kafka["enable.idempotence"]) == (False, True)
    assert tansu["max.in.flight.requests.per.connection"] == 1, "order needs it where idempotence is missing"
    for settings in (tansu, kafka):
        assert (settings["acks"], settings["partitioner"], settings["compression.type"]) == (
            "all",
            "murmur2_random",
            "lz4",
        )


def test_no_consumer_commits_by_itself_and_tansu_waits_briefly() -> None:
    tansu, kafka = (
        BusSettings(bootstrap="b:1", profile=profile).consumer("g")
        for profile in (Profile.TANSU, Profile.KAFKA)
    )
    assert not any(
        settings[name]
        for settings in (tansu, kafka)
        for name in ("enable.auto.commit", "enable.auto.offset.store")
    )
    assert 10 <= tansu["fetch.wait.max.ms"] <= 50 < kafka["fetch.wait.max.ms"]


def test_a_dsn_says_where_and_which_broker() -> None:
    settings = BusSettings.from_dsn("kafka://one:9092,two:9092?profile=tansu&client_id=x")
    assert (settings.bootstrap, settings.profile, settings.client_id) == (
        "one:9092,two:9092",
        Profile.TANSU,
        "x",
    )
    assert BusSettings.from_dsn("kafka://one:9092").profile is Profile.KAFKA
    assert BusSettings.from_dsn(settings.dsn).profile is Profile.TANSU


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "one:9092",
        "http://one:9092",
        "kafka://one",
        "kafka://",
        "kafka://u:p@one:9092",
        "kafka://one:9092?profile=redis",
        "kafka://one:9092?sasl=x",
    ],
)
def test_a_wrong_dsn_is_refused_with_a_cure_and_without_echoing_it(dsn: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        BusSettings.from_dsn(dsn)
    assert refused.value.code == "bus.dsn_invalid"
    assert refused.value.cure
    assert "u:p" not in str(refused.value)


def test_secrets_do_not_show() -> None:
    settings = BusSettings(bootstrap="b:1", properties={"sasl.password": "hunter2"})
    assert "hunter2" not in repr(settings) + settings.dsn
    assert settings.producer()["sasl.password"] == "hunter2"


def test_a_message_without_a_class_is_life_safety_unless_its_lane_says_otherwise() -> None:
    classes = {
        spec.name: MessageOut(topic=spec.name, key=b"", value=b"").effective_class
        for spec in topics.CATALOGUE
    }
    assert {name for name, each in classes.items() if each is not SpoolClass.LIFE_SAFETY} == {
        topics.EVENTS.name,
        topics.TELEMETRY.name,
    }


def test_every_error_of_a_dead_letter_is_named_and_its_id_is_that_of_its_place() -> None:
    known = dead_letter(
        stage="agent",
        error=CiorError("x.y", "said"),
        payload=b"p",
        at_ms=1,
        source="s",
        topic="t",
        partition=1,
        offset=2,
    )
    later = dead_letter(
        stage="agent",
        error=ValueError("p"),
        payload=b"p",
        at_ms=9,
        source="s",
        topic="t",
        partition=1,
        offset=2,
    )
    assert (known.code, known.reason, later.code) == ("x.y", "said", "bug.ValueError")
    assert (
        known.id
        == later.id
        != dead_letter(
            stage="agent",
            error=ValueError(),
            payload=b"p",
            at_ms=1,
            source="s",
            topic="t",
            partition=1,
            offset=3,
        ).id
    )


def test_the_catalogue_of_topics_is_whole() -> None:
    assert len({spec.name for spec in topics.CATALOGUE}) == len(topics.CATALOGUE) == len(topics.BY_NAME)
    assert all(spec.retention_s is not None or spec.compacted for spec in topics.CATALOGUE)
    ordered = {spec.name for spec in topics.CATALOGUE if spec.partitions == 1}
    assert ordered == {"cior.ledger.v1", "cior.silences.v1", "cior.duty.v1"}, "in order, and keyed by nothing"
    assert len({spec.partitions for spec in topics.CATALOGUE if spec.name not in ordered}) == 1, (
        "topics that share a table must have equal counts"
    )
