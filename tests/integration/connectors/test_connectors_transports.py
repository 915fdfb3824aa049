"""The ready transports on real sockets: what their authors need not think of."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cior_connectors.contract import Accepted, Decoded, Facts, Received, Refused, Rejected, Secret
from cior_connectors.transports.files import FilesConfig, FilesSource
from cior_connectors.transports.lines import LinesConfig, LinesSource
from cior_connectors.transports.mqtt import MqttConfig, MqttSource
from cior_connectors.transports.polling import PollConfig, PollSource
from cior_core.errors import CredentialsRefused, SourceUnavailable
from engines.mosquitto import Mosquitto

GOOD, BAD, AWAY = Accepted(events=1), Rejected(code="x.message"), Refused(code="full")


class Lent:
    """What the runtime lends, and what it was told."""

    instance = "norte"
    max_payload_bytes = 100_000

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder
        self.told: list[str] = []

    def now_ms(self) -> int:
        return 1_795_305_600_000

    def keyed(self, *words: str) -> str:
        return sha256("\0".join(words).encode()).hexdigest()

    def keyed_before(self, *words: str) -> tuple[str, ...]:
        return ()

    def degraded(self, reason: str, /) -> None:
        self.told.append(reason)

    def recovered(self) -> None:
        self.told.append("")


class Lines(LinesSource):
    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        return Decoded()


class Poll(PollSource):
    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        return Decoded()


class Mqtt(MqttSource):
    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        return Decoded()


class Files(FilesSource):
    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        return Decoded()


Source = Lines | Poll | Mqtt | Files


@asynccontextmanager
async def opened(source: Source, lent: Lent) -> AsyncIterator[Callable[[], Awaitable[Received]]]:
    """Open, hand out a way to take the next payload, close."""
    await source.open(lent)
    stream = aiter(source.receive())

    async def taken() -> Received:
        async with asyncio.timeout(20):
            return await anext(stream)

    try:
        yield taken
    finally:
        await source.close()


async def soon(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  another thread's
            await asyncio.sleep(0.01)


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        return await reader.readline()


# --- lines ---


async def test_a_line_is_answered_by_what_became_of_it_and_a_refused_one_not_at_all(tmp_path: Path) -> None:
    source = Lines(LinesConfig(port=0))
    async with opened(source, Lent(tmp_path)) as taken:
        reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
        writer.write(b"one\ntwo\nthree\nfour\n")
        for outcome in (AWAY, BAD, GOOD, AWAY):
            received = await taken()
            await received.ack(outcome)
        assert (await answer(reader), await answer(reader)) == (b"ERR\n", b"OK\n")
        writer.close()


async def test_a_datagram_is_a_payload_and_is_never_answered_with_more_than_it_was(tmp_path: Path) -> None:
    source = Lines(LinesConfig(port=0, tcp=False, udp=True))
    async with opened(source, Lent(tmp_path)) as taken:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.setblocking(False)
            loop = asyncio.get_running_loop()
            for sent in (b"x", b"press 1"):
                await loop.sock_sendto(device, sent, ("127.0.0.1", source.port))
                received = await taken()
                assert received.payload == sent
                assert received.facts.details == {"transport": "udp"}
                await received.ack(GOOD)
            heard = await asyncio.wait_for(loop.sock_recv(device, 99), 20)
            assert heard == b"OK\n"
            with pytest.raises(BlockingIOError):
                device.recv(99)  # the one byte got nothing: its sender may be somebody else


async def test_bytes_that_end_no_line_keep_no_place_and_are_kept_themselves(tmp_path: Path) -> None:
    source = Lines(LinesConfig(port=0, line_s=0.2, greeting_s=0.3))
    async with opened(source, Lent(tmp_path)) as taken:
        silent, silent_writer = await asyncio.open_connection("127.0.0.1", source.port)
        slow, writer = await asyncio.open_connection("127.0.0.1", source.port)
        writer.write(b"half a pre")
        assert (await taken()).payload == b"half a pre"
        for reader in (silent, slow):
            assert await answer(reader) == b"", "still connected"
        for each in (silent_writer, writer):
            each.close()


async def test_an_endless_line_is_cut_and_its_connection_ends(tmp_path: Path) -> None:
    source = Lines(LinesConfig(port=0, max_line_bytes=64))
    async with opened(source, Lent(tmp_path)) as taken:
        reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
        writer.write(b"x" * 5000)
        assert len((await taken()).payload) <= 5000
        with suppress(ConnectionResetError):
            assert await answer(reader) == b""
        writer.close()


async def test_strangers_push_out_strangers_and_nobody_who_spoke_well(tmp_path: Path) -> None:
    source = Lines(LinesConfig(port=0, max_connections_per_peer=2))
    async with opened(source, Lent(tmp_path)) as taken:
        reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
        writer.write(b"well\n")
        await (await taken()).ack(GOOD)
        assert await answer(reader) == b"OK\n"
        crowd = [await asyncio.open_connection("127.0.0.1", source.port) for _ in range(4)]
        assert await answer(crowd[0][0]) == b"", "the oldest stranger stayed"
        writer.write(b"again\n")
        await (await taken()).ack(GOOD)
        assert await answer(reader) == b"OK\n"
        for _, each in (*crowd, (reader, writer)):
            each.close()


# --- polling ---


class FarSide(ThreadingHTTPServer):
    """Answers ``GET`` with what ``says`` holds, and remembers what was asked and with which token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.says: tuple[int, dict[str, str], bytes] = (200, {}, b"[]")
        self.asked: list[str] = []
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/items"


