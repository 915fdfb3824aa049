"""What every decoder needs: events with a deterministic id that take their class from the taxonomy. Pure."""

from __future__ import annotations

from typing import Any

from cior_connectors.contract import Facts
from cior_core.attributes import BUFFERED, CLOCK_MARK, DEVICE_MS
from cior_core.clock import Judgement, Mark
from cior_core.identity import event_id
from cior_core.model import UNKNOWN_PLACE, ClockQuality, Event, Phase, Place, TypeCode

__all__ = ["clock_notes", "make_event"]


def clock_notes(judged: Judgement) -> dict[str, Any]:
    """Attributes that say how a device's clock was judged, the same from every connector.

    ``buffered``: late, as far as can be told because it waited. ``clock_mark``: any other :class:`Mark` than no time at
    all. ``device_ms``: what the device said, when that is not when it happened.
    """
    notes: dict[str, Any] = {}
    match judged.mark:
        case None | Mark.NO_TIME:
            pass
        case Mark.LATE:
            notes[BUFFERED] = True
        case mark:
            notes[CLOCK_MARK] = mark.value
    if judged.device_ms is not None and judged.device_ms != judged.occurred_ms:
        notes[DEVICE_MS] = judged.device_ms
    return notes


def make_event(  # noqa: PLR0913  the facts of one event, all named
    facts: Facts,
    *,
    type_code: str,
    subject: str,
    key: str,
    index: int = 0,
    occurred_ms: int,
    phase: Phase = Phase.NEW,
    place: Place = UNKNOWN_PLACE,
    clock: ClockQuality = ClockQuality.UNKNOWN,
    **fields: Any,
) -> Event:
    """An event with its id (``event_id(facts.source, key, index)``; ``key`` from ``cior_core.identity.press_key``),
    receipt time, life-safety class, lane and data class taken from the taxonomy.

    ``fields`` are any other fields of :class:`Event` and win over the taxonomy's values (a sealed device, another
    lane). The runtime adds the raw pointer, ``registered``, the registered site's place when ``place`` is unknown, and
    the drill mark of the device. Raises ``KeyError`` for a type the taxonomy does not have: a bug or a wrong type map;
    config lint finds it first.
    """
    known = facts.known.taxonomy[TypeCode(type_code)]
    values: dict[str, Any] = {
        "life_safety": known.life_safety,
        "lane": known.lane,
        "data_class": known.data_class,
        "drill": facts.drill or facts.known.drill,
        "producer": facts.known.producer,
        "native_key": key,
    }
    return Event(
        id=event_id(facts.source, key, index),
        source=facts.source,
        type=TypeCode(type_code),
        subject=subject,
        phase=phase,
        occurred_ms=occurred_ms,
        received_ms=facts.received_ms,
        place=place,
        clock=clock,
        **(values | fields),
    )
