"""The whole worker on our own clips: pictures in, events out, with a detector that needs no model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.producer import Bus
from cior_bus.settings import Profile
from cior_bus.spool import Spool
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import ClockQuality, Event, Lane, Phase
from cior_video.clock import SystemClock
from cior_video.sources import SourceSettings
from cior_vision.frames import Detections, Image
from cior_vision.replay import clip_replay
from cior_vision.rule_settings import TamperSettings
from cior_vision.settings import AnyVisionSettings
from cior_vision.synthetic import Scene, encode
from cior_vision.worker import VisionWorker
from integration.bus.brokers import Broker
from integration.vision.conftest import camera
from integration.vision.shirts import KeptRecords, ShirtDetector

START_MS = 1_790_000_000_000

pytestmark = pytest.mark.alone


def with_source(settings: AnyVisionSettings, **more: object) -> AnyVisionSettings:
    """The same settings with other facts about the camera's source."""
    one = settings.camera[0]
    source: SourceSettings = msgspec.structs.replace(one.source, **more)
    return msgspec.structs.replace(settings, camera=(msgspec.structs.replace(one, source=source),))


def story(events: Sequence[Event]) -> list[tuple[str, Phase]]:
    return [(event.attributes["rule"], event.phase) for event in events]


async def test_a_visitor_who_stays_becomes_one_intrusion_and_one_loitering_with_start_and_end(
    clips: Path,
) -> None:
    kept = KeptRecords()
    settings = with_source(camera("loiterer.mp4", clips), file_start_ms=START_MS)
    await VisionWorker(settings, kept, detector=ShirtDetector()).run()
    intrusion, loitering = kept.of("vision.intrusion"), kept.of("vision.loitering")
    assert story(intrusion) == [("nadie", Phase.NEW), ("nadie", Phase.UPDATE), ("nadie", Phase.END)]
    assert story(loitering) == [("merodeo", Phase.NEW), ("merodeo", Phase.END)]
    entered_s, left_s = ((event.occurred_ms - START_MS) / 1000 for event in (intrusion[0], intrusion[-1]))
    assert 3.4 <= entered_s <= 4.4, "the scene: at x = 0.3 after 1 + 4 * 0.4 / 0.6 s, told at the third look"
    assert 15.9 <= left_s <= 16.8, "the scene: at x = 0.7 after 15 + 4 * 0.2 / 0.6 s"
    assert 6.0 <= (loitering[0].occurred_ms - loitering[0].attributes["since_ms"]) / 1000 <= 6.4
    assert {event.lane for event in intrusion} == {Lane.URGENT}
    assert {event.clock for event in intrusion} == {ClockQuality.UNKNOWN}
    assert {event.attributes["time"]["wall_source"] for event in intrusion} == {"file"}


async def test_detections_travel_once_a_second_and_health_tells_how_well_the_camera_was_watched(
    clips: Path,
) -> None:
    kept, engine = KeptRecords(), ShirtDetector()
    settings = with_source(camera("loiterer.mp4", clips), file_start_ms=START_MS)
    await VisionWorker(settings, kept, detector=engine).run()
    seconds = kept.of("vision.object")
    assert 12 <= len(seconds) <= 20, "about 18 s with somebody in the picture"
    assert all(event.attributes["counts"] == {"person": 1} for event in seconds)
    last = kept.of("camera.health")[-1].attributes
    assert last["detector"] == "shirts"
    assert {row["reason"] for row in last["drops"]} == {"sampled"}, (
        "ten pictures a second were decoded, five were wanted"
    )
    assert engine.looked_at < 130, (
        "the gate spares the detector the empty street and most of the standing still"
    )


async def test_the_replay_of_a_clip_gives_the_events_of_the_worker_id_for_id(clips: Path) -> None:
    kept = KeptRecords()
    settings = with_source(camera("loiterer.mp4", clips), file_start_ms=START_MS)
    await VisionWorker(settings, kept, detector=ShirtDetector()).run()
    first = clip_replay(settings, clips / "loiterer.mp4", detector=ShirtDetector(), start_ms=START_MS)
    second = clip_replay(settings, clips / "loiterer.mp4", detector=ShirtDetector(), start_ms=START_MS)
    live = [
        event.id
        for event in kept.events
        if event.type.startswith("vision.") and event.type != "vision.object"
    ]
    assert sorted(event.id for event in first.events) == sorted(live)
    assert first == second
    assert [(track.label, track.observations > 30) for track in first.tracks] == [("person", True)]


