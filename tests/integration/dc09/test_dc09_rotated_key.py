"""The centre's key is replaced while a sealed panel waits for its answer (law 17): what it repeats is one press."""

from __future__ import annotations

from typing import Any

from cior_connectors.builtin.dc09.panel import Answer
from cior_core import identity
from cior_core.model import DataClass, Device, Event
from doubles.desk import Desk

HOME = "CA9A9"


def urgent(station: Any) -> list[Event]:
    return [event for event in station.sink.decoded() if event.life_safety]


async def test_law_17_a_press_that_is_repeated_after_the_centres_key_was_replaced_is_one_press(
    station: Any,
) -> None:
    station.registry = {
        f"panel:{HOME}": Device(
            id=f"panel:{HOME}", kind="panel", data_class=DataClass.SEALED, unencrypted=True
        )
    }
    message = f"#{HOME}|1121 00 007"
    async with station.running():
        assert (await station.panel(HOME).send("ADM-CID", message, sequence=41)).answer is Answer.ACK
    station.rotate()
    async with station.running():
        assert (await station.panel(HOME).send("ADM-CID", message, sequence=41)).answer is Answer.ACK
        assert (await station.panel(HOME).send("ADM-CID", message, sequence=42)).answer is Answer.ACK
    first, repeated, another = urgent(station)
    assert (repeated.id, repeated.subject) == (first.id, first.subject)
    assert another.id != first.id
    assert another.subject != first.subject, "what happens now has the new key's name"
    desk = Desk()
    desk.hear([first, repeated])
    assert len(desk.alerts) == 1


async def test_law_17_after_its_time_the_old_key_names_nothing(station: Any) -> None:
    station.registry = {
        f"panel:{HOME}": Device(
            id=f"panel:{HOME}", kind="panel", data_class=DataClass.SEALED, unencrypted=True
        )
    }
    old = identity.device_pseudonym(station.hmac_key, f"panel:{HOME}")
    async with station.running():
        assert (await station.panel(HOME).contact_id("121")).answer is Answer.ACK
    station.rotate()
    async with station.running():
        assert (await station.panel(HOME).supervise()).answer is Answer.ACK
    said = {event.subject for event in station.sink.decoded() if event.type == "heartbeat"}
    assert old not in said
