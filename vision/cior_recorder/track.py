"""One camera's packets, cut into segments, and what lies between them, as gaps with their cause.

A segment is cut at the first key picture after ``segment_s``, and at once where the times of its pictures no longer
follow from each other: a new connection, a jump of the stream's time, a hole in it, a clock that was set, a pace that
is found to be wrong. So within a segment times are exact differences: the stream's, or, where its own time runs too
fast, too slow or stands, those of arrival, in the file too.
"""

from __future__ import annotations

import errno
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import structlog

from cior_core import footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import FootageClock, Gap, GapCause, Record, Segment
from cior_core.fragments import Note
from cior_core.model import Struct
from cior_recorder.ledger import Ledger
from cior_recorder.recovery import Left, entered
from cior_recorder.segment_file import PART, SegmentFile
from cior_video.clock import EdgeClock
from cior_video.drops import DropCounter, DropReason
from cior_video.order import SentOrder
from cior_video.sources import form_of
from cior_video.timing import REORDER_S, EpochTimes, FrameTime, PacedBy, PacketTimes

LOG = structlog.get_logger("cior.recorder.track")
HOLE_S = 2.0
"""Longer without a picture inside one connection is told as a gap."""
STEP_MS = 1_000
"""The machine's clock was set when it moved so much against its monotonic one between two packets."""
FORCED_S = footage.LONGEST_MS / 1000 - 10
"""A camera that sends no key picture for so long has its segment cut without one."""


@dataclass(frozen=True)
class Shelf:
    """Where a camera's footage goes.

    ``has_room``: whether anything may be written. ``closed`` hears of each segment.
    """

    ring: Path
    ledger: Ledger
    has_room: Callable[[], bool]
    closed: Callable[[Segment], None]


class Cutting(Struct, frozen=True, kw_only=True):
    """How a camera is cut and kept."""

    segment_s: float = 2.0
    sync_s: float = 1.0


class _Stream:
    """What a connection says of its pictures."""

    def __init__(self, stream: av.VideoStream, now_ms: int) -> None:
        self.template, self.form, self.opened_ms = stream, form_of(stream), now_ms
        self.time_base = stream.time_base or Fraction(1, 90_000)
        self.codec_sha256 = hashlib.sha256(stream.codec_context.extradata or b"").hexdigest()
        self.order = SentOrder(reorder_ticks=round(REORDER_S / self.time_base))


class _Offsets:
    """The camera's clock against ours, over a segment."""

    def __init__(self) -> None:
        self._count = self._sum = 0
        self._least = self._most = 0

    def add(self, seen: PacketTimes) -> None:
        if seen.sender_ms is None:
            return
        offset = seen.sender_ms - seen.arrival_ms
        self._least = min(self._least, offset) if self._count else offset
        self._most = max(self._most, offset) if self._count else offset
        self._count, self._sum = self._count + 1, self._sum + offset

    def judged(self, at: FrameTime) -> FootageClock:
        known = self._count > 0
        return FootageClock(
            source=at.wall_source.value,
            quality=at.clock,
            offset_ms=round(self._sum / self._count) if known else None,
            error_ms=self._most - self._least if known else None,
            paced_by=at.paced_by.value,
        )


class _Open:
    """The segment that is being written."""

    def __init__(
        self, place: tuple[int, str], file: SegmentFile, *, first: FrameTime, begins: int, stream: _Stream
    ) -> None:
        (self.number, self.path), self.file, self.stream = place, file, stream
        self.first, self.begins = first, begins
        self.last, self.step_s = first, 0.04
        self.offsets = _Offsets()

    @property
    def age_s(self) -> float:
        return self.last.stream_s - self.first.stream_s

    @property
    def own_end_ms(self) -> int:
        """Where its last picture ends, by the stream's own time."""
        return self.first.wall_ms + max(1, round((self.age_s + self.step_s) * 1000))


