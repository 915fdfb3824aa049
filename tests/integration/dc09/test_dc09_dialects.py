"""Panels of every CRC dialect on real sockets: heard, durable, and answered in a form that they read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest

from cior_connectors.builtin.dc09.frame import Dialect, Frame, FrameKind, Framer
from cior_connectors.builtin.dc09.panel import Answer

KEY = b"0123456789ABCDEF"
DIALECTS = [
    Dialect(raw_crc=True),
    Dialect(counts_cr=True),
    Dialect(lower=True),
    Dialect(raw_crc=True, counts_cr=True, lower=True),
]
# Raw CRCs 0D E8 and 0D EF: the first byte is a CR (Trikdis' form, pysiaalarm 52).
CR_INSIDE = (
    b'\n\r\xe80029"ADM-CID"0070R1L1#9413[#9413|1120 01 007]\r',
    b'\n\r\xef0029"ADM-CID"0030R1L1#9413[#9413|1120 01 007]\r',
)
HOLD_UP = b'\n8D5F0022"SIA-DCS"0001L0#5504[5004|Nri1HA1]\r'


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
async def test_a_panel_reads_the_answer_to_its_press(station: Any, transport: str, dialect: Dialect) -> None:
    """The panel of the test reads its own dialect only, as real ones do."""
    async with station.running():
        for account, key in (("008312", None), ("77AA", KEY)):
            panel = station.panel(account, transport=transport, key=key, dialect=dialect)
            assert (await panel.contact_id("120", point=7)).answer is Answer.ACK
            assert (await panel.supervise()).answer is Answer.ACK
            await panel.close()
    assert [press.type for press in station.presses()] == ["panic.alarm"] * 2
    told = {press.attributes.get("frame_dialect", "") for press in station.presses()}
    unsaid = str(msgspec.structs.replace(dialect, lower=False))
    assert told <= {str(dialect), unsaid}, "digits without letters say no case"


async def test_an_encrypted_panel_with_a_wrong_clock_is_told_the_time_in_its_dialect(station: Any) -> None:
    async with station.running():
        panel = station.panel("77AA", key=KEY, dialect=DIALECTS[0], clock_error_s=-86_400.0)
        delivered = await panel.contact_id("120")
        await panel.close()
    assert (delivered.answer, delivered.attempts) == (Answer.ACK, 2), "NAK, then right"


@pytest.mark.parametrize("step", [1, 2, 3, 200])
async def test_a_cr_inside_the_crc_cuts_no_frame_on_a_stream(station: Any, step: int) -> None:
    stream = b"\r\n".join((*CR_INSIDE, *CR_INSIDE))
    framer = Framer(max_bytes=1024)
    answers: list[Frame] = []
    async with station.running(), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(stream), step):
            writer.write(stream[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
        while len(answers) < 4:
            answers += framer.feed(await reader.read(4096))
        writer.close()
    assert {framed.kind for framed in answers} == {FrameKind.FRAME}
    assert {framed.dialect.raw_crc for framed in answers} == {True}
    assert [framed.body[:9] for framed in answers] == [b'"ACK"0070', b'"ACK"0030'] * 2
    assert [record.payload for record in station.sink.raws()] == [*CR_INSIDE, *CR_INSIDE]
    assert len({press.id for press in station.presses()}) == 2
    assert station.sink.dead() == []


async def test_garbage_and_damage_get_no_answer_and_the_next_press_does(station: Any) -> None:
    hurt = CR_INSIDE[0].replace(b"1120", b"1121")
    async with station.running(), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(b"\n\r\xe8GET / HTTP/1.1\r\n" + hurt + CR_INSIDE[0][:20] + CR_INSIDE[1])
        (answer,) = Framer(max_bytes=1024).feed(await reader.read(4096))
        writer.close()
    assert answer.body.startswith(b'"ACK"0030')
    assert [press.attributes["sequence"] for press in station.presses()] == ["0030"]
    assert hurt in [letter.payload for letter in station.sink.dead()]


async def test_a_hold_up_whose_data_names_the_account_without_hash_is_taken_and_said(station: Any) -> None:
    """It was answered DUH: "I do not handle this", and the panel gave up."""
    async with station.running(), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(HOLD_UP)
        (answer,) = Framer(max_bytes=1024).feed(await reader.read(4096))
        writer.close()
    assert answer.body == b'"ACK"0001L0#5504[]'
