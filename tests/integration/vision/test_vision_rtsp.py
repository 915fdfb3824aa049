"""A real RTSP server, killed, paused and brought back.

The limits are what an operator is promised, with room for a busy machine.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cior_core.model import ClockQuality, Phase
from cior_video.clock import SystemClock
from cior_video.drops import DropCounter
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes, WallSource
from cior_vision.frames import Frame
from cior_vision.reader import CameraReader, Link
from cior_vision.sources import Probe, read_frames
from cior_vision.worker import VisionWorker
from engines.rtsp import RtspServer
from integration.vision.conftest import camera
from integration.vision.shirts import KeptRecords, ShirtDetector

STALL_S = 1.5

pytestmark = pytest.mark.alone


@asynccontextmanager
async def watching(rtsp: RtspServer, folder: Path) -> AsyncIterator[KeptRecords]:
    kept, stop = KeptRecords(), asyncio.Event()
    running = asyncio.create_task(
        VisionWorker(camera(rtsp.url("loiterer.mp4"), folder), kept, detector=ShirtDetector()).run(stop)
    )
    try:
        yield kept
    finally:
        stop.set()
        await running


async def until(what: Callable[[], object], *, within_s: float) -> float:
    """Seconds until ``what`` is true; fails after ``within_s``."""
    started_s = time.monotonic()
    while not what():
        assert time.monotonic() - started_s < within_s, "it did not happen in time"
        await asyncio.sleep(0.05)
    return time.monotonic() - started_s


def test_a_live_stream_gives_pictures_with_the_cameras_rtcp_time_and_says_so(rtsp: RtspServer) -> None:
    source = SourceSettings(url=rtsp.url("loiterer.mp4"))
    drops, began_s = DropCounter(), time.monotonic()
    with open_source(source) as container:
        frames = read_frames(
            container,
            times=EpochTimes(),
            source=source,
            clock=SystemClock(),
            drops=drops,
            probe=Probe(),
            stopped=lambda: False,
        )
        found = [next(frames) for _ in range(10)]
    assert time.monotonic() - began_s < 6.0
    assert isinstance(found[0], Frame)
    assert found[0].image.shape == (360, 640, 3)
    spans = [later.time.stream_s - now.time.stream_s for now, later in itertools.pairwise(found)]
    assert all(0.15 < span < 0.35 for span in spans)
    assert {frame.time.wall_source for frame in found} == {WallSource.RTCP}
    assert {frame.time.clock for frame in found} == {ClockQuality.SYNCED}
    assert abs(found[-1].time.wall_ms - time.time() * 1000) < 5_000


async def test_a_killed_camera_is_told_lost_and_comes_back_by_itself_in_a_new_epoch(
    rtsp: RtspServer, tmp_path: Path
) -> None:
    async with watching(rtsp, tmp_path) as kept:
        await until(lambda: kept.of("vision.object"), within_s=20)
        rtsp.kill()
        assert await until(lambda: kept.of("camera.signal_loss"), within_s=10) < STALL_S + 2.0
        rtsp.start()
        back_s = await until(lambda: len(kept.of("camera.signal_loss")) == 2, within_s=20)
        assert back_s < 8.0
        await until(
            lambda: any(event.attributes["time"]["epoch"] >= 1 for event in kept.of("vision.object")),
            within_s=20,
        )
        await until(lambda: kept.of("camera.health")[-1].attributes["reconnects"] >= 1, within_s=5)
    lost, restored = kept.of("camera.signal_loss")
    assert [lost.phase, restored.phase] == [Phase.NEW, Phase.RESTORE]
    assert lost.attributes["link"] == "waiting"
    assert restored.attributes["outage_s"] >= STALL_S
    origins = {event.attributes["time"]["origin_ms"] for event in kept.of("vision.object")}
    assert len(origins) >= 2, "two connections, two origins: no time line runs over the outage"


async def test_a_camera_that_hangs_with_open_sockets_is_noticed_by_our_own_watchdog(
    rtsp: RtspServer, tmp_path: Path
) -> None:
    """SIGSTOP: the library says nothing for seconds; we do after ``stall_s``."""
    async with watching(rtsp, tmp_path) as kept:
        await until(
            lambda: kept.of("camera.health") and kept.of("camera.health")[-1].attributes["decoded_fps"] > 5,
            within_s=20,
        )
        rtsp.pause()
        assert await until(lambda: kept.of("camera.signal_loss"), within_s=10) < STALL_S + 1.0
        await until(
            lambda: "signal_lost" in kept.of("camera.health")[-1].attributes["conditions"], within_s=5
        )
        rtsp.resume()
        await until(lambda: len(kept.of("camera.signal_loss")) == 2, within_s=20)


async def test_an_incident_open_when_the_camera_dies_is_ended_not_left_open(
    rtsp: RtspServer, tmp_path: Path
) -> None:
    async with watching(rtsp, tmp_path) as kept:
        await until(lambda: kept.of("vision.intrusion"), within_s=30)
        rtsp.kill()
        await until(lambda: kept.of("vision.intrusion")[-1].phase is Phase.END, within_s=10)
    assert kept.of("vision.intrusion")[-1].attributes["reason"] == "stream_ended"


async def test_a_worker_stops_in_two_seconds_although_its_camera_hangs(
    rtsp: RtspServer, tmp_path: Path
) -> None:
    async with watching(rtsp, tmp_path) as kept:
        await until(
            lambda: kept.of("camera.health") and kept.of("camera.health")[-1].attributes["decoded_fps"] > 5,
            within_s=20,
        )
        rtsp.pause()
        await asyncio.sleep(0.3)
        started_s = time.monotonic()
    assert time.monotonic() - started_s <= 2.3
    rtsp.resume()


def test_nobody_answers_the_reader_backs_off_and_no_log_line_holds_the_password(
    capfd: pytest.CaptureFixture[str],
) -> None:
    from cior_bus.embedded.tansu import free_port

    source = SourceSettings(
        url=f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/x",
        backoff_s=0.1,
        backoff_max_s=0.4,
        open_timeout_s=1.0,
    )
    reader = CameraReader("camera-plaza", source, SystemClock(), rng=random.Random(1))
    reader.start()
    time.sleep(1.5)
    facts = reader.facts()
    reader.stop()
    assert reader.join(2.0)
    assert (facts.link, facts.connections, facts.last_error) == (Link.WAITING, 0, "vision.source_unreachable")
    shown = capfd.readouterr()
    assert (shown.out + shown.err).count("source_lost") == 1, "an outage is logged once"
    assert "hunter2" not in shown.out + shown.err
