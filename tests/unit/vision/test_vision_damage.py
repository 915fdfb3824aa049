"""Which JPEG pictures are whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cior_vision.damage import Endings


def jpeg() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def test_a_picture_that_is_cut_short_is_told_from_one_that_is_whole() -> None:
    endings, whole = Endings("mjpeg"), jpeg()
    assert not endings.is_cut_short(whole)
    assert endings.is_cut_short(whole[: len(whole) // 2])
    assert endings.is_cut_short(whole[:-2])
    assert not endings.is_cut_short(whole)


@pytest.mark.parametrize("padding", [b"\r\n", b"\0" * 700, b"\0\0\r\n"])
def test_what_a_camera_puts_behind_its_pictures_is_no_part_of_them(padding: bytes) -> None:
    assert not Endings("mjpeg").is_cut_short(jpeg() + padding)
    endings = Endings("mjpeg")
    endings.is_cut_short(jpeg())
    assert not endings.is_cut_short(jpeg() + padding)


def test_a_camera_that_never_sends_the_marker_is_not_judged_by_it() -> None:
    endings = Endings("mjpeg")
    assert not any(endings.is_cut_short(jpeg()[:-2]) for _ in range(5))


def test_other_codings_have_no_such_end() -> None:
    endings = Endings("h264")
    assert not any(endings.is_cut_short(each) for each in (jpeg(), jpeg()[:-2]))
