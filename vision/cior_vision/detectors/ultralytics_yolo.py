"""Engine ``ultralytics``: ``ultralytics.YOLO(folder)`` behind the same interface. Only with the extra
``vision-ultralytics`` (AGPL-3.0, torch, 2 to 6 GB).

Gives the same boxes as ``openvino`` on the same model at 1.1 times its time; its use is whatever OpenVINO cannot
read (``.pt``, other tasks' exports). The package would install what it misses at run time, ask the network at import
and report usage: all three are switched off before it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import Detector, EngineFacts, EngineSettings
from cior_vision.detectors.model_folder import verified_sha256
from cior_vision.frames import Detections, Image, no_detections
from cior_vision.rule_settings import Share

KEY = "ultralytics"
Pixels = Annotated[int, msgspec.Meta(ge=32, le=2048)]


class UltralyticsSettings(EngineSettings, frozen=True, kw_only=True):
    """``model_dir`` is what ``YOLO()`` takes for exported models (``…_openvino_model``); with ``weights`` one file
    inside it (``yolo11n.pt``).
    """

    engine: Literal["ultralytics"] = "ultralytics"
    model_dir: str
    model_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    weights: str = ""
    input_px: tuple[Pixels, Pixels] = (640, 640)
    confidence: Share = 0.1
    iou: Share = 0.7


Settings = UltralyticsSettings


class UltralyticsYolo:
    """A loaded ``YOLO`` model."""

    def __init__(self, settings: UltralyticsSettings) -> None:
        folder = Path(settings.model_dir)
        digest = verified_sha256(folder, settings.model_sha256)
        package = _package()
        try:
            self._model = package.YOLO(
                str(folder / settings.weights) if settings.weights else str(folder), task="detect"
            )
            names: dict[int, str] = dict(self._model.names)
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise ConfigInvalid(
                "vision.model_unreadable",
                f"ultralytics cannot load the model ({type(error).__name__})",
                cure="export the model again",
            ) from error
        self._settings = settings
        self.facts = EngineFacts(
            engine=KEY,
            version=str(package.__version__),
            model=folder.name,
            model_sha256=digest,
            input_px=settings.input_px,
            labels=tuple(names[index] for index in range(len(names))),
        )

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture; one call a picture, because an export may be of a fixed batch of one."""
        return [self._one(frame) for frame in frames]

    def close(self) -> None:
        """Nothing to release: the library frees with the object."""

    def _one(self, frame: Image) -> Detections:
        settings = self._settings
        result = self._model.predict(
            frame, imgsz=list(settings.input_px), conf=settings.confidence, iou=settings.iou, verbose=False
        )[0]
        boxes = result.boxes
        if boxes is None or not len(boxes):
            return no_detections()
        return Detections(
            boxes=np.asarray(boxes.xyxyn.cpu().numpy(), np.float32),
            scores=np.asarray(boxes.conf.cpu().numpy(), np.float32),
            classes=np.asarray(boxes.cls.cpu().numpy(), np.int64),
        )


def load(settings: EngineSettings) -> Detector:
    """Verify, import, load.

    Raises ``IntegrityBroken``, or ``ConfigInvalid`` (``vision.engine_absent``) when the extra is not installed.
    """
    assert isinstance(settings, UltralyticsSettings)
    return UltralyticsYolo(settings)


def _package() -> Any:
    """The library, told to be silent first.

    It is imported here only: nobody who did not choose it pays for it, in time or in licence.
    """
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    try:
        import ultralytics
    except ImportError as error:
        raise ConfigInvalid(
            "vision.engine_absent",
            f"the engine 'ultralytics' is not usable here: {error.name or 'a part of it'} is missing",
            cure="install the extra: pip install 'cior[vision-ultralytics]', or set detector.engine = \"openvino\"",
        ) from error
    ultralytics.settings.update({"sync": False})
    return ultralytics
