"""Files into a backup and out of it, their digests taken on the way; what another process writes meanwhile is taken as
it was at one instant.

* A SQLite database is copied by SQLite itself: the file alone lacks what stands in its write-ahead log.
* Of a spool's folder the cursor goes first: a record that is drained meanwhile is sent again after a restore, under its
  own id; the other way round one could be in neither. A segment is taken up to its present end, so the copy ends, like
  after a kill, with a record that was not acknowledged yet.
* Appended journals are taken up to their present end, replaced files as the old one or the new one.

Nothing follows a link; what is neither file nor folder (a lock's socket) is left out.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from cior_bus import durable_file
from cior_core.backup_manifest import FileOf

_PIECE_BYTES = 1_048_576
_SQLITE = b"SQLite format 3\x00"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_FIRST = "cursor"


NO_FILE = FileOf("", 0)
"""What a link or a device in a backup is told as: nothing of ours has that digest."""


def digest_of(path: Path) -> FileOf:
    """Digest and size of a file as it is; :data:`NO_FILE` for what is none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return NO_FILE
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        told = hashlib.file_digest(file, "sha256").hexdigest()
        return FileOf(told, os.fstat(file.fileno()).st_size)


def all_files(folder: Path) -> Iterator[str]:
    """Every name below a folder that is no folder, relative, links included; in order."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        linked = [name for name in folders if (Path(at) / name).is_symlink()]
        yield from (str((Path(at) / name).relative_to(folder)) for name in sorted([*names, *linked]))


def copy_folder(
    source: Path, target: Path, *, without: Callable[[Path], bool] = lambda _name: False
) -> dict[str, FileOf]:
    """Copy what lies below ``source``; digests by relative path. What vanishes meanwhile (a drained segment) and what
    ``without`` names (by its path relative to ``source``) is left out. The files are on the disk when this returns.
    """
    copied: dict[str, FileOf] = {}
    for at, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not (Path(at) / name).is_symlink())
        here = Path(at).relative_to(source)
        for name in sorted(names, key=lambda each: (each != _FIRST, each)):
            if _is_side_file(Path(at), name) or without(here / name):
                continue
            made = copy_file(Path(at) / name, target / here / name)
            if made is not None:
                copied[(here / name).as_posix()] = made
        if (target / here).is_dir():
            durable_file.sync_folder(target / here)
    return copied


def _is_side_file(folder: Path, name: str) -> bool:
    """Whether SQLite keeps it beside a database: what it holds is in the database's copy."""
    return any(name.endswith(end) and _is_database(folder / name.removesuffix(end)) for end in _SIDE_FILES)


def _is_database(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.pread(handle, len(_SQLITE), 0) == _SQLITE
    except OSError:
        return False
    finally:
        os.close(handle)


def copy_file(source: Path, target: Path) -> FileOf | None:
    """Copy one file as it is now, synced; None when it is no file (any more)."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise
        return None
    try:
        told = os.fstat(handle)
        if not stat.S_ISREG(told.st_mode):
            return None
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.pread(handle, len(_SQLITE), 0) == _SQLITE:
            _copy_database(source, target)
            return digest_of(target)
        return _copy_bytes(handle, target, told.st_size)
    finally:
        os.close(handle)


def copy_proven(source: Path, target: Path) -> FileOf:
    """Copy a file that nobody writes, whatever it is, synced; what was copied. Refuses a link (``OSError``)."""
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _copy_bytes(handle, target, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def _copy_bytes(handle: int, target: Path, size: int) -> FileOf:
    digest, at = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while at < size and (piece := os.pread(handle, min(_PIECE_BYTES, size - at), at)):
            out.write(piece)
            digest.update(piece)
            at += len(piece)
        out.flush()
        os.fsync(out.fileno())
    return FileOf(digest.hexdigest(), at)


def _copy_database(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # One step holds one read lock: in the write-ahead mode of our databases no writer waits for it.
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as there,
        closing(sqlite3.connect(target)) as here,
    ):
        there.backup(here)
        here.execute("pragma journal_mode=delete")
    sync(target)


def sync(path: Path) -> None:
    """On the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
