"""Pictures and what a detector says about them. Pixels live in this process only: no struct here is ever published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cior_video.orientation import Turn
from cior_video.timing import FrameTime

Image = NDArray[np.uint8]
"""Height x width x 3, BGR, 0..255."""
Grey = NDArray[np.uint8]
"""Height x width, luma 0..255."""
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels, made when they are first asked for. ``size_px``: height, width."""

    size_px: tuple[int, int]
    make: Callable[[], Image]

    @classmethod
    def of(cls, image: Image) -> Picture:
        """Of pixels that are there."""
        return cls((image.shape[0], image.shape[1]), lambda: image)

    @property
    def image(self) -> Image:
        """The pixels."""
        return self.make()


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture with its honest time, upright. ``small`` is its luma at 320x180.

    ``after_key``: a key picture was decoded since the one before it. ``turn``: what was done to set it upright.
    """

    picture: Picture
    small: Grey
    time: FrameTime
    after_key: bool = False
    turn: Turn = Turn.NONE

    @property
    def image(self) -> Image:
        """Its pixels."""
        return self.picture.image

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.picture.size_px[1] / self.picture.size_px[0]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A picture that was due and cannot be believed: it has a time and no pixels."""

    time: FrameTime


@dataclass(frozen=True, slots=True)
class Detections:
    """N objects: ``boxes`` N x 4 normalised left, top, right, bottom; ``scores`` N in 0..1; ``classes`` N indexes into
    the engine's labels.
    """

    boxes: Floats
    scores: Floats
    classes: Ints

    def __post_init__(self) -> None:
        count = len(self.scores)
        if self.boxes.shape != (count, 4) or self.classes.shape != (count,):
            raise ValueError(
                f"detections of unequal length: {self.boxes.shape}, {self.scores.shape}, {self.classes.shape}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, classes: frozenset[int]) -> Detections:
        """The detections of these classes."""
        keep = np.isin(self.classes, list(classes))
        return Detections(boxes=self.boxes[keep], scores=self.scores[keep], classes=self.classes[keep])


def no_detections() -> Detections:
    """An empty result."""
    return Detections(
        boxes=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32), classes=np.zeros(0, np.int64)
    )
