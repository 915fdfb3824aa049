"""A siren that obeys, as a process of its own: ``python obeying_process.py DSN FOLDER KILL_AT``.

It writes what it does into ``FOLDER/did``. ``KILL_AT`` names the line of the journal, or ``acted`` or ``published``,
after which it kills itself with SIGKILL; ``never`` lets it live.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cior_bus import command_journal
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.obeying import Obeyer
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core.model import Command, Receipt, Target, TargetKind

KILL_AT = sys.argv[3] if len(sys.argv) > 3 else "never"


def reached(point: str) -> None:
    if point == KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)


class Siren:
    targets = (Target(kind=TargetKind.BLOCK, id="b-1"),)

    def __init__(self, did: Path) -> None:
        self._did = did

    async def act(self, command: Command, /) -> Receipt:
        with self._did.open("a") as file:
            file.write(f"{command.id}\n")
            file.flush()
            os.fsync(file.fileno())
        reached("acted")
        return Receipt(
            command_id=command.id, device="siren-7", at_ms=time.time_ns() // 1_000_000, outcome="done"
        )


class Killable(Bus):
    async def publish(self, messages: Sequence[MessageOut]) -> None:
        await super().publish(messages)
        reached("published")


def kill_after_lines() -> None:
    really = command_journal._write

    def write(file: int, data: bytes) -> None:
        really(file, data)
        for point in ("taken", "began", "ended", "told"):
            if f'"type":"{point}"'.encode() in data:
                reached(point)

    command_journal._write = write


async def main(dsn: str, folder: Path) -> None:
    settings = BusSettings.from_dsn(dsn)
    with Killable(settings) as bus:
        obeyer = Obeyer(
            Siren(folder / "did"),
            name="siren",
            broker=settings,
            bus=bus,
            folder=folder,
            now_ms=lambda: time.time_ns() // 1_000_000,
            metrics=Metrics(),
        )
        await obeyer.run()


if __name__ == "__main__":
    kill_after_lines()
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
