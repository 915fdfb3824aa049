"""What a killed recorder left: files without an entry in the index are entered, half pictures cut off, the silence
since its last picture told as a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import structlog

from cior_core import footage
from cior_core.camera_stretch import PictureForm
from cior_core.footage import Gap, GapCause, Record, Segment
from cior_core.model import Struct
from cior_recorder.ledger import Ledger
from cior_recorder.segment_file import PART, Found, has_pictures, mended

LOG = structlog.get_logger("cior.recorder.recovery")


class Left(Struct, frozen=True, kw_only=True):
    """Where the camera's recording goes on: the next number, and until when everything is explained."""

    number: int
    covered_ms: int


def resumed(ring: Path, camera: str, ledger: Ledger, *, now_ms: int) -> Left:
    """Enter what is not entered yet. Raises ``OSError``, ``IntegrityBroken``."""
    days = ledger.days[-2:]
    known = [each.record for day in days for each in ledger.newest(day)]
    segments = [each for each in known if isinstance(each, Segment)]
    last = _last_number(ledger, known)
    for path in _unentered(ring / camera, last):
        segments += entered(path, ring=ring, ledger=ledger)
    ends = [each.end_ms for each in segments]
    ends += [each.to_ms for each in known if isinstance(each, Gap)]
    covered_ms = max(ends, default=now_ms)
    if covered_ms < now_ms:
        gap = Gap(camera=camera, from_ms=covered_ms, to_ms=now_ms, cause=GapCause.RESTART)
        ledger.append(*footage.by_day(gap))
    number = max((each.number for each in segments), default=0)
    return Left(number=max(number, last) + 1, covered_ms=now_ms)


def _last_number(ledger: Ledger, newest: Sequence[Record]) -> int:
    """The highest in ``newest``; when the camera was away for so long that it has none, in the days before: a number
    names one segment only, whatever was removed since.
    """
    before = ([each.record for each in ledger.newest(day)] for day in reversed(ledger.days[:-2]))
    found = map(_highest, chain([newest], before))
    return next((number for number in found if number), ledger.last_past_number)


def _highest(records: Sequence[Record]) -> int:
    numbers = (each.number for each in records if isinstance(each, Segment))
    return max((*numbers, *footage.removed(records)), default=0)


def _unentered(folder: Path, last: int) -> list[Path]:
    """Of the newest two days: files that were open, and whole ones with a number that the index does not have yet. The
    names of all days would be a million a camera.
    """
    return sorted(
        path
        for day in sorted(folder.glob("????-??-??"))[-2:]
        for path in day.iterdir()
        if path.name.endswith(PART) or (path.name.endswith(".mp4") and _number_of(path) > last)
    )


def entered_late(ring: Path, camera: str, ledger: Ledger, *, is_former: bool = False) -> int:
    """Enter what older days still have open, while recording goes on: it could not be entered when it ended. How many.
    ``is_former``: nobody records the camera, so all days are such.

    Raises ``OSError``, ``IntegrityBroken``.
    """
    days = sorted((ring / camera).glob("????-??-??"))
    days = days if is_former else days[:-2]
    left = (path for day in days for path in sorted(day.glob(f"*{PART}")))
    return sum(len(entered(path, ring=ring, ledger=ledger)) for path in left)


def entered(path: Path, *, ring: Path, ledger: Ledger) -> list[Segment]:
    """The file as a segment of the index. One without a whole picture goes; one that nobody can read stays and is
    logged.
    """
    if not has_pictures(path):
        LOG.info("segment_without_pictures", file=path.name, size_bytes=path.stat().st_size)
        path.unlink()
        return []
    found = mended(path)
    if found is None:
        LOG.error("segment_unreadable", file=path.name, size_bytes=path.stat().st_size)
        return []
    whole = path.with_name(path.name.removesuffix(PART))
    path.rename(whole)
    segment = _segment(found, str(whole.relative_to(ring)))
    ledger.append(segment)
    LOG.info("segment_recovered", camera=segment.camera, number=segment.number, frames=segment.frames)
    return [segment]


def _segment(found: Found, path: str) -> Segment:
    note, written = found.note, found.written
    codec, width_px, height_px = found.form
    return Segment(
        camera=note.camera,
        number=note.number,
        stretch=note.stretch,
        epoch=note.epoch,
        start_ms=note.start_ms,
        end_ms=note.start_ms + min(found.length_ms, footage.LONGEST_MS),
        frames=written.frames,
        keyframes=written.keyframes,
        size_bytes=written.size_bytes,
        sha256=written.sha256,
        payload_sha256=written.payload_sha256,
        path=path,
        form=PictureForm(codec=codec, width_px=width_px, height_px=height_px),
        codec_sha256=found.codec_sha256,
        first_pts=note.first_pts,
        time_base=note.time_base,
        clock=note.clock,
        recovered=True,
    )


def _number_of(path: Path) -> int:
    number = path.name.removesuffix(PART).removesuffix(".mp4").rpartition("-")[2]
    return int(number) if number.isdigit() else 0
