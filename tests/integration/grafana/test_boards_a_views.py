"""What the boards of cameras, transport, community alarms and 911 say of a small story of known records, written by the
real writers and asked with the boards' own queries.

Beside every ordinary record stands one of an exercise and a reserved one: the numbers are those without the first, and
the second is a count in its district and nothing else.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_grafana import macros, queries
from cior_store.centre_facts import CameraFacts, write_facts
from cior_store.engine import Store
from cior_store.writers import Writers
from integration.grafana.boards_story import (
    CAD,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    accounts,
    alarms,
    alerts,
    calls,
    cameras,
    hour_ms,
    now_ms,
    transport,
)
from integration.store import city
from integration.store.test_store_centre_facts import FACTS


@pytest.fixture(scope="module")
def told(admin: Store) -> Store:
    """The store with the whole story in it."""
    events = [*cameras(), *transport(), *alarms(), *calls()]
    writers = Writers(admin)
    assert writers.write(Kind.EVENT, city.entries(events), token="story") == ()
    again = [event for event in events if event.type in ("camera.health", "panic.bus", "panic.community")]
    assert writers.write(Kind.EVENT, city.entries(again, first=10_000), token="sent again") == ()
    assert writers.write(Kind.ALERT, city.entries(alerts()), token="story") == ()
    letters = [city.dead(n, at_ms=hour_ms(), code="cad_drop.columns", producer=CAD) for n in range(3)]
    assert (
        writers.write(Kind.DEAD, city.entries([*letters, city.dead(9, at_ms=hour_ms())]), token="story") == ()
    )
    accounts(admin, writers)
    return admin


def ask(
    store: Store, board: str, query: str, *, since_ms: int | None = None, until_ms: int | None = None
) -> Any:
    """The rows of a board's own query over the range, as tuples in the order of its columns."""
    found = queries.load(board)[query]
    since = hour_ms() if since_ms is None else since_ms
    until = hour_ms() + HOUR_MS - 1 if until_ms is None else until_ms
    window = macros.Window(from_ms=since, to_ms=until, interval_ms=300_000)
    rows = store.rows(macros.ready(found.sql, window))
    return [tuple(row[column.name] for column in found.columns) for row in rows]


def test_a_stretch_that_is_told_and_not_stored_parts_the_two_lines(told: Store) -> None:
    assert [row[1:] for row in ask(told, "camaras", "stretches")] == [(3, 2)]


def test_a_camera_is_available_by_the_minutes_in_which_somebody_saw_it_see(told: Store) -> None:
    rows = ask(told, "camaras", "availability")
    assert [row[0] for row in rows] == ["cam-half", "cam-good"]
    assert rows[0][2:] == pytest.approx((0.5, 0.0, 0.0, 0.5, 0.5))
    up, poor, blind, no_word, share = rows[1][2:]
    assert (up, poor, blind, no_word) == pytest.approx((54 / 60, 2 / 60, 4 / 60, 0.0))
    assert share == pytest.approx(0.25)


def test_cameras_out_now_say_since_when_and_why_and_silence_is_not_health(told: Store) -> None:
    assert ask(told, "camaras", "camera_counts") == [(1, 0, 1, 1, 3)]
    lost, half = ask(told, "camaras", "out_now")
    assert (lost[0], lost[1], lost[4]) == (3, "cam-lost", "signal_lost")
    assert lost[3].timestamp() * 1000 == now_ms() - 10 * MINUTE_MS
    assert (half[0], half[1], half[4]) == (0, "cam-half", "no_word")
    assert half[3].timestamp() * 1000 == half[5].timestamp() * 1000 == hour_ms() + 29 * MINUTE_MS
    assert ask(told, "camaras", "blind_by_district")[0][:5] == ("norte", 1, 0, 1, 1)


def test_the_timeline_draws_the_worst_of_ten_minutes_and_does_not_bridge_a_silence(told: Store) -> None:
    rows = ask(told, "camaras", "timeline")
    states = {
        camera: [code for _, name, code in rows if name == camera] for camera in {row[1] for row in rows}
    }
    assert states["cam-good"] == [3, 1, 1, 1, 1, 1]
    assert states["cam-half"] == [1, 1, 1, 0, 0, 0]
    assert "cam-drill" not in states
    shifted = ask(told, "camaras", "timeline", since_ms=hour_ms() + 3 * MINUTE_MS)
    assert [code for _, name, code in shifted if name == "cam-good"] == [3, 1, 1, 1, 1, 1]


