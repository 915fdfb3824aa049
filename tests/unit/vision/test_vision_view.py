"""A camera's own view: over a reconnection, and where it looks alike wherever it is turned to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cior_vision.frames import Grey
from cior_vision.incidents import Condition
from cior_vision.rule_settings import TamperSettings
from cior_vision.scene import SceneReader
from cior_vision.tamper import TamperWatch
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


def avenue(*, right_px: float = 0.0) -> Grey:
    """Kerbs, roofs and wires that run all across, and a few things that stand: turned aside, nearly every part still
    looks like itself.
    """
    rng = np.random.default_rng(9)
    picture = np.repeat(cv2.resize(rng.normal(128, 60, (24, 1)).astype(np.float32), (1, 180)), 460, axis=1)
    for left in range(10, 460, 57):
        cv2.line(picture, (left, 20 + left % 31), (left, 60 + left % 47), (128.0 + left % 90,), 2)
    matrix = np.array([[1.0, 0.0, right_px - 70], [0.0, 1.0, 0.0]], np.float32)
    return np.clip(cv2.warpAffine(picture, matrix, (320, 180)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("right_px", [-38.4, 38.4, 64.0])
def test_a_camera_that_is_turned_along_a_street_is_told_of_at_once_and_until_it_is_turned_back(
    right_px: float,
) -> None:
    """Long edges agree with themselves further along, so the turned view nearly passes for the usual one; it must not
    come to be the reference.
    """
    rng = np.random.default_rng(3)
    scene, watch = SceneReader(), TamperWatch(TamperSettings())
    usual, turned = avenue(), avenue(right_px=right_px)
    told = []
    for n in range(2 * 150):
        at_s = n / 2
        view = turned if 60 <= at_s < 120 else usual
        noisy = np.clip(view + rng.normal(0, 2, view.shape), 0, 255).astype(np.uint8)
        told += watch.step(scene.read(noisy, at_s, after_key=n % 2 == 0), hour=12)
    assert [str(one.condition) for one in told] == [Condition.MOVED, Condition.MOVED]
    assert [one.active for one in told] == [True, False]
    assert told[0].at_s < 60 + 15
    assert told[0].facts["moved_right"] * 320 == pytest.approx(right_px, abs=2.0)
    assert 120 < told[1].at_s < 120 + 15


def test_a_passer_by_after_a_minute_of_damaged_pictures_does_not_become_the_view() -> None:
    """The stream's time went on, but nothing was seen in it."""
    view, usual = ViewReference(), avenue()
    passing = usual.copy()
    passing[60:120, 120:160] = 255 - passing[60:120, 120:160]
    readings = []
    second = 0.0
    for picture, seconds in ((usual, 60), (passing, 2), (usual, 1)):
        for _ in range(seconds):
            readings.append(view.step(picture, second))
            second += 1.0
        second += 60.0
    before, after = readings[59], readings[-1]
    assert before is not None
    assert after is not None
    assert (after.agree, after.expected) == (before.agree, before.expected)
