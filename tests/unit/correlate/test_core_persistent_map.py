"""The map under every state: changed by one key or by many, whoever holds an older one sees nothing of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cior_core.correlate.persistent_map import PersistentMap

# Few keys, so that they meet; enough, so that some share a shard's row.
KEYS = st.sampled_from([f"k{n}" for n in range(300)])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers()), max_size=40)


def changed(of: PersistentMap[int], changes: list[tuple[str, int | None]]) -> PersistentMap[int]:
    for key, value in changes:
        of = of.drop(key) if value is None else of.put(key, value)
    return of


def plain(entries: dict[str, int], changes: list[tuple[str, int | None]]) -> dict[str, int]:
    for key, value in changes:
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
    return entries


@given(before=CHANGES, changes=CHANGES, later=CHANGES)
def test_law_5_a_working_copy_becomes_the_map_that_single_changes_make(
    before: list[tuple[str, int | None]],
    changes: list[tuple[str, int | None]],
    later: list[tuple[str, int | None]],
) -> None:
    began = changed(PersistentMap[int](), before)
    had = dict(began.items())
    working = began.working()
    assert changed(working, changes) is working
    expected = plain(dict(had), changes)
    assert dict(working.items()) == expected
    assert len(working) == len(expected)
    told = working.changes(began)

    kept = working.kept()
    assert kept == changed(began, changes) == PersistentMap.of(expected)
    assert told == kept.changes(began)
    assert {key: now for key, _, now in told} == {
        key: expected.get(key)
        for key in had.keys() | expected.keys()
        if had.get(key) is not expected.get(key)
    }

    changed(working, later)
    assert dict(working.kept().items()) == plain(dict(expected), later)
    assert dict(kept.items()) == expected
    assert dict(began.items()) == had


def test_a_working_copy_that_nobody_changed_is_the_map_it_began_with() -> None:
    began = PersistentMap.of({"a": 1})
    assert began.working().kept() is began
    assert began.kept() is began
