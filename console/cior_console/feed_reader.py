"""The live feed's reader: ``cior.alerts.v1`` from its beginning, then live."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import structlog

from cior_bus import topics
from cior_bus.consumer import Batch, BatchConsumer, BatchLimits
from cior_bus.settings import BusSettings
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable
from cior_core.model import Alert

log = structlog.get_logger("cior_console.feed_reader")


class FeedReader:
    """Gives every alert to ``ingest``.

    The topic is compacted, so its beginning is the current state; commits nothing.
    """

    def __init__(self, settings: BusSettings, ingest: Callable[[Alert, bytes], None]) -> None:
        group = f"cior-feed-{os.getpid()}-{time.monotonic_ns()}"
        self._consumer = BatchConsumer(
            settings.prompt(),
            group=group,
            topics=[topics.ALERTS.name],
            # Each alert is shown at once: gathering for 20 ms was a third of a press's way to the wall.
            limits=BatchLimits(max_wait_s=0, max_records=500),
            commits=False,
        )
        self._ingest = ingest
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: CiorError | None = None

    def start(self) -> None:
        """Begin to read in a thread."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._consumer.run(self._apply, stop=self._stop)
            except SourceUnavailable as error:
                log.warning("feed_interrupted", code=error.code)
                if error.code == "bus.topic_missing":
                    self.failure = error
                    return
                self._stop.wait(0.5)
            except CiorError as error:
                self.failure = error
                return

    def _apply(self, batch: Batch) -> None:
        for record in batch.records:
            if record.value is None:
                continue
            try:
                alert = codec.decode(Kind.ALERT, record.value)
            except PayloadRejected as error:  # the sink dead-letters it with its bytes
                log.warning("alert_unreadable", code=error.code, offset=record.offset)
                continue
            if isinstance(alert, Alert):
                self._ingest(alert, record.value)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
