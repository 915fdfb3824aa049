"""How an alert ended goes back to the button that was pressed: once, as it ended last, and never for a victim's
silent alarm.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core import devices
from cior_core.device_state import Reputation
from cior_core.model import (
    DEFAULT_AREA,
    Alert,
    AlertId,
    AlertStatus,
    DataClass,
    Disposition,
    Event,
    Level,
    Member,
)
from unit.core.test_core_devices import said, told


def closed(press: Event, ending: Disposition, **changes: Any) -> Alert:
    """The alert of one press, closed."""
    member = Member(
        event_id=press.id,
        type=press.type,
        source=press.source,
        subject=press.subject,
        phase=press.phase,
        occurred_ms=press.occurred_ms,
        received_ms=press.received_ms,
        place=press.place,
        life_safety=True,
        independence=press.subject,
    )
    alert = Alert(
        id=AlertId("a-1"),
        area=DEFAULT_AREA,
        version=2,
        type=press.type,
        level=Level.P1,
        score=90,
        status=AlertStatus.CLOSED,
        reasons=(),
        members=(member,),
        opened_ms=press.received_ms,
        updated_ms=press.received_ms + 60_000,
        first_occurred_ms=press.occurred_ms,
        last_occurred_ms=press.occurred_ms,
        place=press.place,
        data_class=DataClass.RESTRICTED,
        life_safety=True,
        protocol="panic",
        protocol_version=1,
        rules_version="r",
        disposition=ending,
        closed_ms=press.received_ms + 60_000,
    )
    return msgspec.structs.replace(alert, **changes)


def test_only_endings_that_teach_are_learned() -> None:
    presses = [said(n * 60.0, "panic.taxi") for n in range(len(Disposition))]
    state, _ = told(*presses)
    for press, ending in zip(presses, Disposition, strict=True):
        [event] = devices.endings(closed(press, ending))
        assert (event.subject, event.type) == (press.subject, "alert.ending")
        state = devices.learned(state, event)
    assert state.reputation == Reputation(confirmed=1, false=2)
    marked = devices.annotated(said(1, "panic.taxi"), state)
    assert (marked.attributes["confirmation_rate"], marked.attributes["confirmation_n"]) == (0.4, 3)


def test_a_press_counts_as_its_alert_ended_last_however_often_it_is_said() -> None:
    press = said(0, "panic.taxi")
    state, _ = told(press)
    for ending in (Disposition.FALSE_ALARM, Disposition.FALSE_ALARM, Disposition.CONFIRMED):
        [event] = devices.endings(closed(press, ending))
        state = devices.learned(devices.learned(state, event), event)
    assert state.reputation == Reputation(confirmed=1, false=0)


@pytest.mark.parametrize(
    "changes", [{"drill": True}, {"silent": True}, {"data_class": DataClass.SEALED}, {"closed_ms": None}]
)
def test_law_9_drills_silent_alarms_and_open_alerts_leave_no_mark_on_a_device(
    changes: dict[str, Any],
) -> None:
    assert devices.endings(closed(said(0, "panic.taxi"), Disposition.FALSE_ALARM, **changes)) == ()


def test_an_ending_of_an_unknown_press_teaches_nothing() -> None:
    state, _ = told(said(0, "panic.taxi"))
    [event] = devices.endings(closed(said(999, "panic.taxi"), Disposition.CONFIRMED))
    assert devices.learned(state, event) == state
