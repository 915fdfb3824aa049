"""The scenario language: signals on a relative clock, and what must be seen by when, for operators to read.

In TOML (a rule's ``fires`` and ``quiet``, files under tests/scenario) or with the structs directly::

    signals = [
      { at_s = 0, event = "transit.panic.bus", from = "bus-12" },
      { at_s = 4, event = "vision.person_down", from = "cam-7", east_m = 30 },
    ]
    wants = [
      { by_s = 1, alerts = 1, level = "P1" },
      { by_s = 5, alerts = 1, members = 2, rule = "merge.same-incident" },
    ]

Places are metres east and north of a reference point. Each want is preceded by a tick at its ``by_s``, so that timers
due by then have run. :mod:`~cior_core.rehearsal` plays it.
"""

from __future__ import annotations

from math import cos, radians
from typing import Any, Literal

import msgspec

from cior_core.identity import event_id
from cior_core.model import (
    UNKNOWN_PLACE,
    ActionKind,
    AgencyStage,
    AlertStatus,
    ClockQuality,
    DataClass,
    Disposition,
    Event,
    Level,
    Phase,
    Place,
    PlaceMethod,
    SilenceScope,
    TypeCode,
)

START_MS = 1_790_000_000_000
"""The instant of ``at_s = 0``: any fixed one would do."""

ORIGIN = (-32.9468, -60.6393)
"""Latitude and longitude of ``east_m = north_m = 0``."""

_M_PER_DEGREE = 111_195.0


class Signal(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}
):
    """One thing that happens at ``at_s``: an ``event`` of a type, an operator's ``action``, a ``receipt`` or a bare
    ``tick``.

    An event happened ``ago_s`` before it came (``recovered``: out of its source's history); two signals with one ``id``
    are one press sent twice (with other facts: a conflicting copy); ``record`` is a call centre's number, and makes
    each record a source of its own. ``alert`` counts alerts in the order of their opening. An action that opens, moves
    or retypes an incident has the signal's place and its ``type``; ``seen`` is the version that its actor saw;
    ``saw``: the answer of the camera ``from`` to its ``command``-th burst (:class:`cior_core.watching.BurstAnswer`).
    ``scope`` is that of a silence, ``silence`` the ``id`` of the signal that began the one to end.
    """

    at_s: float
    event: str | None = None
    source: str = ""
    id: str | None = None
    phase: Phase = Phase.NEW
    located: bool = True
    east_m: float = 0.0
    north_m: float = 0.0
    accuracy_m: float | None = 10.0
    ago_s: float = 0.0
    clock: ClockQuality = ClockQuality.SYNCED
    clock_error_s: float | None = None
    district: str | None = None
    data_class: DataClass = DataClass.RESTRICTED
    life_safety: bool = False
    registered: bool | None = None
    recovered: bool = False
    independence: str | None = None
    record: str | None = None
    drill: bool = False
    attributes: dict[str, Any] = {}
    action: ActionKind | None = None
    alert: int = 0
    others: tuple[int, ...] = ()
    by: str = "operator-1"
    reason: str = ""
    disposition: Disposition | None = None
    posture: str | None = None
    for_s: float | None = None
    seen: int | None = None
    assignee: str | None = None
    owner: str | None = None
    agency: str | None = None
    unit: str | None = None
    stage: AgencyStage | None = None
    attended: bool | None = None
    step: str | None = None
    type: str | None = None
    level: Level | None = None
    text: str = ""
    scope: SilenceScope | None = None
    silence: str | None = None
    line: int | None = None
    rings: bool = False
    receipt: Literal["accepted", "done", "refused", "failed", "expired"] | None = None
    command: int = 0
    saw: dict[str, Any] | None = None
    tick: bool = False


class Want(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold at ``by_s``; what is not named is not asked.

    ``alerts`` counts those not merged into another, ``lines`` what they take on a screen that shows a shared line as
    one; ``first`` is the number of the one that leads the queue; the other fields speak of the alert number ``which``
    (in the order of opening): ``grouped``: it shares a line, ``hidden``: how many its silence hid so far,
    ``agencies``: at which stage each one's clock is, ``ruled``: its level is a person's. ``commands`` counts by kind;
    ``transition`` and ``no_transition`` name a kind of transition.
    """

    by_s: float
    alerts: int | None = None
    lines: int | None = None
    first: int | None = None
    which: int = 0
    type: str | None = None
    level: Level | None = None
    status: AlertStatus | None = None
    members: int | None = None
    sources: int | None = None
    links: int | None = None
    rule: str | None = None
    reason: str | None = None
    silent: bool | None = None
    degraded: bool | None = None
    suppressed: bool | None = None
    grouped: bool | None = None
    hidden: int | None = None
    assignee: str | None = None
    agencies: dict[str, AgencyStage] | None = None
    disagreement: bool | None = None
    ruled: bool | None = None
    commands: dict[str, int] | None = None
    transition: str | None = None
    no_transition: str | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signals and wants; both are sorted by time, wants after signals of the same instant."""

    signals: tuple[Signal, ...]
    wants: tuple[Want, ...]
    title: str = ""


def make_event(signal: Signal, *, n: int = 0) -> Event:
    """The canonical event of an ``event`` signal."""
    at_ms = instant_ms(signal.at_s)
    native = signal.id or signal.record or f"{signal.event}/{signal.source}/{signal.at_s}/{n}"
    return Event(
        id=event_id(f"urn:scenario:{signal.source}", signal.id or native, 0 if signal.id else n),
        source=f"urn:scenario:{signal.source}",
        type=TypeCode(signal.event or ""),
        subject=signal.source,
        phase=signal.phase,
        occurred_ms=at_ms - round(signal.ago_s * 1000),
        received_ms=at_ms,
        clock=signal.clock,
        clock_error_s=signal.clock_error_s,
        place=place_of(signal),
        data_class=signal.data_class,
        life_safety=signal.life_safety,
        drill=signal.drill,
        recovered=signal.recovered,
        registered=signal.registered,
        independence=signal.independence or (f"{signal.source}/{signal.record}" if signal.record else None),
        native_key=signal.record,
        attributes=signal.attributes,
    )


def place_of(signal: Signal) -> Place:
    """Where a signal says that it is."""
    if signal.data_class is DataClass.SEALED or (not signal.located and signal.district):
        return Place(method=PlaceMethod.UNKNOWN, district=signal.district).district_only()
    if not signal.located:
        return UNKNOWN_PLACE
    lat = ORIGIN[0] + signal.north_m / _M_PER_DEGREE
    lon = ORIGIN[1] + signal.east_m / (_M_PER_DEGREE * cos(radians(ORIGIN[0])))
    return Place(
        method=PlaceMethod.GPS,
        lat=round(lat, 7),
        lon=round(lon, 7),
        accuracy_m=signal.accuracy_m,
        district=signal.district,
    )


def instant_ms(at_s: float) -> int:
    """The instant of ``at_s``, UTC ms."""
    return START_MS + round(at_s * 1000)
