"""Times of a stream are honest: stream time orders, wall time says where it comes from, nobody mistakes one for the
other.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from cior_core.model import ClockQuality
from cior_video.drops import DropReason
from cior_video.timing import EpochTimes, FrameTime, PacedBy, PacketTimes, Sampler, WallSource

BASE = Fraction(1, 90_000)
NOON = 1_700_000_000_000


def stamped(times: EpochTimes, seconds: float, *, arrival_ms: int, sender_ms: int | None = None) -> FrameTime:
    found = times.stamp(
        round(seconds * 90_000), BASE, PacketTimes(arrival_ms=arrival_ms, sender_ms=sender_ms)
    )
    assert isinstance(found, FrameTime)
    return found


def test_law_6_stream_pts_is_never_presented_as_utc() -> None:
    """A camera that says nothing about UTC: the wall time is the edge's arrival and says so, whatever the PTS claims to
    be.
    """
    times = EpochTimes()
    first = stamped(times, 43_000.0, arrival_ms=NOON)
    later = stamped(times, 43_002.0, arrival_ms=NOON + 2_150)
    assert (first.wall_ms, first.wall_source, first.clock) == (NOON, WallSource.ARRIVAL, ClockQuality.UNKNOWN)
    assert (later.stream_s, later.wall_ms) == (2.0, NOON + 2_150)
    assert first.clock_error_s is None


def test_a_camera_whose_rtcp_clock_agrees_is_believed() -> None:
    found = stamped(EpochTimes(), 1.0, arrival_ms=NOON + 120, sender_ms=NOON)
    assert (found.wall_ms, found.wall_source, found.clock) == (NOON, WallSource.RTCP, ClockQuality.SYNCED)
    assert found.clock_error_s == 0.12


def test_law_6_a_camera_whose_clock_is_years_off_is_timed_by_arrival_and_its_error_is_kept() -> None:
    found = stamped(EpochTimes(), 1.0, arrival_ms=NOON, sender_ms=NOON - 3 * 365 * 86_400_000)
    assert (found.wall_ms, found.wall_source, found.clock) == (NOON, WallSource.ARRIVAL, ClockQuality.SKEWED)
    assert found.clock_error_s == 3 * 365 * 86_400


def test_a_file_is_mapped_onto_the_given_instant_and_nobody_vouches_for_it() -> None:
    found = stamped(times := EpochTimes(file_start_ms=NOON), 5.0, arrival_ms=NOON + 999_999)
    assert (found.wall_ms, found.wall_source, found.clock) == (NOON, WallSource.FILE, ClockQuality.UNKNOWN)
    assert stamped(times, 6.5, arrival_ms=NOON + 999_999).wall_ms == NOON + 1_500


def test_the_first_packet_over_rtsp_may_have_no_pts() -> None:
    assert EpochTimes().stamp(None, BASE, PacketTimes(arrival_ms=NOON)) is DropReason.NO_PTS


def test_a_pts_that_stands_still_gives_no_second_picture() -> None:
    times = EpochTimes()
    stamped(times, 1.0, arrival_ms=NOON)
    assert times.stamp(90_000, BASE, PacketTimes(arrival_ms=NOON + 40)) is DropReason.PTS_NOT_ADVANCING
    assert times.stamp(80_000, BASE, PacketTimes(arrival_ms=NOON + 80)) is DropReason.PTS_NOT_ADVANCING


def test_a_reconnection_opens_a_new_epoch_although_pts_starts_again() -> None:
    times = EpochTimes()
    stamped(times, 100.0, arrival_ms=NOON)
    times.reconnected()
    again = stamped(times, 0.0, arrival_ms=NOON + 7_000)
    assert (again.epoch, again.stream_s, again.origin_ms) == (1, 0.0, NOON + 7_000)


def test_a_jump_of_the_time_line_opens_a_new_epoch_without_a_reconnection() -> None:
    times = EpochTimes()
    stamped(times, 1.0, arrival_ms=NOON)
    assert stamped(times, 500.0, arrival_ms=NOON + 40).epoch == 1
    assert stamped(times, 2.0, arrival_ms=NOON + 80).epoch == 2


def test_a_step_back_of_seconds_opens_an_epoch_at_once_and_blinds_nobody() -> None:
    """A camera that starts its own time line again nine seconds back was not watched for nine seconds."""
    times = EpochTimes()
    stamped(times, 20.0, arrival_ms=NOON)
    again = stamped(times, 11.0, arrival_ms=NOON + 200)
    assert (again.epoch, again.stream_s, again.origin_ms) == (1, 0.0, NOON + 200)
    late = times.stamp(round(10.6 * 90_000), BASE, PacketTimes(arrival_ms=NOON + 240))
    assert late is DropReason.PTS_NOT_ADVANCING, "what is merely out of order is not a new time line"


def test_a_clock_beside_the_limit_does_not_make_wall_time_jump_to_and_fro() -> None:
    """Two seconds off, give or take a tenth: believed or not, but one of them."""
    for first_s in (1.9, 2.1):
        times = EpochTimes()
        errors = [first_s, *itertools.chain(*[(1.9, 2.1)] * 20)]
        found = [
            stamped(times, n / 5, arrival_ms=NOON + n * 200, sender_ms=NOON + n * 200 - round(error_s * 1000))
            for n, error_s in enumerate(errors)
        ]
        assert len({at.wall_source for at in found}) == 1
        back = stamped(times, 10.0, arrival_ms=NOON + 10_000, sender_ms=NOON + 9_900)
        gone = stamped(times, 10.2, arrival_ms=NOON + 10_200, sender_ms=NOON + 5_000)
        assert (back.wall_source, gone.wall_source) == (WallSource.RTCP, WallSource.ARRIVAL)


def test_a_looped_file_goes_on_in_wall_time() -> None:
    times = EpochTimes(file_start_ms=NOON)
    stamped(times, 0.0, arrival_ms=0)
    stamped(times, 0.2, arrival_ms=0)
    times.reconnected()
    assert stamped(times, 0.0, arrival_ms=0).wall_ms == NOON + 400


def live(moments: list[tuple[float, float]], times: EpochTimes | None = None) -> list[FrameTime | DropReason]:
    """What a live camera's pictures of (stream second, arrival second) get."""
    times = times or EpochTimes(watches_pace=True)
    return [
        times.stamp(round(at_s * 90_000), BASE, PacketTimes(arrival_ms=NOON + round(arrival_s * 1000)))
        for at_s, arrival_s in moments
    ]


