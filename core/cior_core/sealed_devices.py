"""What may be known of what is sealed outside its connector: a pseudonym, a district, an interval (law 17)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from cior_core.identity import device_pseudonym, is_pseudonym
from cior_core.keyed import RetiredKey
from cior_core.model import DataClass, Device, Event, Place, Producer

KIND = "sealed"
_CHANNEL = "urn:cior:sealed:"


def enrolled(
    devices: Iterable[Device],
    *,
    key: bytes,
    placed: Callable[[Place], Place],
    retired: Iterable[RetiredKey] = (),
) -> tuple[Device, ...]:
    """``devices`` as the rest of the centre may know them: each sealed one under the pseudonym that its connector gives
    it (``key``: the centre's), with the district that ``placed`` finds; the others as they are.

    Under the name of a ``retired`` key it is out of service: nobody waits for what speaks under a new name now. A
    sealed row is built from nothing, so a field added to ``Device`` later stays inside until it is let out here.
    """
    rows: list[Device] = []
    for device in devices:
        if device.data_class is not DataClass.SEALED:
            rows.append(device)
            continue
        rows.append(_sealed(device, key, placed))
        gone = msgspec.structs.replace(device, enabled=False)
        rows += [_sealed(gone, each.key, placed) for each in retired]
    return tuple(rows)


def _sealed(device: Device, key: bytes, placed: Callable[[Place], Place]) -> Device:
    return Device(
        id=device_pseudonym(key, device.id),
        kind=KIND,
        place=placed(device.place).district_only(),
        area=device.area,
        expected_every_s=device.expected_every_s,
        data_class=DataClass.SEALED,
        enabled=device.enabled,
        drill=device.drill,
    )


def names_nobody(event: Event) -> bool:
    """Whether this is no more than a connector lets out of what it seals: the names of who and of which channel are
    pseudonyms, its place is at most a district, and it carries no word of anybody's.

    Held against one that is built from nothing: with a field that is added to ``Event`` later it is not that any more.
    """
    place, producer = event.place, event.producer
    stripped = Event(
        id=event.id, source=event.source, type=event.type, subject=event.subject, phase=event.phase,
        occurred_ms=event.occurred_ms, received_ms=event.received_ms, recorded_ms=event.recorded_ms, clock=event.clock,
        place=Place(method=place.method, district=place.district), data_class=DataClass.SEALED,
        life_safety=event.life_safety, lane=event.lane, raw=event.raw,
        producer=producer and Producer(connector=producer.connector, version=producer.version), drill=event.drill,
        recovered=event.recovered, registered=event.registered, independence=event.independence,
    )  # fmt: skip
    names = (event.subject, event.source.removeprefix(_CHANNEL), event.independence or event.subject)
    return event == stripped and all(map(is_pseudonym, names))
