"""Into a network's input and back, as the YOLO family expects it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from cior_vision.frames import Detections, Floats, Image, no_detections

GREY = 114


class Fit(NamedTuple):
    """How a picture was laid into the input: scale, then offset from the left and from the top, in input pixels."""

    scale: float
    left_px: int
    top_px: int
    width_px: int
    height_px: int


def letterbox(image: Image, input_px: tuple[int, int]) -> tuple[Floats, Fit]:
    """The picture scaled and centred on grey as 1 x 3 x H x W RGB in 0..1, and how it was fitted."""
    height_px, width_px = image.shape[:2]
    scale = min(input_px[0] / height_px, input_px[1] / width_px)
    new_width, new_height = round(width_px * scale), round(height_px * scale)
    left, top = (input_px[1] - new_width) / 2, (input_px[0] - new_height) / 2
    fit = Fit(scale, round(left - 0.1), round(top - 0.1), width_px, height_px)
    resized = (
        image
        if (new_width, new_height) == (width_px, height_px)
        else cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    )
    canvas = np.full((*input_px, 3), GREY, np.uint8)
    canvas[fit.top_px : fit.top_px + new_height, fit.left_px : fit.left_px + new_width] = resized
    blob = canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    blob *= np.float32(1 / 255)
    return np.ascontiguousarray(blob), fit


def decode(output: Floats, fit: Fit, *, confidence: float, iou: float, limit: int = 300) -> Detections:
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
    chosen = np.asarray(
        cv2.dnn.NMSBoxesBatched(corner.tolist(), scores[keep].tolist(), classes.tolist(), confidence, iou),
        dtype=np.int64,
    ).reshape(-1)
    chosen = chosen[np.argsort(-scores[keep][chosen], kind="stable")][:limit]
    boxes = corner[chosen]
    boxes[:, 2:] += boxes[:, :2]
    boxes = (boxes - [fit.left_px, fit.top_px] * 2) / fit.scale / ([fit.width_px, fit.height_px] * 2)
    return Detections(
        boxes=np.clip(boxes, 0.0, 1.0).astype(np.float32),
        scores=scores[keep][chosen].astype(np.float32),
        classes=classes[chosen].astype(np.int64),
    )
