"""Whom a notice rings when the register keeps the directory: its people; the city's file while nobody wrote one."""

from __future__ import annotations

from pathlib import Path

from cior_core.duty import DutyBook
from integration.notify.desk import Desk, command, fetch
from integration.notify.peers import HttpPeer, until

KEPT = DutyBook.load("""
otherwise = "supervisor"
person = [{ id = "eva", name = "eva", account = "p-eva" }]
[[team]]
id = "police"
name_es = "Policía"
name_en = "Police"
shift = [{ starts = "00:00", ends = "00:00", people = ["eva"] }]
[[team]]
id = "supervisor"
name_es = "Supervisión"
name_en = "Supervision"
""")
ANA, EVA = "0001", "0002"


async def rung(desk: Desk, peer: HttpPeer, number: int) -> str:
    """The last digits of whom a notice rang."""
    await desk.source.act(command(number))
    await until(lambda: len(peer.calls) >= number)
    return str(peer.calls[-1].json["to"])[-4:]


async def test_the_register_counts_once_it_was_told_and_the_file_before_and_after(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        assert await rung(desk, peer, 1) == ANA
        desk.lent.duty = DutyBook()
        assert await rung(desk, peer, 2) == ANA, "a register in which nobody wrote a team keeps no directory"
        desk.lent.duty = KEPT
        assert await rung(desk, peer, 3) == EVA
        (tmp_path / "duty.toml").write_text("broken [", encoding="utf-8")
        assert await rung(desk, peer, 4) == EVA, "nobody reads the file meanwhile"


async def test_law_13_who_answers_by_a_link_is_who_they_are_in_the_register(tmp_path: Path) -> None:
    async with HttpPeer() as peer, Desk(tmp_path, peer.url) as desk:
        desk.lent.duty = KEPT
        await desk.source.act(command())
        await until(lambda: len(peer.calls) == 1)
        status, _ = await fetch("POST", desk.local(peer.calls[0].json["link"]))
    assert (status, [each.actor for each in desk.lent.actions]) == (200, ["p-eva"])
