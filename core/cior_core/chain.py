"""Hash chains: what one writer took, in the order in which it took it, so that nothing can be changed, removed,
inserted or moved later without being named. Law 15; the one implementation, for raw records and a register's acts.

An entry has a *place* (chain, number from 1, hash of the entry before) and a *content*, a SHA-256 in hex of whatever
the entry says. Its hash is ``SHA-256("cior.chain.v1", chain, number, previous, void, content)``, every field framed as
a netstring (``<length>:<bytes>,``), so that no two entries give the same bytes. The first one's previous is
:func:`genesis` of the chain's name.

A number whose entry never became durable (its source was told so) is *void*: a later entry names it, with the hash of
the entry before it. So a hole is either declared inside the chain, or it is a finding.

A chain is walked backwards, from a hash that somebody keeps elsewhere (a *pin*: a checkpoint, a statement), since only
what is pinned from above is proven. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from cior_core.chain_place import ChainPlace
from cior_core.errors import PayloadRejected
from cior_core.model import Struct

_DOMAIN = "cior.chain.v1"
_VOID = re.compile(r"(\d{1,18})-(\d{1,18}):([0-9a-f]{64})")


def netstrings(*fields: str | bytes) -> bytes:
    """The fields, each as ``<length in bytes>:<bytes>,``: no two lists give the same bytes."""
    raw = (field.encode("utf-8", "surrogatepass") if isinstance(field, str) else field for field in fields)
    return b"".join(b"%d:%b," % (len(field), field) for field in raw)


def fingerprint(*fields: str | bytes) -> str:
    """Hex SHA-256 of the framed fields; the first one names the domain."""
    return hashlib.sha256(netstrings(*fields)).hexdigest()


def genesis(chain: str) -> str:
    """What the first entry of ``chain`` names as the one before it."""
    return fingerprint("cior.chain.genesis.v1", chain)


def entry_hash(place: ChainPlace, content: str) -> str:
    """The hash of the entry with this content (hex SHA-256) at this place."""
    return fingerprint(_DOMAIN, place.chain, str(place.seq), place.previous, place.void, content)


class Head(Struct, frozen=True):
    """The end of a chain as somebody knows it; ``seq`` 0 and its genesis for an empty one."""

    chain: str
    seq: int
    hash: str


class Void(Struct, frozen=True):
    """Numbers whose entries never became durable, with the hash of the entry before the first of them."""

    first: int
    last: int
    before: str


def void_text(voids: Iterable[Void]) -> str:
    """As an entry's place carries them."""
    return " ".join(f"{each.first}-{each.last}:{each.before}" for each in voids)


def _voids_of(text: str) -> tuple[Void, ...]:
    """What :func:`void_text` wrote. Raises ``PayloadRejected`` (``chain.void``)."""
    found = [_VOID.fullmatch(part) for part in text.split(" ")] if text else []
    if not all(found):
        raise PayloadRejected(
            "chain.void", "a chain entry declares void numbers in a way that cannot be read"
        )
    return tuple(Void(int(each[1]), int(each[2]), each[3]) for each in found if each is not None)


class Seen(Struct, frozen=True):
    """One entry as it stands in a store: its place, its hash, what to call it, and its content where that is known."""

    place: ChainPlace
    hash: str
    name: str
    content: str = ""

    @classmethod
    def of(cls, place: ChainPlace, content: str, name: str) -> Seen:
        """With the hash computed now."""
        return cls(place, entry_hash(place, content), name, content)


def climb(last: Head, entries: Iterable[Seen]) -> Iterator[Head]:
    """The heads that follow from ``last`` without a break, in order. ``entries`` by rising number.

    A hole is passed where the entry above it declares it and names the hash below it.
    """
    for number, claimants in groupby(entries, key=lambda each: each.place.seq):
        if number <= last.seq:
            continue
        found = next((each for each in claimants if _follows(last, each)), None)
        if found is None:
            return
        last = Head(last.chain, number, found.hash)
        yield last


def _follows(last: Head, entry: Seen) -> bool:
    if entry.place.seq == last.seq + 1:
        return entry.place.previous == last.hash
    try:
        voids = _voids_of(entry.place.void)
    except PayloadRejected:
        return False
    return any(
        each.first == last.seq + 1 and each.last == entry.place.seq - 1 and each.before == last.hash
        for each in voids
    )


class Defect(Struct, frozen=True):
    """One finding about numbers ``first`` to ``last`` of a chain, with the names of the entries that it is about.

    ``code``: ``changed``, ``removed``, ``inserted``, ``reordered``, ``tail_cut`` (a pin is above what is left),
    ``rewritten`` (sound in itself and not what the pin says), ``detached`` (above every pin, and joins nothing),
    ``beginning`` (the chain does not begin at its beginning).
    """

    code: str
    chain: str
    first: int
    last: int
    names: tuple[str, ...] = ()


class Walked(Struct, frozen=True):
    """What :func:`verify` found. ``newer``: entries above the last pin, which only the database itself protects."""

    defects: tuple[Defect, ...]
    entries: int = 0
    newer: int = 0
    lowest: int = 0


def verify(chain: str, entries: Iterable[Seen], *, pins: Mapping[int, str] | None = None) -> Walked:
    """Every defect of a chain against the hashes that are kept elsewhere (``pins``: number → hash). Total.

    ``entries`` by falling number; several may claim one. They are read once and not kept, whatever their count.
    """
    walk = _Walk(chain, pins or {})
    for number, claimants in groupby(entries, key=lambda each: each.place.seq):
        walk.look(number, tuple(claimants))
    return walk.end()


class _Broken(Struct, frozen=True):
    """A number none of whose entries has the hash that is known of it."""

    claimants: tuple[Seen, ...]
    known: frozenset[str]


