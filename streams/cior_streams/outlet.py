"""Effects and items as messages: which topic, which key. Data in, data out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from cior_bus import codec, topics
from cior_bus.lanes import device_bucket
from cior_bus.producer import Message
from cior_core import devices
from cior_core.model import AppendTransition, Effect, Event, IssueCommand, Item, Lane, UpsertAlert


def of_effect(effect: Effect) -> Message:
    """One effect on its topic."""
    match effect:
        case UpsertAlert():
            return Message(
                topic=topics.ALERTS.name, key=effect.alert.id.encode(), value=codec.encode(effect.alert)
            )
        case AppendTransition():
            return Message(
                topic=topics.TRANSITIONS.name,
                key=effect.transition.alert_id.encode(),
                value=codec.encode(effect.transition),
            )
        case IssueCommand():
            return Message(
                topic=topics.COMMANDS.name,
                key=effect.command.target.encode(),
                value=codec.encode(effect.command),
            )
        case _:
            assert_never(effect)


def of_effects(effects: Iterable[Effect]) -> list[Message]:
    """Alerts first: should the process die in between, the wall has what matters. Last what a closing teaches about the devices that pressed."""
    effects = sorted(effects, key=lambda effect: not isinstance(effect, UpsertAlert))
    closed = {
        effect.transition.alert_id
        for effect in effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == "closed"
    }
    learned = [
        of_event(event)
        for effect in effects
        if isinstance(effect, UpsertAlert) and effect.alert.id in closed
        for event in devices.endings(effect.alert)
    ]
    return [*(of_effect(effect) for effect in effects), *learned]


def of_item(item: Item) -> Message:
    """One entry of the area log."""
    return Message(topic=topics.AREA.name, key=item.area.encode(), value=codec.encode(item))


def of_event(event: Event) -> Message:
    """A derived event on its lane."""
    topic = topics.LANE_TOPIC[event.lane].name
    key = event.subject.encode() if event.lane is Lane.URGENT else device_bucket(event.subject)
    return Message(topic=topic, key=key, value=codec.encode(event))