class Track:
    """One camera's recording. One thread at a time.

    What the disk refuses is told as a gap; nothing here raises for it.
    """

    def __init__(
        self,
        camera: str,
        shelf: Shelf,
        *,
        left: Left,
        clock: EdgeClock,
        cutting: Cutting,
    ) -> None:
        self._camera, self._clock, self._cutting = camera, clock, cutting
        self._ring, self._ledger = shelf.ring, shelf.ledger
        self._writes, self._closed = shelf.has_room, shelf.closed
        self._number, self._covered_ms = left.number, left.covered_ms
        self._cause = GapCause.RESTART
        self._times = EpochTimes(watches_pace=True)
        self._stream: _Stream | None = None
        self._has_key = False
        self._early: tuple[av.Packet[av.VideoStream], PacketTimes] | None = None
        self._open: _Open | None = None
        self._synced_s = 0.0
        self._ahead_ms = self._ahead()
        self._unwritten: deque[Record] = deque()
        self.drops = DropCounter()
        self.segments = self.gaps = 0
        self.recorded_bytes = 0

    @property
    def is_recording(self) -> bool:
        """Whether a segment is open."""
        return self._open is not None

    def connected(self, stream: av.VideoStream) -> None:
        """A new connection begins."""
        if self._open is not None:
            self.ended(GapCause.RECONNECT)
        self._stream, self._has_key = _Stream(stream, self._clock.now_ms()), False
        self._early = None
        self._times.reconnected()

    def packet(self, packet: av.Packet[av.VideoStream], seen: PacketTimes) -> None:
        """The next packet of the connection.

        The first one over RTSP, a key picture, has no time of its own; it gets it from the next one and from what the
        camera's clock says of both.
        """
        early, self._early = self._early, None
        if early is not None and packet.pts is not None and _dated(*early, packet, seen):
            self._take(*early)
        elif early is not None:
            self.drops.add(DropReason.NO_PTS)
        if packet.pts is None and packet.dts is None and not self._has_key:
            self._early = (packet, seen)
        else:
            self._take(packet, seen)

    def _take(self, packet: av.Packet[av.VideoStream], seen: PacketTimes) -> None:
        stream = self._stream
        assert stream is not None
        at = stream.order.sent(packet.pts, packet.dts)
        was_set = self._was_set()
        if was_set:
            self._times.reconnected()
        stamped = self._times.stamp(at, packet.time_base or stream.time_base, seen)
        if isinstance(stamped, DropReason) or at is None:
            self.drops.add(stamped if isinstance(stamped, DropReason) else DropReason.NO_PTS)
            return
        if stamped.paced_by is PacedBy.ARRIVAL:
            # Durations in the file are then the clock's, like its instants.
            at = packet.pts = round(stamped.stream_s / (packet.time_base or stream.time_base))
        self._cut(packet, stamped, was_set=was_set)
        self._has_key = self._has_key or packet.is_keyframe
        if self._open is None and self._has_key:
            self._begin(stream, stamped, at, seen)
        self._add(packet, stamped, at, seen)

    def ended(self, cause: GapCause) -> None:
        """No more pictures for now, and why; what was refused until now keeps its own cause."""
        self._close(None)
        if self._cause in {GapCause.DISK_FULL, GapCause.DAMAGED}:
            self._explain(self._clock.now_ms())
        self._cause = cause

    def tick(self) -> None:
        """What has passed without pictures is told at least once a minute, so that a kill cannot hide its cause."""
        now_ms = self._clock.now_ms()
        if self._open is None and now_ms - self._covered_ms >= footage.LONGEST_MS:
            self._explain(now_ms)
        self._write()

    def stop(self) -> None:
        """The recorder ends."""
        if self._open is not None:
            self.ended(GapCause.RESTART)
        self._explain(self._clock.now_ms())
        self._write()

    # --- cutting ------------------------------------------------------------------------------------------------

    def _cut(self, packet: av.Packet[av.VideoStream], at: FrameTime, *, was_set: bool) -> None:
        current = self._open
        if current is None:
            return
        step_s = at.stream_s - current.last.stream_s
        if current.first.paced_by is not at.paced_by and not was_set:
            self._close(at)
        elif was_set or at.epoch != current.first.epoch:
            was_silent = at.arrival_ms - current.last.arrival_ms > HOLE_S * 1000
            self._close(None)
            self._cause = GapCause.CAMERA_AWAY if was_silent and not was_set else GapCause.CLOCK_STEP
        elif step_s > HOLE_S:
            self._close(None)
            self._cause = GapCause.CAMERA_AWAY
        elif (packet.is_keyframe and current.age_s + step_s >= self._cutting.segment_s - 1e-6) or (
            current.age_s + step_s >= FORCED_S
        ):
            self._close(at)

    def _was_set(self) -> bool:
        ahead_ms = self._ahead()
        was_set, self._ahead_ms = abs(ahead_ms - self._ahead_ms) > STEP_MS, ahead_ms
        if was_set:
            LOG.warning("clock_stepped", camera=self._camera)
        return was_set

    def _ahead(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic_s() * 1000)

    # --- writing ------------------------------------------------------------------------------------------------

    def _begin(self, stream: _Stream, at: FrameTime, first: int, seen: PacketTimes) -> None:
        if not self._writes():
            self._has_key, self._cause = False, GapCause.DISK_FULL
            return
        path = footage.segment_path(self._camera, self._number, at.wall_ms)
        note = Note(
            camera=self._camera,
            number=self._number,
            stretch=stream.opened_ms,
            epoch=at.epoch,
            start_ms=at.wall_ms,
            first_pts=first,
            time_base=at.time_base,
            clock=_clock_at_first(at, seen),
        )
        try:
            file = SegmentFile(self._ring / path, stream.template, note)
        except (OSError, av.error.FFmpegError) as error:
            self._refused(error)
            return
        self._explain(at.wall_ms)
        self._cause = GapCause.CAMERA_AWAY
        self._open = _Open((self._number, path), file, first=at, begins=first, stream=stream)
        self._number += 1
        self._synced_s = self._clock.monotonic_s()

    def _add(
        self, packet: av.Packet[av.VideoStream], at: FrameTime, position: int, seen: PacketTimes
    ) -> None:
        current = self._open
        if current is None:
            return
        if at.stream_s > current.last.stream_s:
            current.step_s = at.stream_s - current.last.stream_s
        current.last = at
        current.offsets.add(seen)
        self.recorded_bytes += packet.size
        try:
            current.file.add(packet, at=position)
            now_s = self._clock.monotonic_s()
            if now_s - self._synced_s >= self._cutting.sync_s:
                current.file.sync()
                self._synced_s = now_s
        except (OSError, av.error.FFmpegError) as error:
            self._broken(current, error)

    def _close(self, after: FrameTime | None) -> None:
        """``after``: the picture that follows without a break."""
        current, self._open = self._open, None
        if current is None:
            return
        end_ms = current.own_end_ms
        if after is not None and after.wall_ms > current.first.wall_ms:
            end_ms = after.wall_ms
        end_ms = min(end_ms, current.first.wall_ms + footage.LONGEST_MS)
        try:
            written = current.file.close()
        except (OSError, av.error.FFmpegError) as error:
            self._broken(current, error)
            return
        self._covered_ms = end_ms
        self._entered(
            Segment(
                camera=self._camera,
                number=current.number,
                stretch=current.stream.opened_ms,
                epoch=current.first.epoch,
                start_ms=current.first.wall_ms,
                end_ms=end_ms,
                frames=written.frames,
                keyframes=written.keyframes,
                size_bytes=written.size_bytes,
                sha256=written.sha256,
                payload_sha256=written.payload_sha256,
                path=current.path,
                form=current.stream.form,
                codec_sha256=current.stream.codec_sha256,
                first_pts=current.begins,
                time_base=current.first.time_base,
                clock=current.offsets.judged(current.last),
            )
        )

    def _entered(self, segment: Segment) -> None:
        self.segments += 1
        self._write(segment)
        self._closed(segment)

    def _broken(self, current: _Open, error: Exception) -> None:
        """The disk refused: what is whole stays, as after a kill."""
        self._open = None
        current.file.abandon()
        self._covered_ms = current.first.wall_ms
        path = self._ring / current.path
        part = path.with_name(path.name + PART)
        try:
            for segment in entered(part if part.exists() else path, ring=self._ring, ledger=self._ledger):
                self._covered_ms = segment.end_ms
                self._closed(segment)
        except (OSError, IntegrityBroken) as later:
            LOG.warning("segment_left", camera=self._camera, error=type(later).__name__)
        self._refused(error)

    def _refused(self, error: Exception) -> None:
        no_room = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        self._cause = GapCause.DISK_FULL if no_room else GapCause.DAMAGED
        self._has_key = False
        LOG.warning(
            "segment_refused", camera=self._camera, error=type(error).__name__, cause=self._cause.value
        )

    # --- the index ----------------------------------------------------------------------------------------------

    def _explain(self, until_ms: int) -> None:
        """The gap from what is explained to ``until_ms``; a clock that was set back leaves its mark alone."""
        from_ms = self._covered_ms
        if until_ms > from_ms or self._cause is GapCause.CLOCK_STEP:
            gap = Gap(camera=self._camera, from_ms=min(from_ms, until_ms), to_ms=until_ms, cause=self._cause)
            self.gaps += 1
            self._write(*footage.by_day(gap))
        self._covered_ms = until_ms

    def _write(self, *records: Record) -> None:
        """Into the index, what waited before it first. What a full disk refuses waits."""
        self._unwritten.extend(_merged(self._unwritten, records))
        while self._unwritten:
            try:
                self._ledger.append(self._unwritten[0])
            except OSError as error:
                LOG.warning("index_refused", camera=self._camera, errno=error.errno)
                return
            self._unwritten.popleft()


