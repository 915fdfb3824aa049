"""Pictures set upright by their stream's own display matrix, as every player does: masks, veils and whoever looks at a
copy have the picture in mind that was seen.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

from cior_core.errors import ConfigInvalid
from cior_core.picture_masks import Masks
from cior_video.orientation import Turn, Turns, shown_point, upright


class Upright:
    """For the pictures of one clip. ``turn``: what was done to the last one."""

    def __init__(self) -> None:
        self._turns, self.turn = Turns(), Turn.NONE

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The picture as it is meant to be seen; itself where nothing turns it. Raises ``ConfigInvalid``
        (``copy.no_vision``) where what turns pictures is not installed.
        """
        self.turn = self._turns.of(frame)
        if self.turn is Turn.NONE:
            return frame
        try:
            return _turned(frame, self.turn)
        except ImportError as error:
            raise ConfigInvalid(
                "copy.no_vision",
                f"this camera's pictures are to be turned and {error.name} is missing",
                cure="install cior[vision] where the part evidence runs",
            ) from error


def laid_upright(masks: Masks, turn: Turn) -> Masks:
    """Masks of stored pictures, as they lie in the upright ones."""
    return tuple(tuple(shown_point(point, turn) for point in mask) for mask in masks)


def _turned(frame: VideoFrame, turn: Turn) -> VideoFrame:
    width_px, height_px = frame.width + frame.width % 2, frame.height + frame.height % 2
    planar = frame.reformat(width=width_px, height=height_px, format="yuv420p").to_ndarray()
    stored = planar.astype(np.uint8, copy=False)
    chromas = stored[height_px:].reshape(2, height_px // 2, width_px // 2)
    luma = upright(stored[:height_px], turn)
    laid = [luma.ravel(), *(upright(np.ascontiguousarray(each), turn).ravel() for each in chromas)]
    made = VideoFrame.from_ndarray(
        np.concatenate(laid).reshape(luma.shape[0] * 3 // 2, luma.shape[1]), format="yuv420p"
    )
    made.pts, made.time_base = frame.pts, frame.time_base
    return made
