"""A press becomes an alert, whatever dies in between."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import Profile
from cior_bus.spool import Spool
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    AlertStatus,
    Disposition,
    Event,
    EventItem,
    Level,
)
from cior_streams.health import Health
from cior_streams.runner import EXIT_CRASHED, EXIT_WATCHDOG
from cior_streams.settings import Role
from doubles.signing import signed
from engines.apache_kafka import ApacheKafka
from integration.bus.brokers import Broker, empty
from integration.streams.fleet import Fleet, assert_every_press_once, message, now_ms, press, until

NOT_READY = Health(ready=False, diagnosis="", commit_age_s=0, at_ms=0, pid=0, worker="", metrics_url="")


def test_a_press_becomes_an_alert_on_the_wall_topic(fleet: Fleet) -> None:
    fleet.start()
    event = press(1)
    fleet.send([message(event)])
    [alert] = fleet.alerts().values()
    assert [member.event_id for member in alert.members] == [event.id]
    assert alert.life_safety
    assert not alert.degraded
    assert alert.reasons
    assert fleet.read(topics.TRANSITIONS, Kind.TRANSITION, at_least=1)


def test_law_16_a_press_overtakes_what_waits_and_all_of_it_is_done(fleet: Fleet) -> None:
    """A file of fifteen hundred calls lies before the door of the area log when somebody presses; the machine takes
    eight seconds for them, so most still lie there.
    """
    calls = [
        msgspec.structs.replace(press(n, kind="burglary.report", lat=-33.0 - n * 0.01), life_safety=False)
        for n in range(2, 1_502)
    ]
    items = [
        EventItem(id=f"call-{n}", area=DEFAULT_AREA, at_ms=now_ms(), event=call)
        for n, call in enumerate(calls)
    ]
    fleet.send(
        [
            MessageOut(
                topic=topics.WAITING.name,
                key=DEFAULT_AREA.encode(),
                value=codec.join([codec.encode(item) for item in items[at : at + 100]]),
            )
            for at in range(0, len(items), 100)
        ]
    )
    fleet.start(step_s=0.005)
    until(lambda: len(sequenced(fleet)) > 5, timeout_s=60, why=fleet.logs)
    event = press(1)
    fleet.send([message(event)])
    wanted = {event.id, *(call.id for call in calls)}
    until(lambda: wanted <= set(sequenced(fleet)), timeout_s=60, why=fleet.logs)
    log = [each for each in sequenced(fleet) if each in wanted]
    assert log.index(event.id) < 1_490, "it did not stand behind all of them"
    assert [each for each in log if each != event.id] == [call.id for call in calls], "in their order"


def sequenced(fleet: Fleet) -> list[str]:
    """The events of the area log, each once, in its order."""
    items = fleet.read(topics.AREA, Kind.ITEM, timeout_s=3)
    return list(dict.fromkeys(item.event.id for item in items if isinstance(item, EventItem)))


@pytest.mark.crash
def test_law_4_killing_the_worker_again_and_again_loses_no_press_and_doubles_none(fleet: Fleet) -> None:
    """Four lives, each ended by kill -9 in the middle of presses."""
    events: list[Event] = []
    with Bus(fleet.broker.patient) as bus:
        for life in range(4):
            fleet.start(ready=life == 0)
            for _ in range(40):
                events.append(press(len(events)))
                bus.publish_sync([message(events[-1])])
                time.sleep(0.02)
            if life:
                until(lambda: (fleet.health() or NOT_READY).ready, timeout_s=60, why=fleet.logs)
                time.sleep(0.3 * life)
            fleet.kill()
        fleet.start()
    assert_every_press_once(fleet, events)


@pytest.mark.crash
def test_law_4_no_offset_is_committed_before_the_table_entries_of_its_step(fleet: Fleet) -> None:
    """On a busy machine the entries of the tables wait for the client that sends them; the offset must wait too."""
    fleet.start(table_delay_s=0.4)
    events = [press(number) for number in range(12)]
    fleet.send([message(event) for event in events])
    until(
        lambda: {m.event_id for a in fleet.alerts().values() for m in a.members} >= {e.id for e in events},
        timeout_s=60,
        why=fleet.logs,
    )
    time.sleep(1.5)  # three commits
    fleet.kill()
    fleet.start()
    again = [press(100 + n, subject=event.subject, lat=event.place.lat) for n, event in enumerate(events)]
    fleet.send([message(event) for event in again])
    assert_every_press_once(fleet, [*events, *again])
    assert [len(alert.members) for alert in fleet.alerts().values() if alert.members] == [2] * 12


@pytest.mark.crash
def test_two_workers_share_the_partitions_and_survive_the_kill_of_one(fleet: Fleet) -> None:
    fleet.start(worker="1", workers=2)
    fleet.start(worker="2", workers=2)
    fleet.wait_ready(worker="1")
    events: list[Event] = []
    with Bus(fleet.broker.patient) as bus:
        for n in range(150):
            if n == 50:
                fleet.kill(worker="1")
            events.append(press(n))
            bus.publish_sync([message(events[-1])])
            time.sleep(0.02)
        assert_every_press_once(fleet, events)


def test_state_is_rebuilt_from_topics_after_a_restart(fleet: Fleet) -> None:
    """The second worker knows the first one's alert: a second press at the same place joins it."""
    fleet.start()
    first = press(1, subject="stop-9")
    fleet.send([message(first)])
    [before] = fleet.alerts().values()
    fleet.kill()
    shutil.rmtree(fleet.settings(Role.URGENT).datadir)
    fleet.start()
    second = press(2, subject="stop-9", lat=first.place.lat)
    fleet.send([message(second)])
    until(lambda: len(fleet.alerts()[before.id].members) == 2, timeout_s=20, why=lambda: f"{fleet.alerts()}")
    assert len(fleet.alerts()) == 1


