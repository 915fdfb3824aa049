"""A camera that sways on its pole: by how far a picture is shifted, and what changed that no sway explains.

The shift is found by phase correlation (Kuglin and Hines 1975; ``cv2.phaseCorrelate``) at half size. What remains
after it is undone (a roll of the pole, blur within the exposure, half pixels) is within a neighbourhood: a pixel has
changed only where it is outside what its 3x3 neighbours in the average showed. Measured (one thread): 0.5 ms where it
is needed, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from cior_core.model import Struct
from cior_vision.frames import Grey

Plane = NDArray[np.float32]

HALF_PX = (160, 90)
"""Width and height at which shifts are looked for: a quarter of the cost, and a tenth of a pixel is still seen."""
SURE = 0.15
"""Least response of the correlation: unrelated pictures stay below 0.08, a street with ten people above 0.3."""
LEAST_PX = 0.25
"""Less than a quarter pixel is no sway: it stays below what interpolation costs."""
REST_PX = 0.5
"""Shifts within this of one another are one place."""
SEED_PX = 12
"""A fifth of the smallest change that opens the gate; what interpolation and blur leave are single pixels."""
EDGE, EDGE_PX, LEAST_PARTS = 20, 15, 4
"""An edge is so many grey levels within three pixels; a part has edges with so many of them, and some parts must."""
CLOSER, SHARED = 0.8, 0.6
"""Closer by a fifth (noise alone gains a tenth by interpolation), in six parts of ten: people fill three at most."""
OFF = 1.0
"""Grey levels by which edges that were moved by :data:`LEAST_PX` differ, at the least: a quarter pixel of the faintest
edge gives nearly two, half a pixel twice that.
"""
_WINDOW = cv2.createHanningWindow(HALF_PX, cv2.CV_32F)
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class Shift(Struct, frozen=True):
    """How far a picture lies to the right of and below another, in pixels of 320x180, and how sure that is (0..1)."""

    right_px: float
    down_px: float
    response: float

    @property
    def far_px(self) -> float:
        """Length of the shift."""
        return float(np.hypot(self.right_px, self.down_px))


def shift_between(reference: Grey | Plane, picture: Grey | Plane) -> Shift:
    """Where ``picture`` lies, seen from ``reference`` (both 320x180)."""
    # Fresh arrays: phaseCorrelate writes its window into what it is given (OpenCV 4.14).
    small = [
        cv2.resize(one, HALF_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
        for one in (reference, picture)
    ]
    (right, down), response = cv2.phaseCorrelate(small[0], small[1], _WINDOW)
    return Shift(right * 2.0, down * 2.0, float(response))


def is_at_rest(shifts: Iterable[Shift]) -> bool:
    """Whether all of them are one place, away from where the reference is."""
    spread = [(one.right_px, one.down_px) for one in shifts]
    low, high = np.min(spread, axis=0), np.max(spread, axis=0)
    return bool(np.all(high - low <= REST_PX))


def undone(picture: Grey, shift: Shift) -> Grey:
    """``picture`` put back to where the reference is; what was never seen repeats the border."""
    matrix = np.array([[1.0, 0.0, shift.right_px], [0.0, 1.0, shift.down_px]], np.float32)
    height, width = picture.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


class Edges:
    """Where the reference has edges, part by part: a sway moves them in most parts, and undoing it brings them closer
    in most. A street is still where somebody steps aside.
    """

    def __init__(self, mask: Grey) -> None:
        self._mask = mask
        self._pixels = _by_part(mask) // 255
        self._able = self._pixels >= EDGE_PX

    @classmethod
    def of(cls, average: Grey) -> Edges:
        """Of a reference (320x180)."""
        spread = cv2.subtract(cv2.dilate(average, _NEIGHBOURS), cv2.erode(average, _NEIGHBOURS))
        return cls(np.asarray(cv2.threshold(spread, EDGE, 255, cv2.THRESH_BINARY)[1], np.uint8))

    def are_off(self, difference: Grey) -> bool:
        """Whether edges lie elsewhere in so many parts that it is worth asking by how far. ``difference``: from the
        reference.
        """
        return self._shared(self._off(difference) >= OFF * self._pixels)

    def are_closer(self, before: Grey, after: Grey) -> bool:
        """Whether in most parts that have edges the differences ``after`` undoing a shift are less than ``before``."""
        return self._shared(self._off(after) < CLOSER * self._off(before))

    def _off(self, difference: Grey) -> NDArray[np.int64]:
        return _by_part(np.asarray(cv2.bitwise_and(difference, self._mask), np.uint8))

    def _shared(self, parts: NDArray[np.bool_]) -> bool:
        able = int(self._able.sum())
        return able >= LEAST_PARTS and int((parts & self._able).sum()) >= SHARED * able


def _by_part(plane: Grey) -> NDArray[np.int64]:
    """Sums over the 48 parts of 40x30 pixels."""
    corners = np.asarray(cv2.integral(plane), np.int64)[::30, ::40]
    return np.diff(np.diff(corners, axis=0), axis=1)


def unexplained(average: Grey, picture: Grey, *, threshold: int, margin_px: int) -> Grey:
    """Mask (0 or 255) of what changed by more than ``threshold`` and is no rest of a sway: whole areas of change in
    which :data:`SEED_PX` pixels or more are outside their neighbourhood in ``average``. A rim of ``margin_px``, which
    the shift brought in, is left out.
    """
    changed = cv2.threshold(cv2.absdiff(picture, average), threshold, 255, cv2.THRESH_BINARY)[1]
    above = cv2.subtract(picture, cv2.dilate(average, _NEIGHBOURS))
    below = cv2.subtract(cv2.erode(average, _NEIGHBOURS), picture)
    core = cv2.max(above, below) > threshold
    changed[:margin_px], changed[len(changed) - margin_px :] = 0, 0
    changed[:, :margin_px], changed[:, changed.shape[1] - margin_px :] = 0, 0
    count, labels = cv2.connectedComponents(changed)
    seeds = np.bincount(labels[core], minlength=count)
    seeds[0] = 0
    return np.asarray(np.where(seeds[labels] >= SEED_PX, 255, 0), np.uint8)
