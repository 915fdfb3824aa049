"""One camera's packets become segments and gaps: every instant is in one of them, and a gap says why."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from cior_core import footage
from cior_core.footage import GapCause, cover
from cior_core.model import ClockQuality
from cior_recorder.segment_file import _Sink
from integration.recorder import footage_read as read
from integration.recorder.fed_track import NOON_MS, Clock, Fed


def told(ring: Path, from_ms: int, to_ms: int) -> list[tuple[int, int, GapCause]]:
    """The gaps of an interval, in ms after noon."""
    found = cover("plaza", (NOON_MS + from_ms, NOON_MS + to_ms), read.records(ring))
    return [(gap.from_ms - NOON_MS, gap.to_ms - NOON_MS, gap.cause) for gap in found.gaps]


def test_segments_hold_every_packet_untouched_and_join_without_a_hole(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(45)
    fed.track.stop()
    kept = read.segments(tmp_path)
    assert [each.frames for each in kept] == [10, 10, 10, 10, 5]
    packets = [packet for each in kept for packet in read.checked(tmp_path, each)]
    assert packets == read.packets_of(clip)[:45]
    assert told(tmp_path, 0, 4500) == []
    assert [each.clock.quality for each in kept] == [ClockQuality.SYNCED] * 5


def test_a_camera_whose_clock_is_off_keeps_our_time_and_the_difference(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(20, off_ms=-3_600_000)
    fed.track.stop()
    for segment in read.segments(tmp_path):
        assert (segment.clock.offset_ms, segment.clock.error_ms) == (-3_600_000, 0)
        assert (segment.clock.source, segment.clock.quality) == ("arrival", ClockQuality.SKEWED)
        assert NOON_MS <= segment.start_ms < NOON_MS + 2000


def test_a_broken_connection_is_a_gap_until_the_first_key_picture(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(15)
    fed.track.ended(GapCause.RECONNECT)
    fed.clock.advance(500)
    fed.connection(20, first=7)  # the first three refer to a key picture that nobody has
    fed.track.stop()
    assert told(tmp_path, 0, 4000) == [(1500, 2300, GapCause.RECONNECT)]
    first, second = {each.stretch for each in read.segments(tmp_path)}
    assert first != second


def test_silence_inside_a_connection_is_a_gap_and_what_comes_after_it_is_kept(
    tmp_path: Path, clip: Path
) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(15)
    fed.clock.advance(4000)
    fed.track.ended(GapCause.CAMERA_AWAY)
    fed.clock.advance(70_000)
    fed.track.tick()
    fed.connection(10)
    fed.track.stop()
    assert told(tmp_path, 0, 76_500) == [(1500, 75_500, GapCause.CAMERA_AWAY)]


def test_pictures_that_the_camera_left_out_are_a_gap(tmp_path: Path, clip: Path) -> None:
    """By the stream's own time, inside one connection; what follows is kept though no key picture begins it."""
    fed = Fed(tmp_path, clip)
    fed.connection(50, leaves_out=range(15, 43))
    fed.track.stop()
    assert told(tmp_path, 0, 5000) == [(1500, 4300, GapCause.CAMERA_AWAY)]
    kept = read.segments(tmp_path)
    assert [(each.frames, each.keyframes) for each in kept] == [(10, 1), (5, 1), (7, 0)]


@pytest.mark.parametrize(("pace", "within_ms"), [(1 / 90, 6_200), (0.0, 6_200), (5.0, 6_200), (90.0, 400)])
def test_a_camera_whose_own_time_runs_wrong_is_recorded_by_arrival_and_says_so(
    tmp_path: Path, clip: Path, pace: float, within_ms: int
) -> None:
    """Too slow, standing, MJPEG stamped too fast: minutes had no footage though every picture came, or a gap followed
    each picture.
    """
    fed = Fed(tmp_path, clip)
    fed.connection(80, pace=pace)
    fed.track.stop()
    kept = read.segments(tmp_path)
    assert sum(each.frames for each in kept) == 80, "no picture is left out"
    by_arrival = [each for each in kept if each.clock.paced_by == "arrival"]
    assert by_arrival[0].start_ms - NOON_MS <= within_ms
    assert len({each.epoch for each in by_arrival}) == 1
    assert [(each.start_ms, each.end_ms) for each in by_arrival[1:-1]] == [
        (begin_ms, begin_ms + 1000)
        for begin_ms in range(by_arrival[1].start_ms, by_arrival[-1].start_ms, 1000)
    ]
    assert told(tmp_path, by_arrival[0].start_ms - NOON_MS, 8000) == []
    assert told(tmp_path, 0, 8000) == [] or pace > 20, "what came before is in the segment that was open"
    packets = [packet for each in kept for packet in read.packets_of(tmp_path / each.path)]
    assert packets == read.packets_of(clip)[:80]
    for each in by_arrival:
        assert read.length_ms(tmp_path, each) == pytest.approx(each.end_ms - each.start_ms, abs=110)


