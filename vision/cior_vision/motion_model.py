"""Constant-velocity Kalman filter of a box, in seconds and box heights.

Each of centre x, centre y, width and height is its own two-state filter (value, rate): with diagonal noise the usual
eight-state filter of SORT (Bewley et al. 2016) falls apart into these four, which numpy updates at once. Noise grows
with the box's height, so near and far objects are treated alike, and with elapsed seconds, so the frame rate does
not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POSITION_NOISE = 0.05
"""Standard deviation of a measured centre or side, in box heights."""
ACCELERATION_NOISE = 0.6
"""Standard deviation of the rate's change, in box heights a second per square-root second."""
INITIAL_RATE = 1.0
"""Standard deviation of the unknown first rate, in box heights a second."""


class BoxFilter:
    """State of one track: values (4), rates (4), covariances (4 x 2 x 2)."""

    def __init__(self, box: Array) -> None:
        self._value = _to_centre(box)
        self._rate = np.zeros(4)
        height = self._value[3]
        self._cov = np.zeros((4, 2, 2))
        self._cov[:, 0, 0] = (POSITION_NOISE * height) ** 2
        self._cov[:, 1, 1] = (INITIAL_RATE * height) ** 2

    def predict(self, elapsed_s: float) -> None:
        """Move ``elapsed_s`` ahead."""
        step = np.array([[1.0, elapsed_s], [0.0, 1.0]])
        noise = (ACCELERATION_NOISE * self._value[3]) ** 2
        self._value = self._value + self._rate * elapsed_s
        self._value[2:] = np.maximum(self._value[2:], 1e-4)
        self._cov = step @ self._cov @ step.T
        self._cov += noise * np.array([[elapsed_s**3 / 3, elapsed_s**2 / 2], [elapsed_s**2 / 2, elapsed_s]])

    def update(self, box: Array) -> None:
        """Take a measured box (left, top, right, bottom)."""
        measured = _to_centre(box)
        noise = (POSITION_NOISE * measured[3]) ** 2
        gain = self._cov[:, :, 0] / (self._cov[:, 0, 0] + noise)[:, None]
        innovation = measured - self._value
        self._value = self._value + gain[:, 0] * innovation
        self._rate = self._rate + gain[:, 1] * innovation
        self._cov = self._cov - gain[:, :, None] * self._cov[:, None, 0, :]

    @property
    def box(self) -> Array:
        """Estimated left, top, right, bottom."""
        return _to_corners(self._value)

    def ahead(self, elapsed_s: float) -> Array:
        """Where the box will be ``elapsed_s`` from now, by what is known so far; nothing changes."""
        value = self._value + self._rate * elapsed_s
        value[2:] = np.maximum(value[2:], 1e-4)
        return _to_corners(value)

    @property
    def rate(self) -> tuple[float, float]:
        """How fast the centre goes, right and down, in shares of the picture a second."""
        return float(self._rate[0]), float(self._rate[1])


def _to_centre(box: Array) -> Array:
    """Left, top, right, bottom to centre x, centre y, width, height."""
    left, top, right, bottom = (float(value) for value in box)
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def _to_corners(value: Array) -> Array:
    x, y, width, height = value
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def overlap(first: Array, second: Array) -> Array:
    """Intersection over union of every box of ``first`` (N x 4) with every box of ``second`` (M x 4): N x M."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    total = _area(first)[:, None] + _area(second)[None, :] - shared
    return np.asarray(shared / np.maximum(total, 1e-12))


def _area(boxes: Array) -> Array:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
