"""Panels on real sockets against the real runtime: answers only after durability, nothing lost, nobody can block the
house.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cior_connectors.builtin.dc09.frame import pack
from cior_connectors.builtin.dc09.panel import Answer, PanelSettings, encode

Until = Callable[[Callable[[], bool]], Awaitable[None]]
PRESS = b'\n0AB90027"ADM-CID"0001L0#1234[#1234|1120 00 007]\r'
ACK = pack(b'"ACK"0001L0#1234[]')


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("account", "key"),
    [
        ("008312", None),
        ("77AA", b"0123456789ABCDEF"),
        ("88BB", bytes.fromhex("00112233445566778899AABBCCDDEEFF" * 2)),
    ],
)
async def test_a_press_is_acknowledged_and_durable(
    station: Any, transport: str, account: str, key: bytes | None
) -> None:
    async with station.running():
        panel = station.panel(account, transport=transport, key=key)
        delivered = await panel.contact_id("120", point=7)
        await panel.close()
    assert (delivered.answer, delivered.attempts) == (Answer.ACK, 1)
    (press,) = station.presses()
    assert (press.type, press.subject, press.registered) == ("panic.alarm", f"panel:{account}", False)
    assert station.sink.raws()[0].payload == delivered.frames[0]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_no_answer_before_the_bytes_are_durable(station: Any, until: Until, transport: str) -> None:
    """Law 1, on the wire."""
    async with station.running():
        station.sink.hold()
        panel = station.panel(transport=transport, attempts=1, answer_timeout_s=0.5)
        assert (await panel.contact_id("120")).answer is Answer.NONE
        await panel.close()
        asking = asyncio.ensure_future(
            station.panel(transport=transport, answer_timeout_s=10.0).contact_id("120")
        )
        await asyncio.sleep(0.2)
        assert not asking.done()
        station.sink.release()
        assert (await asking).answer is Answer.ACK


async def test_what_cannot_become_durable_is_not_answered_and_the_resend_is_the_same_press(
    station: Any,
) -> None:
    async with station.running():
        station.sink.full = True
        panel = station.panel(attempts=6, answer_timeout_s=0.3)
        asking = asyncio.ensure_future(panel.contact_id("120"))
        await asyncio.sleep(0.7)
        station.sink.full = False
        delivered = await asking
        await panel.close()
    assert delivered.answer is Answer.ACK
    assert delivered.attempts > 1
    assert len({press.id for press in station.presses()}) == 1


async def test_forty_presses_of_a_child_are_one_press_with_its_repeats_counted(station: Any) -> None:
    """Law 2: each of the forty is published; the id makes them one."""
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(PRESS * 40)
        assert await asyncio.wait_for(reader.readexactly(len(ACK) * 40), 10) == ACK * 40
        writer.close()
    presses = station.presses()
    assert len(presses) == len([record for record in station.sink.raws() if record.payload == PRESS]) == 40
    assert len({press.id for press in presses}) == 1
    assert max(press.attributes.get("repeat", 0) for press in presses) == 39


async def test_a_resend_after_a_restart_is_the_same_press(station: Any) -> None:
    for _ in range(2):
        async with station.running():
            assert (await station.panel().contact_id("120")).answer is Answer.ACK
    assert len(station.presses()) == 2
    assert len({press.id for press in station.presses()}) == 1


async def test_one_frame_in_three_reads_and_three_in_one_with_noise_between(
    station: Any, until: Until
) -> None:
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        for piece in (PRESS[:5], PRESS[5:30], PRESS[30:] + b"noise" + PRESS + PRESS):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        assert await asyncio.wait_for(reader.readexactly(len(ACK) * 3), 5) == ACK * 3
        writer.close()
    assert [letter.payload for letter in station.sink.dead()] == [b"noise"]


@pytest.mark.parametrize(
    "wire",
    [PRESS.replace(b"1120", b"1121"), PRESS.replace(b"0027", b"0039"), b"\n0AB90027" + b"A" * 30 + b"\r"],
)
async def test_wrong_crc_and_wrong_length_get_no_answer_but_are_kept_and_shown(
    station: Any, until: Until, wire: bytes
) -> None:
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(wire)
        await until(lambda: bool(station.sink.dead()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.close()
    assert station.sink.dead()[0].payload == wire
    assert station.sink.raws()[0].payload == wire
    assert [event.life_safety for event in station.sink.decoded() if event.type == "source.undecoded"] == [
        True
    ]


async def test_a_wrong_key_gets_no_answer_and_the_right_one_does(station: Any) -> None:
    async with station.running():
        assert (
            await station.panel("77AA", key=b"WRONG KEY WRONG ", attempts=1, answer_timeout_s=0.4).contact_id(
                "120"
            )
        ).answer is Answer.NONE
        assert (await station.panel("77AA", key=b"0123456789ABCDEF").contact_id("120")).answer is Answer.ACK
    assert [letter.code for letter in station.sink.dead()] == ["dc09.wrong_key"]


async def test_a_panel_with_a_wrong_clock_is_told_the_time_and_its_press_is_one(station: Any) -> None:
    async with station.running():
        delivered = await station.panel("77AA", key=b"0123456789ABCDEF", clock_error_s=-86_400.0).contact_id(
            "120"
        )
    assert (delivered.answer, delivered.attempts) == (Answer.ACK, 2)
    presses = station.presses()
    assert len({press.id for press in presses}) == 1
    assert [press.attributes.get("timestamp_refused", False) for press in presses] == [True, False]


async def test_only_kinds_we_do_not_handle_get_duh_and_unknown_codes_are_acknowledged(station: Any) -> None:
    async with station.running():
        panel = station.panel()
        assert (await panel.send("SIA-S2K", "#1234|x")).answer is Answer.DUH
        assert (await panel.contact_id("199")).answer is Answer.ACK
        assert (await panel.sia("NVA1")).answer is Answer.ACK
        assert (await panel.supervise()).answer is Answer.ACK
        await panel.close()
    assert [press.type for press in station.presses()] == ["alarm.unclassified", "alarm.unclassified"]


async def test_the_answer_never_carries_a_key_or_a_link(station: Any) -> None:
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(
            encode(
                PanelSettings(account="1234", port=1),
                token="ADM-CID",
                sequence=1,
                data="#1234|1120 00 007",
                blocks=("KFEDCBA9876543210", "Vhttp://x"),
            )
        )
        assert await asyncio.wait_for(reader.readexactly(len(ACK)), 5) == ACK
        writer.close()


async def test_a_slow_loris_is_cut_and_costs_nobody_else_anything(station: Any, until: Until) -> None:
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        writer.write(PRESS[:10])
        assert (await station.panel().contact_id("120")).answer is Answer.ACK
        await until(lambda: any(letter.code == "dc09.truncated" for letter in station.sink.dead()))
        assert await asyncio.wait_for(reader.read(10), 5) == b""
        writer.close()


async def test_in_a_full_house_the_longest_idle_connection_leaves_and_the_press_comes_in(
    station: Any,
) -> None:
    station.configure(max_connections=5, max_connections_per_peer=5, idle_timeout_s=60.0)
    async with station.running():
        idle = [await asyncio.open_connection("127.0.0.1", station.port) for _ in range(12)]
        assert (await station.panel().contact_id("120")).answer is Answer.ACK
        assert station.source._streams.connections <= 5
        for _, writer in idle:
            writer.close()


async def test_twenty_megabytes_of_noise_end_the_connection_and_the_next_panel_is_served(
    station: Any,
) -> None:
    async with station.running():
        _, writer = await asyncio.open_connection("127.0.0.1", station.port)
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(320):
                writer.write(b"\xff" * 65_536)
                await asyncio.wait_for(writer.drain(), 5)
        assert (await station.panel().contact_id("120")).answer is Answer.ACK
    assert sum(len(letter.payload) for letter in station.sink.dead()) < 1_000_000


async def test_a_udp_datagram_with_two_frames_gets_two_answers_and_a_duplicate_is_one_press(
    station: Any, until: Until
) -> None:
    async with station.running():
        loop = asyncio.get_running_loop()
        heard: list[bytes] = []

        class Ears(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                heard.append(data)

        transport, _ = await loop.create_datagram_endpoint(Ears, remote_addr=("127.0.0.1", station.port))
        transport.sendto(PRESS + PRESS)
        transport.sendto(PRESS)
        await until(lambda: len(heard) == 3)
        transport.close()
    assert heard == [ACK] * 3
    assert len({press.id for press in station.presses()}) == 1


async def test_duress_leaves_nothing_readable_outside_the_box(station: Any) -> None:
    async with station.running():
        assert (await station.panel("CA9A9").contact_id("121")).answer is Answer.ACK
    assert all(
        b"CA9A9" not in message.value and b"CA9A9" not in message.key for message in station.sink.messages
    )
    (event,) = station.sink.decoded()
    assert (event.type.split(".")[0], event.data_class, event.life_safety) == ("silent", "sealed", True)


async def test_a_port_that_is_taken_is_a_source_that_is_unavailable_and_probe_says_so(
    station: Any, tmp_path: Any
) -> None:
    async with station.running():
        assert (await station.source.probe()).ok
        other = type(station.source)(type(station.config)(port=station.port))
        assert not (await other.probe()).ok
    assert (await other.probe()).ok
