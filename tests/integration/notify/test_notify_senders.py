"""Whoever called hears how it ended: once, in one sentence, and never about anything silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cior_core.errors import PayloadRejected
from cior_core.model import Command, CommandKind, Disposition, Target, TargetKind
from integration.notify.desk import CONTACTS, Desk, command
from integration.notify.peers import HttpPeer, until

SENDER = '["device:fob-1"]\nsms = "+54 9 261 555-0099"\n'


def ended(disposition: str = "confirmed", **changes: Any) -> Command:
    """The call of a neighbour was closed."""
    parameters = {
        "text_es": "Su aviso fue atendido y cerrado.",
        "text_en": "Your call was attended and closed.",
        "level": "P2",
        "type": "panic.community",
        "district": "norte",
        "life_safety": True,
        "disposition": disposition,
    }
    values: dict[str, Any] = {"target": "device:fob-1", "step": "feedback", "parameters": parameters}
    return command(**(values | changes))


@pytest.mark.parametrize("disposition", [*Disposition, "one of a later release"])
async def test_who_called_hears_how_it_ended_and_the_room_hears_that_it_arrived(
    tmp_path: Path, disposition: str
) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url, contacts=CONTACTS + SENDER) as desk:
        receipt = await desk.source.act(ended(disposition))
        await until(lambda: len(desk.lent.receipts) == 1)
    (call,) = peer.calls
    assert (receipt.outcome, desk.outcomes) == ("accepted", [("done", "1/1")])
    assert (call.json["to"][-4:], call.json["title"]) == ("0099", "Sobre su aviso")
    said = call.json["title"] + call.json["text"]
    assert len(call.json["text"].splitlines()) == 1
    for never in ("P2", "norte", "panic", "http", "Ana"):
        assert never not in said, never


async def test_each_disposition_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url, contacts=CONTACTS + SENDER) as desk:
        for number, each in enumerate(Disposition):
            await desk.source.act(ended(each, id=f"c-{number}"))
        await until(lambda: len(peer.calls) == len(Disposition))
    assert len({call.json["text"] for call in peer.calls}) == len(Disposition)


async def test_law_17_what_was_silent_is_answered_to_no_device(tmp_path: Path) -> None:
    """Core asks for none; if another part did, it is refused here too."""
    async with HttpPeer() as peer, Desk(tmp_path, peer.url, contacts=CONTACTS + SENDER) as desk:
        with pytest.raises(PayloadRejected) as refused:
            await desk.source.act(
                ended(parameters={"level": "P1", "silent": True, "disposition": "confirmed"})
            )
        with pytest.raises(PayloadRejected):
            await desk.source.act(ended(kind=CommandKind.TASK))
    assert (refused.value.code, peer.calls) == ("notify.not_for_senders", [])


async def test_who_cannot_be_reached_is_a_failed_receipt_and_no_alarm(tmp_path: Path) -> None:
    async with HttpPeer(404) as peer, Desk(tmp_path, peer.url, contacts=CONTACTS + SENDER) as desk:
        await desk.source.act(ended())
        await until(lambda: len(desk.lent.receipts) == 1)
    assert (desk.outcomes, desk.troubles) == ([("failed", "notify.http_404")], [])


async def test_only_devices_with_an_address_are_told(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url, contacts=CONTACTS + SENDER) as desk:
        known, stranger, block = (
            Target(kind=kind, id=name)
            for kind, name in (
                (TargetKind.DEVICE, "fob-1"),
                (TargetKind.DEVICE, "fob-2"),
                (TargetKind.BLOCK, "fob-1"),
            )
        )
        assert [each in desk.source.targets for each in (known, stranger, block)] == [True, False, False]
        assert Target(kind=TargetKind.TEAM, id="police") in desk.source.targets
        assert list(desk.source.targets) == [known]
