"""The bulk application: device states by bucket, silence and return as events, and what may alert goes to the area
log.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_bus import topics
from cior_bus.lanes import BUCKETS, bucket_key, device_bucket
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.spool import Spool, SpoolClass
from cior_city import packs
from cior_core import codec, identity
from cior_core.attributes import PACED
from cior_core.catalogue import Kind
from cior_core.model import Event, Lane, Place, PlaceMethod, TypeCode
from cior_streams.partitions import partition_of
from cior_streams.settings import Role
from integration.streams.fleet import Fleet, assert_every_press_once, message, now_ms, press, until


def telemetry(
    subject: str, number: int, *, kind: str = "device.notice", lane: Lane = Lane.TELEMETRY
) -> Event:
    at = now_ms()
    return Event(
        id=identity.event_id("test", f"{subject}-{number}"),
        source="test",
        type=TypeCode(kind),
        subject=subject,
        occurred_ms=at,
        received_ms=at,
        lane=lane,
        place=Place(method=PlaceMethod.GPS, lat=-32.9, lon=-60.7, accuracy_m=10.0),
    )


def enveloped(events: list[Event]) -> list[MessageOut]:
    by_key: dict[tuple[str, bytes], list[Event]] = {}
    for event in events:
        by_key.setdefault((topics.LANE_TOPIC[event.lane].name, device_bucket(event.subject)), []).append(
            event
        )
    return [
        MessageOut(topic=topic, key=key, value=codec.join([codec.encode(each) for each in group]))
        for (topic, key), group in by_key.items()
    ]


def derived(fleet: Fleet, topic: topics.TopicSpec, kind: str) -> list[Any]:
    return [event for event in fleet.read(topic, Kind.EVENT, timeout_s=3) if event.type == kind]


def test_a_registered_device_that_says_nothing_is_silent_and_one_that_returns_is_restored(
    fleet: Fleet,
) -> None:
    """Both boxes must speak every second; three missed seconds are silence.

    One never speaks; the other speaks, stops, and speaks again.
    """
    fleet.start(Role.BULK)
    fleet.send(enveloped([telemetry("box-talks", 1)]))
    until(
        lambda: (
            {e.subject for e in derived(fleet, topics.URGENT, "source.silent")} == {"box-quiet", "box-talks"}
        ),
        timeout_s=40,
        why=fleet.logs,
    )
    fleet.send(enveloped([telemetry("box-talks", 2)]))
    until(
        lambda: [e.subject for e in derived(fleet, topics.URGENT, "source.restored")][:1] == ["box-talks"],
        timeout_s=20,
        why=fleet.logs,
    )
    ids = [
        event.id for event in derived(fleet, topics.URGENT, "source.silent") if event.subject == "box-quiet"
    ]
    assert len(set(ids)) == 1, "said once"


def test_what_may_alert_is_forwarded_from_the_bulk_lanes_and_the_rest_is_not(fleet: Fleet) -> None:
    fleet.start(Role.BULK)
    kinds = packs.taxonomy()
    alerting = next(
        code for code, kind in kinds.items() if kind.alerting == "always" and not kind.life_safety
    )
    never = next(code for code, kind in kinds.items() if kind.alerting == "never" and not kind.life_safety)
    loud = telemetry("mic-1", 1, kind=alerting, lane=Lane.NORMAL)
    quiet = [telemetry(f"bus-{n}", 1, kind=never) for n in range(50)]
    fleet.send(enveloped([*quiet, loud]))
    room = topics.WAITING
    until(lambda: len(fleet.read(room, Kind.WAITING, timeout_s=3)) >= 1, timeout_s=20, why=fleet.logs)
    waiting = fleet.read(room, Kind.WAITING)
    assert {item.event.id for item in waiting if hasattr(item, "event")} == {loud.id}


def test_one_bad_record_of_an_envelope_is_buried_alone(fleet: Fleet) -> None:
    fleet.start(Role.BULK)
    good = [codec.encode(telemetry(f"bus-{n}", 1)) for n in range(3)]
    bad = b'{"specversion":"1.0","id":7}'
    name = topics.TELEMETRY.name
    fleet.send([MessageOut(topic=name, key=b"b001", value=codec.join([good[0], bad, good[1], good[2]]))])
    fleet.send(
        [
            MessageOut(topic=name, key=b"b001", value=b"not even JSON"),
            MessageOut(topic=topics.EVENTS.name, key=b"b001", value=b"\xff"),
        ]
    )
    letters = fleet.read(topics.DEAD, Kind.DEAD, at_least=3)
    assert sorted(letter.payload for letter in letters) == sorted([bad, b"not even JSON", b"\xff"])
    until(
        lambda: 'cior_streams_handled_messages_total{agent="telemetry"}' in fleet.metrics(Role.BULK),
        timeout_s=10,
    )


@pytest.mark.crash
def test_a_killed_bulk_worker_forgets_no_device_and_says_nothing_twice(fleet: Fleet) -> None:
    """Silence said before the kill is not said again after it, since the state came back from the changelog."""
    fleet.start(Role.BULK)
    until(
        lambda: len({e.id for e in derived(fleet, topics.URGENT, "source.silent")}) == 2,
        timeout_s=40,
        why=fleet.logs,
    )
    time.sleep(1.0)
    fleet.kill(Role.BULK)
    fleet.start(Role.BULK)
    time.sleep(8.0)
    assert len({e.id for e in derived(fleet, topics.URGENT, "source.silent")}) == 2


def call(number: int) -> Event:
    """A life-safety call of a desk's file, beyond the desk's pace, at its own corner."""
    told = press(number, subject="cad:911", kind="medical.emergency", lat=-33.0 - number * 0.02)
    return msgspec.structs.replace(
        told, lane=Lane.NORMAL, independence=f"cad:911/{number}", attributes={PACED: True}
    )


@pytest.mark.crash
def test_law_4_workers_killed_in_the_middle_of_a_desks_file_lose_no_call_and_tell_none_twice(
    fleet: Fleet,
) -> None:
    """240 calls in envelopes of up to forty; both workers die by kill -9 three times while they lie in them."""
    calls = [call(number) for number in range(240)]
    for role in Role:
        fleet.start(role)
    for life in range(3):
        with Bus(fleet.broker.patient) as bus:
            for at in range(80 * life, 80 * life + 80, 40):
                bus.publish_sync(
                    [MessageOut.of(each, spool_class=SpoolClass.LIFE_SAFETY) for each in calls[at : at + 40]]
                )
        time.sleep(0.15 * life)
        for role in Role:
            fleet.kill(role)
        for role in Role:
            fleet.start(role, ready=False)
    for role in Role:
        fleet.wait_ready(role)
    event = press(1)
    fleet.send([message(event)])
    assert len(fleet.broker.values(topics.EVENTS.name, at_least=6)) < 60, "they travelled together"
    assert_every_press_once(fleet, [*calls, event])


def test_a_message_behind_a_long_file_in_another_partition_does_not_end_the_worker(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Single messages of one partition, hundreds of them, and then one of another: its turn comes after more than the
    stall limit, and the worker is the same process.
    """
    slow, other = (
        b"b001",
        next(
            key for key in map(bucket_key, range(BUCKETS)) if partition_of(key, 4) != partition_of(b"b001", 4)
        ),
    )
    events = topics.EVENTS.name
    rows = [
        MessageOut(topic=events, key=slow, value=codec.encode(telemetry("cad-1", n, lane=Lane.NORMAL)))
        for n in range(600)
    ]
    fleet.send(rows)
    last = telemetry("cam-1", 1, lane=Lane.NORMAL)
    fleet.start(Role.BULK, ready=False, stall_s=6, slow_s=0.02)
    fleet.wait_ready(Role.BULK)
    time.sleep(1.0)
    fleet.send([MessageOut(topic=events, key=other, value=codec.encode(last))])
    begun = fleet.processes["bulk-1"].pid
    text = 'cior_streams_handled_messages_total{agent="normal"} 601'
    until(lambda: text in fleet.metrics(Role.BULK), timeout_s=60, why=fleet.logs)
    health = fleet.health(Role.BULK)
    assert health is not None
    assert health.pid == begun, "nobody ended it"
    assert "ended_by_watchdog" not in fleet.log(Role.BULK)


