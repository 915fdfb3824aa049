"""One vision worker as a process of its own: ``python vision_process.py DSN SETTINGS FOLDER``. Ends on SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_bus.spool import Spool
from cior_core.cameras import Cameras
from cior_vision.settings import load_settings
from cior_vision.worker import VisionWorker
from integration.vision.shirts import ShirtDetector


async def main(dsn: str, settings: str, folder: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    catalogue = Cameras.load(Path(settings).with_name("cameras.toml").read_text(encoding="utf-8"))
    spool = Spool.open(Path(folder) / "spool")
    bus = Bus(BusSettings.from_dsn(dsn), spool=spool)
    try:
        worker = VisionWorker(
            load_settings(Path(settings), catalogue),
            bus,
            detector=ShirtDetector(),
            state_dir=Path(folder) / "state",
        )
        await worker.run(stop)
    finally:
        await asyncio.to_thread(bus.flush, timeout_s=2.0)
        await asyncio.to_thread(bus.close)
        spool.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