def test_a_camera_says_what_watches_it_and_a_share_of_no_pictures_is_none(told: Store) -> None:
    good, half, lost = sorted(ask(told, "camaras", "watchers"))
    assert good == ("cam-good", "openvino", "2026.1", "yolo11n abababab", 0.25, 5.0, -7.5, "")
    assert (half[4], half[6]) == (0.5, None)
    assert (lost[0], lost[4]) == ("cam-lost", None)


def test_presses_count_by_line_without_exercises_and_a_reserved_one_has_no_line(told: Store) -> None:
    rows = [row[:5] for row in ask(told, "transporte", "presses_by_route")]
    assert rows == [("101", 3, 0, 0, 2), ("", 0, 1, 0, 1), ("133", 1, 0, 0, 1)]
    assert ask(told, "transporte", "presses_total") == [(6, 4, 2, 1)]
    text = str(told.rows("SELECT * FROM supervisor.v_transport_presses WHERE type = 'reservada'"))
    assert "norte" in text
    assert "p-secret" not in text
    assert "event-7" not in text
    assert "101" not in text.replace(str(now_ms())[:6], "")


def test_no_press_in_the_range_is_no_row_and_never_a_zero(told: Store) -> None:
    empty = {"since_ms": hour_ms() - 40 * DAY_MS, "until_ms": hour_ms() - 39 * DAY_MS}
    for board, query in (
        ("transporte", "presses_total"),
        ("transporte", "presses_by_route"),
        ("camaras", "availability"),
        ("llamadas", "calls_total"),
        ("llamadas", "merges"),
        ("alarmas", "storms"),
    ):
        assert ask(told, board, query, **empty) == [], query


def test_vehicles_report_are_quiet_or_silent_by_their_supervision(told: Store) -> None:
    rows = ask(told, "transporte", "fleet_by_route")
    assert rows == [("133", 1, 0, 0, 1), ("", 0, 1, 0, 1), ("101", 0, 1, 1, 2)]
    silent = ask(told, "transporte", "silent_vehicles")
    assert (silent[0][0], silent[0][1], silent[0][5]) == ("133", "bus-3", 3)
    assert ask(told, "transporte", "fleet_now") == [(1, 2, 1, 4)]


def test_the_way_from_press_to_somebody_is_measured_by_line_and_the_untaken_counted(told: Store) -> None:
    assert ask(told, "transporte", "acknowledge_by_route") == [
        ("101", 2, 0, 180.0, 180.0),
        ("133", 1, 1, None, None),
    ]
    assert ask(told, "transporte", "false_by_route") == [("101", 2, 1, 1, 0.5)]


def test_units_report_are_late_silent_or_unsupervised_by_district(told: Store) -> None:
    rows = ask(told, "alarmas", "supervision")
    assert rows == [("sur", 5, 0, 0, 0, 5), ("norte", 0, 1, 4, 1, 6)]
    assert ask(told, "alarmas", "units_now") == [(5, 1, 4, 1, 11)]
    listed = ask(told, "alarmas", "silent_units")
    assert [row[1] for row in listed] == [
        "panel-15",
        "panel-14",
        "panel-13",
        "panel-12",
        "panel-11",
        "panel-5",
    ]
    assert listed[0][3] is not None


def test_a_storm_is_many_units_at_once_and_a_burst_is_one_unit_alone(told: Store) -> None:
    rows = [row[1:] for row in ask(told, "alarmas", "storms")]
    assert rows == [("norte", 7, 6, 0), ("sur", 0, 0, 5)]
    assert [row[1:] for row in ask(told, "alarmas", "unit_bursts")] == [("panel-1", "norte", 6, 1)]