class Handler(BaseHTTPRequestHandler):
    server: FarSide

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.tokens.append(self.headers.get("Authorization"))
        status, headers, body = self.server.says
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    server = FarSide()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_law_1_the_mark_moves_only_when_every_item_before_it_is_durable(
    tmp_path: Path, far_side: FarSide
) -> None:
    far_side.says = (200, {}, b'{"items": [ {"n": 1}, {"n":2} ], "next": "m2"}')
    config = PollConfig(url=far_side.url, poll_s=0.01)
    async with opened(Poll(config), Lent(tmp_path)) as taken:
        first, second = await taken(), await taken()
        assert (first.payload, second.payload) == (b'{"n": 1}', b'{"n":2}'), "not the exact bytes"
        await second.ack(GOOD)
        await first.ack(AWAY)
        with pytest.raises(SourceUnavailable, match="refused"):
            await taken()
    assert far_side.asked == ["/items"]
    async with opened(Poll(config), Lent(tmp_path)) as taken:
        for _ in range(2):
            await (await taken()).ack(GOOD)
        waiting = asyncio.ensure_future(taken())
        await soon(lambda: far_side.asked[-1] == "/items?after=m2")
        waiting.cancel()
    again = Poll(config)
    async with opened(again, Lent(tmp_path)) as taken:
        waiting = asyncio.ensure_future(taken())
        await soon(lambda: far_side.asked.count("/items?after=m2") > 1)
        waiting.cancel()
    assert "/items" not in far_side.asked[2:], "a new life began from the start"


async def test_a_list_that_stays_is_taken_once_and_what_comes_back_is_taken_again(
    tmp_path: Path, far_side: FarSide
) -> None:
    async with opened(Poll(PollConfig(url=far_side.url, poll_s=0.01)), Lent(tmp_path)) as taken:
        for body, fresh in ((b"[1]", b"1"), (b"[1,2]", b"2"), (b"[2,3]", b"3"), (b"[1,3]", b"1")):
            far_side.says = (200, {}, body)
            received = await taken()
            assert received.payload == fresh
            await received.ack(GOOD)


@pytest.mark.parametrize(
    "body", [b"\xff not json", b'{"error": "x"}', b'{"items": {}}', b'{"items": [], "next": [1]}']
)
async def test_an_answer_that_is_no_list_is_a_payload_that_nobody_can_decode(
    tmp_path: Path, far_side: FarSide, body: bytes
) -> None:
    far_side.says = (200, {}, body)
    async with opened(Poll(PollConfig(url=far_side.url)), Lent(tmp_path)) as taken:
        assert (await taken()).payload == body


async def test_a_refused_token_a_wait_a_redirection_and_a_flood_are_what_they_are(
    tmp_path: Path, far_side: FarSide
) -> None:
    config = PollConfig(url=far_side.url, token=Secret("secret-of-ours"), max_answer_bytes=2000)
    elsewhere = far_side.url.replace("items", "elsewhere")
    for says, error in (
        ((401, {}, b""), CredentialsRefused),
        ((503, {"Retry-After": "7"}, b""), SourceUnavailable),
        ((302, {"Location": elsewhere}, b""), SourceUnavailable),
        ((200, {}, b"[" + b"1," * 2000 + b"1]"), SourceUnavailable),
    ):
        far_side.says = says
        async with opened(Poll(config), Lent(tmp_path)) as taken:
            with pytest.raises(error) as caught:
                await taken()
            assert "secret-of-ours" not in str(caught.value)
            assert getattr(caught.value, "retry_after_s", None) == (7.0 if says[0] == 503 else None)
        assert not (await Poll(config).probe()).ok
    assert set(far_side.tokens) == {"Bearer secret-of-ours"}
    assert set(far_side.asked) == {"/items"}, "it went where it was sent"


def test_a_secret_is_not_said_over_a_line_that_anybody_reads() -> None:
    with pytest.raises(ValueError, match="https"):
        PollConfig(url="http://api.example.org/", token=Secret("x"))
    with pytest.raises(ValueError, match="tls"):
        MqttConfig(host="broker.example.org", topic="a/b", password=Secret("x"), tls=False)


