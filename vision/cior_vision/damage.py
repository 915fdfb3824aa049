"""Pictures that the decoder could not make whole, and everything that was made from them.

A decoder marks the picture in which bits were wrong or missing and conceals the place; the pictures after it are
decoded without a fault *from the damaged one*, so they are damaged too, until a key picture arrives whole (ITU-T H.264
§7.4.1.2.4; a picture with a recovery point counts as one). Of JPEG pictures that are cut short the decoder says
nothing: those are known by their end (:class:`Endings`). Pure, in stream time.
"""

from __future__ import annotations

from collections import deque

from cior_vision.incidents import Condition, ConditionChange
from cior_vision.latch import Latch
from cior_vision.rule_settings import TamperSettings

REFRESHED_S = 30.0
"""Streams without key pictures renew themselves piece by piece (intra refresh), within seconds; after so long without a
fault they are believed again."""


END_OF_IMAGE = b"\xff\xd9"
_PADDING = b"\x00\r\n"


class Endings:
    """Whether a JPEG picture is whole: it closes with the marker EOI (ITU-T T.81 §B.1.1.3), and a decoder fills up what
    is missing without a word. Cameras that never send the marker are not judged by it.
    """

    def __init__(self, codec: str) -> None:
        self._is_judged, self._has_one = codec == "mjpeg", False

    def is_cut_short(self, packet: bytes) -> bool:
        """Of the next packet, a picture each."""
        if not self._is_judged:
            return False
        is_whole = packet.rstrip(_PADDING).endswith(END_OF_IMAGE)
        self._has_one = self._has_one or is_whole
        return self._has_one and not is_whole


class Damage:
    """Judges the pictures of one connection, in the order in which they leave the decoder. ``codec``: as FFmpeg names
    it.
    """

    def __init__(self, codec: str = "") -> None:
        self._endings, self._is_short = Endings(codec), False
        self._is_broken = False
        self._fault_s: float | None = None

    def arrived(self, packet: bytes) -> None:
        """What the next picture is decoded from."""
        self._is_short = self._endings.is_cut_short(packet)

    def lost(self) -> None:
        """The decoder gave nothing for a packet: what follows refers to what is not there."""
        self._is_broken, self._fault_s = True, None

    def step(self, *, is_corrupt: bool, is_key: bool, at_s: float) -> bool:
        """Whether this picture is damaged, itself or by what it was made from."""
        is_corrupt = is_corrupt or self._is_short
        if is_corrupt or self._fault_s is None:
            self._is_broken, self._fault_s = self._is_broken or is_corrupt, at_s
        if not is_corrupt and (is_key or at_s - self._fault_s > REFRESHED_S):
            self._is_broken = False
        return self._is_broken


class DamageWatch:
    """Says when so many pictures are damaged that the camera is not watched. Call :meth:`step` once a due picture."""

    def __init__(self, settings: TamperSettings) -> None:
        self._settings = settings
        self._latch = Latch(
            Condition.DAMAGED, after_s=settings.damaged_after_s, clear_s=settings.damaged_window_s
        )
        self._recent: deque[tuple[float, bool]] = deque()

    @property
    def active(self) -> frozenset[Condition]:
        """The condition, while it holds."""
        return frozenset({Condition.DAMAGED} if self._latch.active else ())

    def step(self, at_s: float, *, is_damaged: bool) -> list[ConditionChange]:
        """What this picture changes."""
        self._recent.append((at_s, is_damaged))
        while at_s - self._recent[0][0] > self._settings.damaged_window_s:
            self._recent.popleft()
        share = sum(damaged for _, damaged in self._recent) / len(self._recent)
        return self._latch.observe(
            at_s, {"damaged_share": round(share, 3)}, hit=share >= self._settings.damaged_share
        )

    def new_epoch(self) -> None:
        """The stream's time line restarted."""
        self._latch.forget()
        self._recent.clear()
