"""A DC-09 receiver under the real runtime on loopback, with the bus's in-memory twin behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.public import PrivateKey

from cior_bus.metrics import Metrics
from cior_connectors import registry
from cior_connectors._runtime.instance import Instance
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.settings import InstanceSettings
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors.builtin.dc09.config import Account, Dc09Config
from cior_connectors.builtin.dc09.panel import Panel, PanelSettings
from cior_connectors.builtin.dc09.source import Dc09Source
from cior_connectors.contract import DecodeContext, Manifest, Secret
from cior_connectors.kit.memory import MemorySink
from cior_core import bundled, strict_toml
from cior_core.keyed import RetiredKey
from cior_core.model import Device, Event, Producer
from cior_core.taxonomy import Taxonomy

KEY_LETTERS = "0123456789ABCDEF"
KEY_HEX = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
ACCOUNTS = {"77AA": Account(key=Secret(KEY_LETTERS)), "88BB": Account(key=Secret(KEY_HEX))}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Station:
    """One receiver. ``sink`` says what is durable."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.sink: Any = MemorySink()
        self.registry: dict[str, Device] = {}
        self.hmac_key = b"k" * 32
        self.retired: tuple[RetiredKey, ...] = ()
        self.config = Dc09Config(port=0, accounts=ACCOUNTS, frame_timeout_s=0.4, idle_timeout_s=5.0)
        self.port = 0
        self.source: Dc09Source
        self.panels: list[Panel] = []

    def configure(self, **fields: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **fields)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Instance]:
        manifest = strict_toml.parse(
            registry.package_text("cior_connectors.builtin.dc09", "manifest.toml"),
            Manifest,
            file="manifest.toml",
        )
        context = DecodeContext(
            config=self.config,
            taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
            producer=Producer(connector="dc09", version="1.0.0", instance="norte"),
            registry=self.registry,
        )
        team = bytes(PrivateKey.generate().public_key)
        sealer = Sealer(team_key=team, hmac_key=self.hmac_key, retired=self.retired)
        around = Surroundings(sink=self.sink, sealer=sealer, metrics=Metrics(), state_dir=self.state)
        settings = InstanceSettings(kind="dc09", name="norte", config=None, carries_sealed=False)
        self.source = Dc09Source(self.config)
        instance = Instance(self.source, manifest=manifest, settings=settings, context=context, around=around)
        task = asyncio.ensure_future(instance.run())
        try:
            async with asyncio.timeout(10):
                while not self.source.port:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            self.port = self.source.port
            yield instance
        finally:
            for panel in self.panels:
                await panel.close()
            task.cancel()
            await asyncio.wait([task], timeout=5)

    def rotate(self) -> None:
        """The centre's key is replaced, as ``cior keys rotate centre`` does it between two starts."""
        self.retired = (*self.retired, RetiredKey(key=self.hmac_key, until_ms=now_ms()))
        self.hmac_key = bytes([self.hmac_key[0] + 1]) * 32

    def panel(self, account: str = "1234", **fields: Any) -> Panel:
        settings: dict[str, Any] = {
            "account": account,
            "port": self.port,
            "answer_timeout_s": 2.0,
            "backoff_s": 0.05,
        } | fields
        panel = Panel(PanelSettings(**settings), now_ms=now_ms)
        self.panels.append(panel)
        return panel

    def presses(self) -> list[Event]:
        return [
            event
            for event in self.sink.decoded()
            if event.type not in {"heartbeat", "source.undecoded", "source.conflict"}
        ]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait for something to become true; fail after 20 s."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    return wait
