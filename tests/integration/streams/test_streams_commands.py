"""The way of a siren: press, command, device, receipt, and the alert that tells it; over real topics."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior_bus import topics
from cior_core.catalogue import Kind
from cior_core.model import CommandKind, Event, Transition
from integration.streams.fleet import Fleet, message, press, until
from integration.streams.siren_gateway import RunningGateway, SirenGateway


def community_press() -> Event:
    return msgspec.structs.replace(
        press(1, subject="fob-1", kind="panic.community"), attributes={"block": "block-07"}
    )


def test_a_press_sounds_the_siren_of_its_block_and_the_alert_tells_that_it_did(
    fleet: Fleet, tmp_path: Path
) -> None:
    """The gateway's line is down at first: the command waits for it, and is carried out once."""
    fleet.start()
    gateway = SirenGateway("block-07", fails=2)
    with RunningGateway(gateway, fleet.broker.settings, tmp_path / "connectors"):
        fleet.send([message(community_press())])
        until(lambda: len(gateway.sounded) >= 2, timeout_s=30, why=fleet.logs)

        [alert] = [each for each in fleet.alerts().values() if each.type == "panic.community"]

        def receipts_told() -> list[Transition]:
            told = fleet.read(topics.TRANSITIONS, Kind.TRANSITION, timeout_s=5)
            return [each for each in told if each.alert_id == alert.id and each.kind == "receipt"]

        until(lambda: len({each.id for each in receipts_told()}) >= 2, timeout_s=30, why=fleet.logs)
    siren, neighbours = sorted(gateway.sounded, key=lambda command: command.kind is not CommandKind.SIREN_ON)
    assert (siren.kind, siren.target, siren.alert_id) == (CommandKind.SIREN_ON, "block:block-07", alert.id)
    assert (neighbours.kind, neighbours.target) == (CommandKind.NOTIFY, "block:block-07")
    assert any(each.detail_en == "siren_on to block:block-07: done." for each in receipts_told())
    keys = {key for key, _ in fleet.broker.values(topics.RECEIPTS.name)}
    assert keys == {alert.area.encode()}
