"""A drop folder under the real runtime, with the bus's in-memory twin behind it."""

from __future__ import annotations

import asyncio
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
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.source import CadDropSource
from cior_connectors.contract import DecodeContext, Manifest
from cior_connectors.kit.memory import MemorySink
from cior_core import bundled, strict_toml
from cior_core.model import Producer
from cior_core.taxonomy import Taxonomy

CONFIG = """
folder = "{folder}"
format = "csv"
encoding = "detect"
zone = "America/Argentina/Cordoba"
datetime_formats = ["%Y-%m-%d %H:%M"]
default_type = "call.other"
ready = "rename"
poll_s = 0.02
stable_s = 0.2
[columns]
occurred = "created"
type = "nature"
id = ["number"]
lat = "lat"
lon = "lon"
"""


class Desk:
    """One drop folder: put files in, look at what became durable."""

    def __init__(self, root: Path) -> None:
        self.inbox = root / "inbox"
        self.state = root / "state"
        self.inbox.mkdir(parents=True)
        self.sink = MemorySink()
        self.team = PrivateKey.generate()
        # Most stories are of a desk on which nobody sealed reports: their bytes are to be looked at.
        self.carries_sealed: bool | None = False
        self.config = self.read(CONFIG.format(folder=self.inbox))

    def read(self, text: str) -> CadDropConfig:
        return strict_toml.parse(text, CadDropConfig, file="desk.toml")

    def configure(self, **fields: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **fields)

    def put(self, name: str, data: bytes) -> Path:
        """As a well-behaved CAD does: written aside, renamed when whole."""
        aside = self.inbox / f".{name}.writing"
        aside.write_bytes(data)
        return aside.rename(self.inbox / name)

    def calls(self, *numbers: int, nature: str = "choque") -> bytes:
        rows = [f"{n},2026-09-21 10:{n % 60:02d},{nature},-32.9{n % 10},-60.6" for n in numbers]
        return ("number,created,nature,lat,lon\r\n" + "".join(f"{row}\r\n" for row in rows)).encode()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Instance]:
        """The runtime at work on this folder, until the block ends."""
        manifest = strict_toml.parse(
            registry.package_text("cior_connectors.builtin.cad_drop", "manifest.toml"),
            Manifest,
            file="manifest.toml",
        )
        context = DecodeContext(
            config=self.config,
            taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
            producer=Producer(connector="cad_drop", version="1.0.0", instance="desk"),
        )
        around = Surroundings(
            sink=self.sink,
            sealer=Sealer(team_key=bytes(self.team.public_key), hmac_key=b"k" * 32),
            metrics=Metrics(),
            state_dir=self.state,
        )
        settings = InstanceSettings(
            kind="cad_drop", name="desk", config=None, carries_sealed=self.carries_sealed
        )
        instance = Instance(
            CadDropSource(self.config), manifest=manifest, settings=settings, context=context, around=around
        )
        task = asyncio.ensure_future(instance.run())
        try:
            yield instance
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=5)

    def accounted(self) -> tuple[int, int, int]:
        """``(raw records, events from records, dead letters)``."""
        events = [event for event in self.sink.decoded() if event.type != "source.undecoded"]
        return len(self.sink.raws()), len(events), len(self.sink.dead())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait for something to become true; fail after 30 s."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    return wait
