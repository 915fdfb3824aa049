"""The Traccar receiver on real sockets before somebody who opens, trickles and floods: bounded, silent, and still there
for the real server.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from nacl.public import PrivateKey

from cior_bus.metrics import Metrics
from cior_connectors import registry
from cior_connectors._runtime.instance import Instance
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.settings import InstanceSettings
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.builtin.traccar.forwarder import Forwarder, message
from cior_connectors.builtin.traccar.source import TraccarSource
from cior_connectors.contract import DecodeContext, Manifest, Secret
from cior_connectors.http_edge import Faults
from cior_connectors.kit.memory import MemorySink
from cior_core import bundled, strict_toml
from cior_core.model import Producer
from cior_core.taxonomy import Taxonomy

SECRET = "a-secret-for-tests-only"
NOW_MS = 1_795_305_600_000
HEAD = b"POST /traccar HTTP/1.1\r\nHost: x\r\n"
AUTHENTIC = HEAD + b"X-CIOR-Token: " + SECRET.encode() + b"\r\n"


class Receiver:
    """One receiver under the runtime, with an in-memory bus."""

    def __init__(self, root: Path) -> None:
        self.root, self.sink = root, MemorySink()
        self.source: TraccarSource
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self, **config: Any) -> AsyncIterator[None]:
        text = registry.package_text("cior_connectors.builtin.traccar", "manifest.toml")
        manifest = strict_toml.parse(text, Manifest, file="manifest.toml")
        settled = TraccarConfig(port=0, shared_secret=Secret(SECRET), **config)
        context = DecodeContext(
            config=settled,
            taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
            producer=Producer(connector="traccar", version="1.0.0", instance="norte"),
        )
        sealer = Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=b"k" * 32)
        around = Surroundings(sink=self.sink, sealer=sealer, metrics=Metrics(), state_dir=self.root)
        settings = InstanceSettings(kind="traccar", name="norte", config=None, carries_sealed=False)
        self.source = TraccarSource(settled)
        instance = Instance(self.source, manifest=manifest, settings=settings, context=context, around=around)
        task = asyncio.ensure_future(instance.run())
        try:
            async with asyncio.timeout(10):
                while not self.source.port:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            self.port = self.source.port
            yield
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=5)

    @property
    def connections(self) -> int:
        assert self.source._edge is not None
        return len(self.source._edge.connections)

    def knocks(self, count: int, sends: bytes = b"") -> list[socket.socket]:
        opened = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(count)]
        for each in opened:
            each.sendall(sends)
        return opened

    async def presses(self, number: int = 1) -> int:
        async with Forwarder(f"http://127.0.0.1:{self.port}/traccar", secret=SECRET) as forwarder:
            body = message(
                unique_id=f"bus-{number}",
                device_ms=NOW_MS,
                lat=-32.95,
                lon=-60.64,
                alarm="sos",
                number=number,
            )
            status, _ = await forwarder.post(body)
        return status


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    return Receiver(tmp_path)


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("sends", [b"", b"POST", HEAD, HEAD + b"X: y"], ids=["mute", "word", "head", "field"])
async def test_half_open_requests_hold_no_place_and_leave(receiver: Receiver, sends: bytes) -> None:
    async with receiver.running(max_connections_per_peer=50, head_timeout_s=1.0):
        opened = receiver.knocks(400, sends)
        assert await receiver.presses() == 202
        assert receiver.connections <= 51
        await eventually(lambda: receiver.connections == 0)
        for each in opened:
            each.close()


async def test_a_trickled_head_is_cut(receiver: Receiver) -> None:
    """A byte every moment is no request."""
    async with receiver.running(head_timeout_s=0.5):
        (one,) = receiver.knocks(1, HEAD)
        with contextlib.suppress(OSError):
            for _ in range(30):
                one.sendall(b"X")
                await asyncio.sleep(0.1)
                if not receiver.connections:
                    break
        assert receiver.connections == 0
        one.close()


async def test_a_trickled_body_is_cut_and_nothing_of_it_is_kept(receiver: Receiver) -> None:
    async with receiver.running(body_timeout_s=0.5, head_timeout_s=1.0):
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(AUTHENTIC + b"Content-Length: 1000\r\n\r\n")
        for _ in range(3):
            writer.write(b"{")
            await asyncio.sleep(0.1)
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert await receiver.presses() == 202
    assert len(receiver.sink.raws()) == 1


async def test_a_body_without_end_is_not_read_to_its_end(receiver: Receiver) -> None:
    async with receiver.running(max_body_bytes=2_000_000):
        bomb = gzip.compress(b"\0" * 50_000_000)
        headers = {"X-CIOR-Token": SECRET, "Content-Encoding": "gzip"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{receiver.port}/traccar", data=bomb, headers=headers) as answer,
        ):
            assert answer.status == 413
        assert await receiver.presses() == 202
    assert len(receiver.sink.raws()) == 1


async def test_who_shows_no_secret_cannot_push_out_the_server_that_did(receiver: Receiver) -> None:
    async with receiver.running(max_connections=20, max_connections_per_peer=10, head_timeout_s=60.0):
        async with Forwarder(f"http://127.0.0.1:{receiver.port}/traccar", secret=SECRET) as forwarder:
            body = message(unique_id="bus-1", device_ms=NOW_MS, lat=-32.95, lon=-60.64, alarm="sos")
            assert (await forwarder.post(body))[0] == 202
            opened = receiver.knocks(200)
            await eventually(lambda: receiver.connections <= 12)
            assert forwarder._session is not None
            assert (await forwarder.post(body))[0] == 202
        for each in opened:
            each.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01 Maria Gomez\r\n\r\n",
        b"POST /traccar HTTP/1.1\r\nMaria Gomez\r\n\r\n",
        b"POST /traccar HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nMaria",
        b"POST /traccar HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nMaria",
        AUTHENTIC + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nMaria Gomez\r\n",
        AUTHENTIC + b"Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\nMaria Gomez",
        b"POST /traccar HTTP/1.1\r\nHost: x\r\nX: " + b"Maria" * 20_000 + b"\r\n\r\n",
        b"POST /" + b"Maria" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=[
        "no-http",
        "no-colon",
        "two-lengths",
        "smuggling",
        "bad-chunk",
        "bad-gzip",
        "huge-header",
        "huge-path",
    ],
)
async def test_what_http_cannot_read_is_answered_with_an_error_and_quoted_nowhere(
    receiver: Receiver, garbage: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tracebacks of the HTTP library hold the bytes that it could not read."""
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as lines:
        async with receiver.running(head_timeout_s=1.0, body_timeout_s=1.0):
            for _ in range(20):
                with contextlib.suppress(OSError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
                    writer.write(garbage)
                    answer = await asyncio.wait_for(reader.read(), 10)
                    assert not answer or int(answer.split()[1]) >= 400
                    writer.close()
            assert await receiver.presses() == 202
    told = repr(lines) + caplog.text + "".join(capfd.readouterr())
    assert "Maria" not in told
    assert "Traceback" not in told
    assert len(told) < 20_000
    assert len(receiver.sink.raws()) == 1


def test_a_million_faults_are_a_few_lines_with_their_number() -> None:
    """88 MB of tracebacks were written once."""
    at_s, faults = 0.0, Faults("norte", now_s=lambda: at_s)
    with pytest.raises(ValueError, match="Maria") as caught:
        int("Maria Gomez")
    found = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("http", logging.ERROR, "x.py", 1, "Maria %s", ("Gomez",), found)
    with structlog.testing.capture_logs() as lines:
        for n in range(100_000):
            at_s = n / 1_000
            faults.emit(record)
    assert len(lines) == 2
    assert "Maria" not in repr(lines)
    assert lines[1]["faults"] == {"ValueError": 60_000}
