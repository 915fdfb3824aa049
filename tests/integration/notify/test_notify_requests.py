"""A judicial request's clocks reach whoever keeps requests, on their telephone: from the register of a console by a
real broker and the connector ``notify`` to a real HTTP receiver, with a number, a day and an address and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.metrics import Metrics
from cior_bus.obeying import Obeyer
from cior_bus.producer import Bus
from cior_bus.rights import commands_of
from cior_bus.settings import Profile
from cior_console.judicial_desk import JURISDICTION, JudicialDesk
from cior_core.model import CommandKind
from cior_register import ledger, requests
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register
from cior_register.reminding import REMINDED
from integration.bus.brokers import Broker
from integration.notify.desk import DUTY, Desk, now_ms
from integration.notify.peers import HttpPeer, until
from integration.register.request_child import file

REQUEST = "0123456789abcdef0123456789abcdef"
ORIGIN = "https://cior.ciudad.example"
CUSTODY = """
[[team]]
id = "custody"
name_es = "Pedidos judiciales"
name_en = "Judicial requests"
shift = [{ starts = "00:00", ends = "00:00", people = ["eva"] }]
"""


@pytest.fixture
def broker(tansu: Tansu) -> Broker:
    made = Broker(tansu, Profile.TANSU)
    Topics(made.settings).ensure()
    return made


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    opened = Register.open(f"sqlite:///{tmp_path / 'register.db'}")
    yield opened
    opened.close()


@asynccontextmanager
async def obeying(desk: Desk, broker: Broker, bus: Bus, folder: Path) -> AsyncIterator[None]:
    """The connector hears what its family may hear."""
    obeyer = Obeyer(
        desk.source, name="notify.avisos", broker=broker.settings, bus=bus, folder=folder, now_ms=now_ms,
        metrics=Metrics(), kinds=[CommandKind.NOTIFY, CommandKind.TASK], is_repeatable=True,
        topics_of=commands_of("notify"),
    )  # fmt: skip
    task = asyncio.create_task(obeyer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def console(register: Register, bus: Bus, at_ms: int) -> AsyncIterator[None]:
    """What of a console follows requests, with the clock of that instant."""
    desk = JudicialDesk(register, JURISDICTION, bus, now_ms=lambda: at_ms, origin=ORIGIN)
    threads = desk.following(asyncio.get_running_loop())
    for each in threads:
        each.start()
    try:
        yield
    finally:
        for each in threads:
            await asyncio.to_thread(each.stop)


def reminded(register: Register) -> int:
    return len(register.read_now(lambda each: ledger.rows(each, LedgerQuestion(act=REMINDED))))


async def test_law_10_a_deadline_rings_who_keeps_requests_once_and_tells_no_case_and_no_person(
    broker: Broker, register: Register, tmp_path: Path
) -> None:
    await asyncio.to_thread(file, register, REQUEST)
    due_ms = register.read_now(lambda each: requests.the(each, REQUEST)).deadline_ms
    assert due_ms is not None
    with Bus(broker.patient) as bus:
        async with HttpPeer() as peer, Desk(tmp_path, peer.url, duty=DUTY + CUSTODY) as desk:
            async with obeying(desk, broker, bus, tmp_path / "obeyer"):
                async with console(register, bus, due_ms - 3_600_000):
                    await until(lambda: len(peer.calls) == 1 and reminded(register) == 1)
                async with console(register, bus, due_ms - 1_800_000):  # a console that began anew
                    await until(lambda: len(desk.lent.receipts) == 1)
                async with console(register, bus, due_ms):
                    await until(lambda: len(peer.calls) == 2 and reminded(register) == 2)
                await until(lambda: len(desk.lent.receipts) == 2)
            assert desk.outcomes == [("done", "1/1")] * 2
            assert desk.troubles == []
    first, second = (each.json for each in peer.calls)
    assert first["to"].endswith("0002"), "Eva keeps requests"
    assert first["title"] == "Pedido judicial 0123456789ab"
    assert first["text"].splitlines() == [
        "El 29/11/2026 vence el plazo para responder.", f"Ver: {ORIGIN}/console/portal/{REQUEST}",
    ]  # fmt: skip
    assert "venció el plazo" in second["text"]
    assert "/a/" not in first["text"] + second["text"], "there is no alert to acknowledge"
    found = register.read_now(lambda each: requests.the(each, REQUEST))
    said = str([first, second])
    for secret in (
        found.filing.case,
        found.filing.reason,
        found.filing.office,
        "clerk",
        found.asked[0].camera,
    ):
        assert len(secret) < 4 or secret not in said.replace(REQUEST, ""), secret
    assert broker.values(topics.COMMANDS.name, timeout_s=1.0) == [], (
        "nothing that could sound a siren was written"
    )


async def test_without_a_team_for_requests_somebody_else_is_told_and_the_room_sees_what_to_complete(
    broker: Broker, register: Register, tmp_path: Path
) -> None:
    await asyncio.to_thread(file, register, REQUEST)
    due_ms = register.read_now(lambda each: requests.the(each, REQUEST)).deadline_ms
    assert due_ms is not None
    with Bus(broker.patient) as bus:
        async with (
            HttpPeer() as peer,
            Desk(tmp_path, peer.url) as desk,
            obeying(desk, broker, bus, tmp_path / "obeyer"),
            console(register, bus, due_ms),
        ):
            await until(lambda: len(peer.calls) == 1 and len(desk.troubles) == 1)
    assert peer.calls[0].json["title"] == "Judicial request 0123456789ab"
    assert (desk.troubles[0]["team"], desk.troubles[0]["code"]) == ("custody", "duty.team_unknown")
