"""What the boards of response times, false alarms, load, judicial requests and the observatory say of known records,
written by the real writers and asked with the boards' own queries.

Beside the ordinary records stand exercises, absorbed copies, tests and reserved ones: the numbers are those without
them, and a reserved one is in the city's total and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.model import (
    Alert,
    AlertStatus,
    DataClass,
    Disposition,
    EventId,
    Lane,
    Level,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    Reason,
    TypeCode,
)
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus
from cior_core.suppression import suppress
from cior_grafana import macros, queries
from cior_store import migrate, month_statistics
from cior_store.centre_facts import CentreFacts, DistrictFacts, Population, write_facts
from cior_store.engine import Store
from cior_store.writers import Writers
from integration.store import city

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
NOON = city.NOON_MS
"""2026-11-21, a Saturday, 12:00 UTC: 9 in the morning in the city."""
CALLS = "urn:cior:cad:privadas"
GBV: dict[str, Any] = {"type": "silent.gbv", "silent": True, "data_class": DataClass.SEALED}
CENSUS = Population(people=200_000, year=2022, source="INDEC, Censo 2022")
FACTS = CentreFacts(
    area="city",
    name="Ciudad",
    timezone="America/Argentina/Buenos_Aires",
    population=CENSUS,
    districts=(
        DistrictFacts(district="norte", name="Distrito Norte", population=CENSUS),
        DistrictFacts(district="sur", name="Distrito Sur"),
    ),
    response_target_s=420,
    officer_hours_per_dispatch=1 / 3,
    officer_hour_cost=9_000.0,
    currency="ARS",
    cost_source="Presupuesto 2026",
    operators=4,
)


Stamps = tuple[float, float, float | None, float | None, float | None]


def ask(
    store: Store, board: str, query: str, *, since_ms: int = NOON, until_ms: int = NOON + HOUR_MS
) -> list[Any]:
    """The rows of a board's own query over the range, as tuples in the order of its columns."""
    found = queries.load(board)[query]
    window = macros.Window(from_ms=since_ms, to_ms=until_ms, interval_ms=600_000)
    rows = store.rows(macros.ready(found.sql, window))
    return [tuple(row[column.name] for column in found.columns) for row in rows]


def put(store: Store, kind: Kind, records: list[Any]) -> None:
    assert Writers(store).write(kind, city.entries(records), token=str(kind)) == ()


def at(seconds: float) -> int:
    return NOON + round(seconds * 1_000)


def stamp(seconds: float | None) -> int | None:
    return None if seconds is None else at(seconds)


def incident(
    number: int,
    *,
    opened_ms: int = NOON + MINUTE_MS,
    stamps: Stamps = (0, 0, None, None, None),
    district: str = "norte",
    **more: Any,
) -> Alert:
    """An alert whose ``stamps`` are seconds after NOON: the device's word, receipt, taken, unit sent, on scene."""
    occurred, received, taken, sent, scene = stamps
    place = Place(method=PlaceMethod.DISTRICT, district=district)
    kind = more.pop("type", "panic.bus")
    member = Member(
        event_id=EventId(f"event-{number}"), type=TypeCode(kind), source=more.pop("source", CALLS),
        subject=more.pop("device", f"device-{number}"), phase=Phase.NEW, occurred_ms=at(occurred),
        received_ms=at(received), place=place, life_safety=True, independence=f"device-{number}",
    )  # fmt: skip
    return city.alert(
        number, type=kind, members=(member,), place=place, opened_ms=opened_ms, first_occurred_ms=at(occurred),
        acknowledged_ms=stamp(taken), dispatched_ms=stamp(sent), on_scene_ms=stamp(scene),
        **{"status": AlertStatus.CLOSED if scene else AlertStatus.OPEN, **more},
    )  # fmt: skip


