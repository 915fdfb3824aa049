"""The motion gate and the picture statistics, on pictures we draw: an empty street, a passer-by, lightning, a covered
lens.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cior_vision import beam
from cior_vision.frames import Grey, Image
from cior_vision.gate import GateSettings, MotionGate
from cior_vision.incidents import SceneReading
from cior_vision.restless import Restless
from cior_vision.scene import SceneReader
from cior_vision.shrunk import shrink
from cior_vision.synthetic import Scene, Walker, render

PASSER_BY = Walker(path=((4.0, -0.1, 0.86), (8.0, 1.1, 0.86)))
SCENE = Scene(walkers=(PASSER_BY,), duration_s=12.0, fps=5)


def gated(scene: Scene) -> list[tuple[float, bool]]:
    gate = MotionGate(GateSettings())
    return [
        (n / scene.fps, gate.step(shrink(image), n / scene.fps).open) for n, image in enumerate(render(scene))
    ]


def test_the_gate_is_shut_on_an_empty_street_and_open_while_somebody_passes() -> None:
    found = gated(SCENE)
    assert found[0] == (0.0, True), "the first picture is always worth a look"
    assert not any(is_open for at_s, is_open in found if 0 < at_s < 4.0 or at_s > 9.5)
    visible = [is_open for at_s, is_open in found if 4.6 <= at_s <= 7.4]
    assert sum(visible) / len(visible) >= 0.9


def test_sensor_noise_alone_does_not_open_it() -> None:
    assert not any(is_open for at_s, is_open in gated(replace(SCENE, walkers=(), noise=6.0)) if at_s > 0)


@pytest.mark.parametrize("fps", [2, 10])
def test_the_average_follows_in_stream_time_whatever_the_frame_rate(fps: int) -> None:
    """A parked object stops being motion after the same number of seconds."""
    gate = MotionGate(GateSettings())
    empty = np.full((180, 320), 100, np.uint8)
    parked = empty.copy()
    parked[60:120, 100:160] = 220
    gate.step(empty, 0.0)
    shut_s = next(n / fps for n in range(1, 200) if not gate.step(parked, n / fps).open)
    assert 1.0 <= shut_s <= 3.0


def test_lightning_is_no_motion_and_restarts_the_average() -> None:
    gate = MotionGate(GateSettings())
    dark = np.full((180, 320), 40, np.uint8)
    gate.step(dark, 0.0)
    flash = gate.step(np.full((180, 320), 200, np.uint8), 0.2)
    assert (flash.open, flash.switched) == (False, True)
    assert not gate.step(np.full((180, 320), 200, np.uint8), 0.4).open


def shaken(image: Image, right: float, down: float, roll: float = 0.0) -> Image:
    """The picture of a camera that looks so many pixels elsewhere and is twisted by so many degrees."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), roll, 1.0)
    matrix[:, 2] += np.array([right, down])
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def swayed(scene: Scene, across: float, down: float, hertz: float, roll: float = 0.0) -> list[bool]:
    """Open or shut, picture by picture, on a pole that sways by so many pixels of 640."""
    gate, verdicts = MotionGate(GateSettings()), list[bool]()
    for n, image in enumerate(render(scene)):
        angle = 2 * np.pi * hertz * n / scene.fps
        moved = shaken(image, across * np.sin(angle), down * np.sin(1.37 * angle + 1), roll * np.sin(angle))
        verdicts.append(gate.step(shrink(moved), n / scene.fps).open)
    return verdicts


SWAYS = [
    (2.0, 0.0, 0.4, 0.0),
    (2.7, 2.0, 0.9, 0.0),
    (6.0, 3.0, 1.7, 0.0),
    (12.0, 5.0, 0.23, 0.0),
    (4.0, 2.0, 2.2, 0.3),
]


@pytest.mark.parametrize(("across", "down", "hertz", "roll"), SWAYS)
def test_a_pole_that_sways_does_not_keep_the_gate_open(
    across: float, down: float, hertz: float, roll: float
) -> None:
    empty = replace(SCENE, walkers=(), duration_s=10.0)
    found = swayed(empty, across, down, hertz, roll)[1:]
    assert sum(found) <= 1


@pytest.mark.parametrize(("across", "down", "hertz", "roll"), SWAYS)
def test_a_small_person_opens_it_on_a_pole_that_sways_as_on_one_that_does_not(
    across: float, down: float, hertz: float, roll: float
) -> None:
    far = Walker(path=((2.0, 0.2, 0.7), (8.0, 0.8, 0.7)), height=0.15)
    scene = replace(SCENE, walkers=(far,), duration_s=8.0)
    steady, swaying = swayed(scene, 0.0, 0.0, 0.0), swayed(scene, across, down, hertz, roll)
    assert sum(steady[11:]) >= 20, "a seventh of the picture's height is seen most of the time"
    assert sum(swaying[11:]) >= 0.8 * sum(steady[11:])


