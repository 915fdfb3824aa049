"""Honest times of a video stream: pure arithmetic on what the stream says and what the edge clock read.

A stream's PTS restarts at every connection and has no zone: it orders pictures and measures durations, it is not
UTC. Each picture therefore carries both (:class:`FrameTime`): the stream's own time inside one *epoch* (one
connection without a jump) and a wall time with its source:

- ``rtcp``: the camera's RTCP sender report (RFC 3550 §6.4.1), taken over only while it agrees with the arrival within
  ``tolerance_s`` (with hysteresis);
- ``arrival``: the instant our edge clock saw the packet; the camera's own claim, if wrong, is kept as
  ``clock_error_s``;
- ``file``: the start instant the operator gave plus stream time; nobody vouches for it, so its quality is always
  unknown.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from cior_core.model import ClockQuality, Struct
from cior_video.drops import DropReason
from cior_video.pace import Pace

REORDER_S = 1.0
"""Pictures that come out of order are so by less than this; a longer step back is a time line that starts again."""
_KEEPS, _REGAINS = 1.25, 0.75
"""A sender's clock that is believed is so up to this share of the tolerance, one that is not, from this share down: an
error beside the limit does not make wall time jump to and fro by the whole of it."""


class WallSource(StrEnum):
    """Where a picture's wall time comes from."""

    RTCP = "rtcp"
    ARRIVAL = "arrival"
    FILE = "file"


class PacedBy(StrEnum):
    """Whose durations ``stream_s`` holds: the stream's own, or, where those are wrong, arrival's."""

    STREAM = "stream"
    ARRIVAL = "arrival"


class FrameTime(Struct, frozen=True, kw_only=True):
    """When a picture was taken.

    ``stream_s`` counts from the epoch's first picture; ``origin_ms`` is that picture's wall time and names the epoch.
    """

    epoch: int
    origin_ms: int
    pts: int
    time_base: tuple[int, int]
    stream_s: float
    arrival_ms: int
    wall_ms: int
    wall_source: WallSource
    clock: ClockQuality
    clock_error_s: float | None = None
    paced_by: PacedBy = PacedBy.STREAM


class PacketTimes(Struct, frozen=True, kw_only=True):
    """What is known of a packet besides its PTS: arrival by our clock, the sender's claim (UTC ms) if any."""

    arrival_ms: int
    sender_ms: int | None = None


