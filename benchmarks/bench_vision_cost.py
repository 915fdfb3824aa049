"""What watching a busy camera costs, and what it finds for that, on the public clips of the test data.

Run: ``python benchmarks/bench_vision_cost.py [--data FOLDER]``. The folder (default: ``CIOR_TEST_DATA``, else
``../shared/data``) holds ``models/*openvino_model`` and ``video/*.mp4``. Each row is the true pipeline over a whole
clip, one thread, beside the detector and the tracker on every picture of it at the full input; shares are of that row's
processor time. Tracks and switches are counted as ``track_truth`` says, means over three beginnings of the clip a tenth
of a second apart: association is chaotic, and one run says little.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from cior_core.model import Place, PlaceMethod, Struct
from cior_video.clock import StandingClock
from cior_video.drops import DropCounter, DropReason
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes, FrameTime, PacketTimes
from cior_vision.attention import AttentionSettings
from cior_vision.detectors import openvino_yolo
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.openvino_yolo import OpenVinoYolo
from cior_vision.frames import Frame, Image, Picture
from cior_vision.pipeline import CameraPipeline
from cior_vision.rule_settings import IntrusionRule, ZoneSettings
from cior_vision.settings import AnyVisionSettings, CameraSettings, VisionSettings
from cior_vision.sources import Probe, read_frames
from cior_vision.tracking import Tracker, TrackerSettings
from track_truth import Seen, compared

ROOT = Path(__file__).resolve().parents[1]
BEGINNINGS = 3
START_MS = 1_790_000_000_000
EVERY = AttentionSettings(whole_fps=60)
WAYS: tuple[tuple[str, float, bool, AttentionSettings], ...] = (
    ("5/s, all whole, full input", 5, False, EVERY),
    ("narrower input where the picture is", 5, True, EVERY),
    ("5/s, whole 2/s, nothing between", 5, True, AttentionSettings(whole_fps=2, sure_after=1)),
    ("5/s, whole 2/s, parts between", 5, True, AttentionSettings(whole_fps=2)),
    ("10/s, whole 2/s, whole where parts are needed", 10, False, AttentionSettings(whole_fps=2)),
    ("10/s, whole 2/s, parts between", 10, True, AttentionSettings(whole_fps=2)),
)
"""What it is, pictures a second, whether there are smaller inputs, how closely is looked."""


class Spent(Struct, frozen=True, kw_only=True):
    """Processor seconds of a run by stage, looks and how much of the full input they cost, tracks."""

    decode_s: float
    gate_s: float
    detect_s: float
    track_s: float
    looks: int
    area: float
    seen: Seen

    @property
    def all_s(self) -> float:
        """Everything."""
        return self.decode_s + self.gate_s + self.detect_s + self.track_s


class _Later(EpochTimes):
    """Times of a clip whose first so many pictures nobody wants."""

    def __init__(self, skipped: int) -> None:
        super().__init__(file_start_ms=START_MS)
        self._left = skipped

    def stamp(self, pts: int | None, time_base: Fraction, seen: PacketTimes) -> FrameTime | DropReason:
        """Of those that are wanted."""
        stamped, self._left = super().stamp(pts, time_base, seen), self._left - 1
        return stamped if self._left < 0 else DropReason.SAMPLED


def frames(clip: Path, fps: float, *, skipped: int = 0) -> Iterator[Frame]:
    """The clip's pictures without the first ``skipped``, sampled as a worker does."""
    source = SourceSettings(url=str(clip), fps=fps, pace="fast")
    with open_source(source) as container:
        for frame in read_frames(
            container,
            times=_Later(skipped),
            source=source,
            clock=StandingClock(START_MS),
            drops=DropCounter(),
            probe=Probe(),
            stopped=lambda: False,
        ):
            if isinstance(frame, Frame):
                yield frame


def engine_of(model: Path, *, parts: bool) -> OpenVinoYolo:
    """One request, one thread: what one core can pay for."""
    settings = openvino_yolo.OpenVinoSettings(
        model_dir=str(model), model_sha256=folder_sha256(model), requests=1, threads=1, parts=parts
    )
    return OpenVinoYolo(settings)


def every_picture(clip: Path, engine: OpenVinoYolo, classes: tuple[str, ...]) -> Spent:
    """Detector and tracker on every picture, no gate."""
    labels = engine.facts.labels
    wanted = frozenset(n for n, label in enumerate(labels) if not classes or label in classes)
    tracker, seen, spent = Tracker(TrackerSettings(), labels), [], [0.0, 0.0, 0.0]
    pictures, at = frames(clip, 60), time.process_time()
    for frame in pictures:
        image = frame.image
        decoded = time.process_time()
        [found] = engine.detect([image])
        detected = time.process_time()
        told = tracker.step(found.only(wanted), frame.time.stream_s, aspect=frame.aspect)
        seen.append((frame.time.stream_s, told.sightings))
        done = time.process_time()
        spent = [spent[0] + decoded - at, spent[1] + detected - decoded, spent[2] + done - detected]
        at = done
    return Spent(
        decode_s=spent[0], gate_s=0.0, detect_s=spent[1], track_s=spent[2],
        looks=len(seen), area=float(len(seen)), seen=seen,
    )  # fmt: skip