@pytest.mark.parametrize(
    ("pace", "within_s"),
    [(1 / 90, 7.0), (0.0, 7.0), (0.2, 7.0), (5.0, 7.0), (18.0, 1.0), (90.0, 1.0), (-9.0, 1.0)],
)
def test_a_stream_that_runs_at_a_wrong_pace_is_timed_by_arrival_and_says_so(
    pace: float, within_s: float
) -> None:
    """90 times too slow or fast, standing, MJPEG of 5 a second stamped 25: after a moment durations are true, in a new
    epoch, and stay so.
    """
    found = live([(600.0 + n / 5 * pace, n / 5) for n in range(300)])
    paced = [(n / 5, at) for n, at in enumerate(found) if isinstance(at, FrameTime)]
    changed = [arrival_s for arrival_s, at in paced if at.paced_by is PacedBy.ARRIVAL]
    assert changed[0] <= within_s
    after = [at for arrival_s, at in paced if arrival_s >= changed[0]]
    assert len(after) == 300 - round(changed[0] * 5), "every picture since has a time"
    assert {(at.epoch, at.paced_by) for at in after} == {(after[0].epoch, PacedBy.ARRIVAL)}
    assert after[0].epoch <= 3
    assert after[-1].stream_s == pytest.approx(59.8 - changed[0], abs=0.01)
    assert all(one.stream_s < two.stream_s for one, two in itertools.pairwise(after))


@pytest.mark.parametrize(
    "moments",
    [
        [(n / 5, n / 5) for n in range(300)],
        [(n / 5, n / 5 * 1.001) for n in range(3000)],
        [(n / 5, max(n / 5 - 5, n / 500)) for n in range(300)],  # five kept seconds at once
        [
            (n / 5, n / 5 if n < 100 else max(n / 5, 29 + n / 1000)) for n in range(300)
        ],  # a stall of nine seconds
        [(n / 5, n / 5 + (9 if n >= 100 else 0)) for n in range(300)],  # late from then on
        [(n / 5 + (9 if n >= 100 else 0), n / 5 + (9 if n >= 100 else 0)) for n in range(300)],  # lost
        [(float(n * 2), float(n * 2)) for n in range(60)],
    ],
    ids=["even", "a clock a thousandth off", "kept", "stalled", "late", "lost", "a picture in two seconds"],
)
def test_stalls_bursts_and_losses_are_no_wrong_pace(moments: list[tuple[float, float]]) -> None:
    found = live(moments)
    assert {at.epoch for at in found if isinstance(at, FrameTime)} == {0}
    assert all(isinstance(at, FrameTime) and at.paced_by is PacedBy.STREAM for at in found)


def test_a_new_connection_is_believed_until_it_is_wrong_again_and_files_always_are() -> None:
    times = EpochTimes(watches_pace=True)
    live([(n / 25, n / 5) for n in range(100)], times)
    times.reconnected()
    [again] = live([(0.0, 30.0)], times)
    assert isinstance(again, FrameTime)
    assert again.paced_by is PacedBy.STREAM
    fast = EpochTimes(file_start_ms=NOON, watches_pace=True)
    assert {
        at.paced_by for at in live([(n / 5, n / 500) for n in range(300)], fast) if isinstance(at, FrameTime)
    } == {PacedBy.STREAM}


def test_sampling_takes_five_a_second_from_any_source_rate() -> None:
    for source_fps in (10.0, 12.5, 25.0, 29.97):
        times, sampler = EpochTimes(), Sampler(5.0)
        taken = [
            at.stream_s
            for n in range(round(source_fps * 20))
            if sampler.due(at := stamped(times, n / source_fps, arrival_ms=NOON))
        ]
        assert 78 <= len(taken) <= 101, source_fps
        assert max(later - now for now, later in itertools.pairwise(taken)) <= 0.2 + 1 / source_fps + 1e-3
