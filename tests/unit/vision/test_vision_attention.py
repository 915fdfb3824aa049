"""What a picture is worth: whole looks twice a second, and between them only what needs one, as small as it can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from cior_vision.attention import Attention, AttentionSettings, Look, Segment, edges_of
from cior_vision.detectors.input_size import smaller_sizes
from cior_vision.frames import Detections, Picture
from cior_vision.geometry import Box
from cior_vision.tracking import Foreseen, Tracker, TrackerSettings

INPUT_PX = (384, 640)
SIZES_PX = smaller_sizes(INPUT_PX)
PICTURE = Picture.of(np.random.default_rng(1).integers(0, 255, (720, 1280, 3)).astype(np.uint8))


def watched(*, edges: Sequence[Segment] = (), sizes_px: Sequence[tuple[int, int]] = SIZES_PX) -> Attention:
    return Attention(AttentionSettings(whole_fps=2), edges=edges, input_px=INPUT_PX, sizes_px=sizes_px)


def person(*, x: float = 0.5, y: float = 0.6, hits: int = 10, right: float = 0.0) -> Foreseen:
    """Somebody a fifth of the picture tall, who stands at (x, y) and goes right."""
    return Foreseen(box=Box(x - 0.02, y - 0.2, x + 0.02, y), rate=(right, 0.0), hits=hits)


def kinds(attention: Attention, *, fps: int, tracks: Sequence[Foreseen]) -> str:
    """Ten seconds of pictures in which something moves: W whole, p a part, . none."""
    told = ""
    for n in range(10 * fps):
        look = attention.look(PICTURE, n / fps, tracks)
        told += "." if look is None else "W" if look.part is None else "p"
        if look is not None and look.part is None:
            attention.looked(n / fps)
    return told


@pytest.mark.parametrize("fps", [2, 5, 10, 25])
def test_who_is_known_and_walks_on_is_looked_at_twice_a_second_at_any_rate(fps: int) -> None:
    told = kinds(watched(), fps=fps, tracks=[person()])
    assert set(told) <= {"W", "."}
    assert 19 <= told.count("W") <= 20


def test_unless_somebody_says_so_every_wanted_picture_is_looked_at_whole() -> None:
    attention = Attention(AttentionSettings(), input_px=INPUT_PX, sizes_px=SIZES_PX)
    assert kinds(attention, fps=25, tracks=[person()]) == "W" * 250


def test_the_first_picture_in_which_something_moves_is_looked_at_whole_whenever_it_comes() -> None:
    attention = watched()
    for at_s in (0.0, 3.3, 3.9):
        look = attention.look(PICTURE, at_s, [])
        assert look is not None
        assert look.part is None
        attention.looked(at_s)
        assert attention.look(PICTURE, at_s + 0.1, []) is None


def test_who_was_seen_but_a_few_times_is_looked_at_in_every_picture_in_a_small_part() -> None:
    assert kinds(watched(), fps=10, tracks=[person(hits=2)])[:10] == "WppppWpppp"
    attention = watched()
    attention.looked(0.0)
    look = attention.look(PICTURE, 0.1, [person(hits=2), person(x=0.2, hits=30)])
    assert look is not None
    assert look.part is not None
    assert 0.22 < look.part.left < 0.45, "whoever is known is no reason to look"
    assert look.part.right > 0.55
    assert look.image.shape[:2] in SIZES_PX
    assert look.image.shape[0] * look.image.shape[1] <= 384 * 640 / 4


def test_near_a_line_every_picture_counts_and_how_near_depends_on_how_fast_somebody_goes() -> None:
    line = ((0.6, 0.2), (0.6, 0.9))
    assert kinds(watched(edges=[line]), fps=10, tracks=[person(x=0.5)])[:5] == "W...."
    assert kinds(watched(edges=[line]), fps=10, tracks=[person(x=0.58)])[:5] == "Wpppp"
    assert kinds(watched(edges=[line]), fps=10, tracks=[person(x=0.5, right=0.2)])[:5] == "Wpppp"


def test_an_engine_without_smaller_inputs_and_people_all_over_the_picture_get_whole_looks() -> None:
    assert kinds(watched(sizes_px=()), fps=10, tracks=[person(hits=1)])[:10] == "W" * 10
    everywhere = [person(x=x, y=y, hits=1) for x in (0.1, 0.9) for y in (0.3, 0.95)]
    assert kinds(watched(), fps=10, tracks=everywhere)[:10] == "W" * 10


@pytest.mark.parametrize("at", [(0.5, 0.6), (0.02, 0.2), (0.98, 0.98)])
def test_what_is_found_in_a_part_lies_where_it_is_in_the_picture(at: tuple[float, float]) -> None:
    """A white box on black, found again by its pixels in what the detector is given."""
    image = np.zeros((720, 1280, 3), np.uint8)
    one = person(x=at[0], y=at[1], hits=1)
    truth = np.clip(np.array(one.box), 0.0, 1.0)
    left, top, right, bottom = (truth * [1280, 720, 1280, 720]).round().astype(int)
    image[top:bottom, left:right] = 255
    attention = watched()
    attention.looked(0.0)
    look = attention.look(Picture.of(image), 0.1, [one])
    assert look is not None
    assert look.part is not None
    rows, columns = np.nonzero(look.image[:, :, 0] > 127)
    high, wide = look.image.shape[:2]
    seen = [columns.min() / wide, rows.min() / high, (columns.max() + 1) / wide, (rows.max() + 1) / high]
    [placed] = look.placed(detections([seen])).boxes
    assert placed == pytest.approx(truth, abs=0.004)


def test_what_the_edge_of_a_part_cuts_is_not_believed_but_the_pictures_own_edge_cuts_nothing() -> None:
    look = Look(np.zeros((192, 320, 3), np.uint8), Box(0.0, 0.2, 0.5, 0.7))
    inside, at_the_picture, below, beside = (
        [0.2, 0.2, 0.3, 0.6], [0.0, 0.2, 0.1, 0.6], [0.2, 0.5, 0.3, 1.0], [0.9, 0.2, 1.0, 0.6],
    )  # fmt: skip
    placed = look.placed(detections([inside, at_the_picture, below, beside]))
    assert placed.boxes == pytest.approx(np.array([[0.1, 0.3, 0.15, 0.5], [0.0, 0.3, 0.05, 0.5]]))


def detections(boxes: list[list[float]]) -> Detections:
    count = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32),
        scores=np.full(count, 0.9, np.float32),
        classes=np.zeros(count, np.int64),
    )


def test_the_picture_s_own_edges_are_no_edges_of_a_zone() -> None:
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert edges_of([whole], []) == ()
    kerb = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    assert edges_of([kerb], []) == (((0.0, 0.5), (1.0, 0.5)),)


def test_whoever_is_outside_the_part_that_was_looked_at_was_not_missed() -> None:
    tracker = Tracker(TrackerSettings(), ("person",))
    here, there = [0.2, 0.4, 0.24, 0.6], [0.8, 0.4, 0.84, 0.6]
    tracker.step(detections([here, there]), 0.0, aspect=16 / 9)
    part = Box(0.1, 0.3, 0.4, 0.7)
    seen = tracker.step(detections([here]), 0.1, aspect=16 / 9, within=part)
    assert seen.alive == 2
    assert tracker.step(detections([here]), 0.2, aspect=16 / 9).alive == 1, "a whole look does miss it"


def test_where_somebody_should_be_is_told_without_moving_the_track() -> None:
    tracker = Tracker(TrackerSettings(), ("person",))
    for n in range(6):
        x = 0.2 + 0.02 * n
        tracker.step(detections([[x, 0.4, x + 0.04, 0.6]]), n * 0.2, aspect=16 / 9)
    first, again = tracker.foreseen(1.5), tracker.foreseen(1.5)
    assert first == again
    [one] = first
    assert one.box.left == pytest.approx(0.35, abs=0.01)
    assert one.rate[0] == pytest.approx(0.1, abs=0.02)
    assert one.hits == 6
