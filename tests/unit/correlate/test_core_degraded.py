"""What a life-safety item becomes when the correlator could not take it."""

from __future__ import annotations

import msgspec
import pytest

from cior_core.correlate.degraded import degrade
from cior_core.identity import item_id
from cior_core.model import (
    DEFAULT_AREA,
    UNKNOWN_PLACE,
    AppendTransition,
    AreaId,
    DataClass,
    EventItem,
    Level,
    Place,
    PlaceMethod,
    TickItem,
    UpsertAlert,
)
from cior_core.scenario import START_MS, Signal, make_event

WHERE = "cior.area.v1:0:7"


def item(*, life_safety: bool = True) -> EventItem:
    event = make_event(Signal(at_s=0, event="panic.bus", source="bus-1", life_safety=life_safety, drill=True))
    return EventItem(
        id=item_id("event", AreaId("norte"), event.id), area=AreaId("norte"), at_ms=1, event=event
    )


def degraded(of: EventItem | None, now_ms: int = START_MS + 9) -> tuple[UpsertAlert, AppendTransition]:
    upsert, append = degrade(of, where=WHERE, now_ms=now_ms)
    assert isinstance(upsert, UpsertAlert)
    assert isinstance(append, AppendTransition)
    return upsert, append


def test_a_press_becomes_an_open_p1_that_says_why_in_its_own_area() -> None:
    press = item()
    upsert, append = degraded(press)
    alert = upsert.alert
    assert (alert.level, alert.life_safety, alert.degraded, alert.drill) == (Level.P1, True, True, True)
    assert (alert.area, alert.type, alert.opened_ms) == ("norte", "panic.bus", START_MS + 9)
    assert [member.event_id for member in alert.members] == [press.event.id]
    assert (append.transition.alert_id, append.transition.kind) == (alert.id, "degraded")
    assert append.transition.reasons == alert.reasons


def test_the_same_item_again_is_the_same_alert_whenever_it_comes() -> None:
    assert degraded(item())[0].alert.id == degraded(item(), START_MS + 99_000)[0].alert.id


def test_what_nobody_can_read_may_be_a_press_and_is_known_by_where_it_lay() -> None:
    alert = degraded(None)[0].alert
    assert (alert.type, alert.level, alert.area, alert.place) == (
        "source.undecoded",
        Level.P1,
        DEFAULT_AREA,
        UNKNOWN_PLACE,
    )
    (other, _) = degrade(None, where="cior.area.v1:0:8", now_ms=START_MS)
    assert isinstance(other, UpsertAlert)
    assert other.alert.id != alert.id


@pytest.mark.parametrize("harmless", [item(life_safety=False), TickItem(id="t", area=DEFAULT_AREA, at_ms=1)])
def test_what_is_known_to_be_no_life_safety_event_rings_nothing(harmless: EventItem | TickItem) -> None:
    assert degrade(harmless, where=WHERE, now_ms=START_MS) == ()


def test_law_9_a_sealed_press_shows_its_district_and_nothing_more() -> None:
    press = item()
    home = Place(method=PlaceMethod.SITE, lat=-32.9, lon=-60.7, district="sur", text="San Lorenzo 1234")
    sealed = msgspec.structs.replace(press.event, data_class=DataClass.SEALED, place=home)
    alert = degraded(msgspec.structs.replace(press, event=sealed))[0].alert
    assert alert.silent
    district = Place(method=PlaceMethod.DISTRICT, district="sur")
    assert [alert.place, *(member.place for member in alert.members)] == [district, district]
