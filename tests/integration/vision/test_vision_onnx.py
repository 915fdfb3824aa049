"""The engine ``onnx`` on tiny networks that we make: each way of telling boxes gives those worked out without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_vision.detectors import onnx_runtime
from cior_vision.detectors.heads import Head, head_of
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.onnx_runtime import OnnxDetector, OnnxSettings
from cior_vision.frames import Detections, Floats, Image
from integration.vision import tiny_networks
from integration.vision.tiny_networks import RANKED, cells

INPUT_PX = (64, 96)
CONFIDENCE, IOU = 0.1, 0.3
SUPPRESSED = ("grid", "grid_rows", "objectness")
STRETCHED = ("queries", "logits", "labelled")
KINDS = (*SUPPRESSED, "ranked", *STRETCHED)
TOLERANCE = 1e-5


def made(folder: Path, kind: str, **more: int | str) -> Path:
    return tiny_networks.write(folder / kind, kind, size_px=INPUT_PX, **more)  # type: ignore[arg-type]  # as named


def loaded(folder: Path, **more: int | str | tuple[int, int]) -> OnnxDetector:
    settings = OnnxSettings(
        model_dir=str(folder),
        model_sha256=folder_sha256(folder),
        confidence=CONFIDENCE,
        iou=IOU,
        **{"input_px": INPUT_PX, "device": "cpu", **more},  # type: ignore[arg-type]  # as named
    )
    engine = onnx_runtime.load(settings)
    assert isinstance(engine, OnnxDetector)
    return engine


def painted(
    height: int, width: int, *patches: tuple[tuple[int, int, int, int], tuple[int, int, int]]
) -> Image:
    """Grey with patches: left, top, right, bottom in pixels, and a colour (blue, green, red)."""
    image = np.full((height, width, 3), 114, np.uint8)
    dice = np.random.default_rng(height * width)
    for (left, top, right, bottom), colour in patches:
        # Grained: two cells that are equally sure would leave the order to rounding.
        grain = dice.integers(-60, 1, (bottom - top, right - left, 3))
        image[top:bottom, left:right] = np.clip(np.array(colour) + grain, 0, 255)
    return image


RED, BLUE, GREEN, DULL = (0, 0, 255), (255, 0, 0), (0, 255, 0), (60, 60, 150)
PICTURES = {
    "as large as the input": painted(
        64, 96, ((30, 20, 60, 40), RED), ((0, 0, 8, 8), BLUE), ((64, 40, 90, 64), DULL)
    ),
    "twice as large": painted(128, 192, ((64, 40, 128, 90), BLUE), ((150, 10, 190, 60), RED)),
    "upright": painted(64, 48, ((4, 8, 30, 50), GREEN), ((32, 40, 48, 64), DULL)),
    "of nothing": painted(64, 96),
}


# --- the reference: what the network must find, worked out from the picture, in plain loops -------------------------


def seen(image: Image, *, stretched: bool) -> tuple[NDArray[Any], float, float, float]:
    """The picture as the network sees it (RGB, 0 to 1), and its scale and offsets; sizes here scale without a rest."""
    height, width = image.shape[:2]
    if stretched:
        resized = cv2.resize(image, INPUT_PX[::-1])
        return resized[:, :, ::-1].astype(np.float32) / 255, 0, 0, 0
    scale = min(INPUT_PX[0] / height, INPUT_PX[1] / width)
    inner = cv2.resize(image, (int(width * scale), int(height * scale)))
    canvas = np.full((*INPUT_PX, 3), 114, np.uint8)
    left, top = (INPUT_PX[1] - inner.shape[1]) // 2, (INPUT_PX[0] - inner.shape[0]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas[:, :, ::-1].astype(np.float32) / 255, scale, left, top


def overlap(one: Floats, other: Floats) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(width * height / (sum(areas) - width * height))


def expected(image: Image, kind: str) -> list[tuple[Floats, float, int]]:
    """Boxes normalised to the picture with score and class, the surest first."""
    stretched = kind in STRETCHED
    pixels, scale, left, top = seen(image, stretched=stretched)
    told: list[tuple[Floats, float, int]] = []
    for x, y, width, height in cells(INPUT_PX):
        half = width / tiny_networks.BOX_CELLS / 2
        colour = pixels[int(y - half) : int(y + half), int(x - half) : int(x + half)].mean(axis=(0, 1))
        scores = np.clip([2 * colour[n] - colour.sum() for n in (0, 2, 1)], 0, 1)
        score = float(scores.max())
        if kind == "objectness":
            score *= 0.5
        if kind == "logits":
            score = float(1 / (1 + np.exp(-8 * (score - 0.5))))
        corners = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], np.float32)
        told.append((corners, score, int(scores.argmax())))
    told.sort(key=lambda one: -one[1])
    if kind in {"ranked", "queries", "labelled"}:
        told = told[:RANKED]
    told = [one for one in told if one[1] > CONFIDENCE]
    if kind in SUPPRESSED:
        standing: list[tuple[Floats, float, int]] = []
        for one in told:
            if all(one[2] != other[2] or overlap(one[0], other[0]) <= IOU for other in standing):
                standing.append(one)
        told = standing
    size = np.array([INPUT_PX[1], INPUT_PX[0]] * 2) if stretched else np.array(image.shape[1::-1] * 2) * scale
    moved = [0, 0, 0, 0] if stretched else [left, top, left, top]
    return [(np.clip((box - moved) / size, 0, 1), score, label) for box, score, label in told]


def as_expected(found: Detections, told: list[tuple[Floats, float, int]]) -> None:
    assert len(found) == len(told)
    assert found.scores.tolist() == pytest.approx([score for _, score, _ in told], abs=TOLERANCE)
    rows = sorted(
        (label, *box) for label, box in zip(found.classes.tolist(), found.boxes.tolist(), strict=True)
    )
    for row, other in zip(rows, sorted((label, *box.tolist()) for box, _, label in told), strict=True):
        assert row == pytest.approx(other, abs=TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_each_way_of_telling_boxes_gives_those_of_the_reference(tmp_path: Path, kind: str) -> None:
    """In one run of all the pictures, which differ in size."""
    engine = loaded(made(tmp_path, kind))
    assert engine.facts.labels == tiny_networks.NAMES
    assert (engine.facts.input_px, engine.facts.batch, engine.facts.remark) == (INPUT_PX, 16, "")
    found = engine.detect(list(PICTURES.values()))
    assert [len(one) > 0 for one in found] == [True, True, True, False]
    for image, one in zip(PICTURES.values(), found, strict=True):
        as_expected(one, expected(image, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("batch", "remark"),
    [
        (1, "one picture at a time: the export is of a fixed batch of one"),
        (3, "3 at a time: the export is of a fixed batch"),
    ],
)
def test_a_fixed_batch_gives_the_same_boxes_and_is_told(
    tmp_path: Path, kind: str, batch: int, remark: str
) -> None:
    engine = loaded(made(tmp_path, kind, batch=batch))
    assert (engine.facts.batch, engine.facts.remark) == (batch, remark)
    for image, one in zip(PICTURES.values(), engine.detect(list(PICTURES.values())), strict=True):
        as_expected(one, expected(image, kind))


def test_a_fixed_size_is_the_one_that_is_reported(tmp_path: Path) -> None:
    facts = loaded(made(tmp_path, "grid"), input_px=(384, 640)).facts
    assert (facts.input_px, facts.remark) == (INPUT_PX, "input stays 64x96: the export is of a fixed size")


# --- what outputs mean ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "classes", "carried", "head"),
    [
        ((1, 84, 5040), 80, {}, Head.GRID),
        ((1, 84, 8400), 80, {}, Head.GRID),
        ((1, 5040, 84), 80, {}, Head.GRID_ROWS),
        ((1, 5040, 85), 80, {}, Head.OBJECTNESS),
        ((1, 15120, 85), 80, {}, Head.OBJECTNESS),
        ((1, 300, 6), 80, {}, Head.RANKED),
        ((1, 300, 84), 80, {}, Head.QUERIES),
        ((1, 15120, 6), 1, {}, Head.OBJECTNESS),
        ((1, 300, 6), 1, {}, Head.RANKED),
        ((1, 300, 5), 1, {}, Head.QUERIES),
        ((1, 300, 6), 2, {}, Head.RANKED),
        ((1, 300, 6), 2, {"end2end": "False"}, Head.QUERIES),
        ((1, 5040, 6), 2, {}, Head.GRID_ROWS),
        ((1, 6, 5040), 2, {}, Head.GRID),
    ],
)
def test_what_an_output_means_follows_from_its_shape(
    shape: tuple[int, ...], classes: int, carried: dict[str, str], head: Head
) -> None:
    assert head_of({"output0": shape}, classes=classes, input_px=(384, 640), carried=carried) is head


@pytest.mark.parametrize(
    "shapes", [{"masks": (1, 116, 5040)}, {"embedding": (1, 512)}, {"logits": (1, 300, 91)}, {}]
)
def test_an_output_that_nobody_knows_is_refused_with_its_shape(shapes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ConfigInvalid, match=r"vision\.model_shape") as caught:
        head_of(shapes, classes=80, input_px=(384, 640), carried={})
    assert all("x".join(map(str, shape)) in str(caught.value) for shape in shapes.values())


def test_class_names_come_from_the_network_itself_where_no_file_has_them(tmp_path: Path) -> None:
    folder = made(tmp_path, "grid")
    (folder / "metadata.yaml").unlink()
    with pytest.raises(ConfigInvalid, match=r"vision\.model_labels"):
        loaded(folder)
    model = onnx.load(str(folder / "net.onnx"))
    onnx.helper.set_model_props(model, {"names": "{0: 'persona', 1: 'auto', 2: 'moto'}"})
    onnx.save(model, str(folder / "net.onnx"))
    assert loaded(folder).facts.labels == ("persona", "auto", "moto")
    onnx.helper.set_model_props(model, {"names": "persona, auto, moto"})
    onnx.save(model, str(folder / "net.onnx"))
    with pytest.raises(ConfigInvalid, match=r"vision\.model_labels"):
        loaded(folder)


# --- nothing but what was approved ------------------------------------------------------------------------------------


def test_a_changed_network_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path, "grid")
    settings = OnnxSettings(model_dir=str(folder), model_sha256=folder_sha256(folder), input_px=INPUT_PX)
    with (folder / "net.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(IntegrityBroken, match=r"vision\.model_changed"):
        onnx_runtime.load(settings)


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        ("weights.bin", ""),
        ("below/weights.bin", "vision.model_files"),
        (".weights.bin", "vision.model_files"),
        ("../weights.bin", "vision.model_unreadable"),
    ],
)
def test_weights_beside_the_network_are_loaded_only_where_the_digest_covers_them(
    tmp_path: Path, where: str, refused: str
) -> None:
    folder = made(tmp_path, "grid", external=where)
    assert (folder / where).is_file()
    if not refused:
        as_expected(loaded(folder).detect([PICTURES["upright"]])[0], expected(PICTURES["upright"], "grid"))
        return
    with pytest.raises(ConfigInvalid) as caught:
        loaded(folder)
    assert caught.value.code == refused


def test_a_file_that_is_no_network_is_a_fault_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"this is no network")
    with pytest.raises(ConfigInvalid, match=r"vision\.model_unreadable"):
        loaded(tmp_path)


def test_a_network_that_takes_no_pictures_is_refused(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, [1, 8])
    told = onnx.helper.make_tensor_value_info("output0", onnx.TensorProto.INT64, [1, 8])
    node = onnx.helper.make_node("Identity", ["tokens"], ["output0"])
    graph = onnx.helper.make_graph([node], "words", [value], [told])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigInvalid, match=r"vision\.model_shape"):
        loaded(tmp_path)


def test_a_card_that_this_build_cannot_use_is_refused_with_its_cure(tmp_path: Path) -> None:
    if "CUDAExecutionProvider" in onnx_runtime._runtime().get_available_providers():
        pytest.skip("this ONNX Runtime can use a card")
    with pytest.raises(ConfigInvalid, match=r"vision\.device_absent"):
        loaded(made(tmp_path, "grid"), device="cuda")


OFFLINE = """
import sys
asked = []
def hook(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        asked.append((event, str(arguments[:2])))
        raise PermissionError(event)
sys.addaudithook(hook)
from pathlib import Path
import numpy as np
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.registry import plugin
module = plugin("onnx")
folder = Path(sys.argv[1])
engine = module.load(module.Settings(model_dir=str(folder), model_sha256=folder_sha256(folder), device="cpu"))
print(len(engine.detect([np.zeros((90, 160, 3), np.uint8)] * 2)), "pictures, asked", asked)
"""


def test_loading_and_looking_touch_no_network(tmp_path: Path) -> None:
    """Seen by the interpreter's own audit, from the import to the end of the process."""
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(made(tmp_path, "grid"))],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.splitlines()[-1] == "2 pictures, asked []"
