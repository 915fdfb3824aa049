"""What it costs to show a camera's H.265 to a browser that cannot decode it, and how far behind that is.

    python benchmarks/bench_converted_view.py [--quick] [--rounds 3] [--samples 30]

*Cost*: a drawn street of 1280 x 720 at 25 pictures a second with noise, coded as H.265, cut into segments of two
seconds, converted one after the other by the process that a console starts; processor time is that process's alone,
kernel included; the same clip decoded only is the baseline. *Behind*: the native view of H.264 (the baseline) and then
the converted one of H.265, each as ``bench_live_view.py`` measures it, with a recorder's own two seconds a segment.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from bench_live_view import BEHIND_AIM_MS, SEGMENT_S, behind  # noqa: E402
from cior_video.converter import Converter  # noqa: E402
from cior_vision.synthetic import encode, loiterer  # noqa: E402
from measured import Clocked, Row, Table, latency, write  # noqa: E402

FPS = 25
CLIP_S = 6
NOISE = 9
NOTE = (
    "The process comes after every other of the machine: how long a segment takes is what the load leaves it, so the "
    "processor time says what it costs and the wait how busy the machine was. Age is read off a picture of 320 x 180 "
    "at 10 a second, whose conversion takes next to nothing: of a larger one it is older by the wait for a segment."
)
CODING = {"preset": "ultrafast", "crf": "26", "x265-params": "keyint=50:bframes=0:pools=1:log-level=none"}


def street(folder: Path) -> list[bytes]:
    """Segments of the clip as H.265, each a file of its own."""
    scene = replace(
        loiterer(arrives_s=1.0, stays_s=4.0), width_px=1280, height_px=720, fps=FPS, duration_s=CLIP_S
    )
    drawn = encode(scene, folder / "street.mp4", crf=18)
    found: list[bytes] = []
    with av.open(str(drawn)) as source:
        pictures: list[Any] = []
        for picture in source.decode(video=0):
            pictures.append(picture)
            if len(pictures) == round(SEGMENT_S * FPS):
                found.append(_segment(pictures))
                pictures = []
    return found


def _segment(pictures: list[Any]) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof"}) as out:
        stream: Any = out.add_stream("libx265", rate=FPS, options=CODING)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number, clean in enumerate(pictures):
            picture = _noisy(clean, number)
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return target.getvalue()


def _noisy(clean: Any, number: int) -> Any:
    """As a sensor sees it: what is drawn alone would cost next to nothing to code."""
    planes = clean.reformat(format="yuv420p").to_ndarray().astype(np.int16)
    noise = np.random.default_rng(number).integers(-NOISE, NOISE + 1, planes.shape, np.int16)
    return av.VideoFrame.from_ndarray(np.clip(planes + noise, 0, 255).astype(np.uint8), format="yuv420p")


def decoded_s(segments: list[bytes]) -> float:
    """Processor time of decoding alone, one thread, a second of video."""
    began_s = time.process_time()
    for each in segments:
        with av.open(io.BytesIO(each), "r") as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _ in container.decode(video=0):
                pass
    return (time.process_time() - began_s) / (len(segments) * SEGMENT_S)


async def cost(segments: list[bytes], rounds: int) -> tuple[list[float], list[float], float, float]:
    """Processor seconds a second of video, milliseconds until a segment is there, Mbit/s, and memory at its highest."""
    converter = await Converter.start()
    process = psutil.Process(converter.pid)
    spent: list[float] = []
    waits: list[float] = []
    size = 0
    try:
        for _ in range(rounds):
            before = process.cpu_times()
            size = 0
            for each in segments:
                began_s = time.monotonic()
                made, is_blank = await converter.convert(each)
                assert not is_blank
                waits.append((time.monotonic() - began_s) * 1000)
                size += len(made)
            after = process.cpu_times()
            took_s = after.user + after.system - before.user - before.system
            spent.append(took_s / (len(segments) * SEGMENT_S))
        return spent, waits, size * 8 / 1e6 / (len(segments) * SEGMENT_S), process.memory_info().rss / 2**20
    finally:
        await converter.close()


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=30)
    options = parser.parse_args()
    clocked = Clocked("converted_view", "Converted view", quick=options.quick)
    samples = 20 if options.quick else options.samples
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments = street(folder)
        mbit = sum(map(len, segments)) * 8 / 1e6 / (len(segments) * SEGMENT_S)
        alone_s = decoded_s(segments)
        spent, waits, made_mbit, mib = asyncio.run(cost(segments, options.rounds))
        ages = {}
        for each, converter in (("native", None), ("converted", Converter.start)):
            (folder / each / "clock").mkdir(parents=True)
            ages[each] = asyncio.run(behind(folder / each, samples=samples, converter=converter))
    spent.sort()
    typical_s = spent[len(spent) // 2]
    street_rows = (
        Row(label="decoding alone", unit="ms of processor a second of video", median=round(alone_s * 1000)),
        Row(
            label="conversion",
            unit="ms of processor a second of video",
            median=round(typical_s * 1000),
            highest=round(spent[-1] * 1000),
            n=len(spent),
            ratio=round(typical_s / alone_s, 1),
            baseline="decoding alone",
        ),
        latency("a segment asked for to the segment there, nobody else asking", waits),
        Row(label="what is sent to a page", unit="Mbit/s", median=round(made_mbit, 1)),
        Row(label="memory of the process", unit="MiB", median=round(mib)),
    )
    tables = [
        Table(
            title=f"720p at {FPS} pictures a second, H.265 of {mbit:.1f} Mbit/s to H.264", rows=street_rows
        ),
        Table(
            title="Age of the live picture on an operator's screen",
            rows=(
                latency("native H.264, picture taken to picture seen", ages["native"], p95_aim=BEHIND_AIM_MS),
                latency("H.265 converted, the same", ages["converted"], p95_aim=BEHIND_AIM_MS),
            ),
        ),
    ]
    path = write(clocked.result(tables, [NOTE]))
    print(tables)
    print(path)


if __name__ == "__main__":
    main()