def test_an_operators_action_reaches_the_alert(fleet: Fleet) -> None:
    fleet.start()
    fleet.send([message(press(1))])
    [alert] = fleet.alerts().values()
    action = Action(
        id="act-1",
        kind=ActionKind.ACKNOWLEDGE,
        actor="op-7",
        at_ms=now_ms(),
        alert_id=alert.id,
        area=alert.area,
    )
    fleet.send([MessageOut.of(signed(action))])
    until(lambda: fleet.alerts()[alert.id].status is AlertStatus.ACKNOWLEDGED, timeout_s=20, why=fleet.logs)
    assert fleet.alerts()[alert.id].acknowledged_ms is not None


def is_told(fleet: Fleet) -> bool:
    """Whether the button's ending is on the topic of its presses: with its key, so before whatever it sends next."""
    return any(devices.is_ending(event) for event in fleet.read(topics.URGENT, Kind.EVENT, timeout_s=5))


def test_a_buttons_next_press_says_how_its_last_alert_ended(fleet: Fleet) -> None:
    """The operator closes the first alert as false; the second press of the same button rings all the same, and
    carries it.
    """
    fleet.start()
    fleet.send([message(press(1, subject="bus-7"))])
    [first] = fleet.alerts().values()
    close = Action(
        id="act-1",
        kind=ActionKind.CLOSE,
        actor="op-7",
        at_ms=now_ms(),
        alert_id=first.id,
        area=first.area,
        reason="the driver leant on it",
        disposition=Disposition.FALSE_ALARM,
    )
    fleet.send([MessageOut.of(signed(close))])
    until(lambda: fleet.alerts()[first.id].status is AlertStatus.CLOSED, timeout_s=20, why=fleet.logs)
    until(lambda: is_told(fleet), timeout_s=20, why=fleet.logs)
    fleet.send([message(press(2, subject="bus-7", lat=first.place.lat))])
    again = next(alert for key, alert in fleet.alerts(at_least=2).items() if key != first.id)
    assert again.level is Level.P1
    facts = again.members[0].attributes
    assert (facts["confirmation_n"], facts["confirmation_rate"]) == (1, 0.3333)


