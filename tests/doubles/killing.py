"""A worker killed between any two of its writes: a fuse, and a table whose every write burns it."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches kill -9."""


class Fuse:
    """Lets ``left`` writes pass, then kills."""

    def __init__(self, left: int) -> None:
        self.left = left

    def burn(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


class Changelog(MutableMapping[bytes, bytes]):
    """A table whose every write is durable at once, in order, until the fuse burns through."""

    def __init__(self, stored: dict[bytes, bytes], fuse: Fuse) -> None:
        self.stored, self.fuse = stored, fuse

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.fuse.burn()
        self.stored[key] = value

    def __delitem__(self, key: bytes) -> None:
        self.fuse.burn()
        del self.stored[key]

    def __getitem__(self, key: bytes) -> bytes:
        return self.stored[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)
