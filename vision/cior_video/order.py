"""Streams with pictures that refer forward (B pictures), whose stamps are not what they should be. Pure.

Such pictures are sent in another order than they are shown (ITU-T H.264 §C.4.5.2: out of order by sixteen at most), and
a presentation time says the order of showing. Many cameras and servers stamp what they send as they send it: then the
pictures leave the decoder in their right order, each with the stamp of another one.
"""

from __future__ import annotations

from collections import deque

DEPTH = 16
"""``MaxDpbFrames``: no picture is shown before one that was sent so many earlier."""
LIMIT = 256
"""Packets that are remembered while a decoder gives no picture."""


class ShownOrder:
    """One connection's stamps, put in the order in which its pictures are shown.

    A picture that was sent before the one that was shown before it, and has an earlier stamp, proves that stamps follow
    the order of sending: from then on the pictures take the stamps in that order. Only the few until this is known are
    lost. Packets whose stamps step back prove the opposite.
    """

    def __init__(self) -> None:
        self._number = 0
        self._newest: int | None = None
        self._waiting: dict[int, int] = {}
        self._free: deque[tuple[int, int]] | None = None
        self._shown: tuple[int, int] | None = None
        self._given = 0

    def sent(self, pts: int) -> None:
        """A packet with this stamp goes to the decoder."""
        if self._newest is not None and pts < self._newest:
            self._free = None
        self._number, self._newest = self._number + 1, pts
        self._waiting[pts] = self._number
        if self._free is not None:
            self._free.append((self._number, pts))
        if len(self._waiting) > LIMIT:
            self._forget_sent_before(self._number - LIMIT // 2)

    def shown(self, pts: int | None) -> int | None:
        """The stamp of the picture that left the decoder with ``pts``; ``None`` where it has none."""
        number = None if pts is None else self._waiting.pop(pts, None)
        if pts is None or number is None:
            return pts
        if self._free is None and self._is_proof(number, pts):
            waiting = ((sent, at) for at, sent in self._waiting.items())
            self._free = deque(sorted([(number, pts), *waiting]))
        self._forget_sent_before(number - DEPTH)
        self._shown = (number, pts)
        if self._free is None:
            self._given = number
            return pts
        return self._next_free()

    def _is_proof(self, number: int, pts: int) -> bool:
        return self._shown is not None and number < self._shown[0] and pts < self._shown[1]

    def _next_free(self) -> int | None:
        assert self._free is not None
        number, pts = self._free.popleft()
        if number < self._given:
            return None
        self._given = number
        return pts

    def _forget_sent_before(self, number: int) -> None:
        """The decoder made no picture of them; their stamps are nobody's."""
        swallowed = [at for at, sent in self._waiting.items() if sent < number]
        for at in swallowed:
            del self._waiting[at]
            if self._free:
                self._free.popleft()


class SentOrder:
    """One connection's decoding times, for who keeps packets as they are sent: they advance, and nothing is lost.

    A library may know no decoding time of the first packets, and then begin with one that has passed: those lie a tick
    apart (their presentation times are left alone).
    """

    def __init__(self, *, reorder_ticks: int) -> None:
        self._reorder = reorder_ticks
        self._last: int | None = None
        self._without = 0

    def sent(self, pts: int | None, dts: int | None) -> int | None:
        """When this packet is decoded; ``None`` where the stream says nothing. A step back of more than
        ``reorder_ticks`` is one.
        """
        last, self._without = self._last, self._without + 1 if dts is None else 0
        at = pts if dts is None else dts
        if at is None:
            return None
        is_unknown = dts is None and self._without <= DEPTH
        if last is not None and (is_unknown or last - self._reorder <= at <= last):
            at = last + 1
        self._last = at
        return at
