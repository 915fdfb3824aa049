"""What every decoder needs: deterministic ids, and events that take their class from the taxonomy. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from cior_core.model import UNKNOWN_PLACE, ClockQuality, Event, EventId, Phase, Place, TypeCode

from cior_connectors.contract import Facts

__all__ = ["event_id", "make_event"]


def event_id(source: str, *key: str | int) -> EventId:
    """Deterministic id of a fact: SHA-256 over the length-prefixed parts, first 16 bytes as hex. Same source and key, same id, on every machine."""
    digest = hashlib.sha256()
    for part in (source, *key):
        text = str(part).encode()
        digest.update(len(text).to_bytes(4, "big") + text)
    return EventId(digest.hexdigest()[:32])


def make_event(
    facts: Facts,
    *,
    type_code: str,
    subject: str,
    key: tuple[str | int, ...],
    occurred_ms: int,
    phase: Phase = Phase.NEW,
    place: Place = UNKNOWN_PLACE,
    clock: ClockQuality = ClockQuality.UNKNOWN,
    **fields: Any,
) -> Event:
    """An event with its id (from ``facts.source`` and ``key``), receipt time, life-safety class, lane and data class taken from the taxonomy.

    ``fields`` are any other fields of :class:`Event` and win over the taxonomy's values (a sealed device, another lane). The runtime adds the raw
    pointer, ``registered``, the registered site's place when ``place`` is unknown, and the drill mark of the device.
    Raises ``KeyError`` for a type the taxonomy does not have: a bug or a wrong type map; config lint finds it first.
    """
    known = facts.known.taxonomy[TypeCode(type_code)]
    values: dict[str, Any] = {
        "life_safety": known.life_safety,
        "lane": known.lane,
        "data_class": known.data_class,
        "drill": facts.drill or facts.known.drill,
        "producer": facts.known.producer,
        "native_key": "/".join(str(part) for part in key),
    }
    return Event(
        id=event_id(facts.source, *key),
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
