"""Engine ``onnx``: any YOLO-like, RT-DETR or D-FINE detection network as ONNX, on ONNX Runtime (MIT). With the extra
``vision-onnx``: for a centre that wants neither AGPL-3.0 nor torch.

How a network is decoded follows from its outputs (``heads``), never from its name. On the processor; on a card where
the build of ONNX Runtime has its provider (``onnxruntime-gpu`` in the place of ``onnxruntime``).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import Detector, EngineFacts, EngineSettings
from cior_vision.detectors.heads import SIZES_INPUT, Head, boxes_of, head_of
from cior_vision.detectors.letterbox import Fit, as_blob, fit_of, letterbox
from cior_vision.detectors.model_folder import network_file, read_labels, verified_sha256
from cior_vision.frames import Detections, Floats, Image
from cior_vision.rule_settings import Share

KEY = "onnx"
LOG = structlog.get_logger("cior.vision.onnx")
WAIT_MS = 100
"""How long a picture may wait for others when the network runs on a card."""
KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
Pixels = Annotated[int, msgspec.Meta(ge=32, le=2048)]


class OnnxSettings(EngineSettings, frozen=True, kw_only=True):
    """``model_dir`` holds one ``*.onnx`` (``weights`` names it where there are more) and ``metadata.yaml`` with the
    class names, if the network does not carry them.

    ``input_px`` is (height, width); a network of fixed size keeps its own. ``device``: empty takes a card if ONNX
    Runtime can use one. ``batch``: pictures looked at together at most; a network of a fixed batch keeps its own.
    ``wait_ms``: how long a picture may wait for others; -1: 100 on a card, 0 on the processor. ``threads`` of 0 leaves
    the number to ONNX Runtime.
    """

    engine: Literal["onnx"] = "onnx"
    model_dir: str
    model_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    weights: str = ""
    input_px: tuple[Pixels, Pixels] = (384, 640)
    confidence: Share = 0.1
    iou: Share = 0.7
    device: Literal["", "cpu", "cuda"] = ""
    batch: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    wait_ms: Annotated[int, msgspec.Meta(ge=-1, le=1000)] = -1
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0


Settings = OnnxSettings


class OnnxDetector:
    """A session and what its outputs mean."""

    def __init__(self, settings: OnnxSettings) -> None:
        folder = Path(settings.model_dir)
        digest = verified_sha256(folder, settings.model_sha256)
        path = network_file(folder, (".onnx",), settings.weights)
        runtime = _runtime()
        self._settings = settings
        self._session = _session(runtime, path, settings)
        on_card = self._session.get_providers()[0] == "CUDAExecutionProvider"
        self._image = _image_input(self._session)
        self._kind = KINDS[self._image.type]
        self._wants_sizes = any(one.name == SIZES_INPUT for one in self._session.get_inputs())
        self._outputs = [one.name for one in self._session.get_outputs()]
        self._fixed_batch, self._input_px = _fixed(self._image.shape, settings)
        labels = _labels(folder, self._session)
        remark = _remark(settings, self._fixed_batch, self._input_px)
        self._head = self._probed(len(labels))
        self.facts = EngineFacts(
            engine=KEY,
            version=str(runtime.__version__),
            model=path.stem,
            model_sha256=digest,
            input_px=self._input_px,
            labels=labels,
            batch=self._fixed_batch or settings.batch,
            wait_ms=settings.wait_ms if settings.wait_ms >= 0 else WAIT_MS if on_card else 0,
            remark=remark,
        )
        LOG.info(
            "model_loaded",
            model=path.stem,
            sha256=digest,
            head=str(self._head),
            device="cuda" if on_card else "cpu",
            height_px=self._input_px[0],
            width_px=self._input_px[1],
            batch=self.facts.batch,
            remark=remark,
        )
        if remark:
            LOG.warning("model_not_as_asked", reason=remark)

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture, in order; the pictures may differ in size."""
        return [
            one
            for start in range(0, len(frames), self.facts.batch)
            for one in self._together(frames[start : start + self.facts.batch])
        ]

    def close(self) -> None:
        """Nothing to release: the session ends with the object."""

    def _together(self, frames: Sequence[Image]) -> list[Detections]:
        laid = [self._laid_in(frame) for frame in frames]
        outputs = self._run(np.concatenate([blob for blob, _ in laid]))
        confidence, iou = self._settings.confidence, self._settings.iou
        return [
            boxes_of(self._head, outputs, index, fit, confidence=confidence, iou=iou)
            for index, (_, fit) in enumerate(laid)
        ]

    def _laid_in(self, frame: Image) -> tuple[Floats, Fit]:
        if not self._head.is_stretched:
            return letterbox(frame, self._input_px)
        height, width = self._input_px
        return as_blob(np.asarray(cv2.resize(frame, (width, height)), np.uint8)), fit_of(
            (frame.shape[0], frame.shape[1]), self._input_px
        )

    def _run(self, blob: Floats) -> dict[str, NDArray[Any]]:
        """One run; what a fixed batch lacks is filled up with nothing."""
        missing = self._fixed_batch - len(blob)
        if missing > 0:
            blob = np.concatenate([blob, np.zeros((missing, *blob.shape[1:]), blob.dtype)])
        given: dict[str, NDArray[Any]] = {self._image.name: blob.astype(self._kind, copy=False)}
        if self._wants_sizes:
            # Asked for a picture of one by one, it tells its boxes as shares.
            given[SIZES_INPUT] = np.ones((len(blob), 2), np.int64)
        return dict(zip(self._outputs, self._session.run(self._outputs, given), strict=True))

    def _probed(self, classes: int) -> Head:
        """Run once, on nothing; what the outputs mean."""
        blob = np.zeros((self._fixed_batch or 1, 3, *self._input_px), np.float32)
        shapes = {name: output.shape for name, output in self._run(blob).items()}
        carried = self._session.get_modelmeta().custom_metadata_map
        return head_of(shapes, classes=classes, input_px=self._input_px, carried=carried)


