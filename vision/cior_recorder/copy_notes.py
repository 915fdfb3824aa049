"""What was copied into the bucket, as receipts on our own disk: a line an object, append only, the last one counts.

They spare asking the server for each segment again, and say to whoever looks for a copy by which version it is proven.
Lost receipts cost reading the bucket once more, no copy: what stands there is found and proven anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cior_bus.durable_file import sync_folder
from cior_core.canonical import canonical
from cior_core.model import Struct
from cior_store.locked import Kept


class Note(Struct, frozen=True, kw_only=True):
    """An object of a camera and day: ``name`` is the segment's path in the ring, or that of a part of its index."""

    name: str
    kept: Kept
    at_ms: int


class Notes:
    """Receipts below ``folder``, a file a camera and day. One thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, camera: str, day: str) -> dict[str, Note]:
        """By name. What a kill left half written counts for nothing."""
        try:
            lines = self._path(camera, day).read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        found: dict[str, Note] = {}
        for line in lines[:-1]:
            try:
                note = msgspec.json.decode(line, type=Note)
            except msgspec.MsgspecError:
                continue
            found[note.name] = note
        return found

    def add(self, camera: str, day: str, note: Note) -> None:
        """Durable on return. Raises ``OSError``."""
        path = self._path(camera, day)
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            lead = b"" if is_new or _ends_whole(path) else b"\n"
            file.write(lead + canonical(note) + b"\n")
            os.fdatasync(file.fileno())
        if is_new:
            sync_folder(path.parent)

    def days(self) -> Iterator[tuple[str, str]]:
        """Camera and day of each file."""
        for path in sorted(self._folder.glob("*/*.jsonl")):
            yield path.parent.name, path.stem

    def drop(self, camera: str, day: str) -> None:
        """Nothing of the day is locked any more."""
        self._path(camera, day).unlink(missing_ok=True)

    def _path(self, camera: str, day: str) -> Path:
        return self._folder / camera / f"{day}.jsonl"


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return True
        file.seek(size - 1)
        return file.read() == b"\n"
