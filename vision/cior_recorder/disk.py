"""Room on the ring's disk, and what it means. Pure but for :func:`room_of`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from cior_core.model import Struct


class Room(Struct, frozen=True, kw_only=True):
    """Of a file system, bytes."""

    free_bytes: int
    whole_bytes: int


class DiskState(StrEnum):
    """``NARROW``: soon nothing that may be removed is left, somebody must act now. ``BLOCKED``: what is held cannot be
    asked, so nothing is removed. ``FULL``: nothing is recorded.
    """

    WIDE = "wide"
    NARROW = "narrow"
    BLOCKED = "blocked"
    FULL = "full"


def room_of(ring: Path) -> Room:
    """What the ring's file system has for us. Raises ``OSError``."""
    found = os.statvfs(ring)
    return Room(free_bytes=found.f_bavail * found.f_frsize, whole_bytes=found.f_blocks * found.f_frsize)


class Limits(Struct, frozen=True, kw_only=True):
    """``stop_bytes``: below it nothing is recorded. ``held_share`` (of the disk): what holds may keep before somebody
    is told, long before it is short.
    """

    stop_bytes: int
    held_share: float


def judged(room: Room, limits: Limits, *, held_bytes: int, is_short: bool, is_blocked: bool) -> DiskState:
    """``is_short``: the reserve is not met and nothing may be removed for it. ``is_blocked``: nobody knows what is
    held.
    """
    if room.free_bytes < limits.stop_bytes:
        return DiskState.FULL
    if is_blocked:
        return DiskState.BLOCKED
    is_narrow = is_short or held_bytes > limits.held_share * room.whole_bytes
    return DiskState.NARROW if is_narrow else DiskState.WIDE
