"""Does a narrower input make tracks change their numbers more often? The same pictures with both, in pairs.

Run: ``python benchmarks/bench_vision_switches.py [--data FOLDER] [--pairs 16]``. Association is chaotic: a clip that
begins a tenth of a second later, or lies a pixel further to the left, gives other switches. So each pair is such a
clip, looked at five times a second with the full input and with the narrowest that holds the picture at the same scale;
what counts is the difference within pairs, and how it varies from pair to pair. Counted as ``track_truth`` says.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from bench_vision_cost import EVERY, ROOT, engine_of, every_picture, frames, settings_of, worker
from cior_vision.frames import Frame, Image, Picture
from track_truth import compared

FPS, BEGINNINGS = 5, 2
"""Of a clip of ten pictures a second there are two ways to take five."""
CLIP, CLASSES = "vtest.mp4", ("person",)


def further_left(frame: Frame, by_px: int) -> Frame:
    """The same picture, moved; its last column fills up what is missing."""

    def moved() -> Image:
        cut = frame.image[:, by_px:]
        return np.asarray(cv2.copyMakeBorder(cut, 0, 0, 0, by_px, cv2.BORDER_REPLICATE), np.uint8)

    return frame if by_px == 0 else replace(frame, picture=Picture(frame.picture.size_px, moved))


def beginning(clip: Path, pair: int) -> Iterator[Frame]:
    """The pictures of a pair."""
    return (further_left(frame, pair // BEGINNINGS) for frame in frames(clip, FPS, skipped=pair % BEGINNINGS))


def main() -> None:
    """Measure and print a table of the pairs, and what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    )
    parser.add_argument("--pairs", type=int, default=16)
    options = parser.parse_args()
    model = next(iter(sorted((options.data / "models").glob("*openvino_model"))), None)
    if model is None:
        raise SystemExit("no model: set CIOR_TEST_DATA or --data")
    clip = options.data / "video" / CLIP
    engines = engine_of(model, parts=False), engine_of(model, parts=True)
    every, settings = every_picture(clip, engines[0], CLASSES).seen, settings_of(clip, CLASSES, EVERY)
    print(
        "| begins | further left | id switches, full input | narrow | more | tracks found, full | narrow |\n"
        "|---|---|---|---|---|---|---|"
    )
    more = []
    for pair in range(options.pairs):
        full, narrow = (
            compared(every, worker(beginning(clip, pair), engine, settings).seen) for engine in engines
        )
        more.append(narrow.switches - full.switches)
        print(
            f"| {pair % BEGINNINGS / 10:.1f} s | {pair // BEGINNINGS} px | {full.switches} | {narrow.switches} "
            f"| {more[-1]:+d} | {full.found} of {full.tracks} | {narrow.found} of {narrow.tracks} |",
            flush=True,
        )
    mean, spread = statistics.fmean(more), statistics.stdev(more)
    error = spread / len(more) ** 0.5
    print(
        f"\nThe narrow input has {mean:+.2f} switches a run to the full one, with a standard deviation of {spread:.2f} "
        f"from pair to pair: {mean:+.2f} ± {2 * error:.2f} (two standard errors, {len(more)} pairs)."
    )


if __name__ == "__main__":
    main()