def test_a_clock_that_is_set_ends_the_segment_and_is_told(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(20, before=lambda number: fed.clock.set_by(60_000) if number == 15 else None)
    fed.track.stop()
    assert told(tmp_path, 0, 62_000) == [(1500, 61_500, GapCause.CLOCK_STEP)]
    assert sum(each.frames for each in read.segments(tmp_path)) == 20, "no picture is lost for it"


def test_a_clock_set_back_leaves_a_mark_and_no_picture_is_lost(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(20, before=lambda number: fed.clock.set_by(-60_000) if number == 15 else None)
    fed.track.stop()
    assert sum(each.frames for each in read.segments(tmp_path)) == 20
    marks = [gap for gap in read.gaps(tmp_path) if gap.cause is GapCause.CLOCK_STEP]
    assert [(gap.from_ms, gap.to_ms) for gap in marks] == [(NOON_MS - 58_500, NOON_MS - 58_500)]


def test_the_time_without_a_recorder_is_told_by_the_next_one(tmp_path: Path, clip: Path) -> None:
    clock = Clock()
    first = Fed(tmp_path, clip, clock)
    first.connection(10)
    first.track.stop()
    clock.advance(footage.DAY_MS)
    second = Fed(tmp_path, clip, clock)
    second.connection(10)
    second.track.stop()
    kept = read.segments(tmp_path)
    assert [each.number for each in kept] == [1, 2]
    assert told(tmp_path, 0, footage.DAY_MS + 2000) == [(1000, footage.DAY_MS + 1000, GapCause.RESTART)]
    openings = [each for each in read.records(tmp_path) if isinstance(each, footage.Opening)]
    yesterday = footage.read_index((tmp_path / footage.index_path("plaza", "2026-11-27")).read_bytes())
    assert openings[1].hash in {each.link for each in yesterday.entries}, "a day cannot vanish"


def test_what_a_killed_recorder_left_is_entered_and_half_a_picture_cut_off(
    tmp_path: Path, clip: Path
) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(15)
    fed.kill()
    part = next(tmp_path.rglob("*.part"))
    whole = part.read_bytes()
    part.write_bytes(whole + whole[-700:-300])
    fed.clock.advance(5000)
    Fed(tmp_path, clip, fed.clock)
    last = read.segments(tmp_path)[-1]
    assert (last.recovered, last.frames, last.start_ms) == (True, 4, NOON_MS + 1000)
    assert read.checked(tmp_path, last) == read.packets_of(clip)[10:14]
    assert whole.startswith((tmp_path / last.path).read_bytes()), "and nothing of the half one is left"
    assert told(tmp_path, 0, 6500) == [(1400, 6500, GapCause.RESTART)]


def test_a_recovered_segment_says_how_far_the_cameras_clock_was_when_it_began(
    tmp_path: Path, clip: Path
) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(15, off_ms=40)
    fed.kill()
    Fed(tmp_path, clip, fed.clock)
    first, last = (each.clock for each in read.segments(tmp_path))
    assert (first.offset_ms, first.error_ms) == (40, 0)
    assert (last.offset_ms, last.error_ms) == (40, None), "how far it moved nobody knows"


def test_a_closed_file_that_a_kill_kept_out_of_the_index_is_entered(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(15)
    fed.kill()
    part = next(tmp_path.rglob("*.part"))
    part.rename(part.with_name(part.name.removesuffix(".part")))
    Fed(tmp_path, clip, fed.clock)
    Fed(tmp_path, clip, fed.clock)
    assert [each.number for each in read.segments(tmp_path)] == [1, 2], "once"


def test_a_line_of_the_index_that_a_power_cut_left_half_is_cut_off(tmp_path: Path, clip: Path) -> None:
    fed = Fed(tmp_path, clip)
    fed.connection(25)
    fed.track.stop()
    index = tmp_path / footage.index_path("plaza", "2026-11-27")
    lines = index.read_bytes()
    index.write_bytes(lines[:-40])
    after = Fed(tmp_path, clip, fed.clock)
    after.connection(5)
    after.track.stop()
    assert [each.number for each in read.segments(tmp_path)] == [1, 2, 3, 4]


def test_a_disk_that_fills_up_in_a_segment_keeps_what_is_whole_and_tells_the_rest(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, is_full = _Sink.write, False

    def write(self: _Sink, piece: bytes) -> int:
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, piece)

    monkeypatch.setattr(_Sink, "write", write)

    def fill(number: int) -> None:
        nonlocal is_full
        is_full = 15 <= number < 32

    fed = Fed(tmp_path, clip)
    fed.connection(45, before=fill)
    fed.track.stop()
    kept = read.segments(tmp_path)
    assert [each.frames for each in kept] == [10, 4, 5]
    for each in kept:
        read.checked(tmp_path, each)
    assert told(tmp_path, 0, 4500) == [(1400, 4000, GapCause.DISK_FULL)]


def test_without_room_nothing_is_written_and_the_gap_says_so(tmp_path: Path, clip: Path) -> None:
    room = [True]
    fed = Fed(tmp_path, clip, has_room=lambda: room[0])

    def narrow(number: int) -> None:
        room[0] = not 5 <= number < 35

    fed.connection(45, before=narrow)
    fed.track.stop()
    assert told(tmp_path, 0, 4500) == [(1000, 4000, GapCause.DISK_FULL)]


def test_the_same_camera_and_clock_make_the_same_bytes(tmp_path: Path, clip: Path) -> None:
    digests = []
    for folder in ("one", "two"):
        fed = Fed(tmp_path / folder, clip)
        fed.connection(25)
        fed.track.stop()
        files = sorted((tmp_path / folder).rglob("*.mp4"))
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]


def test_what_a_full_disk_refused_keeps_its_cause_when_the_connection_ends(
    tmp_path: Path, clip: Path
) -> None:
    fed = Fed(tmp_path, clip, has_room=lambda: False)
    fed.connection(30)
    fed.track.ended(GapCause.RECONNECT)
    fed.clock.advance(2000)
    fed.track.stop()
    assert told(tmp_path, 0, 5000) == [(0, 3000, GapCause.DISK_FULL), (3000, 5000, GapCause.RECONNECT)]
