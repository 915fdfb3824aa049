"""Engine ``openvino``: a YOLO detection IR on OpenVINO directly, without torch and without the ultralytics package.

Measured against ultralytics on four videos: 371 of 371 boxes equal, at 0.55 GB installed instead of 1.75 to 6.2.
Pictures of all cameras go through one asynchronous queue (1.5 times the throughput of one after the other on two
cores). 384 x 640 costs 0.65 of 640 x 640 and suits 16:9 cameras. Pictures go in as they are, bytes in BGR: made floats
within the network they cost two milliseconds less. Parts of a picture, and pictures narrower than the input, run at a
smaller size, which is made ready when it is first needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import numpy as np
import openvino as ov
import structlog
from openvino.preprocess import ColorFormat, PrePostProcessor

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import Detector, EngineFacts, EngineSettings
from cior_vision.detectors.input_size import NotResizable, exported_size, resize_input, smaller_sizes
from cior_vision.detectors.letterbox import Fit, decode, fit_of, laid_in
from cior_vision.detectors.model_folder import read_labels, verified_sha256
from cior_vision.frames import Detections, Floats, Image, no_detections
from cior_vision.rule_settings import Share

KEY = "openvino"
LOG = structlog.get_logger("cior.vision.openvino")
Pixels = Annotated[int, msgspec.Meta(ge=32, le=2048)]


class OpenVinoSettings(EngineSettings, frozen=True, kw_only=True):
    """``model_dir`` holds one ``*.xml`` with its ``*.bin`` and ``metadata.yaml``; ``model_sha256`` is the folder's
    digest (see ``model_folder``).

    ``input_px`` is (height, width). ``threads`` of 0 leaves the number to OpenVINO; ``requests`` pictures are in
    work at once. ``parts``: whether parts of pictures are looked at with smaller inputs; without, everything is looked
    at with the full one.
    """

    engine: Literal["openvino"] = "openvino"
    model_dir: str
    model_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    input_px: tuple[Pixels, Pixels] = (384, 640)
    confidence: Share = 0.1
    iou: Share = 0.7
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    requests: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    cache_dir: str = ""
    parts: bool = True


Settings = OpenVinoSettings


class OpenVinoYolo:
    """A network compiled for one input size and, as they are needed, for smaller ones; a request queue of each."""

    def __init__(self, settings: OpenVinoSettings) -> None:
        folder = Path(settings.model_dir)
        digest = verified_sha256(folder, settings.model_sha256)
        labels = read_labels(folder)
        self._core = ov.Core()
        if settings.cache_dir:
            self._core.set_property({"CACHE_DIR": settings.cache_dir})
        self._path = _network(folder)
        model, size_px, remark = _sized(self._core, self._path, settings.input_px)
        self._settings = settings
        self._size_px = size_px
        compiled = self._compiled(model)
        _check_head(compiled, len(labels))
        self._queues = {size_px: self._queue(compiled)}
        self._results: list[Detections] = []
        self.facts = EngineFacts(
            engine=KEY,
            version=ov.__version__.split("-")[0],
            model=self._path.stem,
            model_sha256=digest,
            input_px=size_px,
            sizes_px=() if remark or not settings.parts else _smaller(self._core, self._path, size_px),
            labels=labels,
            remark=remark,
        )
        LOG.info(
            "model_loaded",
            model=self._path.stem,
            sha256=digest,
            height_px=size_px[0],
            width_px=size_px[1],
            remark=remark,
        )

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture. The pictures may come from different cameras and may differ in size."""
        self._results = [no_detections()] * len(frames)
        used = set()
        for index, frame in enumerate(frames):
            size_px = self.size_for((frame.shape[0], frame.shape[1]))
            picture, fit = laid_in(frame, size_px)
            self._ready(size_px).start_async({0: np.ascontiguousarray(picture)[None]}, (index, fit))
            used.add(size_px)
        for size_px in used:
            self._queues[size_px].wait_all()
        return self._results

    def close(self) -> None:
        """Wait for what is in work."""
        for queue in self._queues.values():
            queue.wait_all()

    def size_for(self, picture_px: tuple[int, int]) -> tuple[int, int]:
        """The smallest input in which the picture is no smaller than in the full one; its own, where there is one."""
        if picture_px in self.facts.sizes_px:
            return picture_px
        scale = fit_of(picture_px, self._size_px).scale
        fitting = (size for size in self.facts.sizes_px if fit_of(picture_px, size).scale >= scale - 1e-9)
        return next(fitting, self._size_px)

    def _ready(self, size_px: tuple[int, int]) -> Any:
        """The queue of this size, made when it is first needed."""
        if size_px not in self._queues:
            self._queues[size_px] = self._queue(self._compiled(_sized(self._core, self._path, size_px)[0]))
            LOG.info("model_size_ready", height_px=size_px[0], width_px=size_px[1])
        return self._queues[size_px]

    def _compiled(self, model: ov.Model) -> ov.CompiledModel:
        return self._core.compile_model(_fed_with_bytes(model), "CPU", _plan(self._settings))

    def _queue(self, compiled: ov.CompiledModel) -> Any:
        queue = ov.AsyncInferQueue(compiled, self._settings.requests)
        queue.set_callback(self._finished)
        return queue

    def _finished(self, request: Any, job: tuple[int, Fit]) -> None:
        index, fit = job
        output = cast("Floats", np.asarray(request.get_output_tensor(0).data))
        self._results[index] = decode(
            output, fit, confidence=self._settings.confidence, iou=self._settings.iou
        )


