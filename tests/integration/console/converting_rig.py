"""Processes that convert as a console starts them, remembered, so that a test knows which run and may end them."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

from cior_core.footage import Segment
from cior_video.converter import Converter
from integration.recorder.footage_read import segments


class Started:
    """``await started()`` is one more real one; ``pids`` of all, in order. ``has_room``: whether the machine can start
    one.
    """

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.has_room = True

    async def __call__(self) -> Converter:
        if not self.has_room:
            raise OSError(errno.EAGAIN, "no more processes")
        made = await Converter.start()
        self.pids.append(made.pid)
        return made

    @property
    def running(self) -> list[int]:
        """Those that have not ended."""
        return [pid for pid in self.pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether a process still does something; one that ended and was not asked for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def gone(pids: list[int], *, within_s: float = 20.0) -> None:
    """Wait until none of them runs."""
    ends_s = time.monotonic() + within_s
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < ends_s, f"{left} of {os.getpid()} still run"
        await asyncio.sleep(0.05)


def file_of(ring: Path, number: int) -> tuple[Segment, Path]:
    """A segment's record and file."""
    found = next(each for each in segments(ring) if each.number == number)
    return found, ring / found.path


def scramble(path: Path, *, keep: int = 0) -> None:
    """Turn the bytes of all pictures but the first ``keep``; the boxes around them stay whole."""
    data, at, seen = bytearray(path.read_bytes()), 0, 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"mdat":
            seen += 1
            if seen > keep:
                data[at + 8 : at + size] = bytes((each * 7 + 13) & 0xFF for each in data[at + 8 : at + size])
        at += size
    path.write_bytes(data)
