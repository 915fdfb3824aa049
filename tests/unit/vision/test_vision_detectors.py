"""Engines: approved models only, boxes back where they were, and honest refusals."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_vision.detectors import motion_only, registry, ultralytics_yolo
from cior_vision.detectors.letterbox import decode, letterbox
from cior_vision.detectors.model_folder import (
    folder_sha256,
    network_file,
    read_labels,
    verified_sha256,
)
from cior_vision.frames import Detections, Floats
from engines.source_tree import ROOT


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "net.xml").write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"\0" * 64)
    (tmp_path / "metadata.yaml").write_text(
        "task: detect\nnames:\n  0: person\n  1: car\nargs:\n  batch: 1\n"
    )
    return tmp_path


def test_the_digest_is_what_coreutils_prints(model: Path) -> None:
    shell = subprocess.run(
        ["sh", "-c", "LC_ALL=C sha256sum * | sha256sum"],
        cwd=model,
        capture_output=True,
        text=True,
        check=True,
    )
    assert folder_sha256(model) == shell.stdout.split()[0]


@pytest.mark.parametrize("change", ["weights", "network", "labels", "new file"])
def test_a_model_that_changed_in_any_file_stops_the_worker(model: Path, change: str) -> None:
    approved = folder_sha256(model)
    name = {"weights": "net.bin", "network": "net.xml", "labels": "metadata.yaml", "new file": "other.txt"}[
        change
    ]
    with (model / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(IntegrityBroken, match=r"vision\.model_changed") as caught:
        verified_sha256(model, approved)
    assert folder_sha256(model) in str(caught.value), "the cure needs the new digest"


def test_labels_come_from_the_models_own_metadata(model: Path) -> None:
    assert read_labels(model) == ("person", "car")
    (model / "metadata.yaml").write_text("task: detect\n")
    with pytest.raises(ConfigInvalid, match=r"vision\.model_labels"):
        read_labels(model)


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (704, 576), (640, 640)])
@pytest.mark.parametrize("input_px", [(384, 640), (640, 640)])
def test_a_box_comes_back_to_where_it_was_in_a_picture_of_any_shape(
    size: tuple[int, int], input_px: tuple[int, int]
) -> None:
    """Draw a white box, find it in the letterboxed input by its pixels, pretend to be the network, decode."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    truth = (0.25, 0.25, 0.5, 0.75)
    image[
        round(truth[1] * height) : round(truth[3] * height), round(truth[0] * width) : round(truth[2] * width)
    ] = 255
    blob, fit = letterbox(image, input_px)
    assert blob.shape == (1, 3, *input_px)
    rows, columns = np.where(blob[0, 0] > 0.8)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    output = np.zeros((1, 6, 3), np.float32)
    output[0, :4, 1] = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    output[0, 5, 1] = 0.9
    found = decode(output, fit, confidence=0.25, iou=0.7)
    assert found.classes.tolist() == [1]
    assert found.boxes[0].tolist() == pytest.approx(truth, abs=2.5 / min(input_px))


def head(*objects: tuple[float, float, int, float]) -> Floats:
    """A head of three classes: (x, y, class, score), 40 x 80 pixels each."""
    output = np.zeros((1, 7, len(objects)), np.float32)
    for n, (x, y, label, score) in enumerate(objects):
        output[0, :4, n] = (x, y, 40, 80)
        output[0, 4 + label, n] = score
    return output


def decoded(output: Floats) -> Detections:
    return decode(
        output, letterbox(np.zeros((640, 640, 3), np.uint8), (640, 640))[1], confidence=0.25, iou=0.7
    )


def test_doubles_of_one_class_are_suppressed_and_two_classes_in_one_place_are_not() -> None:
    assert len(decoded(head((100, 100, 0, 0.9), (102, 101, 0, 0.8), (300, 300, 0, 0.7)))) == 2
    assert len(decoded(head((100, 100, 0, 0.9), (100, 100, 1, 0.8)))) == 2


def test_a_box_far_beyond_the_corner_is_suppressed_by_none_of_another_class() -> None:
    """OpenCV keeps classes apart by moving them by the largest edge, here 140 and one: it would lay one upon the other.
    Only a network that is far off tells such a box.
    """
    assert len(decoded(head((80, 100, 0, 0.9), (80 - 141, 100 - 141, 1, 0.8)))) == 2