async def test_without_a_model_the_worker_says_so_disables_the_rules_and_still_watches(clips: Path) -> None:
    kept = KeptRecords()
    await VisionWorker(camera("loiterer.mp4", clips), kept).run()
    facts = kept.of("camera.health")[-1].attributes
    assert (facts["detector"], facts["disabled_rules"]) == ("none", ["nadie", "merodeo"])
    assert facts["remark"]
    assert not kept.of("vision.intrusion")
    assert not kept.of("vision.object")


@pytest.mark.parametrize(
    ("spans", "condition"),
    [
        ({"covered": ((4.0, 12.0),)}, "covered"),
        ({"frozen": ((4.0, 34.0),)}, "frozen"),
        ({"blurred": ((10.0, 22.0),)}, "defocused"),
    ],
)
def test_a_covered_a_frozen_and_a_defocused_camera_is_told_and_told_again_when_it_is_over(
    tmp_path: Path, spans: dict[str, tuple[tuple[float, float], ...]], condition: str
) -> None:
    [(start_s, end_s)] = next(iter(spans.values()))
    empty = Scene(walkers=(), duration_s=end_s + 6.0, width_px=320, height_px=180)
    scene = changed(empty, **spans)  # type: ignore[arg-type]  # which field is the parameter
    encode(scene, tmp_path / "clip.mp4")
    settings = camera("clip.mp4", tmp_path)
    one = msgspec.structs.replace(settings.camera[0], tamper=TamperSettings(reference_s=5.0))
    settings = msgspec.structs.replace(settings, camera=(one,))
    changes = clip_replay(
        settings, tmp_path / "clip.mp4", detector=ShirtDetector(), start_ms=START_MS
    ).changes
    assert [(str(change.condition), change.active) for change in changes] == [
        (condition, True),
        (condition, False),
    ]
    rest_s = 15.0 if condition == "frozen" else 2.5
    assert start_s - 0.3 <= changes[0].since_s <= start_s + rest_s, (
        "an encoder refines a held picture over some key pictures before it repeats itself"
    )


async def test_the_worker_stops_within_two_seconds_ends_what_is_open_and_leaves_no_thread(
    clips: Path,
) -> None:
    kept, stop = KeptRecords(), asyncio.Event()
    settings = with_source(camera("loiterer.mp4", clips), pace="realtime")
    running = asyncio.create_task(VisionWorker(settings, kept, detector=ShirtDetector()).run(stop))
    async with asyncio.timeout(20):
        while not kept.of("vision.intrusion"):  # noqa: ASYNC110  (the kept is no asyncio object)
            await asyncio.sleep(0.1)
    started_s = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - started_s <= 2.0
    assert story(kept.of("vision.intrusion"))[-1] == ("nadie", Phase.END)
    assert kept.of("vision.intrusion")[-1].attributes["reason"] == "stream_ended"


async def test_law_11_a_detector_too_slow_for_the_camera_drops_pictures_and_health_counts_them(
    clips: Path,
) -> None:
    class SlowDetector(ShirtDetector):
        def detect(self, frames: Sequence[Image]) -> list[Detections]:
            time.sleep(0.6)
            return super().detect(frames)

    kept, stop = KeptRecords(), asyncio.Event()
    settings = with_source(camera("loiterer.mp4", clips), pace="realtime")
    running = asyncio.create_task(VisionWorker(settings, kept, detector=SlowDetector()).run(stop))
    await asyncio.sleep(8)
    stop.set()
    await running
    rows = {row["reason"]: row for row in kept.of("camera.health")[-1].attributes["drops"]}
    assert rows["queue_full"]["count"] >= 5
    assert rows["queue_full"]["intentional"] is True


