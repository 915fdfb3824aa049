"""The statistics, against numbers worked out by hand or from the cited sources; drills never count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any, Literal

import pytest

from cior_core.catalogue import Kind
from cior_core.errors import ConfigInvalid
from cior_core.model import (
    DEFAULT_AREA,
    AlertId,
    AlertStatus,
    Command,
    CommandKind,
    DataClass,
    Disposition,
    Level,
    Place,
    PlaceMethod,
    Reason,
    Receipt,
)
from cior_store import geography, reconcile, rollups
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions, Questions
from cior_store.writers import Writers
from integration.store import city
from integration.store.city import NOON_MS

DAY: Any = {"since_ms": NOON_MS - 43_200_000, "until_ms": NOON_MS + 43_200_000}
TODAY = datetime.fromtimestamp(NOON_MS / 1000, UTC).date()


def _put(store: Store, kind: Kind, *records: object, token: str = "t") -> None:
    assert Writers(store).write(kind, city.entries(records), token=f"{kind}-{token}") == ()


def wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson 1927, eq. for the score interval, written apart from the SQL."""
    p = k / n
    centre, half, scale = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)), 1 + z * z / n
    return (centre - half) / scale, (centre + half) / scale


def test_the_false_alarm_ledger_has_wilson_intervals(store: Store) -> None:
    closed = AlertStatus.CLOSED
    kinds = (
        [Disposition.FALSE_ALARM] * 80
        + [Disposition.UNFOUNDED] * 10
        + [Disposition.CONFIRMED] * 10
        + [Disposition.TEST] * 5
    )
    _put(
        store,
        Kind.ALERT,
        *(city.alert(n, status=closed, disposition=kind, source="alarms") for n, kind in enumerate(kinds)),
        *(
            city.alert(
                1000 + n, status=closed, disposition=Disposition.FALSE_ALARM, source="alarms", drill=True
            )
            for n in range(50)
        ),
        city.alert(2000, status=closed, disposition=Disposition.CONFIRMED, source="taxis"),
        city.alert(2001, source="taxis"),
    )
    alarms, taxis = ConsoleQuestions(store).false_alarms()
    assert (
        alarms.source,
        alarms.closed_alerts,
        alarms.judged,
        alarms.false_alarms,
        alarms.unfounded,
        alarms.confirmed,
    ) == ("alarms", 105, 100, 80, 10, 10)
    assert alarms.false_share == pytest.approx(0.9)
    # Newcombe 1998 and any textbook: 90 of 100 gives 0.8256 to 0.9448.
    assert (alarms.false_share_low, alarms.false_share_high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert (alarms.false_share_low, alarms.false_share_high) == pytest.approx(wilson(90, 100), abs=1e-6)
    assert (taxis.judged, taxis.false_share) == (1, 0.0)
    assert taxis.false_share_low == pytest.approx(0.0, abs=1e-9)
    assert taxis.false_share_high == pytest.approx(wilson(0, 1)[1], abs=1e-6)


def test_p1_latency_counts_from_the_receipt_of_what_made_it_p1(store: Store) -> None:
    """Decision = 120 ms by construction; a later version, a copy, a P3 and a drill change nothing."""
    _put(
        store,
        Kind.ALERT,
        *(city.alert(n) for n in range(10)),
        city.alert(50, level=Level.P3),
        city.alert(51, drill=True),
    )
    _put(store, Kind.ALERT, city.alert(1, version=2, updated_ms=NOON_MS + 60_000), token="later")
    _put(store, Kind.ALERT, city.alert(2), token="copy")
    row = ConsoleQuestions(store).p1_latency(**DAY)
    assert (row.alerts, row.decide_p50_ms, row.decide_p99_ms) == (10, 120, 120)
    assert row.visible_p50_ms > 120
    assert ConsoleQuestions(store).p1_latency(since_ms=0, until_ms=1).alerts == 0


def test_alerts_by_level_tell_their_reasons(store: Store) -> None:
    more = Reason(code="corroborated", points=10, text_es="", text_en="")
    base = city.alert(1).reasons
    _put(
        store,
        Kind.ALERT,
        city.alert(1),
        city.alert(2, reasons=(*base, more)),
        city.alert(3, reasons=(*base, more), status=AlertStatus.CLOSED),
        city.alert(4, level=Level.P4, reasons=(more,)),
        city.alert(5, drill=True),
    )
    first, last = ConsoleQuestions(store).alerts_by_level(**DAY)
    assert (first.level, first.alerts, first.open, first.reasons) == (
        "P1",
        3,
        2,
        (("base", 3), ("corroborated", 2)),
    )
    assert (last.level, last.alerts, last.reasons) == ("P4", 1, (("corroborated", 1),))
    assert ConsoleQuestions(store).drill_alerts(**DAY) == 1


def test_signals_per_source_keep_drills_apart(store: Store) -> None:
    _put(
        store,
        Kind.RAW,
        city.raw(1),
        city.raw(2, events=3),
        city.raw(3, events=0, dead=1),
        city.raw(4, drill=True),
    )
    (row,) = ConsoleQuestions(store).signals_by_source(**DAY)
    assert (row.source, row.signals, row.events, row.dead, row.drills, row.last_ms) == (
        "dc09:panel",
        3,
        4,
        1,
        1,
        NOON_MS,
    )


def test_a_line_whose_bytes_all_lie_in_boxes_is_still_heard_of_by_what_it_states(store: Store) -> None:
    minute_ms = NOON_MS // 60_000 * 60_000
    _put(store, Kind.SEALED, *(city.raw(n, sealed=True, data_class=DataClass.SEALED) for n in range(3)))
    assert ConsoleQuestions(store).signals_by_source(**DAY) == (), "no reserved record is counted itself"
    _put(store, Kind.EVENT, city.accounting(minute_ms, 7))
    (row,) = ConsoleQuestions(store).signals_by_source(**DAY)
    assert (row.source, row.signals, row.last_ms) == ("urn:cior:dc09:boxed", 7, minute_ms)
    _put(store, Kind.RAW, city.raw(9))
    assert [each.source for each in ConsoleQuestions(store).signals_by_source(**DAY)] == ["dc09:panel"]


def test_blind_spots_are_what_last_said_silent_and_vanish_when_it_returns(store: Store) -> None:
    def health(n: int, kind: str, device: str, at_ms: int) -> object:
        return city.event(n, type=kind, subject=device, at_ms=at_ms, summary="sin señal")

    _put(
        store,
        Kind.EVENT,
        health(1, "device.silent", "a", NOON_MS),
        health(2, "device.silent", "b", NOON_MS),
        health(3, "camera.degraded", "c", NOON_MS),
    )
    _put(store, Kind.EVENT, health(4, "device.returned", "b", NOON_MS + 1000), token="back")
    assert [(spot.subject, spot.health, spot.detail) for spot in ConsoleQuestions(store).blind_spots()] == [
        ("a", "silent", "sin señal"),
        ("c", "degraded", "sin señal"),
    ]
    (camera,) = store.rows("SELECT camera, health FROM ops.v_cameras")
    assert camera == {"camera": "c", "health": "degraded"}


def test_devices_show_their_last_receipt_even_when_their_clock_runs_ahead(store: Store) -> None:
    _put(
        store,
        Kind.EVENT,
        city.event(1, subject="bus-1", occurred_ms=NOON_MS + 10**10),
        city.event(2, subject="bus-1", at_ms=NOON_MS + 1000),
    )
    (row,) = Questions(store).devices(connector="dc09")
    assert (row.device, row.received_ms, row.occurred_ms) == ("bus-1", NOON_MS + 1000, NOON_MS + 600)


def test_commands_come_with_their_last_receipt(store: Store) -> None:
    command = Command(
        id="c1",
        kind=CommandKind.SIREN_ON,
        alert_id=AlertId("alert-1"),
        area=DEFAULT_AREA,
        target="device:siren-1",
        issued_ms=NOON_MS,
        expires_ms=NOON_MS + 1,
        protocol="p",
        step="1",
    )
    _put(store, Kind.COMMAND, command)
    said: tuple[Literal["accepted", "done"], ...] = ("accepted", "done")
    _put(
        store,
        Kind.RECEIPT,
        *(
            Receipt(command_id="c1", device="siren-1", at_ms=NOON_MS + n, outcome=each)
            for n, each in enumerate(said)
        ),
    )
    (row,) = Questions(store).commands("alert-1")
    assert (row.command_id, row.outcome) == ("c1", "done")


def test_every_copy_of_a_press_stays_linked_to_its_raw_record(store: Store) -> None:
    _put(store, Kind.EVENT, *(city.event(7, raw_number=n) for n in range(3)))
    assert Questions(store).raws_of_event("event-7") == ("raw-0", "raw-1", "raw-2")


def test_a_rollup_that_drifted_is_found_and_refilled(store: Store) -> None:
    _put(store, Kind.EVENT, *(city.event(n) for n in range(10)))
    assert rollups.check(store, TODAY) == ()
    _put(store, Kind.EVENT, *(city.event(n) for n in range(4)), token="a re-sent copy at other offsets")
    drifted = rollups.check(store, TODAY)
    assert {(each.rollup, each.base, each.rolled) for each in drifted} == {
        (name, 10, 14) for name in rollups.ROLLUPS
    }
    with pytest.raises(ConfigInvalid, match=r"store\.rollup_open"):
        rollups.refill(store, "ev_minute", TODAY, today=TODAY)
    assert rollups.repair(store, TODAY, today=TODAY + timedelta(days=1)) == drifted
    assert rollups.check(store, TODAY) == ()
    assert store.value("SELECT sum(events) FROM ops.v_events_minute") == 10


def test_the_check_of_a_minute_reaches_the_wall(store: Store) -> None:
    _put(store, Kind.RAW, city.raw(1))
    _put(store, Kind.EVENT, city.accounting(NOON_MS, 2))
    now_ms = NOON_MS + 600_000
    found = reconcile.check(Questions(store), now_ms=now_ms)
    reconcile.record(store, found, now_ms=now_ms)
    _put(store, Kind.RAW, city.raw(2), token="late")
    _put(store, Kind.EVENT, city.event(1, raw_number=1), city.event(2, raw_number=2), token="late")
    assert [row["verdict"] for row in store.rows("SELECT verdict FROM ops.v_reconciliation")] == ["gap"]
    reconcile.record(store, reconcile.check(Questions(store), now_ms=now_ms + 1), now_ms=now_ms + 1)
    assert [row["verdict"] for row in store.rows("SELECT verdict FROM ops.v_reconciliation")] == ["balanced"]


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((-32.0, -60.0), (-33.0, -60.0), 111_195),
        ((-32.9468, -60.6393), (-34.6037, -58.3816), 279_000),
        ((0.0, -60.0), (0.0, -61.0), 111_195),
        ((-60.0, -60.0), (-60.0, -61.0), 55_597),
    ],
)
def test_distances_take_longitude_first(
    store: Store, one: tuple[float, float], other: tuple[float, float], metres: float
) -> None:
    """Golden: a degree of latitude is 111.2 km anywhere, of longitude at 60° S half of that; Rosario to Buenos Aires
    is about 279 km.
    """
    sql = geography.distance_m(lat_column="lat", lon_column="lon", lat=str(other[0]), lon=str(other[1]))
    found = store.value(f"SELECT {sql} FROM (SELECT {one[0]} AS lat, {one[1]} AS lon)")
    assert found == pytest.approx(metres, rel=0.01)


