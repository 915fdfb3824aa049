"""The thread that copies what is held, beside the recording and behind it, and what the room hears when it cannot.

Nothing here can hold up a camera: it has a thread of its own that comes after every other of the machine, and the line
and the disk are left to the recording.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Final

import structlog

from cior_bus.message import DurableSink, MessageOut
from cior_bus.metrics import Metrics
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused
from cior_core.model import ClockQuality, Event, Phase, Producer, Struct
from cior_core.system_events import system_event
from cior_recorder import metrics as m
from cior_recorder.copying import FootageCopier, Stopped
from cior_store.locked import LockedBucket
from cior_video.clock import SystemClock

LOG = structlog.get_logger("cior.recorder.copying")
MIB: Final = 1024 * 1024
_LONGEST_WAIT_S: Final = 300.0
_NEWS_EVERY_S, _STOP_WITHIN_S = 1.0, 2.0
_PATIENCE: Final = 2
"""So many looks in a row without an answer are told: a server that starts again is nobody's alarm."""
_LOWEST: Final = 19


class Tempo(Struct, frozen=True, kw_only=True):
    """``every_s``: between two looks. ``mib_s``: the most that is sent; as much comes back to be proven."""

    every_s: float = 10.0
    mib_s: float = 20.0


class Copying:
    """``open_bucket``: for each look, so that a corrected key counts. ``name``: the recorder's. ``drill``: all
    that this centre says is an exercise.

    :meth:`run` once. ``copier``: made with :meth:`pause`.
    """

    def __init__(
        self,
        name: str,
        open_bucket: Callable[[], LockedBucket],
        sink: DurableSink,
        *,
        metrics: Metrics,
        producer: Producer,
        tempo: Tempo | None = None,
        drill: bool = False,
    ) -> None:
        self._name, self._open, self._sink = name, open_bucket, sink
        self._drill = drill
        self._producer, self._tempo = producer, tempo or Tempo()
        self._clock, self._ending = SystemClock(), threading.Event()
        self._news: deque[Event] = deque()
        self._failed, self._told, self._since_ms = 0, "", 0
        self._behind_since_s: float | None = None
        self._copier: FootageCopier | None = None
        metrics.read_at_scrape(lambda: {(m.COPIES_BEHIND.name, ()): self.behind_s})
        self._thread = threading.Thread(target=self._work, name=f"copies-{name}", daemon=True)

    @property
    def behind_s(self) -> float:
        """Since when something waits to be copied or locked for longer; 0: nothing does."""
        since_s = self._behind_since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    def pause(self, size_bytes: int) -> None:
        """As long as so much may take. Raises :class:`Stopped`."""
        if self._ending.wait(size_bytes / (self._tempo.mib_s * MIB)):
            raise Stopped

    async def run(self, copier: FootageCopier, stop: asyncio.Event) -> None:
        """Copy until ``stop`` is set."""
        self._copier = copier
        self._thread.start()
        try:
            while not stop.is_set():
                if not self._thread.is_alive():
                    self._unwell("copies.ended", "see this recorder's log, then start it again", is_sure=True)
                await self._tell()
                try:
                    async with asyncio.timeout(_NEWS_EVERY_S):
                        await stop.wait()
                except TimeoutError:
                    continue
        finally:
            self._ending.set()
            await asyncio.to_thread(self._thread.join, _STOP_WITHIN_S)

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        wait_s = 0.0
        while not self._ending.wait(wait_s):
            try:
                has_more = self._look()
            except Stopped:
                return
            except CiorError as error:
                self._unwell(
                    error.code, error.cure, is_sure=isinstance(error, (ConfigInvalid, CredentialsRefused))
                )
            except OSError as error:
                self._unwell("copies.disk", f"see the ring's disk (errno {error.errno})", is_sure=False)
            else:
                self._well(has_more=has_more)
                wait_s = 0.0 if has_more else self._tempo.every_s
                continue
            wait_s = min(self._tempo.every_s * 2 ** min(self._failed, 8), _LONGEST_WAIT_S)

    def _look(self) -> bool:
        assert self._copier is not None
        with closing(self._open()) as bucket:
            bucket.check()
            return self._copier.look(bucket)

    def _well(self, *, has_more: bool) -> None:
        self._failed = 0
        self._behind(is_behind=has_more)
        if self._told:
            LOG.info("copies_go_on")
            self._news.append(self._event("source.restored", self._told, "copies go on", Phase.RESTORE))
            self._told = ""

    def _unwell(self, code: str, cure: str, *, is_sure: bool) -> None:
        self._failed += 1
        self._behind(is_behind=True)
        if code == self._told or (self._failed < _PATIENCE and not is_sure):
            return
        if not self._told:
            self._since_ms = self._clock.now_ms()
        self._told = code
        LOG.warning("copies_wait", code=code)
        self._news.append(self._event("source.degraded", code, cure, Phase.NEW))

    def _behind(self, *, is_behind: bool) -> None:
        if not is_behind:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = self._clock.monotonic_s()

    def _event(self, kind: str, code: str, reason: str, phase: Phase) -> Event:
        source, key = f"urn:cior:recorder:{self._name}", f"{self._name}/copies/{self._since_ms}"
        return system_event(
            kind,
            source=source,
            subject=f"recorder:{self._name}",
            key=f"{key}/{code}/{phase.value}",
            at_ms=self._clock.now_ms(),
            clock=ClockQuality.SYNCED,
            phase=phase,
            producer=self._producer,
            drill=self._drill,
            native_key=key,
            attributes={"code": f"recorder.{code.replace('.', '_')}", "reason": reason},
        )

    async def _tell(self) -> None:
        """In order; what the bus does not take now is told the next time."""
        while self._news:
            try:
                await self._sink.publish([MessageOut.of(self._news[0])])
            except CiorError as error:
                LOG.warning("copies_event_unsent", code=error.code)
                return
            self._news.popleft()
