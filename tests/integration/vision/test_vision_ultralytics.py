"""The engine ``ultralytics`` with the library itself: batches give what singles give, and nothing leaves the machine.

Skipped, visibly, where the extra ``vision-ultralytics`` (AGPL-3.0, torch: 3 GB, in no constraints file) is absent.
The network has yolo11n's shape and random weights, made here; without a card torch computes on the processor, and
what is made for a card is called there too.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cior_core.errors import ConfigInvalid
from cior_vision.detectors import ultralytics_yolo
from cior_vision.detectors.letterbox import decode, letterbox, unfitted
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.ultralytics_yolo import UltralyticsSettings, UltralyticsYolo
from cior_vision.frames import Detections, Image
from cior_vision.synthetic import loiterer, render

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ultralytics") is None,
        reason="the extra vision-ultralytics (AGPL-3.0, torch) is not installed",
    ),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # theirs: torch and the exporter warn of themselves
]
INPUT_PX = (96, 160)
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def torch() -> Any:
    import torch

    torch.set_num_threads(2)
    return torch


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory, torch: Any, pictures: list[Image]) -> dict[str, Path]:
    """A folder each: ``pt``, ``dynamic`` and ``fixed`` ONNX (at 96x160, of one picture), ``four`` (of four)."""
    os.environ |= {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    from ultralytics import YOLO

    root = tmp_path_factory.mktemp("ultralytics")
    torch.manual_seed(5)
    model = YOLO("yolo11n.yaml")
    _settle(model.model, torch, pictures)
    folders = {name: root / name for name in ("pt", "dynamic", "fixed", "four")}
    for folder in folders.values():
        folder.mkdir()
    made = root / "net.pt"
    model.save(str(made))
    kinds: dict[str, dict[str, Any]] = {"dynamic": {"dynamic": True}, "fixed": {}, "four": {"batch": 4}}
    for name, more in kinds.items():
        options: dict[str, Any] = {
            "format": "onnx",
            "imgsz": list(INPUT_PX),
            "simplify": False,
            "verbose": False,
        }
        written = YOLO(str(made)).export(**options, **more)
        Path(written).rename(folders[name] / "net.onnx")
    made.rename(folders["pt"] / "net.pt")
    return folders


def _settle(network: Any, torch: Any, pictures: list[Image]) -> None:
    """Random weights whose answers depend on the picture: norms of our pictures, scores from none to sure."""
    seen = torch.from_numpy(np.concatenate([letterbox(picture, INPUT_PX)[0] for picture in pictures]))
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    head = network.model[-1]
    with torch.no_grad():
        network.train()(seen)
        for branch in head.cv3:
            branch[-1].weight.mul_(3.0)
            branch[-1].bias.fill_(-3.0)
        for branch in head.cv2:
            branch[-1].weight.mul_(1.5)
    network.eval()


def loaded(folder: Path, **more: Any) -> UltralyticsYolo:
    """The engine on the processor."""
    settings = UltralyticsSettings(
        model_dir=str(folder),
        model_sha256=folder_sha256(folder),
        **{"input_px": INPUT_PX, "device": "cpu", **more},
    )
    engine = ultralytics_yolo.load(settings)
    assert isinstance(engine, UltralyticsYolo)
    return engine


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    """Eleven of three cameras with pictures of different shapes."""
    street = list(render(replace(loiterer(), width_px=640, height_px=360, fps=1, duration_s=5.0)))
    square = list(render(replace(loiterer(), width_px=352, height_px=288, fps=1, duration_s=4.0)))
    fits = list(render(replace(loiterer(), width_px=160, height_px=96, fps=1, duration_s=2.0)))
    return [street[0], square[0], fits[0], *street[1:], *square[1:], *fits[1:]]


def same(left: list[Detections], right: list[Detections]) -> None:
    """As many boxes, and each has its like of the same class within a thousandth of the picture and of the score."""
    assert [len(one) for one in left] == [len(one) for one in right]
    for one, other in zip(left, right, strict=True):
        far = np.abs(one.boxes[:, None] - other.boxes[None]).max(axis=2)
        far = np.maximum(far, np.abs(one.scores[:, None] - other.scores[None]))
        far[one.classes[:, None] != other.classes[None]] = 1.0
        assert far.min(axis=1).max() <= TOLERANCE
        assert far.min(axis=0).max() <= TOLERANCE


@pytest.mark.parametrize("export", ["pt", "dynamic", "four"])
def test_a_batch_of_cameras_gives_the_boxes_of_one_after_the_other(
    exports: dict[str, Path], pictures: list[Image], export: str
) -> None:
    engine = loaded(exports[export], batch=4)
    together = engine.detect(pictures)
    assert engine.facts.batch == 4
    assert all(len(one) >= 3 for one in together), "a network that finds nothing proves nothing"
    same(together, [engine.detect([picture])[0] for picture in pictures])


def test_the_boxes_are_those_of_the_library_itself(exports: dict[str, Path], pictures: list[Image]) -> None:
    from ultralytics import YOLO

    engine = loaded(exports["pt"], confidence=0.3)
    theirs = YOLO(str(exports["pt"] / "net.pt"))
    for picture, ours in zip(pictures, engine.detect(pictures), strict=True):
        [told] = theirs.predict(
            picture, imgsz=list(INPUT_PX), conf=0.3, iou=0.7, rect=False, verbose=False, device="cpu"
        )
        boxes, classes = told.boxes.xyxyn.numpy(), told.boxes.cls.numpy()
        assert len(boxes) >= 3
        partners = [
            any(
                label == other and np.abs(box - one).max() <= 0.004
                for one, other in zip(boxes, classes, strict=True)
            )
            for box, label in zip(ours.boxes, ours.classes, strict=True)
        ]
        assert np.mean(partners) >= 0.95
        assert len(ours) == pytest.approx(len(boxes), rel=0.05, abs=1)


def test_what_is_made_for_a_card_gives_what_the_processor_gives(
    exports: dict[str, Path], pictures: list[Image], torch: Any
) -> None:
    """Scaling and suppression as torch operations against OpenVINO's path, on the same network's output."""
    from cior_vision.detectors import on_card

    upload = on_card.Uploader(torch.device("cpu"), INPUT_PX, half=False)
    blob, fits = upload(pictures)
    for index, picture in enumerate(pictures):
        expected, fit = letterbox(picture, INPUT_PX)
        assert fits[index] == fit
        assert blob[index : index + 1].numpy() == pytest.approx(expected, abs=1.01 / 255)
    network = loaded(exports["pt"])._network
    with torch.inference_mode():
        output = network(blob)
    output = output[0] if isinstance(output, list | tuple) else output
    rows = on_card.grid_boxes(output, confidence=0.2, iou=0.5)
    for index, fit in enumerate(fits):
        expected_boxes = decode(output[index : index + 1].numpy(), fit, confidence=0.2, iou=0.5)
        assert len(expected_boxes) >= 3
        assert rows[index][:, 4] == pytest.approx(expected_boxes.scores, abs=TOLERANCE)
        assert rows[index][:, 5].astype(int).tolist() == expected_boxes.classes.tolist()
        assert unfitted(rows[index][:, :4], fit) == pytest.approx(expected_boxes.boxes, abs=TOLERANCE)


def test_on_a_card_the_whole_way_gives_the_boxes_of_singles(
    exports: dict[str, Path], pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way that a card takes, on the processor: batch against singles."""
    engine = loaded(exports["pt"], batch=4)
    monkeypatch.setattr(engine, "_on_card", True)
    together = engine.detect(pictures)
    assert all(len(one) >= 3 for one in together)
    same(together, [engine.detect([picture])[0] for picture in pictures])


