"""A track fed from a file at the pace of a clock that only the test moves: no camera, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av

from cior_core.footage import Segment
from cior_recorder.ledger import Ledger
from cior_recorder.recovery import resumed
from cior_recorder.track import Cutting, Shelf, Track
from cior_video.timing import PacketTimes

NOON_MS = 1_795_780_800_000  # 2026-11-27T12:00:00Z
STEP_MS = 100


class Clock:
    """Wall and monotonic, moved together by :meth:`advance`; ``set_by`` moves the wall alone."""

    def __init__(self, at_ms: int = NOON_MS) -> None:
        self._wall_ms, self._s = at_ms, 100.0

    def now_ms(self) -> int:
        return self._wall_ms

    def monotonic_s(self) -> float:
        return self._s

    def advance(self, ms: int) -> None:
        self._wall_ms, self._s = self._wall_ms + ms, self._s + ms / 1000

    def set_by(self, ms: int) -> None:
        self._wall_ms += ms


class Fed:
    """A camera's track in ``ring``; each :meth:`connection` is a new one of the camera."""

    def __init__(
        self,
        ring: Path,
        clip: Path,
        clock: Clock | None = None,
        *,
        camera: str = "plaza",
        has_room: Callable[[], bool] = lambda: True,
        closed: Callable[[Segment], None] = lambda _: None,
    ) -> None:
        self.ring, self._clip, self.clock = ring, clip, clock or Clock()
        self.ledger = Ledger(ring, camera)
        left = resumed(ring, camera, self.ledger, now_ms=self.clock.now_ms())
        shelf = Shelf(ring=ring, ledger=self.ledger, has_room=has_room, closed=closed)
        self.track = Track(camera, shelf, left=left, clock=self.clock, cutting=Cutting(segment_s=1.0))

    def connection(
        self,
        pictures: int,
        *,
        first: int = 0,
        before: Callable[[int], None] = lambda _: None,
        off_ms: int = 0,
        leaves_out: range = range(0),
        pace: float = 1.0,
    ) -> None:
        """``pictures`` of the clip from ``first`` on, 100 ms apart; ``before`` is called before each. ``off_ms``: how
        far the camera's clock is ahead of ours. ``leaves_out``: numbers of pictures that it does not send.
        ``pace``: how many seconds its own time makes of one.
        """
        with av.open(str(self._clip)) as container:
            stream = container.streams.video[0]
            self.track.connected(stream)
            packets = [each for each in container.demux(stream) if each.size][first : first + pictures]
            for number, packet in enumerate(packets):
                before(number)
                now_ms = self.clock.now_ms()
                if number not in leaves_out:
                    packet.pts, packet.dts = (round((each or 0) * pace) for each in (packet.pts, packet.dts))
                    seen = PacketTimes(arrival_ms=now_ms, sender_ms=now_ms + off_ms)
                    self.track.packet(packet, seen)
                self.clock.advance(STEP_MS)

    def kill(self) -> None:
        """The process ends without a word: what the kernel has stays, the open file is nobody's."""
        current = self.track._open
        assert current is not None
        current.file.abandon()
