"""A day that is gone becomes one record, which answers as the day did; a day that is not whole becomes nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import chain, footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import Gap, GapCause, Opening, PastDay, Record, RemovalRule, Segment, cover
from cior_core.footage_past import MOST_SPANS, DayWalk, _coarse
from unit.core.test_core_footage import CAMERA, DAY, NOON_MS, gap, removal, segment, written

BEFORE = chain.Head("footage:plaza:2026-11-26", 7, "a" * 64)
OPENING = Opening(camera=CAMERA, chain=BEFORE.chain, seq=BEFORE.seq, hash=BEFORE.hash)


def walked(lines: bytes, *, named: chain.Head | None = None) -> DayWalk:
    walk = DayWalk(CAMERA, DAY, named=named)
    for line in lines.splitlines(keepends=True):
        walk.take(line)
    return walk


def day(*records: Record, named: chain.Head | None = None) -> PastDay:
    return walked(written(OPENING, *records), named=named).past(NOON_MS)


RECORDS = (
    segment(1, NOON_MS, NOON_MS + 2000),
    segment(2, NOON_MS + 2000, NOON_MS + 4000),
    gap(NOON_MS + 4000, NOON_MS + 9000),
    segment(3, NOON_MS + 9000, NOON_MS + 11_000),
)


def test_one_record_says_what_was_there_when_it_went_and_what_never_was() -> None:
    made = day(*RECORDS, removal(1, 2), removal(3, 3))
    assert [(start - NOON_MS, end - NOON_MS, cause) for start, end, cause in made.told] == [
        (0, 4000, GapCause.EXPIRED),
        (4000, 9000, GapCause.CAMERA_AWAY),
        (9000, 11_000, GapCause.EXPIRED),
    ]
    assert (made.segments, made.size_bytes, made.last_number, made.grain_ms) == (3, 1_500_000, 3, 0)
    assert (made.expired_ms, made.before) == ((NOON_MS, NOON_MS), BEFORE)
    assert made.rules == (RemovalRule.RETENTION,)
    lines = written(OPENING, *RECORDS, removal(1, 2), removal(3, 3))
    assert made.last == footage.read_index(lines).entries[-1].head
    assert made.index_bytes == len(lines)


SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60), st.booleans()), min_size=1, max_size=12)
CAUSES = st.sampled_from([GapCause.CAMERA_AWAY, GapCause.RECONNECT, GapCause.RESTART, GapCause.DISK_FULL])


@given(
    SPANS,
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), CAUSES), max_size=12),
    st.integers(0, 350),
    st.integers(1, 100),
)
def test_it_explains_every_interval_as_the_whole_index_did(
    shots: list[tuple[int, int, bool]], silences: list[tuple[int, int, GapCause]], first: int, length: int
) -> None:
    """Overlapping ones too, as after a clock that was set back; some went by no rule."""
    segments = [segment(n, NOON_MS + at, NOON_MS + at + ms) for n, (at, ms, _) in enumerate(shots, start=1)]
    removals = [removal(n, n) for n, (_, _, by_rule) in enumerate(shots, start=1) if by_rule]
    gaps = [gap(NOON_MS + at, NOON_MS + at + ms, cause) for at, ms, cause in silences]
    records: list[Record] = [*segments, *gaps, *removals]
    lost = frozenset(n for n, each in enumerate(shots, start=1) if not each[2])
    span = (NOON_MS + first, NOON_MS + first + length)
    made = day(*records)
    assert cover(CAMERA, span, [made]).gaps == cover(CAMERA, span, records, lost=lost).gaps
    assert made.grain_ms == 0


def test_what_the_day_after_names_must_be_on_the_way() -> None:
    lines = written(OPENING, *RECORDS, removal(1, 3))
    passed = footage.read_index(lines).entries[2].head
    assert walked(lines, named=passed).past(NOON_MS).named == passed
    with pytest.raises(IntegrityBroken, match="stays as it is"):
        walked(lines, named=chain.Head(passed.chain, passed.seq, "b" * 64)).past(NOON_MS)


@pytest.mark.parametrize("at", range(5))
def test_a_changed_a_missing_or_an_unreadable_line_leaves_the_day_as_it_is(at: int) -> None:
    lines = written(OPENING, *RECORDS[:3], removal(1, 2)).splitlines(keepends=True)
    changed = lines[at].replace(b'"camera":"plaza"', b'"camera":"plazb"')
    for bad in ([changed], [b"\n"], [lines[at], lines[at]], [lines[at][:-9]]):
        with pytest.raises(IntegrityBroken, match="stays as it is"):
            walked(b"".join([*lines[:at], *bad, *lines[at + 1 :]]) + b"x\n").past(NOON_MS)


def test_a_day_cannot_begin_in_the_middle_nor_be_made_of_past_days() -> None:
    with pytest.raises(IntegrityBroken):
        walked(written(*RECORDS))
    with pytest.raises(IntegrityBroken):
        walked(written(OPENING, day(*RECORDS, removal(1, 3))))
    with pytest.raises(IntegrityBroken):
        walked(b"").past(NOON_MS)


def test_segments_that_no_removal_names_are_known_before_and_told_as_lost() -> None:
    walk = walked(written(OPENING, *RECORDS, removal(1, 2)))
    assert walk.unexplained == {3}
    assert walk.past(NOON_MS).told[-1] == (NOON_MS + 9000, NOON_MS + 11_000, GapCause.LOST)


def test_a_day_of_thousands_of_reconnects_is_a_few_kilobytes_and_says_how_coarse_it_is() -> None:
    shots: list[Segment] = []
    silences: list[Gap] = []
    for n in range(4_000):
        at_ms = NOON_MS + n * 2000
        shots.append(segment(n + 1, at_ms, at_ms + 1200))
        silences.append(gap(at_ms + 1200, at_ms + 2000, GapCause.RECONNECT))
    made = day(*shots, *silences, removal(1, 4_000))
    assert made.grain_ms > 0
    assert len(made.told) <= MOST_SPANS
    entry = footage.entry_after(footage.first_past_head(CAMERA), made)
    assert len(footage.line_of(entry)) < 8_000
    assert cover(CAMERA, (NOON_MS, NOON_MS + 8_000_000), [made]).gaps[0].cause is GapCause.EXPIRED


TOLD = st.lists(
    st.tuples(st.integers(0, 4_000), st.integers(1, 90_000), CAUSES | st.just(GapCause.EXPIRED)), max_size=60
)


@given(TOLD, st.integers(1, 20))
def test_coarse_spans_are_few_in_order_and_stray_no_further_than_their_grain(
    lengths: list[tuple[int, int, GapCause]], most: int
) -> None:
    spans: list[tuple[int, int, GapCause]] = []
    at_ms = NOON_MS
    for hole, length, cause in lengths:
        spans.append((at_ms + hole, at_ms + hole + length, cause))
        at_ms += hole + length
    found, grain_ms = _coarse(spans, most)
    assert len(found) <= most
    assert (found == tuple(spans)) == (grain_ms == 0)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    if spans:
        assert (found[0][0], found[-1][1]) == (spans[0][0], spans[-1][1])
    for first, last, cause in spans:
        over = {each[2] for each in found if each[0] < last and each[1] > first}
        assert over == {cause} or cause is not GapCause.EXPIRED, (
            "footage that was there is never told as silence"
        )
        assert any(each[0] <= first and last <= each[1] for each in found), (
            "and every instant is still told of"
        )