def load(settings: EngineSettings) -> Detector:
    """Verify, import, load.

    Raises ``IntegrityBroken``, or ``ConfigInvalid`` (``vision.engine_absent``) when the extra is not installed.
    """
    assert isinstance(settings, OnnxSettings)
    return OnnxDetector(settings)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigInvalid(
            "vision.engine_absent",
            f"the engine 'onnx' is not usable here: {error.name or 'a part of it'} is missing",
            cure="install the extra: pip install 'cior[vision-onnx]', or set detector.engine = \"openvino\"",
        ) from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def _session(runtime: Any, path: Path, settings: OnnxSettings) -> Any:
    on_card = "CUDAExecutionProvider" in runtime.get_available_providers()
    if settings.device == "cuda" and not on_card:
        raise ConfigInvalid(
            "vision.device_absent",
            "this ONNX Runtime can use no card, and detector.device is cuda",
            cure='install onnxruntime-gpu in the place of onnxruntime, or set detector.device = "cpu"',
        )
    card = ["CUDAExecutionProvider"] if on_card and settings.device != "cpu" else []
    options = runtime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    try:
        return runtime.InferenceSession(str(path), options, providers=[*card, "CPUExecutionProvider"])
    except _refusals(runtime) as error:
        raise ConfigInvalid(
            "vision.model_unreadable",
            f"ONNX Runtime cannot load {path.name} ({type(error).__name__})",
            cure="export the model again, into one file or with its data beside it in the folder",
        ) from error


def _refusals(runtime: Any) -> tuple[type[Exception], ...]:
    """What the library raises of a network: classes without a common base of its own."""
    state = runtime.capi.onnxruntime_pybind11_state
    own = (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )
    return (*own, RuntimeError, ValueError)


def _image_input(session: Any) -> Any:
    """The input for pictures: the only one but for the sizes. Raises ``ConfigInvalid``."""
    inputs = [one for one in session.get_inputs() if one.name != SIZES_INPUT]
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in KINDS:
        told = ", ".join(f"{one.name} {one.type} {one.shape}" for one in session.get_inputs())
        raise ConfigInvalid(
            "vision.model_shape",
            f"the network does not take pictures as N x 3 x H x W of floats, but {told}",
            cure="export a detection network that takes pictures of 0 to 1, colours first",
        )
    return inputs[0]


def _fixed(shape: Sequence[Any], settings: OnnxSettings) -> tuple[int, tuple[int, int]]:
    """The batch that the network insists on (0: none), and its input's size."""
    batch, _, height, width = (one if isinstance(one, int) and one > 0 else 0 for one in shape)
    return batch, (height or settings.input_px[0], width or settings.input_px[1])


def _remark(settings: OnnxSettings, batch: int, input_px: tuple[int, int]) -> str:
    remarks = []
    if input_px != settings.input_px:
        remarks.append(f"input stays {input_px[0]}x{input_px[1]}: the export is of a fixed size")
    if batch == 1 != settings.batch:
        remarks.append("one picture at a time: the export is of a fixed batch of one")
    elif batch and batch != settings.batch:
        remarks.append(f"{batch} at a time: the export is of a fixed batch")
    return "; ".join(remarks)


def _labels(folder: Path, session: Any) -> tuple[str, ...]:
    """From ``metadata.yaml``, else from the names that the network carries."""
    carried = session.get_modelmeta().custom_metadata_map.get("names", "")
    if (folder / "metadata.yaml").is_file() or not carried:
        return read_labels(folder)
    try:
        names = ast.literal_eval(carried)
        return tuple(str(names[index]) for index in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise ConfigInvalid(
            "vision.model_labels",
            "the class names that the network carries are no table of index and name",
            cure="put a metadata.yaml with names: beside it",
        ) from error
