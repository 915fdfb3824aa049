"""An attacker with a laptop on the panels' network, on real sockets: what is taken from whom when room, places or time
are short.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cior_bus import metrics as m
from cior_bus import topics
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_bus.spool import Spool, SpoolClass, SpoolLimits
from cior_connectors.builtin.dc09.config import Account
from cior_connectors.builtin.dc09.frame import crc16, pack
from cior_connectors.builtin.dc09.panel import Answer, PanelSettings, encode
from cior_connectors.contract import Secret
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Device, Event

Until = Callable[[Callable[[], bool]], Awaitable[None]]
KEY = b"0123456789ABCDEF"
LIMITS = SpoolLimits(
    life_safety_bytes=400_000, unproven_bytes=60_000, unread_bytes=40_000, segment_bytes=16_384
)
REAL = "77AA"


def bad_crc(number: int) -> bytes:
    body = b'"ADM-CID"%04dL0#1234[#1234|1120 00 007]' % number
    return b"\n%04X%04X%b\r" % (crc16(body) ^ 1, len(body), body)


def wrong_key(number: int) -> bytes:
    settings = PanelSettings(account=REAL, port=1, key=b"THIS IS NOT IT..")
    return encode(settings, token="ADM-CID", sequence=number, data="#77AA|1120 00 001", at_ms=1)


def forged_press(number: int) -> bytes:
    return pack(b'"ADM-CID"%04dL0#%04d[#%04d|1120 00 007]' % (number, number, number))


def noise(number: int) -> bytes:
    return b"%06d" % number + b"\xff" * 900 + b"\n"


class Attacker:
    """Sends one kind of frame as fast as it is read, on a new connection whenever one is closed."""

    def __init__(self, port: int, frames: Callable[[int], bytes]) -> None:
        self._port, self._frames = port, frames
        self.sent = 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    while not writer.is_closing():
                        self.sent += 1
                        writer.write(self._frames(self.sent % 10_000))
                        await writer.drain()
                        await asyncio.sleep(0.002)
                finally:
                    writer.close()
            await asyncio.sleep(0.005)


@asynccontextmanager
async def attacked(port: int, *kinds: Callable[[int], bytes]) -> AsyncIterator[list[Attacker]]:
    attackers = [Attacker(port, kind) for kind in kinds]
    tasks = [asyncio.ensure_future(attacker.run()) for attacker in attackers]
    try:
        yield attackers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Cut:
    """A bus whose broker is away, with a small spool: where a press must find room."""

    def __init__(self, folder: Path) -> None:
        self.metrics = Metrics()
        self.spool = Spool.open(folder, limits=LIMITS, metrics=self.metrics)
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        dsn = f"kafka://127.0.0.1:{port}?profile=kafka"
        self.bus = Bus(BusSettings.from_dsn(dsn, ack_wait_s=0.3), spool=self.spool, metrics=self.metrics)

    def is_full(self, spool_class: SpoolClass) -> bool:
        return self.metrics.value(m.REFUSED, spool_class.value, "spool.full") > 0

    def presses(self) -> list[Event]:
        read = self.spool.read(SpoolClass.LIFE_SAFETY, max_records=10**6, max_bytes=10**9)
        return [
            event
            for spooled in read
            for entry in spooled.entries
            if entry.topic == topics.URGENT.name
            for event in codec.records(Kind.EVENT, entry.value)
            if event.type == "panic.alarm"
        ]

    def close(self) -> None:
        self.bus.close()
        self.spool.close()


@pytest.mark.parametrize(
    ("kinds", "filled"),
    [
        ((bad_crc, wrong_key, noise), SpoolClass.UNREAD),
        ((forged_press,), SpoolClass.UNPROVEN),
    ],
    ids=["garbage", "forged-presses"],
)
async def test_who_fills_the_spool_costs_no_encrypted_press_its_acknowledgement(
    station: Any, until: Until, tmp_path: Path, kinds: tuple[Callable[[int], bytes], ...], filled: SpoolClass
) -> None:
    cut = Cut(tmp_path / "spool")
    station.sink = cut.bus
    try:
        async with station.running() as instance, attacked(station.port, *kinds, *kinds):
            await until(lambda: cut.is_full(filled))
            for n in range(20):
                panel = station.panel(REAL, key=KEY, attempts=1, answer_timeout_s=10.0)
                assert (await panel.contact_id("120", point=n)).answer is Answer.ACK
                await panel.close()
            counts = instance.accounting.close_minute()
        assert cut.metrics.value(m.DROPPED) == 0
        assert len({press.id for press in cut.presses() if press.subject == f"panel:{REAL}"}) == 20
        if filled is SpoolClass.UNREAD:
            assert counts["dropped"] > 0, "what found no room is counted, with its reason"
        assert counts["refused"] > 0
    finally:
        await asyncio.to_thread(cut.close)


def shared_words(station: Any) -> list[Event]:
    return [event for event in station.sink.events() if event.attributes.get("code") == "undecoded.shared"]


async def test_undecodable_frames_are_said_at_a_bounded_pace_and_each_is_counted(
    station: Any, until: Until
) -> None:
    """An alarm may be among them: the operator hears at once, and then how many, not a page of lines."""
    async with station.running(), attacked(station.port, bad_crc, bad_crc):
        await until(lambda: len(station.sink.dead()) > 300)
        await until(lambda: bool(shared_words(station)))
    undecoded = [event for event in station.sink.events() if event.type == "source.undecoded"]
    assert len(undecoded) < 20 < len(station.sink.dead())
    assert all(event.life_safety for event in undecoded)
    assert shared_words(station)[0].attributes["parts"] > 50


async def test_idle_connections_of_the_same_address_do_not_push_out_panels_that_have_spoken_well(
    station: Any,
) -> None:
    """Fifteen panels behind one carrier address, and an attacker behind it who opens connections and keeps silent."""
    station.configure(max_connections_per_peer=20, max_connections=200, idle_timeout_s=60.0)
    async with station.running():
        panels = [station.panel(REAL, key=KEY, attempts=1, answer_timeout_s=5.0) for _ in range(15)]
        for panel in panels:
            assert (await panel.supervise()).answer is Answer.ACK
        idle = [await asyncio.open_connection("127.0.0.1", station.port) for _ in range(300)]
        answers = [(await panel.contact_id("120", point=n)).answer for n, panel in enumerate(panels)]
        assert answers == [Answer.ACK] * 15, "on the connections that they had"
        assert station.source._streams.connections <= 15 + 20 + 1
        for _, writer in idle:
            writer.close()


async def test_an_attacker_who_forges_presses_stays_a_stranger(station: Any) -> None:
    station.configure(max_connections_per_peer=5, default_key=Secret(KEY.decode()))
    async with station.running():
        forgers = [station.panel(f"9{n:03d}", attempts=1) for n in range(30)]
        for forger in forgers:
            assert (await forger.contact_id("120")).answer is Answer.ACK
        assert station.source._streams.connections <= 5


async def test_a_panel_that_connects_during_the_flood_gets_through(station: Any) -> None:
    station.configure(max_connections_per_peer=20, idle_timeout_s=60.0)
    async with station.running():

        async def flood() -> None:
            opened: list[socket.socket] = []
            try:
                while True:
                    opened.append(socket.create_connection(("127.0.0.1", station.port)))
                    if len(opened) > 100:
                        opened.pop(0).close()
                    await asyncio.sleep(0.001)
            finally:
                for each in opened:
                    each.close()

        flooding = asyncio.ensure_future(flood())
        delivered = await station.panel(REAL, key=KEY, answer_timeout_s=5.0, attempts=10).contact_id("120")
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    assert delivered.answer is Answer.ACK


async def test_filler_bytes_keep_no_connection_open(station: Any) -> None:
    """Slowloris: a byte every moment that never becomes a frame is silence."""
    station.configure(greeting_timeout_s=0.5, idle_timeout_s=60.0)
    async with station.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", station.port)
        with contextlib.suppress(OSError):
            for _ in range(40):
                writer.write(b"\0\r")
                await writer.drain()
                await asyncio.sleep(0.1)
                if reader.at_eof():
                    break
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(10), 5) == b""
        assert station.source._streams.connections == 0
        writer.close()


async def test_a_panel_that_has_spoken_well_may_be_silent_for_longer(station: Any) -> None:
    station.configure(greeting_timeout_s=0.3, idle_timeout_s=60.0)
    async with station.running():
        panel = station.panel(REAL, key=KEY, attempts=1)
        assert (await panel.supervise()).answer is Answer.ACK
        await asyncio.sleep(1.0)
        assert station.source._streams.connections == 1
        assert (await panel.contact_id("120")).answer is Answer.ACK


async def test_who_does_not_read_his_answers_holds_up_nobody_else(station: Any, until: Until) -> None:
    """His answers fill what the two sockets hold and then what may wait for him; then he is let go."""
    async with station.running():
        (listening,) = station.source._streams._server.sockets
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2_048)  # what it accepts inherits it
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", station.port))
            reader, writer = await asyncio.open_connection(sock=deaf, limit=1)
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # never reads an answer

            async def push() -> None:
                with contextlib.suppress(OSError):
                    for n in itertools.count():
                        writer.write(forged_press(n % 10_000) * 5)
                        await writer.drain()

            pushing = asyncio.ensure_future(push())
            await until(lambda: len(station.sink.messages) > 1_000 or pushing.done())
            assert (await station.panel(REAL, key=KEY).contact_id("120")).answer is Answer.ACK
            await until(pushing.done)
            assert (await station.panel(REAL, key=KEY).contact_id("120")).answer is Answer.ACK
            writer.transport.abort()


async def test_a_plain_press_of_a_panel_that_must_encrypt_is_acknowledged_and_raised_marked(
    station: Any,
) -> None:
    station.registry = {f"panel:{REAL}": Device(id=f"panel:{REAL}", kind="panel")}
    async with station.running():
        assert (await station.panel(REAL).contact_id("120")).answer is Answer.ACK
    (press,) = station.presses()
    assert (press.type, press.attributes["unbelieved"]) == ("panic.alarm", True)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_forged_supervision_is_not_answered_as_good_and_shows_no_life(
    station: Any, transport: str
) -> None:
    """With nothing but ``default_key``: the account is anybody's."""
    station.configure(default_key=Secret(KEY.decode()), accounts={})
    async with station.running():
        for account in (REAL, "4321"):
            delivered = await station.panel(account, transport=transport, attempts=1).supervise()
            assert delivered.answer is Answer.DUH
        assert (await station.panel(REAL, transport=transport, key=KEY).supervise()).answer is Answer.ACK
    alive = [event for event in station.sink.events() if event.type == "heartbeat"]
    assert [event.attributes["encrypted"] for event in alive if event.subject.startswith("panel:")] == [True]
    assert len(station.sink.raws()) == 3, "what came is kept, believed or not"


