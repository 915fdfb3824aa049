"""Milliseconds a picture by stage, and cameras a core, on our own drawn clip.

Run: ``python benchmarks/bench_vision.py [--model FOLDER] [--pictures 60] [--rounds 5]``. The model's folder defaults
to the first of ``CIOR_TEST_DATA`` (else ``../shared/data``); without one the detector rows are left out, and the
output says so. Ratios are against the network at 640x640 with one request, measured in the same run, interleaved.
``ultralytics`` is measured only where its extra is installed.

Cameras a core are counted by processor time, with the tracker and one request of one thread: what one core can pay for.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from cior_vision.detectors import openvino_yolo, ultralytics_yolo
from cior_vision.detectors.contract import Detector
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.frames import Detections, Image
from cior_vision.gate import GateSettings, MotionGate
from cior_vision.scene import SceneReader
from cior_vision.shrunk import shrink
from cior_vision.synthetic import encode, loiterer, render
from cior_vision.tracking import Tracker, TrackerSettings

ROOT = Path(__file__).resolve().parents[1]
CAMERA_FPS = 5


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    started_s = time.perf_counter()
    work()
    return (time.perf_counter() - started_s) * 1000


def default_model() -> Path | None:
    """The first exported model of the test data."""
    data = Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    return next((path.parent for path in sorted((data / "models").glob("*openvino_model/*.xml"))), None)


def decode_ms(rounds: int) -> float:
    """Decoding 1280x720 H.264 and turning every picture into BGR, a picture."""
    with tempfile.TemporaryDirectory() as folder:
        scene = replace(loiterer(stays_s=1.0), width_px=1280, height_px=720, duration_s=6.0)
        clip = encode(scene, Path(folder) / "clip.mp4")

        def once() -> None:
            with av.open(str(clip)) as container:
                container.streams.video[0].codec_context.thread_count = 1
                for picture in container.decode(video=0):
                    picture.to_ndarray(format="bgr24")

        return statistics.median(timed(once) for _ in range(rounds)) / scene.pictures


def looks_ms(pictures: Sequence[Image]) -> dict[str, float]:
    """Gate and statistics (mean: the view is judged once a second), a picture."""
    gate, scene = MotionGate(GateSettings()), SceneReader()
    spent: dict[str, list[float]] = {"shrink": [], "gate": [], "statistics": []}
    for n, picture in enumerate(pictures):
        grey = shrink(picture)
        spent["shrink"].append(timed(lambda image=picture: shrink(image)))  # type: ignore[misc]
        at_s = n / CAMERA_FPS
        spent["gate"].append(timed(lambda small=grey, at_s=at_s: gate.step(small, at_s)))  # type: ignore[misc]
        spent["statistics"].append(
            timed(lambda small=grey, at_s=at_s: scene.read(small, at_s, after_key=False))  # type: ignore[misc]
        )
    return {name: statistics.fmean(values) for name, values in spent.items()}


def tracker_ms(people: int) -> float:
    """One tracker step with so many people walking."""
    chance = np.random.default_rng(1)
    start = chance.uniform(0.05, 0.9, (people, 2))
    speed = chance.uniform(-0.005, 0.005, (people, 2))
    tracker, spent = Tracker(TrackerSettings(), ("person",)), []
    for n in range(100):
        corner = start + speed * n
        boxes = np.concatenate([corner, corner + np.array([0.03, 0.09])], axis=1).astype(np.float32)
        found = Detections(
            boxes=boxes, scores=np.full(people, 0.8, np.float32), classes=np.zeros(people, np.int64)
        )
        at_s = n / CAMERA_FPS
        spent.append(timed(lambda one=found, at_s=at_s: tracker.step(one, at_s, aspect=16 / 9)))  # type: ignore[misc]
    return statistics.median(spent[10:])


def engines(model: Path) -> dict[str, Detector]:
    """Every engine and size to compare."""
    digest, made = folder_sha256(model), dict[str, Detector]()
    for name, input_px, requests in (
        ("openvino 640x640, 1 request", (640, 640), 1),
        ("openvino 384x640, 1 request", (384, 640), 1),
        ("openvino 320x320, 1 request", (320, 320), 1),
        ("openvino 640x640, 2 requests", (640, 640), 2),
        ("openvino 384x640, 2 requests", (384, 640), 2),
    ):
        settings = openvino_yolo.OpenVinoSettings(
            model_dir=str(model), model_sha256=digest, input_px=input_px, requests=requests
        )
        made[name] = openvino_yolo.load(settings)
    if importlib.util.find_spec("ultralytics") is not None:
        made["ultralytics 640x640"] = ultralytics_yolo.load(
            ultralytics_yolo.UltralyticsSettings(model_dir=str(model), model_sha256=digest)
        )
    return made


def engine_rows(model: Path, pictures: Sequence[Image], rounds: int) -> list[tuple[str, float]]:
    """Milliseconds a picture, engines interleaved so that a busy neighbour hits them alike."""
    made = engines(model)
    spent: dict[str, list[float]] = {name: [] for name in made}
    for engine in made.values():
        engine.detect(pictures[:2])
    for _ in range(rounds):
        for name, engine in made.items():
            spent[name].append(timed(lambda one=engine: one.detect(pictures)) / len(pictures))  # type: ignore[misc]
    return [(name, statistics.median(values)) for name, values in spent.items()]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=default_model())
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    scene = replace(loiterer(stays_s=4.0), width_px=1280, height_px=720, fps=CAMERA_FPS)
    pictures = list(render(replace(scene, duration_s=options.pictures / CAMERA_FPS)))
    print("| stage (1280x720, median) | ms a picture | ratio |\n|---|---|---|")
    decode = decode_ms(options.rounds)
    looks = looks_ms(pictures)
    print(f"| decode + BGR, 1 thread | {decode:.2f} | |")
    for name, value in looks.items():
        print(f"| {name} | {value:.2f} | |")
    for people in (1, 5, 20):
        print(f"| tracker, {people} people | {tracker_ms(people):.2f} | |")
    if options.model is None:
        print("\nNo model: detector rows left out (set CIOR_TEST_DATA or --model).")
        return
    rows = engine_rows(options.model, pictures[: min(24, len(pictures))], options.rounds)
    for name, value in rows:
        print(f"| {name} | {value:.1f} | {value / rows[0][1]:.2f} |")
    if importlib.util.find_spec("ultralytics") is None:
        print("\nultralytics is not installed: no ratio to it.")
    print("\n" + cameras_a_core(options.model, pictures, around_ms=decode + sum(looks.values())))


def cameras_a_core(model: Path, pictures: Sequence[Image], *, around_ms: float) -> str:
    """How many cameras one core pays for, as a table.

    ``around_ms``: decoding, gate and statistics of a picture, single threads.
    """
    engine = openvino_yolo.load(
        openvino_yolo.OpenVinoSettings(
            model_dir=str(model),
            model_sha256=folder_sha256(model),
            input_px=(384, 640),
            requests=1,
            threads=1,
        )
    )
    engine.detect(pictures[:2])
    spent: list[float] = []
    for picture in pictures:
        started_s = time.process_time()
        engine.detect([picture])
        spent.append((time.process_time() - started_s) * 1000)
    detect_ms = statistics.median(spent)
    seen_ms = detect_ms + tracker_ms(5)
    lines = [
        f"| cameras of {CAMERA_FPS} pictures/s a core, tracker with 5 people, one request 384x640 | cameras a core |",
        "|---|---|",
        f"| (processor time of detection and tracking a picture, ms) | {seen_ms:.1f} |",
    ]
    for share in (1.0, 0.1):
        busy_ms = CAMERA_FPS * (around_ms + share * seen_ms)
        lines.append(f"| gate open {share:.0%} of the time | {1000 / busy_ms:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
