"""A camera followed in the ring, at the pace of a clock that the test moves: no waiting, the recorder's own files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from cior_console import ring_live
from cior_console.ring_files import clip_of, records_of
from cior_console.ring_live import LiveCamera, LiveState
from cior_core import hls
from cior_core.footage import GapCause, Segment
from integration.console.footage_rig import clock_clip
from integration.recorder.fed_track import STEP_MS, Clock, Fed

SECOND = 10
"""Pictures."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clock_clip(tmp_path_factory.mktemp("clips") / "plaza.mp4", seconds=40)


class Watched:
    """A camera that the test feeds, and somebody who watches it."""

    def __init__(self, ring: Path, clip: Path) -> None:
        self.clock = Clock(time.time_ns() // 1_000_000)  # files have the machine's time
        self.fed, self.at = Fed(ring, clip, self.clock), 0
        self.live = self.watch()

    def watch(self) -> LiveCamera:
        return LiveCamera(
            self.fed.ring, "plaza", now_ms=self.clock.now_ms, monotonic_s=self.clock.monotonic_s
        )

    def send(self, pictures: int) -> None:
        """The watcher looks after each picture, as it does five times a second."""
        self.fed.connection(pictures, first=self.at, before=lambda _: self.live.advance())
        self.at += pictures
        self.live.advance()

    def state(self) -> LiveState:
        return self.live.state

    def cause(self) -> GapCause | None:
        return self.live.cause

    def wait(self, ms: int) -> None:
        for _ in range(0, ms, STEP_MS):
            self.clock.advance(STEP_MS)
            self.live.advance()


@pytest.fixture
def watched(tmp_path: Path, clip: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "ring", clip)
    yield made
    made.live.close()
    if made.fed.track.is_recording:
        made.fed.kill()


def test_pieces_follow_each_other_without_a_hole_and_none_is_older_than_a_second_and_a_bit(
    watched: Watched,
) -> None:
    watched.send(5 * SECOND + 5)
    pieces = watched.live.shown.pieces
    assert {each.line for each in pieces} == {pieces[0].line}
    assert [after.start_ms - before.end_ms for before, after in pairwise(pieces)] == [0] * (len(pieces) - 1)
    assert watched.clock.now_ms() - pieces[-1].end_ms <= 1_200
    assert all(each.length_s <= hls.PIECE_S + 0.2 for each in pieces)
    assert all(watched.live.piece(each.name) for each in pieces)
    assert watched.live.piece(f"init-{pieces[0].init}.mp4")


def test_what_is_not_of_now_is_said_within_four_seconds_with_its_cause_and_pictures_come_back(
    watched: Watched,
) -> None:
    assert watched.state() is LiveState.WAITING
    watched.send(2 * SECOND)
    assert watched.state() is LiveState.LIVE
    last_ms = watched.clock.now_ms()
    watched.fed.track.ended(GapCause.CAMERA_AWAY)
    watched.wait(3_800)
    assert watched.state() is LiveState.LIVE, "a camera may be slow"
    watched.wait(400)
    assert watched.state() is LiveState.SILENT
    assert watched.live.last_ms is not None
    assert 0 <= last_ms - watched.live.last_ms <= 200
    assert watched.cause() is None, "nobody wrote why yet"
    watched.wait(60_000)
    watched.fed.track.tick()
    watched.wait(1_500)
    assert watched.cause() is GapCause.CAMERA_AWAY
    watched.send(2 * SECOND)
    assert (watched.state(), watched.cause()) == (LiveState.LIVE, None)
    lines = [each.line for each in watched.live.shown.pieces]
    assert len(set(lines)) == 2, "another connection is a discontinuity"


def test_only_the_newest_are_kept_and_the_playlist_counts_what_went(watched: Watched) -> None:
    watched.send(3 * SECOND)
    watched.fed.track.ended(GapCause.RECONNECT)
    before = watched.live.shown.pieces
    watched.send((ring_live.KEPT + 4) * SECOND)
    shown = watched.live.shown
    assert len(shown.pieces) == ring_live.KEPT
    assert shown.breaks == 1
    assert shown.first >= len(before)
    assert watched.live.piece(before[0].name) is None


def test_a_killed_recorder_is_silence_and_the_next_one_is_followed(watched: Watched, clip: Path) -> None:
    watched.send(2 * SECOND + 5)
    watched.fed.kill()
    watched.wait(5_000)
    assert watched.state() is LiveState.SILENT
    watched.fed = Fed(watched.fed.ring, clip, watched.clock)
    watched.send(3 * SECOND)
    assert watched.state() is LiveState.LIVE
    assert watched.live.shown.pieces[-1].number > watched.live.shown.pieces[0].number


def test_who_comes_long_after_a_kill_sees_no_picture_of_then(watched: Watched) -> None:
    watched.send(3 * SECOND)
    watched.fed.kill()
    watched.clock.advance(30_000)
    late, states = watched.watch(), set()
    for _ in range(50):
        late.advance()
        states.add(late.state)
        watched.clock.advance(STEP_MS)
    assert LiveState.LIVE not in states
    assert (late.state, late.shown.pieces) == (LiveState.SILENT, ())
    assert late.last_ms is not None
    late.close()


def test_an_interval_of_a_long_day_is_found_without_reading_the_day(watched: Watched) -> None:
    began_ms = watched.clock.now_ms()
    for _ in range(40):
        watched.fed.connection(2 * SECOND, first=0)
        watched.fed.track.ended(GapCause.CAMERA_AWAY)
        watched.clock.advance(60_000)
    span = (began_ms + 20 * 62_000, began_ms + 20 * 62_000 + 2_000)
    found = [each for each in records_of(watched.fed.ring, "plaza", span) if isinstance(each, Segment)]
    assert 0 < len(found) < 40, "what lies around it, and not everything"
    shown = clip_of(watched.fed.ring, "plaza", span)
    assert [(each.start_ms, each.end_ms) for each in shown.pieces] == [
        (span[0], span[0] + 1_000),
        (span[0] + 1_000, span[0] + 2_000),
    ]
    assert shown.gaps == ()