async def test_a_recorded_link_test_that_is_played_again_shows_no_life(station: Any) -> None:
    async with station.running():
        late = station.panel(REAL, key=KEY, clock_error_s=-3 * 86_400.0, attempts=1)
        assert (await late.supervise()).answer is Answer.NAK
        assert (await late.supervise()).answer is Answer.ACK, "its clock was corrected"
    alive = [event for event in station.sink.events() if event.subject == f"panel:{REAL}"]
    assert [event.type for event in alive] == ["heartbeat"]


async def test_a_panel_listed_as_unable_is_answered_as_good_in_clear(station: Any) -> None:
    station.registry = {"panel:5555": Device(id="panel:5555", kind="panel", unencrypted=True)}
    async with station.running():
        assert (await station.panel("5555").supervise()).answer is Answer.ACK
    (alive,) = [event for event in station.sink.events() if event.subject == "panel:5555"]
    assert (alive.attributes["state"], alive.attributes["reason"]) == ("degraded", "without_encryption")


async def test_three_hundred_presses_of_invented_accounts_are_each_raised_marked_and_counted(
    station: Any,
) -> None:
    station.configure(accounts={REAL: Account(key=Secret(KEY.decode()))})
    async with station.running() as instance:
        panel = station.panel("0000")
        for n in range(300):
            panel.settings = PanelSettings(account=f"{n:04d}", port=station.port)
            assert (await panel.contact_id("120")).answer is Answer.ACK
        counts = instance.accounting.close_minute()
    presses = station.presses()
    assert len(presses) == len({press.id for press in presses}) == 300
    assert all(press.registered is False for press in presses)
    assert all(press.attributes["authenticated"] is False for press in presses)
    assert counts["unregistered"] >= 300


@pytest.mark.parametrize(
    "datagram",
    [
        pack(b'"NULL"0000#1[]') * 50,
        pack(b'"ADM-CID"0001#1[|1120 00 007]') * 30,
        encode(PanelSettings(account=REAL, port=1, key=KEY), token="NULL", sequence=0, data="", at_ms=1),
        bad_crc(1) * 20,
    ],
    ids=["tiny", "presses", "late", "garbage"],
)
async def test_no_datagram_is_answered_with_more_than_it_was(
    station: Any, until: Until, datagram: bytes
) -> None:
    """Its sender's address may be a victim's; headers of IP and UDP count, 28 bytes each."""
    async with station.running():
        heard: list[bytes] = []

        class Ears(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                heard.append(data)

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Ears, remote_addr=("127.0.0.1", station.port)
        )
        transport.sendto(datagram)
        await until(lambda: bool(station.sink.raws()))
        await asyncio.sleep(0.3)
        transport.close()
    assert sum(len(answer) + 28 for answer in heard) <= len(datagram) + 28