def _clock_at_first(at: FrameTime, seen: PacketTimes) -> FootageClock:
    """What is known of the clocks when a segment begins: all there is if its recorder is killed."""
    offset_ms = None if seen.sender_ms is None else seen.sender_ms - seen.arrival_ms
    return FootageClock(
        source=at.wall_source.value, quality=at.clock, offset_ms=offset_ms, paced_by=at.paced_by.value
    )


def _dated(
    early: av.Packet[av.VideoStream],
    told: PacketTimes,
    after: av.Packet[av.VideoStream],
    seen: PacketTimes,
) -> bool:
    """Give ``early`` its time, by the camera's clock; False when that says nothing."""
    if told.sender_ms is None or seen.sender_ms is None or after.pts is None or after.time_base is None:
        return False
    before_ms = seen.sender_ms - told.sender_ms
    if not 0 < before_ms <= HOLE_S * 1000:
        return False
    early.pts = after.pts - round(Fraction(before_ms, 1000) / after.time_base)
    return True


def _merged(waiting: deque[Record], records: tuple[Record, ...]) -> tuple[Record, ...]:
    """``records``, the first of them taken into the last that waits where both tell of one silence."""
    if waiting and records and isinstance(waiting[-1], Gap) and isinstance(records[0], Gap):
        last, first = waiting[-1], records[0]
        if (last.cause, last.to_ms, footage.day_of(last.from_ms)) == (
            first.cause,
            first.from_ms,
            footage.day_of(first.from_ms),
        ):
            waiting[-1] = Gap(camera=last.camera, from_ms=last.from_ms, to_ms=first.to_ms, cause=last.cause)
            return records[1:]
    return records
