"""What became of each command, on disk before anything is done: a process killed anywhere never acts twice on one.

Append-only JSON lines, fsynced one by one. A command goes taken → began → ended → told; ``not_done`` after ``began``
says that the device was away and nothing was done, so it may begin again. Thread-safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from cior_bus import durable_file
from cior_core.errors import SourceUnavailable
from cior_core.model import Command, Receipt, Struct

_LOG = structlog.get_logger(__name__)
REMEMBER_S: Final = 172_800
"""How long a finished command is known after it expired: as long as its topic keeps it, so none comes back new."""

_COMPACT_ABOVE_LINES: Final = 10_000


class _Taken(Struct, frozen=True, tag="taken"):
    command: Command


class _Began(Struct, frozen=True, tag="began"):
    command_id: str


class _NotDone(Struct, frozen=True, tag="not_done"):
    command_id: str


class _Ended(Struct, frozen=True, tag="ended"):
    receipt: Receipt


class _Told(Struct, frozen=True, tag="told"):
    command_id: str


_Line = _Taken | _Began | _NotDone | _Ended | _Told
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class Journaled(Struct, frozen=True):
    """What is known of one command. ``began`` without ``receipt``: nobody can say whether the device did it."""

    command: Command
    began: bool = False
    receipt: Receipt | None = None
    told: bool = False


class CommandJournal:
    """``path`` is a file that no other process writes. Raises ``OSError`` when it cannot be read or written anew."""

    def __init__(self, path: Path, *, now_ms: Callable[[], int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._now_ms = path, now_ms
        self._known: dict[str, Journaled] = {}
        self._lines = 0
        self._lock = threading.Lock()
        for line in _read(path):
            self._apply(line)
        self._file = self._compacted()

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._known

    def __getitem__(self, command_id: str) -> Journaled:
        return self._known[command_id]

    @property
    def unfinished(self) -> tuple[Command, ...]:
        """The commands whose receipt is not out yet, in the order in which they were taken."""
        return tuple(known.command for known in self._known.values() if not known.told)

    def take(self, commands: Iterable[Command]) -> tuple[Command, ...]:
        """Those that were not known yet; they are durable on return."""
        with self._lock:
            fresh = {command.id: command for command in commands if command.id not in self._known}
            if self._lines > _COMPACT_ABOVE_LINES + 8 * len(self._known):
                self._shrink()
            self._append(*(_Taken(command=command) for command in fresh.values()))
        return tuple(fresh.values())

    def begin(self, command_id: str) -> None:
        """Written before the device is asked."""
        with self._lock:
            self._append(_Began(command_id=command_id))

    def not_done(self, command_id: str) -> None:
        """The device was away: nothing was done."""
        with self._lock:
            self._append(_NotDone(command_id=command_id))

    def end(self, receipt: Receipt) -> None:
        """Written before the receipt goes out, so that a repeat is the same receipt to the byte."""
        with self._lock:
            self._append(_Ended(receipt=receipt))

    def told(self, command_id: str) -> None:
        """The receipt is durable elsewhere. Lost in a crash, it only goes out once more."""
        with self._lock:
            self._append(_Told(command_id=command_id))

    def close(self) -> None:
        """Free the file; what was appended is on disk already, and nothing is appended any more."""
        with self._lock:
            os.close(self._file)
            self._file = -1

    def _append(self, *lines: _Line) -> None:
        """Durable on return. Raises ``SourceUnavailable`` (``obeying.journal_unwritable``): nothing of it counts."""
        if not lines:
            return
        data = b"".join(_encode(line) + b"\n" for line in lines)
        size = os.fstat(self._file).st_size
        try:
            _write(self._file, data)
        except OSError as error:
            os.ftruncate(self._file, size)  # half a line would spoil the next one
            raise SourceUnavailable(
                "obeying.journal_unwritable",
                f"the journal of commands cannot be written ({error.strerror})",
                cure="free the disk: until then no command is carried out",
            ) from error
        for line in lines:
            self._apply(line)

    def _apply(self, line: _Line) -> None:
        self._lines += 1
        match line:
            case _Taken(command=command):
                self._known[command.id] = Journaled(command=command)
            case _Began(command_id=name) if name in self._known:
                self._change(name, began=True)
            case _NotDone(command_id=name) if name in self._known:
                self._change(name, began=False)
            case _Ended(receipt=receipt) if receipt.command_id in self._known:
                self._change(receipt.command_id, receipt=receipt)
            case _Told(command_id=name) if name in self._known:
                self._change(name, told=True)
            case _:  # of a command that is forgotten
                pass

    def _change(self, command_id: str, **changes: object) -> None:
        self._known[command_id] = msgspec.structs.replace(self._known[command_id], **changes)

    def _shrink(self) -> None:
        try:
            fresh = self._compacted()
        except OSError as error:  # the long file still holds everything
            _LOG.warning("journal_not_compacted", lines=self._lines, reason=error.strerror)
            return
        os.close(self._file)
        self._file = fresh

    def _compacted(self) -> int:
        """The file with what is still worth knowing, and nothing torn; opened for appending."""
        limit_ms = self._now_ms() - REMEMBER_S * 1000
        self._known = {
            name: known
            for name, known in self._known.items()
            if not known.told or known.command.expires_ms > limit_ms
        }
        lines = [line for known in self._known.values() for line in _lines_of(known)]
        durable_file.replace(self._path, b"".join(_encode(line) + b"\n" for line in lines))
        durable_file.sync_folder(self._path.parent)
        self._lines = len(lines)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND)


def _read(path: Path) -> Iterable[_Line]:
    """The lines that can be read. A torn last one was never relied on: nothing was done before it was whole."""
    if not path.exists():
        return
    for number, text in enumerate(path.read_bytes().split(b"\n")):
        if not text:
            continue
        try:
            yield _decode(text)
        except msgspec.MsgspecError:
            _LOG.warning("journal_line_unreadable", line=number, size_bytes=len(text))


def _lines_of(known: Journaled) -> Iterable[_Line]:
    name = known.command.id
    yield _Taken(command=known.command)
    if known.began:
        yield _Began(command_id=name)
    if known.receipt is not None:
        yield _Ended(receipt=known.receipt)
    if known.told:
        yield _Told(command_id=name)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