async def test_a_backlog_of_telemetry_does_not_delay_a_press(fleet: Fleet, tmp_path: Path) -> None:
    """Two processes: 20,000 telemetry events wait for the bulk worker while a press goes through the urgent one."""
    fleet.start(Role.URGENT)
    spool = Spool.open(tmp_path / "spool")
    with Bus(fleet.broker.settings, spool=spool, linger_s=0.0) as bus:
        values = [codec.encode(telemetry(f"gps-{n}", n)) for n in range(500)]
        rows = [
            MessageOut(
                topic=topics.TELEMETRY.name,
                key=device_bucket(f"gps-{n % 500}"),
                value=values[n % 500],
                bulk=True,
            )
            for n in range(20_000)
        ]
        await asyncio.gather(*(bus.publish(rows[n : n + 200]) for n in range(0, 20_000, 200)))
        assert await asyncio.to_thread(bus.flush, timeout_s=60)
    fleet.start(Role.BULK, ready=False)
    await asyncio.sleep(6)
    event = press(1)
    started = time.monotonic()
    fleet.send([message(event)])
    # The bulk worker may meanwhile have found the registered boxes silent: those alerts are true too, and not this
    # test's business.
    presses: list[str] = []

    def shown() -> bool:
        members = [member for alert in fleet.alerts().values() for member in alert.members]
        presses[:] = [member.event_id for member in members if member.type == event.type]
        return event.id in presses

    until(shown, timeout_s=20, why=fleet.logs)
    waited_s = time.monotonic() - started
    assert presses == [event.id]
    assert waited_s < 5.0
    spool.close()
