"""What the boards of cameras, transport, community alarms and 911 say of a small story of known records, written by the
real writers and asked with the boards' own queries.

Beside every ordinary record stands one of an exercise and a reserved one: the numbers are those without the first, and
the second is a count in its district and nothing else.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_core.model import (
    AlertStatus,
    DataClass,
    Disposition,
    Event,
    EventId,
    Lane,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    TypeCode,
)
from cior_core.system_events import system_event
from cior_grafana import macros, queries
from cior_store import reconcile
from cior_store.centre_facts import CameraFacts, write_facts
from cior_store.engine import Store
from cior_store.questions import Questions
from cior_store.writers import Writers
from cior_vision.health import CameraHealth
from cior_vision.reader import Link
from integration.store import city
from integration.store.test_store_centre_facts import FACTS

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
NORTE = Place(method=PlaceMethod.DISTRICT, district="norte")
SUR = Place(method=PlaceMethod.DISTRICT, district="sur")
VISION = Producer(connector="vision", version="1.0", instance="plaza")
TRACCAR = Producer(connector="traccar", version="1.0", instance="vehicles")
CAD = Producer(connector="cad_drop", version="1.0", instance="calls")
DEVICES = Producer(connector="cior.devices", version="1")
SEALED: dict[str, Any] = {"data_class": DataClass.SEALED, "place": NORTE}


@cache
def now_ms() -> int:
    """The story's present: when it is told, which is long after the file was read when all tests run."""
    return time.time_ns() // 1_000_000


def hour_ms() -> int:
    """The hour before the last full one: all its minutes are over, and nothing told as of now falls into it."""
    return now_ms() // HOUR_MS * HOUR_MS - 2 * HOUR_MS


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


# --- cameras ----------------------------------------------------------------------------------------------------------


def sample(
    camera: str, at_ms: int, *, conditions: tuple[str, ...] = (), fps: float = 5.0, **more: Any
) -> Event:
    """A health sample of a camera as its worker makes it."""
    drill = more.pop("drill", False)
    health = CameraHealth(
        link=Link.LIVE, interval_s=60.0, packet_fps=25.0, decoded_fps=25.0, watched_fps=fps, detected_fps=1.0,
        gate_open_share=more.pop("share", 0.25 if fps else 0.0), inference_ms_p50=None, inference_ms_p95=None,
        reconnects=0, replaced_threads=0, drops=[], silent_s=0.0, conditions=list(conditions),
        clock_offset_s=more.pop("offset_s", None), last_error=None, detector="openvino", detector_version="2026.1",
        model="yolo11n", model_sha256="ab" * 32, input_px=None, remark="", disabled_rules=[],
    )  # fmt: skip
    return Event(
        id=EventId(f"{camera}-{at_ms}"), source=f"vision/{camera}", type=TypeCode("camera.health"), subject=camera,
        phase=Phase.STILL, occurred_ms=at_ms, received_ms=at_ms, lane=Lane.TELEMETRY, place=NORTE, producer=VISION,
        drill=drill, attributes=msgspec.to_builtins(health), **more,
    )  # fmt: skip


def cameras() -> list[Event]:
    """cam-good saw all hour but six minutes; cam-half was told of for half of it; cam-lost has no signal now."""
    made = []
    for minute in range(60):
        at_ms = hour_ms() + minute * MINUTE_MS
        bad = ("signal_lost",) if minute < 4 else ("covered",) if minute in (4, 5) else ()
        made.append(sample("cam-good", at_ms, conditions=bad, fps=0.0 if bad else 5.0))
        made.append(sample("cam-drill", at_ms, conditions=("signal_lost",), drill=True))
        if minute < 30:
            made.append(sample("cam-half", at_ms, share=0.5))
    lost_ms = now_ms() - 10 * MINUTE_MS
    lost = system_event(
        "camera.signal_loss", source="vision/cam-lost", subject="cam-lost", key="lost", at_ms=lost_ms + 3_000,
        occurred_ms=lost_ms, producer=VISION, place=SUR,
    )  # fmt: skip
    return [
        *made,
        lost,
        sample("cam-lost", now_ms() - 5_000, conditions=("covered", "signal_lost"), fps=0.0),
        sample("cam-good", now_ms() - 5_000, offset_s=-7.5),
        sample("cam-drill", now_ms() - 5_000, conditions=("signal_lost",), drill=True),
    ]


