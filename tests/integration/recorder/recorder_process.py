"""Recorders as processes, without a bus: ``python recorder_process.py URL RING COUNTS [SECONDS OF A SEGMENT]``.

Each line on its standard input makes one more, which is forked, so that a hundred cost the imports of one; its process
id is the answer. Whatever packet a recorder handed to its segment's file without an error, is a byte in COUNTS.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from cior_bus.metrics import Metrics
from cior_core.model import Producer
from cior_recorder.recorder import Recorder
from cior_recorder.segment_file import SegmentFile
from cior_recorder.settings import RecorderSection, RecorderSettings
from cior_video.sources import SourceSettings
from doubles.bus import MemoryBus
from doubles.courts import NoOrders


async def record(url: str, ring: str, segment_s: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = RecorderSettings(
        recorder=RecorderSection(name="prueba", segment_s=segment_s, reserve_mib=2, stop_mib=1),
        cameras={"plaza": SourceSettings(url=url, stall_s=2.0, backoff_s=0.1, backoff_max_s=0.5)},
        folder=Path(ring),
    )
    producer = Producer(connector="recorder", version="1", instance="prueba")
    recorder = Recorder(
        settings, Path(ring), MemoryBus(), court=NoOrders(), metrics=Metrics(), producer=producer
    )
    await recorder.run(stop)


def count_packets(path: str) -> None:
    counts = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    add = SegmentFile.add

    def counted(self: SegmentFile, packet: Any, *, at: int) -> None:
        add(self, packet, at=at)
        os.write(counts, b".")

    SegmentFile.add = counted  # type: ignore[method-assign]


def main(url: str, ring: str, counts: str, segment_s: str = "1.0") -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    count_packets(counts)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(record(url, ring, float(segment_s)))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
