"""Finds an engine's plugin by its key: the built-in ones, then entry points ``cior.detectors``.

Importing this imports no framework.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import Plugin

BUILT_IN = {
    "openvino": "cior_vision.detectors.openvino_yolo",
    "onnx": "cior_vision.detectors.onnx_runtime",
    "ultralytics": "cior_vision.detectors.ultralytics_yolo",
    "none": "cior_vision.detectors.motion_only",
}
GROUP = "cior.detectors"


def keys() -> tuple[str, ...]:
    """Every engine that can be named in the settings."""
    return (*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP)))


def plugin(key: str) -> Plugin:
    """The plugin module of ``key``. Raises ``ConfigInvalid`` (``vision.engine_unknown``)."""
    if key in BUILT_IN:
        return cast("Plugin", import_module(BUILT_IN[key]))
    for point in entry_points(group=GROUP):
        if point.name == key:
            return cast("Plugin", point.load())
    raise ConfigInvalid(
        "vision.engine_unknown",
        f"there is no detector engine '{key}'",
        cure=f"choose one of: {', '.join(keys())}",
    )
