"""One picture as a whole, in numbers: statistics, whether it lives, and what is left of the camera's own view."""

from __future__ import annotations

import cv2
import numpy as np

from cior_vision.frames import Grey
from cior_vision.incidents import SceneReading
from cior_vision.stillness import Stillness
from cior_vision.view import ViewReference


class SceneReader:
    """What one camera's pictures say, for :class:`cior_vision.tamper.TamperWatch`."""

    def __init__(self) -> None:
        self._stillness = Stillness()
        self._view = ViewReference()

    def new_epoch(self) -> None:
        """The stream's time line restarted; where the camera looks is still known."""
        self._stillness.reset()
        self._view.new_epoch()

    def read(self, grey: Grey, at_s: float, *, after_key: bool) -> SceneReading:
        """Statistics of the shrunk luma: mean, deviation, entropy, sharpness; stillness, and once a second the view."""
        mean, deviation = cv2.meanStdDev(grey)
        histogram = cv2.calcHist([grey], [0], None, [256], [0.0, 256.0]).astype(np.float64) / grey.size
        used = histogram[histogram > 0]
        return SceneReading(
            at_s=at_s,
            luma_mean=float(mean[0][0]),
            luma_std=float(deviation[0][0]),
            entropy_bits=float(-(used * np.log2(used)).sum()),
            # Smoothed once: of the Laplacian's answer to noise a tenth is left, to edges most.
            sharpness=_deviation(cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_16S)) ** 2,
            is_still=self._stillness.step(grey).is_still,
            after_key=after_key,
            view=self._view.step(grey, at_s),
            is_view_known=self._view.is_known,
        )


def _deviation(plane: cv2.typing.MatLike) -> float:
    return float(cv2.meanStdDev(plane)[1][0][0])
