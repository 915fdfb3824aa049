"""Which privacy masks held while something was recorded: what a copy of it must cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.errors import PayloadRejected
from cior_core.picture_masks import (
    SLACK_MS,
    InForce,
    MaskNote,
    Masks,
    Polygon,
    changed_since,
    check_masks,
    in_force,
)

A, B, C = (((0.0, 0.0), (x, 0.0), (x, 1.0)) for x in (0.1, 0.2, 0.3))
HOUR_MS = 3_600_000


def notes(*told: tuple[int, Masks]) -> list[MaskNote]:
    return [MaskNote(camera="plaza", since_ms=since, seen_ms=since, masks=masks) for since, masks in told]


def test_what_was_changed_within_the_interval_covers_both() -> None:
    told = notes((0, (A,)), (HOUR_MS, (A, B)), (2 * HOUR_MS, (C,)))
    assert in_force(told, (10, HOUR_MS // 2)).masks == (A,)
    assert in_force(told, (HOUR_MS // 2, 3 * HOUR_MS // 2)).masks == (A, B)
    assert in_force(told, (HOUR_MS // 2, 3 * HOUR_MS)).masks == (A, B, C)


def test_a_mask_that_was_drawn_later_takes_nothing_out_of_the_past() -> None:
    told = notes((0, ()), (HOUR_MS, (A,)))
    assert in_force(told, (10, HOUR_MS // 2)) == InForce(masks=(), since_ms=0, is_known=True)
    assert in_force(told, (2 * HOUR_MS, 3 * HOUR_MS)).masks == (A,)


def test_before_the_first_note_its_masks_are_taken_and_that_is_said() -> None:
    told = notes((HOUR_MS, (A,)), (2 * HOUR_MS, (B,)))
    assert in_force(told, (0, 1000)) == InForce(masks=(A,), since_ms=HOUR_MS, is_known=False)
    assert in_force([], (0, 1000)) == InForce(masks=(), since_ms=None, is_known=False)


@given(
    told=st.lists(
        st.tuples(st.integers(0, 60), st.sets(st.sampled_from((A, B, C)))), min_size=1, max_size=8
    ).map(lambda each: sorted(each, key=lambda one: one[0])),
    begins=st.integers(0, 70),
    minutes=st.integers(0, 30),
)
def test_the_union_is_of_all_that_held_at_some_moment(
    told: list[tuple[int, set[Polygon]]], begins: int, minutes: int
) -> None:
    """Minute by minute, by the definition; no more than the minute around it is added."""
    history = notes(*((minute * SLACK_MS, tuple(sorted(masks))) for minute, masks in told))

    def held(minute: int) -> set[object]:
        before = [masks for since, masks in told if since <= minute] or [told[0][1]]
        return set(before[-1])

    found = set(in_force(history, (begins * SLACK_MS, (begins + minutes) * SLACK_MS)).masks)
    wanted = set().union(*(held(each) for each in range(begins, begins + minutes + 1)))
    assert wanted <= found
    at_most = [masks for since, masks in told if begins - 1 <= since <= begins + minutes + 1]
    assert found <= set().union(held(begins - 1), *at_most)


def test_since_when_is_what_the_file_says_unless_that_cannot_be() -> None:
    assert changed_since((70,), last_seen_ms=50, now_ms=100) == 70
    assert changed_since((70, 60), last_seen_ms=50, now_ms=100) == 60, "whichever file it was"
    assert changed_since((70, 10), last_seen_ms=50, now_ms=100) == 70
    assert changed_since((10,), last_seen_ms=50, now_ms=100) == 50, "set back: it held at once"
    assert changed_since((900,), last_seen_ms=50, now_ms=100) == 50, "of the future: it held at once"
    assert changed_since((70,), last_seen_ms=None, now_ms=100) == 70
    assert changed_since((900,), last_seen_ms=None, now_ms=100) == 100


@given(
    st.lists(st.integers(0, 200), max_size=4),
    st.none() | st.integers(0, 200),
    st.integers(0, 200),
)
def test_nothing_is_said_to_begin_before_what_was_last_seen(
    written: list[int], seen: int | None, now: int
) -> None:
    since = changed_since(written, last_seen_ms=seen, now_ms=now)
    assert since <= max(now, seen or 0)
    assert seen is None or since >= seen


@pytest.mark.parametrize(
    "mask",
    [
        ((0.0, 0.0), (1.0, 1.0)),
        ((0.0, 0.0), (1.1, 0.0), (1.0, 1.0)),
        ((0.0, 0.0), (float("nan"), 0.0), (1.0, 1.0)),
    ],
    ids=["two points", "outside", "no number"],
)
def test_what_is_no_area_of_a_picture_is_refused_with_a_cure(mask: tuple[tuple[float, float], ...]) -> None:
    check_masks("plaza", (A, B, C))
    with pytest.raises(PayloadRejected, match="plaza") as refused:
        check_masks("plaza", (A, mask))
    assert (refused.value.code, "0..1" in refused.value.cure) == ("masks.unfit", True)
