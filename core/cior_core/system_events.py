"""Events about our own parts: an accounting gap, a connector's health, a silent device, a line that said what nobody
can read.

The one maker of them. Ids are deterministic (``event_id(source, key)``), so a repeat of the same finding is the same
event. Pure.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict, Unpack

from cior_core.identity import event_id
from cior_core.model import ClockQuality, DataClass, Event, Lane, Phase, Place, Producer, TypeCode


class SystemFacts(TypedDict, total=False):
    """What else such an event may say; what is left out keeps the default of :class:`Event`. ``drill`` is always said:
    what a part says of itself in an exercise is part of it.
    """

    phase: Phase
    clock: ClockQuality
    place: Place
    data_class: DataClass
    life_safety: bool
    producer: Producer | None
    drill: Required[bool]
    registered: bool | None
    native_key: str
    attributes: dict[str, Any]


def system_event(
    type_code: str,
    *,
    source: str,
    subject: str,
    key: str,
    at_ms: int,
    occurred_ms: int | None = None,
    lane: Lane = Lane.URGENT,
    **facts: Unpack[SystemFacts],
) -> Event:
    """An event that CIOR makes itself.

    ``key`` names the finding within ``source``: the same finding again has the same id.

    ``at_ms``: when it was found (UTC ms); ``occurred_ms``: when it happened, the finding itself when left out. Urgent
    unless ``lane`` says otherwise: whoever watches must hear that a part is blind.
    """
    return Event(
        id=event_id(source, key),
        source=source,
        type=TypeCode(type_code),
        subject=subject,
        occurred_ms=at_ms if occurred_ms is None else occurred_ms,
        received_ms=at_ms,
        lane=lane,
        **facts,
    )
