"""A second record under an id, from the bus to the wall: the sink keeps both and says so on the urgent lane, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_bus.metrics import Metrics
from cior_core import bundled, codec
from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.model import Action, ActionKind, DataClass, Event, Lane, Struct
from cior_core.taxonomy import Taxonomy
from cior_sink.conflicts import TYPE, ConflictWatch
from cior_sink.storing import Duties, MeasuredWriters
from cior_store.engine import Store
from cior_store.kinds import Entry
from cior_store.migrate import migrate
from cior_store.writers import Rejected, Writers
from doubles.signing import STRANGER, opens, signed
from integration.store import city

FIRST = city.raw(1, payload=b"the panel said: 130")
SECOND = city.raw(1, payload=b"the panel said: 602")


class Bus:
    """The bus, which may be away."""

    def __init__(self) -> None:
        self.said: list[Event] = []
        self.is_away = False

    def publish_sync(self, messages: list[Any]) -> None:
        if self.is_away:
            raise SourceUnavailable("bus.away", "the broker is away")
        self.said += [event for message in messages for event in codec.records(Kind.EVENT, message.value)]


class Stored(Struct, frozen=True):
    action_id: str
    kind: str


class Sink:
    """The writers as the sink's bulk consumer has them."""

    def __init__(self, store: Store) -> None:
        self.bus, self.holds, self._n = Bus(), 0, 0
        watch = ConflictWatch(store, self.bus, now_ms=lambda: city.NOON_MS)  # type: ignore[arg-type]
        self._writers = MeasuredWriters(
            Writers(store),
            Metrics(),
            watch=watch,
            duties=Duties(on_hold=self._held, opens=opens),
            now_ms=lambda: city.NOON_MS,
        )

    def _held(self) -> None:
        self.holds += 1

    def write(self, kind: Kind, *records: Any, token: str = "") -> None:
        self._n += 1
        assert self.offer(kind, city.entries(list(records), first=self._n * 100), token=token) == ()

    def offer(self, kind: Kind, batch: list[Entry], *, token: str = "") -> tuple[Rejected, ...]:
        self._n += 1
        return self._writers.write(kind, batch, token=token or f"batch-{self._n}")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path_factory.mktemp('conflicts') / 'store'}") as store:
        migrate(store)
        yield store


@pytest.fixture
def sink(engine: Store) -> Sink:
    for table in ("ops.raw", "sealed.raw", "ops.raw_digests", "ops.raw_conflicts"):
        engine.command(f"TRUNCATE TABLE {table}")
    return Sink(engine)


def test_law_15_a_republished_record_is_an_urgent_event_of_the_platform(sink: Sink) -> None:
    sink.write(Kind.RAW, FIRST)
    sink.write(Kind.RAW, FIRST)
    assert sink.bus.said == [], "an equal copy is a copy"
    sink.write(Kind.RAW, SECOND, city.raw(2))
    (said,) = sink.bus.said
    assert (said.type, said.lane, said.attributes) == (
        TYPE,
        Lane.URGENT,
        {"records": 1, "raw_ids": ["raw-1"]},
    )
    for record in (FIRST, SECOND, FIRST):
        sink.write(Kind.RAW, record)
    assert len(sink.bus.said) == 1, "the same finding is told once"
    sink.write(Kind.RAW, city.raw(1, payload=b"a third one"))
    assert len(sink.bus.said) == 2


def test_it_opens_an_alert_of_its_own_with_a_protocol() -> None:
    kind = Taxonomy.load(bundled.text("taxonomy.toml"))[TYPE]
    assert (kind.protocol, kind.level.value, kind.lane) == ("evidence_integrity", "P2", Lane.URGENT)
    assert kind.name_es
    assert kind.name_en


def test_while_the_bus_is_away_the_batch_is_not_done_and_comes_again(sink: Sink) -> None:
    sink.write(Kind.RAW, FIRST)
    sink.bus.is_away = True
    with pytest.raises(SourceUnavailable):
        sink.write(Kind.RAW, SECOND, token="t")
    sink.bus.is_away = False
    sink.write(Kind.RAW, SECOND, token="t")
    assert len(sink.bus.said) == 1


def test_law_15_of_sealed_records_the_event_names_nothing(sink: Sink) -> None:
    for text in (b"box one", b"box two"):
        sink.write(Kind.SEALED, city.raw(7, payload=text, sealed=True, data_class=DataClass.SEALED))
    (said,) = sink.bus.said
    assert (said.subject, said.attributes) == ("store:sealed", {"records": 1, "raw_ids": []})
    assert "raw-7" not in repr(said)


def test_who_republishes_a_whole_day_raises_one_event_a_batch(sink: Sink) -> None:
    sink.write(Kind.RAW, *(city.raw(n) for n in range(500)))
    sink.write(Kind.RAW, *(city.raw(n, payload=b"forged") for n in range(500)))
    (said,) = sink.bus.said
    assert said.attributes["records"] == 500
    assert len(said.attributes["raw_ids"]) == 20


def test_a_hold_is_told_when_it_is_stored(sink: Sink) -> None:
    note = Action(id="a-1", kind=ActionKind.NOTE, actor="ana", at_ms=city.NOON_MS)
    sink.write(Kind.ACTION, signed(note))
    assert sink.holds == 0
    hold = msgspec.structs.replace(note, id="a-2", kind=ActionKind.HOLD)
    sink.write(Kind.ACTION, signed(note), signed(hold))
    assert sink.holds == 1


def test_law_13_an_action_that_nobody_signed_is_not_stored(sink: Sink, engine: Store) -> None:
    engine.command("TRUNCATE TABLE ops.actions")
    note = Action(id="a-1", kind=ActionKind.NOTE, actor="ana", at_ms=city.NOON_MS)
    hold = msgspec.structs.replace(note, id="a-2", kind=ActionKind.HOLD)
    altered = msgspec.structs.replace(signed(note), kind=ActionKind.HOLD)
    forged = [hold, altered, signed(hold, key=STRANGER)]
    sink.write(Kind.ACTION, signed(note))
    refused = sink.offer(
        Kind.ACTION,
        [
            msgspec.structs.replace(each, record=act)
            for act, each in zip(forged, city.entries([signed(note)] * 3), strict=True)
        ],
    )
    codes = ["action.unsigned", "action.altered", "action.signer_unknown"]
    assert [each.code for each in refused] == codes
    assert sink.holds == 0
    stored = engine.ask(Stored, "SELECT action_id, kind FROM ops.actions")
    assert list(stored) == [Stored(action_id="a-1", kind="note")]


def test_another_day_of_receipt_does_not_hide_the_second_record(sink: Sink) -> None:
    sink.write(Kind.RAW, FIRST)
    sink.write(Kind.RAW, msgspec.structs.replace(FIRST, received_ms=city.NOON_MS - 40 * 86_400_000))
    assert len(sink.bus.said) == 1


def test_the_key_of_the_checkpoints_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    from cior_bus.checkpoint_key import open_checkpoint_key, origin_of

    key = open_checkpoint_key(tmp_path / "keys", origin=origin_of("Centro de Monitoreo — Rosario"))
    assert origin_of("Centro de Monitoreo — Rosario") == "cior/centro-de-monitoreo-rosario"
    assert (tmp_path / "keys" / "checkpoint.private").stat().st_mode & 0o777 == 0o600
    assert open_checkpoint_key(tmp_path / "keys", origin="x") == key
