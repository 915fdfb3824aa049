"""A small made-up city for the store's tests: records with plausible values, the bus codec lent as the root lends it,
and messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from cior_core import codec as bus_codec
from cior_core.canonical import canonical
from cior_core.chain import entry_hash, genesis
from cior_core.chain_place import ChainPlace
from cior_core.ledger_copy import LedgerCopy, copy_of
from cior_core.model import (
    Alert,
    AlertId,
    AlertStatus,
    AreaId,
    DataClass,
    DeadLetter,
    Event,
    EventId,
    Lane,
    Level,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    RawRecord,
    Reason,
    Transition,
    TypeCode,
)
from cior_core.people import REGISTER_CHAIN, LedgerEntry
from cior_store.kinds import Entry, Origin

NOON_MS = 1_795_262_400_000
"""2026-11-21 12:00 UTC."""
MINUTE_MS = 60_000
PLAZA = Place(method=PlaceMethod.GPS, lat=-32.9468, lon=-60.6393, accuracy_m=12.0, district="centro")
DC09 = Producer(connector="dc09", version="1.0", instance="dc09-1")


class Msg(msgspec.Struct, frozen=True):
    """One message as the bus consumer gives it."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    timestamp_ms: int = NOON_MS
    key: bytes | None = None


def raw(
    number: int,
    *,
    payload: bytes | None = None,
    at_ms: int = NOON_MS,
    events: int = 1,
    dead: int = 0,
    **more: Any,
) -> RawRecord:
    body = payload if payload is not None else b"panel frame %d" % number
    return RawRecord(
        id=RawId(f"raw-{number}"),
        source="dc09:panel",
        subject="panel-7",
        received_ms=at_ms,
        payload=body,
        sha256=hashlib.sha256(body).hexdigest(),
        producer=more.pop("producer", DC09),
        events=events,
        dead=dead,
        **more,
    )


def event(
    number: int,
    *,
    at_ms: int = NOON_MS,
    source: str = "dc09:panel",
    raw_number: int | None = None,
    **more: Any,
) -> Event:
    defaults: dict[str, Any] = {
        "type": "panic.button",
        "subject": f"device-{number % 10}",
        "occurred_ms": at_ms - 400,
        "place": PLAZA,
        "producer": DC09,
        "lane": Lane.URGENT,
        "life_safety": True,
    }
    if raw_number is not None:
        defaults["raw"] = RawPointer(raw_id=RawId(f"raw-{raw_number}"), sha256="00" * 32)
    return Event(id=EventId(f"event-{number}"), source=source, received_ms=at_ms, **{**defaults, **more})


def alert(number: int, *, version: int = 1, at_ms: int = NOON_MS, **more: Any) -> Alert:
    member = Member(
        event_id=EventId(f"event-{number}"),
        type=TypeCode("panic.button"),
        source=more.pop("source", "dc09:panel"),
        subject="device-1",
        phase=Phase.NEW,
        occurred_ms=at_ms - 400,
        received_ms=at_ms - 120,
        place=PLAZA,
        life_safety=True,
        independence="device-1",
    )
    defaults: dict[str, Any] = {
        "type": "panic.button",
        "level": Level.P1,
        "score": 90,
        "status": AlertStatus.OPEN,
        "place": PLAZA,
        "data_class": DataClass.RESTRICTED,
        "reasons": (Reason(code="base", points=80, text_es="Botón de pánico", text_en="Panic button"),),
        "members": (member,),
        "life_safety": True,
        "protocol": "panic",
        "protocol_version": 1,
        "rules_version": "r1",
        "opened_ms": at_ms,
        "updated_ms": at_ms,
        "first_occurred_ms": at_ms - 400,
        "last_occurred_ms": at_ms - 400,
    }
    return Alert(id=AlertId(f"alert-{number}"), area=AreaId("city"), version=version, **{**defaults, **more})


def transition(
    number: int, *, version: int = 1, n: int = 0, at_ms: int = NOON_MS, kind: str = "opened", **more: Any
) -> Transition:
    return Transition(
        id=f"alert-{number}:{version}:{n}",
        alert_id=AlertId(f"alert-{number}"),
        area=AreaId("city"),
        version=version,
        at_ms=at_ms,
        kind=kind,
        actor="system",
        level=Level.P1,
        status=AlertStatus.OPEN,
        detail_es="abierta",
        detail_en="opened",
        **more,
    )


def ledger_row(seq: int, *, previous: str = "", **more: Any) -> LedgerCopy:
    """A row of the ledger's copy, chained to ``previous`` (the first: to the beginning)."""
    entry = canonical(LedgerEntry(at_ms=NOON_MS, actor="p-ana", act="alert.read", id=f"id-{seq}", **more))
    previous = previous or genesis(REGISTER_CHAIN)
    place = ChainPlace(chain=REGISTER_CHAIN, seq=seq, previous=previous)
    return copy_of(
        seq=seq, previous=previous, hashed=entry_hash(place, hashlib.sha256(entry).hexdigest()), entry=entry
    )


def dead(number: int, *, at_ms: int = NOON_MS, raw_number: int | None = None, **more: Any) -> DeadLetter:
    pointer = (
        RawPointer(raw_id=RawId(f"raw-{raw_number}"), sha256="00" * 32) if raw_number is not None else None
    )
    defaults: dict[str, Any] = {
        "stage": "decode",
        "code": "dc09.crc",
        "reason": "the CRC does not fit",
        "payload": b"\x00\xff garbage",
    }
    return DeadLetter(
        id=f"dead-{number}", at_ms=at_ms, source="dc09:panel", raw=pointer, **{**defaults, **more}
    )


def accounting(minute_ms: int, accepted: int, *, producer: Producer = DC09, **more: Any) -> Event:
    return Event(
        id=EventId(f"acc-{producer.instance}-{minute_ms}-{accepted}"),
        source="cior",
        type=TypeCode("accounting"),
        subject=producer.instance,
        occurred_ms=minute_ms,
        received_ms=minute_ms + MINUTE_MS,
        lane=Lane.TELEMETRY,
        producer=producer,
        attributes={"minute_ms": minute_ms, "accepted": accepted, **more},
    )


def entries(records: Iterable[Any], *, topic: str = "t", first: int = 0) -> list[Entry]:
    made = []
    for offset, record in enumerate(records, start=first):
        body = bus_codec.encode(record)
        made.append(
            Entry(
                record=record,
                body=body,
                origin=Origin(topic=topic, partition=0, offset=offset, timestamp_ms=NOON_MS),
            )
        )
    return made


def messages(topic: str, records: Iterable[Any], *, first: int = 0, partition: int = 0) -> list[Msg]:
    """One message a record; bytes and None pass as they are."""
    return [
        Msg(
            topic=topic,
            partition=partition,
            offset=offset,
            value=it if isinstance(it, bytes) or it is None else bus_codec.encode(it),
        )
        for offset, it in enumerate(records, start=first)
    ]
