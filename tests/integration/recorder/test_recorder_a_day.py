"""A day, and a month, of a recorder in which everything goes wrong that can: whatever its ring has to keep, what it
takes does not grow with the time that it has run, and all that it ever recorded is answered for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cior_core import footage
from cior_core.footage import GapCause
from cior_evidence.ring_index import survey
from cior_recorder.court import CourtHold
from cior_vision.synthetic import encode, loiterer
from engines.long_runs import TIMEOUT_S, often
from integration.recorder.recorder_site import Facts, Site
from integration.recorder.test_recorder_copy_walk import MemoryBucket, as_bucket

HOUR_MS, DAY_MS = 3_600_000, footage.DAY_MS
TURN_S = often(180, long=120)
TURNS = 24 * 3600 // TURN_S
CAMERAS = often(1, long=4)
FILMS_S = often(20, long=100)
STORM = often(60, long=600)

pytestmark = [pytest.mark.long, pytest.mark.slow]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera of 160 x 90."""
    scene = replace(loiterer(arrives_s=1.0, stays_s=1.0), width_px=160, height_px=90, duration_s=1.0)
    return encode(scene, tmp_path_factory.mktemp("clips") / "small.mp4", crf=40)


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


def a_day(site: Site, bucket: MemoryBucket) -> Iterator[None]:
    """Twenty-four hours, holds and orders that come and go, copies, storms, a full disk, ends of
    the process, asked for and not.
    """
    orders: dict[int, Callable[[], None]] = {
        11: lambda: site.hold(150_000, for_ms=3 * HOUR_MS),
        31: lambda: storm(site),
        45: lambda: ends(site, is_killed=False),
        61: site.fill,
        66: site.clear,
        75: lambda: ends(site, is_killed=True),
        80: lambda: order(site, until_ms=site.clock.now_ms() + 2 * HOUR_MS),
        88: lambda: order(site),
    }
    for turn in range(TURNS):
        orders.get(turn % 90, lambda: None)()
        site.film(FILMS_S)
        site.away(TURN_S - FILMS_S, told_each_s=TURN_S - FILMS_S)
        if turn % 5 == 4:
            site.sweep()
        if turn % 15 == 14:
            site.copy(as_bucket(bucket))
        yield


def storm(site: Site) -> None:
    """A camera that is there for a picture and gone again."""
    for _ in range(STORM):
        site.film(2)


def ends(site: Site, *, is_killed: bool) -> None:
    """Five minutes without a recorder."""
    site.film(FILMS_S, leaves_open=True)
    if is_killed:
        site.kill()
    else:
        site.stop()
    site.clock.advance(300_000)
    site.start()


def order(site: Site, *, hours: int = 1, until_ms: int | None = None) -> None:
    """A court's, about the last hours, in place of what it ordered before; without ``until_ms``, nothing any more."""
    now_ms = site.clock.now_ms()
    ordered = CourtHold((site.cameras[0],), now_ms - hours * HOUR_MS, now_ms, until_ms)
    site.court.holds = (ordered,) if until_ms else ()


