"""Letterbox and suppression for a whole batch, as torch operations: on a card nothing but the boxes comes back.

The same arithmetic as :mod:`cior_vision.detectors.letterbox`, which a processor does faster. Imported by the engine
``ultralytics`` alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cior_vision.detectors.letterbox import GREY, LIMIT, Fit, fit_of
from cior_vision.frames import Image

CANDIDATES = 1024
"""At most so many anchors of a picture are compared with one another, the best ones."""
PAIRS = 16 * 1024 * 1024
"""So many pairs of boxes are compared at once: 64 MB of the card for each of a few numbers."""
UPLOADED = 16
"""So many pictures are scaled at once: a picture of 720 lines takes 11 MB of the card while it is."""


class Uploader:
    """Pictures of any size to one input of the network on the device; on a card beside what it computes."""

    def __init__(self, device: Any, input_px: tuple[int, int], *, half: bool) -> None:
        self._device, self._input_px = device, input_px
        self._kind = torch.float16 if half else torch.float32
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, frames: Sequence[Image]) -> tuple[Any, list[Fit]]:
        """N x 3 x H x W RGB in 0..1 on the device, and how each was fitted. The caller's stream may use it at once."""
        if self._stream is None:
            return self._laid_in(frames)
        with torch.cuda.stream(self._stream):
            blob, fits = self._laid_in(frames)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        blob.record_stream(current)
        return blob, fits

    def _laid_in(self, frames: Sequence[Image]) -> tuple[Any, list[Fit]]:
        fits = [fit_of((frame.shape[0], frame.shape[1]), self._input_px) for frame in frames]
        blob = torch.full(
            (len(frames), 3, *self._input_px), GREY / 255, dtype=self._kind, device=self._device
        )
        for indexes in _of_one_size(fits):
            height, width = fits[indexes[0]].inner_px
            left, top = fits[indexes[0]].left_px, fits[indexes[0]].top_px
            scaled = self._scaled([frames[index] for index in indexes], (height, width))
            blob[indexes, :, top : top + height, left : left + width] = scaled.to(self._kind)
        return blob, fits

    def _scaled(self, frames: Sequence[Image], size_px: tuple[int, int]) -> Any:
        """As ``cv2.resize`` does it (linear, rounded to whole values), RGB in 0..1."""
        pixels = torch.stack(
            [
                torch.from_numpy(np.ascontiguousarray(one)).to(self._device, non_blocking=True)
                for one in frames
            ]
        )
        planes = pixels.permute(0, 3, 1, 2).flip(1).float()
        if planes.shape[2:] != size_px:
            planes = functional.interpolate(
                planes, size=size_px, mode="bilinear", align_corners=False
            ).round_()
        return planes.div_(255)


def _of_one_size(fits: Sequence[Fit]) -> list[list[int]]:
    """Indexes of pictures of one size, at most ``UPLOADED`` together."""
    groups: dict[Fit, list[int]] = defaultdict(list)
    for index, fit in enumerate(fits):
        groups[fit].append(index)
    return [
        group[start : start + UPLOADED]
        for group in groups.values()
        for start in range(0, len(group), UPLOADED)
    ]


def grid_boxes(output: Any, *, confidence: float, iou: float) -> list[NDArray[np.float32]]:
    """Raw head (N, 4 + classes, anchors) to rows of left, top, right, bottom (input pixels), score and class.

    By falling score; class-wise greedy suppression, the whole batch at once.
    """
    head = output.float()
    scores, classes = head[:, 4:].max(1)
    scores = scores * (scores > confidence)
    count = min(max(int((scores > 0).sum(1).max()), 1), CANDIDATES)
    scores, order = (part[:, :count] for part in scores.sort(dim=1, descending=True, stable=True))
    centre = head[:, :4].gather(2, order[:, None].expand(-1, 4, -1)).transpose(1, 2)
    corners = torch.cat([centre[..., :2] - centre[..., 2:] / 2, centre[..., :2] + centre[..., 2:] / 2], 2)
    classes = classes.gather(1, order)
    step = max(1, PAIRS // count**2)
    some = zip(corners.split(step), classes.split(step), (scores > 0).split(step), strict=True)
    keep = torch.cat([_kept(boxes, of, valid, iou) for boxes, of, valid in some])
    return _to_host(torch.cat([corners, scores[..., None], classes[..., None].float()], 2), keep)


def ranked_boxes(output: Any, *, confidence: float) -> list[NDArray[np.float32]]:
    """A head that suppresses by itself (N, objects, 6: left, top, right, bottom, score, class) to the same rows."""
    rows = output.float()
    order = rows[..., 4].argsort(1, descending=True, stable=True)
    rows = rows.gather(1, order[..., None].expand_as(rows))
    return _to_host(rows, rows[..., 4] > confidence)


def _kept(boxes: Any, classes: Any, valid: Any, iou: float) -> Any:
    """Greedy suppression of boxes sorted by falling score, as a fixed point: a box stands when no standing better one
    of its class overlaps it. Each round settles at least one box more, so it ends with what one after the other gives.
    """
    overlaps = torch.triu((_iou(boxes) > iou) & (classes[:, :, None] == classes[:, None]), diagonal=1)
    keep = valid
    while True:
        again = valid & ~(overlaps & keep[:, :, None]).any(1)
        if torch.equal(again, keep):
            return keep
        keep = again


def _iou(boxes: Any) -> Any:
    left, top, right, bottom = boxes.unbind(2)
    width = torch.minimum(right[:, :, None], right[:, None]) - torch.maximum(left[:, :, None], left[:, None])
    height = torch.minimum(bottom[:, :, None], bottom[:, None]) - torch.maximum(top[:, :, None], top[:, None])
    common = width.clamp_(min=0) * height.clamp_(min=0)
    area = (right - left).clamp(min=0) * (bottom - top).clamp(min=0)
    return common / (area[:, :, None] + area[:, None] - common).clamp_(min=1e-9)


def _to_host(rows: Any, keep: Any) -> list[NDArray[np.float32]]:
    host, standing = rows.cpu().numpy(), keep.cpu().numpy()
    return [np.asarray(one[which][:LIMIT], np.float32) for one, which in zip(host, standing, strict=True)]