def test_law_3_garbage_on_every_topic_becomes_dead_letters_with_its_bytes_and_stops_nothing(
    fleet: Fleet,
) -> None:
    fleet.start()
    garbage = {
        spec.name: [b"\xff\xfe garbage for " + spec.name.encode(), b"[]", b'{"id":1}', b"\0" * 50]
        for spec in fleet.settings(Role.URGENT).sources
    }
    fleet.send(
        [
            MessageOut(topic=name, key=b"city", value=value)
            for name, values in garbage.items()
            for value in values
        ]
    )
    event = press(1)
    fleet.send([message(event)])
    until(
        lambda: event.id in {m.event_id for a in fleet.alerts().values() for m in a.members},
        timeout_s=20,
        why=fleet.logs,
    )
    letters = fleet.read(topics.DEAD, Kind.DEAD, at_least=16)
    buried = {(letter.topic, letter.payload) for letter in letters}
    assert {(name, value) for name, values in garbage.items() for value in values} <= buried
    assert {letter.stage for letter in letters} == {"agent"}
    assert all(letter.offset is not None and letter.code for letter in letters)
    undecoded = [alert for alert in fleet.alerts().values() if alert.type == "source.undecoded"]
    assert undecoded, "unreadable bytes on a life-safety lane must show on the wall"
    assert not fleet.log().count("Traceback"), fleet.log()


@pytest.mark.crash
def test_the_brokers_loss_of_all_data_ends_the_worker_and_its_successor_works(
    tansu: Tansu, tmp_path: Path
) -> None:
    """Tansu keeps nothing.

    The worker sees it, ends non-zero, and the next one starts on empty topics (as the supervisor would have it).
    """
    fleet = Fleet(Broker(tansu, Profile.TANSU), tmp_path)
    try:
        fleet.start()
        fleet.send([message(press(1))])
        fleet.alerts()
        tansu.kill()
        time.sleep(1.0)
        tansu.start()
        process = fleet.processes["urgent-1"]
        assert process.wait(40) in {EXIT_CRASHED, EXIT_WATCHDOG}, fleet.log()
        fleet.start()
        event = press(2)
        fleet.send([message(event)])
        until(
            lambda: event.id in {m.event_id for a in fleet.alerts().values() for m in a.members},
            timeout_s=20,
            why=fleet.logs,
        )
    finally:
        fleet.end()


@pytest.mark.crash
def test_a_restart_of_apache_kafka_loses_nothing(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    """The broker is killed and comes back with its records; presses go on meanwhile through the spool."""
    empty(apache_kafka.bootstrap)
    fleet = Fleet(Broker(apache_kafka, Profile.KAFKA), tmp_path)
    spool = Spool.open(tmp_path / "spool")
    try:
        fleet.start()
        events: list[Event] = []
        with Bus(fleet.broker.settings, spool=spool) as bus:
            for n in range(120):
                if n == 40:
                    apache_kafka.kill()
                if n == 90:
                    apache_kafka.start()
                events.append(press(n))
                bus.publish_sync([message(events[-1])])
                time.sleep(0.05)
            assert bus.flush(timeout_s=30)
        if fleet.processes["urgent-1"].poll() is not None:
            fleet.start(ready=False)
        assert_every_press_once(fleet, events)
    finally:
        spool.close()
        fleet.end()
        apache_kafka.start()


def outage(fleet: Fleet, folder: Path, *, away_s: float) -> None:
    """The broker is away for ``away_s``; devices press all the time; every acknowledged press ends on the wall
    (Tansu: of those after it forgot).
    """
    spool = Spool.open(folder / "spool")
    fleet.start()
    before = [press(n) for n in range(10)]
    after: list[Event] = []
    with Bus(fleet.broker.settings, spool=spool) as bus:
        bus.publish_sync([message(event) for event in before])
        assert_every_press_once(fleet, before)
        fleet.broker.kill()
        until_s = time.monotonic() + away_s
        while time.monotonic() < until_s:
            after.append(press(100 + len(after)))
            bus.publish_sync([message(after[-1])])
            time.sleep(away_s / 100)
        fleet.broker.start()
        Topics(fleet.broker.settings).ensure()
        assert bus.flush(timeout_s=30)
    until(
        lambda: fleet.processes["urgent-1"].poll() is not None or (fleet.health() or NOT_READY).ready,
        timeout_s=60,
        why=fleet.logs,
    )
    if fleet.processes["urgent-1"].poll() is not None:
        fleet.start()
    assert_every_press_once(fleet, after if fleet.broker.profile is Profile.TANSU else before + after)
    spool.close()


@pytest.mark.crash
def test_a_broker_away_for_15_seconds_costs_no_accepted_press(fleet: Fleet, tmp_path: Path) -> None:
    outage(fleet, tmp_path, away_s=15)


@pytest.mark.frozen
@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_broker_away_for_60_seconds_costs_no_accepted_press(fleet: Fleet, tmp_path: Path) -> None:
    outage(fleet, tmp_path, away_s=60)
