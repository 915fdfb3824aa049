"""A camera's reading thread: reconnects with back-off and jitter, never trusts the library's time-outs, keeps only the
newest pictures.

A silent stall can hold the library far longer than asked (measured: twice the read time-out and more), so silence is
judged from outside:
:meth:`CameraReader.watch` compares the monotonic time of the last packet, and replaces a thread that will not come
back.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from enum import StrEnum

import structlog

from cior_core.camera_stretch import PictureForm
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import Struct
from cior_video.clock import EdgeClock
from cior_video.drops import DropCounter, DropReason
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes, FrameTime
from cior_vision.frames import Damaged, Frame
from cior_vision.sources import Probe, read_frames

LOG = structlog.get_logger("cior.vision.reader")

STUCK_STALLS = 4.0
"""A thread silent for this many ``stall_s`` is given up and replaced."""
BLIND_STALLS = 3.0
"""Packets without any picture for this many ``stall_s`` are no signal either."""


class Link(StrEnum):
    """What the reader is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    REFUSED = "refused"
    ENDED = "ended"


class ReaderFacts(Struct, frozen=True, kw_only=True):
    """Totals since the start and the present state; readers take differences."""

    link: Link
    packets: int
    received_bytes: int
    decoded: int
    delivered: int
    connections: int
    replaced_threads: int
    drops: dict[DropReason, int]
    silent_s: float
    blind_s: float
    clock_offset_s: float | None
    last_error: str | None
    cure: str = ""


