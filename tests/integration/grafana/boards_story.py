"""The records of one small night of cameras, transport, community alarms and 911, for the boards' own queries."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import msgspec

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
from cior_store import reconcile
from cior_store.engine import Store
from cior_store.questions import Questions
from cior_store.writers import Writers
from cior_vision.health import CameraHealth
from cior_vision.reader import Link
from integration.store import city

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
        occurred_ms=lost_ms, producer=VISION, place=SUR, drill=False,
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
        occurred_ms=since_ms, producer=DEVICES, **{"drill": False} | more,
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
