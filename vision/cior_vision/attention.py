"""What a camera's next picture is worth: a look at all of it, at a part of it, or none. Pure, in stream time.

A detector costs ten times what the gate costs. While something moves, every wanted picture is looked at, or, where
``whole_fps`` says so, so many a second as a whole: two are enough for whoever is known and walks on. In between, at
each picture that the camera gives, only what needs it is looked at, in a part of the picture at a smaller input: who
was seen but a few times, and who may reach a line or the edge of a zone before the next whole look. Where the engine
has no smaller inputs, or the part would be most of the picture, the whole picture is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot
from typing import Annotated, NamedTuple

import cv2
import msgspec
import numpy as np

from cior_video.sources import Strict
from cior_vision.detectors.letterbox import fit_of
from cior_vision.frames import Detections, Image, Picture
from cior_vision.geometry import MARGIN, Box, away_from
from cior_vision.rule_settings import Heights, Point, Share
from cior_vision.tracking import Foreseen

AROUND = 0.35
"""What is looked at around a box, in its longer sides."""
RIM_PX = 2.0
"""What ends so near to the edge of a part, in pixels of the input, may go on beyond it: it is not believed."""
Segment = tuple[Point, Point]


class AttentionSettings(Strict, frozen=True, kw_only=True):
    """``whole_fps``: whole pictures a second that the detector looks at while something moves. At the camera's own
    rate and above, as where nothing is said, every wanted picture is looked at whole.

    Between them, at the camera's rate: tracks that were seen fewer than ``sure_after`` times, and those whose ground
    point may come within ``edge`` of their own heights of a line or of a zone's edge before the next whole look. A part
    that would cost more than ``part_share`` of the whole picture is not taken for it.
    """

    whole_fps: Annotated[float, msgspec.Meta(ge=1.0, le=60.0)] = 60.0
    sure_after: Annotated[int, msgspec.Meta(ge=1, le=50)] = 4
    edge: Heights = 0.3
    part_share: Share = 0.5


class Look(NamedTuple):
    """What the detector is given: pixels, and which part of the picture they are (None: all of it)."""

    image: Image
    part: Box | None = None

    def placed(self, found: Detections) -> Detections:
        """What was found, in shares of the whole picture, without what the part's own edge cuts."""
        if self.part is None or not len(found):
            return found
        left, top, right, bottom = self.part
        high, wide = self.image.shape[:2]
        near, boxes = np.array([RIM_PX / wide, RIM_PX / high]), found.boxes
        cut = (boxes[:, :2] <= near) & (np.array([left, top]) > 0.0)
        cut |= (boxes[:, 2:] >= 1.0 - near) & (np.array([right, bottom]) < 1.0)
        kept = ~cut.any(axis=1)
        stretched = boxes[kept] * np.array([right - left, bottom - top] * 2) + np.array([left, top] * 2)
        return Detections(
            boxes=stretched.astype(np.float32), scores=found.scores[kept], classes=found.classes[kept]
        )


class Attention:
    """One camera's. ``edges``: of its lines and zones; ``input_px`` and ``sizes_px`` are the engine's."""

    def __init__(
        self,
        settings: AttentionSettings,
        *,
        edges: Sequence[Segment] = (),
        input_px: tuple[int, int] | None = None,
        sizes_px: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._settings = settings
        self._edges = tuple(edges)
        self._input_px, self._sizes_px = input_px, tuple(sizes_px)
        self._period_s = 1.0 / settings.whole_fps
        self._next_s = float("-inf")

    def restart(self) -> None:
        """A new epoch: the next picture is looked at whole."""
        self._next_s = float("-inf")

    def looked(self, at_s: float) -> None:
        """The whole picture at ``at_s`` was looked at."""
        self._next_s += self._period_s
        if not at_s < self._next_s <= at_s + self._period_s:
            self._next_s = at_s + self._period_s

    def look(self, picture: Picture, at_s: float, tracks: Iterable[Foreseen]) -> Look | None:
        """What is worth a look in a picture in which something moves; ``tracks``: where they should be now."""
        if at_s >= self._next_s - 1e-6:
            return Look(picture.image)
        aspect = picture.size_px[1] / picture.size_px[0]
        boxes = [_around(each.box, aspect) for each in tracks if self._is_close(each, aspect)]
        if not boxes:
            return None
        part = self._part(picture.size_px, boxes)
        return Look(picture.image) if part is None else part.of(picture.image)

    def _is_close(self, track: Foreseen, aspect: float) -> bool:
        """Whether it is worth a look before the next whole one."""
        if track.hits < self._settings.sure_after:
            return True
        speed = hypot(track.rate[0] * aspect, track.rate[1])
        reach = self._settings.edge * track.box.height + speed * self._period_s
        return any(away_from(edge, track.box.ground, aspect=aspect) <= reach for edge in self._edges)

    def _part(self, picture_px: tuple[int, int], boxes: Sequence[Box]) -> _Part | None:
        """The cheapest part that holds all boxes; None: the whole picture is no dearer, or not by much."""
        if self._input_px is None:
            return None
        fit = fit_of(picture_px, self._input_px)
        high, wide = fit.inner_px
        rows = np.clip(np.array(boxes), 0.0, 1.0) * [wide, high, wide, high]
        left, top = rows[:, :2].min(axis=0)
        right, bottom = rows[:, 2:].max(axis=0)
        dearest = self._settings.part_share * high * wide
        for size in self._sizes_px:
            if size[0] * size[1] > dearest:
                break
            if bottom - top <= size[0] <= high and right - left <= size[1] <= wide:
                x = min(max((left + right - size[1]) / 2, 0.0), wide - size[1])
                y = min(max((top + bottom - size[0]) / 2, 0.0), high - size[0])
                return _Part(size, x / fit.scale, y / fit.scale, fit.scale)
        return None


class _Part(NamedTuple):
    """A part of a picture, in its own pixels, and the input that it goes to."""

    size_px: tuple[int, int]
    left: float
    top: float
    scale: float

    def of(self, image: Image) -> Look:
        high, wide = image.shape[:2]
        left, top = round(self.left), round(self.top)
        right = min(left + round(self.size_px[1] / self.scale), wide)
        bottom = min(top + round(self.size_px[0] / self.scale), high)
        cut = image[top:bottom, left:right]
        small = np.asarray(cv2.resize(cut, self.size_px[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
        return Look(small, Box(left / wide, top / high, right / wide, bottom / high))


def edges_of(polygons: Iterable[Sequence[Point]], lines: Iterable[Segment]) -> tuple[Segment, ...]:
    """Lines, and the edges of zones that lie within the picture: nobody comes in over the picture's own."""
    sides = [
        (begin, end)
        for polygon in polygons
        for begin, end in zip(polygon, [*polygon[1:], polygon[0]], strict=True)
    ]
    return (*lines, *(side for side in sides if not _is_rim(side)))


def _is_rim(side: Segment) -> bool:
    (x1, y1), (x2, y2) = side
    pairs = ((x1, x2), (y1, y2))
    return any(max(pair) <= MARGIN or min(pair) >= 1.0 - MARGIN for pair in pairs)


def _around(box: Box, aspect: float) -> Box:
    """The box and what is around it."""
    margin = AROUND * max(box.height, (box.right - box.left) * aspect)
    return Box(box.left - margin / aspect, box.top - margin, box.right + margin / aspect, box.bottom + margin)
