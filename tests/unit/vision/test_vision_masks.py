"""What a mask covers is gone from the picture, whatever its form and however masks lie over one another."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_video.orientation import Turn, stored_point, upright
from cior_vision.geometry import inside
from cior_vision.masks import blanked, crosses_itself, hidden_of_line, hidden_share
from cior_vision.rule_settings import Polygon
from cior_vision.settings_file import load_masks

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
UPPER = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
BOW_TIE = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))


def white() -> np.ndarray:
    return np.full((90, 160, 3), 255, np.uint8)


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """Corners around a middle in the order of their angles: no side crosses another."""
    x, y = draw(st.floats(0.2, 0.8)), draw(st.floats(0.2, 0.8))
    reach = draw(st.lists(st.floats(0.05, 0.2), min_size=3, max_size=9))
    turns = [2 * math.pi * n / len(reach) for n in range(len(reach))]
    return tuple((x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(reach, turns, strict=True))


@settings(max_examples=40)
@given(st.lists(stars(), min_size=1, max_size=4))
def test_no_pixel_within_any_mask_is_left_and_none_far_from_all_is_touched(masks: list[Polygon]) -> None:
    shown = blanked(white(), masks)
    for row in range(0, 90, 5):
        for column in range(0, 160, 5):
            point = (column / 160, row / 90)
            if any(inside(point, mask) for mask in masks):
                assert not shown[row, column].any()
            elif not any(_beside(point, mask) for mask in masks):
                assert shown[row, column].all()


def _beside(point: tuple[float, float], mask: Polygon) -> bool:
    """Within four pixels of the box around it."""
    xs, ys = [x for x, _ in mask], [y for _, y in mask]
    near_x = min(xs) - 4 / 160 <= point[0] <= max(xs) + 4 / 160
    return near_x and min(ys) - 4 / 90 <= point[1] <= max(ys) + 4 / 90


def test_where_two_masks_overlap_nothing_shows() -> None:
    shown = blanked(white(), (LEFT, UPPER))
    assert not shown[10, 10].any()
    assert shown[80, 150].all()


def test_a_picture_that_may_not_be_written_is_not_changed() -> None:
    given_picture = white()
    given_picture.flags.writeable = False
    assert not blanked(given_picture, (LEFT,))[10, 10].any()
    assert given_picture.all()


def test_a_turned_picture_is_masked_where_it_is_seen() -> None:
    turned = np.rot90(white())
    shown = blanked(turned, (UPPER,))
    assert not shown[: turned.shape[0] // 2].any()
    assert shown[turned.shape[0] // 2 + 4 :].all()


def test_without_masks_the_picture_is_the_same_object() -> None:
    picture = white()
    assert blanked(picture, ()) is picture


@given(stars())
def test_sides_around_a_middle_do_not_cross(mask: Polygon) -> None:
    assert not crosses_itself(mask)


@pytest.mark.parametrize("turn", list(Turn))
def test_a_masks_point_is_found_in_the_picture_as_it_is_recorded(turn: Turn) -> None:
    """The page of the console plays what was recorded: a mask drawn on the upright picture lies there elsewhere."""
    stored = np.zeros((90, 160, 3), np.uint8)
    stored[9, 32] = 255
    seen = upright(stored, turn)
    [(row, column)] = np.argwhere(seen[:, :, 0]).tolist()
    x, y = stored_point(((column + 0.5) / seen.shape[1], (row + 0.5) / seen.shape[0]), turn)
    assert (x * 160 - 0.5, y * 90 - 0.5) == pytest.approx((32, 9))


def test_others_read_a_files_masks_without_its_engine(tmp_path: Path) -> None:
    (tmp_path / "camaras.toml").write_text(
        '[detector]\nengine = "not installed here"\n'
        '[[camera]]\nid = "plaza"\nsource = { turn = "180" }\n[[camera]]\nid = "paso"\n'
        '[[mask]]\nid = "m"\ncamera = "plaza"\npolygon = [[0, 0], [0.25, 0], [0.25, 0.5]]\n',
        encoding="utf-8",
    )
    found = load_masks(tmp_path / "camaras.toml")
    assert found == {"plaza": (((1.0, 1.0), (0.75, 1.0), (0.75, 0.5)),), "paso": ()}


def test_a_bow_tie_crosses_itself() -> None:
    assert crosses_itself(BOW_TIE)


@pytest.mark.parametrize(
    ("masks", "share"), [((), 0.0), ((LEFT,), 0.5), ((LEFT, UPPER), 0.75), ((UPPER, UPPER), 0.5)]
)
def test_how_much_of_a_zone_and_of_a_line_is_hidden(masks: tuple[Polygon, ...], share: float) -> None:
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert hidden_share(whole, masks) == pytest.approx(share, abs=0.02)
    across = hidden_of_line(((0.0, 0.75), (1.0, 0.75)), masks)
    assert across == pytest.approx(0.5 if LEFT in masks else 0.0, abs=0.02)