def settings_of(clip: Path, classes: tuple[str, ...], attention: AttentionSettings) -> AnyVisionSettings:
    """One camera, one zone over all of it, one rule about ``classes``."""
    camera = CameraSettings(
        id="c", place=Place(method=PlaceMethod.UNKNOWN), source=SourceSettings(url=str(clip), pace="fast")
    )
    zone = ZoneSettings(id="z", camera="c", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    rule = IntrusionRule(id="r", zone="z", classes=classes)
    return VisionSettings(
        detector=openvino_yolo.OpenVinoSettings(model_dir="", model_sha256="0" * 64),
        attention=attention, zone=(zone,), rule=(rule,), camera=(camera,),
    )  # fmt: skip


class _Colours:
    """Counts the making of colours, which the gate asks for, with decoding."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def of(self, frame: Frame) -> Frame:
        """A frame that does."""
        return replace(frame, picture=Picture(frame.picture.size_px, lambda: self._made(frame)))

    def _made(self, frame: Frame) -> Image:
        at = time.process_time()
        image = frame.image
        self.spent_s += time.process_time() - at
        return image


def worker(pictures: Iterator[Frame], engine: OpenVinoYolo, settings: AnyVisionSettings) -> Spent:
    """The pipeline of one camera."""
    pipeline = CameraPipeline(settings, settings.camera[0], engine.facts, DropCounter())
    seen, area, spent, at = [], 0, [0.0, 0.0, 0.0, 0.0], time.process_time()
    colours = _Colours()
    for frame in map(colours.of, pictures):
        decoded = time.process_time()
        look = pipeline.check(frame)
        gated = time.process_time()
        found = None
        if look is not None:
            [found] = engine.detect([look.image])
            high, wide = engine.size_for((look.image.shape[0], look.image.shape[1]))
            area += high * wide
        detected = time.process_time()
        outcome = pipeline.follow(frame, found)
        if outcome.sightings is not None:
            seen.append((frame.time.stream_s, outcome.sightings))
        done = time.process_time()
        steps = (decoded - at, gated - decoded, detected - gated, done - detected)
        spent, at = [before + step for before, step in zip(spent, steps, strict=True)], done
    full = engine.facts.input_px or (1, 1)
    return Spent(
        decode_s=spent[0] + colours.spent_s, gate_s=spent[1] - colours.spent_s, detect_s=spent[2],
        track_s=spent[3], looks=pipeline.facts.detected, area=area / (full[0] * full[1]),
        seen=seen,
    )  # fmt: skip


def row(name: str, runs: list[Spent], every: Spent) -> str:
    """A line of the table: means over the beginnings."""
    told = [compared(every.seen, one.seen) for one in runs]
    mean = statistics.fmean
    all_s = mean(one.all_s for one in runs)
    shares = " | ".join(
        f"{mean(getattr(one, part) for one in runs) / all_s:.0%}"
        for part in ("decode_s", "gate_s", "detect_s", "track_s")
    )
    return (
        f"| {name} | {mean(one.looks for one in runs) / every.looks:.0%} "
        f"| {mean(one.area for one in runs) / every.area:.0%} | {all_s / every.all_s:.0%} | {shares} "
        f"| {mean(one.found for one in told):.1f} of {told[0].tracks} | {mean(one.switches for one in told):.1f} |"
    )


def main() -> None:
    """Measure and print a table a clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    )
    data = parser.parse_args().data
    model = next(iter(sorted((data / "models").glob("*openvino_model"))), None)
    if model is None:
        raise SystemExit("no model: set CIOR_TEST_DATA or --data")
    full, sized = engine_of(model, parts=False), engine_of(model, parts=True)
    for name, classes in (("vtest.mp4", ("person",)), ("car-detection.mp4", ())):
        clip = data / "video" / name
        every = every_picture(clip, full, classes)
        print(
            f"\n### {name}: {', '.join(classes) or 'any object'}\n\n| way | looks | area looked at | processor time "
            "| decode | gate | detect | track | tracks found | id switches |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        print(row(f"every picture ({1000 * every.all_s / every.looks:.1f} ms each)", [every], every))
        for way, fps, parts, attention in WAYS:
            settings, engine = settings_of(clip, classes, attention), sized if parts else full
            runs = [worker(frames(clip, fps, skipped=n), engine, settings) for n in range(BEGINNINGS)]
            print(row(way, runs, every), flush=True)


if __name__ == "__main__":
    main()
