"""Engine ``none``: no model, so nothing has a class.

Motion and camera health still work; rules about classes are disabled and health says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cior_vision.detectors.contract import Detector, EngineFacts, EngineSettings
from cior_vision.frames import Detections, Image, no_detections

KEY = "none"


class MotionOnlySettings(EngineSettings, frozen=True, kw_only=True):
    """Nothing to set."""

    engine: Literal["none"] = "none"


Settings = MotionOnlySettings


class MotionOnly:
    """Sees no objects, and says that it does not."""

    facts = EngineFacts(
        engine="none", remark="motion only: no model is configured, rules about classes are disabled"
    )

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Nothing, for each picture."""
        return [no_detections() for _ in frames]

    def close(self) -> None:
        """Nothing to release."""


def load(settings: EngineSettings) -> Detector:  # noqa: ARG001  (the plugin contract)
    """The engine without a model."""
    return MotionOnly()