def test_an_export_of_one_picture_runs_singles_and_says_so(
    exports: dict[str, Path], pictures: list[Image]
) -> None:
    engine = loaded(exports["fixed"])
    assert engine.facts.batch == 1
    assert "one picture at a time" in engine.facts.remark
    same(engine.detect(pictures), loaded(exports["dynamic"]).detect(pictures))


@pytest.mark.parametrize("export", ["fixed", "four"])
def test_an_export_of_a_fixed_size_reports_the_size_that_it_runs_at(
    exports: dict[str, Path], export: str
) -> None:
    """It was run at one size and reported another (a static export asked for 384x640 ran at 640x640)."""
    engine = loaded(exports[export], input_px=(384, 640))
    assert engine.facts.input_px == INPUT_PX
    assert f"input stays {INPUT_PX[0]}x{INPUT_PX[1]}" in engine.facts.remark
    assert loaded(exports["dynamic"], input_px=(64, 96)).facts.input_px == (64, 96)


def test_sides_that_the_network_cannot_take_are_rounded_up_and_told(exports: dict[str, Path]) -> None:
    facts = loaded(exports["pt"], input_px=(90, 160)).facts
    assert facts.input_px == (96, 160)
    assert "multiples of 32" in facts.remark


def test_a_card_that_is_not_there_is_refused_with_its_cure(exports: dict[str, Path], torch: Any) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises(ConfigInvalid, match=r"vision\.device_absent"):
        loaded(exports["pt"], device="cuda")


