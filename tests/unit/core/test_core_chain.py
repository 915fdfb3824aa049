"""The hash chain (law 15): what an attacker with every right on the database does, and what the walk then says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.chain import (
    Defect,
    Head,
    Seen,
    Void,
    climb,
    entry_hash,
    fingerprint,
    genesis,
    netstrings,
    verify,
    void_text,
)
from cior_core.chain_place import ChainPlace

CHAIN = "panels/0a1b"


def content(number: int, text: str = "") -> str:
    return hashlib.sha256(f"{number} {text}".encode()).hexdigest()


def chained(contents: Sequence[str], *, void: dict[int, tuple[Void, ...]] | None = None) -> list[Seen]:
    """The entries that an honest writer makes of these contents."""
    entries: list[Seen] = []
    for number, each in enumerate(contents, start=1):
        place = ChainPlace(
            chain=CHAIN,
            seq=number,
            previous=entries[-1].hash if entries else genesis(CHAIN),
            void=void_text((void or {}).get(number, ())),
        )
        entries.append(Seen.of(place, each, f"raw-{number}"))
    return entries


HONEST = chained([content(n) for n in range(1, 21)])
PINS = {20: HONEST[19].hash, 10: HONEST[9].hash, 15: HONEST[14].hash}


def walk(
    entries: Iterable[Seen], pins: dict[int, str] | None = None
) -> list[tuple[str, int, int, tuple[str, ...]]]:
    ordered = sorted(entries, key=lambda each: -each.place.seq)
    found: tuple[Defect, ...] = verify(CHAIN, ordered, pins=PINS if pins is None else pins).defects
    return [(each.code, each.first, each.last, each.names) for each in found]


def other(entry: Seen, text: str = "forged") -> Seen:
    return Seen.of(entry.place, content(entry.place.seq, text), entry.name)


def test_an_untouched_chain_has_no_defect() -> None:
    assert walk(HONEST) == []
    assert walk(HONEST, pins={}) == []
    found = verify(CHAIN, HONEST[::-1], pins={12: HONEST[11].hash})
    assert (found.entries, found.newer, found.lowest) == (20, 8, 1), "eight are younger than the checkpoint"


def test_the_hash_is_what_anybody_computes_by_hand() -> None:
    place = ChainPlace(chain="c", seq=7, previous="00" * 32)
    framed = b"13:cior.chain.v1,1:c,1:7,64:" + b"0" * 64 + b",0:,2:ab,"
    assert netstrings("cior.chain.v1", "c", "7", "00" * 32, "", "ab") == framed
    assert entry_hash(place, "ab") == hashlib.sha256(framed).hexdigest()
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (lambda e: [*e[:6], other(e[6]), *e[7:]], ("changed", 7, 7, ("raw-7",))),
        (lambda e: [*e[:6], *e[7:]], ("removed", 7, 7, ())),
        (lambda e: [*e[:6], *e[9:]], ("removed", 7, 9, ())),
        (
            lambda e: [*e, Seen.of(e[6].place, content(7, "x"), "raw-forged")],
            ("inserted", 7, 7, ("raw-forged",)),
        ),
        (lambda e: e[:17], ("tail_cut", 18, 20, ())),
        (lambda e: e[5:], ("beginning", 1, 5, ("raw-6",))),
        (lambda _: [], ("tail_cut", 1, 20, ())),
        (lambda e: [other(e[0]), *e[1:]], ("changed", 1, 1, ("raw-1",))),
    ],
    ids=[
        "change",
        "remove",
        "remove three",
        "insert",
        "cut the tail",
        "cut the head",
        "delete all",
        "the first",
    ],
)
def test_law_15_what_was_done_to_one_place_is_named_and_nothing_else(
    attack: Callable[[list[Seen]], list[Seen]], told: tuple[str, int, int, tuple[str, ...]]
) -> None:
    assert walk(attack(list(HONEST))) == [told]


def test_law_15_two_entries_that_were_exchanged_are_named_as_such() -> None:
    entries = list(HONEST)
    third, ninth = entries[2], entries[8]
    entries[2] = Seen.of(third.place, ninth.content, ninth.name)
    entries[8] = Seen.of(ninth.place, third.content, third.name)
    assert walk(entries) == [
        ("reordered", 3, 3, ("raw-9", "raw-3")),
        ("reordered", 9, 9, ("raw-3", "raw-9")),
    ]


def test_law_15_who_chains_everything_anew_after_a_change_is_told_by_the_checkpoint() -> None:
    """Every link is right again; only what was kept elsewhere says that it is another chain, and from where on."""
    forged = chained([content(n, "forged" if n == 12 else "") for n in range(1, 21)])
    assert walk(forged, pins={}) == [], "without a checkpoint nobody can know"
    assert walk(forged) == [("rewritten", 11, 15, ("raw-15",))]


def test_law_15_a_shorter_chain_made_anew_is_a_cut_tail_and_a_rewritten_rest() -> None:
    forged = chained([content(n, "forged" if n > 8 else "") for n in range(1, 19)])
    assert walk(forged) == [("rewritten", 1, 10, ("raw-10",)), ("tail_cut", 19, 20, ())]


def test_what_was_refused_is_declared_and_what_stands_beside_it_is_still_known() -> None:
    """4 and 5 were refused (their source was told so); 6 says that, and what the hash of 3 was."""
    whole = chained([content(n) for n in range(1, 9)])
    entries = chained(
        [content(n) for n in range(1, 9)], void={6: (Void(first=4, last=5, before=whole[2].hash),)}
    )
    pins = {8: entries[7].hash}
    holed = [*entries[:3], *entries[5:]]
    assert walk(holed, pins) == []
    assert walk(entries, pins) == [], "they may have come after all"
    assert walk([*entries[:2], other(entries[2]), *entries[5:]], pins) == [("changed", 3, 3, ("raw-3",))]
    assert walk([*entries[:2], *entries[5:]], pins) == [("removed", 3, 3, ())]


def test_an_entry_far_above_the_checkpoint_that_joins_nothing_is_named() -> None:
    lone = Seen.of(ChainPlace(chain=CHAIN, seq=500, previous="00" * 32), content(500), "raw-alien")
    assert walk([*HONEST, lone]) == [("detached", 21, 499, ("raw-alien",))]


def test_a_changed_entry_does_not_put_its_neighbour_in_doubt() -> None:
    """Its own word about the one before it is changed too."""
    liar = Seen.of(ChainPlace(chain=CHAIN, seq=7, previous="11" * 32), content(7), "raw-7")
    assert walk([*HONEST[:6], liar, *HONEST[7:]]) == [("changed", 7, 7, ("raw-7",))]


def test_who_follows_the_chain_upwards_stops_where_it_breaks() -> None:
    """The checkpoint signs only what follows from what it signed before."""
    begin = Head(CHAIN, 0, genesis(CHAIN))
    assert list(climb(begin, HONEST))[-1] == Head(CHAIN, 20, HONEST[19].hash)
    assert [head.seq for head in climb(Head(CHAIN, 5, HONEST[4].hash), HONEST)] == list(range(6, 21))
    holed = [*HONEST[:6], *HONEST[7:]]
    assert [head.seq for head in climb(begin, holed)] == list(range(1, 7))
    alien = Seen.of(ChainPlace(chain=CHAIN, seq=21, previous="00" * 32), content(21), "raw-alien")
    assert list(climb(begin, [*HONEST, alien]))[-1].seq == 20
    void = (Void(first=4, last=5, before=HONEST[2].hash),)
    declared = chained([content(n) for n in range(1, 9)], void={6: void})
    assert [head.seq for head in climb(begin, [*declared[:3], *declared[5:]])] == [1, 2, 3, 6, 7, 8]
    lie = (Void(first=4, last=5, before="00" * 32),)
    lying = chained([content(n) for n in range(1, 9)], void={6: lie})
    assert [head.seq for head in climb(begin, [*lying[:3], *lying[5:]])] == [1, 2, 3]


@pytest.mark.parametrize("nonsense", ["4-5", "4-5:zz", "-", "4-5:" + "ab" * 32 + "  ", "x" * 1000])
def test_a_declaration_that_cannot_be_read_declares_nothing(nonsense: str) -> None:
    entries = list(HONEST[:3])
    place = ChainPlace(chain=CHAIN, seq=6, previous="00" * 32, void=nonsense)
    entries.append(Seen.of(place, content(6), "raw-6"))
    assert walk(entries, {6: entries[-1].hash}) == [("removed", 4, 5, ())]
    assert [head.seq for head in climb(Head(CHAIN, 0, genesis(CHAIN)), entries)] == [1, 2, 3]


@given(
    numbers=st.lists(st.integers(1, 30), max_size=40),
    texts=st.lists(st.sampled_from(["", "x", "y"]), min_size=40, max_size=40),
    void=st.text(max_size=20),
    pins=st.dictionaries(st.integers(-3, 40), st.text(max_size=3), max_size=4),
)
def test_the_walk_is_total(numbers: list[int], texts: list[str], void: str, pins: dict[int, str]) -> None:
    entries = [
        Seen.of(ChainPlace(chain=CHAIN, seq=n, previous=text, void=void), content(n, text), f"raw-{n}")
        for n, text in zip(numbers, texts, strict=False)
    ]
    found = verify(CHAIN, sorted(entries, key=lambda each: -each.place.seq), pins=pins)
    assert found.entries == len({each.hash for each in entries})


@given(st.data())
def test_any_one_change_of_a_pinned_chain_is_found_where_it_was_made(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 19))
    act = data.draw(st.sampled_from(["change", "remove", "insert"]))
    entries = list(HONEST)
    if act == "remove":
        del entries[at]
    elif act == "change":
        entries[at] = other(entries[at])
    else:
        entries.append(other(entries[at]))
    found = walk(entries)
    assert found, "never unseen"
    assert all(first <= at + 1 <= last for _, first, last, _ in found)
