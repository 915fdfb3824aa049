"""Writes a missing golden event: ``python tests/golden/events/make_events.py``.

It never overwrites: these bytes are what version 1 wrote, for ever.
"""

from pathlib import Path

import msgspec

from cior_core import cloudevents
from cior_core.model import (
    ClockQuality,
    DataClass,
    Event,
    EventId,
    Lane,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    TypeCode,
)

HERE = Path(__file__).parent / "events"
BARE = Event(
    id=EventId("3920b34f-e748-8abf-a303-27e55fb13f70"),
    source="urn:cior:dc09:norte",
    type=TypeCode("heartbeat"),
    subject="panel:1001",
    occurred_ms=1_795_310_961_123,
    received_ms=1_795_310_961_623,
    lane=Lane.TELEMETRY,
)
PRESS = msgspec.structs.replace(
    BARE,
    type=TypeCode("panic.community"),
    phase=Phase.NEW,
    recorded_ms=1_795_310_961_700,
    clock=ClockQuality.SKEWED,
    clock_error_s=12.5,
    place=Place(
        method=PlaceMethod.SITE,
        lat=-32.95,
        lon=-60.66,
        accuracy_m=5.0,
        fix_age_s=0.0,
        h3="89c2594e1afffff",
        district="centro",
        text="Plaza",
    ),
    life_safety=True,
    lane=Lane.URGENT,
    raw=RawPointer(raw_id=RawId("f0660ab2-8e72-8560-9b42-609f502e5b91"), sha256="ab" * 32, index=1),
    producer=Producer(connector="dc09", version="0.1.0", instance="norte"),
    drill=True,
    registered=True,
    independence="panel:1001",
    native_key="0012|1001",
    native_type="1120 01 003",
    native_priority="high",
    summary="Pánico, zona 3",
    attributes={"zone": "003", "buttons": [1, 2.5, None, True]},
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
SEALED = msgspec.structs.replace(
    BARE,
    type=TypeCode("silent.gbv"),
    subject="pseudonym-7f3a",
    life_safety=True,
    lane=Lane.URGENT,
    data_class=DataClass.SEALED,
    place=Place(method=PlaceMethod.DISTRICT, district="sur"),
)
FUTURE = msgspec.structs.replace(
    BARE,
    extra={"sequence": "000042", "data": {"from_version_2": {"a": [1]}, "place": {"floor": 3}}},
    place=Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.66),
)
GOLDEN = {"bare": BARE, "press": PRESS, "sealed": SEALED, "unknown_kept": FUTURE}


def main() -> None:
    """Write what is missing."""
    HERE.mkdir(exist_ok=True)
    for name, event in GOLDEN.items():
        path = HERE / f"{name}.json"
        if not path.exists():
            path.write_bytes(cloudevents.encode(event))


if __name__ == "__main__":
    main()