class FrameQueue:
    """At most ``size`` newest pictures.

    ``put`` drops the oldest and counts it; with ``wait`` it blocks instead (files read as fast as possible).
    """

    def __init__(self, drops: DropCounter, *, size: int = 2, wait: bool = False) -> None:
        self._drops = drops
        self._size = size
        self._wait = wait
        self._frames: deque[Frame | Damaged] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.lost = 0
        """Pictures that gave way to newer ones."""

    def put(self, frame: Frame | Damaged) -> None:
        """Add a picture."""
        with self._changed:
            while self._wait and len(self._frames) >= self._size and not self._closed:
                self._changed.wait(0.2)
            if len(self._frames) >= self._size:
                self._frames.popleft()
                self._drops.add(DropReason.QUEUE_FULL)
                self.lost += 1
            self._frames.append(frame)

    def get(self) -> Frame | Damaged | None:
        """The oldest picture kept, or ``None``."""
        with self._changed:
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """Let go of a blocked ``put``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._frames)


class _Counts(Probe):
    """Written by the reading thread only, read by anybody: plain numbers, each updated in one step.

    ``also`` hears the same.
    """

    def __init__(self, clock: EdgeClock, also: Probe) -> None:
        self._clock, self._also = clock, also
        self.packets = self.received_bytes = self.decoded_frames = self.delivered = self.connections = (
            self.replaced
        ) = 0
        self.last_packet_s = self.last_picture_s = self.busy_since_s = clock.monotonic_s()
        self.offset_s: float | None = None

    def connected(self, form: PictureForm) -> None:
        self._also.connected(form)

    def packet(self, data: bytes) -> None:
        self.packets += 1
        self.received_bytes += len(data)
        self.last_packet_s = self._clock.monotonic_s()
        self._also.packet(data)

    def decoded(self, at: FrameTime) -> None:
        self.decoded_frames += 1
        self.last_picture_s = self._clock.monotonic_s()
        self.offset_s = at.clock_error_s
        self._also.decoded(at)


class CameraReader:
    """Owns one source. ``start`` once, ``watch`` often, ``stop`` once (returns at once; ``join`` waits)."""

    def __init__(
        self,
        camera: str,
        source: SourceSettings,
        clock: EdgeClock,
        *,
        drops: DropCounter | None = None,
        also: Probe | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._camera = camera
        self._source = source
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311  (jitter, not a secret)
        self._stop = threading.Event()
        self._drops = drops or DropCounter()
        self._counts = _Counts(clock, also or Probe())
        self._link = Link.CONNECTING
        self._error: str | None = None
        self._cure = ""
        self._generation = 0
        self._thread: threading.Thread | None = None
        start_ms = (source.file_start_ms or clock.now_ms()) if source.is_file else None
        self._times = EpochTimes(file_start_ms=start_ms, watches_pace=True)
        self.fps: float | None = None
        """How many pictures a second are wanted for now; None: as the settings say."""
        self.frames = FrameQueue(
            self._drops, size=4 if source.pace == "fast" else 2, wait=source.is_file and source.pace == "fast"
        )

    def start(self) -> None:
        """Begin reading."""
        self._counts.last_packet_s = self._counts.last_picture_s = self._clock.monotonic_s()
        self._spawn()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stop.set()
        self.frames.close()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread ended in time.

        One blocked inside the library is left behind: it is a daemon and owns nothing else.
        """
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    @property
    def lost(self) -> int:
        """Pictures that nobody had time for, so far."""
        return self.frames.lost

    def facts(self) -> ReaderFacts:
        """A consistent enough picture for health."""
        counts = self._counts
        now_s = self._clock.monotonic_s()
        over = self._link is Link.ENDED
        silent_s, blind_s = (
            (0.0, 0.0) if over else (now_s - counts.last_packet_s, now_s - counts.last_picture_s)
        )
        return ReaderFacts(
            link=self._link,
            packets=counts.packets,
            received_bytes=counts.received_bytes,
            decoded=counts.decoded_frames,
            delivered=counts.delivered,
            connections=counts.connections,
            replaced_threads=counts.replaced,
            drops=self._drops.snapshot(),
            silent_s=silent_s,
            blind_s=blind_s,
            clock_offset_s=counts.offset_s,
            last_error=self._error,
            cure=self._cure,
        )

    @property
    def link(self) -> Link:
        """What the reader is doing."""
        return self._link

    def watch(self) -> bool:
        """The watchdog: whether pictures flow.

        False after ``stall_s`` without a packet, or three times that without a picture made of them (the first key
        picture may be long in coming); a thread stuck far longer inside the library is replaced. A file that came to
        its end is no loss; one that could not be read is.
        """
        if self._link is Link.ENDED:
            return self._error is None
        now_s = self._clock.monotonic_s()
        busy_s = now_s - max(self._counts.last_packet_s, self._counts.busy_since_s)
        stuck_s = STUCK_STALLS * self._source.stall_s + self._source.open_timeout_s
        if busy_s > stuck_s and self._link in {Link.LIVE, Link.CONNECTING} and not self._stop.is_set():
            LOG.error("reader_replaced", camera=self._camera, silent_s=round(busy_s, 1))
            self._counts.replaced += 1
            self._spawn()
        facts = self.facts()
        return facts.silent_s <= self._source.stall_s and facts.blind_s <= BLIND_STALLS * self._source.stall_s

    def _spawn(self) -> None:
        self._generation += 1
        self._counts.busy_since_s = self._clock.monotonic_s()
        self._link = Link.CONNECTING
        self._thread = threading.Thread(
            target=self._run, args=(self._generation,), name=f"reader-{self._camera}", daemon=True
        )
        self._thread.start()

    def _done(self, generation: int) -> bool:
        return self._stop.is_set() or generation != self._generation

    def _run(self, generation: int) -> None:
        attempt = 0
        while not self._done(generation):
            before = self._counts.decoded_frames
            error = self._connection(generation)
            if self._done(generation):
                return
            if self._finished(error):
                # Why before that: whoever sees the end asks at once whether it was a loss.
                self._error, self._cure = (None, "") if error is None else (error.code, error.cure)
                self._link = Link.ENDED
                LOG.info("source_ended", camera=self._camera, code=self._error)
                return
            attempt = 1 if self._counts.decoded_frames > before else attempt + 1
            self._pause(error, attempt)

    def _finished(self, error: CiorError | None) -> bool:
        if isinstance(error, ConfigInvalid):
            return True
        return self._source.is_file and self._source.at_end == "stop"

    def _connection(self, generation: int) -> CiorError | None:
        """One connection from open to end; what ended it, or ``None`` for an orderly end."""
        before = self._counts.decoded_frames
        self._counts.busy_since_s = self._clock.monotonic_s()
        try:
            with open_source(self._source) as container:
                self._counts.connections += 1
                if self._error is not None or self._counts.connections == 1:
                    LOG.info("source_connected", camera=self._camera, connections=self._counts.connections)
                self._error, self._cure = None, ""
                self._link = Link.LIVE
                self._pump(
                    read_frames(
                        container,
                        times=self._times,
                        source=self._source,
                        clock=self._clock,
                        drops=self._drops,
                        probe=self._counts,
                        stopped=lambda: self._done(generation),
                        fps=lambda: self.fps,
                    ),
                    generation,
                )
        except (SourceUnavailable, CredentialsRefused, ConfigInvalid) as error:
            return error
        if self._counts.decoded_frames == before:
            return SourceUnavailable(
                "vision.no_pictures",
                "the source ended without a picture",
                cure="a file: it is cut short or damaged, give a whole one; a camera: see what it sends",
            )
        return (
            None
            if self._source.is_file
            else SourceUnavailable(
                "vision.source_closed",
                "the camera closed the connection",
                cure="see whether it restarts, or allows fewer viewers than there are",
            )
        )

    def _pump(self, frames: Iterator[Frame | Damaged], generation: int) -> None:
        """Hand pictures over; a file in real time is held back to its own pace."""
        paced = self._source.is_file and self._source.pace == "realtime"
        started_s, epoch = 0.0, -1
        for frame in frames:
            if frame.time.epoch != epoch:
                started_s, epoch = self._clock.monotonic_s() - frame.time.stream_s, frame.time.epoch
            ahead_s = frame.time.stream_s - (self._clock.monotonic_s() - started_s)
            if paced and ahead_s > 0:
                self._stop.wait(ahead_s)
            if self._done(generation):
                return
            self._counts.delivered += 1
            self.frames.put(frame)

    def _pause(self, error: CiorError | None, attempt: int) -> None:
        """Wait before the next try: doubling, capped, with jitter so that a street's cameras do not return in step.

        Logged once per outage.
        """
        if error is None:
            return
        self._link = Link.REFUSED if isinstance(error, CredentialsRefused) else Link.WAITING
        if self._error != error.code:
            LOG.warning("source_lost", camera=self._camera, code=error.code)
        self._error, self._cure = error.code, error.cure
        ceiling_s = self._source.backoff_max_s
        wait_s = (
            ceiling_s
            if self._link is Link.REFUSED
            else min(ceiling_s, self._source.backoff_s * 2 ** min(attempt - 1, 16))
        )
        self._stop.wait(wait_s * self._rng.uniform(0.5, 1.0))
        self._counts.busy_since_s = self._clock.monotonic_s()
        self._link = Link.CONNECTING
