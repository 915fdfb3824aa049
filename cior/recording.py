"""Writes the area log of a running centre to NDJSON: the input of ``cior replay``. Reads from the beginning to the end as it is now; commits nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from cior_bus import topics
from cior_bus.consumer import Batch, BatchConsumer, BatchLimits
from cior_bus.settings import BusSettings


def record_log(bus_dsn: str, out: Path, *, quiet_s: float = 3.0) -> int:
    """Number of items written. Ends when nothing new came for ``quiet_s`` (the broker's end offsets are not trusted; ticks of a running centre come each
    second, so reading stops at the first item sequenced after the start)."""
    settings = BusSettings.from_dsn(bus_dsn, client_id="cior-record")
    consumer = BatchConsumer(
        settings,
        group=f"cior-record-{time.time_ns()}",
        topics=[topics.AREA.name],
        limits=BatchLimits(max_wait_s=0.2, start_patience_s=0.0),
    )
    stop, lock = threading.Event(), threading.Lock()
    started_ms = time.time_ns() // 1_000_000
    lines: dict[tuple[int, int], bytes] = {}
    last_s = time.monotonic()

    def take(batch: Batch) -> None:
        nonlocal last_s
        with lock:
            last_s = time.monotonic()
            for record in batch.records:
                if record.timestamp_ms > started_ms:
                    stop.set()
                elif record.value is not None:
                    lines[record.partition, record.offset] = record.value

    def watch() -> None:
        while not stop.wait(0.2):
            with lock:
                if time.monotonic() - last_s > quiet_s:
                    stop.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    consumer.run(take, stop=stop)
    watcher.join()
    with out.open("wb") as file:
        for _, value in sorted(lines.items()):
            file.write(value + b"\n")
    return len(lines)
