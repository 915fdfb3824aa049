"""Pictures a second of the engine ``ultralytics``, alone and through the cameras' queue, on a card or a processor.

Run: ``python benchmarks/bench_vision_gpu.py [--model FOLDER] [--seconds 5] [--rate 1050] [--device cpu]``. Needs the
extra ``vision-ultralytics`` and nothing else of a centre. Without ``--model`` the network is yolo11n with random
weights made here: it computes as long as a trained one, and is as sure of a hundred anchors a picture as a street
makes it. Pictures are 1280x720, the input 384x640. On a card the result is ``vision_gpu``; on a processor
``vision_batches``, which says what batches give there and nothing of a card.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cior_vision.detectors import ultralytics_yolo
from cior_vision.detectors.letterbox import letterbox
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.ultralytics_yolo import UltralyticsSettings, UltralyticsYolo
from cior_vision.engine_queue import EngineQueue
from cior_vision.frames import Image
from cior_vision.synthetic import loiterer, render
from measured import Clocked, Result, Row, Table, latency, markdown, write

INPUT_PX = (384, 640)
CANDIDATES = 100
"""Anchors of a picture above the threshold: what is suppressed, as on a street with some people."""
ON_CARD, ON_PROCESSOR = (8, 16, 32, 64), (2, 4, 8)
AIM_PER_S, AIM_RATE, AIM_P99_MS = 2_500.0, 1_050.0, 150.0


def random_network(folder: Path, pictures: Sequence[Image]) -> Path:
    """yolo11n with random weights whose answers depend on the picture."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(5)
    model: Any = YOLO("yolo11n.yaml")
    seen = torch.from_numpy(np.concatenate([letterbox(one, INPUT_PX)[0] for one in pictures[::4]]))
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        model.model.train()(seen)
        for branch in model.model.model[-1].cv3:
            branch[-1].weight.mul_(3.0)
            branch[-1].bias.fill_(-3.0)
    model.model.eval()
    model.save(str(folder / "yolo11n.pt"))
    return folder


def engine_of(folder: Path, **more: Any) -> UltralyticsYolo:
    settings = UltralyticsSettings(
        model_dir=str(folder), model_sha256=folder_sha256(folder), **{"input_px": INPUT_PX, **more}
    )
    engine = ultralytics_yolo.load(settings)
    assert isinstance(engine, UltralyticsYolo)
    return engine


def network_of(folder: Path, device: Any) -> Any:
    """The library's network alone, as the engine loads it."""
    from ultralytics.nn.autobackend import AutoBackend

    on_card = device.type == "cuda"
    path = next(one for one in folder.iterdir() if one.suffix in ultralytics_yolo.SUFFIXES)
    return AutoBackend(path, device=device, fp16=on_card, verbose=False, channels_last=on_card or None)


def threshold(folder: Path, device: Any, pictures: Sequence[Image]) -> float:
    """The score that ``CANDIDATES`` anchors of a picture pass, in the median."""
    import torch

    blob = torch.from_numpy(np.concatenate([letterbox(one, INPUT_PX)[0] for one in pictures])).to(device)
    with torch.inference_mode():
        output = network_of(folder, device)(blob)
    heads = (output[0] if isinstance(output, list | tuple) else output).float()
    best = heads[:, 4:].amax(1).sort(dim=1, descending=True).values[:, CANDIDATES]
    return float(best.median())


def rates_of(works: Mapping[str, Callable[[], int]], seconds: float) -> dict[str, list[float]]:
    """Pictures a second of each call, so many seconds of each; in turn, so that a busy neighbour hits all alike."""
    for work in works.values():
        work()
    rates: dict[str, list[float]] = {label: [] for label in works}
    until_s = time.perf_counter() + seconds * len(works)
    while time.perf_counter() < until_s or len(next(iter(rates.values()))) < 3:
        for label, work in works.items():
            started_s = time.perf_counter()
            pictures = work()
            rates[label].append(pictures / (time.perf_counter() - started_s))
    return rates


def row_of(label: str, rates: Sequence[float], baseline: float, aim: float | None = None) -> Row:
    median = statistics.median(rates)
    return Row(
        label=label,
        unit="pictures/s",
        median=round(median, 1),
        n=len(rates),
        ratio=round(median / baseline, 2),
        baseline="one at a time",
        aim="" if aim is None else f"≥ {aim:,.0f}",
        met=None if aim is None else median >= aim,
    )


def repeated(pictures: Sequence[Image], count: int) -> list[Image]:
    return [pictures[n % len(pictures)] for n in range(count)]


def network_alone(folder: Path, device: Any, count: int) -> Callable[[], int]:
    """Runs of a ready batch, without upload, letterbox and suppression."""
    import torch

    network, on_card = network_of(folder, device), device.type == "cuda"
    blob = torch.rand(count, 3, *INPUT_PX, dtype=torch.float16 if on_card else torch.float32, device=device)

    def run() -> int:
        with torch.inference_mode():
            network(blob)
            if on_card:
                torch.cuda.synchronize()
        return count

    return run


def whole_path(engine: UltralyticsYolo, pictures: Sequence[Image], count: int) -> Callable[[], int]:
    """Pictures in memory to boxes, one call after the other."""
    batch = repeated(pictures, count)
    return lambda: len(engine.detect(batch))


