"""Two sinks share a group, partitions move between them while batches are in flight, and the accounts still balance
to the last record.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.consumer import Join
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core.errors import SourceUnavailable
from cior_sink.storing import StoreSink
from cior_store import reconcile
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import Questions
from integration.bus.brokers import Broker, broker
from integration.store import city

__all__ = ["broker"]

PORTION = 120
STORED = "SELECT (SELECT count() FROM ops.raw FINAL) + (SELECT count() FROM ops.dead_letters FINAL)"


class ForgetfulStore:
    """A store that, while ``away``, takes half of what it is given and answers nobody."""

    def __init__(self, store: Store) -> None:
        self.away = threading.Event()
        self._insert, self._dice = store.insert, random.Random(5)
        store.insert = self.insert  # type: ignore[method-assign]  # the way to it fails, not the store

    def insert(self, table: str, columns: Sequence[str], data: Any, *, token: str) -> None:
        is_away = self.away.is_set()
        if not is_away or self._dice.random() < 0.5:
            self._insert(table, columns, data, token=token)
        if is_away:
            raise SourceUnavailable("store.away", "no answer", retry_after_s=3.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"chdb://{tmp_path / 'store'}")
    migrate(opened)
    yield opened
    opened.close()


def portion(first: int) -> list[MessageOut]:
    """Units as a connector sends them: raw record and event, each tenth a dead letter instead; and bytes that nobody
    can read.
    """
    sent: list[MessageOut] = []
    for number in range(first, first + PORTION):
        if number % 10 == 0:
            sent += [
                MessageOut.of(city.raw(number, events=0, dead=1)),
                MessageOut.of(city.dead(number, raw_number=number)),
            ]
        else:
            sent += [
                MessageOut.of(city.raw(number)),
                MessageOut.of(city.event(number, raw_number=number)),
            ]
    sent.append(MessageOut(topic=topics.URGENT.name, key=b"k%d" % first, value=b"not json %d" % first))
    return sent


def until(true: Callable[[], bool], what: str, *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def _has_stored(sink: StoreSink) -> bool:
    return sink.records > 0


# Not beside the busy tests: a member that is starved past its session is no member any more, and nothing fences it out.
@pytest.mark.frozen
@pytest.mark.timeout(300)
def test_law_4_partitions_that_move_with_batches_in_flight_lose_and_double_nothing(
    broker: Broker, store: Store
) -> None:
    settings = BusSettings(
        bootstrap=broker.settings.bootstrap,
        profile=broker.profile,
        session_timeout_ms=12_000,
        ack_wait_s=20.0,
    )
    Topics(settings).ensure(partitions=4)
    forgetful = ForgetfulStore(store)
    units = 0
    with Bus(settings) as bus:

        def send() -> None:
            nonlocal units
            bus.publish_sync(portion(units))
            units += PORTION

        sinks = [StoreSink(settings, store, bus, join=Join.SUBSCRIBE) for _ in range(3)]
        sinks[0].start()
        send()
        until(lambda: int(store.value(STORED)) > 0, "the first sink stores")
        for joining, leaving in ((sinks[1], sinks[0]), (sinks[2], sinks[1])):
            forgetful.away.set()
            send()
            time.sleep(6)  # batches are in flight, half of them inserted, none answered
            joining.start()
            time.sleep(5)
            forgetful.away.clear()
            send()
            until(partial(_has_stored, joining), "partitions moved to the one that joined")
            forgetful.away.set()
            send()
            time.sleep(5)
            leaving.stop()
            forgetful.away.clear()
        send()
        whole = units + units // 10 + units // PORTION
        until(lambda: int(store.value(STORED)) == whole, "everything is stored", within_s=90)
        bus.publish_sync([MessageOut.of(city.accounting(city.NOON_MS, units))])
        until(lambda: bool(store.value("SELECT count() FROM ops.accounting")), "the claim is stored")
        sinks[2].stop()
    assert all(sink.failure is None for sink in sinks)
    events = units - units // 10
    assert store.value("SELECT count() FROM ops.events FINAL WHERE type != 'accounting'") == events
    rollup = "SELECT sum(n) FROM ops.ev_minute WHERE type != 'accounting'"
    assert store.value(rollup) == events, "a view that adds got a batch twice"
    checked = reconcile.check(Questions(store), now_ms=city.NOON_MS + 20 * 60_000)
    assert [(each.row.accepted, each.row.raw_stored, each.verdict) for each in checked] == [
        (units, units, reconcile.Balance.BALANCED)
    ]