def test_somebody_who_steps_from_foot_to_foot_is_no_sway() -> None:
    """One thing that moves a little before little texture: phase correlation alone takes it for the camera."""
    standing = Walker(path=((0.0, 0.5, 0.86), (12.0, 0.5, 0.86)))
    scene = replace(SCENE, walkers=(standing,), duration_s=12.0, noise=1.0)
    gate = MotionGate(GateSettings())
    readings = [gate.step(shrink(image), n / 5) for n, image in enumerate(render(scene))]
    assert max(one.sway_px for one in readings) == 0.0
    assert sum(one.open for one in readings) >= 5


def test_where_a_camera_hangs_for_good_after_a_push_the_gate_begins_there() -> None:
    gate = MotionGate(GateSettings())
    still = [shrink(image) for image in render(replace(SCENE, walkers=(), duration_s=8.0))]
    pushed = [shrink(shaken(image, 9.0, 4.0)) for image in render(replace(SCENE, walkers=(), duration_s=8.0))]
    readings = [gate.step(grey, n / 5) for n, grey in enumerate([*still, *pushed])]
    assert not any(one.open for one in readings[1:])
    assert readings[len(still)].sway_px == pytest.approx(np.hypot(4.5, 2.0), abs=0.4)
    assert readings[-1].sway_px == 0.0


def read(greys: list[Grey]) -> list[SceneReading]:
    scene = SceneReader()
    return [scene.read(grey, n / 5, after_key=True) for n, grey in enumerate(greys)]


def test_statistics_tell_a_street_from_a_covered_lens() -> None:
    pictures = list(render(Scene(walkers=(), duration_s=2.0, fps=5, covered=((1.0, 2.0),))))
    street, covered = read([shrink(pictures[n]) for n in (0, 8)])
    assert street.luma_std > 10
    assert street.entropy_bits > 2.26
    assert covered.luma_std < 6


def test_blur_kills_the_sharpness_and_a_frozen_picture_shows_nothing_new() -> None:
    blurred = Scene(walkers=(), duration_s=4.0, fps=5, blurred=((1.0, 2.0),), frozen=((3.0, 4.0),), noise=1.0)
    readings = read([shrink(image) for image in render(blurred)])
    assert readings[7].sharpness / readings[0].sharpness < 0.3
    assert [one.is_still for one in readings[15:]] == [True] * 5
    assert not any(one.is_still for one in readings[:14])


def test_what_always_moves_is_usual_and_what_is_twice_as_strange_there_is_not() -> None:
    restless = Restless((180, 320))
    leaves, none = np.zeros((180, 320), np.uint8), np.zeros((180, 320), np.uint8)
    leaves[:, :160] = 255
    for number in range(200):
        mask = leaves if number % 2 else none
        restless.learn(mask, np.asarray(mask // 6, np.uint8), 0.2)
    everywhere = np.full((180, 320), 255, np.uint8)
    for difference, kept in ((70, [False, True]), (90, [True, True])):
        calm = restless.calm(everywhere, np.full((180, 320), difference, np.uint8))
        assert [bool(calm[90, column]) for column in (80, 240)] == kept, (
            f"leaves change by 42, this by {difference}"
        )


def test_a_place_alone_is_judged_by_its_light_as_within_the_whole_picture() -> None:
    """In the middle and at each rim: what is around it is taken along."""
    chance = np.random.default_rng(4)
    average = np.asarray(cv2.GaussianBlur(chance.uniform(30, 120, (180, 320)), (15, 15), 0), np.float32)
    picture = np.asarray(np.clip(average * 1.6 + chance.normal(0, 18, average.shape), 0, 255), np.uint8)
    mask = np.asarray(cv2.threshold(cv2.absdiff(picture, average.astype(np.uint8)), 30, 255, 0)[1], np.uint8)
    whole = beam.unexplained(average, picture, mask, threshold=30)
    assert 0 < cv2.countNonZero(whole) < cv2.countNonZero(cv2.dilate(mask, np.ones((3, 3), np.uint8)))
    for left, top, width, height in ((140, 70, 30, 50), (0, 0, 20, 30), (290, 140, 30, 40)):
        rows, columns = beam.around((left, top, width, height), picture.shape)
        part = beam.unexplained(
            average[rows, columns], picture[rows, columns], mask[rows, columns], threshold=30
        )
        inner = part[top - rows.start :, left - columns.start :][:height, :width]
        assert np.array_equal(inner, whole[top : top + height, left : left + width])
