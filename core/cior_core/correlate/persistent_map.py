"""A persistent map of text keys: changing one key copies one small shard, so an old state and a new one share
everything else.

Keys are spread over shards; iteration is in key order, so that no result depends on the order of insertion or on the
shards (law 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from operator import is_not, itemgetter
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

V = TypeVar("V")

# Two levels: with 100,000 open alerts a change copies 64 + 64 pointers and a shard of a few dozen keys.
_WIDE: Final = 64
_MASK: Final = _WIDE - 1
_BITS: Final = 6
_ALL: Final = (1 << 2 * _BITS) - 1
# Lists, since one is copied and changed in half the time of a tuple; none is changed once a map holds it.
_Row = list[dict[str, V]]
_Rows = list[_Row[V]]
_Pairs = Iterable[tuple[dict[str, V], dict[str, V]]]
Change = tuple[str, V | None, V | None]
_EMPTY_ROW: _Row[Any] = [{}] * _WIDE
_EMPTY: _Rows[Any] = [_EMPTY_ROW] * _WIDE


class PersistentMap(Generic[V]):
    """Immutable; :meth:`put` and :meth:`drop` return a new map. Two maps are equal when they hold equal entries."""

    __slots__ = ("_rows", "_size")

    def __init__(self, rows: _Rows[V] = _EMPTY, size: int = 0) -> None:
        self._rows = rows
        self._size = size

    @classmethod
    def of(cls, entries: Mapping[str, V]) -> PersistentMap[V]:
        """A map of ``entries``, built in one pass."""
        if not entries:
            return cls()
        rows: _Rows[V] = [[{} for _ in range(_WIDE)] for _ in range(_WIDE)]
        for key, value in entries.items():
            code = _code(key)
            rows[code >> _BITS][code & _MASK][key] = value
        return cls([row if any(row) else _EMPTY_ROW for row in rows], len(entries))

    def get(self, key: str) -> V | None:
        """The value of ``key``, or None."""
        # What _code does, without the call: the index is asked a hundred times a step.
        code = crc32(key.encode("utf-8", "surrogatepass"))
        return self._rows[code >> _BITS & _MASK][code & _MASK].get(key)

    def put(self, key: str, value: V) -> PersistentMap[V]:
        """The map with ``key`` set to ``value``."""
        rows, shard = self._opened(_code(key))
        size = self._size if key in shard else self._size + 1
        shard[key] = value
        return PersistentMap(rows, size)

    def drop(self, key: str) -> PersistentMap[V]:
        """The map without ``key``; itself when it was not there."""
        if self.get(key) is None:
            return self
        rows, shard = self._opened(_code(key))
        del shard[key]
        return PersistentMap(rows, self._size - 1)

    def _opened(self, code: int) -> tuple[_Rows[V], dict[str, V]]:
        """Rows that share all but one shard with these, and that shard, free to be changed."""
        row, at = code >> _BITS, code & _MASK
        rows = self._rows.copy()
        rows[row] = shards = rows[row].copy()
        shards[at] = shard = shards[at].copy()
        return rows, shard

    def _shards(self) -> Iterator[dict[str, V]]:
        """Those that hold something."""
        rows = self.kept()._rows  # noqa: SLF001  (of a map, as all that follow)
        return (shard for row in rows if row is not _EMPTY_ROW for shard in row if shard)

    def items(self) -> list[tuple[str, V]]:
        """Every entry, in key order."""
        return (
            sorted([entry for shard in self._shards() for entry in shard.items()], key=_first)
            if self._size
            else []
        )

    def values(self) -> list[V]:
        """Every value, in the order of its key."""
        return [value for _, value in self.items()]

    def changes(self, older: PersistentMap[V]) -> list[Change[V]]:
        """``(key, value in older, value here)`` of each key whose value is another object, by key."""
        mine, theirs = self.kept()._rows, older.kept()._rows  # noqa: SLF001
        return [] if self is older else _changed(_differing(mine, theirs))

    def working(self) -> PersistentMap[V]:
        """A copy that is changed in place, for somebody who changes many keys before anybody else sees it."""
        began = self.kept()
        return _WorkingMap(began, began._rows, began._size)  # noqa: SLF001  (a map of its own kind)

    def kept(self) -> PersistentMap[V]:
        """What others may hold: itself; of a :meth:`working` copy, the map as it is now."""
        return self

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PersistentMap) and self.kept()._rows == other.kept()._rows

    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self.items())!r})"


class _WorkingMap(PersistentMap[V]):
    """:meth:`put` and :meth:`drop` return it itself; what they change lies beside the map that it began with until
    :meth:`kept`, so a shard is copied once for each key and a key that is asked again is not searched again. It lives
    for one step.
    """

    __slots__ = ("_at_hand", "_began", "_changed")

    def __init__(self, began: PersistentMap[V], rows: _Rows[V], size: int) -> None:
        super().__init__(rows, size)
        self._began = began
        self._at_hand: dict[str, V | None] = {}
        self._changed: dict[str, V | None] = {}

    def get(self, key: str) -> V | None:
        at_hand = self._at_hand
        if key in at_hand:
            return at_hand[key]
        code = crc32(key.encode("utf-8", "surrogatepass"))
        found = self._rows[code >> _BITS & _MASK][code & _MASK].get(key)
        if found is not None:
            at_hand[key] = found
        return found

    def put(self, key: str, value: V) -> PersistentMap[V]:
        if self.get(key) is None:
            self._size += 1
        self._at_hand[key] = self._changed[key] = value
        return self

    def drop(self, key: str) -> PersistentMap[V]:
        if self.get(key) is not None:
            self._at_hand[key] = self._changed[key] = None
            self._size -= 1
        return self

    def changes(self, older: PersistentMap[V]) -> list[Change[V]]:
        if older is not self._began:
            return super().changes(older)
        if not self._changed:
            return []
        found = ((key, older.get(key), self._changed[key]) for key in sorted(self._changed))
        return [change for change in found if change[1] is not change[2]]

    def kept(self) -> PersistentMap[V]:
        if self._changed:
            self._rows = self._laid_in()
            self._began, self._changed = PersistentMap(self._rows, self._size), {}
        return self._began

    def _laid_in(self) -> _Rows[V]:
        """The rows with the changes in them; shards that hold none are shared with the map that it began with."""
        rows = self._rows.copy()
        own: dict[int, dict[str, V]] = {}
        for key, value in self._changed.items():
            code = crc32(key.encode("utf-8", "surrogatepass")) & _ALL
            if (shard := own.get(code)) is None:
                row, at = code >> _BITS, code & _MASK
                if rows[row] is self._rows[row]:
                    rows[row] = rows[row].copy()
                shard = own[code] = rows[row][at] = rows[row][at].copy()
            if value is None:
                shard.pop(key, None)
            else:
                shard[key] = value
        return rows


def _code(key: str) -> int:
    """Row and place in it. CRC-32 does not depend on PYTHONHASHSEED, hash() does (law 5)."""
    return crc32(key.encode("utf-8", "surrogatepass")) & _ALL


def _changed(pairs: _Pairs[V]) -> list[Change[V]]:
    """What is another object in the first shard of a pair than in the second, by key."""
    found: list[Change[V]] = []
    for mine, theirs in pairs:
        found += [(key, was, now) for key, now in mine.items() if (was := theirs.get(key)) is not now]
        found += [(key, was, None) for key, was in theirs.items() if key not in mine]
    found.sort(key=itemgetter(0))
    return found


def _differing(mine: _Rows[V], theirs: _Rows[V]) -> _Pairs[V]:
    """The pairs of shards that are not one and the same."""
    rows = compress(zip(mine, theirs, strict=True), map(is_not, mine, theirs))
    return [
        pair
        for row, other in rows
        for pair in compress(zip(row, other, strict=True), map(is_not, row, other))
    ]


def _first(entry: tuple[str, V]) -> str:
    return entry[0]
