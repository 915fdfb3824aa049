"""Statistics that give nobody away: three attackers who have every published number, and none finds a small group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cior_core.suppression import TOTAL, Key, revise, suppress

K = 5
Told = Mapping[Key, int | None]
Table = dict[Key, int]


@st.composite
def tables(draw: st.DrawFn, *, rows: int = 5, columns: int = 4, largest: int = 30) -> Table:
    """Counts by row and column; many small, many zero, as districts at night are."""
    sides = [draw(st.integers(1, most)) for most in (rows, columns)]
    count = st.one_of(st.integers(0, 6), st.integers(0, largest))
    return {(f"r{r}", f"c{c}"): draw(count) for r, c in product(*map(range, sides))}


def whole(counts: Table) -> Table:
    """The counts with all their totals, worked out here and not by what is tested."""
    table = dict(counts)
    for (row, column), count in counts.items():
        for key in ((row, TOTAL), (TOTAL, column), (TOTAL, TOTAL)):
            table[key] = table.get(key, 0) + count
    return table


def equations(table: Mapping[Key, object]) -> Iterator[dict[Key, int]]:
    """Every sum that must come out: a row's counts less its total, a column's counts less its total."""
    for row in {row for row, _ in table}:
        yield {key: -1 if key[1] == TOTAL else 1 for key in table if key[0] == row}
    for column in {column for _, column in table}:
        yield {key: -1 if key[0] == TOTAL else 1 for key in table if key[1] == column}


def solved(told: Told) -> set[Key]:
    """The hidden counts that follow from the published ones by linear algebra (Gauss-Jordan over fractions)."""
    unknown = sorted(key for key, count in told.items() if count is None)
    rows = [[Fraction(one.get(key, 0)) for key in unknown] for one in equations(told)]
    rank = 0
    for column in range(len(unknown)):
        pivot = next((n for n in range(rank, len(rows)) if rows[n][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        rows[rank] = [cell / rows[rank][column] for cell in rows[rank]]
        for n, row in enumerate(rows):
            if n != rank and row[column]:
                rows[n] = [cell - row[column] * over for cell, over in zip(row, rows[rank], strict=True)]
        rank += 1
    alone = [row for row in rows if sum(cell != 0 for cell in row) == 1]
    return {key for row in alone for key, cell in zip(unknown, row, strict=True) if cell}


def bounds(told: Told, most: int = 10_000) -> dict[Key, tuple[int, int]]:
    """How small and how large each hidden count can be, from the sums and from being no less than zero: bounds are
    passed on from sum to sum until nothing changes (the shuttle of Buzzigoli and Giusti).
    """
    low = {key: 0 if count is None else count for key, count in told.items()}
    high = {key: most if count is None else count for key, count in told.items()}
    sums, moved = list(equations(told)), True
    while moved:
        moved = False
        for terms in sums:
            for key, sign in terms.items():
                rest = [(other, -sign * by) for other, by in terms.items() if other != key]
                least = sum(by * (low if by > 0 else high)[other] for other, by in rest)
                largest = sum(by * (high if by > 0 else low)[other] for other, by in rest)
                if least > low[key] or largest < high[key]:
                    low[key], high[key], moved = max(low[key], least), min(high[key], largest), True
    return {key: (low[key], high[key]) for key, count in told.items() if count is None}


@given(tables())
def test_no_small_count_is_told_and_nothing_told_is_wrong(counts: Table) -> None:
    told, table = suppress(counts, k=K), whole(counts)
    assert set(told) == set(table)
    for key, count in told.items():
        assert count is None or (count == table[key] and not 0 < count < K)


@given(tables())
def test_linear_algebra_solves_no_hidden_count(counts: Table) -> None:
    assert solved(suppress(counts, k=K)) == set()


@given(tables())
def test_bounds_leave_every_small_count_room_for_five_more(counts: Table) -> None:
    told, table = suppress(counts, k=K), whole(counts)
    for key, (low, high) in bounds(told).items():
        assert low < high
        if 0 < table[key] < K:
            assert low <= table[key] < table[key] + K <= high


@settings(max_examples=15)
@given(tables(rows=2, columns=2, largest=8))
def test_among_all_tables_that_fit_some_have_each_small_count_at_five_or_more(counts: Table) -> None:
    """The strongest attacker there is: tries every table of whole numbers."""
    told, table = suppress(counts, k=K), whole(counts)
    choices = [range(14) if told[key] is None else (counts[key],) for key in counts]
    fits: list[Table] = []
    for guess in product(*choices):
        other = whole(dict(zip(counts, guess, strict=True)))
        if all(count is None or other[key] == count for key, count in told.items()):
            fits.append(other)
    assert table in fits
    for key in (key for key, count in table.items() if 0 < count < K):
        assert any(other[key] >= K for other in fits), key


def test_a_row_with_one_small_count_hides_another_and_a_second_row_for_the_columns() -> None:
    counts = {("gun", "norte"): 3, ("gun", "sur"): 12, ("fire", "norte"): 20, ("fire", "sur"): 40}
    told = suppress(counts, k=K)
    assert [told[key] for key in counts] == [None] * 4
    assert (told["gun", TOTAL], told[TOTAL, "norte"], told[TOTAL, TOTAL]) == (15, 23, 75)


def test_a_city_with_three_alerts_tells_nothing() -> None:
    assert set(suppress({("gun", "norte"): 3}, k=K).values()) == {None}


def test_large_counts_and_zeros_are_told() -> None:
    counts = {("gun", "norte"): 0, ("gun", "sur"): 5, ("fire", "norte"): 9, ("fire", "sur"): 0}
    assert suppress(counts, k=K) == whole(counts)
    assert suppress({}, k=K) == {(TOTAL, TOTAL): 0}


@pytest.mark.parametrize("counts", [{("a", "b"): -1}, {("a", TOTAL): 3}])
def test_what_is_no_table_of_counts_is_refused(counts: Table) -> None:
    with pytest.raises(ValueError, match="not negative"):
        suppress(counts)


# --- a second edition ---------------------------------------------------------------------------------------


@st.composite
def late(draw: st.DrawFn) -> tuple[Table, Table]:
    """A month as it was counted, and with what came late or was corrected."""
    counts = draw(tables())
    change = st.one_of(st.just(0), st.integers(-6, 12))
    return counts, {key: max(0, count + draw(change)) for key, count in counts.items()}


@settings(max_examples=150)
@given(late())
def test_two_editions_together_tell_no_small_change_and_nothing_that_was_hidden(
    months: tuple[Table, Table],
) -> None:
    first = suppress(months[0], k=K)
    second = revise(months[1], first, k=K)
    assume(second is not None)
    assert second is not None
    moved: dict[Key, int | None] = {}
    for key, count in second.items():
        before = first[key]
        moved[key] = None if count is None or before is None else count - before
        assert count is None or not 0 < count < K
        assert moved[key] is None or moved[key] == 0 or abs(moved[key] or 0) >= K
    if any(count is not None for count in first.values()):
        assert all(second[key] is None for key, count in first.items() if count is None)
        assert solved(moved) == set()


def test_a_single_late_alert_makes_no_second_edition_and_a_source_that_was_away_does() -> None:
    counts = {("gun", "norte"): 10, ("gun", "sur"): 12, ("fire", "norte"): 20, ("fire", "sur"): 40}
    first = suppress(counts, k=K)
    assert revise({**counts, ("gun", "sur"): 13}, first, k=K) is None
    second = revise({**counts, ("gun", "sur"): 30}, first, k=K)
    assert second is not None
    assert second["gun", "sur"] == 30


def test_a_row_that_is_gone_and_one_that_is_new_are_changes_too() -> None:
    first = suppress({("gun", "sur"): 10, ("fire", "sur"): 20}, k=K)
    second = revise({("gun", "sur"): 10, ("flood", "sur"): 25}, first, k=K)
    assert second is not None
    assert (second["fire", "sur"], second["flood", "sur"], second["gun", "sur"]) == (0, 25, 10)


def test_where_nothing_was_told_a_second_edition_starts_afresh() -> None:
    told = revise({("gun", "sur"): 10}, suppress({("gun", "sur"): 3}, k=K), k=K)
    assert told == whole({("gun", "sur"): 10})
