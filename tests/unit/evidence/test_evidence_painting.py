"""Privacy masks over pictures: nothing under one is left, whatever the size of the picture, and what is away from it is
untouched.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_evidence.painting import Cover

Point = tuple[float, float]
SIZE_PX = (64, 48)
SHARES = st.floats(0.0, 1.0)
POINTS = st.tuples(SHARES, SHARES)
POLYGONS = st.lists(POINTS, min_size=3, max_size=7).map(tuple)
SIZES_PX = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda each: (each[0] * 2, each[1] * 2))


def at(cover: Cover, point: Point) -> bool:
    """Whether the pixel at a point is covered; the rim belongs to the last one."""
    height, width = cover.luma.shape
    return bool(cover.luma[min(int(point[1] * height), height - 1), min(int(point[0] * width), width - 1)])


@given(
    triangle=st.tuples(POINTS, POINTS, POINTS),
    weights=st.tuples(SHARES, SHARES, SHARES).filter(lambda each: sum(each) > 0.01),
    size_px=SIZES_PX,
)
def test_every_point_of_a_mask_is_covered_at_every_size(
    triangle: tuple[Point, Point, Point], weights: tuple[float, float, float], size_px: tuple[int, int]
) -> None:
    x, y = (
        min(1.0, sum(w * corner[axis] for w, corner in zip(weights, triangle, strict=True)) / sum(weights))
        for axis in (0, 1)
    )
    assert at(Cover((triangle,), size_px), (x, y))


@given(st.lists(POLYGONS, max_size=4).map(tuple), SIZES_PX)
def test_several_masks_cover_what_each_of_them_covers(
    masks: tuple[tuple[Point, ...], ...], size_px: tuple[int, int]
) -> None:
    one_by_one = [Cover((each,), size_px).luma for each in masks]
    wanted = np.logical_or.reduce([np.zeros((size_px[1], size_px[0]), bool), *one_by_one])
    assert (Cover(masks, size_px).luma == wanted).all()
    assert (Cover(masks[::-1], size_px).luma == wanted).all()


@given(POLYGONS)
def test_what_is_away_from_a_mask_is_left(mask: tuple[Point, ...]) -> None:
    """No further than the rim and a block of chroma beyond its box."""
    width, height = SIZE_PX
    rows, columns = np.nonzero(Cover((mask,), SIZE_PX).luma)
    for found, axis, length in ((columns, 0, width), (rows, 1, height)):
        low, high = min(each[axis] for each in mask), max(each[axis] for each in mask)
        assert found.min() >= low * length - 5
        assert found.max() <= high * length + 5


def test_what_lies_between_sides_that_cross_is_covered_too() -> None:
    star = ((0.5, 0.0), (0.8, 1.0), (0.0, 0.4), (1.0, 0.4), (0.2, 1.0))
    assert at(Cover((star,), (200, 200)), (0.5, 0.5)), "its middle, around which it goes twice"


def test_a_mask_at_the_edges_covers_the_last_pixels() -> None:
    cover = Cover((((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)),), SIZE_PX)
    assert cover.luma[-1, -1]
    assert cover.luma[24:, 32:].all()
    assert not cover.luma[:20].any()
    assert not cover.luma[:, :28].any()


def test_all_three_planes_are_of_one_colour_below_and_the_rest_is_as_it_was() -> None:
    width, height = SIZE_PX
    cover = Cover((((0.0, 0.0), (0.3, 0.0), (0.3, 0.6), (0.0, 0.6)),), SIZE_PX)
    picture = np.random.default_rng(0).integers(100, 120, (height * 3 // 2, width)).astype(np.uint8)
    before = picture.copy()
    cover.paint(picture)
    assert (picture[:height][cover.luma] == 16).all()
    assert (picture[:height][~cover.luma] == before[:height][~cover.luma]).all()
    for plane, old in zip(
        *(each[height:].reshape(2, height // 2, -1) for each in (picture, before)), strict=True
    ):
        assert (plane[cover.chroma] == 128).all()
        assert (plane[~cover.chroma] == old[~cover.chroma]).all()
    assert (cover.chroma.repeat(2, axis=0).repeat(2, axis=1) == cover.luma).all()


def test_a_picture_of_another_size_is_not_let_through() -> None:
    with pytest.raises(ValueError, match="under masks of"):
        Cover((), SIZE_PX).paint(np.zeros((48, 64), np.uint8))