def accounts(store: Store, writers: Writers) -> None:
    """A worker says that it took three stretches, two are stored; a panel's receiver is no camera."""
    at_ms = hour_ms() + 30 * MINUTE_MS
    raws = [city.raw(n, at_ms=at_ms, events=0, producer=VISION) for n in (501, 502)]
    claims = [city.accounting(at_ms, 3, producer=VISION), city.accounting(at_ms, 9)]
    assert writers.write(Kind.RAW, city.entries(raws), token="accounts") == ()
    assert writers.write(Kind.EVENT, city.entries(claims, first=20_000), token="accounts") == ()
    later_ms = at_ms + 10 * MINUTE_MS
    reconcile.record(store, reconcile.check(Questions(store), now_ms=later_ms), now_ms=later_ms)


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


# --- transport --------------------------------------------------------------------------------------------------------


def press(number: int, kind: str, device: str, *, at_ms: int | None = None, **more: Any) -> Event:
    """A press, event-<number>; five minutes into the story's hour unless it says when."""
    route = more.pop("route", "")
    attributes = {"route": route} if route else {}
    given: dict[str, Any] = {
        "place": NORTE,
        "producer": TRACCAR,
        "source": "urn:cior:traccar:vehicles",
    } | more
    return city.event(
        number,
        type=kind,
        subject=device,
        at_ms=hour_ms() + 5 * MINUTE_MS if at_ms is None else at_ms,
        attributes=attributes,
        **given,
    )


def position(device: str, *, at_ms: int, **more: Any) -> Event:
    """A vehicle says where it is."""
    route = more.pop("route", "")
    given: dict[str, Any] = {"lane": Lane.TELEMETRY, "life_safety": False, "route": route} | more
    return press(at_ms, "position", device, at_ms=at_ms, **given)


def silence(device: str, *, since_ms: int, at_ms: int, **more: Any) -> Event:
    """The supervision of a device gave it up."""
    return system_event(
        "source.silent", source="urn:cior:devices", subject=device, key=f"{device}|{since_ms}", at_ms=at_ms,
        occurred_ms=since_ms, producer=DEVICES, **more,
    )  # fmt: skip


def transport() -> list[Event]:
    """Line 101 presses three times with two buses, 133 once, a taxi once; bus-3 went silent an hour ago."""
    return [
        press(1, "panic.bus", "bus-1", route="101"),
        press(2, "panic.bus", "bus-1", route="101", at_ms=hour_ms() + 6 * MINUTE_MS),
        press(3, "panic.bus", "bus-2", route="101"),
        press(4, "panic.bus", "bus-3", route="133"),
        press(5, "panic.taxi", "taxi-1"),
        press(6, "panic.bus", "bus-1", route="101", drill=True),
        press(7, "panic.bus", "p-secret", route="101", **SEALED),
        position("bus-1", at_ms=now_ms() - 30_000, route="101"),
        position("bus-2", at_ms=now_ms() - 20 * MINUTE_MS, route="101"),
        position("bus-9", at_ms=now_ms() - 31_000, route="101", drill=True),
        silence("bus-3", since_ms=now_ms() - HOUR_MS, at_ms=now_ms() - 5_000),
    ]


def alerts() -> list[Any]:
    """Of line 101: one taken after a minute and confirmed, one after three and false, one that nobody took."""
    opened_ms = hour_ms() + 10 * MINUTE_MS

    def of(number: int, *events: int, **more: Any) -> Any:
        return city.alert(number, at_ms=opened_ms, members=tuple(map(member, events)), **more)

    def member(number: int) -> Member:
        return Member(
            event_id=EventId(f"event-{number}"), type=TypeCode("panic.bus"), source="traccar", subject="bus",
            phase=Phase.NEW, occurred_ms=opened_ms, received_ms=opened_ms, place=NORTE, life_safety=True,
            independence="bus",
        )  # fmt: skip

    closed: dict[str, Any] = {"status": AlertStatus.CLOSED, "closed_ms": opened_ms + HOUR_MS}
    pressed_ms = hour_ms() + 5 * MINUTE_MS
    return [
        of(1, 1, 2, acknowledged_ms=pressed_ms + 60_000, disposition=Disposition.CONFIRMED, **closed),
        of(2, 3, acknowledged_ms=pressed_ms + 180_000, disposition=Disposition.FALSE_ALARM, **closed),
        of(3, 4),
        of(
            4,
            6,
            drill=True,
            acknowledged_ms=pressed_ms + 1_000,
            disposition=Disposition.FALSE_ALARM,
            **closed,
        ),
        of(5, 7, silent=True, data_class=DataClass.SEALED, acknowledged_ms=pressed_ms + 2_000),
        of(6, 1, status=AlertStatus.MERGED),
        of(20, 101, 102, 103),
        of(21, 104),
        of(22, 101, 104, drill=True),
    ]


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


