"""A day of which everything is gone becomes one line, whenever the recorder dies meanwhile, and every reader goes on
answering as it did.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import structs

from cior_console.ring_files import clip_of
from cior_core import footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import Coverage, Gap, GapCause, PastDay
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.ring_index import entries, rings_of, survey
from cior_recorder import pruning
from cior_recorder.holds import FOLDER, Hold, Holds
from cior_recorder.ledger import Ledger
from cior_recorder.past import Past
from cior_recorder.pruning import Pruner
from cior_recorder.recovery import resumed
from cior_recorder.segment_file import PART
from doubles.courts import NoOrders
from integration.recorder.court_ring import WIDE, filmed
from integration.recorder.court_ring import sweeper as sweeper_of
from integration.recorder.fed_track import NOON_MS, Clock, Fed

DAY_MS, HOUR_MS = footage.DAY_MS, 3_600_000
KEEP_MS = 2 * DAY_MS
LATER_MS = NOON_MS + 5 * DAY_MS
"""When the first three of the five days have no segment any more."""
DAYS = tuple(footage.day_of(NOON_MS + n * DAY_MS) for n in range(5))


@pytest.fixture(scope="module")
def filmed_ring(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """Three seconds at noon of five days, a night without pictures between two of them."""
    ring = tmp_path_factory.mktemp("rings") / "ring"
    filmed(ring, clip, "plaza", at_ms=[NOON_MS + n * DAY_MS for n in range(5)])
    return ring


@pytest.fixture
def ring(filmed_ring: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filmed_ring, tmp_path / "ring")


def swept(ring: Path, *, now_ms: int = LATER_MS) -> Path:
    court = NoOrders()
    sweeper_of(ring, court, ["plaza"], now_ms=now_ms, room=WIDE).sweep(keep_ms=KEEP_MS, reserve_bytes=0)
    return ring


def pruned(ring: Path, *, now_ms: int = LATER_MS, years: int = 10, court: NoOrders | None = None) -> int:
    return Pruner(
        ring,
        {"plaza": Ledger(ring, "plaza")},
        holds=Holds(ring),
        court=court or NoOrders(),
        now_ms=lambda: now_ms,
    ).prune(keep_ms=KEEP_MS, years=years)


def days(ring: Path) -> list[str]:
    return sorted(each.name for each in (ring / "plaza").glob("????-??-??"))


def past(ring: Path) -> list[PastDay]:
    """As a stranger reads it; the chain holds."""
    lines = b"".join(path.read_bytes() for path in sorted((ring / "plaza").glob(footage.PAST)))
    index = footage.read_index(lines)
    assert (index.faults, footage.defects(index.entries)) == ((), ())
    return [each.record for each in index.entries if isinstance(each.record, PastDay)]


def answers(ring: Path) -> list[tuple[int, tuple[Gap, ...]]]:
    """What evidence and console say of every twelve hours, and of the seconds about each noon."""
    spans = [(NOON_MS + n * DAY_MS // 2, NOON_MS + (n + 1) * DAY_MS // 2) for n in range(-1, 10)]
    spans += [(NOON_MS + n * DAY_MS - 700, NOON_MS + n * DAY_MS + 1300) for n in range(5)]
    found: list[Coverage] = [survey([ring], "plaza", span) for span in spans]
    shown = [clip_of(ring, "plaza", span).gaps for span in spans]
    assert shown == [each.gaps for each in found], "the console says the same"
    return [(each.covered_ms, each.gaps) for each in found]


def test_what_is_gone_is_one_line_and_every_answer_is_the_same(ring: Path) -> None:
    before = answers(swept(ring))
    sizes = {day: (ring / footage.index_path("plaza", day)).stat().st_size for day in DAYS}
    assert pruned(ring) == 3
    assert days(ring) == list(DAYS[3:])
    assert answers(ring) == before
    first = past(ring)[0]
    assert (first.day, first.segments, first.last_number) == (DAYS[0], 3, 3)
    assert first.index_bytes == sizes[DAYS[0]]
    assert first.expired_ms == (LATER_MS, LATER_MS)
    expired = [each for each in first.told if each[2] is GapCause.EXPIRED]
    assert [(each[0], each[1]) for each in expired] == [(NOON_MS, NOON_MS + 3000)]
    assert pruned(ring) == 0, "nothing is done twice"


def test_the_days_are_still_one_chain_from_the_first_to_the_newest(ring: Path) -> None:
    pruned(swept(ring))
    found = past(ring)
    for before, after in pairwise(found):
        assert after.before == before.named, "each names the day before as that one says that it was named"
    newest = footage.read_index((ring / footage.index_path("plaza", DAYS[3])).read_bytes()).entries[0].record
    assert isinstance(newest, footage.Opening)
    assert found[-1].named is not None
    assert (newest.chain, newest.seq, newest.hash) == (
        found[-1].named.chain,
        found[-1].named.seq,
        found[-1].named.hash,
    )


class Killed(BaseException):
    """The process is gone."""


def killed_after(ring: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """Prune, and die after so many steps; how many were done."""
    reducing, done = pruning.reducing, 0

    def stopped(*args: object, **named: object) -> Iterator[str]:
        nonlocal done
        for step in reducing(*args, **named):  # type: ignore[arg-type]
            done += 1
            if done == count:
                raise Killed
            yield step

    with monkeypatch.context() as patched:
        patched.setattr(pruning, "reducing", stopped)
        with suppress(Killed):
            pruned(ring)
    return done


def test_a_recorder_that_dies_between_any_two_steps_goes_on_where_it_was(
    filmed_ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = swept(shutil.copytree(filmed_ring, tmp_path / "whole"))
    wanted = answers(whole)
    assert pruned(whole) == 3
    count = 0
    while True:
        count += 1
        ring = shutil.copytree(filmed_ring, tmp_path / f"ring-{count}")
        done = killed_after(swept(ring), monkeypatch, count)
        assert answers(ring) == wanted, "at no instant is anything told otherwise"
        pruned(ring)
        assert (days(ring), answers(ring)) == (days(whole), wanted)
        assert [each.day for each in past(ring)] == [each.day for each in past(whole)], "each day once"
        if done < count:
            break
    assert count == 10, "three steps a day were tried, and all of them"


def test_a_recorder_killed_while_it_writes_the_line_writes_it_again(ring: Path) -> None:
    wanted = answers(swept(ring))
    whole = shutil.copytree(ring, ring.parent / "whole")
    pruned(whole)
    line = next((whole / "plaza").glob(footage.PAST)).read_bytes().splitlines(keepends=True)[0]
    torn = ring / "plaza" / f"past-{to_rfc3339(LATER_MS)[:4]}.jsonl"
    torn.write_bytes(line[: len(line) // 2])
    assert pruned(ring) == 3
    assert [each.day for each in past(ring)] == list(DAYS[:3])
    assert answers(ring) == wanted


def test_a_process_killed_by_the_system_after_the_line_stands_leaves_a_ring_that_answers(ring: Path) -> None:
    wanted = answers(swept(ring))
    child = Path(__file__).with_name("pruning_child.py")
    command = [sys.executable, str(child), str(ring), str(LATER_MS), str(KEEP_MS)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if line == "told\n")
        process.send_signal(signal.SIGKILL)
    assert (days(ring), len(past(ring))) == (list(DAYS), 1)
    assert answers(ring) == wanted
    assert pruned(ring) == 3
    assert [each.day for each in past(ring)] == list(DAYS[:3])


def held(ring: Path, at_ms: int, until_ms: int | None = None) -> None:
    hold = Hold(
        id="h1", camera="plaza", from_ms=at_ms, to_ms=at_ms + 1000, placed_ms=at_ms, reason="alert a1",
        until_ms=until_ms,
    )  # fmt: skip
    found = [each.record for each in entries(ring, "plaza", (at_ms, at_ms + 1000))]
    Holds(ring).place(hold, [each for each in found if isinstance(each, footage.Segment)])


def test_law_7_a_day_of_which_something_is_held_keeps_its_whole_index(ring: Path) -> None:
    held(ring, NOON_MS + DAY_MS, until_ms=LATER_MS + DAY_MS)
    index = ring / footage.index_path("plaza", DAYS[1])
    assert pruned(swept(ring)) == 2
    assert days(ring) == [DAYS[1], *DAYS[3:]]
    assert footage.defects(footage.read_index(index.read_bytes()).entries) == ()
    found = survey([ring], "plaza", (NOON_MS + DAY_MS, NOON_MS + DAY_MS + 3000))
    assert [each.number for each in found.segments] == [4]
    later_ms = LATER_MS + 2 * DAY_MS
    Holds(ring).lapse(later_ms)
    pruned(swept(ring, now_ms=later_ms), now_ms=later_ms)
    assert DAYS[1] not in days(ring), "and when nothing holds it any more it goes as the others"
    assert sorted(each.day for each in past(ring))[:3] == list(DAYS[:3])


def test_law_7_a_day_that_is_held_too_late_keeps_its_index_as_long_as_the_hold_stands(ring: Path) -> None:
    """Whoever asks about it hears which segments there were, by number and digest."""
    swept(ring)
    held(ring, NOON_MS + DAY_MS, until_ms=LATER_MS + DAY_MS)
    assert pruned(ring) == 2
    assert days(ring) == [DAYS[1], *DAYS[3:]]
    Holds(ring).lapse(LATER_MS + DAY_MS)
    assert pruned(ring) == 1


def test_law_7_nothing_becomes_past_when_a_hold_cannot_be_read(ring: Path) -> None:
    swept(ring)
    (ring / FOLDER / "unreadable").mkdir()
    with pytest.raises(IntegrityBroken, match="nothing is removed"):
        pruned(ring)
    assert days(ring) == list(DAYS)


def test_an_index_that_is_not_what_was_chained_stays_for_whoever_looks_into_it(ring: Path) -> None:
    index = ring / footage.index_path("plaza", DAYS[1])
    swept(ring)
    changed = index.read_bytes().replace(b'"frames":10', b'"frames":11', 1)
    index.write_bytes(changed)
    assert pruned(ring) == 2
    assert index.read_bytes() == changed
    assert [each.day for each in past(ring)] == [DAYS[0], DAYS[2]]


def test_segments_that_vanished_by_no_rule_are_known_until_they_would_have_gone(ring: Path) -> None:
    for path in (ring / "plaza" / DAYS[2]).glob("*.mp4"):
        path.unlink()
    early_ms = NOON_MS + 4 * DAY_MS
    assert pruned(ring, now_ms=early_ms) == 0
    assert DAYS[2] in days(ring)
    swept(ring)
    assert pruned(ring) == 3
    assert {each[2] for each in past(ring)[2].told if each[0] == NOON_MS + 2 * DAY_MS} == {GapCause.LOST}


def test_who_changes_or_cuts_what_is_left_of_a_day_is_found_out(ring: Path, clip: Path) -> None:
    pruned(swept(ring))
    fed = Fed(ring, clip, Clock(LATER_MS + DAY_MS))
    fed.connection(20)
    fed.track.stop()
    span = (NOON_MS - HOUR_MS, NOON_MS + HOUR_MS)
    assert {each.cause for each in survey([ring], "plaza", span).gaps} >= {GapCause.EXPIRED}
    file = next((ring / "plaza").glob(footage.PAST))
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for bad in (
        whole.replace(b'"expired"', b'"restart"', 1),
        b"".join(lines[:-1]),
        b"".join([lines[0], lines[2]]),
        b"",
    ):
        file.write_bytes(bad)
        with pytest.raises(IntegrityBroken, match="not what was chained"):
            survey([ring], "plaza", span)
    file.write_bytes(whole)
    assert survey([ring], "plaza", span).gaps


def test_of_several_rings_the_one_that_remembers_the_days_is_asked(ring: Path, tmp_path: Path) -> None:
    pruned(swept(ring))
    assert rings_of([tmp_path / "other", ring], "plaza", (NOON_MS, NOON_MS + 3000)) == (ring,)


def test_years_that_are_over_are_forgotten_with_their_file_and_the_chain_goes_on(ring: Path) -> None:
    pruned(swept(ring))
    ledger, years = Ledger(ring, "plaza"), range(2027, 2040)
    known = Past(ring, "plaza")
    for year in years:
        known.append(structs.replace(past(ring)[0], at_ms=LATER_MS + (year - 2026) * 366 * DAY_MS))
    ledger.forget_past(2030)
    files = sorted((ring / "plaza").glob(footage.PAST))
    assert [each.name for each in files] == [f"past-{year}.jsonl" for year in range(2030, 2040)]
    assert len(past(ring)) == 10
    ledger.forget_past(2500)
    assert len(past(ring)) == 1, "the newest file stays, on which the chain goes on"


def test_a_file_that_no_recorder_could_read_goes_with_its_day_and_is_claimed(ring: Path) -> None:
    swept(ring)
    left = ring / "plaza" / DAYS[0] / f"130000000-00000009.mp4{PART}"
    left.write_bytes(b"\0" * 1000)
    court = NoOrders()
    assert pruned(ring, court=court) == 3
    assert days(ring) == list(DAYS[3:])
    assert [(each.camera, footage.day_of(each.from_ms)) for each in court.claimed] == [("plaza", DAYS[0])]


def test_a_camera_that_was_away_for_days_goes_on_counting_its_segments(ring: Path) -> None:
    ledger = Ledger(ring, "plaza")
    away = Gap(
        camera="plaza", from_ms=LATER_MS - DAY_MS, to_ms=LATER_MS + 6 * DAY_MS, cause=GapCause.CAMERA_AWAY
    )
    ledger.append(*footage.by_day(away))
    at_ms = away.to_ms
    assert resumed(ring, "plaza", Ledger(ring, "plaza"), now_ms=at_ms).number == 16
    pruned(swept(ring, now_ms=at_ms), now_ms=at_ms)
    assert DAYS[4] not in days(ring)
    assert resumed(ring, "plaza", Ledger(ring, "plaza"), now_ms=at_ms).number == 16


def test_links_of_a_hold_that_a_kill_left_half_lifted_keep_nothing(ring: Path) -> None:
    held(ring, NOON_MS, until_ms=LATER_MS)
    folder = next(each for each in (ring / FOLDER).iterdir() if each.is_dir())
    folder.rename(folder.with_name(f".{folder.name}.gone"))
    holds = Holds(ring)
    assert holds.held_bytes() > 0
    holds.lapse(LATER_MS)
    assert holds.held_bytes() == 0
