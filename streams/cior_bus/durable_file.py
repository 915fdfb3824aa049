"""A file that stands whole or not at all: written beside its place, synced and renamed into it.

``OSError`` passes through.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, *, is_synced: bool = True) -> None:
    """``path`` holds ``content`` on return, whatever it held before, and its owner alone may read it; a kill leaves the
    old file or the new one.

    ``is_synced`` false: not yet on the disk, for what means nothing after a power cut (a ready file).
    """
    fresh = _fresh(path)
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


def create(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """The same for a file that must not be there yet, and its name survives a power cut too.

    Raises ``FileExistsError``.
    """
    fresh = _fresh(path)
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)  # a rename would overwrite
    finally:
        fresh.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The names in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")
