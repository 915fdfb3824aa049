"""The plausibility wall: what every decoded event must satisfy, whatever the protocol.

Complaints are sentences; none means plausible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import h3

from cior_connectors.contract import Facts
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CiorError
from cior_core.model import UNKNOWN_PLACE, Event, Lane, Place, PlaceMethod

FIRST_MS = 946_684_800_000
FUTURE_MS = 120_000
_ID = re.compile(r"[0-9a-f-]{32,64}|[\w:.-]{16,128}")


def complaints(event: Event, facts: Facts) -> list[str]:
    """What is implausible about ``event``; instants are measured against ``facts.received_ms``."""
    return [*_identity(event, facts), *_instants(event, facts), *_place(event.place), *_wire(event)]


def _identity(event: Event, facts: Facts) -> Iterator[str]:
    if not _ID.fullmatch(event.id):
        yield f"id {event.id!r} does not look like one"
    if event.source != facts.source:
        yield "source is not the channel's"
    if not event.subject or len(event.subject) > 200 or not event.subject.isprintable():
        yield "subject is empty, endless or unprintable"
    try:
        known = facts.known.taxonomy[event.type]
    except KeyError:
        yield f"type {event.type!r} is not in the taxonomy"
        return
    if known.life_safety and not event.life_safety:
        yield f"type {event.type!r} is life-safety and the event denies it"
    if event.life_safety and event.lane is not Lane.URGENT:
        yield "life-safety travels off the urgent lane"


def _instants(event: Event, facts: Facts) -> Iterator[str]:
    if event.received_ms != facts.received_ms:
        yield "received_ms is not the runtime's stamp"
    if not FIRST_MS <= event.occurred_ms <= facts.received_ms + FUTURE_MS:
        yield f"occurred_ms {event.occurred_ms} is before 2000 or in the future"
    if event.clock_error_s is not None and event.clock_error_s < 0:
        yield "clock_error_s is negative"


def _place(place: Place) -> Iterator[str]:
    if place.method is PlaceMethod.UNKNOWN:
        if place.located or place.h3:
            yield "an unknown place has coordinates"
        return
    if place.method is PlaceMethod.DISTRICT or not place.located:
        return
    lat, lon = place.lat, place.lon
    assert lat is not None
    assert lon is not None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        yield "coordinates out of range"
    elif abs(lat) < 1e-6 and abs(lon) < 1e-6:
        yield "(0, 0) is not a place; say unknown"
    elif place.h3 is not None and h3.latlng_to_cell(lat, lon, h3.get_resolution(place.h3)) != place.h3:
        yield "the H3 cell is not that of the coordinates"
    if place.accuracy_m is not None and not 0 < place.accuracy_m <= 10_000_000:
        yield "accuracy_m out of range"
    if place.fix_age_s is not None and place.fix_age_s < 0:
        yield "fix_age_s is negative"
    if place == UNKNOWN_PLACE:
        yield "unknown twice"


def _wire(event: Event) -> Iterator[str]:
    try:
        again = codec.decode(Kind.EVENT, codec.encode(event))
    except (CiorError, TypeError, ValueError, OverflowError, RecursionError) as error:
        yield f"does not survive the wire ({type(error).__name__})"
        return
    if again != event:
        yield "reads back differently from the wire"
