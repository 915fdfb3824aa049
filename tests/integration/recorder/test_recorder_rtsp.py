"""A recorder on a real RTSP camera: what the camera sent is what stands in the ring, and every outage has its cause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cior_bus.metrics import Metrics
from cior_core import codec, footage
from cior_core.catalogue import Kind
from cior_core.footage import GapCause, cover
from cior_core.model import Event, Phase, Producer
from cior_recorder import metrics as m
from cior_recorder.court import CourtPort
from cior_recorder.disk import Room
from cior_recorder.recorder import Recorder
from cior_recorder.settings import MIB, RecorderSection, RecorderSettings
from cior_video.clock import SystemClock
from cior_video.sources import SourceSettings
from cior_vision.synthetic import encode, loiterer
from doubles.bus import MemoryBus
from doubles.courts import NoOrders
from engines.registers import RegisterPlace
from engines.rtsp import RtspServer
from engines.rtsp_street import Street
from integration.recorder import footage_read as read
from integration.recorder.court_ring import court_of, filmed, removals

pytestmark = pytest.mark.slow


class Running:
    """A recorder of the camera, in this process. ``room`` may be changed while it runs."""

    def __init__(
        self,
        url: str,
        ring: Path,
        *,
        court: CourtPort | None = None,
        open_timeout_s: float = 8.0,
        drill: bool = False,
    ) -> None:
        self.ring, self.bus, self.metrics = ring, MemoryBus(), Metrics()
        self.room = Room(free_bytes=10**12, whole_bytes=2 * 10**12)
        source = SourceSettings(
            url=url, stall_s=1.0, backoff_s=0.2, backoff_max_s=0.5, open_timeout_s=open_timeout_s
        )
        settings = RecorderSettings(
            recorder=RecorderSection(name="prueba", segment_s=1.0, sweep_every_s=0.2),
            cameras={"plaza": source},
            folder=ring,
        )
        self.recorder = Recorder(
            settings,
            ring,
            self.bus,
            court=court or NoOrders(),
            metrics=self.metrics,
            producer=Producer(connector="recorder", version="1", instance="prueba"),
            room=lambda: self.room,
            drill=drill,
        )

    def count(self) -> int:
        return len(read.segments(self.ring))

    def said(self) -> list[Event]:
        """Events about the disk."""
        found = (codec.decode(Kind.EVENT, each.value) for each in self.bus.sent)
        return [each for each in found if isinstance(each, Event)]


@asynccontextmanager
async def recording(
    camera: RtspServer | Street,
    ring: Path,
    *,
    court: CourtPort | None = None,
    open_timeout_s: float = 8.0,
    drill: bool = False,
) -> AsyncIterator[Running]:
    running = Running(camera.url("plaza.mp4"), ring, court=court, open_timeout_s=open_timeout_s, drill=drill)
    stop = asyncio.Event()
    task = asyncio.create_task(running.recorder.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def until(ready: Callable[[], bool], *, within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < end_s, "it did not happen in time"
        await asyncio.sleep(0.1)


async def test_the_ring_holds_the_pictures_that_the_camera_has(
    camera: RtspServer, clip: Path, tmp_path: Path
) -> None:
    ring = tmp_path / "ring"
    async with recording(camera, ring) as running:
        await until(lambda: running.count() >= 4)
    source = list(read.slices(read.packets_of(clip)))
    kept = read.segments(ring)
    found = list(read.slices([packet for each in kept for packet in read.checked(ring, each)]))
    assert found == source[: len(found)], "from the very first picture, none changed, none left out"
    assert len(found) >= 30
    assert {each.clock.source for each in kept} == {"rtcp"}
    assert cover("plaza", (kept[0].start_ms, kept[-1].end_ms), read.records(ring)).gaps == ()
    assert running.metrics.value(m.SEGMENTS) == len(kept)
    assert running.metrics.value(m.RECORDED_BYTES) > 0


async def test_a_camera_that_says_only_in_its_next_key_picture_how_large_it_is_is_recorded(
    tmp_path: Path,
) -> None:
    """Joined two seconds before the next key picture, by who waits half a second for an answer. The library then
    says that it is connected; each segment would be refused, for as long as the connection lasts.
    """
    clip = encode(loiterer(arrives_s=1.0, stays_s=4.0), tmp_path / "plaza.mp4", key_every_s=3.0)
    ring = tmp_path / "ring"
    with Street(clip, tmp_path / "street.log", tells_parameter_sets=False, join_at_s=1.0) as camera:
        async with recording(camera, ring, open_timeout_s=0.5) as running:
            await until(lambda: running.count() >= 1, within_s=30)
    source = list(read.slices(read.packets_of(clip)))
    kept = read.segments(ring)
    found = list(read.slices([packet for each in kept for packet in read.checked(ring, each)]))
    assert found[0] in source, "a picture of the camera, unchanged"
    before = [each for each in read.records(ring) if isinstance(each, footage.Gap)]
    assert GapCause.CAMERA_AWAY in {each.cause for each in before}, "that it said nothing is not our restart"
    assert cover("plaza", (kept[0].start_ms, kept[-1].end_ms), read.records(ring)).gaps == ()


async def test_a_camera_that_dies_and_one_that_hangs_are_gaps_and_recording_goes_on(
    camera: RtspServer, tmp_path: Path
) -> None:
    ring = tmp_path / "ring"
    async with recording(camera, ring) as running:
        await until(lambda: running.count() >= 2)
        camera.kill()
        await asyncio.sleep(1.0)
        camera.start()
        before = running.count()
        await until(lambda: running.count() >= before + 2)
        camera.pause()
        await asyncio.sleep(3.0)
        camera.resume()
        before = running.count()
        await until(lambda: running.count() >= before + 2)
    kept = read.segments(ring)
    whole = cover("plaza", (kept[0].start_ms, kept[-1].end_ms), read.records(ring))
    assert {each.cause for each in whole.gaps} <= {GapCause.CAMERA_AWAY, GapCause.RECONNECT}
    assert GapCause.CAMERA_AWAY in {each.cause for each in whole.gaps}
    assert sum(each.to_ms - each.from_ms for each in whole.gaps) >= 2000


async def test_a_disk_that_fills_up_is_told_early_then_stops_the_recording_and_it_comes_back(
    camera: RtspServer, tmp_path: Path
) -> None:
    ring, stop_bytes = tmp_path / "ring", RecorderSection().stop_mib * MIB
    async with recording(camera, ring) as running:
        await until(lambda: running.count() >= 1)
        running.room = Room(free_bytes=stop_bytes + MIB, whole_bytes=10**12)  # less than the reserve
        await until(lambda: len(running.said()) >= 1)
        running.room = Room(free_bytes=stop_bytes - MIB, whole_bytes=10**12)
        await until(lambda: len(running.said()) >= 2)
        await asyncio.sleep(2.5)
        running.room = Room(free_bytes=10**12, whole_bytes=2 * 10**12)
        before = running.count()
        await until(lambda: len(running.said()) >= 3 and running.count() >= before + 2)
    said = [(each.type, each.phase, each.attributes["code"]) for each in running.said()]
    assert said == [
        ("source.degraded", Phase.NEW, "recorder.disk_narrow"),
        ("source.degraded", Phase.NEW, "recorder.disk_full"),
        ("source.restored", Phase.RESTORE, "recorder.disk_wide"),
    ]
    assert not any(each.drill for each in running.said())
    assert GapCause.DISK_FULL in {each.cause for each in read.gaps(ring)}


def rules(ring: Path) -> set[footage.RemovalRule]:
    """By which footage went: as the index says, or, once its day is past, what is left of that."""
    lines = b"".join(path.read_bytes() for path in (ring / "plaza").glob(footage.PAST))
    past = (each.record for each in footage.read_index(lines).entries)
    gone = {rule for each in past if isinstance(each, footage.PastDay) for rule in each.rules}
    return gone | {each.rule for each in removals(ring, "plaza")}


async def test_law_7_a_register_that_cannot_be_asked_is_told_early_with_what_the_disk_has_left_and_nothing_goes(
    camera: RtspServer, clip: Path, tmp_path: Path
) -> None:
    """Long before the disk is full; footage of a year ago stays, and goes once the register answers."""
    ring, register = tmp_path / "ring", tmp_path / "register.db"
    now_ms = SystemClock().now_ms()
    filmed(ring, clip, "plaza", at_ms=[now_ms - 365 * footage.DAY_MS])
    old = [str(path.relative_to(ring)) for path in ring.glob("plaza/*/*.mp4")]
    court = court_of(f"sqlite:///{register}", now_ms=now_ms)
    async with recording(camera, ring, court=court, drill=True) as running:
        await until(lambda: running.count() >= 5 and len(running.said()) >= 1)
        assert running.metrics.value(m.HOLDS_UNKNOWN) == 1
        assert len(old) == 3
        assert all((ring / each).exists() for each in old)
        assert not register.exists()
        RegisterPlace.of_file(register).open().close()
        await until(lambda: len(running.said()) >= 2)
        await until(lambda: not any((ring / each).exists() for each in old))
    first, second = running.said()
    assert first.drill, "what a recorder says in an exercise is part of it"
    assert second.drill
    assert (first.phase, first.attributes["code"]) == (Phase.NEW, "recorder.disk_blocked")
    assert first.attributes["free_bytes"] == running.room.free_bytes
    assert (second.phase, second.attributes["code"]) == (Phase.RESTORE, "recorder.disk_wide")
    assert rules(ring) == {footage.RemovalRule.RETENTION}
    assert running.metrics.value(m.HOLDS_UNKNOWN) == 0
