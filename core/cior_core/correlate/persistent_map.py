"""A persistent map of text keys: changing one key copies one small shard, so an old state and a new one share
everything else.

Keys are spread over shards; iteration is in key order, so that no result depends on the order of insertion or on the
shards (law 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress
from operator import is_not, itemgetter
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

V = TypeVar("V")

# Two levels: with 100,000 open alerts a change copies 64 + 64 pointers and a shard of a few dozen keys.
_WIDE: Final = 64
_MASK: Final = _WIDE - 1
_BITS: Final = 6
_EMPTY_ROW: tuple[dict[str, Any], ...] = ({},) * _WIDE
_EMPTY: tuple[tuple[dict[str, Any], ...], ...] = (_EMPTY_ROW,) * _WIDE


class PersistentMap(Generic[V]):
    """Immutable; :meth:`put` and :meth:`drop` return a new map. Two maps are equal when they hold equal entries."""

    __slots__ = ("_rows", "_size")

    def __init__(self, rows: tuple[tuple[dict[str, V], ...], ...] = _EMPTY, size: int = 0) -> None:
        self._rows = rows
        self._size = size

    @classmethod
    def of(cls, entries: Mapping[str, V]) -> PersistentMap[V]:
        """A map of ``entries``, built in one pass."""
        if not entries:
            return cls()
        rows: list[list[dict[str, V]]] = [[{} for _ in range(_WIDE)] for _ in range(_WIDE)]
        for key, value in entries.items():
            row, at = _shard(key)
            rows[row][at][key] = value
        return cls(tuple(tuple(row) if any(row) else _EMPTY_ROW for row in rows), len(entries))

    def get(self, key: str) -> V | None:
        """The value of ``key``, or None."""
        # What _shard does, without the call: the index is asked a hundred times a step.
        code = crc32(key.encode("utf-8", "surrogatepass"))
        return self._rows[code >> _BITS & _MASK][code & _MASK].get(key)

    def put(self, key: str, value: V) -> PersistentMap[V]:
        """The map with ``key`` set to ``value``."""
        row, at = _shard(key)
        changed = dict(self._rows[row][at])
        grown = key not in changed
        changed[key] = value
        return self._with(row, at, changed, self._size + grown)

    def drop(self, key: str) -> PersistentMap[V]:
        """The map without ``key``; itself when it was not there."""
        row, at = _shard(key)
        if key not in self._rows[row][at]:
            return self
        changed = dict(self._rows[row][at])
        del changed[key]
        return self._with(row, at, changed, self._size - 1)

    def _with(self, row: int, at: int, shard: dict[str, V], size: int) -> PersistentMap[V]:
        # A list that is changed and frozen again is twice as fast as a tuple of slices.
        rows, shards = list(self._rows), list(self._rows[row])
        shards[at] = shard
        rows[row] = tuple(shards)
        return PersistentMap(tuple(rows), size)

    def _shards(self) -> Iterator[dict[str, V]]:
        """Those that hold something."""
        return (shard for row in self._rows if row is not _EMPTY_ROW for shard in row if shard)

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

    def changes(self, older: PersistentMap[V]) -> Iterator[tuple[str, V | None, V | None]]:
        """``(key, value in older, value here)`` of each key whose value is another object, by key."""
        if self is older:
            return
        found: list[tuple[str, V | None, V | None]] = []
        for mine, theirs in _differing(self._rows, older._rows):
            found += [
                (key, theirs.get(key), value) for key, value in mine.items() if theirs.get(key) is not value
            ]
            found += [(key, value, None) for key, value in theirs.items() if key not in mine]
        yield from sorted(found, key=itemgetter(0))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PersistentMap) and self._rows == other._rows

    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self.items())!r})"


def _shard(key: str) -> tuple[int, int]:
    # CRC-32 does not depend on PYTHONHASHSEED, hash() does (law 5).
    code = crc32(key.encode("utf-8", "surrogatepass"))
    return code >> _BITS & _MASK, code & _MASK


_Rows = tuple[tuple[dict[str, V], ...], ...]


def _differing(mine: _Rows[V], theirs: _Rows[V]) -> list[tuple[dict[str, V], dict[str, V]]]:
    """The pairs of shards that are not one and the same."""
    rows = compress(zip(mine, theirs, strict=True), map(is_not, mine, theirs))
    return [
        pair
        for row, other in rows
        for pair in compress(zip(row, other, strict=True), map(is_not, row, other))
    ]


def _first(entry: tuple[str, V]) -> str:
    return entry[0]