def test_presses_by_day_count_the_reserved_and_name_no_unit_of_theirs(told: Store) -> None:
    rows = ask(told, "alarmas", "presses_by_day")
    assert [(district, presses) for _, district, presses in rows] == [("norte", 7)]
    busiest = ask(told, "alarmas", "busiest")
    assert [row[0] for row in busiest] == [f"panel-{n}" for n in range(1, 7)]
    assert busiest[0][2:4] == (1, 6)
    everything = str(told.rows("SELECT * FROM supervisor.v_unit_signals"))
    assert "connector:" not in everything
    assert "p-hidden" not in everything
    assert "silent.duress" not in everything
    assert "event-330" not in everything
    assert "p-hidden" not in str(told.rows("SELECT * FROM supervisor.v_units"))


def test_a_trouble_stays_until_the_unit_says_that_it_is_over(told: Store) -> None:
    rows = ask(told, "alarmas", "troubles")
    assert [(kind, device, times) for kind, device, _, _, times in rows] == [
        ("device.low_battery", "panel-1", 5)
    ]


def test_calls_count_once_whatever_their_versions_against_the_same_hour_of_last_week(told: Store) -> None:
    assert ask(told, "llamadas", "calls_total") == [(5, 1, 1, 1)]
    rows = ask(told, "llamadas", "by_class")
    assert rows == [
        ("robbery.street", 3, 2.0, 0.5),
        ("reservada", 1, 0.0, None),
        ("violence.fight", 1, 0.0, None),
    ]
    ((_, now, usual),) = ask(told, "llamadas", "volume")
    assert (now, usual) == (5, 2.0)
    week = [row[1:] for row in ask(told, "llamadas", "volume", since_ms=hour_ms() - 7 * DAY_MS)]
    assert len(week) == 7 * 24 + 1
    assert (week[0], week[1], week[-1]) == ((2, None), (None, None), (5, 2.0))


def test_the_desks_stamps_give_times_and_the_missing_ones_are_counted(told: Store) -> None:
    robbery, fight = ask(told, "llamadas", "response")
    assert robbery == ("robbery.street", 3, 2, 120.0, 120.0, 2, 600.0, 600.0)
    assert fight == ("violence.fight", 1, 1, None, None, 1, None, None)


def test_related_calls_are_counted_where_the_centre_joined_them_and_dead_letters_by_code(told: Store) -> None:
    assert ask(told, "llamadas", "merges") == [(1, 3, 2)]
    assert [row[:2] for row in ask(told, "llamadas", "dead")] == [("cad_drop.columns", 3)]


def test_a_reserved_call_says_its_district_and_minute_and_nothing_else(told: Store) -> None:
    (row,) = told.rows("SELECT * FROM supervisor.v_calls WHERE reserved")
    assert (row["type"], row["incident"], row["source"], row["district"]) == ("reservada", "", "", "norte")
    assert row["first_received"].second == 0
    assert "event-107" not in str(row)


def test_the_desk_is_as_old_as_its_last_record(told: Store) -> None:
    ((age_s, last_call),) = ask(told, "llamadas", "desk_age")
    assert age_s >= (now_ms() - hour_ms()) / 1000 - 15 * 60 - 1
    assert last_call.timestamp() * 1000 == pytest.approx(hour_ms() + 15 * MINUTE_MS, abs=1_000)


def test_boards_call_a_camera_by_its_name_in_the_catalogue_and_by_its_id_without_one(told: Store) -> None:
    lost, good = (
        CameraFacts(camera=camera, name=name, district="norte", lat=-32.95, lon=-60.64, range_m=80.0)
        for camera, name in (("cam-lost", "Plaza Norte"), ("cam-good", ""))
    )
    write_facts(told, msgspec.structs.replace(FACTS, cameras=(lost, good)), now_ms=now_ms())
    assert [row[1] for row in ask(told, "camaras", "out_now")] == ["Plaza Norte · cam-lost", "cam-half"]
    assert {row[1] for row in ask(told, "camaras", "timeline")} >= {"cam-good", "cam-half"}
    assert sorted(row[0] for row in ask(told, "camaras", "watchers")) == [
        "Plaza Norte · cam-lost",
        "cam-good",
        "cam-half",
    ]
    assert {row[0] for row in ask(told, "camaras", "availability")} <= {
        "Plaza Norte · cam-lost",
        "cam-good",
        "cam-half",
    }
    write_facts(told, FACTS, now_ms=now_ms())
    assert ask(told, "camaras", "out_now")[0][1] == "cam-lost"
