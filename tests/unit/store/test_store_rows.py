"""What of an event becomes a column of its own."""

from __future__ import annotations

from typing import Any

import pytest

from cior_core.model import DataClass, Event, EventId, TypeCode
from cior_store import rows
from cior_store.kinds import Entry, Origin


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