@pytest.fixture
def facts(admin: Store) -> Store:
    """An emptied store with the city's figures and the families of three types."""
    for table in ("alert_current", "alert_clock", "events", "candidate_hour", "requests", "stat_month"):
        admin.command(f"TRUNCATE TABLE ops.{table} SYNC")
    write_facts(admin, FACTS, now_ms=NOON)
    types = [("panic.bus", "panic_transport"), ("fire.structure", "fire"), ("theft.report", "theft")]
    columns: list[list[Any]] = [[code for code, _ in types], [family for _, family in types], [NOON] * 3]
    admin.insert("ops.event_types", ("type", "family", "written"), columns, token="types")
    return admin


# --- response times ---------------------------------------------------------------------------------------------------

CLOSED = AlertStatus.CLOSED
OTHERS: dict[str, dict[str, Any]] = {
    "an exercise": {"drill": True},
    "an absorbed copy": {"status": AlertStatus.MERGED},
    "a test": {"disposition": Disposition.TEST},
    "a duplicate": {"disposition": Disposition.DUPLICATE},
}


@pytest.fixture
def responses(facts: Store) -> Store:
    """Five arrivals in the north, one in the south with a device that runs ahead, one unfinished of each sort."""
    arrivals = [incident(n, stamps=(0, 10, 70, 100, 10 + s)) for n, s in enumerate((200, 300, 400, 420, 600))]
    south: dict[str, Any] = {"type": "fire.structure", "district": "sur"}
    records = [
        *arrivals,
        incident(10, stamps=(0, 10, 80, None, None), status=CLOSED, level=Level.P2),
        incident(11, stamps=(0, 10, None, None, None)),
        incident(12, stamps=(60, 10, 90, 100, 510), **south),
        incident(13, stamps=(-90_000, 10, 90, 100, 110), type="theft.report", level=Level.P4, district="sur"),
        incident(14, stamps=(9.9, 10, 119, 179.9, 590.5), **GBV),
        *(incident(20 + n, stamps=(0, 10, 11, 12, 13), **more) for n, more in enumerate(OTHERS.values())),
    ]
    put(facts, Kind.ALERT, records)
    return facts


def test_the_line_counts_urgent_arrivals_within_the_target_and_says_of_how_many(responses: Store) -> None:
    """Of nine urgent incidents seven have an arrival: 200, 300, 400, 420, 500, 540 (reserved, to the minute), 600 s."""
    assert ask(responses, "tiempos", "within_target") == [(57.1, 7, 9, 420)]
    assert ask(responses, "tiempos", "urgent_scene") == [(420.0, 600.0)]
    assert ask(responses, "tiempos", "no_arrival") == [(1, 1)]


def test_every_step_has_its_number_and_what_was_not_measured(responses: Store) -> None:
    steps = {row[0]: row[1:] for row in ask(responses, "tiempos", "steps")}
    assert list(steps) == [
        "signal_receipt", "receipt_alert", "alert_taken", "taken_sent", "sent_scene", "receipt_scene",
    ]  # fmt: skip
    # One device runs ahead of its receipt, one spoke of the day before yesterday: neither is in the median.
    assert steps["signal_receipt"] == (8, 10, 10.0, 10.0, 0, 0, 2)
    assert steps["alert_taken"][:2] == (9, 10)
    assert steps["alert_taken"][4:] == (0, 1, 0)
    assert steps["taken_sent"][0] + sum(steps["taken_sent"][4:]) == 10
    assert steps["taken_sent"][4:] == (1, 1, 0)
    assert steps["receipt_scene"] == (8, 10, 420.0, 600.0, 1, 1, 0)
    assert ask(responses, "tiempos", "wrong_clocks") == [(2,)]


def test_families_and_districts_leave_reserved_incidents_out(responses: Store) -> None:
    families = ask(responses, "tiempos", "by_family")
    assert [(row[0], row[1]) for row in families] == [("panic_transport", 7), ("fire", 1), ("theft", 1)]
    assert families[0][2:] == (6, 10.0, 20.0, 5, 400.0, 600.0, 80.0, 1, 1)
    assert [(row[0], row[1], row[5], row[6]) for row in ask(responses, "tiempos", "by_district")] == [
        ("Distrito Norte", 7, 5, 400.0),
        ("Distrito Sur", 2, 2, 500.0),
    ]


