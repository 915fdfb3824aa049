"""The correlate agent's body: restore, step, publish and confirm, then remember. A kill anywhere in between repeats the same step (law 4)."""

from __future__ import annotations

from typing import cast

from cior_bus import metrics as m
from cior_bus.message import MessageOut
from cior_core import codec, identity
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_core.model import (
    DEFAULT_AREA,
    UNKNOWN_PLACE,
    Alert,
    AlertStatus,
    AppendTransition,
    AreaId,
    DataClass,
    Event,
    EventItem,
    Item,
    Level,
    Member,
    Place,
    PlaceMethod,
    Reason,
    Transition,
    TypeCode,
    UpsertAlert,
)
from cior_core.ports import Clock
from cior_streams import metrics as s
from cior_streams import outlet
from cior_streams.area_memory import AreaMemory
from cior_streams.domain import Correlator
from cior_streams.guard import Incoming, Publisher


class Correlation:
    """One per worker; serves the areas whose partitions the worker has."""

    def __init__(
        self, bus: Publisher, memory: AreaMemory, correlator: Correlator, *, clock: Clock, metrics: m.Metrics
    ) -> None:
        self._bus, self._memory, self._correlator, self._clock, self._metrics = (
            bus,
            memory,
            correlator,
            clock,
            metrics,
        )

    async def apply(self, incoming: Incoming) -> None:
        """One entry of the area log."""
        item = cast("Item", codec.decode(Kind.ITEM, incoming.value))
        if (incoming.key or b"") != item.area.encode():
            raise PayloadRejected(
                "area.key_mismatch",
                "an item lies under the key of another area",
                cure="key the area log by area",
            )
        held = self._memory.load(item.area)
        if held.has_applied(incoming.offset, item.at_ms):
            self._metrics.add(s.REPLAYED, "correlate")
            return
        if held.is_reset(incoming.offset, item.at_ms):
            self._metrics.add(s.RESETS, "correlate")
        state, effects = self._correlator.step(held.state, item)
        if effects:
            await self._bus.publish(outlet.of_effects(effects))
        for effect in effects:
            self._metrics.add(s.EFFECTS, type(effect).__name__)
        self._memory.keep(item.area, held, state, offset=incoming.offset, at_ms=item.at_ms)

    def degrade(self, incoming: Incoming, _error: BaseException) -> list[MessageOut]:
        """An uncorrelated alert, straight to the wall, for a life-safety item that the step could not take. Automation failed, so it is P1."""
        try:
            item: Item | None = cast("Item", codec.decode(Kind.ITEM, incoming.value))
        except PayloadRejected:
            item = None
        event = item.event if isinstance(item, EventItem) else None
        if item is not None and (event is None or not event.life_safety):
            return []
        area = item.area if item is not None else DEFAULT_AREA
        where = f"{incoming.topic}:{incoming.partition}:{incoming.offset}"
        alert = _degraded_alert(
            event, area, item.id if item is not None else where, now_ms=self._clock.now_ms()
        )
        return outlet.of_effects(
            [UpsertAlert(alert=alert), AppendTransition(transition=_degraded_line(alert))]
        )


def _degraded_alert(event: Event | None, area: AreaId, opened_by: str, *, now_ms: int) -> Alert:
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
        level=Level.P1,
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
    """A second barrier for the sealed channel: whatever a connector sent, only the district of a sealed event leaves here."""
    if event.data_class is not DataClass.SEALED:
        return event.place
    district = event.place.district
    return Place(method=PlaceMethod.DISTRICT, district=district) if district else UNKNOWN_PLACE


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


def _degraded_line(alert: Alert) -> Transition:
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
