"""The motion gate: is anything in a picture worth the detector? OpenCV, on the small luma, in stream time.

Running average with alpha 0.2 at five pictures a second, threshold 30, largest contour above 60 px was open in 0 % of
empty pictures and 80 % of occupied ones of a real scene; slower averages ghost. What a swaying pole explains is no
motion (:mod:`cior_vision.sway`), nor what moves all the time (:mod:`cior_vision.restless`), nor light that falls on
what is there (:mod:`cior_vision.beam`); they are looked at only where the gate would open, that is before a detector
thirty times as dear, and no further than the first change that is none of them.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Annotated

import cv2
import msgspec
import numpy as np

from cior_core.model import Struct
from cior_video.sources import Strict
from cior_vision import beam, sway
from cior_vision.frames import Grey
from cior_vision.restless import Restless
from cior_vision.rule_settings import Share
from cior_vision.shrunk import HEIGHT_PX, WIDTH_PX

Outline = cv2.typing.MatLike
RESTS = 10
"""So many shifts in a row that agree: the camera hangs there now, and the average begins anew."""


class GateSettings(Strict, frozen=True, kw_only=True):
    """``alpha`` is the weight of a new picture after 0.2 s; other intervals are converted, so the frame rate does not
    matter.

    ``sway_px``: the greatest shift of the whole picture, in pixels of its 320, that is taken for a swaying pole (0:
    none is). ``sway_explains``: the share of the changed pixels that undoing the shift must explain.
    """

    alpha: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.2
    threshold: Annotated[int, msgspec.Meta(ge=1, le=255)] = 30
    min_area_px: float = 60.0
    switch_share: Share = 0.8
    redetect_s: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 1.0
    sway_px: Annotated[float, msgspec.Meta(ge=0.0, le=40.0)] = 16.0
    sway_explains: Share = 0.5


class GateReading(Struct, frozen=True, kw_only=True):
    """``open``: something moves.

    ``switched``: the whole picture changed at once (lightning, infrared lamp): no verdict, the average restarts.
    ``sway_px``: how far the picture was shifted back before the verdict.
    """

    open: bool
    switched: bool
    sway_px: float = 0.0


class MotionGate:
    """Running average of one camera's luma."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._average: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None = None
        self._last_s = 0.0
        self._shifts: deque[sway.Shift] = deque(maxlen=RESTS)
        self._restless = Restless((HEIGHT_PX, WIDTH_PX))

    def reset(self) -> None:
        """A new epoch: nothing is known of the scene."""
        self._average = None

    def step(self, grey: Grey, at_s: float) -> GateReading:
        """Compare with the average, then let the picture flow into it.

        The first picture opens the gate: somebody may already stand there.
        """
        if self._average is None:
            self._begin(grey, at_s)
            return GateReading(open=True, switched=False)
        average = np.asarray(cv2.convertScaleAbs(self._average), np.uint8)
        mask, difference = self._changed(grey, average)
        if cv2.countNonZero(mask) > self._settings.switch_share * mask.size:
            self._begin(grey, at_s)
            return GateReading(open=False, switched=True)
        is_open, shift, steady = False, None, grey
        if self._largest(mask) is not None:
            steady, mask, shift = self._steadied(grey, average, mask, difference)
            if shift is not None:
                difference = np.asarray(cv2.absdiff(steady, average), np.uint8)
            is_open = self._is_strange(steady, mask, difference)
        self._restless.learn(mask, difference, at_s - self._last_s)
        if self._rests(shift):
            self._begin(grey, at_s)
        else:
            self._flow(steady, at_s, 0 if shift is None else _rim(shift))
        return GateReading(open=is_open, switched=False, sway_px=0.0 if shift is None else shift.far_px)

    def _changed(self, grey: Grey, average: Grey) -> tuple[Grey, Grey]:
        """Mask (0 or 255) of what changed by more than the threshold, and by how much everything did."""
        difference = cv2.absdiff(grey, average)
        mask = cv2.threshold(difference, self._settings.threshold, 255, cv2.THRESH_BINARY)[1]
        return np.asarray(mask, np.uint8), np.asarray(difference, np.uint8)

    def _largest(self, mask: Grey) -> Outline | None:
        """The outline of the largest connected change, if that is large enough."""
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        largest = max(found, key=cv2.contourArea, default=None)
        is_large = largest is not None and cv2.contourArea(largest) > self._settings.min_area_px
        return largest if is_large else None

    def _is_strange(self, steady: Grey, mask: Grey, difference: Grey) -> bool:
        """Whether a change is neither usual where it is nor made by light: mostly, the largest one."""
        assert self._average is not None
        mask = self._restless.calm(mask, difference)
        largest = self._largest(mask)
        if largest is None:
            return False
        for part in (beam.around(cv2.boundingRect(largest), mask.shape), beam.ALL):
            rest = beam.unexplained(
                self._average[part], steady[part], mask[part], threshold=self._settings.threshold
            )
            if self._largest(rest) is not None:
                return True
        return False

    def _steadied(
        self, grey: Grey, average: Grey, mask: Grey, difference: Grey
    ) -> tuple[Grey, Grey, sway.Shift | None]:
        """Picture and mask with the sway undone, where sway explains most of what changed; else as they are."""
        limits = self._settings
        if limits.sway_px <= 0:
            return grey, mask, None
        edges = sway.Edges.of(average)
        if not edges.are_off(difference):
            return grey, mask, None
        shift = sway.shift_between(average, grey)
        if shift.response < sway.SURE or not sway.LEAST_PX <= shift.far_px <= limits.sway_px:
            return grey, mask, None
        steady = sway.undone(grey, shift)
        if not edges.are_closer(difference, np.asarray(cv2.absdiff(steady, average), np.uint8)):
            return grey, mask, None
        rest = sway.unexplained(average, steady, threshold=limits.threshold, margin_px=_rim(shift))
        if cv2.countNonZero(rest) > (1.0 - limits.sway_explains) * cv2.countNonZero(mask):
            return grey, mask, None
        return steady, rest, shift

    def _rests(self, shift: sway.Shift | None) -> bool:
        """Whether the camera hangs at another place for good, so that the average begins there."""
        if shift is None:
            self._shifts.clear()
            return False
        self._shifts.append(shift)
        return len(self._shifts) == RESTS and sway.is_at_rest(self._shifts)

    def _begin(self, grey: Grey, at_s: float) -> None:
        self._average, self._last_s = grey.astype(np.float32), at_s
        self._shifts.clear()

    def _flow(self, grey: Grey, at_s: float, rim_px: int) -> None:
        assert self._average is not None
        elapsed_s = max(at_s - self._last_s, 0.0)
        alpha = 1.0 - (1.0 - self._settings.alpha) ** (elapsed_s / 0.2)
        # What a shift brought in at the rim is no picture of what is there.
        inner = (slice(rim_px, HEIGHT_PX - rim_px), slice(rim_px, WIDTH_PX - rim_px))
        cv2.accumulateWeighted(grey[inner], self._average[inner], alpha)
        self._last_s = at_s


def _rim(shift: sway.Shift) -> int:
    return math.ceil(max(abs(shift.right_px), abs(shift.down_px))) + 1
