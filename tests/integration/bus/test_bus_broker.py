"""The bus against real brokers: what is acknowledged is there, also when the broker goes away in between."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest
from confluent_kafka import Producer

from cior_bus import metrics as m
from cior_bus import topics
from cior_bus.admin import Topics, TopicState
from cior_bus.batch_plan import BatchPlans, MemoryPlans
from cior_bus.consumer import Batch, BatchConsumer, Join
from cior_bus.dead_letters import dead_letter
from cior_bus.embedded.tansu import Tansu, free_port
from cior_bus.gathering import BatchLimits
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_bus.spool import Entry, Spool, SpoolClass
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected, SourceUnavailable
from cior_core.model import Action, ActionKind
from doubles.signing import signed
from engines.apache_kafka import ApacheKafka
from integration.bus.brokers import URGENT, Broker, empty, numbers, press


def test_the_catalogue_is_created_once_and_checks_out(broker: Broker) -> None:
    admin = Topics(broker.settings)
    assert {check.state for check in admin.check()} == {TopicState.MISSING}
    assert set(admin.ensure()) == {spec.name for spec in topics.CATALOGUE}
    assert admin.ensure() == []
    assert [check for check in admin.check() if check.state is not TopicState.OK] == []
    assert admin.check((topics.RAW,), partitions=7)[0].state is TopicState.WRONG_PARTITIONS


async def test_law_1_publish_returns_after_the_broker_has_it(broker: Broker, tmp_path: Path) -> None:
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    with Bus(broker.patient, spool=spool) as bus:
        await asyncio.gather(*(bus.publish([press(n)]) for n in range(200)))
        broker.kill() if broker.profile is Profile.KAFKA else None
        assert spool.depth()[SpoolClass.LIFE_SAFETY].messages == 0, (
            "acknowledged by the broker, not by the spool"
        )
    broker.start()
    assert sorted(numbers(broker.values(URGENT, at_least=200))) == list(range(200))
    spool.close()


async def test_law_4_an_act_has_its_own_instant_on_the_bus_however_it_came_there(
    broker: Broker, tmp_path: Path
) -> None:
    """Sent at once, sent again by whoever does not know that it was, and taken over by the spool: one instant, or the
    worker would take the second for a replay (law 13).
    """
    Topics(broker.settings).ensure()
    day_ms = 86_400_000
    before_ms = time.time_ns() // 1_000_000
    act = Action(id="a", kind=ActionKind.NOTE, actor="ana", at_ms=before_ms - 3 * day_ms)
    ahead = Action(id="b", kind=ActionKind.NOTE, actor="ana", at_ms=before_ms + 2 * day_ms)
    spool = Spool.open(tmp_path)
    with Bus(broker.patient, spool=spool) as bus:
        for _ in range(2):
            await bus.publish([MessageOut.of(signed(act))])
        for each in (act, ahead):
            spool.append(SpoolClass.LIFE_SAFETY, [MessageOut.of(signed(each)).entry]).result(5)
        assert bus.flush(timeout_s=30), "a message that the broker refuses for its time would block the spool"
    spool.close()
    after_ms = time.time_ns() // 1_000_000
    *thrice, future = [each.timestamp()[1] for each in broker.messages(topics.ACTIONS.name, at_least=4)]
    assert thrice == [act.at_ms] * 3
    assert before_ms <= future <= after_ms + 300_000, (
        "no reader takes an act of the future: it need not say when"
    )


@pytest.mark.crash
def test_law_1_presses_on_their_way_when_the_broker_forgets_everything_arrive_in_its_new_log(
    tansu: Tansu, tmp_path: Path
) -> None:
    """The embedded broker comes back empty, and its topics late.

    A client must not make them up meanwhile (with the broker's own partition count).
    """
    quick = {"reconnect.backoff.ms": "1", "reconnect.backoff.max.ms": "5"}
    settings = BusSettings(bootstrap=tansu.bootstrap, ack_wait_s=5.0, properties=quick)
    Topics(settings).ensure(partitions=7)
    spool = Spool.open(tmp_path)
    with Bus(settings, spool=spool) as bus:
        bus.publish_sync([press(0)])
        os.kill(tansu.pid or 0, signal.SIGSTOP)
        sent = [bus.submit([press(n, key=b"bus-%d" % n)]) for n in range(1, 40)]
        time.sleep(0.2)
        assert not any(future.done() for future in sent)
        tansu.kill()
        tansu.start()
        wait(sent, timeout=20)
        time.sleep(1.5)
        assert [future.exception() for future in sent] == [None] * 39
        Topics(settings).ensure(partitions=7)
        assert bus.flush(timeout_s=30)
    assert {check.state for check in Topics(settings).check(partitions=7)} == {TopicState.OK}
    found = numbers(Broker(tansu, Profile.TANSU).values(URGENT, at_least=39))
    assert set(range(1, 40)) <= set(found)
    spool.close()


def freeze(pid: int) -> None:
    """SIGSTOP, and until every thread of it stands still: a busy machine takes its time, and meanwhile it may
    acknowledge.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while not all("State:\tT" in each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")):
        assert time.monotonic() < deadline, "the broker does not stop"
        time.sleep(0.01)


@pytest.mark.alone
@pytest.mark.crash
async def test_law_1_a_broker_that_hangs_is_not_believed_the_spool_has_it_at_return(
    broker: Broker, tmp_path: Path
) -> None:
    """SIGSTOP: connections stay open, nothing is answered.

    At the moment a publish returns, its bytes must lie in the fsynced spool.
    """
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    with Bus(broker.settings, spool=spool) as bus:
        await bus.publish([press(0)])
        freeze(broker.engine.pid)
        try:
            for n in range(1, 6):
                started = time.monotonic()
                await bus.publish([press(n)])
                assert time.monotonic() - started < broker.settings.ack_wait_s + 1.0
                held = [e.value for s in spool.read(SpoolClass.LIFE_SAFETY) for e in s.entries]
                assert press(n).value in held, "returned without being durable anywhere"
        finally:
            os.kill(broker.engine.pid, signal.SIGCONT)
        assert bus.flush(timeout_s=30)
    assert set(numbers(broker.values(URGENT, at_least=6))) == set(range(6))
    spool.close()


@pytest.mark.alone
async def test_broker_away_then_back_loses_no_acknowledged_press_and_keeps_the_order_of_a_key(
    broker: Broker, tmp_path: Path
) -> None:
    """Ten devices press all the time; the broker dies, stays away and comes back.

    Tansu forgets what it had, so there only the time after it counts.
    """
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    accepted: dict[bytes, list[int]] = defaultdict(list)
    accepted_before: dict[bytes, list[int]] = {}
    slowest_s = 0.0
    with Bus(broker.settings, spool=spool) as bus:
        for n in range(400):
            if n == 100:
                broker.kill()
                accepted_before = {key: list(values) for key, values in accepted.items()}
            if n == 300:
                broker.start()
                Topics(broker.settings).ensure()
            key = b"device-%d" % (n % 10)
            started = time.monotonic()
            await bus.publish([press(n, key=key)])
            slowest_s = max(slowest_s, time.monotonic() - started)
            accepted[key].append(n)
            await asyncio.sleep(0.005)
        assert bus.flush(timeout_s=20)
    rows = broker.values(URGENT, at_least=300)
    for key, wanted in accepted.items():
        got = list(dict.fromkeys(numbers(rows, key)))
        expected = (
            wanted
            if broker.profile is Profile.KAFKA
            else [n for n in wanted if n not in accepted_before[key]]
        )
        assert got == expected, f"{key!r}: lost or out of order"
    assert bus.metrics.value(m.AWAY) >= 1
    assert slowest_s < broker.settings.ack_wait_s + 1.0
    spool.close()


async def test_live_presses_pass_a_backlog_of_other_keys(broker: Broker, tmp_path: Path) -> None:
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    backlog = 20_000
    for n in range(backlog):
        spool.append(SpoolClass.TELEMETRY, [_bulk(n)])
    with Bus(broker.settings, spool=spool, linger_s=0.0) as bus:
        waits = []
        for n in range(30):
            started = time.monotonic()
            await bus.publish([press(n, key=b"live")])
            waits.append(time.monotonic() - started)
        assert spool.depth()[SpoolClass.TELEMETRY].messages > 0, (
            "the backlog was gone too soon for this test to mean anything"
        )
        assert sorted(waits)[15] < 0.25
        assert bus.flush(timeout_s=60)
    spool.close()


def _bulk(n: int) -> Entry:
    return Entry(
        topic=topics.TELEMETRY.name,
        key=b"b%03d" % (n % 8),
        value=b'{"n":%d,"pad":"%s"}' % (n, b"x" * 300),
        bulk=True,
    )


async def test_without_a_spool_a_dead_broker_is_said(broker: Broker) -> None:
    Topics(broker.settings).ensure()
    with Bus(broker.patient) as bus:
        await bus.publish([press(0)])
        broker.kill()
        with pytest.raises(SourceUnavailable):
            await bus.publish([press(1)])


async def test_too_large_is_refused_before_anything_is_sent(broker: Broker, tmp_path: Path) -> None:
    with Bus(broker.patient) as bus, pytest.raises(PayloadRejected, match="message_too_large"):
        await bus.publish([press(0), MessageOut(topic=URGENT, key=b"k", value=b"x" * 1_100_000)])
    Topics(broker.settings).ensure()
    assert broker.values(URGENT) == []


async def test_what_the_broker_refuses_for_good_becomes_a_dead_letter_and_blocks_nothing(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    """A topic whose limit is smaller than ours: the spooled message can never go; it must not stop what lies behind
    it.
    """
    empty(apache_kafka.bootstrap)
    broker = Broker(apache_kafka, Profile.KAFKA)
    settings = BusSettings(bootstrap=apache_kafka.bootstrap, profile=Profile.KAFKA)
    small = topics.TopicSpec(
        name="cior.small.v1",
        key="k",
        value="v",
        partitions=1,
        retention_s=3_600,
        purpose="test",
        max_message_bytes=20_000,
    )
    Topics(settings).ensure((*topics.CATALOGUE, small))
    spool = Spool.open(tmp_path)
    spool.append(
        SpoolClass.LIFE_SAFETY, [Entry(topic=small.name, key=b"k", value=os.urandom(50_000))]
    ).result(5)
    spool.append(SpoolClass.LIFE_SAFETY, [Entry(topic=small.name, key=b"k", value=b"fits")]).result(5)
    with Bus(settings, spool=spool) as bus:
        assert bus.flush(timeout_s=15)
        assert bus.metrics.value(m.DEAD_LETTERS) == 1
    assert [value for _, value in broker.values(small.name, at_least=1)] == [b"fits"]
    assert len(broker.values(topics.DEAD.name, at_least=1)) == 1
    spool.close()


async def test_a_dead_letter_of_five_megabytes_is_cut_and_says_so(broker: Broker) -> None:
    Topics(broker.settings).ensure()
    letter = dead_letter(
        stage="decode",
        error=PayloadRejected("x.bad", "cannot be read"),
        payload=b"\xff" * 5_000_000,
        at_ms=1,
        source="cad",
    )
    with Bus(broker.patient) as bus:
        await bus.publish([MessageOut.of(letter)])
    [(key, value)] = broker.values(topics.DEAD.name, at_least=1)
    back = codec.decode(Kind.DEAD, value)
    assert key == b"cad"
    assert (len(back.payload), back.truncated_from_bytes) == (900_000, 5_000_000)


class Sink:
    """A handler that remembers, and fails when told."""

    def __init__(self, *, fail: int = 0) -> None:
        self.batches: list[Batch] = []
        self.tokens: list[str] = []
        self.fail = fail

    def __call__(self, batch: Batch) -> None:
        self.tokens.append(batch.token)
        if self.fail:
            self.fail -= 1
            raise SourceUnavailable("store.away", "the store is away", retry_after_s=0.05)
        self.batches.append(batch)


def consume(
    broker: Broker,
    sink: Sink,
    *,
    until: int,
    join: Join,
    plans: BatchPlans | None = None,
    limits: BatchLimits | None = None,
    timeout_s: float = 30.0,
) -> None:
    stop = threading.Event()
    consumer = BatchConsumer(
        broker.settings,
        group="sink",
        topics=[URGENT],
        join=join,
        plans=plans,
        limits=limits or BatchLimits(max_records=50, max_wait_s=0.2),
    )
    thread = threading.Thread(target=consumer.run, args=(sink,), kwargs={"stop": stop})
    thread.start()
    deadline = time.monotonic() + timeout_s
    while sum(len(batch.records) for batch in sink.batches) < until and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("join", list(Join))
async def test_a_batch_is_handed_out_again_unchanged_until_the_sink_takes_it(
    broker: Broker, join: Join
) -> None:
    Topics(broker.settings).ensure()
    with Bus(broker.patient) as bus:
        await asyncio.gather(*(bus.publish([press(n, key=b"k%d" % n)]) for n in range(300)))
    sink = Sink(fail=5)
    consume(broker, sink, until=300, join=join)
    assert sorted(numbers([(r.key, r.value) for batch in sink.batches for r in batch.records])) == list(
        range(300)
    )
    assert len(set(sink.tokens[:6])) == 1, "the five refusals and the success were the same batch"
    assert all(r.timestamp_ms > 1_600_000_000_000 for batch in sink.batches for r in batch.records)
    for batch in sink.batches:
        assert [r.offset for r in batch.records] == list(range(batch.first, batch.last + 1))
    again = Sink()
    consume(broker, again, until=1, join=join, timeout_s=4)
    assert again.batches == [], "everything was committed"


class Killed(BaseException):
    """Stands for the process dying after the insert and before the commit."""


class StoredPlans(MemoryPlans):
    """Plans as a store keeps them: they outlive the consumer, and who is assigned the partition reads them again."""

    def assigned(self, topic: str, partition: int) -> None:
        """Nothing is forgotten."""


async def test_a_sink_that_dies_before_the_commit_gets_the_same_batch_again(broker: Broker) -> None:
    Topics(broker.settings).ensure(partitions=1)
    with Bus(broker.patient) as bus:
        await asyncio.gather(*(bus.publish([press(n)]) for n in range(30)))
    inserted: list[str] = []

    def dies(batch: Batch) -> None:
        inserted.append(batch.token)
        raise Killed

    limits = BatchLimits(max_records=500, max_wait_s=0.3)
    plans = StoredPlans()
    consumer = BatchConsumer(broker.settings, group="sink", topics=[URGENT], plans=plans, limits=limits)
    with pytest.raises(Killed):
        consumer.run(dies, stop=threading.Event())
    with Bus(broker.patient) as bus:
        await asyncio.gather(*(bus.publish([press(n)]) for n in range(30, 70)))
    sink = Sink()
    consume(broker, sink, until=70, join=Join.ASSIGN, plans=plans, limits=limits)
    assert sink.batches[0].token == inserted[0]
    assert sorted(numbers([(r.key, r.value) for batch in sink.batches for r in batch.records])) == list(
        range(70)
    )


@pytest.mark.crash
@pytest.mark.kafka
def test_a_consumer_that_starts_before_its_broker_waits_for_it(apache_kafka: ApacheKafka) -> None:
    """Whoever starts a centre starts everything at once.

    A broker that is up, but whose group coordinator is not yet, is waited for as well.
    """
    empty(apache_kafka.bootstrap)
    settings = BusSettings(bootstrap=apache_kafka.bootstrap, profile=Profile.KAFKA, ack_wait_s=20.0)
    Topics(settings).ensure(partitions=1)
    with Bus(settings) as bus:
        bus.publish_sync([press(n) for n in range(20)])
    sink, stop = Sink(), threading.Event()
    consumer = BatchConsumer(settings, group="early", topics=[URGENT], limits=BatchLimits(max_wait_s=0.1))
    apache_kafka.kill()
    thread = threading.Thread(target=consumer.run, args=(sink,), kwargs={"stop": stop})
    thread.start()
    try:
        time.sleep(1.0)
        apache_kafka.start()
        until(lambda: sum(len(batch.records) for batch in sink.batches) == 20, "it reads", within_s=60)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_a_consumer_says_how_far_behind_it_is_also_while_its_store_is_away(apache_kafka: ApacheKafka) -> None:
    empty(apache_kafka.bootstrap)
    settings = BusSettings(bootstrap=apache_kafka.bootstrap, profile=Profile.KAFKA, ack_wait_s=20.0)
    Topics(settings).ensure(partitions=1)
    producer = Producer({"bootstrap.servers": apache_kafka.bootstrap})
    for n in range(40):
        producer.produce(URGENT, key=b"bus-12", value=b"%d" % n)
    assert producer.flush(60) == 0
    numbers, sink, stop = m.Metrics(), Sink(fail=10_000), threading.Event()
    consumer = BatchConsumer(
        settings, group="slow", topics=[URGENT], limits=BatchLimits(max_wait_s=0.1), metrics=numbers
    )
    thread = threading.Thread(target=consumer.run, args=(sink,), kwargs={"stop": stop})
    thread.start()
    try:
        until(lambda: numbers.value(m.LAG, "slow", URGENT) == 40, "all 40 are told as waiting")
        sink.fail = 0
        until(lambda: 'topic="cior.events.urgent.v1"} 0.0' in numbers.text(), "none waits any more")
        assert sum(len(batch.records) for batch in sink.batches) == 40
    finally:
        stop.set()
        thread.join(20)


def test_a_consumer_that_nobody_answers_gives_up_and_says_why() -> None:
    settings = BusSettings(bootstrap=f"127.0.0.1:{free_port()}")
    limits = BatchLimits(start_patience_s=0.0)
    consumer = BatchConsumer(settings, group="lost", topics=[URGENT], limits=limits)
    with pytest.raises(SourceUnavailable, match=r"bus\.broker_away"):
        consumer.run(Sink(), stop=threading.Event())


@pytest.mark.crash
@pytest.mark.parametrize("topics_late_s", [0.0, 2.0])
def test_a_new_life_of_the_embedded_broker_is_read_from_its_beginning(
    tansu: Tansu, topics_late_s: float
) -> None:
    """The same process reads on: what it had read of the old log is handed out, and the new log is not read from
    where the old one was. That its topics come late is no reason to end.
    """
    settings = BusSettings(bootstrap=tansu.bootstrap)
    Topics(settings).ensure(partitions=1)
    sink, stop = Sink(), threading.Event()
    consumer = BatchConsumer(
        settings, group="sink", topics=[URGENT], limits=BatchLimits(max_records=500, max_wait_s=1.5)
    )
    thread = threading.Thread(target=consumer.run, args=(sink,), kwargs={"stop": stop})
    thread.start()
    try:
        with Bus(settings) as bus:
            bus.publish_sync([press(n) for n in range(300)])
        until(lambda: consumer.status().waiting_records == 300, "the first life is read")
        tansu.kill()
        tansu.start()
        time.sleep(topics_late_s)
        Topics(settings).ensure(partitions=1)
        with Bus(settings) as bus:
            bus.publish_sync([press(n) for n in range(300, 350)])
        until(lambda: sum(len(batch.records) for batch in sink.batches) >= 350, "both lives are handed out")
    finally:
        stop.set()
        thread.join(20)
    assert numbers([(r.key, r.value) for batch in sink.batches for r in batch.records]) == list(range(350))


def until(condition: Callable[[], bool], what: str, *, within_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not in time: {what}"
        time.sleep(0.02)
