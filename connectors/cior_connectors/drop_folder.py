"""The drop folder: which files are whole, who they are, and where they go when every record is durable.

Whoever may write into the folder may be hostile. It is opened once; every later act goes through that descriptor, never
follows a link and works on the file that was opened, whatever stands under its name by then. Names are bytes
(``os.fsencode``): one that is no text is a name like another.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import json
import os
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import BinaryIO, Literal, Protocol

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".done", ".ack")
DONE, QUARANTINE = "done", "quarantine"
_EDGE_BYTES = 65_536
_MAX_ACK_BYTES = 4_096
_MAX_NAME_BYTES = 240
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def fingerprint(name: str, stream: BinaryIO) -> str:
    """Who this file is: name, size, change time and both ends of its content. A replaced or grown file is another one.

    Leaves the stream at 0. No digest to publish: key it first.
    """
    facts = os.fstat(stream.fileno())
    digest = sha256(os.fsencode(name) + f"\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode("ascii"))
    stream.seek(0)
    digest.update(stream.read(_EDGE_BYTES))
    stream.seek(max(0, facts.st_size - _EDGE_BYTES))
    digest.update(stream.read(_EDGE_BYTES))
    stream.seek(0)
    return digest.hexdigest()[:32]


class FolderRules(Protocol):
    """What a connector's configuration says of its folder."""

    @property
    def folder(self) -> str:
        """Where."""
        ...

    @property
    def pattern(self) -> str:
        """Which names (shell pattern)."""
        ...

    @property
    def ready(self) -> Literal["rename", "mark", "stable"]:
        """When a file is whole."""
        ...

    @property
    def stable_s(self) -> float:
        """Rest that counts as whole."""
        ...

    @property
    def finish(self) -> Literal["move", "ack_file"]:
        """How it is acknowledged."""
        ...


class Folder:
    """One folder to look at. Remembers sizes between looks, for the rule ``stable``."""

    def __init__(self, config: FolderRules, *, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._now_ms = now_ms
        self._resting: dict[str, tuple[int, int, int]] = {}
        self._descriptor = -1

    def open(self) -> None:
        """Take hold of the folder. Raises ``OSError``."""
        self.close()
        self._descriptor = os.open(self._config.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def ready(self, busy: set[str], *, rested: bool = False) -> list[str]:
        """Names of whole files, oldest change first, without those in ``busy``.

        ``rested``: who looks only once cannot see a file rest, and takes it as it lies.

        Raises ``OSError`` when the folder cannot be read, or is no longer where it was.
        """
        if os.fstat(self._descriptor).st_nlink == 0:
            raise OSError(errno.ENOENT, "the folder was removed")
        found: list[tuple[int, str]] = []
        listing = list(self._regular())
        names = {name for name, _ in listing}
        for name, facts in listing:
            if name in busy or not self._ours(name):
                continue
            if (rested or self._whole(name, facts, names)) and not self._acknowledged(name, facts):
                found.append((facts.st_mtime_ns, name))
        self._resting = {name: seen for name, seen in self._resting.items() if name in names}
        return [name for _, name in sorted(found)]

    def _regular(self) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode):
                        yield entry.name, facts

    def take(self, name: str) -> BinaryIO:
        """The file under ``name``, open: the one to read, judge and finish.

        Raises ``OSError``, for links, queues and devices too; a device is asked for before it is opened, because
        opening one can act on it.
        """
        if not stat.S_ISREG(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        descriptor = os.open(name, _OPEN, dir_fd=self._descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(descriptor, "rb")

    def same(self, name: str, stream: BinaryIO) -> bool:
        """Whether ``name`` still is the file of ``stream``."""
        try:
            there = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(stream.fileno()))

    def finish(
        self, name: str, stream: BinaryIO, *, good: bool, sealed: bool, report: dict[str, int | str]
    ) -> None:
        """Acknowledge towards who put it there: move the file, or write its ``.ack``; one with a sealed call is
        deleted, because its bytes are durable in their box and would lie here in clear. Raises ``OSError``.
        """
        facts = os.fstat(stream.fileno())
        text = (
            json.dumps(report | {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}, sort_keys=True) + "\n"
        )
        if self._config.finish == "ack_file":
            self._write(self._descriptor, name + ".ack", text, mode=0o644)
            if sealed:
                os.unlink(name, dir_fd=self._descriptor)
            return
        target = self._private(DONE if good else QUARANTINE)
        short = str(report.get("fingerprint", ""))[-12:]
        try:
            place = _free(target, f"sealed-{short}" if sealed else name, short)
            self._write(target, place + ".ack", text, mode=0o600)
            if sealed:
                os.unlink(name, dir_fd=self._descriptor)
            else:
                if facts.st_nlink == 1:  # a second name is the desk's own, and so are its rights
                    with contextlib.suppress(
                        PermissionError
                    ):  # another's file: the folder is closed to all but us
                        os.fchmod(stream.fileno(), 0o600)
                os.rename(name, place, src_dir_fd=self._descriptor, dst_dir_fd=target)
        finally:
            os.close(target)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + ".done", dir_fd=self._descriptor)

    def _private(self, name: str) -> int:
        """A descriptor of the folder ``name`` inside, for us alone. Raises ``OSError`` for a link."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self._descriptor)
        descriptor = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor
        )
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o700)
        return descriptor

    def _write(self, folder: int, name: str, text: str, *, mode: int) -> None:
        """Whole or not at all; what stands under the working name, a link too, is put away first."""
        fresh = name + ".tmp"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        descriptor = os.open(fresh, _MAKE, mode, dir_fd=folder)
        try:
            os.write(descriptor, text.encode("utf-8"))
        finally:
            os.close(descriptor)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _ours(self, name: str) -> bool:
        return (
            not name.startswith((".", "~"))
            and not name.lower().endswith(UNFINISHED)
            and fnmatch.fnmatch(name, self._config.pattern)
        )

    def _whole(self, name: str, facts: os.stat_result, names: set[str]) -> bool:
        match self._config.ready:
            case "rename":
                return True
            case "mark":
                return f"{name}.done" in names
            case "stable":
                return self._rested(name, facts)

    def _rested(self, name: str, facts: os.stat_result) -> bool:
        now_ms, seen = self._now_ms(), self._resting.get(name)
        if seen is None or seen[:2] != (facts.st_size, facts.st_mtime_ns):
            self._resting[name] = (facts.st_size, facts.st_mtime_ns, now_ms)
            return False
        return now_ms - seen[2] >= self._config.stable_s * 1000

    def _acknowledged(self, name: str, facts: os.stat_result) -> bool:
        if self._config.finish != "ack_file":
            return False
        try:
            with self.take(name + ".ack") as stream:
                report = json.loads(stream.read(_MAX_ACK_BYTES))
        except (OSError, ValueError):
            return False
        told = (report.get("size"), report.get("mtime_ns")) if isinstance(report, dict) else ()
        return told == (facts.st_size, facts.st_mtime_ns)


def _free(folder: int, name: str, short: str) -> str:
    """``name``, or one with ``short`` in it when that is taken in ``folder`` or leaves no room for ``.ack``."""
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        return f"long-{short}"
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{short}.{suffix}" if dot else f"{name}.{short}"
