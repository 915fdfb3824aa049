"""Which topic, which key, which class: what the catalogue says of each kind of record, as the bus sends it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_bus import topics
from cior_bus.lanes import device_bucket
from cior_bus.message import MessageOut
from cior_bus.spool import SpoolClass
from cior_core import catalogue, codec
from cior_core.catalogue import KINDS, Kind
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    DataClass,
    DeadLetter,
    Event,
    EventId,
    Lane,
    Producer,
    RawId,
    RawRecord,
    Receipt,
    TickItem,
    TypeCode,
)
from doubles.signing import signed

RAW = RawRecord(
    id=RawId("r"),
    source="panel-1",
    subject="bus-1",
    received_ms=1,
    payload=b"x",
    sha256="0",
    producer=Producer(connector="c", version="1"),
)
LETTER = DeadLetter(id="d", stage="decode", code="x.y", reason="", payload=b"", at_ms=1, source="cad")
RECEIPT = Receipt(command_id="c", device="siren-1", at_ms=1, outcome="done")


def event(lane: Lane) -> Event:
    return Event(
        id=EventId("e"),
        source="s",
        type=TypeCode("panic.bus"),
        subject="bus-1",
        occurred_ms=1,
        received_ms=1,
        lane=lane,
    )


def sent(record: Any, **how: Any) -> tuple[str, bytes, SpoolClass | None, bool]:
    message = MessageOut.of(record, **how)
    return message.topic, message.key, message.spool_class, message.bulk


LIFE, UNPROVEN, NORMAL, TELEMETRY, UNREAD = SpoolClass
BUCKET = device_bucket("bus-1")


@pytest.mark.parametrize(
    ("record", "how", "expected"),
    [
        (event(Lane.URGENT), {}, ("cior.events.urgent.v1", b"bus-1", LIFE, False)),
        (event(Lane.NORMAL), {}, ("cior.events.v1", BUCKET, NORMAL, True)),
        (event(Lane.TELEMETRY), {}, ("cior.telemetry.v1", BUCKET, TELEMETRY, True)),
        (event(Lane.NORMAL), {"spool_class": LIFE}, ("cior.events.v1", BUCKET, LIFE, False)),
        (event(Lane.TELEMETRY), {"spool_class": NORMAL}, ("cior.telemetry.v1", BUCKET, NORMAL, True)),
        (RAW, {"spool_class": LIFE}, ("cior.raw.v1", b"panel-1", LIFE, False)),
        (RAW, {"spool_class": NORMAL}, ("cior.raw.v1", BUCKET, NORMAL, True)),
        (RAW, {"spool_class": UNPROVEN}, ("cior.raw.v1", b"panel-1", UNPROVEN, False)),
        (event(Lane.URGENT), {"spool_class": UNREAD}, ("cior.events.urgent.v1", b"bus-1", UNREAD, False)),
        (LETTER, {}, ("cior.dead.v1", b"cad", NORMAL, False)),
        (LETTER, {"spool_class": LIFE}, ("cior.dead.v1", b"cad", LIFE, False)),
        (
            TickItem(id="t", area=DEFAULT_AREA, at_ms=1),
            {},
            ("cior.area.v1", DEFAULT_AREA.encode(), LIFE, False),
        ),
        (
            signed(Action(id="a", kind=ActionKind.NOTE, actor="op", at_ms=1)),
            {},
            ("cior.actions.v1", b"city", LIFE, False),
        ),
        (RECEIPT, {"key": "city"}, ("cior.receipts.v1", b"city", LIFE, False)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_record_goes_to_its_topic_under_its_key(record: Any, how: Any, expected: Any) -> None:
    assert sent(record, **how) == expected


def test_law_4_an_act_has_one_instant_on_the_bus_however_often_it_is_sent_and_in_the_spool() -> None:
    act = signed(Action(id="a", kind=ActionKind.NOTE, actor="op", at_ms=7), at_ms=9)
    assert (MessageOut.of(act).at_ms, MessageOut.of(act).entry.at_ms) == (7, 7)
    assert MessageOut.of(event(Lane.URGENT)).at_ms is None, "a press says itself when it was"


@pytest.mark.parametrize("changes", [{"sealed": True}, {"data_class": DataClass.SEALED}])
@pytest.mark.parametrize("spool_class", list(SpoolClass))
def test_law_9_a_sealed_record_never_goes_to_the_open_topic(changes: Any, spool_class: SpoolClass) -> None:
    record = msgspec.structs.replace(RAW, subject="p-1", **changes)
    assert sent(record, spool_class=spool_class) == ("cior.sealed.v1", b"p-1", spool_class, False)


def test_a_dead_letter_says_code_and_stage_outside_its_bytes() -> None:
    assert MessageOut.of(LETTER).headers == (("code", b"x.y"), ("stage", b"decode"))
    press = msgspec.structs.replace(LETTER, life_safety=True)
    assert MessageOut.of(press).spool_class is SpoolClass.LIFE_SAFETY


def test_a_receipt_does_not_guess_its_area() -> None:
    with pytest.raises(ValueError, match="key of a receipt"):
        MessageOut.of(RECEIPT)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(KeyError):
        MessageOut.of({"not": "a record"})


def test_every_kind_is_one_entry_and_every_topic_carries_one_kind() -> None:
    assert list(KINDS) == list(Kind)
    assert len(catalogue.KIND_OF_TOPIC) == len(catalogue.TOPICS) == len(topics.BY_NAME)
    assert {spec.name for spec in topics.LANE_TOPIC.values()} == {
        spec.name for spec in KINDS[Kind.EVENT].topics
    }


def test_a_message_is_the_record_as_the_codec_writes_it() -> None:
    for record in (event(Lane.URGENT), RAW, LETTER):
        assert MessageOut.of(record, spool_class=LIFE).value == codec.encode(record)
