"""Files of lines that are only added to: on the disk before anybody relies on a line, never half of one."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from cior_bus.durable_file import sync_folder

LOG = structlog.get_logger("cior.recorder.ledger")
TAIL_BYTES = 1_048_576


def append(path: Path, lines: bytes) -> None:
    """Durable on return. Raises ``OSError``: then nothing was added."""
    is_new = not path.exists()
    with path.open("ab", buffering=0) as file:
        start = file.tell()
        try:
            _write_all(file.fileno(), lines)
            os.fdatasync(file.fileno())
        except OSError:
            file.truncate(start)  # a full disk: no half line
            raise
    if is_new:
        sync_folder(path.parent)


def tail(path: Path) -> bytes:
    """The last whole lines or so, and what stands after them; nothing of a file that is not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - TAIL_BYTES))
            found = file.read()
    except FileNotFoundError:
        return b""
    return found if start == 0 else found.partition(b"\n")[2]


def cut_torn(path: Path) -> None:
    """Half a line is nothing that anybody was told of."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        torn = len(file.read().rpartition(b"\n")[2])
        if torn:
            LOG.warning("index_mended", file=path.name, folder=path.parent.name, torn_bytes=torn)
            file.truncate(size - torn)
            os.fdatasync(file.fileno())


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
