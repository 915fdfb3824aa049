"""A two-way connector for tests, in the real runtime of connectors: it sounds the sirens of its block."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from nacl.public import PrivateKey

from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_connectors._runtime.instance import Instance
from cior_connectors._runtime.process import load_taxonomy
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.settings import InstanceSettings
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors.contract import (
    DecodeContext,
    Decoded,
    Facts,
    Identity,
    Manifest,
    Mode,
    OpenContext,
    ProbeReport,
    Received,
)
from cior_core.errors import SourceUnavailable
from cior_core.model import Command, Producer, Receipt, Target, TargetKind

MANIFEST = Manifest(
    name="siren_gateway",
    version="1.0.0",
    owner="tests",
    title="Siren gateway",
    protocol="none",
    source="none:none",
    config="none:none",
    mode=Mode.LISTEN,
    identity=Identity.RECEIPT,
    life_safety=False,
    commands=True,
)


class SirenGateway:
    """``cior_connectors.contract.Source`` and ``Commandable``. Its line is down for the first ``fails`` opens."""

    def __init__(self, block: str, *, fails: int = 0) -> None:
        self.targets = (Target(kind=TargetKind.BLOCK, id=block),)
        self.sounded: list[Command] = []
        self._fails, self._is_open = fails, False

    async def open(self, _ctx: OpenContext) -> None:
        if self._fails:
            self._fails -= 1
            raise SourceUnavailable("gateway.down", "no line", retry_after_s=0.2)
        self._is_open = True

    async def receive(self) -> AsyncIterator[Received]:
        await asyncio.Event().wait()
        yield Received(payload=b"", facts=Facts(source="none"), ack=_nobody)

    def decode(self, _raw: bytes, _facts: Facts) -> Decoded:
        return Decoded()

    async def close(self) -> None:
        self._is_open = False

    async def probe(self) -> ProbeReport:
        return ProbeReport(ok=True, detail="")

    async def act(self, command: Command, /) -> Receipt:
        assert self._is_open, "asked while it was closed"
        self.sounded.append(command)
        return Receipt(
            command_id=command.id, device="siren-7", at_ms=time.time_ns() // 1_000_000, outcome="done"
        )


async def _nobody(_outcome: object) -> None:
    pass


class RunningGateway:
    """The gateway in an instance of the connectors' runtime, on a thread of its own."""

    def __init__(self, gateway: SirenGateway, broker: BusSettings, folder: Path) -> None:
        self._gateway, self._broker, self._folder = gateway, broker, folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gateway")
        self._task: asyncio.Task[None] | None = None

    def _run(self) -> None:
        with Bus(self._broker) as bus:
            instance = self._instance(bus)
            self._task = self._loop.create_task(instance.run())
            self._loop.run_until_complete(asyncio.wait({self._task}))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _instance(self, bus: Bus) -> Instance:
        context = DecodeContext(
            config=None,
            taxonomy=load_taxonomy(),
            producer=Producer(connector="siren_gateway", version="1.0.0", instance="sirens"),
        )
        sealer = Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=b"k" * 32)
        around = Surroundings(
            sink=bus, sealer=sealer, metrics=Metrics(), state_dir=self._folder, broker=self._broker
        )
        settings = InstanceSettings(kind="siren_gateway", name="sirens", config=None, carries_sealed=False)
        return Instance(self._gateway, manifest=MANIFEST, settings=settings, context=context, around=around)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        def cancel() -> None:
            if self._task is not None:
                self._task.cancel()

        self._loop.call_soon_threadsafe(cancel)
        self._thread.join(20)
        assert not self._thread.is_alive(), "it does not stop"