def test_a_day_is_the_citys_day(responses: Store) -> None:
    midnight = datetime(2026, 11, 21, 3, tzinfo=UTC)
    ((day, half, most, target),) = ask(responses, "tiempos", "scene_by_day")
    assert (day.replace(tzinfo=UTC), half, most, target) == (midnight, 420.0, 600.0, 420)
    ((_, *counted),) = ask(responses, "tiempos", "measured_by_day")
    assert counted == [7, 1, 1]


def test_a_later_version_replaces_and_an_older_copy_changes_nothing(responses: Store) -> None:
    first = incident(11, stamps=(0, 10, None, None, None))
    arrived = incident(11, stamps=(0, 10, 70, 100, 20), version=2)
    for n, record in enumerate((arrived, first)):
        assert (
            Writers(responses).write(Kind.ALERT, city.entries([record], first=100 + n), token=f"later {n}")
            == ()
        )
    assert ask(responses, "tiempos", "no_arrival") == [(1, 0)]
    assert ask(responses, "tiempos", "within_target") == [(62.5, 8, 9, 420)]


def pour(store: Store) -> None:
    """Each alert's narrow row from the alert, as its migration makes it."""
    (poured,) = [each for each in migrate.bundled()[25].statements if "INTO ops.alert_clock" in each]
    store.command(poured)


def test_alerts_of_before_the_migration_are_on_the_board_after_it(responses: Store) -> None:
    """As in a store that had its alerts first; poured twice they are there once."""
    before = ask(responses, "tiempos", "steps")
    responses.command("TRUNCATE TABLE ops.alert_clock SYNC")
    assert ask(responses, "tiempos", "steps") == []
    for _ in range(2):
        pour(responses)
        assert ask(responses, "tiempos", "steps") == before


def test_with_nothing_there_no_time_is_shown_and_no_share(facts: Store) -> None:
    assert ask(facts, "tiempos", "within_target") == [(None, 0, 0, 420)]
    assert ask(facts, "tiempos", "urgent_scene") == [(None, None)]
    assert ask(facts, "tiempos", "by_family") == []


# --- false alarms -----------------------------------------------------------------------------------------------------


def judged(number: int, ended: Disposition, *, sent: bool = True, **more: Any) -> Alert:
    return incident(
        number, stamps=(0, 10, 20, 30 if sent else None, None), status=CLOSED, disposition=ended, **more
    )


