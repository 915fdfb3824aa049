"""The shirts' detector as an engine that a settings file can name (``tests`` put it among the built-in ones)."""

from __future__ import annotations

from typing import Literal

from cior_vision.detectors.contract import Detector, EngineSettings
from integration.vision.shirts import ShirtDetector

KEY = "shirts"


class ShirtSettings(EngineSettings, frozen=True, kw_only=True):
    engine: Literal["shirts"] = "shirts"


Settings = ShirtSettings


def load(settings: EngineSettings) -> Detector:
    return ShirtDetector()
