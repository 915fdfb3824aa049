"""Cameras of 2 Mbit/s that one core records: processor time of the recorder alone, by RTSP and without a network.

Run: ``python benchmarks/bench_recorder.py [--cameras 20] [--seconds 20]``. The cameras are one drawn clip, 1280x720,
25 pictures a second, from a server of our own that has cut its packets before, in a process of its own
(``engines.rtsp_street``); the ring is in the temporary folder (``TMPDIR``). *Fed*: the same packets handed to a track
as fast as it takes them: what muxing, hashing, index and disk cost, without RTSP and threads. Processor time of all
threads counts, the kernel's for the recorder included.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av

from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_core.model import Producer
from cior_recorder.ledger import Ledger
from cior_recorder.recorder import Recorder
from cior_recorder.recovery import resumed
from cior_recorder.settings import RecorderSection, RecorderSettings
from cior_recorder.track import Cutting, Shelf, Track
from cior_video.clock import SystemClock
from cior_video.sources import SourceSettings
from cior_video.timing import PacketTimes
from cior_vision.synthetic import encode, loiterer
from measured import Clocked, Row, Table, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from doubles.courts import NoOrders
from engines.rtsp_street import Street

MBIT = 2.0
CLIP_S = 12.0
_ARRIVED = 0.95
"""Less of what was sent, and the figure beside it says nothing."""


class Nowhere:
    """A bus that nobody reads."""

    async def publish(self, messages: Sequence[MessageOut], /) -> None:
        """Forgotten."""


def cpu_s() -> float:
    """Processor seconds of this process, all threads, kernel included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def clip_of(folder: Path) -> tuple[Path, float]:
    """The clip and its Mbit/s."""
    scene = replace(
        loiterer(arrives_s=1.0, stays_s=4.0), width_px=1280, height_px=720, fps=25, duration_s=CLIP_S
    )
    clip = encode(scene, folder / "camera.mp4", crf=24)
    return clip, clip.stat().st_size * 8 / CLIP_S / 1e6


def fed(clip: Path, ring: Path, *, rounds: int) -> float:
    """Camera seconds a processor second."""
    clock = SystemClock()
    ledger = Ledger(ring, "fed")
    left = resumed(ring, "fed", ledger, now_ms=clock.now_ms())
    shelf = Shelf(ring=ring, ledger=ledger, has_room=lambda: True, closed=lambda _: None)
    track = Track("fed", shelf, left=left, clock=clock, cutting=Cutting())
    spent_s, taken_s = 0.0, 0.0
    for _ in range(rounds):
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            packets = [each for each in container.demux(stream) if each.size]
            began_s = cpu_s()
            track.connected(stream)
            for packet in packets:
                track.packet(packet, PacketTimes(arrival_ms=clock.now_ms()))
            spent_s, taken_s = spent_s + cpu_s() - began_s, taken_s + CLIP_S
    track.stop()
    return taken_s / spent_s


async def by_rtsp(urls: list[str], ring: Path, *, seconds: float) -> tuple[float, float]:
    """Camera seconds a processor second, and the Mbit/s that were written."""
    metrics = Metrics()
    settings = RecorderSettings(
        recorder=RecorderSection(name="bench"),
        cameras={f"camera-{n}": SourceSettings(url=url, stall_s=10.0) for n, url in enumerate(urls)},
        folder=ring,
    )
    producer = Producer(connector="recorder", version="bench", instance="bench")
    recorder = Recorder(settings, ring, Nowhere(), court=NoOrders(), metrics=metrics, producer=producer)
    stop = asyncio.Event()
    running = asyncio.create_task(recorder.run(stop))
    await asyncio.sleep(8.0)
    before, began_s, began_cpu_s = _written(ring), time.monotonic(), cpu_s()
    await asyncio.sleep(seconds)
    wall_s, spent_s, after = time.monotonic() - began_s, cpu_s() - began_cpu_s, _written(ring)
    stop.set()
    await running
    return len(urls) * wall_s / spent_s, (after - before) * 8 / wall_s / 1e6


def _written(ring: Path) -> int:
    return sum(path.stat().st_size for path in ring.rglob("*.mp4*"))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    clocked = Clocked("recorder", "Recorder", quick=options.seconds < 60)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "video").mkdir()
        clip, mbit = clip_of(folder / "video")
        alone = fed(clip, folder / "fed", rounds=4)
        with Street(clip, folder / "rtsp.log") as server:
            urls = [server.url("camera.mp4")] * options.cameras
            whole, written = asyncio.run(by_rtsp(urls, folder / "ring", seconds=options.seconds))
    rows = (
        Row(label=f"fed, no network, {mbit:.1f} Mbit/s a camera", unit="cameras a core", median=round(alone)),
        Row(
            label=f"{options.cameras} cameras by RTSP, {mbit:.1f} Mbit/s each",
            unit="cameras a core",
            median=round(whole),
            aim="≥ 100",
            met=whole >= 100,
        ),
        Row(
            label=f"written, of {options.cameras * mbit:.0f} Mbit/s that were sent",
            unit="Mbit/s",
            median=round(written, 1),
            aim="all of it",
            met=written >= _ARRIVED * options.cameras * mbit,
        ),
    )
    path = write(clocked.result([Table(title="Cameras that one core records", rows=rows)]))
    for row in rows:
        print(f"{row.label}: {row.median:g} {row.unit}")
    print(path)


if __name__ == "__main__":
    main()
