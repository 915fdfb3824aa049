"""Engine ``ultralytics``: whatever ``ultralytics`` can load, behind the same interface. Only with the extra
``vision-ultralytics`` (AGPL-3.0, torch, 2 to 6 GB).

The library loads and runs the network (``.pt``, ``.engine``, ``.onnx``, an OpenVINO folder) on all cameras' pictures
together; what comes before and after is ours: on a card the pictures go up as they are, and scaling, half precision
and suppression happen there (``on_card``); on the processor as in engine ``openvino``. Its use is a card, and weights
that OpenVINO cannot read.

The package would install what it misses at run time, ask the network at import, fetch weights by name and report
usage: all four are switched off before it is imported, and it is given a file that is there and approved.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import Detector, EngineFacts, EngineSettings
from cior_vision.detectors.letterbox import Fit, decode, letterbox, unfitted
from cior_vision.detectors.model_folder import network_file, verified_sha256
from cior_vision.frames import Detections, Image
from cior_vision.rule_settings import Share

KEY = "ultralytics"
LOG = structlog.get_logger("cior.vision.ultralytics")
SUFFIXES = (".pt", ".engine", ".onnx", ".torchscript", ".xml")
STRIDE_PX = 32
WAIT_MS = 100
"""How long a picture may wait for others when the network runs on a card."""
Pixels = Annotated[int, msgspec.Meta(ge=32, le=2048)]


class UltralyticsSettings(EngineSettings, frozen=True, kw_only=True):
    """``model_dir`` holds one network; ``weights`` names it by its file name where it holds more.

    ``input_px`` is (height, width); an export of fixed size keeps its own. ``device``: empty takes a card if there is
    one. ``batch``: pictures looked at together at most; an export of a fixed batch keeps its own. ``wait_ms``: how
    long a picture may wait for others; -1: 100 on a card, 0 on the processor: while it works, others gather.
    """

    engine: Literal["ultralytics"] = "ultralytics"
    model_dir: str
    model_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    weights: str = ""
    input_px: tuple[Pixels, Pixels] = (640, 640)
    confidence: Share = 0.1
    iou: Share = 0.7
    device: Annotated[str, msgspec.Meta(pattern=r"^(cpu|cuda(:[0-9]+)?)?$")] = ""
    batch: Annotated[int, msgspec.Meta(ge=1, le=256)] = 64
    wait_ms: Annotated[int, msgspec.Meta(ge=-1, le=1000)] = -1


Settings = UltralyticsSettings


class _Shape(msgspec.Struct, frozen=True):
    """What the loaded network takes: input (height, width), pictures at once, and why it is not what was asked for."""

    input_px: tuple[int, int]
    batch: int
    remark: str


class UltralyticsYolo:
    """A loaded network with its batches."""

    def __init__(self, settings: UltralyticsSettings) -> None:
        folder = Path(settings.model_dir)
        digest = verified_sha256(folder, settings.model_sha256)
        path = network_file(folder, SUFFIXES, settings.weights)
        package = _package()
        self._torch: Any = package.torch
        self._settings = settings
        self._network = _loaded(package, path, _device(package, settings.device))
        self._device: Any = self._network.device
        self._on_card = self._device.type == "cuda"
        shape = _shape(self._network, settings)
        self._input_px, self._lock = shape.input_px, Lock()
        self._boxes: Any = package.on_card
        self._upload = package.on_card.Uploader(
            self._device, shape.input_px, half=bool(self._network.fp16) and self._on_card
        )
        names: dict[int, str] = dict(self._network.names)
        labels = tuple(names[index] for index in range(len(names)))
        self._ranks = self._probed(shape, len(labels))
        self.facts = EngineFacts(
            engine=KEY,
            version=package.version,
            model=path.stem if path.suffix != ".xml" else folder.name,
            model_sha256=digest,
            input_px=shape.input_px,
            labels=labels,
            batch=shape.batch,
            wait_ms=settings.wait_ms if settings.wait_ms >= 0 else WAIT_MS if self._on_card else 0,
            calls=2 if self._on_card else 1,
            remark=shape.remark,
        )
        LOG.info(
            "model_loaded",
            model=self.facts.model,
            sha256=digest,
            device=str(self._device),
            height_px=shape.input_px[0],
            width_px=shape.input_px[1],
            batch=shape.batch,
            remark=shape.remark,
        )
        if shape.remark:
            LOG.warning("model_not_as_asked", reason=shape.remark)

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        """Objects of each picture, in order; the pictures may differ in size."""
        return [
            one
            for start in range(0, len(frames), self.facts.batch)
            for one in self._together(frames[start : start + self.facts.batch])
        ]

    def close(self) -> None:
        """Nothing to release: the library frees with the object."""

    def _together(self, frames: Sequence[Image]) -> list[Detections]:
        """One run. On a card one thread uploads while another computes."""
        with self._torch.inference_mode():
            blob, fits = self._upload(frames) if self._on_card else self._laid_in(frames)
            with self._lock:
                return self._found(self._run(blob), fits)

    def _laid_in(self, frames: Sequence[Image]) -> tuple[Any, list[Fit]]:
        laid = [letterbox(frame, self._input_px) for frame in frames]
        return self._torch.from_numpy(np.concatenate([blob for blob, _ in laid])), [fit for _, fit in laid]

    def _run(self, blob: Any) -> Any:
        output = self._network(blob)
        return output[0] if isinstance(output, list | tuple) else output

    def _found(self, output: Any, fits: Sequence[Fit]) -> list[Detections]:
        confidence, iou = self._settings.confidence, self._settings.iou
        if not (self._ranks or self._on_card):
            heads = output.float().numpy()
            return [
                decode(heads[n : n + 1], fit, confidence=confidence, iou=iou) for n, fit in enumerate(fits)
            ]
        if self._ranks:
            rows = self._boxes.ranked_boxes(output, confidence=confidence)
        else:
            rows = self._boxes.grid_boxes(output, confidence=confidence, iou=iou)
        return [_placed(one, fit) for one, fit in zip(rows, fits, strict=True)]

    def _probed(self, shape: _Shape, classes: int) -> bool:
        """Run once; whether the head suppresses by itself. Raises ``ConfigInvalid`` for another kind of head."""
        with self._torch.inference_mode():
            blob, _ = self._upload([np.zeros((*shape.input_px, 3), np.uint8)])
            told = tuple(self._run(blob).shape)
        if len(told) == 3 and told[2] == 6 and told[1] != 4 + classes:
            return True
        if len(told) != 3 or told[1] != 4 + classes:
            raise ConfigInvalid(
                "vision.model_shape",
                f"the model's output {told} is neither 4 + {classes} rows of anchors nor rows of six",
                cure='use a YOLO detection model (task: detect); others: export to ONNX, engine = "onnx"',
            )
        return False


def load(settings: EngineSettings) -> Detector:
    """Verify, import, load.

    Raises ``IntegrityBroken``, or ``ConfigInvalid`` (``vision.engine_absent``) when the extra is not installed.
    """
    assert isinstance(settings, UltralyticsSettings)
    return UltralyticsYolo(settings)


def _placed(rows: NDArray[np.float32], fit: Fit) -> Detections:
    return Detections(
        boxes=unfitted(rows[:, :4], fit), scores=rows[:, 4].copy(), classes=rows[:, 5].astype(np.int64)
    )


class _Package(msgspec.Struct, frozen=True):
    """The parts of the extra that are used."""

    version: str
    torch: Any
    backend: Any
    on_card: Any


def _package() -> _Package:
    """The library, told to be silent first.

    It is imported here only: nobody who did not choose it pays for it, in time or in licence.
    """
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ.setdefault("YOLO_VERBOSE", "false")
    # Of a .pt only classes that the library knows: a pickle could hold any program.
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
    try:
        import torch
        import ultralytics
        from ultralytics.nn.autobackend import AutoBackend

        from cior_vision.detectors import on_card
    except ImportError as error:
        raise _absent(error) from error
    ultralytics.settings.update({"sync": False})
    return _Package(str(ultralytics.__version__), torch, AutoBackend, on_card)


def _absent(error: ImportError) -> ConfigInvalid:
    return ConfigInvalid(
        "vision.engine_absent",
        f"the engine 'ultralytics' is not usable here: {error.name or 'a part of it'} is missing",
        cure="install the extra: pip install 'cior[vision-ultralytics]', or set detector.engine = \"openvino\"",
    )


def _device(package: _Package, wanted: str) -> Any:
    """Raises ``ConfigInvalid`` where a card is asked for and none is usable."""
    usable = bool(package.torch.cuda.is_available())
    if wanted.startswith("cuda") and not usable:
        raise ConfigInvalid(
            "vision.device_absent",
            f"torch can use no card here, and detector.device is {wanted}",
            cure='install the driver of the card, or set detector.device = "cpu"',
        )
    return package.torch.device(wanted or ("cuda:0" if usable else "cpu"))


def _loaded(package: _Package, path: Path, device: Any) -> Any:
    """The network on the device. The path is absolute and there: a bare name would be looked for on the network."""
    on_card = device.type == "cuda"
    path = path.resolve()
    if "'" in str(path):
        raise ConfigInvalid(
            "vision.model_unreadable",
            "ultralytics reads no path with an apostrophe",
            cure="move the model to another folder",
        )
    try:
        network = package.backend(
            str(path.parent) if path.suffix == ".xml" else path,
            device=device,
            fp16=on_card,
            fuse=True,
            verbose=False,
            **({"channels_last": True} if on_card and path.suffix == ".pt" else {}),
        )
    except ImportError as error:
        raise _absent(error) from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, StopIteration) as error:
        raise ConfigInvalid(
            "vision.model_unreadable",
            f"ultralytics cannot load the model ({type(error).__name__})",
            cure="export the model again",
        ) from error
    return network.eval()


def _shape(network: Any, settings: UltralyticsSettings) -> _Shape:
    """What was asked for as far as the network takes it, and a remark where it does not."""
    asked_px = settings.input_px
    if network.format == "pt":
        whole = [-(-side // STRIDE_PX) * STRIDE_PX for side in asked_px]
        input_px = whole[0], whole[1]
        why = f"sides are multiples of {STRIDE_PX}"
    elif network.dynamic:
        input_px, why = asked_px, ""
    else:
        input_px, why = _exported_px(network), "the export is of a fixed size"
    batch = _batch(network, settings.batch)
    remarks = [
        *([f"input stays {input_px[0]}x{input_px[1]}: {why}"] if input_px != asked_px else []),
        *(
            [f"{batch} at a time: the export is of a fixed batch"]
            if batch != settings.batch and batch > 1
            else []
        ),
        *(
            ["one picture at a time: the export is of a fixed batch of one"]
            if batch == 1 != settings.batch
            else []
        ),
    ]
    return _Shape(input_px, batch, "; ".join(remarks))


def _batch(network: Any, wanted: int) -> int:
    """How many pictures go together. OpenVINO here takes them one by one: it would compile anew for each number."""
    if network.format == "openvino":
        return 1
    if network.format == "pt" or (network.dynamic and network.format != "engine"):
        return wanted
    return min(wanted, int(network.batch)) if network.dynamic else int(network.batch)


def _exported_px(network: Any) -> tuple[int, int]:
    size = getattr(network, "imgsz", None)
    if size is None:
        raise ConfigInvalid(
            "vision.model_unreadable",
            "the export does not say its input's size",
            cure='export the model again with its metadata, or use engine = "onnx"',
        )
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)
