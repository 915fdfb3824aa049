"""A package in a ZIP: checked before anything is read, and read where it lies. Nothing is unpacked.

*Stored* only, one member behind another from the first byte on, each named once and the same in both places, no
comment, nothing in between. Such a file means one thing to every program (APPNOTE 6.3.10 §4.3).
"""

from __future__ import annotations

import os
import re
import stat
import struct
from typing import NamedTuple

from cior_evidence.verifier.bag import is_sound_path
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import MOST_ENTRIES, TOP_FILES, Files, Read, reader_of

_END, _END64, _LOCATOR, _CENTRAL, _LOCAL = (
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"PK\x01\x02",
    b"PK\x03\x04",
)
MOST_DIRECTORY_BYTES = 128 * 1024 * 1024
_UTF8_NAME = 0x800
NEWEST_ZIP = 45
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


class BadZip(Exception):
    """Why a ZIP is not one of ours: a code and a detail."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Member(NamedTuple):
    """One row of the central directory."""

    name: str
    flags: int
    method: int
    sizes: tuple[int, int]
    offset: int
    mode: int
    end: int


class StoredZip(Files):
    """The package in a ZIP; an unsound one has no files, and why is said. ``top``: the folder that all of it is in."""

    def __init__(self, path: str, report: Report) -> None:
        super().__init__()
        self._path = path
        self.top = ""
        self._starts: dict[str, int] = {}
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            self._take(reader_of(descriptor, 0), size)
        except BadZip as why:
            self.sizes.clear()
            report.say(why.code, os.path.basename(path), why.detail)
        finally:
            os.close(descriptor)

    def place(self, path: str) -> tuple[int, int]:
        """The ZIP itself, where this member's bytes begin."""
        return os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), self._starts[path]

    def _take(self, read: Read, size: int) -> None:
        start, length, count = _directory(read, size)
        directory = read(start, length)
        members = _members(directory, count)
        _check_member_names(members)
        self.top = members[0].name.partition("/")[0]
        expected = 0
        for member in sorted(members, key=lambda each: each.offset):
            if member.offset != expected:
                raise BadZip("zip.prefix" if not expected else "zip.hidden", member.name)
            begins = _local(read, member)
            expected = begins + member.sizes[1]
            if expected > start:
                raise BadZip("zip.malformed", member.name)
            inside = member.name.partition("/")[2]
            self.sizes[inside], self._starts[inside] = member.sizes[1], begins
        if expected != start:
            raise BadZip("zip.hidden", str(expected))


def _directory(read: Read, size: int) -> tuple[int, int, int]:
    """(start, bytes, members) of the central directory, which must end where the end record begins."""
    tail = read(max(0, size - 22), 22)
    if len(tail) != 22 or tail[:4] != _END:
        head = read(max(0, size - 65_557), 65_557)
        raise BadZip("zip.comment" if _END in head else "zip.malformed")
    disk, disk_of, here, count, length, start, comment = struct.unpack("<4H2IH", tail[4:])
    end = size - 22
    if comment or disk or disk_of or here != count:
        raise BadZip("zip.comment" if comment else "zip.malformed")
    if count == 0xFFFF or 0xFFFFFFFF in (length, start):
        start, length, count, end = _directory64(read, end)
    if length > MOST_DIRECTORY_BYTES or count > MOST_ENTRIES:
        raise BadZip("zip.bomb", str(count))
    if start + length != end:
        raise BadZip("zip.prefix" if start + length < end else "zip.malformed", str(start))
    return start, length, count


def _directory64(read: Read, end: int) -> tuple[int, int, int, int]:
    locator = read(max(0, end - 20), 20)
    if len(locator) != 20 or locator[:4] != _LOCATOR:
        raise BadZip("zip.malformed", "ZIP64")
    at = struct.unpack("<IQI", locator[4:])[1]
    record = read(at, 56) if at < end else b""
    if len(record) != 56 or record[:4] != _END64 or at + 56 + 20 != end:
        raise BadZip("zip.malformed", "ZIP64")
    count, length, start = struct.unpack("<3Q", record[32:56])
    return start, length, count, at


def _members(directory: bytes, count: int) -> list[Member]:
    found, at = [], 0
    while at < len(directory):
        member = _member(directory, at)
        found.append(member)
        at = member.end
        if len(found) > count:
            break
    if len(found) != count:
        raise BadZip("zip.malformed", str(count))
    return found


def _member(directory: bytes, at: int) -> Member:
    row = directory[at : at + 46]
    if len(row) != 46 or row[:4] != _CENTRAL:
        raise BadZip("zip.malformed", f"@{at}")
    _, needed, flags, method = struct.unpack("<4H", row[4:12])
    packed, whole, name_size, extra_size, comment_size = struct.unpack("<2I3H", row[20:34])
    outside, offset = struct.unpack("<2I", row[38:46])
    end = at + 46 + name_size + extra_size + comment_size
    raw = directory[at + 46 : at + 46 + name_size]
    if end > len(directory) or comment_size or needed > NEWEST_ZIP:
        raise BadZip("zip.comment" if comment_size else "zip.malformed", f"@{at}")
    extra = directory[at + 46 + name_size : at + 46 + name_size + extra_size]
    whole, packed, offset = _wide(extra, [whole, packed, offset])
    name = raw.decode("utf-8", "replace")
    return Member(name, flags, method, (packed, whole), offset, outside >> 16, end)


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """ZIP64's own numbers in place of those that are all ones."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack("<2H", extra[at : at + 4])
        if kind == 1:
            body = extra[at + 4 : at + 4 + size]
            for place, value in enumerate(values):
                if value == 0xFFFFFFFF and len(body) >= 8:
                    values[place], body = int.from_bytes(body[:8], "little"), body[8:]
        at += 4 + size
    return values


def _check_member_names(members: list[Member]) -> None:
    folders, seen = set(), set()
    for member in members:
        top, slash, inside = member.name.partition("/")
        if stat.S_ISLNK(member.mode):
            raise BadZip("zip.symlink", member.name)
        is_sound = inside in TOP_FILES or is_sound_path(inside)
        if not slash or _FOLDER_NAME.match(top) is None or not is_sound:
            raise BadZip("zip.unsafe", member.name)
        if member.name.casefold() in seen:
            raise BadZip("zip.twice", member.name)
        if member.method or member.sizes[0] != member.sizes[1]:
            raise BadZip("zip.bomb", "{}: {} / {}".format(member.name, *member.sizes))
        if member.flags & ~_UTF8_NAME:
            raise BadZip("zip.malformed", f"{member.name}: {member.flags:#x}")
        folders.add(top)
        seen.add(member.name.casefold())
    if len(folders) != 1:
        raise BadZip("zip.unsafe", f"{len(folders)} folders")


def _local(read: Read, member: Member) -> int:
    """Where the member's bytes begin; its own header must say what the directory says."""
    head = read(member.offset, 30)
    if len(head) != 30 or head[:4] != _LOCAL:
        raise BadZip("zip.malformed", member.name)
    _, flags, method, _, _, _, packed, whole, name_size, extra_size = struct.unpack("<5H3I2H", head[4:])
    rest = read(member.offset + 30, name_size + extra_size)
    whole, packed = _wide(rest[name_size:], [whole, packed])
    same = rest[:name_size].decode("utf-8", "replace") == member.name
    if not same or (flags, method) != (member.flags, member.method) or (packed, whole) != member.sizes:
        raise BadZip("zip.twice" if not same else "zip.bomb", member.name)
    return member.offset + 30 + len(rest)
