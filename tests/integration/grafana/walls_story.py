"""A day of a made-up city through the real writers, told so that every board has something to show, with sealed
records whose every text is a canary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cior_core.model import (
    AlertStatus,
    Disposition,
    Lane,
    Level,
    Phase,
    Place,
    PlaceMethod,
    Producer,
)
from cior_store.engine import Store
from cior_store.sink import Sink
from cior_store.writers import Writers
from integration.grafana.walls_history import tell_history
from integration.store import canaries, city

EVIL = "<script>document.title='acted'</script><img src=x onerror=\"document.title='acted'\">"
"""Name of a camera that went dark: no page may obey it."""

MINUTE_MS = 60_000
DISTRICTS = {
    "centro": (-32.947, -60.639),
    "norte": (-32.895, -60.690),
    "noroeste": (-32.915, -60.715),
    "oeste": (-32.945, -60.720),
    "sudoeste": (-33.000, -60.680),
    "sur": (-32.995, -60.640),
}
SOURCES = {
    "panic.bus": ("traccar", "urn:cior:traccar:norte"),
    "panic.community": ("dc09", "urn:cior:dc09:receptor-1"),
    "burglary.alarm": ("dc09", "urn:cior:dc09:receptor-2"),
    "robbery.armed": ("cad_drop", "urn:cior:cad:mesa-911"),
    "vision.person_down": ("vision", "urn:cior:vision:cam-7"),
}
TYPES = tuple(SOURCES)
LEVELS = (Level.P1, Level.P2, Level.P3, Level.P3, Level.P4, Level.P5)


def tell(store: Store, now_ms: int) -> None:
    """Write the whole story: the last six hours before ``now_ms``, and what stands behind them."""
    tell_history(store, now_ms)
    writers = Writers(store)
    sink = Sink(writers, on_dead=_never)
    for topic, records in _topics(now_ms):
        told = list(records)
        assert sink.write_batch(topic, 0, city.messages(topic, told)).next_offset == len(told)
    for kind, records in canaries.batches(at_ms=now_ms - 5 * MINUTE_MS).items():
        assert writers.write(kind, city.entries(records), token=f"sealed-{kind}") == ()


def _never(letter: object) -> None:
    raise AssertionError(f"the story's records are all good: {letter}")


def _topics(now_ms: int) -> Iterator[tuple[str, Iterable[Any]]]:
    yield "cior.raw.v1", _raws(now_ms)
    yield "cior.events.urgent.v1", _presses(now_ms)
    yield "cior.events.v1", _health(now_ms)
    yield "cior.telemetry.v1", [*_positions(now_ms), *_accounts(now_ms)]
    yield "cior.alerts.v1", [*_alerts(now_ms), *_drills(now_ms)]
    yield "cior.transitions.v1", _transitions(now_ms)
    yield "cior.dead.v1", [city.dead(1, at_ms=now_ms - 9 * MINUTE_MS)]


def _place(number: int) -> Place:
    district, (lat, lon) = list(DISTRICTS.items())[number % 6]
    return Place(
        method=PlaceMethod.GPS,
        lat=lat + number * 7 % 13 * 0.0015,
        lon=lon - number * 5 % 11 * 0.0015,
        accuracy_m=9.0,
        district=district,
    )


def _producer(type_code: str) -> Producer:
    connector, source = SOURCES[type_code]
    return Producer(connector=connector, version="1.0", instance=source.rpartition(":")[2])


def _raws(now_ms: int) -> list[Any]:
    return [city.raw(number, at_ms=now_ms - number * MINUTE_MS) for number in range(120)]


def _presses(now_ms: int) -> list[Any]:
    return [
        city.event(
            number,
            at_ms=now_ms - number * 3 * MINUTE_MS,
            type=TYPES[number % 5],
            source=SOURCES[TYPES[number % 5]][1],
            producer=_producer(TYPES[number % 5]),
            place=_place(number),
            subject=f"equipo-{number % 20}",
            native_type=f"clase-{number % 4}",
            summary="un toque de la historia",
            drill=number % 40 == 7,
            **({"raw_number": number} if number < 120 else {}),
        )
        for number in range(120)
    ]


def _health(now_ms: int) -> Iterator[Any]:
    for number, (code, phase, source) in enumerate(
        [
            ("camera.signal_loss", Phase.NEW, "vision"),
            ("camera.obstructed", Phase.NEW, "vision"),
            ("camera.frozen", Phase.NEW, "vision"),
            ("camera.frozen", Phase.RESTORE, "vision"),
            ("source.silent", Phase.NEW, "dc09"),
            ("device.low_battery", Phase.NEW, "dc09"),
            ("supervision.lost", Phase.NEW, "traccar"),
        ]
    ):
        yield city.event(
            2000 + number,
            at_ms=now_ms - (60 - number) * MINUTE_MS,
            type=code,
            phase=phase,
            source=f"urn:cior:{source}:norte",
            subject=EVIL if number == 0 else f"{source}-{number if phase is Phase.NEW else number - 1}",
            producer=Producer(connector=source, version="1.0", instance="norte"),
            lane=Lane.NORMAL,
            place=_place(number),
            life_safety=False,
            summary="no se ve",
        )


def _positions(now_ms: int) -> list[Any]:
    return [
        city.event(
            3000 + number,
            at_ms=now_ms - number * MINUTE_MS // 2,
            type="position",
            source="urn:cior:traccar:norte",
            subject=f"coche-{number % 15}",
            producer=Producer(connector="traccar", version="1.0", instance="norte"),
            lane=Lane.TELEMETRY,
            life_safety=False,
            place=_place(number),
            attributes={"speed_kmh": 20.0 + number % 30},
        )
        for number in range(300)
    ]


def _accounts(now_ms: int) -> list[Any]:
    minute_ms = now_ms // MINUTE_MS * MINUTE_MS
    return [city.accounting(minute_ms - number * MINUTE_MS, 1) for number in range(1, 30)]


def _stamps(number: int, opened_ms: int, status: AlertStatus) -> dict[str, Any]:
    """Response times; now and then a stamp is missing, as in life."""
    reached = list(AlertStatus).index(status)
    times = [
        opened_ms + seconds * 1000 for seconds in (20 + number, 90 + number * 3, 300 + number * 10, 1500)
    ]
    names = ("acknowledged_ms", "dispatched_ms", "on_scene_ms", "closed_ms")
    return {name: at for step, (name, at) in enumerate(zip(names, times, strict=True), start=1) if step <= reached
            and not (step == 3 and number % 4 == 0)}  # fmt: skip


def _alert(number: int, now_ms: int, **more: Any) -> Any:
    type_code = TYPES[(number + number // 5) % 5]
    opened_ms = now_ms - (number * 4 + 2) * MINUTE_MS
    status = more.pop("status", list(AlertStatus)[number % 5])
    made = city.alert(
        number,
        at_ms=opened_ms,
        version=9,
        type=type_code,
        level=LEVELS[(number + number // 6) % 6],
        status=status,
        place=_place(number),
        source=SOURCES[type_code][1],
        protocol=f"protocolo-{number % 3}",
        assignee=f"operador-{number % 3}",
        **_stamps(number, opened_ms, status),
        **more,
    )
    if status is AlertStatus.CLOSED:
        judged = (Disposition.FALSE_ALARM, Disposition.CONFIRMED, Disposition.UNFOUNDED)[number // 5 % 3]
        made = msgspec.structs.replace(made, disposition=judged)
    return made


def _alerts(now_ms: int) -> list[Any]:
    return [_alert(number, now_ms) for number in range(80)]


def _drills(now_ms: int) -> list[Any]:
    """Older than every real alert: counted, they would be the oldest that waits."""
    later_ms = now_ms + 3000 * MINUTE_MS
    return [_alert(950 + n, later_ms, drill=True, status=AlertStatus.OPEN) for n in range(3)]


def _transitions(now_ms: int) -> Iterator[Any]:
    for alert in _alerts(now_ms):
        number = int(alert.id.rpartition("-")[2])
        kinds = [
            ("opened", alert.opened_ms),
            ("acknowledged", alert.acknowledged_ms),
            ("closed", alert.closed_ms),
        ]
        for step, (kind, at_ms) in enumerate(kinds):
            if at_ms is not None:
                yield city.transition(number, n=step, kind=kind, at_ms=at_ms)
