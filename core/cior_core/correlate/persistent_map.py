"""A persistent map of text keys: changing one key copies one small shard, so an old state and a new one share
everything else.

Keys are spread over shards; iteration is in key order, so that no result depends on the order of insertion (law 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Generic, TypeVar
from zlib import crc32

V = TypeVar("V")

# With 20,000 seen ids a plain dict copy costs more than a whole step; one shard is about 1/256 of it.
_SHARDS = 256
_MASK: Final = _SHARDS - 1
_EMPTY: tuple[dict[str, object], ...] = ({},) * _SHARDS


class PersistentMap(Generic[V]):
    """Immutable; :meth:`put` and :meth:`drop` return a new map. Two maps are equal when they hold equal entries."""

    __slots__ = ("_shards", "_size")

    def __init__(  # an empty map holds no V, so that _EMPTY is one of every V
        self,
        shards: tuple[dict[str, V], ...] = _EMPTY,  # type: ignore[assignment]
        size: int = 0,
    ) -> None:
        self._shards = shards
        self._size = size

    @classmethod
    def of(cls, entries: Mapping[str, V]) -> PersistentMap[V]:
        """A map of ``entries``, built in one pass."""
        shards: list[dict[str, V]] = [{} for _ in range(_SHARDS)]
        for key, value in entries.items():
            shards[_shard(key)][key] = value
        return cls(tuple(shards), len(entries))

    def get(self, key: str) -> V | None:
        """The value of ``key``, or None."""
        # What _shard does, without the call: the index is asked a hundred times a step.
        return self._shards[crc32(key.encode("utf-8", "surrogatepass")) & _MASK].get(key)

    def put(self, key: str, value: V) -> PersistentMap[V]:
        """The map with ``key`` set to ``value``."""
        at = _shard(key)
        changed = dict(self._shards[at])
        grown = key not in changed
        changed[key] = value
        return PersistentMap((*self._shards[:at], changed, *self._shards[at + 1 :]), self._size + grown)

    def drop(self, key: str) -> PersistentMap[V]:
        """The map without ``key``; itself when it was not there."""
        at = _shard(key)
        if key not in self._shards[at]:
            return self
        changed = dict(self._shards[at])
        del changed[key]
        return PersistentMap((*self._shards[:at], changed, *self._shards[at + 1 :]), self._size - 1)

    def items(self) -> list[tuple[str, V]]:
        """Every entry, in key order."""
        return (
            sorted([entry for shard in self._shards if shard for entry in shard.items()], key=_first)
            if self._size
            else []
        )

    def where(self, wanted: Callable[[V], bool]) -> list[tuple[str, V]]:
        """The entries whose value is ``wanted``, in key order: cheaper than sorting all to keep a few."""
        if not self._size:
            return []
        return sorted(
            [entry for shard in self._shards if shard for entry in shard.items() if wanted(entry[1])],
            key=_first,
        )

    def values(self) -> list[V]:
        """Every value, in the order of its key."""
        return [value for _, value in self.items()]

    def changes(self, older: PersistentMap[V]) -> Iterator[tuple[str, V | None, V | None]]:
        """``(key, value in older, value here)`` of each key whose value is another object, by shard, then key."""
        if self is older:
            return
        for mine, theirs in zip(self._shards, older._shards, strict=True):
            if mine is theirs:
                continue
            for key in sorted(mine.keys() | theirs.keys()):
                before, after = theirs.get(key), mine.get(key)
                if before is not after:
                    yield key, before, after

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._shards[_shard(key)]

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PersistentMap) and self._shards == other._shards

    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self.items())!r})"


def _shard(key: str) -> int:
    # CRC-32 does not depend on PYTHONHASHSEED, hash() does (law 5).
    return crc32(key.encode("utf-8", "surrogatepass")) & _MASK


def _first(entry: tuple[str, V]) -> str:
    return entry[0]
