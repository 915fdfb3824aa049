"""The settings file on disk: read, and replaced as a whole with a copy of the former beside it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cior_core.errors import ConfigInvalid


def digest_of(text: str) -> str:
    """What names a state of the file."""
    return sha256(text.encode("utf-8")).hexdigest()


def replaced(path: Path, text: str, *, before: str, now_ms: int) -> Path:
    """Write ``text`` to ``path`` if it is still what ``before`` names; gives the copy of the former.

    Whoever reads sees the old file or the new one, whole, also after a power cut. Raises ``ConfigInvalid``
    (``vision.file_changed``, ``vision.not_written``).
    """
    whole = path.resolve()
    try:
        former = whole.read_bytes()
        if sha256(former).hexdigest() != before:
            raise ConfigInvalid(
                "vision.file_changed",
                f"'{path.name}' was changed by somebody else since this page read it",
                cure="reload the page and draw again; nothing was written",
            )
        kept = _copy(whole, former, now_ms)
        _swap(whole, text.encode("utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            "vision.not_written",
            f"'{path.name}' could not be written ({type(error).__name__})",
            cure="see who owns the file and its folder, and the room on its disk",
        ) from error
    return kept


def _copy(path: Path, former: bytes, now_ms: int) -> Path:
    stamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 0
    while True:
        kept = path.with_name(f"{path.name}.{stamp}{f'-{number}' if number else ''}.bak")
        try:
            _written(kept, former, path.stat().st_mode)
        except FileExistsError:
            number += 1
        else:
            return kept


def _swap(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _written(part, data, path.stat().st_mode)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _written(path: Path, data: bytes, mode: int) -> None:
    """A new file with these bytes, on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
