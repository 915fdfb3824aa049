"""What is said of a camera to which something happened: drawn cameras, the whole way from picture to condition."""

from __future__ import annotations

import pytest

from cior_vision.incidents import Condition, ConditionChange
from cior_vision.rule_settings import TamperSettings
from cior_vision.scene import SceneReader
from cior_vision.shrunk import shrink
from cior_vision.tamper import TamperWatch
from integration.vision.drawn_cameras import CASES, FPS, Case, pictures


def watched(case: Case, seed: int) -> tuple[frozenset[Condition], list[ConditionChange]]:
    """What holds at the end, and all that was said."""
    scene, watch = SceneReader(), TamperWatch(TamperSettings(reference_s=5.0))
    said: list[ConditionChange] = []
    for index, image in enumerate(pictures(case, seed)):
        reading = scene.read(shrink(image), index / FPS, after_key=index % 10 == 0)
        said += watch.step(reading, hour=12)
    return watch.active, said


SEEDED = [pytest.param(case, 1 + index % 2, id=case.name) for index, case in enumerate(CASES)]


@pytest.mark.parametrize(("case", "seed"), SEEDED)
def test_what_happened_to_the_camera_is_said_and_nothing_else(case: Case, seed: int) -> None:
    active, said = watched(case, seed)
    assert active >= case.expected, "it was not told"
    assert {one.condition for one in said} <= case.expected | case.allowed, "something else was told"


def test_a_view_that_moved_says_by_how_far_and_its_return_ends_it() -> None:
    tour = next(case for case in CASES if case.name == "turned and turned back")
    _, said = watched(tour, seed=2)
    assert [(one.condition, one.active) for one in said] == [
        (Condition.MOVED, True),
        (Condition.MOVED, False),
    ]
    assert said[0].facts["moved_right"] == pytest.approx(-0.25, abs=0.01), "the picture lies to the left"
    assert 15.0 <= said[0].at_s <= 17.0
    assert 20.0 < said[1].at_s <= 24.0


def test_a_camera_that_turns_by_command_has_no_view_to_lose() -> None:
    moved = next(case for case in CASES if case.name == "moved by a third")
    scene, watch = SceneReader(), TamperWatch(TamperSettings(fixed=False))
    for index, image in enumerate(pictures(moved, seed=2)):
        assert not watch.step(scene.read(shrink(image), index / FPS, after_key=False), hour=12)


def test_a_lens_that_is_covered_over_a_reconnection_stays_covered_until_it_is_seen_again() -> None:
    whole = next(case for case in CASES if case.name == "covered 100% centre")
    shown = [shrink(image) for image in pictures(whole, seed=2)]
    scene, watch = SceneReader(), TamperWatch(TamperSettings())
    for index, grey in enumerate(shown):
        watch.step(scene.read(grey, index / FPS, after_key=False), hour=12)
    scene.new_epoch()
    watch.new_epoch()
    again = [*shown[-50:], *shown[:30]]
    said = [
        change
        for index, grey in enumerate(again)
        for change in watch.step(scene.read(grey, index / FPS, after_key=False), hour=12)
    ]
    assert [(one.condition, one.active) for one in said] == [(Condition.COVERED, False)]
    assert said[0].at_s > 10.0, "not before it was seen to be over"
