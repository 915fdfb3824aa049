"""The demo's camera: what a detector finds in its film, what is said without one, and what is refused before anything
starts.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_core.cameras import Cameras
from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_core.model import Event
from cior_demo import camera, eyes, roster
from cior_demo.town import drawn_town
from cior_demo.world import ZONE, write_world
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.settings import load_settings
from cior_vision.synthetic import Scene, encode, render
from cior_vision.worker import VisionWorker
from engines.rtsp import RtspServer
from integration.vision.clips import encoded
from integration.vision.shirts import KeptRecords


@pytest.fixture
def model(test_data: Path) -> Path:
    found = sorted(path.parent for path in (test_data / "models").glob("*openvino_model/*.xml"))
    if not found:
        pytest.skip("no OpenVINO model in the test data")
    return found[0]


def stands(folder: Path, given: eyes.Model | None, *, is_drawn: bool = True) -> eyes.Eyes:
    """The demo's files, and what its camera is looked at with."""
    town = drawn_town()
    write_world(folder, roster=roster.build(town.city, seed=1), town=town, model=given, is_drawn=is_drawn)
    return eyes.tried(folder / "camera.toml", folder / "cameras.toml", is_drawn=is_drawn)


async def watched(folder: Path, film: Path, what: eyes.Eyes) -> list[Event]:
    """The demo's own camera file, its film over RTSP, the real worker, until a rule is met."""
    kept, stop = KeptRecords(), asyncio.Event()
    catalogue = (folder / "cameras.toml").read_text(encoding="utf-8")
    with RtspServer(film.parent, folder / "rtsp.log") as server:
        here = catalogue[: catalogue.index("stream = ")] + f'stream = "{server.url(film.name)}"\n'
        settings = load_settings(folder / "camera.toml", Cameras.load(here))
        running = asyncio.create_task(VisionWorker(settings, kept).run(stop))
        async with asyncio.timeout(90):
            while not (  # noqa: ASYNC110  (what is kept is no asyncio object)
                eyes.incidents(kept.events) or (kept.of("camera.health") and not what.engine.sees_classes)
            ):
                await asyncio.sleep(0.2)
        stop.set()
        await running
    return kept.events


@pytest.mark.alone
async def test_with_a_model_the_detector_finds_who_walks_into_the_drawn_square(
    tmp_path: Path, model: Path
) -> None:
    what = stands(tmp_path, eyes.given_model(model, ""))
    assert what.engine.model_sha256 == folder_sha256(model)
    (tmp_path / "video").mkdir()
    events = await watched(tmp_path, camera.draw_clip(tmp_path / "video" / "plaza.mp4"), what)
    assert eyes.faults(what, events) == []
    assert {each.type for each in eyes.incidents(events)} <= {"vision.intrusion", "vision.loitering"}
    said = "\n".join(eyes.told(what, events, zone=ZONE))
    assert "vision.intrusion (plaza-de-noche) ×1: person" in said
    assert folder_sha256(model) in said
    assert "reglas apagadas" not in said


@pytest.mark.alone
async def test_with_a_model_and_somebodys_film_its_people_are_found(
    tmp_path: Path, model: Path, test_data: Path
) -> None:
    given = test_data / "video" / "vtest.mp4"
    if not given.is_file():
        pytest.skip("no vtest.mp4 in the test data")
    what = stands(tmp_path, eyes.given_model(model, ""), is_drawn=False)
    (tmp_path / "video").mkdir()
    events = await watched(tmp_path, camera.copy_clip(given, tmp_path / "video" / "plaza.mp4"), what)
    assert "person" in "\n".join(eyes.told(what, events, zone=ZONE))


@pytest.mark.alone
async def test_without_a_model_the_summary_says_what_the_camera_cannot_see(tmp_path: Path) -> None:
    what = stands(tmp_path, None)
    (tmp_path / "video").mkdir()
    events = await watched(tmp_path, camera.draw_clip(tmp_path / "video" / "plaza.mp4"), what)
    said = "\n".join(eyes.told(what, events, zone=ZONE))
    assert "no ve personas ni vehículos / camera without a model" in said
    assert "rules that are off for want of a model: plaza-de-noche, merodeo" in said
    assert eyes.incidents(events) == []
    assert eyes.faults(what, events) == []


def test_a_detector_that_tells_of_nobody_in_the_drawn_film_is_a_fault_and_in_anothers_film_is_said(
    tmp_path: Path, model: Path
) -> None:
    what = stands(tmp_path, eyes.given_model(model, ""))
    assert len(eyes.faults(what, [])) == 1
    other = stands(tmp_path, eyes.given_model(model, ""), is_drawn=False)
    assert eyes.faults(other, []) == []
    assert any("no rule was met" in line for line in eyes.told(other, [], zone=ZONE))


def test_a_model_that_is_not_the_approved_one_is_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(IntegrityBroken, match=r"vision\.model_changed"):
        stands(tmp_path, eyes.given_model(model, "0" * 64))


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path, model: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "readme.txt").write_text("nothing")
    with pytest.raises(ConfigInvalid, match=r"vision\.model_"):
        stands(tmp_path, eyes.given_model(empty, ""))
    half = tmp_path / "half"
    shutil.copytree(model, half)
    next(half.glob("*.bin")).unlink()
    with pytest.raises(ConfigInvalid, match=r"vision\.model_files"):
        stands(tmp_path, eyes.given_model(half, ""))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--model", "nowhere"], "demo.model_missing"),
        (["--model-sha256", "0" * 64], "demo.model_missing"),
        (["--clip", "nowhere.mp4"], "demo.clip_unusable"),
    ],
)
def test_the_command_refuses_before_anything_starts(tmp_path: Path, arguments: list[str], code: str) -> None:
    done = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path / "demo"), *arguments])
    assert done.exit_code == 2
    assert code in done.output
    assert " — " in done.output, "it says what to do"
    assert "starting" not in done.output
    assert not (tmp_path / "demo" / "data").exists()


def test_a_film_that_no_camera_sends_is_refused_with_the_way_out(tmp_path: Path) -> None:
    pictures = Scene(walkers=(), duration_s=1.0, width_px=160, height_px=96)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(ConfigInvalid, match=r"demo\.clip_unusable"):
        camera.copy_clip(tmp_path / "text.mp4", tmp_path / "to.mp4")
    odd = encoded(render(pictures), tmp_path / "odd.avi", codec="mjpeg")
    with pytest.raises(ConfigInvalid, match="ffmpeg -i") as refused:
        camera.copy_clip(odd, tmp_path / "to.mp4")
    assert "mjpeg" in str(refused.value)
    whole = encode(pictures, tmp_path / "whole.mp4")
    assert camera.copy_clip(whole, tmp_path / "to.mp4").stat().st_size > 0
