"""How far a package has come, in one small file beside it: what a kill at any step leaves is begun anew or gone on
with, never delivered half.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from cior_bus import durable_file
from cior_core.canonical import canonical
from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.model import Struct

BUSY: Final = "package.busy"


class Stage(StrEnum):
    """``ASSEMBLING``: the bag is being filled, and is thrown away after a kill. ``ASSEMBLED``: it is closed and waits
    for its seal. ``SEALED``: the seal is whole. ``READY``: it stands under its own name and may be delivered.
    """

    ASSEMBLING = "armando"
    ASSEMBLED = "armado"
    SEALED = "sellado"
    READY = "listo"


class State(Struct, frozen=True, kw_only=True):
    """``order_sha256``: of the order's bytes; ``tag_sha256``: of the closed bag's tag manifest, empty before."""

    package: str
    order_sha256: str
    stage: Stage
    tag_sha256: str = ""
    leaf: str = ""
    created_ms: int = 0


class StateFile:
    """Of one package. Written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Nobody else builds this package meanwhile. Raises ``SourceUnavailable`` (``package.busy``)."""
        with self._path.with_suffix(".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SourceUnavailable(
                    BUSY, "another process is at work on this package", cure="wait for it"
                ) from None
            yield

    def read(self) -> State | None:
        """The state; None for a package nobody began. Raises ``IntegrityBroken`` (``package.state``)."""
        if not self._path.exists():
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State)
        except msgspec.MsgspecError as error:
            raise IntegrityBroken(
                "package.state",
                f"{self._path.name} cannot be read",
                cure="move the package away and build it anew",
            ) from error

    def write(self, state: State) -> State:
        """Durable on return."""
        durable_file.replace(self._path, canonical(state) + b"\n")
        durable_file.sync_folder(self._path.parent)
        return state