def load(settings: EngineSettings) -> Detector:
    """Verify, compile.

    Raises ``IntegrityBroken`` when the model is not the approved one, ``ConfigInvalid`` when it cannot be used.
    """
    assert isinstance(settings, OpenVinoSettings)
    return OpenVinoYolo(settings)


def _check_head(compiled: ov.CompiledModel, classes: int) -> None:
    shape = compiled.output(0).get_partial_shape()
    if len(shape) != 3 or shape[1].get_length() != 4 + classes:
        raise ConfigInvalid(
            "vision.model_shape",
            f"the model's output {shape} is not 4 + {classes} rows of anchors",
            cure="use a YOLO detection export (task: detect) with its own metadata.yaml",
        )


def _fed_with_bytes(model: ov.Model) -> ov.Model:
    """The network behind what makes a picture (1 x H x W x 3, bytes, BGR) its input (1 x 3 x H x W, RGB in 0..1)."""
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(
        ColorFormat.BGR
    )
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
    return steps.build()


def _smaller(core: ov.Core, path: Path, size_px: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """The smaller sizes that this network can be given; none where it refuses."""
    sizes = smaller_sizes(size_px)
    model = core.read_model(path)
    if not sizes or model.inputs[0].get_partial_shape().is_dynamic:
        return sizes
    try:
        resize_input(model, sizes[0])
    except NotResizable as error:
        LOG.warning("model_not_resized", reason=str(error))
        return ()
    return sizes


def _plan(settings: OpenVinoSettings) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "PERFORMANCE_HINT": "THROUGHPUT" if settings.requests > 1 else "LATENCY",
        "PERFORMANCE_HINT_NUM_REQUESTS": settings.requests,
    }
    if settings.threads:
        plan["INFERENCE_NUM_THREADS"] = settings.threads
    return plan


def _network(folder: Path) -> Path:
    found = sorted(folder.glob("*.xml"))
    if len(found) != 1 or not found[0].with_suffix(".bin").is_file():
        raise ConfigInvalid(
            "vision.model_files",
            f"the model folder holds {len(found)} networks",
            cure="keep exactly one *.xml with its *.bin in it",
        )
    return found[0]


def _sized(core: ov.Core, path: Path, size_px: tuple[int, int]) -> tuple[ov.Model, tuple[int, int], str]:
    """The network at the wanted size, or at the exported one with the reason."""
    try:
        model = core.read_model(path)
        if model.inputs[0].get_partial_shape().is_dynamic:
            model.reshape([1, 3, *size_px])
            return model, size_px, ""
        resize_input(model, size_px)
        return model, size_px, ""
    except NotResizable as error:
        model = core.read_model(path)
        exported = exported_size(model)
        remark = f"input stays {exported[0]}x{exported[1]}: {error}"
        LOG.warning("model_not_resized", reason=str(error))
        return model, exported, remark
    except RuntimeError as error:
        raise ConfigInvalid(
            "vision.model_unreadable", f"OpenVINO cannot read {path.name}", cure="export the model again"
        ) from error
