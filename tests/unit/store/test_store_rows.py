"""What of an event becomes a column of its own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.model import DataClass, Event, EventId, Place, PlaceMethod, TypeCode
from cior_core.watching import Watching
from cior_store import rows
from cior_store.kinds import Entry, Origin
from integration.console.wall_rig import alert


def route(**change: Any) -> object:
    event = Event(
        id=EventId("e"),
        source="urn:x",
        type=TypeCode("panic.bus"),
        subject="vehicle:bus-1",
        occurred_ms=1,
        received_ms=2,
        **change,
    )
    row = rows.event(Entry(record=event, body=b"{}", origin=Origin(topic="t", partition=0, offset=0)))
    return dict(zip(rows.EVENT_COLUMNS, row, strict=True))["route"]


def test_a_press_on_a_bus_is_stored_with_its_line() -> None:
    assert route(attributes={"route": "101"}) == "101"
    assert route() == ""


@pytest.mark.parametrize("said", [101, None, ["101"]])
def test_what_is_no_text_is_no_line(said: object) -> None:
    assert route(attributes={"route": said}) == ""


def test_law_9_a_sealed_event_has_no_line_whatever_it_carries() -> None:
    assert route(attributes={"route": "101"}, data_class=DataClass.SEALED) == ""


def test_law_17_a_silent_alert_is_stored_without_what_cameras_saw_whatever_it_carries() -> None:
    look = Watching(
        camera="plaza", state="ended", asked_ms=1, until_ms=2, text_es="1 persona", text_en="1 person"
    )
    here = Place(method=PlaceMethod.DISTRICT, district="centro")
    loud = alert(1, place=here, members=(), watchings=(look,))
    assert rows.discreet(loud) is loud
    stored = rows.discreet(msgspec.structs.replace(loud, silent=True))
    assert stored.watchings == ()
    assert b"plaza" not in msgspec.json.encode(stored)
