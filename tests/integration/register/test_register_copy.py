"""The ledger's copy in the store: every row once in effect, nothing sealed in words, a hole found and filled, and a
change named. The register may be a file or a server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_console import metrics as m
from cior_console.ledger_part import MOST_TRIES, LedgerWay
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.chain import Head
from cior_core.errors import PayloadRejected, SourceUnavailable
from cior_core.ledger_copy import LedgerCopy, copy_of
from cior_core.people import LedgerEntry
from cior_register import ledger
from cior_register.register import Register
from cior_sink.ledger_check import check_ledger_copy
from cior_sink.storing import StoreSink
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions
from cior_store.writers import Writers
from integration.store import city

T_MS = 1_795_262_400_000
WHY = "llamó Rosa Canario de Prueba"


class Wire:
    """A bus whose rows stand in the store as soon as they are sent; it can be away, or lose what it took."""

    def __init__(self, store: Store) -> None:
        self._writers, self.sent = Writers(store), 0
        self.is_away = self.loses = False
        self.refused: list[str] = []
        self.values: list[bytes] = []

    def publish_sync(self, messages: list[MessageOut]) -> None:
        if self.is_away:
            raise SourceUnavailable("bus.away", "no broker")
        self.values += [each.value for each in messages]
        rows = [codec.decode(Kind.LEDGER, each.value) for each in messages]
        batch = city.entries(rows, topic="cior.ledger.v1", first=self.sent)
        self.sent += len(messages)
        if not self.loses:
            token = f"{id(self)}-{self.sent}"
            self.refused += [each.code for each in self._writers.write(Kind.LEDGER, batch, token=token)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path_factory.mktemp('copy') / 'store'}") as opened:
        migrate(opened)
        yield opened


@pytest.fixture
def store(engine: Store) -> Store:
    engine.command("TRUNCATE TABLE ops.ledger")
    return engine


@pytest.fixture
def wire(store: Store) -> Wire:
    return Wire(store)


@pytest.fixture
def way(register: Register, store: Store, wire: Wire) -> LedgerWay:
    return LedgerWay(register, wire, ConsoleQuestions(store), Metrics())  # type: ignore[arg-type]  # what it uses of a bus


def act(register: Register, *subjects: str, act: str = "alert.read", reason: str = "") -> None:
    waiting = [
        register.submit(
            LedgerEntry(at_ms=T_MS, actor="p-ana", act=act, subject=each, reason=reason),
            lambda _connection: None,
        )
        for each in subjects
    ]
    for each in waiting:
        each.result(60)


def until(is_so: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_so()


def subjects(store: Store) -> list[str]:
    return [str(row["subject"]) for row in store.rows("SELECT subject FROM auditor.v_ledger ORDER BY seq")]


def breaks(store: Store) -> list[tuple[Any, ...]]:
    return [
        tuple(row.values()) for row in store.rows("SELECT fault, seq, until FROM auditor.v_ledger_breaks")
    ]


def found(store: Store, register: Register) -> set[tuple[str, int]]:
    head = register.head
    assert head is not None
    told = check_ledger_copy(store, {head.seq: head.hash})
    return {(each.code, each.arguments.get("first", 0)) for each in told if not each.is_note}


def test_law_4_every_row_stands_in_the_copy_once_whoever_dies_between_sending_and_noting(
    register: Register, way: LedgerWay, wire: Wire, store: Store
) -> None:
    names = [f"a-{n}" for n in range(700)]
    act(register, *names)
    way.send()
    assert subjects(store) == names
    register.keep_published(0, was=700)  # a console that sent and died before it noted that
    way.send()
    assert wire.sent == 1_400
    assert subjects(store) == names
    assert store.value("SELECT count() FROM ops.ledger FINAL") == 700
    assert (breaks(store), found(store, register), wire.refused) == ([], set(), [])


def test_while_the_bus_is_away_rows_wait_in_the_register_and_the_figure_says_how_many(
    register: Register, store: Store, wire: Wire
) -> None:
    metrics = Metrics()
    way = LedgerWay(register, wire, ConsoleQuestions(store), metrics)  # type: ignore[arg-type]  # what it uses of a bus
    wire.is_away = True
    act(register, "a-1", "a-2", "a-3")
    with pytest.raises(SourceUnavailable):
        way.send()
    assert metrics.value(m.LEDGER_WAITING) == 3
    wire.is_away = False
    way.send()
    assert metrics.value(m.LEDGER_WAITING) == 0
    assert subjects(store) == ["a-1", "a-2", "a-3"]


def test_law_17_what_was_written_about_something_sealed_stays_in_the_register(
    register: Register, way: LedgerWay, wire: Wire, store: Store
) -> None:
    act(register, "a-1", act="sealed.open", reason=WHY)
    act(register, "a-2", reason="para el parte")
    way.send()
    assert not [value for value in wire.values if b"Canario" in value]
    shown = store.rows("SELECT act, subject, reason, withheld FROM auditor.v_ledger ORDER BY seq")
    assert [tuple(row.values()) for row in shown] == [
        ("sealed.open", "a-1", "", True),
        ("alert.read", "a-2", "para el parte", False),
    ]
    assert found(store, register) == set()
    kept = register.read_now(
        lambda connection: ledger.rows(connection, ledger.LedgerQuestion(act="sealed.open"))
    )
    assert [row.entry.reason for row in kept] == [WHY]


def test_what_a_broker_without_memory_lost_goes_out_again_once_a_later_row_proves_it(
    register: Register, store: Store, wire: Wire
) -> None:
    metrics = Metrics()
    way = LedgerWay(register, wire, ConsoleQuestions(store), metrics)  # type: ignore[arg-type]  # what it uses of a bus
    act(register, "a-1", "a-2")
    way.send()
    wire.loses = True
    act(register, "a-3", "a-4")
    way.send()
    wire.loses = False
    way.mend()
    assert metrics.value(m.LEDGER_MISSING) == 0, "these may still be on their way"
    act(register, "a-5")
    way.send()
    assert breaks(store) == [("removed", 3, 4)]
    assert ("ledger_copy_missing", 3) in found(store, register)
    way.mend()
    assert metrics.value(m.LEDGER_MISSING) == 3
    way.send()
    way.mend()
    assert subjects(store) == ["a-1", "a-2", "a-3", "a-4", "a-5"]
    assert (metrics.value(m.LEDGER_MISSING), metrics.value(m.LEDGER_AGAIN)) == (0, 1)


def test_a_store_that_was_made_anew_gets_the_whole_ledger(
    register: Register, way: LedgerWay, store: Store
) -> None:
    act(register, *(f"a-{n}" for n in range(20)))
    way.send()
    way.mend()
    store.command("TRUNCATE TABLE ops.ledger")
    way.mend()
    act(register, "a-20")
    way.send()
    way.mend()
    way.send()
    assert subjects(store) == [f"a-{n}" for n in range(21)]


def test_what_is_lost_again_and_again_is_told_and_not_sent_for_ever(
    register: Register, store: Store, wire: Wire
) -> None:
    """A row that somebody spoiled in the register is refused by the store each time."""
    metrics = Metrics()
    way = LedgerWay(register, wire, ConsoleQuestions(store), metrics)  # type: ignore[arg-type]  # what it uses of a bus
    act(register, "a-1", "a-2", "a-3")
    way.send()
    store.command("ALTER TABLE ops.ledger DELETE WHERE seq = 2 SETTINGS mutations_sync = 2")
    wire.loses = True
    for _ in range(MOST_TRIES + 3):
        way.mend()
        way.send()
    assert metrics.value(m.LEDGER_AGAIN) == MOST_TRIES
    assert metrics.value(m.LEDGER_MISSING) == 2


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE actor = 'p-otra' WHERE seq = 2", {("ledger_copy_misfiled", 0)}),
        ("DELETE WHERE seq = 2", {("ledger_copy_missing", 2)}),
        ("DELETE WHERE seq = 3", {("ledger_copy_missing", 3)}),
        (
            "UPDATE entry = replace(entry, 'p-ana', 'p-eva'), actor = 'p-eva' WHERE seq = 2",
            {("ledger_copy_changed", 2), ("ledger_copy_misfiled", 0)},
        ),
    ],
)
def test_law_15_what_an_administrator_changed_in_the_copy_is_named(
    register: Register, way: LedgerWay, store: Store, sql: str, told: set[tuple[str, int]]
) -> None:
    act(register, "a-1", "a-2", "a-3")
    way.send()
    store.command("ALTER TABLE ops.ledger DROP CONSTRAINT hash_of_all")
    try:
        store.command(f"ALTER TABLE ops.ledger {sql} SETTINGS mutations_sync = 2")
        assert found(store, register) == told
    finally:
        store.command(
            "ALTER TABLE ops.ledger ADD CONSTRAINT hash_of_all CHECK hash = chain_hash('register', seq, previous, '', "
            "digest) AND (withheld OR digest = lower(hex(SHA256(entry))))"
        )


def test_law_15_a_row_with_a_false_hash_is_refused_by_the_writer_and_by_the_database(
    store: Store, wire: Wire
) -> None:
    place = Head("register", 1, "f" * 64)
    forged = copy_of(seq=1, previous="0" * 64, hashed=place.hash, entry=b'{"act":"alert.read"}')
    wire.publish_sync([MessageOut.of(forged)])
    assert wire.refused == ["store.ledger_hash"]
    columns = "(seq, hash, previous, digest, entry)"
    values = f"(1, '{place.hash}', '{'0' * 64}', '{forged.digest}', '{forged.entry}')"
    with pytest.raises(PayloadRejected):
        store.command(f"INSERT INTO ops.ledger {columns} VALUES {values}")


def test_over_a_real_broker_and_the_sink_rows_arrive_after_the_broker_came_back(
    register: Register, store: Store, tansu: Tansu
) -> None:
    settings = BusSettings(bootstrap=tansu.bootstrap, profile=Profile.TANSU)
    Topics(settings).ensure()
    with Bus(settings) as bus:
        way = LedgerWay(register, bus, ConsoleQuestions(store), Metrics())
        followers = way.followers()
        sink = StoreSink(settings, store, bus)
        sink.start()
        for each in followers:
            each.start()
        try:
            act(register, *(f"a-{n}" for n in range(30)))
            until(lambda: len(subjects(store)) == 30)
        finally:
            for each in followers:
                each.stop()
            sink.stop()
    assert subjects(store) == [f"a-{n}" for n in range(30)]
    assert (breaks(store), found(store, register)) == ([], set())


def test_a_copy_says_itself_whether_it_is_whole() -> None:
    told = copy_of(seq=1, previous="0" * 64, hashed="", entry=b'{"act":"alert.read"}')
    assert not told.is_itself
    spoiled = copy_of(seq=1, previous="0" * 64, hashed="f" * 64, entry=b"\xff not json")
    assert (spoiled.entry, spoiled.is_itself) == ("{}", False)
    assert isinstance(codec.decode(Kind.LEDGER, codec.encode(spoiled)), LedgerCopy)
