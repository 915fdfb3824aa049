"""One vision worker as a process of its own that writes what it publishes to a file, a line a record:
``python soak_process.py SETTINGS FOLDER BASE_S SPEED [COMMAND]``. Its clock is a tempo's (``engines.faulty_cameras``).
COMMAND: a file with what it is asked to look at, once the camera is watched. Ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cior_bus.message import MessageOut
from cior_core import codec
from cior_core.cameras import Cameras
from cior_core.catalogue import KIND_OF_TOPIC, Kind
from cior_core.model import Command
from cior_vision.settings import load_settings
from cior_vision.worker import VisionWorker
from engines.faulty_cameras import Tempo
from integration.vision.shirts import ShirtDetector
from integration.vision.soak_plan import PUBLISHED, Line


class FileSink:
    """Each record is in the file, whole, when it is said to be: a killed process takes none along."""

    def __init__(self, path: Path, tempo: Tempo) -> None:
        self._file, self._tempo = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), tempo

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        for message in messages:
            kind = KIND_OF_TOPIC[message.topic]
            for record in codec.records(kind, message.value):
                line = Line(at_s=self._tempo.now_s(), kind=kind, record=msgspec.Raw(codec.encode(record)))
                os.write(self._file, msgspec.json.encode(line) + b"\n")


class TempoClock:
    """The worker's clock."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo

    def now_ms(self) -> int:
        return round(self._tempo.now_s() * 1000)

    def monotonic_s(self) -> float:
        return time.monotonic() * self._tempo.speed


async def main(settings: str, folder: str, base_s: str, speed: str, asked: Command | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tempo = Tempo(float(base_s), float(speed))
    catalogue = Cameras.load(Path(settings).with_name("cameras.toml").read_text(encoding="utf-8"))
    worker = VisionWorker(
        load_settings(Path(settings), catalogue),
        FileSink(Path(folder) / PUBLISHED, tempo),
        clock=TempoClock(tempo),
        detector=ShirtDetector(),
        state_dir=Path(folder) / "state",
    )
    running = asyncio.create_task(worker.run(stop))
    if asked is not None:
        assert (await worker.looks.act(asked)).outcome == "accepted"
    await running


if __name__ == "__main__":
    settings, folder, base_s, speed, *command = sys.argv[1:]
    asked = codec.decode(Kind.COMMAND, Path(command[0]).read_bytes()) if command else None
    asyncio.run(main(settings, folder, base_s, speed, asked))