def grows(facts: list[Facts], names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """What takes a twentieth more in the second half than it ever took in the first, with the most of both."""
    half = len(facts) // 2
    return {
        name: (before, after)
        for name in names
        for before, after in [
            [max(getattr(each, name) for each in part) for part in (facts[:half], facts[half:])]
        ]
        if after > before * 1.05
    }


def answered(site: Site, from_ms: int, step_ms: int) -> dict[GapCause, int]:
    """Milliseconds by cause since ``from_ms``; every segment that was ever recorded is there, or is told as expired,
    and its number named it alone.
    """
    told = dict.fromkeys(GapCause, 0)
    for camera, numbers in site.recorded.items():
        shots = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
        assert len({each[0] for each in shots}) == len(shots)
        for at_ms in range(from_ms, site.clock.now_ms(), step_ms):
            span = (at_ms, min(at_ms + step_ms, site.clock.now_ms()))
            found = survey([site.ring], camera, span)
            there = {each.number for each in found.segments}
            for number, start_ms, end_ms in shots:
                if span[0] <= start_ms and end_ms <= span[1] and number not in there:
                    over = {
                        each.cause for each in found.gaps if each.from_ms < end_ms and each.to_ms > start_ms
                    }
                    assert over == {GapCause.EXPIRED}, (number, over)
            for gap in found.gaps:
                told[gap.cause] += gap.to_ms - gap.from_ms
    return told


TAKEN = ("files", "segment_bytes", "folders", "open_files", "listed")
BLOCKS = 2_000
"""Less than one object for each segment."""


@pytest.mark.timeout(TIMEOUT_S)
def test_a_day_of_faults_leaves_a_recorder_that_takes_what_it_took_in_the_morning(
    tmp_path: Path, picture: Path
) -> None:
    site = Site(tmp_path, picture, cameras=CAMERAS, keep_ms=2 * HOUR_MS, disk_bytes=3_000_000 * CAMERAS)
    bucket, facts, began_ms = MemoryBucket(), list[Facts](), site.clock.now_ms()
    for turn, _ in enumerate(a_day(site, bucket)):
        if turn % 30 == 29:
            facts.append(site.facts())
    steady = facts[len(facts) // 4 :]
    assert grows(steady, TAKEN) == {}
    assert steady[-1].memory_blocks - steady[0].memory_blocks < BLOCKS
    count = sum(map(len, site.recorded.values())) // 3
    assert steady[-1].telling_bytes < 1_500 * count, "a line a segment, until its day is past"
    assert site.removed > 0.7 * count
    assert bucket.kept
    site.stop()
    told = answered(site, began_ms, 4 * HOUR_MS)
    assert {cause for cause, ms in told.items() if ms} == {
        GapCause.EXPIRED, GapCause.RECONNECT, GapCause.CAMERA_AWAY, GapCause.RESTART, GapCause.DISK_FULL,
    }  # fmt: skip


KEPT_DAYS = 5


def a_month(site: Site, bucket: MemoryBucket) -> Iterator[None]:
    """A few seconds, three times a day; and every ten days all cameras are away for three."""
    for day in range(30):
        for _ in range(3):
            if day % 10 not in {2, 3, 4}:
                site.film(often(20, long=600))
            site.away(8 * 3600, told_each_s=7200)
            site.sweep()
        if day % 2:
            ends(site, is_killed=day % 4 == 1)
        if day % 5 == 2:
            site.hold(9 * HOUR_MS, for_ms=8 * DAY_MS)
        if day % 5 == 3:
            order(site, hours=9, until_ms=site.clock.now_ms() + 12 * DAY_MS)
        site.copy(as_bucket(bucket))
        yield


@pytest.mark.timeout(TIMEOUT_S)
def test_a_month_leaves_a_line_for_each_day_and_nothing_else(tmp_path: Path, picture: Path) -> None:
    site = Site(tmp_path, picture, cameras=CAMERAS, keep_ms=KEPT_DAYS * DAY_MS, disk_bytes=10**9)
    bucket, facts, began_ms = MemoryBucket(), list[Facts](), site.clock.now_ms()
    for _ in a_month(site, bucket):
        facts.append(site.facts())
    steady = facts[2 * KEPT_DAYS :]
    assert grows(steady, (*TAKEN, "telling_bytes")) == {}
    assert steady[-1].memory_blocks - steady[0].memory_blocks < BLOCKS
    assert site.past >= 20 * CAMERAS
    assert steady[-1].past_bytes < 1_500 * site.past
    assert bucket.kept
    site.stop()
    told = answered(site, began_ms, DAY_MS)
    assert {cause for cause, ms in told.items() if ms} == {
        GapCause.EXPIRED, GapCause.CAMERA_AWAY, GapCause.RESTART,
    }  # fmt: skip