def test_the_rosario_ledger_of_2025_comes_out_as_published(facts: Store) -> None:
    """103,910 calls of private alarms in 348 days, 358 confirmed, a third of an hour each: 0.34 % and 34,637 hours."""
    facts.command(
        f"""INSERT INTO ops.alert_current (alert_id, version, type, level, status, data_class, disposition, sources,
            opened, first_occurred, first_received, dispatched)
        SELECT concat('a', toString(number)), 1, 'burglary.alarm', 'P4', 'closed', 'restricted',
            if(number < 358, 'confirmed', 'false_alarm'), ['{CALLS}'],
            fromUnixTimestamp64Milli({NOON} - intDiv(number * 348 * {DAY_MS}, 103910)) AS at, at, at, at
        FROM numbers(103910)"""
    )
    pour(facts)
    year: Any = {"since_ms": NOON - 365 * DAY_MS, "until_ms": NOON}
    assert ask(facts, "falsas_alarmas", "total", **year) == [(0.34, 0.31, 0.38, 103_910)]
    assert ask(facts, "falsas_alarmas", "spent", **year) == [(34_637, 34_636.666667 * 9_000 // 1, 103_910)]
    (kind,) = ask(facts, "falsas_alarmas", "by_kind", **year)
    assert kind == ("cad", 103_910, 358, 103_552, 0, 0.34, 0.31, 0.38, 103_910, 34_637, 311_730_000)
    (source,) = ask(facts, "falsas_alarmas", "by_source", **year)
    assert source[:3] == ("cad:privadas", 103_910, 358)


def test_the_ledger_counts_what_somebody_judged_and_nothing_else(facts: Store) -> None:
    """Six judged: one confirmed of two sources, three false, one unfounded, one false without a unit sent."""
    confirmed = judged(1, Disposition.CONFIRMED)
    other = incident(1, source="urn:cior:dc09:norte").members
    records = [
        city.alert(1, **{**_fields(confirmed), "members": (*confirmed.members, *other)}),
        *(judged(n, Disposition.FALSE_ALARM, device="panel-9") for n in (2, 3, 4)),
        judged(5, Disposition.UNFOUNDED, device="panel-9"),
        judged(6, Disposition.FALSE_ALARM, device="panel-9", sent=False),
        judged(7, Disposition.UNKNOWN),
        judged(8, Disposition.TEST),
        judged(9, Disposition.FALSE_ALARM, drill=True),
        judged(10, Disposition.FALSE_ALARM, **GBV),
        incident(11),
    ]
    put(facts, Kind.ALERT, records)
    assert ask(facts, "falsas_alarmas", "total") == [(16.67, 3.01, 56.35, 6)]
    assert ask(facts, "falsas_alarmas", "spent") == [(2, 15_000, 5)]
    sources = {row[0]: row[1:5] for row in ask(facts, "falsas_alarmas", "by_source")}
    assert sources == {"cad:privadas": (6, 1, 4, 1), "dc09:norte": (1, 1, 0, 0)}
    assert [(row[0], row[1]) for row in ask(facts, "falsas_alarmas", "by_family")] == [("panic_transport", 6)]
    (device,) = ask(facts, "falsas_alarmas", "by_device")
    assert (device[:5], device[-1]) == (("panel-9", 5, 0, 4, 1), 4)
    ((_, *day),) = ask(facts, "falsas_alarmas", "by_day")
    assert day == [1, 4, 1]


def _fields(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in alert.__struct_fields__ if name not in ("id", "area")}


def test_without_figures_no_money_and_without_judgements_no_share(facts: Store) -> None:
    assert ask(facts, "falsas_alarmas", "total") == [(None, None, None, 0)]
    put(facts, Kind.ALERT, [judged(1, Disposition.FALSE_ALARM)])
    poor = {name: getattr(FACTS, name) for name in FACTS.__struct_fields__}
    write_facts(facts, CentreFacts(**{**poor, "officer_hour_cost": None, "cost_source": ""}), now_ms=NOON + 1)
    assert ask(facts, "falsas_alarmas", "spent") == [(0, None, 1)]
    assert ask(facts, "falsas_alarmas", "cost_basis") == [(1 / 3, None, "ARS", "")]


# --- load -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(facts: Store) -> Store:
    """Forty alerts from 12:20 to 12:30 for four positions, two later; an exercise beside them."""
    begun = Reason(code="flood.begun", points=0, text_es="", text_en="")
    slot = NOON + 20 * MINUTE_MS
    records = [
        *(incident(n, opened_ms=slot + n * SECOND_MS, level=Level.P3) for n in range(36)),
        incident(36, opened_ms=slot + 40_000, level=Level.P2, reasons=(begun,)),
        incident(37, opened_ms=slot + 41_000, level=Level.P3, status=AlertStatus.MERGED),
        incident(38, opened_ms=slot + 42_000, district="sur", **GBV),
        incident(39, opened_ms=slot + 43_000, district="sur"),
        *(incident(40 + n, opened_ms=slot + 15 * MINUTE_MS, district="sur") for n in range(2)),
        *(incident(50 + n, opened_ms=slot, drill=True) for n in range(5)),
    ]
    put(facts, Kind.ALERT, records)
    sealed: dict[str, Any] = {
        "data_class": DataClass.SEALED,
        "place": Place(method=PlaceMethod.DISTRICT, district="sur"),
    }
    cad = Producer(connector="cad_drop", version="1", instance="calls")
    events = [
        *(city.event(n, producer=cad) for n in range(7)),
        city.event(7, **sealed),
        city.event(8, lane=Lane.TELEMETRY),
        city.event(9, drill=True),
        city.event(10, phase=Phase.UPDATE),
    ]
    put(facts, Kind.EVENT, events)
    return facts


def test_ten_alerts_a_position_in_ten_minutes_are_a_flood(loaded: Store) -> None:
    worst, after = ask(loaded, "carga", "floods")
    assert worst[1:] == ("flood", 40, 10.0, 3, 1)
    assert worst[0].replace(tzinfo=UTC) == datetime(2026, 11, 21, 12, 20, tzinfo=UTC)
    assert after[1:] == ("good", 2, 0.5, 2, 0)


def test_ten_minutes_without_alerts_are_zero_and_not_a_hole(loaded: Store) -> None:
    by_level = ask(loaded, "carga", "per_ten_by_level", until_ms=NOON + HOUR_MS - 1)
    assert {level for _, level, _ in by_level} == {"P1", "P2", "P3"}
    assert [alerts for _, level, alerts in by_level if level == "P3"] == [0, 0, 37, 0, 0, 0]
    by_district = ask(loaded, "carga", "per_ten_by_district", until_ms=NOON + HOUR_MS - 1)
    assert [alerts for _, district, alerts in by_district if district == "Distrito Sur"] == [0, 0, 2, 2, 0, 0]


def test_hours_and_days_of_the_week_are_the_citys(loaded: Store) -> None:
    """Saturday, 9 in the morning; every hour of the day has its row."""
    rows = ask(loaded, "carga", "by_hour")
    assert len(rows) == 24
    assert [row for row in rows if any(row[1:])] == [("09 h", 0, 0, 0, 0, 0, 42, 0)]
    month: Any = {"since_ms": NOON - 21 * DAY_MS, "until_ms": NOON + 7 * DAY_MS}
    assert [row[6] for row in ask(loaded, "carga", "by_hour", **month) if any(row[1:])] == [10.5]


def test_candidates_alerts_and_capacity_stand_side_by_side(loaded: Store) -> None:
    ((day, *counted),) = ask(loaded, "carga", "candidates_by_day")
    assert day.replace(tzinfo=UTC) == datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert counted == [8, 42, 600]
    assert ask(loaded, "carga", "by_connector") == [("cad_drop", 7), ("reservada", 1)]


def test_without_positions_nothing_is_shared_over_them(loaded: Store) -> None:
    poor = {name: getattr(FACTS, name) for name in FACTS.__struct_fields__}
    write_facts(loaded, CentreFacts(**{**poor, "operators": None}), now_ms=NOON + 2)
    assert [row[1:4] for row in ask(loaded, "carga", "floods")] == [
        ("unknown", 40, None),
        ("unknown", 2, None),
    ]
    assert ask(loaded, "carga", "last_ten") == [(None, 0, None)]


# --- judicial requests ------------------------------------------------------------------------------------------------


def test_requests_tell_what_is_overdue_and_which_clock_ends_first(facts: Store) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)

    def request(number: int, state: RequestStatus, **more: Any) -> RequestState:
        more = {"authority": "Fiscalía 2", "authority_kind": AuthorityKind.PROSECUTOR, **more}
        return RequestState(id=f"r{number}", state=state, version=1, received_ms=now - 10 * DAY_MS, **more)

    went = {
        "answer": Answer.COMPLETE,
        "delivered_ms": now - 6 * DAY_MS,
        "held_ms": now - 10 * DAY_MS + HOUR_MS,
    }
    put(
        facts,
        Kind.REQUEST,
        [
            request(1, RequestStatus.DELIVERED, **went),
            request(2, RequestStatus.HELD, deadline_ms=now - DAY_MS, held_ms=now - 9 * DAY_MS),
            request(3, RequestStatus.RECEIVED, deadline_ms=now + 5 * DAY_MS, earliest_expiry_ms=now + DAY_MS),
            request(4, RequestStatus.RECEIVED, authority="Defensoría", authority_kind=AuthorityKind.DEFENCE),
            request(5, RequestStatus.RECEIVED, deadline_ms=now - DAY_MS, drill=True),
        ],
    )
    assert ask(facts, "pedidos", "pending") == [(3,)]
    assert ask(facts, "pedidos", "overdue") == [(1,)]
    ((deadline,),) = ask(facts, "pedidos", "next_deadline")
    ((expiry,),) = ask(facts, "pedidos", "next_expiry")
    assert (round(deadline / 86_400), round(expiry / 86_400)) == (5, 1)
    assert [row[0] for row in ask(facts, "pedidos", "clocks")] == ["r2", "r3", "r4"]
    assert ask(facts, "pedidos", "by_state") == [("recibida", 2), ("entregada", 1), ("resguardada", 1)]
    month: Any = {"since_ms": now - 30 * DAY_MS, "until_ms": now}
    first, second = ask(facts, "pedidos", "by_authority", **month)
    assert first == ("Fiscalía 2", 3, 2, 1, 2, 86_400, 86_400, 0, None, None, 1, 345_600, 345_600)
    assert second[:5] == ("Defensoría", 1, 1, 0, 0)
    assert ask(facts, "pedidos", "answers", **month) == [
        ("defence", 0, 0, 0, 0, 1),
        ("prosecutor", 1, 0, 0, 0, 2),
    ]


def test_while_nobody_publishes_requests_the_board_has_no_number(facts: Store) -> None:
    for query in ("pending", "overdue", "next_deadline", "next_expiry"):
        assert ask(facts, "pedidos", query) == [(None,)]
    assert ask(facts, "pedidos", "clocks") == []


# --- the observatory --------------------------------------------------------------------------------------------------


def test_a_hidden_count_is_a_word_and_a_hole_and_never_zero(facts: Store) -> None:
    counts = {("gun", "norte"): 20, ("gun", "sur"): 10, ("fire", "norte"): 2, ("fire", "sur"): 9}
    month_statistics.tell(facts, date(2026, 10, 1), "alerts", suppress(counts), edition_ms=NOON)
    year: Any = {"since_ms": NOON - 365 * DAY_MS, "until_ms": NOON}
    families = {row[1]: row[2:] for row in ask(facts, "observatorio", "families", **year)}
    assert families["total"] == ("41", 20.5, "2022", "INDEC, Censo 2022")
    assert families["gun"][0] == "30"
    districts = {row[1]: row[2:5] for row in ask(facts, "observatorio", "districts", **year)}
    assert districts["Distrito Norte"] == ("22", 11.0, 200_000)
    assert districts["Distrito Sur"] == ("19", None, None)
    hidden = suppress({("gun", "norte"): 20, ("fire", "norte"): 2})
    month_statistics.tell(facts, date(2026, 9, 1), "alerts", hidden, edition_ms=NOON)
    told = {row[1]: row[2:4] for row in ask(facts, "observatorio", "families", **year) if row[0] == "2026-09"}
    assert told["fire"] == ("hidden", None)
    lines = {(row[0].month, row[1]): row[2] for row in ask(facts, "observatorio", "by_family", **year)}
    assert lines[9, "fire"] is None
    assert lines[10, "fire"] == 11
    ((months, share),) = ask(facts, "observatorio", "told", **year)
    assert months == 2
    assert share > 0


def test_an_observatory_without_months_says_so(facts: Store) -> None:
    assert ask(facts, "observatorio", "told") == [(None, None)]
    assert ask(facts, "observatorio", "families") == []
