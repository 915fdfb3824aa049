"""The embedded broker is killed and comes back empty: what nobody closed is on the wall again, and can be acted on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cior_bus import topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import Profile
from cior_console.feed import AlertFeed
from cior_console.feed_reader import FeedReader
from cior_console.visibility import View, Visibility
from cior_core.catalogue import Kind
from cior_core.model import Action, ActionKind, Alert, AlertStatus, Disposition
from cior_sink.recalling import Recaller
from cior_sink.storing import Duties, StoreSink
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import OperatorQuestions
from doubles.signing import SinkSigner, opens, signed
from integration.bus.brokers import Broker
from integration.console.wall_rig import NAMES
from integration.streams.fleet import Fleet, message, now_ms, press, until


def act(alert: Alert, kind: ActionKind, **facts: Any) -> MessageOut:
    """An operator's decision, signed."""
    action = Action(
        id=f"{kind.value}-{alert.id}",
        kind=kind,
        actor="ana",
        at_ms=now_ms(),
        area=alert.area,
        alert_id=alert.id,
        **facts,
    )
    return MessageOut.of(signed(action))


def pressed(fleet: Fleet) -> dict[str, Alert]:
    """The alerts of our presses; a slow machine has others, of itself."""
    return {name: each for name, each in fleet.alerts(at_least=0).items() if each.type == "panic.bus"}


def done(fleet: Fleet) -> dict[str, tuple[AlertStatus, tuple[str, ...]]]:
    """What people did with each, and what it is made of; not its versions, which its protocol's timers make too."""
    return {
        name: (each.status, tuple(member.event_id for member in each.members))
        for name, each in pressed(fleet).items()
    }


def recalled(fleet: Fleet) -> Counter[str]:
    """How often the story of each says that it was recalled."""
    told = fleet.read(topics.TRANSITIONS, Kind.TRANSITION)
    return Counter(each.alert_id for each in told if each.kind == "recalled")


async def shown_by_a_new_wall(fleet: Fleet, wanted: set[str], *, timeout_s: float = 30) -> set[str]:
    """What a console that starts now shows, when it shows all that is ``wanted`` or the time is over."""
    feed = AlertFeed(NAMES, now_ms=now_ms)
    feed.bind(asyncio.get_running_loop())
    reader = FeedReader(fleet.broker.settings, feed.apply)
    reader.start()
    found = set[str]()
    try:
        for _ in range(round(timeout_s / 0.1)):
            found = {json.loads(row)["id"] for row in feed.rows(Visibility(View.PLAIN))}
            if wanted <= found:
                break
            await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(reader.stop)
    return found


def stored(fleet: Fleet, store: Store, bus: Bus) -> None:
    """The sink takes what stands in the topics now, until the store says the same."""
    known = {each.id: each.status.value for each in fleet.alerts().values()}
    sink = StoreSink(fleet.broker.settings, store, bus, duties=Duties(opens=opens))
    sink.start()
    try:
        question = OperatorQuestions(store)

        def is_there() -> bool:
            found = {name: question.alert(name) for name in known}
            return known == {name: row.status for name, row in found.items() if row is not None}

        until(is_there, timeout_s=30, why=lambda: f"{sink.failure}; {known}")
    finally:
        sink.stop()


@pytest.mark.crash
@pytest.mark.timeout(300)  # a store, a broker that starts twice and a worker that must see it
async def test_law_16_when_the_broker_forgot_all_what_nobody_closed_is_on_the_wall_and_can_be_taken(
    tansu: Tansu, tmp_path: Path
) -> None:
    fleet = Fleet(Broker(tansu, Profile.TANSU), tmp_path)
    store = Store.open(f"chdb://{tmp_path / 'store'}")
    migrate(store)
    bus = Bus(fleet.broker.patient)
    recaller = Recaller(fleet.broker.settings, store, bus, signer=SinkSigner, now_ms=now_ms, every_s=0.5)
    try:
        fleet.start()
        fleet.send([message(press(n)) for n in range(3)])
        until(lambda: len(pressed(fleet)) == 3, timeout_s=60, why=fleet.logs)
        first, second, third = pressed(fleet).values()
        fleet.send(
            [
                act(first, ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM),
                act(second, ActionKind.ACKNOWLEDGE),
            ]
        )
        until(
            lambda: (
                [pressed(fleet)[each.id].status for each in (first, second)]
                == [AlertStatus.CLOSED, AlertStatus.ACKNOWLEDGED]
            ),
            timeout_s=30,
            why=fleet.logs,
        )
        await asyncio.to_thread(stored, fleet, store, bus)
        tansu.kill()
        tansu.start()
        assert fleet.processes["urgent-1"].wait(60) != 0, fleet.log()
        fleet.start()
        open_ones: set[str] = {second.id, third.id}
        nothing = await shown_by_a_new_wall(fleet, open_ones, timeout_s=2)
        assert nothing.isdisjoint(open_ones), "the log is empty"
        recaller.thread.start()
        assert await shown_by_a_new_wall(fleet, open_ones) & {first.id, *open_ones} == open_ones
        fleet.send([act(third, ActionKind.ACKNOWLEDGE), act(second, ActionKind.ON_SCENE)])
        wanted = {second.id: AlertStatus.ON_SCENE, third.id: AlertStatus.ACKNOWLEDGED}
        until(
            lambda: {name: each.status for name, each in pressed(fleet).items()} == wanted,
            timeout_s=30,
            why=fleet.logs,
        )
        before, once = done(fleet), recalled(fleet)
        assert {once[name] for name in open_ones} == {1}
        again = Recaller(fleet.broker.settings, store, bus, signer=SinkSigner, now_ms=now_ms)
        assert again.look() >= 2, "a sink that starts again tells what it had stored"
        assert again.look() == 0
        fleet.send([act(third, ActionKind.NOTE, reason="vista")])
        until(lambda: pressed(fleet)[third.id].notes == ("vista",), timeout_s=30, why=fleet.logs)
        assert (done(fleet), recalled(fleet)) == (before, once), "and changes nothing that was done since"
    finally:
        recaller.thread.stop()
        bus.close()
        fleet.end()
        store.close()