# --- community alarms -------------------------------------------------------------------------------------------------


def unit(number: int, kind: str, device: str, *, at_ms: int, **more: Any) -> Event:
    """A word of an alarm unit."""
    given: dict[str, Any] = {"place": NORTE, "source": "urn:cior:dc09:panels"} | more
    return city.event(number, type=kind, subject=device, at_ms=at_ms, **given)


def alive(device: str, *, ago_s: int, **more: Any) -> Event:
    """A sign of life of a unit that must give one a minute."""
    at_ms = now_ms() - ago_s * 1000
    given: dict[str, Any] = {"attributes": {"expected_every_s": 60.0}} | more
    return unit(at_ms, "heartbeat", device, at_ms=at_ms, lane=Lane.TELEMETRY, life_safety=False, **given)


def alarms() -> list[Event]:
    """Six units of the north press within two minutes; five of the south fall silent; panel-1 repeats a trouble."""
    storm_ms = hour_ms() + 20 * MINUTE_MS
    pressed = [unit(200 + n, "panic.community", f"panel-{n}", at_ms=storm_ms + n * 1000) for n in range(1, 7)]
    troubles = [
        unit(
            300 + n,
            "device.low_battery",
            "panel-1",
            at_ms=storm_ms + n * 1000,
            life_safety=False,
            lane=Lane.NORMAL,
        )
        for n in range(5)
    ]
    gone = [
        silence(f"panel-{n}", since_ms=storm_ms + 5_000, at_ms=storm_ms + 9_000, place=SUR)
        for n in range(11, 16)
    ]
    known = [alive(f"panel-{n}", ago_s=14_400 + n, place=SUR) for n in range(11, 16)]
    return [
        *pressed,
        *troubles,
        *known,
        *gone,
        unit(320, "device.low_battery", "panel-2", at_ms=storm_ms, life_safety=False, lane=Lane.NORMAL),
        unit(
            321, "device.low_battery", "panel-2", at_ms=storm_ms + 60_000, phase=Phase.RESTORE, life_safety=False,
            lane=Lane.NORMAL,
        ),
        unit(330, "silent.duress", "p-hidden", at_ms=storm_ms, **SEALED),
        unit(331, "panic.community", "panel-drill", at_ms=storm_ms, drill=True),
        *(alive(f"panel-{n}", ago_s=10 + n) for n in range(1, 5)),
        # The receiver's own word about itself: no unit's.
        unit(340, "source.degraded", "connector:panels", at_ms=storm_ms, life_safety=False),
        alive("panel-5", ago_s=120),
        alive("panel-6", ago_s=11, attributes={}),
        alive("panel-drill", ago_s=12, drill=True),
        alive("p-hidden", ago_s=13, **SEALED),
    ]  # fmt: skip


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


# --- 911 --------------------------------------------------------------------------------------------------------------


def call(number: int, kind: str, *, at_ms: int | None = None, **more: Any) -> Event:
    """One record of the desk; fifteen minutes into the story's hour unless it says when."""
    said_ms = (hour_ms() + 15 * MINUTE_MS if at_ms is None else at_ms) + 400
    sealed = more.get("data_class") is DataClass.SEALED
    said = {"incident": more.pop("incident", f"2026/{number}")} | more.pop("attributes", {})
    return city.event(
        number, type=kind, subject="cad:911", at_ms=said_ms, source="urn:cior:cad_drop:calls",
        attributes={} if sealed else said, **({"place": NORTE, "producer": CAD} | more),
    )  # fmt: skip


def calls() -> list[Event]:
    """Three calls of one robbery, one edited and stamped; a fight; a reserved one; last week two robberies."""
    at_ms = hour_ms() + 15 * MINUTE_MS
    stamps = {"dispatched_ms": at_ms + 120_000, "on_scene_ms": at_ms + 600_000}
    week = [call(120 + n, "robbery.street", at_ms=at_ms - 7 * DAY_MS) for n in range(2)]
    return [
        call(101, "robbery.street"),
        call(111, "robbery.street", incident="2026/101", phase=Phase.UPDATE, attributes=stamps),
        call(102, "robbery.street", attributes={"merged_into": "2026/101"}),
        call(103, "robbery.street"),
        call(104, "violence.fight"),
        call(105, "robbery.street", drill=True),
        call(106, "robbery.street", phase=Phase.TEST),
        call(107, "silent.gbv", **SEALED),
        *week,
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


# --- names, last: the catalogue belongs to every test of this file ---------------------------------------------------


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
