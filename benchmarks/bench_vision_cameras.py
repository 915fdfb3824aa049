"""How many busy cameras of 1280x720 one core pays for: the whole way of a picture, by processor time.

Run: ``python benchmarks/bench_vision_cameras.py [--data FOLDER] [--made FOLDER] [--seconds 30]``. The public clips as
cameras send them (``camera_streams``): a sub-stream of 5 and of 10 pictures a second, and 25 a second, without pictures
that refer forward and with two of three that nobody refers to. Of each, decoding, gate, network and tracker are timed
as a worker does them, one thread; cameras a core are seconds of the stream for each second of a processor. Tracks and
switches are against the same network and tracker on every picture of the stream. ``--made`` keeps the streams.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench_vision_cost import EVERY, ROOT, Spent, engine_of, every_picture, frames, settings_of, worker
from camera_streams import Stream, sent
from cior_vision.attention import AttentionSettings
from cior_vision.detectors.openvino_yolo import OpenVinoYolo
from track_truth import Comparison, compared

CLIPS = (("plaza", "vtest.mp4", ("person",)), ("cars", "car-detection.mp4", ()))
STREAMS = (
    Stream(name="5/s", fps=5, kbit_s=700),
    Stream(name="10/s", fps=10, kbit_s=1000),
    Stream(name="25/s", fps=25, kbit_s=2000),
    Stream(name="25/s with B", fps=25, kbit_s=2000, forward=2),
)
PARTS = AttentionSettings(whole_fps=2)
WAYS = (
    ("5 whole", 5, EVERY),
    ("10 whole", 10, EVERY),
    ("5, whole 2 and parts", 5, PARTS),
    ("10, whole 2 and parts", 10, PARTS),
)
"""What is looked at in a second, pictures a second, how closely."""
COLUMNS = (
    "camera, its pictures, what is looked at a second", "cameras a core", "ms a second", "decode", "gate", "detect",
    "track", "looks a second", "tracks found", "id switches",
)  # fmt: skip


def warmed(engine: OpenVinoYolo) -> OpenVinoYolo:
    """With every input made ready, which else the first pictures pay for."""
    for high, wide in (*engine.facts.sizes_px, engine.facts.input_px or (384, 640)):
        engine.detect([np.zeros((high, wide, 3), np.uint8)] * 3)
    return engine


def row(name: str, spent: Spent, told: Comparison, lasts_s: int) -> str:
    """A line of the table."""
    parts = " | ".join(
        f"{1000 * part / lasts_s:.1f}"
        for part in (spent.all_s, spent.decode_s, spent.gate_s, spent.detect_s, spent.track_s)
    )
    return (
        f"| {name} | {lasts_s / spent.all_s:.1f} | {parts} | {spent.looks / lasts_s:.1f} "
        f"| {told.found} of {told.tracks} | {told.switches} |"
    )


def rows(data: Path, made: Path, engines: tuple[OpenVinoYolo, OpenVinoYolo], lasts_s: int) -> Iterator[str]:
    """All lines. ``engines``: without smaller inputs, and with."""
    for place, name, classes in CLIPS:
        for stream in STREAMS:
            clip = made / f"{place}-{stream.name.replace('/', '-').replace(' ', '-')}-{lasts_s}.mp4"
            if not clip.exists():
                sent(data / "video" / name, clip, stream, lasts_s=lasts_s)
            every = every_picture(clip, engines[0], classes)
            for way, fps, attention in WAYS:
                if fps <= stream.fps:
                    settings = settings_of(clip, classes, attention)
                    spent = worker(frames(clip, fps), engines[1], settings)
                    label = f"{place}, {stream.name}, {way}"
                    yield row(label, spent, compared(every.seen, spent.seen), lasts_s)


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    )
    parser.add_argument("--made", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    model = next(iter(sorted((options.data / "models").glob("*openvino_model"))), None)
    if model is None:
        raise SystemExit("no model: set CIOR_TEST_DATA or --data")
    cv2.setNumThreads(1)
    engines = warmed(engine_of(model, parts=False)), warmed(engine_of(model, parts=True))
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as folder:
        for line in rows(options.data, options.made or Path(folder), engines, options.seconds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