class EpochTimes:
    """Gives each decoded picture its :class:`FrameTime`, or the reason why it has none.

    One instance lives as long as its camera. ``watches_pace``: of a live stream whose own time runs too fast, too slow
    or stands, durations are taken from arrival until its next connection; the change opens an epoch.
    """

    def __init__(
        self,
        *,
        file_start_ms: int | None = None,
        tolerance_s: float = 2.0,
        jump_s: float = 10.0,
        watches_pace: bool = False,
    ) -> None:
        self._file_start_ms = file_start_ms
        self._is_first = True
        self._tolerance_s = tolerance_s
        self._jump_s = jump_s
        self._epoch = -1
        self._first_pts: int | None = None
        self._last_pts = 0
        self._last_step_s = 0.0
        self._origin_ms = 0
        self._last_wall_ms = 0
        self._is_believed: bool | None = None
        self._watches_pace = watches_pace and file_start_ms is None
        self._pace = Pace()
        self._paced_by = PacedBy.STREAM
        self._last_arrival_ms = 0

    @property
    def epoch(self) -> int:
        """Number of the current epoch; -1 before the first picture."""
        return self._epoch

    def reconnected(self) -> None:
        """A new connection begins: the next picture opens a new epoch, whatever its PTS."""
        self._first_pts = None
        self._is_believed = None
        self._paced_by = PacedBy.STREAM
        self._pace = Pace()

    def follows(self, start_ms: int) -> None:
        """Of files after one another: the instant of the next one's first picture."""
        self._file_start_ms, self._is_first = start_ms, True

    def stamp(self, pts: int | None, time_base: Fraction, seen: PacketTimes) -> FrameTime | DropReason:
        """The time of a picture, or why it cannot have one.

        A jump of more than ``jump_s`` forward, or of more than ``REORDER_S`` back, opens a new epoch at once.
        """
        if pts is None:
            return DropReason.NO_PTS
        if self._paced_by is PacedBy.ARRIVAL:
            return self._by_arrival(pts, time_base, seen)
        if self._first_pts is not None:
            step_s = float((pts - self._last_pts) * time_base)
            if step_s > self._jump_s or step_s < -REORDER_S:
                if self._watches_pace and self._pace.jumped(seen.arrival_ms):
                    return self._by_arrival(pts, time_base, seen)
                self._first_pts = None
            elif step_s <= 0:
                return self._not_advancing(pts, time_base, seen)
            else:
                self._last_step_s = step_s
        if self._first_pts is None:
            self._open_epoch(pts, seen)
        self._last_pts = pts
        stream_s = float((pts - (self._first_pts or 0)) * time_base)
        if self._watches_pace and self._pace.is_wrong(stream_s, seen.arrival_ms):
            return self._by_arrival(pts, time_base, seen)
        return self._time(pts, time_base, seen, stream_s=stream_s)

    def _not_advancing(self, pts: int, time_base: Fraction, seen: PacketTimes) -> FrameTime | DropReason:
        """Out of order, or a time that stands, which is the slowest pace."""
        stream_s = float((self._last_pts - (self._first_pts or 0)) * time_base)
        if self._watches_pace and self._pace.is_wrong(stream_s, seen.arrival_ms):
            return self._by_arrival(pts, time_base, seen)
        return DropReason.PTS_NOT_ADVANCING

    def _by_arrival(self, pts: int, time_base: Fraction, seen: PacketTimes) -> FrameTime:
        """The picture's time where the stream's own is not believed: pictures that arrive together are a millisecond
        apart.
        """
        if self._paced_by is PacedBy.STREAM or self._first_pts is None:
            self._open_epoch(pts, seen)
            self._paced_by, self._last_arrival_ms = PacedBy.ARRIVAL, seen.arrival_ms - 1
        self._last_pts = pts
        self._last_arrival_ms = max(seen.arrival_ms, self._last_arrival_ms + 1)
        stream_s = (self._last_arrival_ms - self._origin_ms) / 1000
        return self._time(pts, time_base, seen, stream_s=stream_s)

    def _open_epoch(self, pts: int, seen: PacketTimes) -> None:
        self._epoch += 1
        self._first_pts = pts
        self._pace.new_epoch()
        if self._file_start_ms is None:
            self._origin_ms = seen.arrival_ms
        elif self._is_first:
            self._origin_ms, self._is_first = self._file_start_ms, False
        else:
            self._origin_ms = self._last_wall_ms + max(1, round(self._last_step_s * 1000))

    def _time(self, pts: int, time_base: Fraction, seen: PacketTimes, *, stream_s: float) -> FrameTime:
        wall_ms, source, clock, error_s = self._wall(stream_s, seen)
        self._last_wall_ms = wall_ms
        return FrameTime(
            epoch=self._epoch,
            origin_ms=self._origin_ms,
            pts=pts,
            time_base=(time_base.numerator, time_base.denominator),
            stream_s=stream_s,
            arrival_ms=seen.arrival_ms,
            wall_ms=wall_ms,
            wall_source=source,
            clock=clock,
            clock_error_s=error_s,
            paced_by=self._paced_by,
        )

    def _wall(self, stream_s: float, seen: PacketTimes) -> tuple[int, WallSource, ClockQuality, float | None]:
        if self._file_start_ms is not None:
            return self._origin_ms + round(stream_s * 1000), WallSource.FILE, ClockQuality.UNKNOWN, None
        if seen.sender_ms is None:
            return seen.arrival_ms, WallSource.ARRIVAL, ClockQuality.UNKNOWN, None
        error_s = (seen.sender_ms - seen.arrival_ms) / 1000
        if self._believes(abs(error_s)):
            return seen.sender_ms, WallSource.RTCP, ClockQuality.SYNCED, abs(error_s)
        return seen.arrival_ms, WallSource.ARRIVAL, ClockQuality.SKEWED, abs(error_s)

    def _believes(self, error_s: float) -> bool:
        share = {None: 1.0, True: _KEEPS, False: _REGAINS}[self._is_believed]
        self._is_believed = error_s <= self._tolerance_s * share
        return self._is_believed


class Sampler:
    """Takes at most ``fps`` pictures a stream second, evenly, whatever the source's own rate."""

    def __init__(self, fps: float) -> None:
        self._period_s = 1.0 / fps
        self._next_s = self._last_s = 0.0
        self._epoch = -1

    def due(self, at: FrameTime, *, fps: float | None = None) -> bool:
        """Whether this picture is wanted; the first one of an epoch always is. ``fps``: so many for now."""
        period_s = self._period_s if fps is None else min(self._period_s, 1.0 / fps)
        if at.epoch != self._epoch:
            self._epoch, self._next_s, self._last_s = at.epoch, at.stream_s, at.stream_s
        if at.stream_s + 1e-6 < min(self._next_s, self._last_s + period_s):
            return False
        self._next_s, self._last_s = self._next_s + period_s, at.stream_s
        if not at.stream_s < self._next_s <= at.stream_s + period_s:
            self._next_s = at.stream_s + period_s
        return True
