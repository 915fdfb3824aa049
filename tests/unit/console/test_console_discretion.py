"""What a person does about something silent leaves the console without place and words (law 17)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_city.packs import taxonomy
from cior_console.discretion import DiscreetSigner
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    DataClass,
    Level,
    Place,
    PlaceMethod,
    TypeCode,
)
from doubles.clock import T0_MS as T0

TYPES = taxonomy()
SILENT = sorted(code for code, kind in TYPES.items() if kind.silent)
LOUD = sorted(code for code, kind in TYPES.items() if not kind.silent)
POINT = Place(method=PlaceMethod.CALLER, lat=-32.951234, lon=-60.661234, text="Pasaje Sin Nombre 12, fondo")


class Stamp:
    """Signs by doing nothing: what it was given is what would be signed."""

    def sign(self, action: Action, *, at_ms: int) -> Action:
        assert at_ms == T0
        return action


def opened(type_code: str, **more: Any) -> Action:
    told: dict[str, Any] = {
        "id": "a-1", "kind": ActionKind.OPEN, "actor": "p-1", "at_ms": T0, "type": TypeCode(type_code), "place": POINT,
        "text": "dice que es su ex pareja, Juan Pérez",
    }  # fmt: skip
    return Action(**(told | more))


def alert(**more: Any) -> Alert:
    told: dict[str, Any] = {
        "id": AlertId("al-1"), "area": DEFAULT_AREA, "version": 1, "type": TypeCode(LOUD[0]), "level": Level.P1,
        "score": 1, "status": AlertStatus.OPEN, "reasons": (), "members": (), "opened_ms": T0, "updated_ms": T0,
        "first_occurred_ms": T0, "last_occurred_ms": T0, "place": Place(method=PlaceMethod.DISTRICT, district="sur"),
        "data_class": DataClass.RESTRICTED, "life_safety": True, "protocol": "p", "protocol_version": 1,
        "rules_version": "r",
    }  # fmt: skip
    return Alert(**(told | more))


def signed(action: Action, *, known: Any = None) -> Action:
    signer = DiscreetSigner(
        Stamp(),
        types=TYPES,
        district=lambda lat, lon: "sur" if lat < 0 and lon < 0 else None,
        current=lambda _id: known,
    )
    return signer.sign(action, at_ms=T0)


@pytest.mark.parametrize("kind", SILENT)
def test_law_17_a_silent_incident_opened_by_hand_travels_with_its_district_only(kind: str) -> None:
    sent = signed(opened(kind))
    assert sent.place == Place(method=PlaceMethod.DISTRICT, district="sur")
    body = msgspec.json.encode(sent).decode()
    for told in ("32.95", "60.66", "Pasaje", "Juan"):
        assert told not in body


def test_law_17_an_act_on_a_silent_alert_says_no_place_either() -> None:
    for silent in (alert(silent=True), alert(data_class=DataClass.SEALED)):
        moved = signed(opened("", kind=ActionKind.MOVE, type=None, alert_id=silent.id), known=silent)
        assert moved.place == Place(method=PlaceMethod.DISTRICT, district="sur")
        assert moved.text == ""


def test_of_what_is_not_silent_all_is_signed() -> None:
    assert LOUD
    for kind in LOUD:
        assert signed(opened(kind)) == opened(kind)
    loud = alert()
    moved = opened("", kind=ActionKind.MOVE, type=None, alert_id=loud.id)
    assert signed(moved, known=loud) == moved
