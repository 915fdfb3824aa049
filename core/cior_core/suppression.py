"""Statistics that give nobody away: tables of counts whose small cells are hidden, so that totals cannot tell them.

A published total minus the published cells of its row is the hidden cell (*differencing*), so others must be hidden
with it (*complementary suppression*). The table with its totals is a network (D. Gusfield, "A Graph Theoretic Approach
to Statistical Data Security", SIAM J. Comput. 1988): rows and columns are nodes, counts are flows, and a hidden count
can be another one exactly when it lies on a cycle of hidden counts that can be shifted. For each small count the
cheapest such cycle with room for ``k`` is hidden. So there is always a second table, equal in everything published,
in which that count is ``k`` larger: nobody can tell it from a count of ``k`` or more. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from typing import Final

TOTAL: Final = ""
"""The key of a total: ``(row, TOTAL)``, ``(TOTAL, column)``, ``(TOTAL, TOTAL)``."""

Key = tuple[str, str]
"""Row and column of a count."""
Counts = Mapping[Key, int]
Published = dict[Key, int | None]
"""Every count of a table with its totals; None: hidden."""

_Node = tuple[str, str]
"""One sum that must come out: ``("row", name)`` or ``("column", name)``, the totals' own among them."""
_TOTAL_PRICE: Final = 1_000_000
"""Hiding a total costs more than hiding any plausible count: it is what readers look at first."""


def suppress(counts: Counts, *, k: int = 5, also: AbstractSet[Key] = frozenset()) -> Published:
    """The counts and their totals, with None where a count from 1 to ``k`` - 1 would be told.

    ``counts``: by row and column, none negative; a pair that is absent is 0. ``also``: counts or totals to hide
    whatever their size; each could be ``k`` more or less. Zeros are told unless they protect another.
    Raises ``ValueError`` for a negative count, a key that is a total or ``k`` below 2.
    """
    if k < 2 or any(count < 0 or TOTAL in key for key, count in counts.items()):
        raise ValueError("counts are not negative, are no totals, and k is at least 2")
    table = _with_totals(counts)
    small = [key for key, count in table.items() if 0 < count < k]
    hidden, shifted = {*small, *(key for key in also if key in table)}, set[Key]()
    for key in (*sorted(small), *sorted(hidden)):
        # Whoever lies on the cycle of another has its second table; a small one can only have grown in it.
        if key not in shifted:
            cycle = {key, *_shifted_with(key, table, hidden, k)}
            hidden, shifted = hidden | cycle, shifted | cycle
    return {key: None if key in hidden else count for key, count in table.items()}


def revise(counts: Counts, before: Mapping[Key, int | None], *, k: int = 5) -> Published | None:
    """The next edition of a table of which ``before`` was told; None: what was told stays, because less than ``k``
    changed.

    Who keeps both editions can take one from the other. So what was hidden stays hidden, and a count or total that
    changed by less than ``k`` is hidden: in both editions together nothing smaller than ``k`` is told.
    """
    known = {key: count for key, count in before.items() if count is not None}
    if not known:
        return suppress(counts, k=k)
    rows = {key: 0 for key in before if TOTAL not in key}
    table = _with_totals(rows | dict(counts))
    changes = {
        key: abs(count - known.get(key, 0)) for key, count in table.items() if before.get(key, 0) is not None
    }
    inside = sum(change for key, change in changes.items() if TOTAL not in key)
    if max(inside, *changes.values()) < k:
        return None
    also = {key for key in table if key not in changes or 0 < changes[key] < k}
    return suppress(rows | dict(counts), k=k, also=also)


def _with_totals(counts: Counts) -> dict[Key, int]:
    """Every pair of a row and a column with its count, and the totals under :data:`TOTAL`."""
    rows, columns = sorted({row for row, _ in counts}), sorted({column for _, column in counts})
    table = {(row, column): counts.get((row, column), 0) for row in rows for column in columns}
    table |= {(row, TOTAL): sum(table[row, column] for column in columns) for row in rows}
    table |= {(TOTAL, column): sum(table[row, column] for row in rows) for column in columns}
    return table | {(TOTAL, TOTAL): sum(counts.values())}


def _ends(key: Key) -> tuple[_Node, _Node]:
    """From where to where a count flows: a row's total into its row, its counts on to their columns, and so round."""
    tail, head = ("row", key[0]), ("column", key[1])
    # What enters a row leaves it: totals run against the counts, the sum of all with them again.
    return (tail, head) if (key[0] == TOTAL) == (key[1] == TOTAL) else (head, tail)


def _shifted_with(key: Key, table: Counts, hidden: AbstractSet[Key], k: int) -> list[Key]:
    """The counts that change when ``key`` grows by ``k``: the cheapest cycle. One over the totals always exists."""
    start, goal = reversed(_ends(key))
    best: dict[_Node, int] = {start: 0}
    came: dict[_Node, tuple[_Node, Key]] = {}
    queue = [(0, start)]
    while queue:
        price, node = heappop(queue)
        if node == goal:
            break
        for after, step, cost in _steps(node, table, hidden, k):
            if step != key and price + cost < best.get(after, price + cost + 1):
                best[after] = price + cost
                came[after] = (node, step)
                heappush(queue, (price + cost, after))
    found = []
    while goal != start:
        goal, step = came[goal]
        found.append(step)
    return found


def _steps(node: _Node, table: Counts, hidden: AbstractSet[Key], k: int) -> Iterator[tuple[_Node, Key, int]]:
    """Where a shift of ``k`` may go on from ``node``, by which count, and what hiding that costs."""
    for key, count in table.items():
        tail, head = _ends(key)
        cost = 0 if key in hidden else 1 + count + _TOTAL_PRICE * key.count(TOTAL)
        if tail == node:
            yield head, key, cost
        elif head == node and count >= k:
            yield tail, key, cost