def test_below_the_confidence_is_nothing_and_an_empty_head_is_nothing() -> None:
    assert len(decoded(head((100, 100, 0, 0.2)))) == 0
    assert len(decoded(head())) == 0


def test_scores_come_in_falling_order() -> None:
    scores = decoded(head((100, 100, 0, 0.5), (300, 100, 1, 0.9), (500, 100, 2, 0.7))).scores.tolist()
    assert scores == sorted(scores, reverse=True)


def test_engine_none_sees_nothing_and_says_so() -> None:
    engine = motion_only.load(motion_only.MotionOnlySettings())
    assert [len(one) for one in engine.detect([np.zeros((10, 10, 3), np.uint8)] * 2)] == [0, 0]
    assert engine.facts.engine == "none"
    assert not engine.facts.sees_classes
    assert "disabled" in engine.facts.remark


def test_every_built_in_engine_keeps_the_plugin_contract() -> None:
    for key in registry.BUILT_IN:
        module = registry.plugin(key)
        assert key == module.KEY
        assert module.Settings.__struct_config__.forbid_unknown_fields
        assert callable(module.load)


@pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is not None,
    reason="the extra vision-ultralytics is installed here",
)
def test_without_the_extra_ultralytics_is_refused_with_its_cure(model: Path) -> None:
    (model / "yolo11n.pt").write_bytes(b"x")
    settings = ultralytics_yolo.UltralyticsSettings(
        model_dir=str(model), model_sha256=folder_sha256(model), weights="yolo11n.pt"
    )
    with pytest.raises(ConfigInvalid, match=r"cior\[vision-ultralytics\]") as caught:
        ultralytics_yolo.load(settings)
    assert caught.value.code == "vision.engine_absent"


def test_the_extra_of_an_engine_brings_what_the_worker_needs_besides() -> None:
    """``cior[vision-ultralytics]`` alone must run a worker: decoding, tracking and pixels are in ``vision``."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for extra in (name for name in extras if name.startswith("vision-")):
        assert "cior[vision]" in extras[extra], extra
    assert {re.split("[=>]", one)[0] for one in extras["vision"]} >= {"av", "lap", "numpy"}


@pytest.mark.parametrize(
    ("weights", "beside"),
    [
        ("yolo11n.pt", ""),
        ("../outside.pt", ""),
        ("", ""),
        ("", "two.pt two.onnx"),
        ("net.pt", "net.pt .hidden.pt"),
        ("net.pt", "net.pt folder/net.pt"),
        (".hidden.pt", ".hidden.pt"),
    ],
)
def test_nothing_but_an_approved_file_of_the_folder_is_ever_loaded(
    tmp_path: Path, weights: str, beside: str
) -> None:
    """Neither a name that the library would look for on the network, nor a file that the digest does not cover; told
    before the library is even looked for.
    """
    (tmp_path / "outside.pt").write_bytes(b"x")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "metadata.yaml").write_text("names:\n  0: person\n")
    for name in beside.split():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    settings = ultralytics_yolo.UltralyticsSettings(
        model_dir=str(folder), model_sha256=folder_sha256(folder), weights=weights
    )
    with pytest.raises(ConfigInvalid) as caught:
        ultralytics_yolo.load(settings)
    assert caught.value.code == "vision.model_files"


def test_the_one_network_of_a_folder_is_found_and_one_of_several_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "one.pt").write_bytes(b"x")
    assert network_file(tmp_path, (".pt", ".onnx")).name == "one.pt"
    (tmp_path / "two.onnx").write_bytes(b"x")
    assert network_file(tmp_path, (".pt", ".onnx"), "two.onnx").name == "two.onnx"


def test_a_changed_model_is_refused_before_the_library_is_even_looked_for(model: Path) -> None:
    settings = ultralytics_yolo.UltralyticsSettings(model_dir=str(model), model_sha256="0" * 64)
    with pytest.raises(IntegrityBroken):
        ultralytics_yolo.load(settings)
