"""The laws of the design that concern this room, as tests that fail when somebody breaks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import cior_vision
from cior_core import bundled
from cior_core.taxonomy import Taxonomy
from cior_video.drops import DropCounter, DropReason, as_rows
from cior_vision.reader import FrameQueue

ROOM = Path(cior_vision.__file__).parent
CLOCK_CALLS = {
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "now",
    "utcnow",
    "today",
    "localtime",
    "gmtime",
}
FACE_LIBRARIES = {
    "face_recognition",
    "dlib",
    "insightface",
    "deepface",
    "facenet_pytorch",
    "mediapipe",
    "retinaface",
    "mtcnn",
    "arcface",
    "facelib",
    "face_alignment",
    "compreface",
}
FACE_CALLS = {
    "CascadeClassifier",
    "FaceDetectorYN",
    "FaceRecognizerSF",
    "FaceDetectorYN_create",
    "FaceRecognizerSF_create",
    "face",
}
FRAMEWORKS = {
    "openvino": {"detectors/openvino_yolo.py", "detectors/input_size.py"},
    "ultralytics": {"detectors/ultralytics_yolo.py"},
    "onnxruntime": {"detectors/onnx_runtime.py"},
    "torch": {"detectors/ultralytics_yolo.py", "detectors/on_card.py"},
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    paths = sorted(ROOM.rglob("*.py"))
    assert len(paths) > 20, "the scan must see the room"
    for path in paths:
        yield str(path.relative_to(ROOM)), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_law_6_only_the_edge_clock_reads_a_clock() -> None:
    readers = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        if name != "clock.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCK_CALLS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"time", "datetime", "date"}
    ]
    importers = [name for name, tree in trees() if name != "clock.py" and "time" in set(imports(tree))]
    assert readers == []
    assert importers == []


def test_law_10_no_face_recognition_can_be_imported_or_called() -> None:
    for name, tree in trees():
        assert not {found.split(".")[0] for found in imports(tree)} & FACE_LIBRARIES, name
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & FACE_CALLS, name
    named = {
        requirement.split(";")[0].split("=")[0].split("[")[0].strip().replace("-", "_").lower()
        for requirement in requires("cior") or []
    }
    assert named
    assert not named & FACE_LIBRARIES


def test_law_10_the_taxonomy_has_no_type_about_who_somebody_is() -> None:
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    assert len(kinds) > 40
    words = (
        "face",
        "rostro",
        "facial",
        "biometr",
        "identif",
        "recogni",
        "reconoc",
        "gender",
        "ethnic",
        "age_",
    )
    about_persons = [
        code
        for code, kind in kinds.items()
        if code.startswith(("vision.", "camera."))
        for word in words
        if word in f"{code} {kind.name_es} {kind.name_en}".lower()
    ]
    assert about_persons == []


def test_detector_frameworks_are_imported_in_their_plugin_only() -> None:
    for framework, homes in FRAMEWORKS.items():
        users = {
            name for name, tree in trees() if any(found.split(".")[0] == framework for found in imports(tree))
        }
        assert users <= homes, framework


def test_rules_are_testable_without_opencv_or_numpy() -> None:
    for name, tree in trees():
        if name in {"rules.py", "tamper.py", "geometry.py", "incidents.py", "rule_settings.py", "timing.py"}:
            assert not {found.split(".")[0] for found in imports(tree)} & {
                "cv2",
                "numpy",
                "av",
                "openvino",
            }, name


def test_law_11_a_full_queue_drops_the_oldest_picture_and_counts_it_with_reason_and_intent() -> None:
    drops = DropCounter()
    queue = FrameQueue(drops, size=2)
    for picture in ("first", "second", "third"):
        queue.put(picture)  # type: ignore[arg-type]  # the queue does not look inside
    left: list[object] = [queue.get(), queue.get(), queue.get()]
    assert left == ["second", "third", None]
    assert as_rows(drops.snapshot()) == [{"reason": "queue_full", "intentional": True, "count": 1}]


def test_law_11_every_reason_says_whether_it_was_our_will() -> None:
    ours = {reason for reason in DropReason if reason.intentional}
    assert ours == {
        DropReason.SAMPLED,
        DropReason.QUEUE_FULL,
        DropReason.LIGHT_SWITCH,
        DropReason.STOPPING,
    }
    assert {row["intentional"] for row in as_rows(dict.fromkeys(DropReason, 1))} == {True, False}
