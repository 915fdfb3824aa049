"""A camera's own view over a reconnection."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cior_vision.frames import Grey
from cior_vision.view import REGISTER_S, ViewReference

TURNED_PX = 7.0
"""A little more than 2 % of the width, which is told as moved."""


def hills(*, right_px: float = 0.0) -> Grey:
    """A view of soft, large forms: a little elsewhere, each part still looks like itself."""
    coarse = np.random.default_rng(4).normal(128, 55, (12, 22)).astype(np.float32)
    wide = cv2.resize(coarse, (360, 180), interpolation=cv2.INTER_CUBIC)
    matrix = np.array([[1.0, 0.0, right_px - 20], [0.0, 1.0, 0.0]], np.float32)
    return np.clip(cv2.warpAffine(wide, matrix, (320, 180)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("before_s", [20, 600])
def test_a_camera_that_was_turned_a_little_is_noticed_however_long_its_last_connection_was(
    before_s: int,
) -> None:
    """While all agrees the view is measured every few seconds, of the time line that is now."""
    view, usual, turned = ViewReference(), hills(), hills(right_px=TURNED_PX)
    for second in range(before_s):
        view.step(usual, float(second))
    view.new_epoch()
    for second in range(10):
        view.step(usual, float(second))
    found = [view.step(turned, float(second)) for second in range(10, 12 + round(REGISTER_S))]
    reading = found[-1]
    assert reading is not None
    assert reading.agreeing >= 0.9
    assert reading.moved_px == pytest.approx(TURNED_PX, abs=1.0)
