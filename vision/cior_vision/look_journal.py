"""Looks that go on, on disk, so that the next start of a killed worker can end them: an alert is not left waiting.

A file for each look holds the answer that was told last, until the last one of all is durable. Not fsynced: a killed
process loses nothing, a power cut at most what the kernel had not written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from cior_core.watching import BurstAnswer
from cior_vision.bursts import Told

LOG = structlog.get_logger("cior.vision.looks")
_SUFFIX = ".look"
_NOTHING_TOLD = -1
"""Sequence of what is known of a look before its first answer."""


def begun(command: str) -> BurstAnswer:
    """What is known of a look that has just begun."""
    return BurstAnswer(command=command, sequence=_NOTHING_TOLD)


class LookJournal:
    """``folder`` None keeps nothing (a replay, a test)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, told: Told) -> None:
        """The newest word of a look, in the place of the one before. A disk that refuses is logged, no more."""
        if self._folder is None:
            return
        path = self._path(told.answer.command)
        try:
            path.with_suffix(".new").write_bytes(msgspec.json.encode(told))
            path.with_suffix(".new").replace(path)
        except OSError as error:
            LOG.warning("look_not_written", errno=error.errno)

    def forget(self, command: str) -> None:
        """Its last answer is durable."""
        if self._folder is not None:
            self._path(command).unlink(missing_ok=True)

    def left_over(self) -> Iterator[Told]:
        """The last answers of looks that a killed worker left: what was seen until then, ended as interrupted, or the
        last answer itself, where it was not durable yet.
        """
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder is not None else ():
            try:
                told = msgspec.json.decode(path.read_bytes(), type=Told)
            except msgspec.DecodeError:  # a power cut
                path.unlink()
                continue
            yield told if told.answer.is_last else msgspec.structs.replace(told, answer=_ended(told.answer))

    def _path(self, command: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{command.encode().hex()}{_SUFFIX}"


def _ended(answer: BurstAnswer) -> BurstAnswer:
    return msgspec.structs.replace(
        answer, sequence=answer.sequence + 1, is_last=True, why="interrupted", now={}
    )
