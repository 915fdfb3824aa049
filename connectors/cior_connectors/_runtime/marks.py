"""A durable instant: how far history has been reconciled. Written whole and renamed, so a kill leaves the old or the new one."""

from __future__ import annotations

import os
from pathlib import Path


class Mark:
    """One instant in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, *, default: int) -> int:
        """The instant, or ``default`` when there is none that can be read: asking for more history than needed is harmless."""
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return default

    def write(self, at_ms: int) -> None:
        """Durable on return."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write(str(at_ms))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
