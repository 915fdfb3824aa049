"""A camera's newest pictures, followed in the ring while somebody watches: read once from the file that the recorder is
writing, cut into pieces, kept in memory for as many as watch.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from cior_console.ring_files import PART, newest
from cior_core import footage, hls
from cior_core.errors import PayloadRejected
from cior_core.footage import Gap, GapCause, Record, Segment
from cior_core.fragments import Fragment, Head, fragments_of, head_of, retimed
from cior_core.hls import Piece
from cior_core.model import Struct

log = structlog.get_logger("cior.console.footage")
SILENT_S: Final = 4.0
"""So long without a new picture, and what is on the screen is not of now."""
KEPT: Final = 16
"""Pieces that stay: a page that was slow goes on where it was."""
KEPT_WHOLE: Final = 8
"""Segments that stay, of those that are over."""
_RECENT_MS: Final = 10_000
_LIST_EVERY_S: Final = 1.0
_A_TURN: Final = 4


class LiveState(StrEnum):
    """``WAITING``: somebody has just begun to watch. ``SILENT``: no new picture for :data:`SILENT_S`."""

    WAITING = "waiting"
    LIVE = "live"
    SILENT = "silent"


class Shown(Struct, frozen=True, kw_only=True):
    """What a playlist says now; see :func:`cior_core.hls.live`."""

    pieces: tuple[Piece, ...] = ()
    first: int = 0
    breaks: int = 0


class _Open:
    """A file that is read as it grows."""

    def __init__(self, number: int, path: Path, file: BinaryIO) -> None:
        self.number, self.path, self._file = number, path, file
        self.data, self.read_to, self.parts, self.length = b"", 0, 0, 0
        self.head: Head | None = None
        self.waiting: list[Fragment] = []

    @property
    def is_written(self) -> bool:
        """Whether the recorder still writes it: then it has its other name."""
        return self.path.with_name(self.path.name + PART).exists()

    def grow(self) -> bool:
        """Take what has come; whether it was anything. Raises ``OSError``, ``PayloadRejected``."""
        more = self._file.read()
        if not more:
            return False
        self.data += more
        if self.head is None:
            self.head = head_of(self.data)
            self.read_to = self.head.size if self.head is not None else 0
        if self.head is not None:
            found = fragments_of(self.data, self.read_to)
            self.read_to = found[-1].end if found else self.read_to
            self.waiting += found
        return True

    def close(self) -> None:
        """Read no more."""
        self._file.close()


class LiveCamera:
    """One camera. :meth:`advance` blocks and runs in one thread at a time; everything else may be asked meanwhile."""

    def __init__(
        self, ring: Path, camera: str, *, now_ms: Callable[[], int], monotonic_s: Callable[[], float]
    ) -> None:
        self._ring, self._camera, self._now_ms, self._monotonic_s = ring, camera, now_ms, monotonic_s
        self._open: _Open | None = None
        self._number = 0
        self._grew_s = monotonic_s()
        self._listed_s = self._asked_s = float("-inf")
        self._has_grown = False
        self._kept: deque[Piece] = deque()
        self._closed: deque[tuple[Piece, Path]] = deque()
        self._bytes: dict[str, bytes] = {}
        self._inits: dict[str, bytes] = {}
        self.shown = self.whole = Shown()
        self.codec = ""
        self.last_ms: int | None = None
        self.cause: GapCause | None = None

    @property
    def state(self) -> LiveState:
        """Whether what is shown is of now."""
        if self._monotonic_s() - self._grew_s >= SILENT_S:
            return LiveState.SILENT
        return LiveState.LIVE if self._has_grown else LiveState.WAITING

    def piece(self, name: str) -> bytes | None:
        """A piece or header by its name beside the playlist; None when it is over."""
        return self._bytes.get(name) or self._inits.get(name)

    def path(self, number: int) -> Path | None:
        """The file of a segment in ``whole``: the playlist of those that are over; None when it is no more there."""
        return next((path for piece, path in tuple(self._closed) if piece.number == number), None)

    def advance(self) -> None:
        """Take what came since the last time."""
        try:
            for _ in range(_A_TURN):
                if self._open is None:
                    self._open = self._next()
                if self._open is None or not self._follow(self._open):
                    break
        except (OSError, PayloadRejected) as error:
            log.warning("footage_unreadable", camera=self._camera, error=type(error).__name__)
            self.close()
        if self.state is LiveState.SILENT:
            self._say_why()

    def close(self) -> None:
        """Nobody watches any more."""
        if self._open is not None:
            self._open.close()
            self._open = None

    # --- files --------------------------------------------------------------------------------------------------

    def _follow(self, current: _Open) -> bool:
        """Whether the file is over: then the next one is to be looked for."""
        is_over = not current.is_written  # asked first: what is written before it gets its name is read below
        if current.grow():
            self._grew_s, self._has_grown, self.cause = self._monotonic_s(), True, None
        self._cut(current, is_over=is_over)
        if is_over:
            current.close()
            self._open = None
            self._end(current)
        return is_over

    def _next(self) -> _Open | None:
        known = newest(self._ring, self._camera, self._now_ms())
        closed = [each for each in known if isinstance(each, Segment) and each.number > self._number]
        if self._number == 0:  # the newest one that is over, so that a player has something to begin with
            closed = [each for each in closed[-1:] if self._now_ms() - each.end_ms < _RECENT_MS]
            self.last_ms = max((each.end_ms for each in known if isinstance(each, Segment)), default=None)
        if closed:
            return self._opened(closed[0].number, closed[0].path)
        after = next((each for each in reversed(known) if isinstance(each, Segment)), None)
        if after is not None and after.number == self._number:
            path = footage.segment_path(self._camera, after.number + 1, after.end_ms)
            if (self._ring / (path + PART)).exists():
                return self._opened(after.number + 1, path)
        return self._listed()

    def _listed(self) -> _Open | None:
        """The file that is being written, found by looking at the names of a day, which are many: not often."""
        now_s = self._monotonic_s()
        if now_s - self._listed_s < _LIST_EVERY_S:
            return None
        self._listed_s, now_ms = now_s, self._now_ms()
        for day in dict.fromkeys((footage.day_of(now_ms), footage.day_of(now_ms - footage.LONGEST_MS))):
            folder = self._ring / self._camera / day
            with suppress(FileNotFoundError):
                names = [each for each in os.listdir(folder) if each.endswith(PART)]  # noqa: PTH208  (names alone)
                for name in sorted(names, reverse=True):
                    number = _number_of(name)
                    age_ms = now_ms - (folder / name).stat().st_mtime_ns // 1_000_000
                    if number > self._number and age_ms < _RECENT_MS:
                        return self._opened(number, f"{self._camera}/{day}/{name.removesuffix(PART)}")
        return None

    def _opened(self, number: int, path: str) -> _Open | None:
        whole = self._ring / path
        self._number = max(self._number, number)
        for each in (whole.with_name(whole.name + PART), whole):
            with suppress(FileNotFoundError):
                return _Open(number, whole, each.open("rb"))
        return None

    # --- pieces -------------------------------------------------------------------------------------------------

    def _cut(self, current: _Open, *, is_over: bool) -> None:
        head, waiting = current.head, current.waiting
        while head is not None and waiting:
            count, length = 0, 0
            while count < len(waiting) and length < hls.PIECE_S * head.scale:
                length, count = length + waiting[count].length, count + 1
            if length < hls.PIECE_S * head.scale and not is_over:
                return
            self._add(current, head, waiting[:count], length / head.scale)
            del waiting[:count]

    def _add(self, current: _Open, head: Head, pictures: list[Fragment], length_s: float) -> None:
        start_ms = head.note.start_ms + round(pictures[0].at / head.scale * 1000)
        made = Piece(
            number=current.number,
            part=current.parts,
            start_ms=start_ms,
            length_s=length_s,
            line=head.line,
            init=head.digest,
        )
        current.parts, current.length = (
            current.parts + 1,
            current.length + sum(each.length for each in pictures),
        )
        self.codec, self.last_ms = head.codec, made.end_ms
        self._inits[f"init-{head.digest}.mp4"] = head.init
        self._bytes[made.name] = retimed(current.data, pictures, head.shift)
        self._kept.append(made)
        first, breaks = self.shown.first, self.shown.breaks
        while len(self._kept) > KEPT:
            gone = self._kept.popleft()
            del self._bytes[gone.name]
            first, breaks = first + 1, breaks + (gone.line != self._kept[0].line)
        self.shown = Shown(pieces=tuple(self._kept), first=first, breaks=breaks)

    def _end(self, current: _Open) -> None:
        """A segment is over. Its header has its own name: a conversion's is not known before it is made."""
        head = current.head
        if head is None or not current.length:
            return
        number, length_s = current.number, current.length / head.scale
        made = Piece(
            number=number, start_ms=head.note.start_ms, length_s=length_s, line=head.line, init=str(number)
        )
        self._closed.append((made, current.path))
        first, breaks = self.whole.first, self.whole.breaks
        while len(self._closed) > KEPT_WHOLE:
            gone, _ = self._closed.popleft()
            first, breaks = first + 1, breaks + (gone.line != self._closed[0][0].line)
        self.whole = Shown(pieces=tuple(piece for piece, _ in self._closed), first=first, breaks=breaks)

    def _say_why(self) -> None:
        """The newest word of the recorder, when it is of after the last picture."""
        now_s = self._monotonic_s()
        if now_s - self._asked_s < _LIST_EVERY_S:
            return
        self._asked_s = now_s
        last: Record | None = next(reversed(newest(self._ring, self._camera, self._now_ms())), None)
        if isinstance(last, Gap) and last.to_ms >= (self.last_ms or 0):
            self.cause = last.cause


def _number_of(name: str) -> int:
    number = name.removesuffix(PART).removesuffix(".mp4").rpartition("-")[2]
    return int(number) if number.isdigit() else 0
