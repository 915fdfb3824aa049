"""The package as a folder: what lies in it, read without following a link and without leaving it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Callable, Iterator

from cior_evidence.verifier.findings import Report

MOST_ENTRIES = 200_000
MOST_FOLDERS_DEEP = 16
SLICE = 1 << 20
TOP_FILES = ("LEEME.txt", "verificar.html", "verify.py")
SEAL_FILES = (
    "tagmanifest.p7s",
    "tagmanifest.p7s.tsr",
    "cadena.pem",
    "checkpoint.txt",
    "inclusion.json",
    "acta.pdf",
)
SEAL_MAY = ("acta-firmada.pdf",)
RENEWALS = "sello/renovaciones/"
SEAL_FOLDERS = re.compile(
    r"crl/[^/]+|renovaciones/[0-9]{4}(-[0-9]{2})?/(lista\.txt|lista\.txt\.tsr|cadena\.pem|[0-9]{4}\.crl)"
)


Read = Callable[[int, int], bytes]
"""Takes an offset and a number of bytes; fewer come back only at the end."""


class TooLarge(Exception):
    """A file that is larger than what its place may hold."""


class Files:
    """A package's files by their path from its top, with ``/``; sizes in bytes. Where they lie is a subclass's."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._digests: dict[str, tuple[str, str]] = {}

    def place(self, path: str) -> tuple[int, int]:
        """An open descriptor, which is the caller's to close, and where in it the file begins."""
        raise NotImplementedError

    def slices(self, path: str) -> Iterator[bytes]:
        """The file, a slice at a time, exactly as long as it was found."""
        descriptor, start = self.place(path)
        try:
            read, size, at = reader_of(descriptor, start), self.sizes[path], 0
            while at < size:
                part = read(at, min(SLICE, size - at))
                if not part:
                    raise OSError("shorter than it was")
                yield part
                at += len(part)
        finally:
            os.close(descriptor)

    def read(self, path: str, most: int) -> bytes:
        """A whole small file. ``TooLarge`` above ``most`` bytes."""
        if path not in self.sizes:
            raise FileNotFoundError(path)
        if self.sizes[path] > most:
            raise TooLarge(path)
        return b"".join(self.slices(path))

    def digests(self, path: str) -> tuple[str, str]:
        """Hex SHA-256 and SHA-512, computed once."""
        if path not in self._digests:
            short, long = hashlib.sha256(), hashlib.sha512()
            for part in self.slices(path):
                short.update(part)
                long.update(part)
            self._digests[path] = short.hexdigest(), long.hexdigest()
        return self._digests[path]


def reader_of(descriptor: int, start: int) -> Read:
    """Reads of an open file, counted from ``start``."""

    def read(offset: int, size: int) -> bytes:
        os.lseek(descriptor, start + offset, os.SEEK_SET)
        parts, missing = [], size
        while missing > 0:
            part = os.read(descriptor, min(missing, SLICE))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    return read


class Folder(Files):
    """A package unpacked: walked once, following no link."""

    def __init__(self, top: str, report: Report) -> None:
        super().__init__()
        self.top, self._report = top, report
        self._entries = 0
        self._walk("", 0)

    def _walk(self, below: str, depth: int) -> None:
        if depth > MOST_FOLDERS_DEEP:
            self._report.say("path.deep", below)
            return
        try:
            entries = sorted(os.scandir(self._real(below)), key=lambda entry: os.fsencode(entry.name))
        except OSError as why:
            self._report.say("file.unreadable", below, type(why).__name__)
            return
        if not entries and below:
            self._report.say("dir.empty", below)
        for entry in entries:
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                self._report.say("path.many", below, str(MOST_ENTRIES))
                return
            self._take(entry, below + entry.name, depth)

    def _take(self, entry: os.DirEntry[str], path: str, depth: int) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError as why:
            self._report.say("file.unreadable", path, type(why).__name__)
            return
        # On Windows a junction is a reparse point and no symbolic link.
        if stat.S_ISLNK(found.st_mode) or getattr(found, "st_file_attributes", 0) & 0x400:
            self._report.say("path.symlink", path)
        elif stat.S_ISDIR(found.st_mode):
            self._walk(path + "/", depth + 1)
        elif stat.S_ISREG(found.st_mode):
            self._take_file(path, found)
        else:
            self._report.say("path.special", path)

    def _take_file(self, path: str, found: os.stat_result) -> None:
        if found.st_nlink > 1:
            self._report.say("path.hardlink", path, str(found.st_nlink))
        if self._has_stream(path):
            self._report.say("path.stream", path)
        self.sizes[path] = found.st_size

    def _has_stream(self, path: str) -> bool:
        """Whether extended attributes of a user hang on it: NTFS streams, as Linux shows them."""
        if not hasattr(os, "listxattr"):
            return False
        try:
            return any(
                name.startswith("user.") for name in os.listxattr(self._real(path), follow_symlinks=False)
            )
        except OSError:
            return False

    def _real(self, path: str) -> str:
        return os.path.join(self.top, *path.split("/")) if path else self.top

    def place(self, path: str) -> tuple[int, int]:
        """Never of a link, never waiting for a pipe."""
        flags = (
            os.O_RDONLY
            | getattr(os, "O_NOFOLLOW", 0)
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_BINARY", 0)
        )
        return os.open(self._real(path), flags), 0


def check_places(folder: Files, report: Report) -> None:
    """What may lie beside the bag, and in ``sello/``."""
    for path in folder.sizes:
        if path.startswith("bag/") or path in TOP_FILES:
            continue
        inside = path[len("sello/") :] if path.startswith("sello/") else ""
        if inside not in SEAL_FILES + SEAL_MAY and SEAL_FOLDERS.fullmatch(inside) is None:
            report.say("pkg.extra", path)
