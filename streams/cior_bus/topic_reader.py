"""Every record of one kind, from the beginning of its topic or from now on, handed on in a thread; nothing committed.

A compacted topic's beginning is how things stand.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.settings import BusSettings
from cior_core import codec
from cior_core.catalogue import KINDS, Kind
from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable

log = structlog.get_logger("cior_bus.topic_reader")


T = TypeVar("T")
_BEGUN = itertools.count()


class TopicReader(Generic[T]):
    """Gives every record of a kind to ``ingest``, with its bytes, in a thread; commits nothing.

    ``group``: how its consumer group's name begins, one that its part may join; ``only_news``: what comes from now on;
    ``patient``: a topic that is not there is waited for, by who has nobody to be told that it ended.
    """

    def __init__(
        self,
        settings: BusSettings,
        kind: Kind,
        model: type[T],
        ingest: Callable[[T, bytes], None],
        *,
        group: str,
        only_news: bool = False,
        patient: bool = False,
    ) -> None:
        group = f"{group}{os.getpid()}-{time.monotonic_ns()}-{next(_BEGUN)}"
        self._consumer = BatchConsumer(
            settings.prompt(),
            group=group,
            topics=[KINDS[kind].topics[0].name],
            # Each record is handed on at once: gathering for 20 ms was a third of a press's way to the wall.
            limits=BatchLimits(max_wait_s=0, max_records=500),
            commits=False,
            only_news=only_news,
        )
        self._kind, self._model, self._ingest, self._is_patient = kind, model, ingest, patient
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
                if error.code == "bus.topic_missing" and not self._is_patient:
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
                found = codec.decode(self._kind, record.value)
            except PayloadRejected as error:  # of stored kinds the sink dead-letters it with its bytes
                log.warning("record_unreadable", kind=self._kind, code=error.code, offset=record.offset)
                continue
            if isinstance(found, self._model):
                self._ingest(found, record.value)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