# --- MQTT, with Debian's broker ---


def subscriber(broker: Mosquitto, name: str) -> MqttConfig:
    return MqttConfig(host="127.0.0.1", port=broker.port, topic=f"{name}/+/press", client_id=name, tls=False)


async def published(config: MqttConfig, *payloads: bytes) -> None:
    def publish() -> None:
        device = paho.Client(CallbackAPIVersion.VERSION2)
        device.connect(config.host, config.port)
        device.loop_start()
        for payload in payloads:
            device.publish(config.topic.replace("+", "totem-7"), payload, qos=1).wait_for_publish(20)
        device.disconnect()
        device.loop_stop()

    await asyncio.to_thread(publish)


async def test_law_1_mqtt_is_acknowledged_when_it_is_durable_and_in_order(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """What a second life hears again is what the first did not acknowledge."""
    config = subscriber(mosquitto, "order")
    async with opened(Mqtt(config), Lent(tmp_path)) as taken:
        await published(config, b"one", b"two", b"three")
        first, second, third = await taken(), await taken(), await taken()
        assert [each.payload for each in (first, second, third)] == [b"one", b"two", b"three"]
        await first.ack(BAD)
        await third.ack(GOOD)
        await asyncio.sleep(0.3)
    await second.ack(GOOD)  # too late: that life is over
    async with opened(Mqtt(config), Lent(tmp_path)) as taken:
        again, more = await taken(), await taken()
        assert (again.payload, more.payload) == (b"two", b"three"), "acknowledged before an older one"
        await more.ack(GOOD)
        await again.ack(GOOD)
        await published(config, b"four")
        assert (await taken()).payload == b"four"


async def test_law_1_a_refused_message_comes_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = subscriber(mosquitto, "refused")
    async with opened(Mqtt(config), Lent(tmp_path)) as taken:
        await published(config, b"press")
        refused = await taken()
        for later in (b"second", b"third"):  # a library that acknowledged by itself has sent it by then
            await published(config, later)
            assert (await taken()).payload == later
        await refused.ack(AWAY)
        with pytest.raises(SourceUnavailable, match="comes again"):
            await taken()
    async with opened(Mqtt(config), Lent(tmp_path)) as taken:
        again = await taken()
        assert again.payload == b"press"
        assert again.facts.details["topic"] == "refused/totem-7/press"


async def test_what_was_sent_while_nobody_listened_is_told_later(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    config = subscriber(mosquitto, "away")
    async with opened(Mqtt(config), Lent(tmp_path)):
        pass
    await published(config, b"while away")
    async with opened(Mqtt(config), Lent(tmp_path)) as taken:
        assert (await taken()).payload == b"while away"


async def test_a_broker_that_is_away_or_goes_is_said(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        away = Mqtt(MqttConfig(host="127.0.0.1", port=held.getsockname()[1], topic="a/b", tls=False))
        with pytest.raises(SourceUnavailable, match="cannot be reached"):
            await away.open(Lent(tmp_path))
        assert not (await away.probe()).ok
        await away.close()


# --- files ---


def dropped(folder: Path) -> FilesConfig:
    (folder / "in").mkdir()
    return FilesConfig(folder=str(folder / "in"), ready="rename", poll_s=0.02)


async def test_a_file_goes_where_its_outcome_says_and_stays_when_it_was_refused(tmp_path: Path) -> None:
    config = dropped(tmp_path)
    inbox = tmp_path / "in"
    for name in ("a.json", "b.json", "c.json"):
        (inbox / name).write_text(name)
    async with opened(Files(config), Lent(tmp_path)) as taken:
        for outcome in (GOOD, BAD, AWAY):
            received = await taken()
            await received.ack(outcome)
        with pytest.raises(SourceUnavailable, match="read again"):
            await taken()
    assert (inbox / "done" / "a.json").read_text() == "a.json"
    assert (inbox / "quarantine" / "b.json").exists()
    async with opened(Files(config), Lent(tmp_path)) as taken:
        assert (await taken()).payload == b"c.json"


async def test_a_link_is_not_followed_and_a_sealed_file_does_not_stay(tmp_path: Path) -> None:
    config = dropped(tmp_path)
    inbox = tmp_path / "in"
    (tmp_path / "keys.json").write_text("the team's key")
    (inbox / "a.json").symlink_to(tmp_path / "keys.json")
    (inbox / "b.json").write_text("a victim's name")
    async with opened(Files(config), Lent(tmp_path)) as taken:
        received = await taken()
        assert received.payload == b"a victim's name"
        await received.ack(Accepted(events=1, sealed=True))
    kept = [path for path in inbox.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path.name for path in kept if "victim" in path.read_text()] == []
