"""What the wall may show of an alert: a projection that leaves out rather than hides.

A wall is read by everybody in the room and by visitors, so it gets no subject, no raw pointer, no free text and no
attribute. A silent or sealed alert is the word *silent*, its level and its district: never a point on the map, never
its type, sources or times of members (design §5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from cior_core.model import Alert, AlertStatus, DataClass, Level, Reason
from cior_core.priority import order

SILENT_NAME_ES = "Alarma silenciosa"
SILENT_NAME_EN = "Silent alarm"


class TypeNames(Protocol):
    """The part of a taxonomy entry that a screen needs."""

    @property
    def name_es(self) -> str:
        """Spanish name."""
        ...

    @property
    def name_en(self) -> str:
        """English name."""
        ...


class WallReason(msgspec.Struct, frozen=True, kw_only=True):
    """One term of the level, in both languages; ``points`` may be negative."""

    code: str
    points: int
    es: str
    en: str


class WallAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the wall.

    ``lat``/``lon`` in WGS84 degrees, None for silent or unlocated alerts. ``order``: its key in the one queue.
    ``group``: the line that it shares while nobody took it, as core decided; nothing else puts alerts together here.
    """

    id: str
    version: int
    level: Level
    order: tuple[int | bool | str, ...]
    status: AlertStatus
    name_es: str
    name_en: str
    district: str | None
    opened_ms: int
    updated_ms: int
    sources: int
    signals: int
    reasons: tuple[WallReason, ...]
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    silent: bool = False
    drill: bool = False
    degraded: bool = False
    life_safety: bool = False
    suppressed_by: str | None = None
    suppressed_until_ms: int | None = None
    received_ms: int | None = None
    group: str | None = None


class DeskAlert(WallAlert, frozen=True, kw_only=True):
    """A row for those who handle it: who took it, when each step was, from which sources, and what is due next.

    ``notes``: how many; ``due_ms``: when the next timer of its protocol ends.
    """

    type: str
    assignee: str | None = None
    source_names: tuple[str, ...] = ()
    acknowledged_ms: int | None = None
    dispatched_ms: int | None = None
    on_scene_ms: int | None = None
    notes: int = 0
    links: tuple[str, ...] = ()
    due_ms: int | None = None


def full_row(alert: Alert, names: Mapping[str, TypeNames]) -> WallAlert:
    """The row for those who handle it; of a sealed one they see no more than the wall."""
    plain = project(alert, names)
    if is_sealed(alert):
        return plain
    shared = {name: getattr(plain, name) for name in WallAlert.__struct_fields__}
    return DeskAlert(
        **shared,
        type=alert.type,
        assignee=alert.assignee,
        source_names=tuple(dict.fromkeys(member.source for member in alert.members)),
        acknowledged_ms=alert.acknowledged_ms,
        dispatched_ms=alert.dispatched_ms,
        on_scene_ms=alert.on_scene_ms,
        notes=len(alert.notes),
        links=alert.links,
        due_ms=min((due_ms for _, due_ms in alert.timers), default=None),
    )


def is_sealed(alert: Alert) -> bool:
    """Whether only the silent projection may leave the response team's room."""
    return alert.silent or alert.data_class is DataClass.SEALED


def project(alert: Alert, names: Mapping[str, TypeNames]) -> WallAlert:
    """The wall's row for ``alert``. Total: a type the taxonomy does not know is shown by its code."""
    if is_sealed(alert):
        return _silent(alert)
    known = names.get(alert.type)
    return WallAlert(
        id=alert.id,
        version=alert.version,
        level=alert.level,
        order=order(alert),
        status=alert.status,
        name_es=known.name_es if known else alert.type,
        name_en=known.name_en if known else alert.type,
        district=alert.place.district,
        opened_ms=alert.opened_ms,
        updated_ms=alert.updated_ms,
        sources=len({member.independence for member in alert.members}),
        signals=len(alert.members),
        reasons=tuple(_reason(reason) for reason in alert.reasons),
        lat=alert.place.lat,
        lon=alert.place.lon,
        accuracy_m=alert.place.accuracy_m,
        drill=alert.drill,
        degraded=alert.degraded,
        life_safety=alert.life_safety,
        suppressed_by=alert.suppression.by if alert.suppression else None,
        suppressed_until_ms=alert.suppression.until_ms if alert.suppression else None,
        received_ms=min((member.received_ms for member in alert.members), default=None),
        group=_group(alert),
    )


def _silent(alert: Alert) -> WallAlert:
    return WallAlert(
        id=alert.id,
        version=alert.version,
        level=alert.level,
        order=order(alert),
        status=alert.status,
        name_es=SILENT_NAME_ES,
        name_en=SILENT_NAME_EN,
        district=alert.place.district,
        opened_ms=alert.opened_ms,
        updated_ms=alert.updated_ms,
        sources=0,
        signals=0,
        reasons=(),
        silent=True,
        drill=alert.drill,
        life_safety=alert.life_safety,
        group=_group(alert),
    )


def _group(alert: Alert) -> str | None:
    """Whoever took an alert wants to see it: it leaves the line."""
    return alert.group or None if alert.status is AlertStatus.OPEN else None


def _reason(reason: Reason) -> WallReason:
    return WallReason(code=reason.code, points=reason.points, es=reason.text_es, en=reason.text_en)
