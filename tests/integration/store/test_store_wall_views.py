"""The wall's views say what a wall must say: the order of attention, five levels, blind spots, the age of the data."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cior_core import priority
from cior_core.catalogue import Kind
from cior_core.model import (
    AlertStatus,
    DataClass,
    Disposition,
    Level,
    Place,
    PlaceMethod,
    TypeCode,
)
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions
from cior_store.writers import Writers
from integration.store import city
from integration.store.test_store_statistics import wilson

MINUTE_MS = 60_000
NORTE = Place(method=PlaceMethod.DISTRICT, district="norte")
SEALED: dict[str, Any] = {"data_class": DataClass.SEALED, "silent": True, "place": NORTE}


@pytest.fixture
def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _put(store: Store, kind: Kind, *records: object) -> None:
    assert Writers(store).write(kind, city.entries(records), token=f"{kind}-1") == ()


def test_the_walls_turns_are_the_order_of_every_queue(store: Store, now_ms: int) -> None:
    alerts = [
        city.alert(n, at_ms=now_ms - n * 1000, level=level, score=score, status=status)
        for n, (level, score, status) in enumerate(
            (level, score, status)
            for level in (Level.P3, Level.P1)
            for score in (40, 90)
            for status in (AlertStatus.DISPATCHED, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        )
    ]
    _put(store, Kind.ALERT, *alerts, city.alert(99, status=AlertStatus.CLOSED))
    rows = store.rows("SELECT alert_id, turn FROM wall.v_open_alerts ORDER BY turn")
    assert [row["alert_id"] for row in rows] == [each.id for each in sorted(alerts, key=priority.order)]
    assert [row["turn"] for row in rows] == list(range(1, len(alerts) + 1))


def test_a_reserved_alert_waits_behind_nobody_of_its_level(store: Store, now_ms: int) -> None:
    _put(
        store,
        Kind.ALERT,
        city.alert(1, at_ms=now_ms, score=120),
        city.alert(2, at_ms=now_ms, score=5, **SEALED),
        city.alert(3, at_ms=now_ms, level=Level.P2, score=999),
    )
    rows = store.rows(
        "SELECT alert_id, type, points, lat, members, reserved FROM wall.v_open_alerts ORDER BY turn"
    )
    assert [row["alert_id"] for row in rows] == ["", "alert-1", "alert-3"]
    assert rows[0] == {
        "alert_id": "", "type": "reservada", "points": None, "lat": None, "members": None, "reserved": True,
    }  # fmt: skip


def test_all_five_levels_are_there_and_drills_are_not_counted(store: Store, now_ms: int) -> None:
    empty = store.rows("SELECT * FROM wall.v_open_by_level")
    assert [(row["level"], row["alerts"], row["oldest_unacknowledged_s"]) for row in empty] == [
        (level.value, 0, None) for level in Level
    ]
    _put(
        store,
        Kind.ALERT,
        city.alert(1, at_ms=now_ms - 5 * MINUTE_MS),
        city.alert(2, at_ms=now_ms - 90 * MINUTE_MS, status=AlertStatus.ACKNOWLEDGED),
        city.alert(3, at_ms=now_ms - 60 * MINUTE_MS, drill=True),
        city.alert(4, at_ms=now_ms - 2 * MINUTE_MS, **SEALED),
        city.alert(5, at_ms=now_ms, level=Level.P4, status=AlertStatus.ON_SCENE),
    )
    rows = {row.pop("level"): row for row in store.rows("SELECT * FROM wall.v_open_by_level")}
    assert rows["P1"].pop("oldest_unacknowledged_s") == pytest.approx(300, abs=30)
    assert rows["P1"] == {"alerts": 3, "unacknowledged": 2, "reserved": 1}
    assert rows["P4"] == {"alerts": 1, "unacknowledged": 0, "oldest_unacknowledged_s": None, "reserved": 0}
    (centro, norte) = store.rows("SELECT * FROM wall.v_open_by_district ORDER BY district")
    assert (centro["district"], centro["alerts"], centro["unacknowledged"], centro["p1"]) == (
        "centro",
        3,
        1,
        2,
    )
    assert (norte["district"], norte["alerts"], norte["reserved"], norte["worst"]) == ("norte", 1, 1, "P1")


def test_a_sealed_blind_spot_is_a_count_of_its_district(store: Store, now_ms: int) -> None:
    silent: dict[str, Any] = {"type": TypeCode("source.silent"), "at_ms": now_ms - MINUTE_MS}
    hidden: dict[str, Any] = {"data_class": DataClass.SEALED, "place": NORTE}
    _put(
        store,
        Kind.EVENT,
        city.event(1, **silent),
        *(city.event(10 + n, subject=f"p-{n:032x}", **hidden, **silent) for n in range(3)),
        city.event(
            20,
            subject=f"p-{0:032x}",
            **hidden,
            **{**silent, "type": TypeCode("source.restored"), "at_ms": now_ms},
        ),
    )
    rows = store.rows("SELECT * FROM wall.v_blind_spots ORDER BY kind")
    assert [(row["device"], row["kind"], row["district"], row["devices"]) for row in rows] == [
        ("device-1", "dc09", "centro", 1),
        ("", "reservada", "norte", 5),
    ], "two of them are up to five: a count that is small is somebody"
    (spot,) = [each for each in ConsoleQuestions(store).blind_spots() if each.reserved]
    assert (spot.subject, spot.district, spot.devices, spot.since_ms) == ("", "norte", 5, None)
    assert rows[0]["age_s"] == pytest.approx(60, abs=10)
    assert (rows[1]["since"], rows[1]["age_s"], rows[1]["health"], rows[1]["lat"]) == (None, None, "", None)


def test_an_empty_store_says_that_it_is_empty(store: Store, now_ms: int) -> None:
    rows = store.rows("SELECT what, state, age_s FROM wall.v_data_age ORDER BY what")
    assert [(row["what"], row["state"], row["age_s"]) for row in rows] == [
        (what, "empty", None) for what in ("accounting", "alerts", "events", "raw")
    ]
    _put(
        store,
        Kind.EVENT,
        city.event(1, at_ms=now_ms - 7000),
        city.event(2, at_ms=now_ms - 9000, source="urn:cior:cad:x"),
    )
    _put(store, Kind.RAW, city.raw(1, at_ms=now_ms - 40_000))
    rows = store.rows(
        "SELECT what, kind, age_s FROM wall.v_data_age WHERE state = 'data' ORDER BY what, kind"
    )
    assert [(row["what"], row["kind"]) for row in rows] == [
        ("events", ""), ("raw", ""), ("source", "cad"), ("source", "dc09"),
    ]  # fmt: skip
    assert [rows[0]["age_s"], rows[1]["age_s"]] == [pytest.approx(7, abs=5), pytest.approx(40, abs=5)]


def test_no_count_by_minute_tells_when_a_sealed_source_spoke(store: Store, now_ms: int) -> None:
    _put(
        store,
        Kind.EVENT,
        city.event(1, at_ms=now_ms),
        city.event(2, at_ms=now_ms, data_class=DataClass.SEALED, place=NORTE, source="urn:cior:dc09:norte"),
        city.event(3, at_ms=now_ms, type=TypeCode("silent.gbv"), place=NORTE, source="urn:cior:app:1"),
        city.event(4, at_ms=now_ms, drill=True),
    )
    assert store.rows("SELECT kind, sum(events) AS n FROM wall.v_events_minute GROUP BY kind") == [
        {"kind": "dc09", "n": 1}
    ]
    hidden = store.rows(
        "SELECT source, type, sum(n) AS n FROM ops.ev_minute WHERE source = 'sealed' GROUP BY source, type"
    )
    assert hidden == [{"source": "sealed", "type": "reservada", "n": 2}]
    assert store.value("SELECT count() FROM wall.v_data_age WHERE what = 'source' AND kind != 'dc09'") == 0


def test_the_days_share_of_false_alarms_is_among_the_judged(store: Store, now_ms: int) -> None:
    (nothing,) = store.rows("SELECT * FROM wall.v_false_alarms_day")
    assert (nothing["closed_alerts"], nothing["judged"], nothing["share"]) == (0, 0, None)
    kinds = (
        [Disposition.FALSE_ALARM] * 8 + [Disposition.UNFOUNDED] + [Disposition.CONFIRMED] + [Disposition.TEST]
    )
    closed: dict[str, Any] = {"status": AlertStatus.CLOSED, "closed_ms": now_ms}
    _put(
        store,
        Kind.ALERT,
        *(city.alert(n, at_ms=now_ms, disposition=kind, **closed) for n, kind in enumerate(kinds)),
        city.alert(50, at_ms=now_ms, disposition=Disposition.CONFIRMED, drill=True, **closed),
        city.alert(51, at_ms=now_ms, disposition=Disposition.CONFIRMED, **SEALED, **closed),
        city.alert(
            52, disposition=Disposition.CONFIRMED, **{**closed, "closed_ms": now_ms - 48 * 60 * MINUTE_MS}
        ),
    )
    (row,) = store.rows("SELECT * FROM wall.v_false_alarms_day")
    assert (row["closed_alerts"], row["judged"], row["false_alarms"]) == (11, 10, 9)
    assert row["share"] == pytest.approx(0.9)
    assert (row["share_low"], row["share_high"]) == pytest.approx(wilson(9, 10), abs=1e-6)


def test_a_column_added_to_a_table_later_breaks_no_view(store: Store, now_ms: int) -> None:
    _put(store, Kind.ALERT, city.alert(1, at_ms=now_ms))
    _put(store, Kind.EVENT, city.event(1, at_ms=now_ms, type=TypeCode("source.silent")))
    views = [
        row["name"]
        for row in store.rows("SELECT name FROM system.tables WHERE database = 'wall' ORDER BY name")
    ]
    before = [list(row) for name in views for row in store.rows(f"SELECT * FROM wall.{name}")]
    tables = ("alert_current", "source_health", "ev_minute", "events")
    try:
        for table in tables:
            store.command(f"ALTER TABLE ops.{table} ADD COLUMN reserved_for_tests String FIRST")
        assert [list(row) for name in views for row in store.rows(f"SELECT * FROM wall.{name}")] == before
    finally:
        for table in tables:
            store.command(f"ALTER TABLE ops.{table} DROP COLUMN IF EXISTS reserved_for_tests")