def through_queue(
    engine: UltralyticsYolo, pictures: Sequence[Image], seconds: float, rate: float | None
) -> tuple[float, list[float], int]:
    """Pictures a second, ms from a picture's arrival to its boxes, pictures let go.

    A picture is let go when every camera has one inside already.
    ``rate`` a second at random instants from twice as many cameras; None: every camera shows its next picture as soon
    as the last one is answered.
    """
    dice = np.random.default_rng(7)
    free = [f"camera-{n}" for n in range(round(2 * rate) if rate else 2 * engine.facts.batch)]
    arrived: dict[str, float] = {}
    spent_ms, dropped, done = list[float](), 0, 0
    queue = EngineQueue(engine, monotonic_s=time.perf_counter)
    began_s = next_s = time.perf_counter()
    while (now_s := time.perf_counter()) < began_s + seconds:
        for answer in queue.answers():
            spent_ms.append((now_s - arrived.pop(answer.camera)) * 1000)
            free.append(answer.camera)
            done += 1
        while (next_s <= now_s) if rate else bool(free):
            camera = free.pop(0) if free else None
            dropped += camera is None
            if camera is not None:
                arrived[camera] = next_s if rate else now_s
                queue.ask(camera, pictures[len(spent_ms) % len(pictures)])
            next_s += float(dice.exponential(1 / rate)) if rate else 0.0
        time.sleep(0.0005)
    done += len(queue.close(within_s=120))
    return done / (time.perf_counter() - began_s), spent_ms, dropped


def speed_rows(
    engine: UltralyticsYolo, folder: Path, device: Any, pictures: Sequence[Image], *, seconds: float
) -> list[Row]:
    """One at a time, then together, alone and whole, then through the queue as the worker's cameras go."""
    on_card = device.type == "cuda"
    counts = ON_CARD if on_card else ON_PROCESSOR
    works = {"whole path, one at a time": whole_path(engine, pictures, 1)}
    works |= {f"whole path, {count} together": whole_path(engine, pictures, count) for count in counts}
    works |= {
        f"network alone, {count} together": network_alone(folder, device, count) for count in (1, *counts)
    }
    rates = rates_of(works, seconds)
    flood, _, _ = through_queue(engine, pictures, 4 * seconds, None)
    rates["whole path through the queue"] = [flood]
    one = statistics.median(rates["whole path, one at a time"])
    aims = {"whole path through the queue": AIM_PER_S if on_card else None}
    return [row_of(label, values, one, aims.get(label)) for label, values in rates.items()]


def arrival_row(
    engine: UltralyticsYolo, pictures: Sequence[Image], seconds: float, rate: float, *, on_card: bool
) -> tuple[Row, str]:
    """Time from arrival to boxes at a given rate, and how many were let go."""
    done, spent_ms, dropped = through_queue(engine, pictures, seconds, rate)
    label = f"arrival to boxes at {rate:,.0f} pictures/s ({done:,.0f} answered)"
    row = latency(label, spent_ms, p99_aim=AIM_P99_MS if on_card and rate >= AIM_RATE else None)
    return row, f"{dropped} of the pictures were let go, since their camera had one at the engine."


def device_of(wanted: str) -> tuple[Any, str]:
    """The device, and what it is in words."""
    import torch

    if wanted != "cpu" and torch.cuda.is_available():
        device = torch.device(wanted or "cuda:0")
        return (
            device,
            f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}, torch {torch.__version__}",
        )
    return torch.device("cpu"), f"processor, {torch.get_num_threads()} threads, torch {torch.__version__}"


def measured(options: argparse.Namespace, folder: Path, pictures: Sequence[Image]) -> Result:
    """All rows of one device."""
    device, told_device = device_of(options.device)
    on_card, seconds = device.type == "cuda", 1.0 if options.quick else options.seconds
    confidence = 0.1 if options.model else threshold(folder, device, pictures[::4])
    engine = engine_of(
        folder, device=str(device), confidence=confidence, batch=64 if on_card else ON_PROCESSOR[-1]
    )
    name = "vision_gpu" if on_card else "vision_batches"
    clocked = Clocked(
        name, "Vision on a card" if on_card else "Vision: batches on a processor", quick=options.quick
    )
    rows = speed_rows(engine, folder, device, pictures, seconds=seconds)
    rate = options.rate or (AIM_RATE if on_card else max(1.0, rows[-1].median / 2))
    wait, told = arrival_row(engine, pictures, 3 * seconds, rate, on_card=on_card)
    boxes, facts = statistics.median(len(one) for one in engine.detect(pictures)), engine.facts
    notes = [
        f"Device: {told_device}; ultralytics {facts.version}.",
        f"{facts.model}, input {INPUT_PX[0]}x{INPUT_PX[1]}, pictures of 1280x720, {boxes:.0f} boxes in each.",
        f"At most {facts.batch} together, {facts.wait_ms} ms of waiting for others, {facts.calls} calls at once.",
        told,
    ]
    if not on_card:
        notes.append("Of a card this says nothing: its figures are open until one is lent.")
    tables = [Table(title="Pictures a second", rows=tuple(rows)), Table(title="At a rate", rows=(wait,))]
    return clocked.result(tables, notes)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--rate", type=float, help="arrivals a second; 1,050 on a card, half its best on a processor"
    )
    parser.add_argument("--device", default="")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if importlib.util.find_spec("ultralytics") is None:
        print("Not measured: the extra vision-ultralytics (AGPL-3.0, torch) is not installed.")
        return
    os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    pictures = list(render(replace(loiterer(), width_px=1280, height_px=720, fps=1, duration_s=16.0)))
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or random_network(Path(folder), pictures)
        result = measured(options, model, pictures)
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
