"""What a detection network's outputs mean, told by their shapes and names, never by the model's name; and their boxes.

Known are the families that cities can get: YOLO's grids (ultralytics' v8 to v12 and v5, and exports laid out the
same), heads that rank their boxes themselves (YOLOv10, exports with suppression inside), and the transformers RT-DETR
and D-FINE as their authors, ultralytics and the ``transformers`` library export them. Sizes are (height, width).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.letterbox import LIMIT, Fit, decode, unfitted
from cior_vision.frames import Detections

STRIDES = (8, 16, 32)
SIZES_INPUT = "orig_target_sizes"
"""The second input of RT-DETR's and D-FINE's own exports: width and height of the picture that boxes are told in."""
Arrays = Mapping[str, NDArray[Any]]


class Head(StrEnum):
    """A kind of output. ``N`` pictures, ``C`` classes, ``A`` anchors of a grid, ``Q`` objects."""

    GRID = "grid"
    """N x (4 + C) x A: centre and size in input pixels, a score a class."""
    GRID_ROWS = "grid_rows"
    """The same, N x A x (4 + C)."""
    OBJECTNESS = "objectness"
    """N x A x (5 + C): as before, with a score for any object between, that the others are multiplied by (YOLOv5)."""
    RANKED = "ranked"
    """N x Q x 6: left, top, right, bottom in input pixels, score, class; suppressed within the network."""
    QUERIES = "queries"
    """N x Q x (4 + C): centre and size as shares of the input, a score a class (RT-DETR of ultralytics)."""
    LOGITS = "logits"
    """``pred_boxes`` N x Q x 4, as shares, and ``logits`` N x Q x C before the sigmoid (transformers)."""
    LABELLED = "labelled"
    """``labels``, ``boxes``, ``scores`` for a size that is asked for (RT-DETR and D-FINE of their authors)."""

    @property
    def is_stretched(self) -> bool:
        """Whether the network was made for pictures stretched to its input, not laid into it."""
        return self in {Head.QUERIES, Head.LOGITS, Head.LABELLED}


def head_of(
    shapes: Mapping[str, Sequence[int]],
    *,
    classes: int,
    input_px: tuple[int, int],
    carried: Mapping[str, str],
) -> Head:
    """The kind of head with outputs of these names and shapes; ``carried``: what the export says of itself.

    Raises ``ConfigInvalid`` (``vision.model_shape``).
    """
    if {"labels", "boxes", "scores"} <= set(shapes):
        return Head.LABELLED
    if {"logits", "pred_boxes"} <= set(shapes) and shapes["logits"][-1] == classes:
        return Head.LOGITS
    first = tuple(next(iter(shapes.values()), ()))
    found = _of_one(first[1:], classes, input_px, carried) if len(first) == 3 else None
    if found is None:
        told = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
        raise ConfigInvalid(
            "vision.model_shape",
            f"of {classes} classes no known detection head has the outputs {told}",
            cure="export a detection network, with the class names that it has (metadata.yaml, names:)",
        )
    return found


def _of_one(
    shape: Sequence[int], classes: int, input_px: tuple[int, int], carried: Mapping[str, str]
) -> Head | None:
    """The kind of head with one output of N x ``shape``. With one class YOLOv5's rows are as wide as ranked ones, with
    two those of queries: the number of rows tells, or the export's own word.
    """
    rows, columns = shape
    anchors = sum((input_px[0] // stride) * (input_px[1] // stride) for stride in STRIDES)
    if columns == 4 + classes and rows == anchors:
        return Head.GRID_ROWS
    if columns == 5 + classes and rows in {anchors, 3 * anchors}:
        return Head.OBJECTNESS
    if rows == 4 + classes and columns != 6:
        return Head.GRID
    if columns == 6 and not (classes == 2 and carried.get("end2end") == "False"):
        return Head.RANKED
    return Head.QUERIES if columns == 4 + classes else None


def boxes_of(
    head: Head, outputs: Arrays, index: int, fit: Fit, *, confidence: float, iou: float
) -> Detections:
    """Objects of the picture ``index`` of a run, by falling score, normalised to it and clipped."""
    first = next(iter(outputs.values()))[index]
    match head:
        case Head.RANKED:
            found = _best(unfitted(first[:, :4], fit), first[:, 4], first[:, 5], confidence)
        case Head.QUERIES:
            found = _classed(first[:, :4], first[:, 4:], confidence)
        case Head.LOGITS:
            scores = 1 / (1 + np.exp(-outputs["logits"][index].astype(np.float64)))
            found = _classed(outputs["pred_boxes"][index], scores, confidence)
        case Head.LABELLED:
            boxes = np.clip(outputs["boxes"][index], 0, 1)
            found = _best(boxes, outputs["scores"][index], outputs["labels"][index], confidence)
        case _:
            grid = _grid(head, first).astype(np.float32, copy=False)
            found = decode(grid[None], fit, confidence=confidence, iou=iou)
    return found


def _grid(head: Head, rows: NDArray[Any]) -> NDArray[Any]:
    """Any grid as (4 + classes) x anchors."""
    if head is Head.OBJECTNESS:
        rows = np.concatenate([rows[:, :4], rows[:, 4:5] * rows[:, 5:]], axis=1)
    return rows if head is Head.GRID else rows.T


def _classed(centred: NDArray[Any], scores: NDArray[Any], confidence: float) -> Detections:
    """Boxes as centre and size in shares, each with its best class."""
    half = centred[:, 2:] / 2
    corners = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)
    return _best(np.clip(corners, 0, 1), scores.max(axis=1), scores.argmax(axis=1), confidence)


def _best(boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], confidence: float) -> Detections:
    """Those above the threshold, by falling score."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > confidence][:LIMIT]
    return Detections(
        boxes=boxes[order].astype(np.float32),
        scores=scores[order].astype(np.float32),
        classes=classes[order].astype(np.int64),
    )