async def test_a_bug_in_the_pipeline_ends_the_worker_loudly(clips: Path) -> None:
    class Broken(ShirtDetector):
        def detect(self, frames: Sequence[Image]) -> list[Detections]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await VisionWorker(camera("loiterer.mp4", clips), KeptRecords(), detector=Broken()).run()


async def test_a_file_that_is_not_there_ends_with_its_code_in_health(tmp_path: Path) -> None:
    kept = KeptRecords()
    await VisionWorker(camera("nothing.mp4", tmp_path), kept, detector=ShirtDetector()).run()
    assert kept.of("camera.health")[-1].attributes["last_error"] == "vision.file_missing"
    assert kept.of("camera.signal_loss")[-1].attributes["last_error"] == "vision.file_missing"


def _empty(_clip: Path, to: Path) -> None:
    to.write_bytes(b"")


def _cut_short(clip: Path, to: Path) -> None:
    """An MP4 whose end, which says what is in it, never came."""
    to.write_bytes(clip.read_bytes()[:20_000])


def _sound_only(_clip: Path, to: Path) -> None:
    with av.open(str(to), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (_empty, "vision.source_unreachable"),
        (_cut_short, "vision.source_unreachable"),
        (_sound_only, "vision.no_video"),
    ],
)
async def test_a_file_without_pictures_is_an_alarm_with_a_cure_and_not_silence(
    clips: Path, tmp_path: Path, made: Callable[[Path, Path], None], code: str
) -> None:
    made(clips / "loiterer.mp4", tmp_path / "bad.mp4")
    kept = KeptRecords()
    await VisionWorker(camera("bad.mp4", tmp_path), kept, detector=ShirtDetector()).run()
    [told] = kept.of("camera.signal_loss")
    assert (told.phase, told.attributes["last_error"]) == (Phase.NEW, code)
    assert told.attributes["cure"]
    assert "signal_lost" in kept.of("camera.health")[-1].attributes["conditions"]


async def test_a_file_that_came_to_its_end_is_no_loss(clips: Path) -> None:
    kept = KeptRecords()
    await VisionWorker(camera("loiterer.mp4", clips), kept, detector=ShirtDetector()).run()
    assert kept.of("camera.signal_loss") == []


async def test_through_a_real_broker_incidents_land_on_the_urgent_lane_and_the_rest_on_telemetry(
    clips: Path, tansu: Tansu, tmp_path: Path
) -> None:
    broker = Broker(tansu, Profile.TANSU)
    Topics(broker.settings).ensure()
    spool = Spool.open(tmp_path)
    with Bus(broker.settings, spool=spool) as bus:
        await VisionWorker(camera("loiterer.mp4", clips), bus, detector=ShirtDetector()).run()
        assert bus.flush(timeout_s=20)
    spool.close()
    # At least once (law 4): a copy of an event has its id and is no second event.
    landed = {
        spec.name: list(
            {
                event.id: event
                for _, value in broker.values(spec.name, at_least=1)
                for event in codec.records(Kind.EVENT, value)
            }.values()
        )
        for spec in (topics.URGENT, topics.EVENTS, topics.TELEMETRY)
    }
    assert [event.type for event in landed[topics.URGENT.name]] == ["vision.intrusion"] * 3
    assert [event.type for event in landed[topics.EVENTS.name]] == ["vision.loitering"] * 2
    assert {event.type for event in landed[topics.TELEMETRY.name]} == {
        "vision.object",
        "camera.health",
        "accounting",
    }
    (raw,) = {
        record.id: record
        for _, value in broker.values(topics.RAW.name, at_least=1)
        for record in codec.records(Kind.RAW, value)
    }.values()
    made = [event for spec in landed.values() for event in spec if event.raw is not None]
    assert {event.raw.raw_id for event in made if event.raw is not None} == {raw.id}
    assert raw.events == len(made)


def test_the_system_clock_is_utc_and_monotonic() -> None:
    clock = SystemClock()
    assert abs(clock.now_ms() - time.time() * 1000) < 1000
    assert clock.monotonic_s() <= clock.monotonic_s()
