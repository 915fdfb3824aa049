"""Reads what a broker holds now.

With it the area log of a running centre becomes NDJSON, the input of ``cior replay``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cior_bus import topics
from cior_bus.access import as_part
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.message import RecordIn
from cior_bus.rights import Part, user_of
from cior_bus.self_test import try_rights
from cior_bus.settings import BusSettings, Profile
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected


def read_so_far(
    settings: BusSettings, names: Sequence[str], each: Callable[[RecordIn], None], *, quiet_s: float = 3.0
) -> None:
    """Every record of the topics that was there at the call; commits nothing.

    Ends when none such came for ``quiet_s``.
    """
    consumer = BatchConsumer(
        settings,
        group=f"cior-record-{time.time_ns()}",
        topics=list(names),
        limits=BatchLimits(max_wait_s=0.2, start_patience_s=0.0),
        commits=False,
    )
    stop, lock = threading.Event(), threading.Lock()
    started_ms = time.time_ns() // 1_000_000
    last_s = time.monotonic()

    # The broker's end offsets are not trusted; a running centre writes on, so only older records count as news.
    def ingest(batch: Batch) -> None:
        nonlocal last_s
        for record in batch.records:
            if record.timestamp_ms <= started_ms:
                each(record)
                with lock:
                    last_s = time.monotonic()

    def watch() -> None:
        while not stop.wait(0.2):
            with lock:
                if time.monotonic() - last_s > quiet_s:
                    stop.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    consumer.run(ingest, stop=stop)
    watcher.join()


def record_log(bus_dsn: str, out: Path, *, quiet_s: float = 3.0) -> int:
    """Write the area log; the number of items."""
    lines: dict[tuple[int, int], bytes] = {}

    def keep(record: RecordIn) -> None:
        if record.value is not None:
            lines[record.partition, record.offset] = record.value

    settings = as_part(bus_dsn, user_of(Part.RECORDER_OF_THE_LOG), client_id="cior-record")
    if settings.profile is Profile.KAFKA:
        try_rights(settings, user_of(Part.RECORDER_OF_THE_LOG), group=f"cior-record-{time.time_ns()}")
    read_so_far(settings, [topics.AREA.name], keep, quiet_s=quiet_s)
    with out.open("wb") as file:
        items = [part for _, value in sorted(lines.items()) for part in _items(value)]
        file.writelines(part + b"\n" for part in items)
    return len(items)


def _items(value: bytes) -> list[bytes]:
    """The items of one message; what cannot be taken apart stays whole, and the replay names its line."""
    try:
        return [bytes(part) for part in codec.split(Kind.ITEM, value)]
    except PayloadRejected:
        return [value]
