"""What rules are tried on: a video file, or an interval that a recorder kept. The pictures are those of the files, read
and never copied; pieces of one connection are played as one, as the recorder cut them every two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer

from cior_core import footage, fragments
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.footage import Gap, Segment
from cior_core.model import Struct
from cior_core.spans import Span
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import FrameTime

LONGEST_MS: Final = 900_000
"""Of an interval that is tried at once."""


class Run(Struct, frozen=True):
    """Pictures of one connection without a jump, from ``start_ms`` (UTC) on; ``open`` raises as ``open_source``."""

    start_ms: int
    open: Callable[[SourceSettings], InputContainer]


Reached = Callable[[FrameTime], bool]


class Clip(Struct, frozen=True, kw_only=True):
    """Something to try rules on. ``start_ms`` None: nobody knows when it was filmed. ``span``: of a recorder's footage,
    what is opened of it; ``ring`` its folder. ``says_s``: how long a file says that it is. ``at``: what to open for the
    picture at a second of it, and whether a picture is there yet.
    """

    camera: str | None = None
    start_ms: int | None = None
    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...] = ()
    ring: Path | None = None
    span: Span | None = None
    says_s: float | None = None
    at: Callable[[float], tuple[Run, Reached]]

    @property
    def length_s(self) -> float | None:
        """How long it is, where that is known."""
        return self.says_s if self.span is None else (self.span[1] - self.span[0]) / 1000


def is_footage(path: Path) -> bool:
    """Whether a recorder keeps it: a segment, or the folder of a camera's day."""
    return ((path if path.is_dir() else path.parent) / footage.INDEX).is_file()


def clip_of(path: Path, *, span: Span | None = None, start_ms: int | None = None) -> Clip:
    """The clip at ``path``. ``span``: which part of a day's folder; ``start_ms``: when a file was filmed, by whoever
    brings it.

    Raises ``ConfigInvalid`` (``vision.file_missing``, ``vision.no_index``, ``vision.clip_span``,
    ``vision.clip_empty``), ``SourceUnavailable`` for what is no video.
    """
    if not path.exists():
        raise ConfigInvalid(
            "vision.file_missing",
            f"there is no '{path.name}' here",
            cure="give the path of a video or of a day's folder",
        )
    if is_footage(path):
        return _recorded(path, span)
    if path.is_dir():
        raise ConfigInvalid(
            "vision.no_index",
            f"the folder '{path.name}' is not a camera's day of a recorder: it has no {footage.INDEX}",
            cure="give a video file, or the folder RING/CAMERA/YYYY-MM-DD",
        )
    source = SourceSettings(url=str(path), pace="fast")
    with open_source(source) as container:
        says_s = None if container.duration is None else container.duration / av.time_base
    # Whatever camera it is tried as: the pictures are this file's.
    opened = Run(start_ms or 0, lambda _camera: open_source(source))
    return Clip(start_ms=start_ms, runs=(opened,), says_s=says_s, at=lambda second: _in_file(source, second))


def _in_file(source: SourceSettings, second: float) -> tuple[Run, Reached]:
    """From the key picture before it."""
    began: list[float] = []

    def opened(_camera: SourceSettings) -> InputContainer:
        container = open_source(source)
        began.append((container.start_time or 0) / av.time_base)
        try:
            container.seek(round((second + began[-1]) * av.time_base), backward=True)
        except (av.error.FFmpegError, OSError):
            container.close()  # it has no index: from its beginning
            return open_source(source)
        return container

    def reached(at: FrameTime) -> bool:
        return at.pts * at.time_base[0] / at.time_base[1] - began[-1] >= second - 1e-3

    return Run(0, opened), reached


def _in_segments(ring: Path, segments: Sequence[Segment], second: float) -> tuple[Run, Reached]:
    """Each segment begins with a key picture."""
    at_ms = segments[0].start_ms + round(second * 1000)
    segment = max((each for each in segments if each.start_ms <= at_ms), key=lambda each: each.start_ms)
    return _run(ring, (segment,)), lambda at: segment.start_ms + at.stream_s * 1000 >= at_ms - 1


def _recorded(path: Path, span: Span | None) -> Clip:
    day = path if path.is_dir() else path.parent
    ring, camera = day.parent.parent, day.parent.name
    found = footage.read_index((day / footage.INDEX).read_bytes())
    records = [entry.record for entry in found.entries]
    span = span or _whole(path, records)
    if not 0 < span[1] - span[0] <= LONGEST_MS:
        raise ConfigInvalid(
            "vision.clip_span",
            f"an interval of {(span[1] - span[0]) / 60_000:.1f} min cannot be tried at once",
            cure=f"give --from and --to, at most {LONGEST_MS // 60_000} minutes apart",
        )
    lost = frozenset(
        each.number for each in records if isinstance(each, Segment) and not (ring / each.path).is_file()
    )
    covered = footage.cover(camera, span, records, lost=lost)
    if not covered.segments:
        causes = ", ".join(sorted({gap.cause.value for gap in covered.gaps}))
        raise ConfigInvalid(
            "vision.clip_empty",
            f"nothing is kept of that interval ({causes})",
            cure="choose another interval",
        )
    start_ms = covered.segments[0].start_ms
    return Clip(
        camera=camera, start_ms=start_ms, runs=_runs(ring, covered.segments), gaps=covered.gaps, ring=ring,
        span=(start_ms, covered.segments[-1].end_ms),
        at=lambda second: _in_segments(ring, covered.segments, second),
    )  # fmt: skip


def _whole(path: Path, records: Sequence[footage.Record]) -> Span:
    """Everything of a segment, or of a day."""
    segments = [each for each in records if isinstance(each, Segment)]
    mine = segments if path.is_dir() else [each for each in segments if Path(each.path).name == path.name]
    if not mine:
        raise ConfigInvalid(
            "vision.clip_empty",
            f"'{path.name}' is not in its day's index: it is still being written, or nothing is recorded that day",
            cure="choose one that is finished",
        )
    return min(each.start_ms for each in mine), max(each.end_ms for each in mine)


def _runs(ring: Path, segments: Sequence[Segment]) -> tuple[Run, ...]:
    grouped = groupby(segments, key=lambda each: (each.stretch, each.epoch, each.codec_sha256))
    return tuple(_run(ring, tuple(each)) for _, each in grouped)


def _run(ring: Path, segments: tuple[Segment, ...]) -> Run:
    def opened(_source: SourceSettings) -> InputContainer:
        try:
            return av.open(_Joined(_bytes_of(ring, segments)), "r")
        except (av.error.FFmpegError, OSError, CiorError) as error:
            raise SourceUnavailable(
                "vision.source_unreachable",
                f"the recorder's files could not be opened ({type(error).__name__})",
                cure="leave them as they are, and try another interval",
            ) from error

    return Run(segments[0].start_ms, opened)


def _bytes_of(ring: Path, segments: Sequence[Segment]) -> Iterator[bytes]:
    for number, segment in enumerate(segments):
        data = (ring / segment.path).read_bytes()
        head = fragments.head_of(data)
        if head is None:
            return
        found = fragments.fragments_of(data, head.size)
        if number == 0:
            yield head.init
        if found:
            yield fragments.retimed(data, found, head.shift)


class _Joined:
    """A file that is made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = piece
        given, self._left = self._left[:size], self._left[size:]
        return given
