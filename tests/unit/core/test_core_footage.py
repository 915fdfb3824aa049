"""Footage: what is recorded of a camera is a chain, and every instant of an interval is explained."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import chain, footage
from cior_core.camera_stretch import PictureForm
from cior_core.errors import PayloadRejected
from cior_core.footage import Gap, GapCause, Record, Removal, RemovalRule, Segment
from cior_core.model import ClockQuality

CAMERA, DAY = "plaza", "2026-11-27"
NOON_MS = 1_795_780_800_000  # 2026-11-27T12:00:00Z


def segment(number: int, start_ms: int, end_ms: int) -> Segment:
    return Segment(
        camera=CAMERA,
        number=number,
        stretch=NOON_MS,
        epoch=0,
        start_ms=start_ms,
        end_ms=end_ms,
        frames=50,
        keyframes=1,
        size_bytes=500_000,
        sha256=sha256(b"%d" % number).hexdigest(),
        payload_sha256=sha256(b"payload").hexdigest(),
        path=footage.segment_path(CAMERA, number, start_ms),
        form=PictureForm(codec="h264", width_px=1280, height_px=720),
        codec_sha256=sha256(b"sps pps").hexdigest(),
        first_pts=90_000 * number,
        time_base=(1, 90_000),
        clock=footage.FootageClock(source="rtcp", quality=ClockQuality.SYNCED, offset_ms=-30, error_ms=4),
    )


def gap(from_ms: int, to_ms: int, cause: GapCause = GapCause.CAMERA_AWAY) -> Gap:
    return Gap(camera=CAMERA, from_ms=from_ms, to_ms=to_ms, cause=cause)


def removal(first: int, last: int) -> Removal:
    return Removal(
        camera=CAMERA, first=first, last=last, size_bytes=1, at_ms=NOON_MS, rule=RemovalRule.RETENTION
    )


def written(*records: Record) -> bytes:
    head, lines = footage.first_head(CAMERA, DAY), list[bytes]()
    for record in records:
        entry = footage.entry_after(head, record)
        head = entry.head
        lines.append(footage.line_of(entry))
    return b"".join(lines)


STORY: tuple[Record, ...] = (
    footage.Opening(camera=CAMERA, chain=footage.first_head(CAMERA, "2026-11-26").chain, seq=0, hash=""),
    segment(1, NOON_MS, NOON_MS + 2000),
    segment(2, NOON_MS + 2000, NOON_MS + 4000),
    gap(NOON_MS + 4000, NOON_MS + 9000),
    segment(3, NOON_MS + 9000, NOON_MS + 11_000),
    removal(1, 1),
)


def test_what_is_written_is_read_again_and_its_chain_holds() -> None:
    index = footage.read_index(written(*STORY))
    assert tuple(each.record for each in index.entries) == STORY
    assert (index.faults, index.torn_bytes) == ((), 0)
    assert footage.defects(index.entries) == ()


def test_a_stranger_checks_a_line_with_json_and_sha256_alone() -> None:
    first, second, *_ = written(*STORY).splitlines()
    line = json.loads(second)
    record = json.dumps(line["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    place = line["place"]
    fields = [
        "cior.chain.v1",
        place["chain"],
        str(place["seq"]),
        place["previous"],
        "",
        sha256(record).hexdigest(),
    ]
    framed = b"".join(b"%d:%b," % (len(each.encode()), each.encode()) for each in fields)
    assert sha256(framed).hexdigest() == line["link"]
    assert place["previous"] == json.loads(first)["link"]


def test_a_line_keeps_what_a_later_version_adds() -> None:
    text = footage.line_of(footage.entry_after(footage.first_head(CAMERA, DAY), STORY[1]))
    line = json.loads(text)
    line["record"]["weather"] = "rain"
    record = json.dumps(line["record"], sort_keys=True, separators=(",", ":")).encode()
    place = footage.read_index(text).entries[0].place
    line["link"] = chain.entry_hash(place, sha256(record).hexdigest())
    index = footage.read_index(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    assert footage.defects(index.entries) == ()
    assert index.entries[0].record == STORY[1]


@pytest.mark.parametrize("at", range(len(STORY)))
def test_a_changed_entry_is_named(at: int) -> None:
    lines = written(*STORY).splitlines(keepends=True)
    lines[at] = lines[at].replace(b'"camera":"plaza"', b'"camera":"plaze"')
    found = footage.defects(footage.read_index(b"".join(lines)).entries)
    assert [(each.code, each.first) for each in found] == [("changed", at + 1)]


@pytest.mark.parametrize("at", range(len(STORY)))
def test_an_entry_whose_own_link_was_written_anew_is_named(at: int) -> None:
    entries = list(footage.read_index(written(*STORY)).entries)
    forged = footage.entry_after(chain.Head(footage.first_head(CAMERA, DAY).chain, at, "0" * 64), STORY[at])
    entries[at] = forged
    pinned = footage.read_index(written(*STORY)).entries[-1].head
    assert (
        "changed" in [each.code for each in footage.defects(entries, pinned=pinned)] or at == len(STORY) - 1
    )
    assert footage.defects(entries, pinned=pinned) != ()


@pytest.mark.parametrize("at", range(1, len(STORY) - 1))
def test_an_entry_taken_out_is_named_and_so_is_a_tail_by_who_keeps_the_head(at: int) -> None:
    entries = footage.read_index(written(*STORY)).entries
    missing = footage.defects(entries[:at] + entries[at + 1 :])
    assert [(each.code, each.first, each.last) for each in missing] == [("removed", at + 1, at + 1)]
    cut = footage.defects(entries[:at], pinned=entries[-1].head)
    assert [(each.code, each.first, each.last) for each in cut] == [("tail_cut", at + 1, len(STORY))]
    assert footage.defects(entries[at:]) == (), "a part of a chain holds by itself"
    assert footage.defects((), pinned=entries[-1].head)[0].code == "tail_cut"


def test_what_a_kill_left_half_written_is_not_an_entry_and_is_told() -> None:
    lines = written(*STORY)
    index = footage.read_index(lines[:-7])
    assert len(index.entries) == len(STORY) - 1
    assert index.torn_bytes == len(lines.splitlines()[-1]) - 6
    assert footage.defects(index.entries) == ()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    index = footage.read_index(data)
    assert len(index.entries) + len(index.faults) == data.count(b"\n")


def test_an_interval_is_explained_whole() -> None:
    found = footage.cover(CAMERA, (NOON_MS - 1000, NOON_MS + 12_000), STORY)
    assert [each.number for each in found.segments] == [2, 3]
    assert [(each.from_ms - NOON_MS, each.to_ms - NOON_MS, each.cause) for each in found.gaps] == [
        (-1000, 0, GapCause.UNKNOWN),
        (0, 2000, GapCause.EXPIRED),
        (4000, 9000, GapCause.CAMERA_AWAY),
        (11_000, 12_000, GapCause.UNKNOWN),
    ]
    assert found.covered_ms == 4000


def test_a_file_that_is_not_as_recorded_is_a_gap() -> None:
    found = footage.cover(CAMERA, (NOON_MS + 2000, NOON_MS + 4000), STORY, lost=frozenset({2}))
    assert found.segments == ()
    assert [each.cause for each in found.gaps] == [GapCause.LOST]


def test_an_interval_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PayloadRejected, match="ends before"):
        footage.cover(CAMERA, (NOON_MS, NOON_MS), STORY)


MOMENT = st.integers(0, 60)
SPAN = st.tuples(MOMENT, MOMENT).filter(lambda each: each[0] < each[1])


WRITTEN = tuple(each for each in GapCause if each not in {GapCause.EXPIRED, GapCause.LOST, GapCause.UNKNOWN})
"""What a recorder writes; the others are what the reader finds."""


@given(
    shots=st.lists(SPAN, max_size=8),
    gaps=st.lists(st.tuples(SPAN, st.sampled_from(WRITTEN)), max_size=6),
    gone=st.sets(st.integers(1, 8)),
    lost=st.frozensets(st.integers(1, 8)),
    asked=SPAN,
)
def test_every_instant_is_in_a_segment_or_in_exactly_one_gap(
    shots: list[tuple[int, int]],
    gaps: list[tuple[tuple[int, int], GapCause]],
    gone: set[int],
    lost: frozenset[int],
    asked: tuple[int, int],
) -> None:
    records: list[Record] = [segment(n, *shot) for n, shot in enumerate(shots, start=1)]
    records += [gap(*span, cause) for span, cause in gaps]
    records += [removal(n, n) for n in gone]
    found = footage.cover(CAMERA, asked, records, lost=lost)
    kept = {n: shot for n, shot in enumerate(shots, start=1) if n not in gone | lost}
    for instant in range(*asked):
        seen = {n for n, (first, last) in kept.items() if first <= instant < last}
        assert seen == {each.number for each in found.segments if each.start_ms <= instant < each.end_ms}
        causes = [each.cause for each in found.gaps if each.from_ms <= instant < each.to_ms]
        assert len(causes) == (0 if seen else 1)
        said = {cause for (first, last), cause in gaps if first <= instant < last}
        once = {n for n, (first, last) in enumerate(shots, start=1) if first <= instant < last}
        if causes and once & gone:
            assert causes == [GapCause.EXPIRED]
        elif causes and once:
            assert causes == [GapCause.LOST]
        elif causes:
            assert set(causes) <= (said or {GapCause.UNKNOWN})
    assert all(asked[0] <= each.from_ms < each.to_ms <= asked[1] for each in found.gaps)


RING = st.tuples(
    st.lists(SPAN, max_size=6),
    st.lists(st.tuples(SPAN, st.sampled_from(WRITTEN)), max_size=4),
    st.sets(st.integers(1, 6)),
)


@given(RING, RING, SPAN)
def test_two_rings_together_have_what_either_has_and_say_why_for_the_rest(
    first: tuple[list[tuple[int, int]], list[tuple[tuple[int, int], GapCause]], set[int]],
    second: tuple[list[tuple[int, int]], list[tuple[tuple[int, int], GapCause]], set[int]],
    asked: tuple[int, int],
) -> None:
    """Both count their segments from 1."""
    one, other = (
        footage.cover(
            CAMERA,
            asked,
            [
                *(segment(n, *shot) for n, shot in enumerate(shots, start=1)),
                *(gap(*span, cause) for span, cause in gaps),
                *(removal(n, n) for n in gone),
            ],
        )
        for shots, gaps, gone in (first, second)
    )
    found = footage.together(one, other)
    for instant in range(*asked):
        there = [any(s.start_ms <= instant < s.end_ms for s in each.segments) for each in (found, one, other)]
        assert there[0] == (there[1] or there[2])
        causes = [g.cause for g in found.gaps if g.from_ms <= instant < g.to_ms]
        said = {g.cause for each in (one, other) for g in each.gaps if g.from_ms <= instant < g.to_ms}
        assert len(causes) == (0 if there[0] else 1)
        if causes and GapCause.EXPIRED in said:
            assert causes == [GapCause.EXPIRED]
        elif causes:
            assert set(causes) <= ((said - {GapCause.UNKNOWN}) or {GapCause.UNKNOWN})
    assert {(each.number, each.start_ms) for each in one.segments} <= {
        (each.number, each.start_ms) for each in found.segments
    }


def test_a_gap_over_midnight_is_told_by_each_day() -> None:
    midnight = NOON_MS + footage.DAY_MS // 2
    parts = footage.by_day(gap(NOON_MS, midnight + footage.DAY_MS + 5))
    assert [(each.from_ms, each.to_ms) for each in parts] == [
        (NOON_MS, midnight),
        (midnight, midnight + footage.DAY_MS),
        (midnight + footage.DAY_MS, midnight + footage.DAY_MS + 5),
    ]
    assert footage.by_day(gap(NOON_MS, NOON_MS)) == (gap(NOON_MS, NOON_MS),)


def test_the_days_of_an_interval_hold_a_segment_that_began_before_midnight() -> None:
    midnight = NOON_MS + footage.DAY_MS // 2
    assert footage.days_of(midnight, midnight + 1) == ("2026-11-27", "2026-11-28")
    assert footage.days_of(NOON_MS, NOON_MS + footage.DAY_MS // 2) == ("2026-11-27",)


def test_a_path_says_camera_day_instant_and_number_and_none_leaves_the_ring() -> None:
    assert footage.segment_path(CAMERA, 42, NOON_MS + 7) == "plaza/2026-11-27/120000007-00000042.mp4"
    assert footage.index_path(CAMERA, DAY) == "plaza/2026-11-27/index.jsonl"
    with pytest.raises(PayloadRejected, match="folder"):
        footage.index_path("..", DAY)