class _Walk:
    """One pass from the top to the bottom.

    ``known`` of a number are hashes said from above: by a pin, by the entry after it, by a declaration of void numbers.
    """

    def __init__(self, chain: str, pins: Mapping[int, str]) -> None:
        self._chain, self._pins = chain, {n: h for n, h in pins.items() if n > 0}
        self._highest_pin = max(self._pins, default=0)
        self._top: int | None = None
        self._lowest = self._count = self._newer = 0
        self._lowest_names: tuple[str, ...] = ()
        self._expected: str | None = None
        self._is_sure = True
        self._said: dict[int, str] = {}
        self._void: list[Void] = []
        self._missing: list[tuple[int, int, tuple[str, ...]]] = []
        self._rewritten: list[tuple[int, tuple[str, ...]]] = []
        self._broken: dict[int, _Broken] = {}
        self._defects: list[Defect] = []

    def look(self, number: int, claimants: tuple[Seen, ...]) -> None:
        """The entries at the next lower number."""
        claimants = tuple({each.hash: each for each in claimants}.values())  # copies are one
        names = tuple(each.name for each in claimants)
        if self._top is None:
            self._top = number
            self._hole(number, self._highest_pin + 1, names)
        else:
            self._hole(number, self._lowest, self._lowest_names)
        self._lowest, self._lowest_names = number, names
        self._count += len(claimants)
        self._newer += len(claimants) if number > self._highest_pin else 0
        self._go_below(self._chosen(number, claimants))

    def _hole(self, below: int, above: int, names: tuple[str, ...]) -> None:
        """The numbers strictly between: what is below them is not known from its successor."""
        if above - below > 1:
            self._missing.append((below + 1, above - 1, names))
            self._expected = None

    def _chosen(self, number: int, claimants: tuple[Seen, ...]) -> Seen:
        """The entry at this number that is known from above; what speaks against the others is a defect."""
        by_hash = {each.hash: each for each in claimants}
        pin, said = self._pins.get(number), self._said.pop(number, None)
        if pin in by_hash:
            self._tell_rewritten(number)
            found: Seen | None = by_hash[pin or ""]
        else:
            found = by_hash.get(self._expected or "") or by_hash.get(said or "")
        known = frozenset({pin, said, self._expected if self._is_sure else None} - {None})
        is_whole = found is not None or self._expected is None
        if pin is not None and pin not in by_hash and is_whole:
            self._rewritten.append((number, tuple(each.name for each in claimants)))
        elif found is None and known:
            self._broken[number] = _Broken(claimants, frozenset(str(each) for each in known))
            self._add("changed", number, number, [each.name for each in claimants])
        self._is_sure = number not in self._broken
        if found is not None or not known:
            strangers = [each.name for one, each in by_hash.items() if found is None or one != found.hash]
            if len(by_hash) > 1:
                self._add("inserted", number, number, strangers)
        return found or claimants[0]

    def _go_below(self, entry: Seen) -> None:
        self._expected = entry.place.previous
        try:
            voids = _voids_of(entry.place.void)
        except PayloadRejected:
            return
        self._void += voids
        self._said |= {each.first - 1: each.before for each in voids}

    def end(self) -> Walked:
        """What was found, when there is nothing below."""
        if self._top is None:
            self._missing += [(1, self._highest_pin, ())] if self._highest_pin else []
        else:
            self._tell_rewritten(0)
            self._tell_beginning()
        for first, last, above in self._missing:
            for part in _without(first, last, self._void):
                self._tell_missing(*part, above)
        self._tell_reordered()
        ordered = sorted(self._defects, key=lambda each: (each.first, each.code))
        return Walked(defects=tuple(ordered), entries=self._count, newer=self._newer, lowest=self._lowest)

    def _tell_beginning(self) -> None:
        if self._lowest > 1 and _without(1, self._lowest - 1, self._void):
            self._add("beginning", 1, self._lowest - 1, self._lowest_names)
        elif self._lowest == 1 and self._is_sure and self._expected != genesis(self._chain):
            self._add("changed", 1, 1, self._lowest_names)

    def _tell_rewritten(self, sound: int) -> None:
        """All between the pin that fits and the lowest that does not was made again."""
        if self._rewritten:
            lowest, names = self._rewritten[-1]
            self._add("rewritten", sound + 1, lowest, names)
            self._rewritten = []

    def _tell_missing(self, first: int, last: int, above: tuple[str, ...]) -> None:
        if first > self._highest_pin:
            self._add("detached", first, last, above)
        else:
            self._add("tail_cut" if first > (self._top or 0) else "removed", first, last, ())

    def _tell_reordered(self) -> None:
        """Changed entries that carry each other's content were exchanged."""
        for number, broken in self._broken.items():
            others = [one for n, each in self._broken.items() if n != number for one in each.claimants]
            moved = [
                other.name
                for one in broken.claimants
                for other in others
                if other.content and entry_hash(one.place, other.content) in broken.known
            ]
            if moved:
                self._defects.remove(next(each for each in self._defects if each.first == number))
                self._add("reordered", number, number, [each.name for each in broken.claimants] + moved)

    def _add(self, code: str, first: int, last: int, names: Sequence[str]) -> None:
        told = tuple(dict.fromkeys(names))
        self._defects.append(Defect(code=code, chain=self._chain, first=first, last=last, names=told))


def _without(first: int, last: int, voids: Sequence[Void]) -> list[tuple[int, int]]:
    """The parts of ``first``..``last`` that no void declares."""
    parts, start = [], first
    for each in sorted(voids, key=lambda void: void.first):
        if each.last < start or each.first > last:
            continue
        if each.first > start:
            parts.append((start, each.first - 1))
        start = max(start, each.last + 1)
    return [*parts, (start, last)] if start <= last else parts
