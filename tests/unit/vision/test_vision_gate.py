"""The motion gate and the picture statistics, on pictures we draw: an empty street, a passer-by, lightning, a covered
lens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cior_vision.gate import GateSettings, MotionGate, read_scene, shrink
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


def test_statistics_tell_a_street_from_a_covered_lens() -> None:
    pictures = list(render(Scene(walkers=(), duration_s=2.0, fps=5, covered=((1.0, 2.0),))))
    street, covered = (read_scene(shrink(pictures[n]), n / 5) for n in (0, 8))
    assert street.luma_std > 10
    assert street.entropy_bits > 2.26
    assert covered.luma_std < 6


def test_blur_kills_the_sharpness_and_a_frozen_picture_has_one_digest() -> None:
    pictures = list(
        render(
            Scene(walkers=(), duration_s=4.0, fps=5, blurred=((1.0, 2.0),), frozen=((3.0, 4.0),), noise=1.0)
        )
    )
    readings = [read_scene(shrink(image), n / 5) for n, image in enumerate(pictures)]
    assert readings[7].sharpness / readings[0].sharpness < 0.3
    assert len({one.digest for one in readings[14:]}) == 1
    assert len({one.digest for one in readings[:14]}) == 14
