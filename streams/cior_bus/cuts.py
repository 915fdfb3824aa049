"""Where batches were cut, on disk: a sink that dies between its insert and its commit gets *the same* batch again, so its token matches.

A plan is written before the handler runs: "partition p: first..last". After a restart the consumer builds exactly that batch first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import msgspec


class Cut(msgspec.Struct, frozen=True):
    """Source offsets of one batch, both inclusive."""

    first: int
    last: int


class Cuts(Protocol):
    """Keeps the plan of each partition."""

    def planned(self, topic: str, partition: int, *, since: int) -> Cut | None:
        """The plan whose first offset is ``since``, done or not; None: cut anew."""
        ...

    def plan(self, topic: str, partition: int, cut: Cut) -> None:
        """Remember, durably, before the handler starts."""
        ...


def _starting(cut: Cut | None, since: int) -> Cut | None:
    return cut if cut is not None and cut.first == since else None


class MemoryCuts:
    """Plans that last as long as the process: retries inside it are identical, a restart may cut anew."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, int], Cut] = {}

    def planned(self, topic: str, partition: int, *, since: int) -> Cut | None:
        """See :class:`Cuts`."""
        return _starting(self._plans.get((topic, partition)), since)

    def plan(self, topic: str, partition: int, cut: Cut) -> None:
        """See :class:`Cuts`."""
        self._plans[topic, partition] = cut


class FileCuts:
    """One small file per partition, replaced atomically and fsynced. A damaged file counts as no plan (a cut anew, and the store's keys collapse it)."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def _path(self, topic: str, partition: int) -> Path:
        return self._directory / f"{topic}-{partition}.cut"

    def planned(self, topic: str, partition: int, *, since: int) -> Cut | None:
        """See :class:`Cuts`."""
        try:
            return _starting(msgspec.json.decode(self._path(topic, partition).read_bytes(), type=Cut), since)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def plan(self, topic: str, partition: int, cut: Cut) -> None:
        """See :class:`Cuts`."""
        path = self._path(topic, partition)
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(cut))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
