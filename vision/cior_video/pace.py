"""Whether a live stream's own time runs as fast as time does: its stamps against their arrival. Pure.

A stream whose rate was made up (MJPEG over HTTP stamped 25 a second and sent at 5), whose clock counts in another unit
or stands, says wrong things about durations. Two things are told apart from that: a stall, after which the stream is
where it should be or late by a constant, and a server that sends what it kept before the connection.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 12.0
"""How far back pace is measured: the longest stall after which no reconnection is due, and something around it."""
LEAST_S = 6.0
"""Less says nothing: a server's buffer and the network's."""
SLOWEST, FASTEST = 0.7, 1.4
"""Of cameras, clocks are off by a thousandth, and those that play catch-up run a tenth fast."""
DRIFT_S = 3.0
"""A pace that has not yet led so far from arrival is not worth a new epoch."""
JUMPS = 3
"""A time line that jumps so often within a window is none."""
AHEAD_S = 10.0
"""No server keeps so much before a connection; a stream that is this far ahead of time is not in seconds."""


class Pace:
    """One connection's stream seconds against arrival (ms), epoch by epoch."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._points: deque[tuple[float, float]] = deque()
        self._jumps: deque[int] = deque(maxlen=JUMPS)

    def new_epoch(self) -> None:
        """Stream seconds begin again."""
        self._first = None
        self._points.clear()

    def jumped(self, arrival_ms: int) -> bool:
        """The time line jumped; whether it does so all the time."""
        self._jumps.append(arrival_ms)
        return len(self._jumps) == JUMPS and arrival_ms - self._jumps[0] <= WINDOW_S * 1000

    def is_wrong(self, stream_s: float, arrival_ms: int) -> bool:
        """Advance by one picture; whether durations of this stream cannot be believed."""
        here = (arrival_ms / 1000, stream_s)
        self._first = self._first or here
        self._points.append(here)
        while here[0] - self._points[0][0] > WINDOW_S:
            self._points.popleft()
        drift_s = (stream_s - self._first[1]) - (here[0] - self._first[0])
        return drift_s > AHEAD_S or (abs(drift_s) > DRIFT_S and self._is_off())

    def _is_off(self) -> bool:
        """Too slow, or too fast, in the window's older half and in its newer one alike."""
        (begin_s, begin), (end_s, end) = self._points[0], self._points[-1]
        if end_s - begin_s < LEAST_S:
            return False
        half_s, half = min(self._points, key=lambda point: abs(point[0] - (begin_s + end_s) / 2))
        if not begin_s < half_s < end_s:
            return False
        paces = ((half - begin) / (half_s - begin_s), (end - half) / (end_s - half_s))
        return max(paces) < SLOWEST or min(paces) > FASTEST
