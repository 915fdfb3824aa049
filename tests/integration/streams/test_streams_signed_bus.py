"""Law 13 over a real broker: a client that can write to it tries to close an alert."""

from __future__ import annotations

import msgspec

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_core.catalogue import Kind
from cior_core.model import Action, ActionKind, AlertStatus, Disposition
from doubles.signing import STRANGER, signed
from integration.streams.fleet import Fleet, message, now_ms, press, until


def test_law_13_only_what_was_signed_closes_an_alert(fleet: Fleet) -> None:
    fleet.start()
    fleet.send([message(press(1))])
    [alert] = fleet.alerts().values()
    close = Action(
        id="close-1",
        kind=ActionKind.CLOSE,
        actor="op-7",
        at_ms=now_ms(),
        alert_id=alert.id,
        area=alert.area,
        disposition=Disposition.FALSE_ALARM,
    )
    honest = signed(close)
    forged = [
        msgspec.json.encode(each)
        for each in (
            close,
            signed(close, key=STRANGER),
            msgspec.structs.replace(honest, id="close-2"),
        )
    ]
    on_topic = [
        MessageOut(topic=topics.ACTIONS.name, key=alert.area.encode(), value=value) for value in forged
    ]
    fleet.send(on_topic)
    letters = fleet.read(topics.DEAD, Kind.DEAD, at_least=3)
    codes = ("action.unsigned", "action.signer_unknown", "action.signature")
    assert {(letter.code, letter.payload) for letter in letters} == set(zip(codes, forged, strict=True))

    def intruder() -> bool:
        return any(each.type == "integrity.action" for each in fleet.alerts().values())

    until(intruder, timeout_s=30, why=fleet.logs)
    assert fleet.alerts()[alert.id].status is AlertStatus.OPEN
    fleet.send([MessageOut.of(honest)])
    until(lambda: fleet.alerts()[alert.id].status is AlertStatus.CLOSED, timeout_s=20, why=fleet.logs)
    reopen = msgspec.structs.replace(close, id="open-1", kind=ActionKind.REOPEN, disposition=None)
    fleet.send([MessageOut.of(signed(reopen))])
    until(lambda: fleet.alerts()[alert.id].status is AlertStatus.OPEN, timeout_s=20, why=fleet.logs)
    sent_again = MessageOut.of(honest)
    fleet.send([sent_again])
    fleet.send([MessageOut(topic=sent_again.topic, key=sent_again.key, value=sent_again.value)])
    letters = fleet.read(topics.DEAD, Kind.DEAD, at_least=4)
    assert sorted(each.code for each in letters) == sorted([*codes, "action.replayed"]), (
        "its console may send it again; who recorded it and plays it is told of"
    )
    assert fleet.alerts()[alert.id].status is AlertStatus.OPEN
