"""One contract, four stores: chDB in this process, a real ClickHouse server, the compose server, and the in-memory
twin.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from msgspec import structs

from cior_core import codec, priority
from cior_core.catalogue import Kind
from cior_core.model import (
    AlertStatus,
    DataClass,
    Disposition,
    Lane,
    Level,
    Place,
    PlaceMethod,
    RawId,
    RawPointer,
)
from cior_store.answers import Answers
from cior_store.engine import Store
from cior_store.memory import MemoryStore
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions, Questions
from cior_store.reconcile import Balance, ReconcileSettings, check, gaps, totals
from cior_store.sink import Book
from cior_store.writers import Writers
from integration.store import city
from integration.store.city import MINUTE_MS, NOON_MS
from integration.store.engines_here import dsn_of, empty

DAY: Any = {"since_ms": NOON_MS - 12 * 3_600_000, "until_ms": NOON_MS + 12 * 3_600_000}


class Pair:
    """What a test writes into and what it asks."""

    def __init__(self, book: Book, ask: Answers) -> None:
        self.book, self.ask, self._n = book, ask, 0
        self.console: ConsoleQuestions | None = None

    def put(self, kind: Kind, *records: Any, token: str = "") -> None:
        self._n += 1
        assert (
            self.book.write(
                kind, city.entries(records, first=self._n * 1000), token=token or f"{kind}-{self._n}"
            )
            == ()
        )


@pytest.fixture(scope="module", params=["chdb", "lite", "compose", "memory"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store | None]:
    if request.param == "memory":
        yield None
        return
    with Store.open(dsn_of(request.param, request, tmp_path_factory)) as store:
        migrate(store)
        yield store


@pytest.fixture
def pair(base: Store | None) -> Pair:
    if base is None:
        twin = MemoryStore()
        return Pair(twin, twin)
    empty(base)
    pair = Pair(Writers(base), Questions(base))
    pair.console = ConsoleQuestions(base)
    return pair


def test_law_4_the_same_batch_twice_is_stored_once(pair: Pair) -> None:
    for _ in range(3):
        pair.put(Kind.EVENT, *(city.event(n) for n in range(20)), token="cior.events.v1-0-0-19")
    assert sum(row.events for row in pair.ask.events_by_minute(**DAY)) == 20


def test_law_4_the_same_events_cut_differently_are_stored_once(pair: Pair) -> None:
    pair.put(Kind.EVENT, *(city.event(n) for n in range(20)), token="a")
    pair.put(Kind.EVENT, *(city.event(n) for n in range(5, 15)), token="b")
    assert sum(row.events for row in pair.ask.events_by_minute(**DAY)) == 20


def test_law_4_every_other_kind_cut_differently_answers_the_same(pair: Pair) -> None:
    """Their cuts are not planned (kinds.ADDITIVE): a writer killed before its commit writes the same records again in
    other batches, under other tokens.
    """
    records: dict[Kind, list[Any]] = {
        Kind.RAW: [city.raw(n) for n in range(8)],
        Kind.SEALED: [city.raw(n + 50, sealed=True, data_class=DataClass.SEALED) for n in range(4)],
        Kind.ALERT: [city.alert(n, version=1 + n % 3) for n in range(8)],
        Kind.TRANSITION: [city.transition(n % 2, version=n) for n in range(8)],
        Kind.DEAD: [city.dead(n, raw_number=n) for n in range(8)],
    }
    for kind, made in records.items():
        pair.put(kind, *made)
    answers = _everything(pair)
    for kind, made in records.items():
        pair.put(kind, *made[: len(made) // 2])
        pair.put(kind, *made[1:])
    assert _everything(pair) == answers


def _everything(pair: Pair) -> list[Any]:
    """What the questions over those kinds say, without when a row was stored."""
    ask = pair.ask
    found: list[Any] = [
        ask.open_alerts(),
        ask.alert_story("alert-0"),
        ask.alert_story("alert-1"),
        ask.dead_letters(**DAY),
        ask.reconciliation(**DAY),
    ]
    if pair.console is not None:  # the twin has no statistics
        console = pair.console
        found += [console.signals_by_source(**DAY), console.alerts_by_level(**DAY)]
        found += [console.reconciliation(**DAY), (console.p1_latency(**DAY).alerts,)]
    return [
        [structs.replace(row, stored_ms=0) if hasattr(row, "stored_ms") else row for row in rows]
        for rows in found
    ]


def test_law_8_raw_bytes_come_out_exactly_as_they_went_in(pair: Pair) -> None:
    payloads = [
        b"",
        b"\x00",
        bytes(range(256)) * 40,
        "ñandú €".encode("latin-1", "replace"),
        b"\xff\xfe\x00",
        b"line\r\nline\\n\t'\"",
        b" \r\n\tpadded \x00\r\n ",
        b"x" * 1_500_000,
    ]
    pair.put(Kind.RAW, *(city.raw(n, payload=payload) for n, payload in enumerate(payloads)))
    for n, payload in enumerate(payloads):
        row = pair.ask.raw(f"raw-{n}")
        assert row is not None
        assert row.payload == payload
        assert row.sha256 == city.raw(n, payload=payload).sha256


def test_law_12_an_events_unknown_fields_are_kept_to_the_byte(pair: Pair) -> None:
    strange = city.event(
        1, extra={"vendorcolor": "rojo", "data": {"future_field": {"deep": [1, 2.5, None, "á"]}}}
    )
    (entry,) = city.entries([strange])
    assert pair.book.write(Kind.EVENT, [entry], token="x") == ()
    row = pair.ask.event("event-1")
    assert row is not None
    assert row.body == entry.body
    assert codec.decode(Kind.EVENT, row.body) == strange


def test_the_store_keeps_the_one_order_of_every_queue(pair: Pair) -> None:
    queue = [
        city.alert(number, level=level, status=status, score=score, opened_ms=NOON_MS - age_ms)
        for number, (level, status, score, age_ms) in enumerate(
            product(
                (Level.P1, Level.P2),
                (AlertStatus.ON_SCENE, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED),
                (10, 90),
                (0, 5_000),
            )
        )
    ]
    pair.put(Kind.ALERT, *queue)
    shown = [row.alert_id for row in pair.ask.open_alerts()]
    assert shown == [each.id for each in sorted(queue, key=priority.order)]


def test_open_alerts_are_the_newest_versions_most_urgent_first(pair: Pair) -> None:
    calm = city.alert(2, level=Level.P3, score=10)
    pair.put(
        Kind.ALERT, city.alert(1, version=3, status=AlertStatus.ACKNOWLEDGED), calm, city.alert(3, score=95)
    )
    pair.put(Kind.ALERT, city.alert(1, version=2))
    pair.put(
        Kind.ALERT,
        city.alert(4),
        city.alert(4, version=2, status=AlertStatus.CLOSED, disposition=Disposition.FALSE_ALARM),
    )
    rows = pair.ask.open_alerts()
    assert [(row.alert_id, row.version, row.status) for row in rows] == [
        ("alert-3", 1, "open"),
        ("alert-1", 3, "acknowledged"),
        ("alert-2", 1, "open"),
    ]
    queue = (city.alert(1, version=3, status=AlertStatus.ACKNOWLEDGED), calm, city.alert(3, score=95))
    assert [row.alert_id for row in rows] == [each.id for each in sorted(queue, key=priority.order)]
    assert [row.alert_id for row in pair.ask.open_alerts(level="P3")] == ["alert-2"]
    assert pair.ask.open_alerts(district="norte") == ()
    assert rows[0].reasons_es == ("Botón de pánico",)
    assert rows[0].lat == city.PLAZA.lat


def test_a_silent_alert_has_no_place_but_its_district(pair: Pair) -> None:
    silent = city.alert(1, silent=True, data_class=DataClass.SEALED)
    assert silent.place.located
    pair.put(Kind.ALERT, silent)
    (row,) = pair.ask.open_alerts()
    assert (row.lat, row.lon, row.district) == (None, None, "centro")
    if isinstance(pair.ask, Questions):
        body = pair.ask.alert_body("alert-1")
        assert body is not None
        assert b"-32.94" not in body


def test_a_sealed_event_with_an_exact_place_is_refused(pair: Pair) -> None:
    leak = city.event(1, data_class=DataClass.SEALED)
    safe = city.event(
        2, data_class=DataClass.SEALED, place=Place(method=PlaceMethod.DISTRICT, district="sur")
    )
    (refused,) = pair.book.write(Kind.EVENT, city.entries([leak, safe]), token="s")
    assert (refused.entry.record.id, refused.code) == ("event-1", "store.sealed_place")
    assert pair.ask.event("event-1") is None
    assert pair.ask.event("event-2") is not None


def test_the_story_of_an_alert_is_in_order_and_without_repeats(pair: Pair) -> None:
    pair.put(Kind.TRANSITION, city.transition(1, version=2, kind="raised"), city.transition(1, version=1))
    pair.put(
        Kind.TRANSITION, city.transition(1, version=1), city.transition(1, version=2, n=1, kind="merged")
    )
    assert [line.kind for line in pair.ask.alert_story("alert-1")] == ["opened", "raised", "merged"]


def test_drills_are_left_out_of_statistics(pair: Pair) -> None:
    pair.put(Kind.EVENT, city.event(1), city.event(2, drill=True))
    pair.put(Kind.ALERT, city.alert(1), city.alert(2, drill=True))
    assert sum(row.events for row in pair.ask.events_by_minute(**DAY)) == 1
    assert len(pair.ask.open_alerts()) == 2
    assert [row.alert_id for row in pair.ask.open_alerts(drills=False)] == ["alert-1"]


def test_dead_letters_are_listed_newest_first(pair: Pair) -> None:
    pair.put(Kind.DEAD, city.dead(1), city.dead(2, at_ms=NOON_MS + 5, code="dc09.length"))
    rows = pair.ask.dead_letters(**DAY)
    assert [(row.dead_id, row.code, row.payload_bytes) for row in rows] == [
        ("dead-2", "dc09.length", 10),
        ("dead-1", "dc09.crc", 10),
    ]


def _hour(pair: Pair, *, now_ms: int) -> list[tuple[int | None, int, int, int, Balance]]:
    found = check(pair.ask, now_ms=now_ms, settings=ReconcileSettings(look_back_s=7200))
    return [
        (
            each.row.accepted,
            each.row.raw_stored,
            each.row.missing_raw,
            each.row.missing_outcomes,
            each.verdict,
        )
        for each in found
    ]


def test_accepted_equals_stored_plus_dead(pair: Pair) -> None:
    pair.put(Kind.RAW, city.raw(1), city.raw(2), city.raw(3, events=0, dead=1), city.raw(4, events=2))
    pair.put(
        Kind.EVENT, city.event(1, raw_number=1), city.event(2, raw_number=2), city.accounting(NOON_MS, 4)
    )
    assert _hour(pair, now_ms=NOON_MS + MINUTE_MS) == [(4, 4, 0, 3, Balance.IN_FLIGHT)]
    assert _hour(pair, now_ms=NOON_MS + 10 * MINUTE_MS) == [(4, 4, 0, 3, Balance.GAP)]
    pair.put(Kind.DEAD, city.dead(1, raw_number=3))
    pair.put(
        Kind.EVENT,
        city.event(4, raw_number=4),
        city.event(5, raw=RawPointer(raw_id=RawId("raw-4"), sha256="00" * 32, index=1)),
    )
    assert _hour(pair, now_ms=NOON_MS + 10 * MINUTE_MS) == [(4, 4, 0, 0, Balance.BALANCED)]


def test_a_lost_record_is_a_gap_with_its_size(pair: Pair) -> None:
    pair.put(Kind.RAW, city.raw(1))
    pair.put(Kind.EVENT, city.event(1, raw_number=1), city.accounting(NOON_MS, 3))
    (gap,) = gaps(check(pair.ask, now_ms=NOON_MS + 10 * MINUTE_MS))
    assert (gap.minute_ms, gap.connector, gap.instance, gap.missing_raw, gap.missing_outcomes) == (
        NOON_MS,
        "dc09",
        "dc09-1",
        2,
        0,
    )


def test_one_press_sent_forty_times_balances(pair: Pair) -> None:
    pair.put(Kind.RAW, *(city.raw(n) for n in range(40)))
    pair.put(Kind.EVENT, *(city.event(7, raw_number=n) for n in range(40)), city.accounting(NOON_MS, 40))
    assert _hour(pair, now_ms=NOON_MS + 10 * MINUTE_MS) == [(40, 40, 0, 0, Balance.BALANCED)]
    assert sum(row.events for row in pair.ask.events_by_minute(**DAY, source="dc09:panel")) == 1


def test_records_without_a_claim_are_called_unclaimed(pair: Pair) -> None:
    pair.put(Kind.RAW, city.raw(1))
    pair.put(Kind.EVENT, city.event(1, raw_number=1))
    assert _hour(pair, now_ms=NOON_MS + 10 * MINUTE_MS) == [(None, 1, 0, 0, Balance.UNCLAIMED)]


def test_sealed_records_take_part_in_the_balance_without_being_readable_in_ops(pair: Pair) -> None:
    pair.put(Kind.SEALED, city.raw(1, payload=b"sealed box", sealed=True, data_class=DataClass.SEALED))
    pair.put(Kind.EVENT, city.event(1, raw_number=1), city.accounting(NOON_MS, 1))
    assert pair.ask.raw("raw-1") is None
    assert _hour(pair, now_ms=NOON_MS + 10 * MINUTE_MS) == [(1, 1, 0, 0, Balance.BALANCED)]


def test_a_raw_record_whose_bytes_were_changed_on_the_way_is_refused(pair: Pair) -> None:
    good = city.raw(1)
    bad = city.raw(2, payload=b"before")
    bad = type(bad)(
        **{name: getattr(bad, name) for name in bad.__struct_fields__ if name != "payload"}, payload=b"after"
    )
    (refused,) = pair.book.write(Kind.RAW, city.entries([good, bad]), token="r")
    assert (refused.entry.record.id, refused.code) == ("raw-2", "store.raw_digest")


def test_telemetry_events_are_counted_like_others(pair: Pair) -> None:
    pair.put(
        Kind.EVENT,
        *(city.event(n, lane=Lane.TELEMETRY, attributes={"speed_kmh": 40 + n, "on": True}) for n in range(3)),
    )
    assert sum(row.events for row in pair.ask.events_by_minute(**DAY)) == 3


def test_claims_by_minute_of_receipt_add_up_and_rejected_ones_are_durable_too(pair: Pair) -> None:
    pair.put(
        Kind.RAW,
        city.raw(1),
        city.raw(2, at_ms=NOON_MS + MINUTE_MS),
        city.raw(3, at_ms=NOON_MS + MINUTE_MS, events=0, dead=1),
    )
    pair.put(Kind.DEAD, city.dead(1, raw_number=3))
    first = city.accounting(NOON_MS, 0, by_minute={str(NOON_MS): 1, str(NOON_MS + MINUTE_MS): 1})
    second = city.accounting(NOON_MS + MINUTE_MS, 0, rejected=1)
    pair.put(
        Kind.EVENT,
        city.event(1, raw_number=1),
        city.event(2, raw_number=2, at_ms=NOON_MS + MINUTE_MS),
        first,
        second,
    )
    assert _hour(pair, now_ms=NOON_MS + 20 * MINUTE_MS) == [
        (1, 1, 0, 0, Balance.BALANCED),
        (2, 2, 0, 0, Balance.BALANCED),
    ]


def test_a_claim_over_a_straddling_window_is_compared_in_sum_only(pair: Pair) -> None:
    pair.put(Kind.RAW, city.raw(1), city.raw(2, at_ms=NOON_MS + MINUTE_MS))
    claim = city.accounting(NOON_MS + 90_000, 2)
    claim = structs.replace(claim, attributes={"accepted": 2, "window_s": 60.0})
    pair.put(Kind.EVENT, city.event(1, raw_number=1), city.event(2, raw_number=2), claim)
    found = check(pair.ask, now_ms=NOON_MS + 20 * MINUTE_MS, settings=ReconcileSettings(look_back_s=7200))
    assert {each.verdict for each in found} == {Balance.UNCLAIMED}
    assert [(total.accepted, total.raw_stored) for total in totals([each.row for each in found])] == [(2, 2)]


def test_an_accounting_event_that_claims_nothing_is_rejected(pair: Pair) -> None:
    nothing = structs.replace(city.accounting(NOON_MS, 1), attributes={})
    (refused,) = pair.book.write(Kind.EVENT, city.entries([nothing]), token="x")
    assert refused.code == "store.accounting"
