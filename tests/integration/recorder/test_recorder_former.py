"""A camera that was taken out of the settings: what was recorded of it goes when its time is over, as all does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from cior.recorder_part import former_cameras
from cior_bus.centre import load
from cior_bus.metrics import Metrics
from cior_core.model import Producer
from cior_recorder.holds import Hold, Holds
from cior_recorder.recorder import Recorder
from cior_recorder.segment_file import PART
from cior_recorder.settings import RecorderSection, RecorderSettings
from doubles.bus import MemoryBus
from doubles.courts import NoOrders
from integration.recorder import footage_read as read
from integration.recorder.court_ring import filmed, removals, there
from integration.recorder.fed_track import NOON_MS, Clock, Fed
from integration.recorder.test_recorder_kills import until

DAY_MS = 86_400_000
LONG_AGO_MS = NOON_MS - 2_500 * DAY_MS

_CENTRE = """registry = "registry.toml"
cameras = "cameras.toml"

[centre]
name = "Prueba"

[[recorder]]
file = "norte.toml"

[[recorder]]
file = "sur.toml"
"""
_CAMERA = """[[camera]]
id = "{name}"
name = "{name}"
place = {{ lat = -32.95, lon = -60.64 }}
azimuth_deg = 45.0
field_of_view_deg = 90.0
range_m = 120.0
height_m = 6.0
stream = "rtsp://127.0.0.1:1/{name}"
"""


def file_of(name: str, camera: str) -> str:
    return f'[recorder]\nname = "{name}"\nring = "ring"\n\n[[camera]]\nid = "{camera}"\n'


@pytest.fixture
def ring(tmp_path: Path, clip: Path) -> Path:
    """Two cameras, long ago; one of them was killed while it recorded."""
    ring = tmp_path / "ring"
    filmed(ring, clip, "esquina", at_ms=[LONG_AGO_MS])
    filmed(ring, clip, "plaza", at_ms=[LONG_AGO_MS])
    fed = Fed(ring, clip, Clock(LONG_AGO_MS + 3_600_000), camera="esquina")
    fed.connection(8)
    fed.kill()
    return ring


async def recorded_until(ring: Path, ready: Callable[[], bool], *, former: Collection[str]) -> None:
    """A recorder of no camera sweeps its ring."""
    settings = RecorderSettings(
        recorder=RecorderSection(name="norte", reserve_mib=2, stop_mib=1, sweep_every_s=0.2),
        cameras={},
        folder=ring,
    )
    recorder = Recorder(
        settings, ring, MemoryBus(), court=NoOrders(), metrics=Metrics(), former=former,
        producer=Producer(connector="recorder", version="1", instance="norte"),
    )  # fmt: skip
    stop = asyncio.Event()
    running = asyncio.create_task(recorder.run(stop))
    await asyncio.to_thread(until, ready)
    stop.set()
    await running


async def test_footage_of_a_camera_that_nobody_records_any_more_goes_when_its_time_is_over(
    ring: Path,
) -> None:
    assert len(there(ring, "esquina")) == 3
    await recorded_until(ring, lambda: not there(ring, "esquina") and not parts(ring), former=["esquina"])
    assert {(each.first, each.last) for each in removals(ring, "esquina")} == {(1, 4)}
    assert read.segments(ring, "esquina")[-1].recovered, "what was left open was entered before it went"
    assert len(there(ring, "plaza")) == 3, "of a camera that another recorder has, nothing was touched"


async def test_law_7_a_hold_keeps_it_all_the_same(ring: Path) -> None:
    Holds(ring).place(
        Hold(
            id="h1", camera="esquina", from_ms=LONG_AGO_MS, to_ms=LONG_AGO_MS + 500, placed_ms=LONG_AGO_MS,
            reason="alert a1",
        ),
        read.segments(ring, "esquina"),
    )  # fmt: skip
    await recorded_until(ring, lambda: len(there(ring, "esquina")) == 1, former=["esquina"])
    assert there(ring, "esquina") == [LONG_AGO_MS]


def parts(ring: Path) -> list[Path]:
    return [*ring.rglob(f"*{PART}")]


def test_the_first_recorder_of_a_ring_answers_for_cameras_that_no_recorder_has(
    ring: Path, tmp_path: Path
) -> None:
    (tmp_path / "centre.toml").write_text(_CENTRE)
    (tmp_path / "registry.toml").write_text("")
    (tmp_path / "cameras.toml").write_text(_CAMERA.format(name="plaza") + _CAMERA.format(name="parque"))
    (tmp_path / "norte.toml").write_text(file_of("norte", "plaza"))
    (tmp_path / "sur.toml").write_text(file_of("sur", "parque"))
    centre = load(tmp_path / "centre.toml", tmp_path / "data")
    Holds(ring)
    assert former_cameras(centre, "norte", ring) == ("esquina",)
    assert former_cameras(centre, "sur", ring) == ()
    assert former_cameras(centre, "norte", tmp_path / "none") == ()
    (tmp_path / "sur.toml").write_text(file_of("sur", "parque").replace('"ring"', '"other"'))
    assert former_cameras(centre, "sur", tmp_path / "other") == ()
