"""Streams that are damaged, frozen, laid on their side: clips made here in several codecs, and the public files of
``../shared/data/real/vision`` where they are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cior_video.clock import StandingClock
from cior_video.drops import DropCounter, DropReason
from cior_video.orientation import Turn
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes
from cior_vision.frames import Damaged, Frame, Image
from cior_vision.incidents import Condition, Stage
from cior_vision.observing import box_row
from cior_vision.replay import Replay, clip_replay
from cior_vision.settings import AnyVisionSettings
from cior_vision.sources import Probe, read_frames
from cior_vision.synthetic import Scene, Walker, loiterer, render
from integration.vision.clips import damaged, display_matrix, encoded
from integration.vision.conftest import camera
from integration.vision.shirts import ShirtDetector

START_MS = 1_790_000_000_000
PASSER_BY = Walker(path=((0.0, -0.1, 0.86), (10.0, 1.1, 0.86)))
FAST = {"preset": "veryfast", "tune": "zerolatency"}


def replayed(clip: Path, settings: AnyVisionSettings | None = None) -> Replay:
    return clip_replay(
        settings or camera(clip.name, clip.parent), clip, detector=ShirtDetector(), start_ms=START_MS
    )


def said(replay: Replay) -> list[tuple[Condition, bool]]:
    return [(change.condition, change.active) for change in replay.changes]


def watched(
    clip: Path, drops: DropCounter, *, fps: float = 10.0, turn: Turn | None = None
) -> list[Frame | Damaged]:
    source = SourceSettings(url=str(clip), fps=fps, turn=turn)
    with open_source(source) as container:
        return list(
            read_frames(
                container,
                times=EpochTimes(file_start_ms=START_MS),
                source=source,
                clock=StandingClock(START_MS),
                drops=drops,
                probe=Probe(),
                stopped=lambda: False,
            )
        )


# --- damaged ------------------------------------------------------------------------------------------------------

CODECS = {
    "h264": {"options": FAST},
    "h264 with B pictures": {"options": {"preset": "veryfast", "bf": "2"}},
    "h264 in slices": {"options": {**FAST, "slices": "4"}},
}


@pytest.fixture(scope="module")
def passer_by() -> list[Image]:
    return list(render(Scene(walkers=(PASSER_BY,), duration_s=12.0, width_px=320, height_px=180)))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fault", [{"bits": 0.08}, {"lost": 0.02}])
def test_what_was_damaged_on_its_way_is_counted_and_neither_watched_nor_tracked_until_a_key_picture(
    tmp_path: Path, passer_by: list[Image], codec: str, fault: dict[str, float]
) -> None:
    whole = encoded(passer_by, tmp_path / "whole.ts", **CODECS[codec])  # type: ignore[arg-type]  # options by name
    broken = damaged(whole, tmp_path / "broken.ts", seed=3, until=0.5, **fault)
    drops = DropCounter()
    clean = {one.time.pts: one.image for one in watched(whole, DropCounter()) if isinstance(one, Frame)}
    found = watched(broken, drops)
    believed = [one for one in found if isinstance(one, Frame)]
    count = sum(isinstance(one, Damaged) for one in found)
    assert drops.snapshot()[DropReason.DAMAGED] >= count > 10
    wrong = [one for one in believed if _differs(one.image, clean[one.time.pts])]
    assert len(wrong) <= 0.25 * count, (
        "a turned bit may give another valid picture; the marks alone leave two thirds"
    )
    last_s = max(one.time.stream_s for one in found if isinstance(one, Damaged))
    assert last_s < 8.5, "the second half is whole: two seconds later a key picture ends it"
    told = said(replayed(broken))
    assert told[0] == (Condition.DAMAGED, True)
    assert {condition for condition, _ in told} == {Condition.DAMAGED}


def _differs(one: Image, other: Image) -> bool:
    return bool(cv2.blur(cv2.absdiff(one, other), (8, 8)).max() > 16)


def test_a_stream_that_is_whole_again_says_so(tmp_path: Path) -> None:
    scene = Scene(walkers=(), duration_s=40.0, width_px=320, height_px=180)
    whole = encoded(render(scene), tmp_path / "whole.ts", options=FAST)
    broken = damaged(whole, tmp_path / "broken.ts", seed=5, lost=0.02, until=0.3)
    assert said(replayed(broken)) == [(Condition.DAMAGED, True), (Condition.DAMAGED, False)]


def test_one_fault_is_counted_and_no_condition(tmp_path: Path) -> None:
    scene = Scene(walkers=(), duration_s=30.0, width_px=320, height_px=180)
    whole = encoded(render(scene), tmp_path / "whole.ts", options=FAST, gop=10)
    data = bytearray(whole.read_bytes())
    hole = len(data) // 188 // 2 * 188
    broken = tmp_path / "broken.ts"
    broken.write_bytes(data[:hole] + data[hole + 188 :])
    replay = replayed(broken)
    assert replay.drops[DropReason.DAMAGED] >= 1
    assert said(replay) == []


# --- frozen -------------------------------------------------------------------------------------------------------

ENCODERS: dict[str, dict[str, object]] = {
    "h264, key every two seconds": {"gop": 10, "options": {"preset": "veryfast", "crf": "25"}},
    "h264, bit rate, key every five": {"gop": 25, "bit_rate": 300_000, "options": {"preset": "veryfast"}},
    "mpeg4": {"codec": "mpeg4", "gop": 12, "bit_rate": 800_000},
    "mjpeg": {"codec": "mjpeg", "bit_rate": 2_000_000},
}


def street(seconds: float, *, noise: float = 2.5, seed: int = 4) -> list[Image]:
    scene = Scene(walkers=(), duration_s=seconds, width_px=320, height_px=180, fps=5, noise=noise, seed=seed)
    return list(render(scene))


def clocked(pictures: list[Image]) -> Iterator[Image]:
    """With a clock that the camera burns in, twice a second."""
    for n, picture in enumerate(pictures):
        shown = picture.copy()
        cv2.rectangle(shown, (4, 2), (100, 16), (0, 0, 0), -1)
        cv2.putText(shown, f"12:00:{n / 5:04.1f}", (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
        yield shown


def by_name(settings: dict[str, object], pictures: Iterator[Image], path: Path) -> Path:
    return encoded(pictures, path, fps=5, **settings)  # type: ignore[arg-type]  # options by name


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("clock", [False, True], ids=["", "under a living clock"])
def test_a_frozen_picture_that_is_encoded_anew_is_told(tmp_path: Path, encoder: str, *, clock: bool) -> None:
    live = street(8.0)
    pictures = live + [live[-1]] * 5 * 40
    clip = by_name(ENCODERS[encoder], clocked(pictures) if clock else iter(pictures), tmp_path / "clip.mkv")
    replay = replayed(clip)
    assert said(replay) == [(Condition.FROZEN, True)]
    assert replay.changes[0].at_s <= 8.0 + 30.0, "encoders come to rest within half a minute"


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    ("noise", "clock"), [(2.5, True), (1.5, False)], ids=["by day, with a clock", "quiet"]
)
def test_a_still_scene_is_not_frozen(tmp_path: Path, encoder: str, *, noise: float, clock: bool) -> None:
    pictures = street(40.0, noise=noise, seed=7)
    clip = by_name(ENCODERS[encoder], clocked(pictures) if clock else iter(pictures), tmp_path / "clip.mkv")
    assert said(replayed(clip)) == []


def test_a_still_night_is_not_frozen(tmp_path: Path) -> None:
    night = [cv2.convertScaleAbs(one, alpha=0.4) for one in street(40.0, noise=4.0, seed=9)]
    clip = by_name(
        ENCODERS["h264, key every two seconds"], iter(np.asarray(night, np.uint8)), tmp_path / "n.mkv"
    )
    assert said(replayed(clip)) == []


# --- which way up -------------------------------------------------------------------------------------------------


def laid_out(stored: Image, turn: Turn) -> Image:
    """Where ISO/IEC 14496-12 puts each pixel: (p, q) to (a p + c q, b p + d q), moved into view."""
    a, b, _, c, d, *_ = (number >> 16 if number else 0 for number in display_matrix(turn))
    height, width = stored.shape[:2]
    q, p = np.mgrid[0:height, 0:width]
    x, y = a * p + c * q, b * p + d * q
    x, y = x - x.min(), y - y.min()
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = stored
    return shown


@pytest.mark.parametrize("turn", list(Turn))
def test_a_picture_is_set_upright_as_its_display_matrix_says(tmp_path: Path, turn: Turn) -> None:
    stored = np.full((96, 160, 3), 90, np.uint8)
    stored[8:40, 16:48], stored[56:88, 96:144] = (20, 20, 220), (220, 40, 40)
    clip = encoded([stored] * 4, tmp_path / "clip.mp4", options={"crf": "12"}, turn=turn)
    [first, *_] = watched(clip, DropCounter())
    assert isinstance(first, Frame)
    assert first.turn is turn
    shown = laid_out(stored, turn)
    assert first.image.shape == shown.shape
    assert cv2.absdiff(first.image, shown).mean() < 4.0


def test_the_operators_word_outranks_the_matrix(tmp_path: Path) -> None:
    stored = np.zeros((96, 160, 3), np.uint8)
    clip = encoded([stored] * 4, tmp_path / "clip.mp4", turn=Turn.RIGHT)
    [first, *_] = watched(clip, DropCounter(), turn=Turn.OVER)
    assert isinstance(first, Frame)
    assert (first.image.shape, first.turn) == (stored.shape, Turn.OVER)


@pytest.mark.parametrize(("turn", "quarter_turns"), [(Turn.RIGHT, 1), (Turn.LEFT, -1), (Turn.OVER, 2)])
def test_zones_and_tracks_of_a_turned_camera_are_those_of_an_upright_one(
    tmp_path: Path, turn: Turn, quarter_turns: int
) -> None:
    pictures = list(render(replace(loiterer(arrives_s=0.5, stays_s=1.0), width_px=320, height_px=180)))
    upright = replayed(encoded(pictures, tmp_path / "upright.mp4", options=FAST))
    turned = (np.ascontiguousarray(np.rot90(one, quarter_turns)) for one in pictures)
    lying = replayed(encoded(turned, tmp_path / "lying.mp4", options=FAST, turn=turn))
    assert upright.incidents[0].stage is Stage.START
    assert [(one.rule_id, one.stage) for one in lying.incidents] == [
        (one.rule_id, one.stage) for one in upright.incidents
    ]
    first, other = (box_row(replay.incidents[0].box) for replay in (lying, upright))
    assert first == pytest.approx(other, abs=0.04)


# --- the public files ---------------------------------------------------------------------------------------------

FILES: dict[str, list[Condition]] = {
    "corrupt.ts": [Condition.DAMAGED],
    "lossy.ts": [Condition.DAMAGED],
    "moved.mp4": [Condition.MOVED],
    "covered65.mp4": [Condition.COVERED],
    "blank_wall.mp4": [Condition.LOW_CONTRAST],
    "fog.mp4": [Condition.LOW_CONTRAST],
    "dark_night_no_ir.mp4": [Condition.LOW_LIGHT],
    "frozen_ip_gop10.mp4": [Condition.FROZEN],
    "pole_shake_2px.mp4": [],
}


@pytest.mark.parametrize("name", FILES)
def test_a_public_file_is_called_what_it_is(test_data: Path, name: str) -> None:
    replay = replayed(_public(test_data, name))
    assert said(replay) == [(condition, True) for condition in FILES[name]]
    if name.endswith(".ts"):
        assert replay.drops[DropReason.DAMAGED] > 150
        assert not replay.incidents
    if name.startswith("pole"):
        assert replay.gate_open <= 0.05 * replay.pictures


def test_the_public_file_with_a_display_matrix_is_laid_as_another_library_lays_it(test_data: Path) -> None:
    path = _public(test_data, "rot_meta_upright.mp4")
    [first, *_] = watched(path, DropCounter())
    other = cv2.VideoCapture(str(path))
    _, shown = other.read()
    other.release()
    assert isinstance(first, Frame)
    assert first.turn is Turn.RIGHT
    assert first.image.shape == shown.shape == (360, 480, 3)
    assert cv2.absdiff(first.image, shown).mean() < 1.0


def _public(test_data: Path, name: str) -> Path:
    path = test_data / "real" / "vision" / name
    if not path.is_file():
        pytest.skip(f"no {name} in the test data")
    return path
