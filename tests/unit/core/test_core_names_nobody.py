"""What a connector lets out of what it seals names nobody; whatever has more than that does (law 17)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_connectors._runtime.seal import Sealer
from cior_core.model import (
    DataClass,
    Event,
    EventId,
    Lane,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    TypeCode,
)
from cior_core.sealed_devices import names_nobody

HOME = Place(method=PlaceMethod.SITE, lat=-32.9, lon=-60.6, district="centro", text="Pasaje Coronda 1840")
CALL = Event(
    id=EventId("e-1"), source="urn:cior:dc09:norte", type=TypeCode("panic.gender_violence"), subject="VICTIMA",
    occurred_ms=1, received_ms=2, place=HOME, data_class=DataClass.SEALED, life_safety=True, lane=Lane.URGENT,
    producer=Producer(connector="dc09", version="1.0", instance="norte"), native_key="7", native_type="HA",
    summary="pide ayuda", attributes={"phone": "341"}, extra={"more": 1}, independence="VICTIMA",
)  # fmt: skip
SEALER = Sealer(team_key=b"t" * 32, hmac_key=b"k" * 32)
OUT = SEALER.strip(CALL, raw=RawPointer(raw_id=RawId("raw-1"), sha256="0" * 64), device=None)


def test_what_a_connector_lets_out_of_a_call_names_nobody() -> None:
    assert names_nobody(OUT)
    assert names_nobody(msgspec.structs.replace(OUT, recorded_ms=9, drill=True, recovered=True))


@pytest.mark.parametrize(
    "more",
    [
        {name: getattr(CALL, name)}
        for name in (
            "subject", "source", "place", "producer", "native_key", "native_type", "summary", "attributes", "extra",
            "independence",
        )
    ]
    + [
        {"native_priority": "1"}, {"clock_error_s": 0.5}, {"traceparent": "00-1"}, {"data_class": DataClass.RESTRICTED},
        {"place": Place(method=PlaceMethod.DISTRICT, district="centro", h3="89c2")},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_whatever_a_connector_would_not_let_out_tells_somebody(more: dict[str, Any]) -> None:
    assert not names_nobody(msgspec.structs.replace(OUT, **more))
