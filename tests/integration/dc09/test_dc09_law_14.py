"""Real frames on real sockets, and a desk that closes what was forged: no press is taken for a copy (law 14)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cior_connectors.builtin.dc09.panel import Answer, PanelSettings, encode
from cior_core.correlate.copies import REPEATED
from cior_core.model import AlertStatus, Event
from doubles.desk import Desk

Until = Callable[[Callable[[], bool]], Awaitable[None]]
KEY = b"0123456789ABCDEF"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def plain(account: str, sequence: int, code: str = "120", *, line: str = "0") -> bytes:
    """A frame that anybody can make who knows the account."""
    settings = PanelSettings(account=account, port=1, line=line)
    return encode(settings, token="ADM-CID", sequence=sequence, data=f"#{account}|1{code} 00 007")


async def sent(station: Any, *frames: bytes) -> None:
    """All frames over one connection, each answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
    for frame in frames:
        writer.write(frame)
        async with asyncio.timeout(10):
            await reader.readuntil(b"\r")
    writer.close()


def urgent(station: Any, after: int = 0) -> list[Event]:
    """What reached the urgent lane, in order, without the first ``after``."""
    found: list[Event] = [event for event in station.sink.decoded() if event.life_safety]
    return found[after:]


async def test_law_14_a_plain_forgery_does_not_swallow_the_encrypted_press_behind_it(station: Any) -> None:
    desk = Desk()
    async with station.running():
        await sent(station, plain("77AA", 1))
        desk.hear(urgent(station))
        assert len(desk.open) == 1
        desk.close(at_ms=now_ms())
        panel = station.panel("77AA", key=KEY)
        assert (await panel.contact_id("120", point=7)).answer is Answer.ACK
        desk.hear(urgent(station, 1))
    forged, real = urgent(station)
    assert forged.id != real.id
    [alert] = desk.open
    assert alert.members[0].event_id == real.id, "it is no copy of anything"


async def test_law_14_thirty_sequences_forged_ahead_do_not_swallow_the_press(station: Any) -> None:
    desk = Desk()
    async with station.running():
        await sent(station, *(plain("1234", 200 + n) for n in range(30)))
        desk.hear(urgent(station))
        desk.close(at_ms=now_ms())
        await sent(station, plain("1234", 215))
        desk.hear(urgent(station, 30))
    [alert] = desk.open
    assert REPEATED in {reason.code for reason in alert.reasons}


async def test_law_14_a_silent_press_of_a_sealed_panel_rings_after_the_forged_one_was_closed(
    station: Any,
) -> None:
    """Code 122: sealed whatever the panel; nothing but pseudonyms leaves, and they tell a copy all the same."""
    desk = Desk()
    async with station.running():
        await sent(station, plain("2003", 7, "122"))
        [forged] = urgent(station)
        desk.hear(forged)
        assert desk.open[0].silent
        desk.close(at_ms=now_ms())
        await sent(station, plain("2003", 7, "122"))
        [_, real] = urgent(station)
        desk.hear(real)
    assert "2003" not in repr([forged, real])
    [alert] = desk.open
    assert alert.silent
    assert "repeated_after_closing" in desk.told


async def test_law_14_a_recorded_encrypted_press_played_back_after_closing_rings_once_and_is_marked(
    station: Any,
) -> None:
    desk = Desk()
    async with station.running():
        delivered = await station.panel("77AA", key=KEY).contact_id("120", point=7)
        desk.hear(urgent(station))
        desk.close(at_ms=now_ms())
        await sent(station, *(delivered.frames * 60))
        desk.hear(urgent(station, 1))
    assert len(urgent(station)) == 61, "nothing is filtered at the receiver (law 2)"
    closed, rung = desk.alerts
    assert (closed.status, rung.status) == (AlertStatus.CLOSED, AlertStatus.OPEN)
    assert REPEATED in {reason.code for reason in rung.reasons}
    assert desk.told.count("repeated_after_closing") == 1


async def test_the_honest_retransmission_of_one_press_is_one_alert(station: Any, until: Until) -> None:
    desk = Desk()
    async with station.running():
        await sent(station, *([plain("1234", 1)] * 40))
        await until(lambda: len(urgent(station)) == 40)
        desk.hear(urgent(station))
    [alert] = desk.alerts
    assert len(alert.members) == 1
    assert "repeated_after_closing" not in desk.told


@pytest.mark.parametrize("stamp", ["00:00:05,01-01-2000", "12:00:00,06-15-1999"])
async def test_law_14_a_panel_that_was_reset_presses_twice_with_the_same_sequence_and_time(
    station: Any, stamp: str
) -> None:
    """Power comes back: the clock starts anew, and so do the sequences."""
    desk = Desk()
    settings = PanelSettings(account="1234", port=1)
    frame = encode(
        settings, token="ADM-CID", sequence=1, data="#1234|1120 00 007", blocks=[f"H{stamp}"], at_ms=None
    )
    async with station.running():
        await sent(station, frame)
        desk.hear(urgent(station))
        desk.close(at_ms=now_ms())
        await sent(station, frame)
        desk.hear(urgent(station, 1))
    assert [alert.status for alert in desk.alerts] == [AlertStatus.CLOSED, AlertStatus.OPEN]
