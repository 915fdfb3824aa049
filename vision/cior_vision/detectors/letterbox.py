"""Into a network's input and back, as the YOLO family expects it."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cior_vision.frames import Detections, Floats, Image, no_detections

GREY = 114
LIMIT = 300
"""At most so many objects of a picture."""


class Fit(NamedTuple):
    """How a picture was laid into the input: scale, then offset from the left and from the top, in input pixels."""

    scale: float
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def inner_px(self) -> tuple[int, int]:
        """Height and width of the picture within the input."""
        return round(self.height_px * self.scale), round(self.width_px * self.scale)


def fit_of(size_px: tuple[int, int], input_px: tuple[int, int]) -> Fit:
    """How a picture of ``size_px`` (height, width) is laid into an input of ``input_px``: centred, nothing cut."""
    height_px, width_px = size_px
    scale = min(input_px[0] / height_px, input_px[1] / width_px)
    left = (input_px[1] - round(width_px * scale)) / 2
    top = (input_px[0] - round(height_px * scale)) / 2
    return Fit(scale, round(left - 0.1), round(top - 0.1), width_px, height_px)


def letterbox(image: Image, input_px: tuple[int, int]) -> tuple[Floats, Fit]:
    """The picture scaled and centred on grey as 1 x 3 x H x W RGB in 0..1, and how it was fitted."""
    canvas, fit = laid_in(image, input_px)
    return as_blob(canvas), fit


def laid_in(image: Image, input_px: tuple[int, int]) -> tuple[Image, Fit]:
    """The picture scaled and centred on grey, H x W x 3 as it was, and how it was fitted."""
    fit = fit_of((image.shape[0], image.shape[1]), input_px)
    if (image.shape[0], image.shape[1]) == input_px:
        return image, fit
    height, width = fit.inner_px
    resized = (
        image
        if (height, width) == (fit.height_px, fit.width_px)
        else cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    )
    canvas = np.full((*input_px, 3), GREY, np.uint8)
    canvas[fit.top_px : fit.top_px + height, fit.left_px : fit.left_px + width] = resized
    return canvas, fit


def as_blob(picture: Image) -> Floats:
    """A picture of the input's size as 1 x 3 x H x W RGB in 0..1."""
    blob = picture[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    blob *= np.float32(1 / 255)
    return np.ascontiguousarray(blob)


def unfitted(boxes: NDArray[Any], fit: Fit) -> Floats:
    """Boxes (N x 4: left, top, right, bottom, in input pixels) normalised to the picture and clipped to it."""
    placed = (boxes - [fit.left_px, fit.top_px] * 2) / fit.scale / ([fit.width_px, fit.height_px] * 2)
    return np.clip(placed, 0.0, 1.0).astype(np.float32)


def decode(output: Floats, fit: Fit, *, confidence: float, iou: float, limit: int = LIMIT) -> Detections:
    """Raw head output (1, 4 + classes, anchors; centre x, centre y, width, height in input pixels) to normalised boxes.

    Best class per anchor, score threshold, class-wise non-maximum suppression, then the letterbox undone and clipped
    to the picture.
    """
    rows = output[0]
    scores = rows[4:].max(axis=0)
    keep = np.flatnonzero(scores > confidence)
    if not len(keep):
        return no_detections()
    classes = rows[4:, keep].argmax(axis=0)
    x, y, width, height = rows[:4, keep].astype(np.float64)
    corner = np.stack([x - width / 2, y - height / 2, width, height], axis=1)
    # OpenCV keeps classes apart by moving them by the largest edge: boxes far left of and above zero would meet.
    apart = corner - [*corner[:, :2].min(axis=0), 0, 0]
    chosen = np.asarray(
        cv2.dnn.NMSBoxesBatched(apart.tolist(), scores[keep].tolist(), classes.tolist(), confidence, iou),
        dtype=np.int64,
    ).reshape(-1)
    chosen = chosen[np.argsort(-scores[keep][chosen], kind="stable")][:limit]
    boxes = corner[chosen]
    boxes[:, 2:] += boxes[:, :2]
    return Detections(
        boxes=unfitted(boxes, fit),
        scores=scores[keep][chosen].astype(np.float32),
        classes=classes[chosen].astype(np.int64),
    )
