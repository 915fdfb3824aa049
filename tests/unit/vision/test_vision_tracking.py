"""The tracker, on boxes of our own scenes: made-up ones, and what a detector once said of a synthetic clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cior_vision.frames import Detections, no_detections
from cior_vision.incidents import Sighting, Stage
from cior_vision.motion_model import BoxFilter, overlap
from cior_vision.observing import Observed
from cior_vision.rule_settings import LoiteringRule
from cior_vision.rules import ZoneEvaluator
from cior_vision.tracking import Tracked, Tracker, TrackerSettings

LABELS = ("person", "car", "truck")
RECORDING = Path(__file__).parent / "fixtures" / "loiterer_5fps.json"


def found(*objects: tuple[float, float, float] | tuple[float, float, float, int]) -> Detections:
    """Objects as (centre x, ground y, score[, class]), 0.06 wide and 0.3 high."""
    rows = [(x - 0.03, y - 0.3, x + 0.03, y) for x, y, *_ in objects]
    return Detections(
        boxes=np.array(rows, np.float32).reshape(-1, 4),
        scores=np.array([one[2] for one in objects], np.float32),
        classes=np.array([one[3] if len(one) == 4 else 0 for one in objects], np.int64),
    )


def run(story: list[tuple[float, Detections]], **settings: Any) -> list[Tracked]:
    tracker = Tracker(TrackerSettings(**settings), LABELS)
    return [tracker.step(detections, at_s, aspect=16 / 9) for at_s, detections in story]


def ids(steps: list[Tracked]) -> list[int]:
    return sorted({one.track_id for step in steps for one in step.sightings})


def test_a_track_is_believed_at_its_third_observation() -> None:
    steps = run([(n * 0.2, found((0.3 + n * 0.01, 0.8, 0.8))) for n in range(4)])
    assert [len(step.sightings) for step in steps] == [0, 0, 1, 1]


def test_a_flash_in_one_picture_never_becomes_a_track() -> None:
    story = [(n * 0.2, found((0.5, 0.8, 0.9)) if n == 3 else no_detections()) for n in range(10)]
    steps = run(story)
    assert ids(steps) == []
    assert steps[-1].alive == 0
    assert all(not step.ended for step in steps), "nobody was told of it, so nobody is told of its end"


def test_two_people_who_pass_each_other_keep_their_ids() -> None:
    story = [(n * 0.2, found((0.2 + n * 0.02, 0.8, 0.8), (0.8 - n * 0.02, 0.76, 0.8))) for n in range(31)]
    steps = run(story)
    first, last = steps[3].sightings, steps[-1].sightings
    assert ids(steps) == [1, 2]
    assert [one.track_id for one in sorted(first, key=lambda one: one.box.left)] == [1, 2]
    assert [one.track_id for one in sorted(last, key=lambda one: one.box.left)] == [2, 1]


def test_a_low_score_during_an_occlusion_keeps_the_track_alive_but_starts_none() -> None:
    story = [(n * 0.2, found((0.3 + n * 0.01, 0.8, 0.2 if 5 <= n < 25 else 0.8))) for n in range(30)]
    assert ids(run(story)) == [1]
    assert ids(run([(n * 0.2, found((0.3, 0.8, 0.2))) for n in range(30)])) == []


@pytest.mark.parametrize("rate", [1, 2, 5, 10])
def test_memory_is_in_seconds_at_any_frame_rate(rate: int) -> None:
    """Six visitors to the same spot, five seconds apart, are six tracks: a memory counted in frames merges them at one
    picture a second.
    """
    story: list[tuple[float, Detections]] = []
    for n in range(60 * rate):
        at_s = n / rate
        here = at_s % 10 < 5
        story.append((at_s, found((0.5, 0.8, 0.9)) if here else no_detections()))
    assert len(ids(run(story))) == 6


def test_something_fast_is_one_track_from_its_first_pictures_on() -> None:
    """A car that moves three quarters of its own length between two pictures does not overlap itself enough before its
    speed is known.
    """
    steps = run([(n * 0.2, found((0.1 + n * 0.045, 0.8, 0.8))) for n in range(15)])
    assert ids(steps) == [1]
    assert len(steps[-1].sightings) == 1


def test_the_end_of_a_track_is_told_once_after_its_memory() -> None:
    story = [(n * 0.2, found((0.5, 0.8, 0.9)) if n < 10 else no_detections()) for n in range(30)]
    ends = [(round(n * 0.2, 1), step.ended) for n, step in enumerate(run(story)) if step.ended]
    assert ends == [(4.0, frozenset({1}))]


def test_a_car_that_is_sometimes_called_a_truck_stays_one_track_and_is_a_car() -> None:
    story = [(n * 0.2, found((0.3 + n * 0.01, 0.8, 0.8, 2 if n % 4 == 3 else 1))) for n in range(20)]
    steps = run(story)
    assert ids(steps) == [1]
    assert steps[-1].sightings[0].label == "car"


def test_a_box_is_followed_over_a_gap_by_its_speed() -> None:
    motion = BoxFilter(np.array([0.1, 0.5, 0.2, 0.8]))
    for n in range(1, 11):
        motion.predict(0.2)
        motion.update(np.array([0.1 + 0.02 * n, 0.5, 0.2 + 0.02 * n, 0.8]))
    motion.predict(1.0)
    assert motion.box[0] == pytest.approx(0.4, abs=0.02)


def test_overlap_of_known_boxes() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]], float)
    assert overlap(boxes, boxes)[0].tolist() == pytest.approx([1.0, 1 / 7, 0.0])


def test_somebody_who_never_moves_is_told_from_somebody_who_does() -> None:
    rng = np.random.default_rng(5)
    still = run([(n * 0.2, found((0.5 + float(rng.normal(0, 0.002)), 0.8, 0.9))) for n in range(50)])
    walking = run([(n * 0.2, found((0.2 + n * 0.01, 0.8, 0.9))) for n in range(50)])
    assert still[-1].sightings[0].moved < 0.1
    assert walking[-1].sightings[0].moved > 1.0


def recorded() -> list[tuple[float, Detections]]:
    pictures = json.loads(RECORDING.read_text())["pictures"]
    story = []
    for picture in pictures:
        people = [n for n, label in enumerate(picture["labels"]) if label == "person"]
        story.append(
            (
                picture["at_s"],
                Detections(
                    boxes=np.array([picture["boxes"][n] for n in people], np.float32).reshape(-1, 4),
                    scores=np.array([picture["scores"][n] for n in people], np.float32),
                    classes=np.zeros(len(people), np.int64),
                ),
            )
        )
    return story


def test_golden_recording_one_visitor_is_one_track_from_arrival_to_departure() -> None:
    steps = run(recorded())
    seen: list[tuple[float, Sighting]] = [
        (at_s, one) for (at_s, _), step in zip(recorded(), steps, strict=True) for one in step.sightings
    ]
    assert ids(steps) == [1]
    assert seen[0][0] == pytest.approx(3.0, abs=0.4)
    assert seen[-1][0] == pytest.approx(29.2, abs=0.6)


@pytest.mark.parametrize(("after_s", "fires"), [(10.0, 1), (18.0, 1), (30.0, 0)])
def test_golden_recording_loiters_for_ten_and_eighteen_seconds_and_not_for_thirty(
    after_s: float, fires: int
) -> None:
    """The figure stands in the middle for 20 s (our scene) and needs about a second each way through the zone."""
    rule = ZoneEvaluator(
        LoiteringRule(id="stay", zone="z", after_s=after_s),
        ((0.3, 0.6), (0.7, 0.6), (0.7, 0.99), (0.3, 0.99)),
    )
    tracker = Tracker(TrackerSettings(), LABELS)
    starts = 0
    for at_s, detections in recorded():
        tracked = tracker.step(detections, at_s, aspect=16 / 9)
        starts += sum(
            one.stage is Stage.START for one in rule.step(Observed(at_s=at_s, sightings=tracked.sightings))
        )
    assert starts == fires
