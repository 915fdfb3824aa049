"""What keeps no gate open: leaves in the wind, beams of cars that are not in view. And who is in them opens it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from cior_vision.frames import Grey
from cior_vision.gate import GateSettings, MotionGate
from integration.vision.drawn_hours import FPS, Clip, pictures

Drawn = Callable[[Grey, int], None]


def opened(clip: Clip, also: Drawn = lambda _grey, _number: None) -> list[bool]:
    """Open or shut, picture by picture; ``also`` draws into the shrunk pictures."""
    gate, found = MotionGate(GateSettings()), list[bool]()
    for number, image in enumerate(pictures(clip)):
        grey = np.asarray(cv2.resize(image, (320, 180)), np.uint8)
        also(grey, number)
        found.append(gate.step(grey, number / FPS).open)
    return found


def clip(place: str, light: str, *around: str, lasts_s: float = 60.0) -> Clip:
    return Clip(
        name="gate", seed=501, is_reported=False, place=place, light=light, around=around, lasts_s=lasts_s
    )


WINDY = clip("plaza", "day", "trees")
LIT = clip("street", "lamps", "headlights", lasts_s=40.0)


def test_leaves_in_the_wind_let_the_gate_shut_within_half_a_minute() -> None:
    found = opened(WINDY)
    assert sum(found[: 10 * FPS]) > 5 * FPS, "at first nobody knows that they always move"
    assert sum(found[30 * FPS :]) <= 0.1 * 30 * FPS


def test_whoever_comes_out_of_the_leaves_opens_it_at_once() -> None:
    """Dark and light clothes, in a crown that has swayed for 40 s."""

    def somebody(grey: Grey, number: int) -> None:
        step = number % (5 * FPS)
        if number >= 40 * FPS and step < 2 * FPS:
            tone = 15 if number % (10 * FPS) < 5 * FPS else 215
            cv2.ellipse(grey, (70 + 4 * step, 45), (7, 14), 0, 0, 360, tone, -1)

    found = opened(WINDY, somebody)
    appeared = [40 * FPS + n * 5 * FPS for n in range(4)]
    assert all(any(found[number : number + 2]) for number in appeared)


def test_a_beam_that_sweeps_over_the_street_opens_it_only_where_it_burns_out() -> None:
    """More than half of the pictures did, since half of the time it is there."""
    found = opened(LIT)
    assert sum(found[5 * FPS :]) <= 0.1 * len(found)


def test_who_walks_in_the_beam_opens_it_and_so_do_lamps_that_are_in_view() -> None:
    def walker(grey: Grey, number: int) -> None:
        x = 4 * (number % 80)
        cv2.ellipse(grey, (x, 120), (6, 15), 0, 0, 360, 120, -1)

    walking = opened(LIT, walker)
    assert sum(walking[5 * FPS :]) >= 0.95 * len(walking[5 * FPS :])

    def lamp(grey: Grey, number: int) -> None:
        for side in (0, 16):
            cv2.circle(grey, (6 * (number % 60) + side, 140), 5, 255, -1)

    driving = opened(LIT, lamp)
    assert sum(driving[5 * FPS :]) >= 0.9 * len(driving[5 * FPS :])
