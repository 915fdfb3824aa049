"""The degraded rule (law 3): a life-safety item that ``step`` could not take becomes an uncorrelated P1 on the wall."""

from __future__ import annotations

from cior_core import identity
from cior_core.model import (
    DEFAULT_AREA,
    UNKNOWN_PLACE,
    Alert,
    AlertStatus,
    AppendTransition,
    AreaId,
    DataClass,
    Effect,
    Event,
    EventItem,
    Item,
    Level,
    Member,
    Place,
    Reason,
    Transition,
    TypeCode,
    UpsertAlert,
)


def degrade(item: Item | None, *, where: str, now_ms: int) -> tuple[Effect, ...]:
    """The alert and its transition; nothing for what is known to be no life-safety event. Same item, same alert id.

    ``item`` None: nobody can read it, so a press may be inside; ``where`` (topic, partition, offset) then makes the id.
    """
    event = item.event if isinstance(item, EventItem) else None
    if item is not None and (event is None or not event.life_safety):
        return ()
    alert = _alert(
        event,
        item.area if item is not None else DEFAULT_AREA,
        opened_by=item.id if item is not None else where,
        now_ms=now_ms,
    )
    return UpsertAlert(alert=alert), AppendTransition(transition=_transition(alert))


def _alert(event: Event | None, area: AreaId, *, opened_by: str, now_ms: int) -> Alert:
    occurred_ms = event.occurred_ms if event is not None else now_ms
    is_silent = event is not None and event.data_class is DataClass.SEALED
    reason = Reason(
        code="degraded",
        points=0,
        text_es="No se pudo correlacionar: atender como llegó.",
        text_en="Could not be correlated: treat as received.",
        events=(event.id,) if event is not None else (),
    )
    return Alert(
        id=identity.alert_id(area, opened_by),
        area=area,
        version=1,
        type=event.type if event is not None else TypeCode("source.undecoded"),
        level=Level.P1,  # automation failed: the highest, whatever the type says
        score=0,
        status=AlertStatus.OPEN,
        reasons=(reason,),
        members=(_member(event),) if event is not None else (),
        opened_ms=now_ms,
        updated_ms=now_ms,
        first_occurred_ms=occurred_ms,
        last_occurred_ms=occurred_ms,
        place=_shown_place(event) if event is not None else UNKNOWN_PLACE,
        data_class=event.data_class if event is not None else DataClass.RESTRICTED,
        life_safety=True,
        protocol="degraded",
        protocol_version=1,
        rules_version="none",
        drill=event is not None and event.drill,
        silent=is_silent,
        degraded=True,
    )


def _shown_place(event: Event) -> Place:
    # The sealed channel's second barrier: whatever a connector sent, only the district leaves here (law 9).
    return event.place.district_only() if event.data_class is DataClass.SEALED else event.place


def _member(event: Event) -> Member:
    return Member(
        event_id=event.id,
        type=event.type,
        source=event.source,
        subject=event.subject,
        phase=event.phase,
        occurred_ms=event.occurred_ms,
        received_ms=event.received_ms,
        place=_shown_place(event),
        life_safety=event.life_safety,
        independence=event.independence or event.subject,
        raw=event.raw,
        registered=event.registered,
    )


def _transition(alert: Alert) -> Transition:
    return Transition(
        id=identity.transition_id(alert.id, alert.version),
        alert_id=alert.id,
        area=alert.area,
        version=alert.version,
        at_ms=alert.opened_ms,
        kind="degraded",
        actor="cior.streams",
        level=alert.level,
        status=alert.status,
        detail_es="Alerta sin correlacionar por una falla del procesamiento.",
        detail_en="Alert not correlated because of a processing fault.",
        reasons=alert.reasons,
        drill=alert.drill,
        data_class=alert.data_class,
    )