def test_a_file_that_is_no_network_is_a_fault_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"this is no network")
    with pytest.raises(ConfigInvalid, match=r"vision\.model_unreadable"):
        loaded(tmp_path)


OFFLINE = """
import sys
asked = []
LOOK_FOR_LIBRARIES = {"ldconfig", "gcc", "cc", "ld", "objdump"}
def hook(event, arguments):
    started = event == "subprocess.Popen" and str(arguments[0]).rpartition("/")[2] not in LOOK_FOR_LIBRARIES
    if started or event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        asked.append((event, str(arguments[:2])))
        raise PermissionError(event)
sys.addaudithook(hook)
import numpy as np
from cior_core.errors import CiorError
from cior_vision.detectors import ultralytics_yolo as engine
from cior_vision.detectors.model_folder import folder_sha256
from pathlib import Path
folder, weights = Path(sys.argv[1]), sys.argv[2]
try:
    loaded = engine.load(engine.UltralyticsSettings(
        model_dir=str(folder), model_sha256=folder_sha256(folder), weights=weights, input_px=(96, 160), device="cpu"))
    print(len(loaded.detect([np.zeros((90, 160, 3), np.uint8)] * 2)), "pictures")
except CiorError as error:
    print(error.code)
print("asked", asked)
"""


@pytest.mark.parametrize(
    ("export", "weights", "told"),
    [
        ("pt", "", "2 pictures"),
        ("pt", "yolo11n.pt", "vision.model_files"),
        ("pt", "yolo11n.onnx", "vision.model_files"),
        ("dynamic", "net.onnx", "2 pictures"),
        ("o'higgins", "", "vision.model_unreadable"),
    ],
)
def test_no_way_of_loading_touches_the_network(
    exports: dict[str, Path], tmp_path: Path, export: str, weights: str, told: str
) -> None:
    """Seen by the interpreter's own audit: no address asked for, no connection, no program started (but those by which
    Python looks for a library), from the import to the end of the process; the environment asks for the opposite.
    """
    folder = exports.get(export)
    if folder is None:
        folder = tmp_path / export
        folder.mkdir()
        (folder / "yolo11n.pt").write_bytes((exports["pt"] / "net.pt").read_bytes())
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(folder), weights],
        env={
            **os.environ,
            "YOLO_OFFLINE": "false",
            "YOLO_AUTOINSTALL": "true",
            "YOLO_CONFIG_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert told in ran.stdout
    assert ran.stdout.splitlines()[-1] == "asked []"
