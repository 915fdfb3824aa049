"""The worker's cameras share one engine: each is told what it alone would be told, and none waits for one that is gone.

The detector is our own (``shirts``): what is tested is the way through the queue, which is the same for every engine.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cior_bus.metrics import Metrics
from cior_core.cameras import Cameras
from cior_core.model import Phase
from cior_vision import metrics as m
from cior_vision.frames import Detections, Image
from cior_vision.replay import clip_replay
from cior_vision.settings import AnyVisionSettings, parse_settings
from cior_vision.synthetic import encode, loiterer
from cior_vision.worker import VisionWorker
from integration.vision.shirts import KeptRecords, ShirtDetector

pytestmark = pytest.mark.alone

START_MS = 1_790_000_000_000
LONG_MS = 3_600_000
"""Nobody's turn comes by waiting."""
CAMERA = """
[[camera]]
id = "{id}"
source = {{ pace = "fast", file_start_ms = 1790000000000, stall_s = 60 }}

[[zone]]
id = "zone-{id}"
camera = "{id}"
polygon = [[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]

[[rule]]
kind = "intrusion"
id = "nadie-{id}"
zone = "zone-{id}"
"""
PLACED = """
[[camera]]
id = "{id}"
place = {{ lat = -32.95, lon = -60.64, district = "Centro" }}
stream = "{stream}"
"""


class SharedShirts(ShirtDetector):
    """Looks at up to eight pictures together and would wait for them for an hour."""

    facts = msgspec.structs.replace(ShirtDetector.facts, batch=8, wait_ms=LONG_MS)


def street(streams: Mapping[str, str], folder: Path) -> AnyVisionSettings:
    """A worker's cameras by id, each with a zone and a rule of its own."""
    text = '[worker]\nhealth_every_s = 1\n[detector]\nengine = "none"\n'
    text += "".join(CAMERA.format(id=camera) for camera in streams)
    catalogue = "".join(PLACED.format(id=camera, stream=stream) for camera, stream in streams.items())
    return parse_settings(text, file="camaras.toml", folder=folder, cameras=Cameras.load(catalogue))


def incidents(kept: KeptRecords, camera: str) -> list[str]:
    return sorted(
        event.id for event in kept.of("vision.intrusion") if event.attributes["rule"] == f"nadie-{camera}"
    )


async def until_ended(kept: KeptRecords, count: int) -> None:
    async with asyncio.timeout(100):
        while sum(event.phase is Phase.END for event in kept.of("vision.intrusion")) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small clips: ``uno.mp4`` and ``dos.mp4`` with a visitor each, ``leaving.mp4`` that ends while one walks."""
    folder = tmp_path_factory.mktemp("small")
    for name, scene in {
        "uno": loiterer(arrives_s=1.0, stays_s=3.0),
        "dos": loiterer(arrives_s=2.0, stays_s=2.0),
        "leaving": replace(loiterer(arrives_s=1.0, stays_s=3.0), duration_s=4.0),
    }.items():
        encode(replace(scene, width_px=320, height_px=180, fps=5), folder / f"{name}.mp4")
    return folder


async def test_cameras_that_share_an_engine_are_each_told_what_they_alone_would_be(small: Path) -> None:
    settings = street({"uno": "uno.mp4", "dos": "dos.mp4", "tres": "uno.mp4"}, small)
    kept, numbers, engine = KeptRecords(), Metrics(), SharedShirts()
    await VisionWorker(settings, kept, detector=engine, metrics=numbers).run()
    for camera in settings.camera:
        alone = clip_replay(
            settings, Path(camera.source.url), detector=ShirtDetector(), start_ms=START_MS, camera=camera.id
        )
        told = sorted(event.id for event in alone.events if event.type == "vision.intrusion")
        assert len(told) >= 2
        assert incidents(kept, camera.id) == told
    assert numbers.value(m.LOOKED_AT) == engine.looked_at == numbers.value(m.QUEUE_LATENCY)
    assert 0 < numbers.value(m.INFERENCE_LATENCY) <= engine.looked_at


async def test_a_camera_that_ended_is_not_waited_for(small: Path) -> None:
    """The last picture of the one that is left goes at once, or the worker would not end within the hour."""
    settings = street({"uno": "leaving.mp4", "ausente": "nothing.mp4"}, small)
    engine, stop = SharedShirts(), asyncio.Event()
    running = asyncio.create_task(VisionWorker(settings, KeptRecords(), detector=engine).run(stop))
    ended, _ = await asyncio.wait({running}, timeout=60)
    stop.set()
    await running
    assert ended
    assert engine.looked_at > 0


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A camera that takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_camera_that_says_nothing_holds_up_nobody(small: Path, mute_port: int) -> None:
    """With an hour's wait for others, the visitor is told all the same: nobody else can come."""
    streams = {"uno": "uno.mp4", "muda": f"rtsp://127.0.0.1:{mute_port}/1"}
    kept, stop = KeptRecords(), asyncio.Event()
    worker = VisionWorker(street(streams, small), kept, detector=SharedShirts())
    running = asyncio.create_task(worker.run(stop))
    await until_ended(kept, 1)
    stop.set()
    await running


async def test_law_11_a_picture_that_the_engine_never_gave_back_is_counted_at_the_stop(small: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Hanging(ShirtDetector):
        def detect(self, frames: Sequence[Image]) -> list[Detections]:
            begun.set()
            go_on.wait(60)
            return super().detect(frames)

    kept, stop = KeptRecords(), asyncio.Event()
    worker = VisionWorker(street({"uno": "uno.mp4"}, small), kept, detector=Hanging())
    running = asyncio.create_task(worker.run(stop))
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        stop.set()
        await running
    finally:
        go_on.set()
    rows = {row["reason"]: row for row in kept.of("camera.health")[-1].attributes["drops"]}
    assert (rows["stopping"]["count"], rows["stopping"]["intentional"]) == (1, True)
