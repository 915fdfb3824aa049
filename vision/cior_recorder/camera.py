"""A camera's thread: connects, hands packets to its track, reconnects with back-off and jitter, never trusts the
library's time-outs. Silence is judged from outside (:meth:`CameraRecorder.watch`); a thread that stays in the library
is replaced.
"""

from __future__ import annotations

import random
import threading
from enum import StrEnum

import av
import structlog

from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.footage import GapCause
from cior_core.model import Struct
from cior_recorder.track import Track
from cior_video.clock import EdgeClock
from cior_video.sources import PATIENT_PROBE_S, PROBE_S, SourceSettings, open_source, packets_of, sender_ms
from cior_video.timing import PacketTimes

LOG = structlog.get_logger("cior.recorder.camera")
STUCK_STALLS = 4.0
"""A thread silent for this many ``stall_s`` is given up and replaced."""


class Link(StrEnum):
    """What the thread is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    WAITING = "waiting"
    REFUSED = "refused"


class CameraFacts(Struct, frozen=True, kw_only=True):
    """Totals since the start and the present state."""

    link: Link
    connections: int
    packets: int
    silent_s: float
    is_recording: bool
    last_error: str | None


class CameraRecorder:
    """``start`` once, ``watch`` every second, ``stop`` once (returns at once; ``join`` waits)."""

    def __init__(
        self,
        camera: str,
        source: SourceSettings,
        track: Track,
        *,
        clock: EdgeClock,
        rng: random.Random | None = None,
    ) -> None:
        self._camera, self._source, self.track, self._clock = camera, source, track, clock
        self._rng = rng or random.Random()  # noqa: S311  (jitter, not a secret)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._generation = self._connections = self._packets = 0
        self._link, self._error = Link.CONNECTING, None
        self._probe_s = PROBE_S
        self._last_s = self._busy_s = clock.monotonic_s()
        self._thread: threading.Thread | None = None

    _error: str | None

    def start(self) -> None:
        """Begin."""
        self._spawn()

    def stop(self) -> None:
        """Close what is open and ask the thread to end."""
        self._stop.set()
        with self._lock:
            self._generation += 1
            self.track.stop()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread ended in time; one inside the library is left behind, it owns nothing."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def facts(self) -> CameraFacts:
        """As of now."""
        return CameraFacts(
            link=self._link,
            connections=self._connections,
            packets=self._packets,
            silent_s=round(self._clock.monotonic_s() - self._last_s, 1),
            is_recording=self.track.is_recording,
            last_error=self._error,
        )

    def watch(self) -> None:
        """Close the segment of a camera that fell silent, replace a thread that hangs, let the track tell its gaps."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._link is Link.LIVE and now_s - self._last_s > self._source.stall_s:
                self._link = Link.SILENT
                self.track.ended(GapCause.CAMERA_AWAY)
                LOG.warning("camera_silent", camera=self._camera)
            self.track.tick()
        stuck_s = STUCK_STALLS * self._source.stall_s + self._source.open_timeout_s + self._probe_s
        is_inside = self._link in {Link.CONNECTING, Link.LIVE, Link.SILENT}
        if is_inside and now_s - max(self._last_s, self._busy_s) > stuck_s and not self._stop.is_set():
            LOG.error("recorder_thread_replaced", camera=self._camera)
            self._spawn()

    def _spawn(self) -> None:
        with self._lock:
            self._generation += 1
            self._busy_s = self._clock.monotonic_s()
            self._link = Link.CONNECTING
        self._thread = threading.Thread(
            target=self._run, args=(self._generation,), name=f"recorder-{self._camera}", daemon=True
        )
        self._thread.start()

    def _is_over(self, generation: int) -> bool:
        return self._stop.is_set() or generation != self._generation

    def _run(self, generation: int) -> None:
        attempt = 0
        while not self._is_over(generation):
            before = self._packets
            error = self._connection(generation)
            if self._is_over(generation):
                return
            attempt = 1 if self._packets > before else attempt + 1
            self._pause(error, attempt)

    def _connection(self, generation: int) -> CiorError:
        """One connection from open to end, and what ended it."""
        self._busy_s = self._clock.monotonic_s()
        try:
            with open_source(self._source, probe_s=self._probe_s) as container:
                self._follow(self._seen(container), container, generation)
        except (SourceUnavailable, CredentialsRefused, ConfigInvalid) as error:
            with self._lock:
                if not self._is_over(generation):
                    self.track.ended(GapCause.RECONNECT if self.track.is_recording else GapCause.CAMERA_AWAY)
            return error
        with self._lock:
            if not self._is_over(generation) and self.track.is_recording:
                self.track.ended(GapCause.RECONNECT)
        return SourceUnavailable("recorder.source_closed", "the camera closed the connection")

    def _seen(self, container: av.container.InputContainer) -> av.VideoStream:
        """Its pictures. A file's head must say how large they are; some cameras say it only in a key picture, seconds
        later. A stream that begins without it would be refused picture by picture, for as long as it lasts.
        """
        if not container.streams.video:
            raise SourceUnavailable("recorder.no_video", "the source has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context.width:
            return stream
        self._probe_s = PATIENT_PROBE_S
        raise SourceUnavailable(
            "recorder.size_unknown",
            "the camera has not said how large its pictures are",
            cure="it is asked again, longer; when that does not help: a key picture each 2 s, in H.264 or H.265",
        )

    def _follow(
        self, stream: av.VideoStream, container: av.container.InputContainer, generation: int
    ) -> None:
        with self._lock:
            if self._is_over(generation):
                return
            self.track.connected(stream)
            self._connections += 1
            self._link, self._last_s = Link.LIVE, self._clock.monotonic_s()
        LOG.info("camera_connected", camera=self._camera, connections=self._connections)
        for packet in packets_of(container, stream):
            if packet.size == 0:
                continue
            seen = PacketTimes(arrival_ms=self._clock.now_ms(), sender_ms=sender_ms(packet))
            with self._lock:
                if self._is_over(generation):
                    return
                self._packets += 1
                self._link, self._last_s, self._error = Link.LIVE, self._clock.monotonic_s(), None
                self.track.packet(packet, seen)

    def _pause(self, error: CiorError, attempt: int) -> None:
        """Doubling, capped, with jitter, so that a street's cameras do not come back in step. Logged once an outage."""
        self._link = Link.REFUSED if isinstance(error, CredentialsRefused) else Link.WAITING
        if self._error != error.code:
            LOG.warning("camera_lost", camera=self._camera, code=error.code)
        self._error = error.code
        ceiling_s = self._source.backoff_max_s
        is_hopeless = isinstance(error, CredentialsRefused | ConfigInvalid)
        wait_s = (
            ceiling_s if is_hopeless else min(ceiling_s, self._source.backoff_s * 2 ** min(attempt - 1, 16))
        )
        self._stop.wait(wait_s * self._rng.uniform(0.5, 1.0))
        self._busy_s = self._clock.monotonic_s()
        self._link = Link.CONNECTING
