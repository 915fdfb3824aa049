"""A press becomes an alert, whatever dies in between."""

from __future__ import annotations

from cior_bus import topics
from cior_bus.codec import Kind
from integration.streams.fleet import Fleet, message, press


def test_a_press_becomes_an_alert_on_the_wall_topic(fleet: Fleet) -> None:
    fleet.start()
    event = press(1)
    fleet.send([message(event)])
    [alert] = fleet.alerts().values()
    assert [member.event_id for member in alert.members] == [event.id]
    assert alert.life_safety
    assert not alert.degraded
    assert alert.reasons
    assert fleet.read(topics.TRANSITIONS, Kind.TRANSITION, at_least=1)