def test_zones_take_corners_as_latitude_and_longitude(store: Store) -> None:
    plaza = [(-32.95, -60.65), (-32.95, -60.63), (-32.94, -60.63), (-32.94, -60.65)]
    inside = geography.inside(lat_column="lat", lon_column="lon", ring=plaza)
    _put(
        store,
        Kind.EVENT,
        city.event(1),
        city.event(2, place=Place(method=PlaceMethod.GPS, lat=-32.90, lon=-60.64)),
    )
    assert [
        row["event_id"]
        for row in store.rows(f"SELECT event_id FROM ops.events WHERE lat IS NOT NULL AND {inside}")
    ] == ["event-1"]
    with pytest.raises(ConfigInvalid):
        geography.inside(lat_column="lat", lon_column="lon", ring=[(-60.65, -232.95)] * 3)


def test_stored_cells_are_those_of_the_engine(store: Store) -> None:
    _put(store, Kind.EVENT, city.event(1), city.event(2, place=Place(method=PlaceMethod.UNKNOWN)))
    rows = store.rows(
        "SELECT h3_7 = geoToH3(assumeNotNull(lat), assumeNotNull(lon), 7) AND h3_8 = "
        "geoToH3(assumeNotNull(lat), assumeNotNull(lon), 8) AND h3_9 = geoToH3(assumeNotNull(lat), "
        "assumeNotNull(lon), 9) AS same FROM ops.events WHERE lat IS NOT NULL"
    )
    assert rows == [{"same": 1}]
    assert store.value("SELECT h3_9 FROM ops.events WHERE event_id = 'event-2'") == 0
