"""A copy of a native clip, encoded again picture by picture: the picture as it was decoded, upright, without what the
camera's privacy masks cover, or veiled too, and a bar below.

One picture is in memory at a time, of a veiled copy a few. Copies are for looking: nothing here touches a native file
(law 8), and what comes out never goes where those are. Same clip, same settings, same bytes.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.model import Struct
from cior_core.picture_masks import Masks
from cior_evidence.bar import NARROWEST_PX, Bar, even
from cior_evidence.painting import Cover
from cior_evidence.uprighting import Upright, laid_upright
from cior_video.h264 import ENCODER, Pictures
from cior_video.orientation import Turn

CODING: Final = {
    "preset": "veryfast", "crf": "23", "threads": "1", "bf": "0", "g": "50", "sc_threshold": "0",
}  # fmt: skip
"""One thread: the same bytes each time, and the other core is for those who press a button."""
_MUXING: Final = {"use_editlist": "0", "movflags": "+faststart", "fflags": "+bitexact"}
_GREY: Final = 128
Picture = NDArray[np.uint8]
"""A picture as I420: 3/2 of its height × its width (luma, then both chromas)."""


class Stretch(Struct, frozen=True):
    """So many pictures of a clip, in order, from ``start_ms`` (UTC) on: those of one recorded segment."""

    start_ms: int
    frames: int


class Veil(Protocol):
    """What is done to each picture before it is shown."""

    @property
    def delay(self) -> int:
        """So many of the pictures before it may still change when a picture is given: they wait to be encoded."""
        ...

    def __call__(self, frame: VideoFrame, picture: Picture, /) -> None:
        """Change ``picture``, which is ``frame``'s own, in place. Called once for each, in order."""
        ...


class Script(Struct, frozen=True, kw_only=True):
    """How a copy is made. ``lines``: of the bar; ``stretches``: when its pictures were taken; ``told``: called after
    each picture, and what it raises ends the copy; ``masks``: painted over each picture last of all;
    ``stored_masks``: likewise, of the picture as it is stored.
    """

    lines: tuple[str, ...]
    zone: str
    stretches: tuple[Stretch, ...]
    masks: Masks = ()
    stored_masks: Masks = ()
    veil: Veil | None = None
    told: Callable[[], None] = lambda: None


class Recoded(Struct, frozen=True, kw_only=True):
    """What was written. ``frames``: pictures in it; ``unread``: packets of the native clip that give no picture."""

    frames: int
    unread: int
    payload_sha256: str
    codec: str
    width_px: int
    height_px: int
    time_base: tuple[int, int]


def check_encoder() -> None:
    """Raises ``ConfigInvalid`` (``copy.no_encoder``) when this FFmpeg cannot write H.264."""
    if ENCODER not in av.codecs_available:
        raise ConfigInvalid(
            "copy.no_encoder",
            f"this build of PyAV has no {ENCODER}: no copy can be encoded",
            cure="install the av of requirements/ (its wheel has it); the native package needs none",
        )


def recode(source: Path, target: Path, script: Script) -> Recoded:
    """Write the copy of ``source``. Raises ``PayloadRejected`` (``copy.unreadable``) when no picture can be decoded;
    ``OSError`` passes through.
    """
    try:
        frames, unread = _written(source, target, script)
        if frames:
            return _made(target, frames, unread)
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise _unreadable(source, str(error)) from error
    raise _unreadable(source, "it has no picture")


def _written(source: Path, target: Path, script: Script) -> tuple[int, int]:
    """How many pictures stand in ``target``, and how many packets gave none."""
    with av.open(str(source)) as native:
        writer, pictures, upright = _Writer(target, script), Pictures(native), Upright()
        delay, waiting = script.veil.delay if script.veil is not None else 0, deque[_Due]()
        try:
            for frame in pictures:
                waiting.append(writer.taken(upright(frame), upright.turn))
                if len(waiting) > delay:
                    writer.put(waiting.popleft())
                script.told()
            for due in waiting:
                writer.put(due)
            writer.close()
        finally:
            writer.abandon()
    return writer.frames, pictures.unread


def _unreadable(source: Path, why: str) -> PayloadRejected:
    return PayloadRejected(
        "copy.unreadable",
        f"{source.name} cannot be decoded here: {why}",
        cure="play the native file with the maker's own program; it is whole in its package",
    )


class _Due(NamedTuple):
    """A picture that waits to be encoded."""

    pts: int | None
    base: Fraction
    inner: Picture
    turn: Turn


class _Writer:
    """An MP4 that grows by pictures."""

    def __init__(self, target: Path, script: Script) -> None:
        self._target, self._script = target, script
        self._clock = _Clock(script.stretches)
        self._out: Any = None
        self._stream: Any = None
        self._bar: Bar | None = None
        self._covers: dict[Turn, Cover] = {}
        self._inner = self._outer = (0, 0)
        self._first_pts: int | None = None
        self._last_pts = -1
        self.frames = 0

    def taken(self, frame: VideoFrame, turn: Turn) -> _Due:
        """A picture as it will be, unless the veil changes it while it waits."""
        base = frame.time_base
        assert base is not None
        if self._out is None:
            self._begin(frame, base)
        width_px, height_px = self._inner
        planar = frame.reformat(width=width_px, height=height_px, format="yuv420p")
        inner: Picture = planar.to_ndarray().astype(np.uint8, copy=False)
        if self._script.veil is not None:
            self._script.veil(frame, inner)
        return _Due(frame.pts, base, inner, turn)

    def put(self, due: _Due) -> None:
        """Add a picture."""
        base = due.base
        pts = self._last_pts + 1 if due.pts is None else due.pts
        self._first_pts = pts if self._first_pts is None else self._first_pts
        self._cover(due.turn).paint(due.inner)
        shown = self._framed(due.inner, self._clock.at_ms(self.frames, float(pts * base)))
        made = VideoFrame.from_ndarray(shown, format="yuv420p")
        self._last_pts = max(self._last_pts + 1, pts - self._first_pts)
        made.pts, made.time_base = self._last_pts, base
        self._out.mux(self._stream.encode(made))
        self.frames += 1

    def _begin(self, frame: VideoFrame, base: Fraction) -> None:
        self._inner = even(frame.width), even(frame.height)
        width_px = max(self._inner[0], NARROWEST_PX)
        self._bar = Bar(width_px, self._script.lines, self._script.zone)
        self._outer = width_px, self._inner[1] + self._bar.height_px
        self._out = av.open(str(self._target), "w", format="mp4", options=_MUXING)
        stream: Any = self._out.add_stream(ENCODER, options=CODING)
        stream.width, stream.height = self._outer
        stream.pix_fmt, stream.time_base = "yuv420p", base
        stream.codec_context.time_base = base
        self._stream = stream

    def _cover(self, turn: Turn) -> Cover:
        if turn not in self._covers:
            masks = (*self._script.masks, *laid_upright(self._script.stored_masks, turn))
            self._covers[turn] = Cover(masks, self._inner)
        return self._covers[turn]

    def _framed(self, inner: Picture, at_ms: int) -> Picture:
        """The picture at the top left, the bar below; nothing of the one lies over the other."""
        (width_px, height_px), (full_px, tall_px) = self._inner, self._outer
        shown = np.full((tall_px * 3 // 2, full_px), _GREY, np.uint8)
        shown[:height_px, :width_px] = inner[:height_px]
        shown[:height_px, width_px:] = 16
        assert self._bar is not None
        self._bar.draw(shown[height_px:tall_px], at_ms)
        for outer, own in zip(_chromas(shown, tall_px), _chromas(inner, height_px), strict=True):
            outer[: height_px // 2, : width_px // 2] = own
        return shown

    def close(self) -> None:
        """Write what the encoder still has; the file is whole on return."""
        if self._out is not None:
            self._out.mux(self._stream.encode(None))
            self.abandon()

    def abandon(self) -> None:
        """Let the file go, whole or not."""
        if self._out is not None:
            self._out.close()
            self._out = None


def _chromas(picture: Picture, height_px: int) -> tuple[Picture, Picture]:
    """Both chroma planes of an I420 picture, as they lie in it."""
    half_px = height_px // 2
    planes = picture[height_px:].reshape(2, half_px, -1)
    return planes[0], planes[1]


class _Clock:
    """When each picture of a clip was taken: its segment's instant, and on from there by the clip's own times."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._left = list(stretches)
        self._until = 0
        self._start_ms = 0
        self._from_s = 0.0

    def at_ms(self, number: int, shown_s: float) -> int:
        """Of picture ``number``, shown at ``shown_s`` of the clip; asked in order."""
        while self._left and number >= self._until:
            stretch = self._left.pop(0)
            self._until += stretch.frames
            self._start_ms, self._from_s = stretch.start_ms, shown_s
        return self._start_ms + round((shown_s - self._from_s) * 1000)


def _made(target: Path, frames: int, unread: int) -> Recoded:
    """What stands in the file, read again: its packets are as a verifier finds them."""
    load = hashlib.sha256()
    with av.open(str(target)) as made:
        stream = made.streams.video[0]
        for packet in made.demux(stream):
            if packet.size:
                load.update(packet)
        context, base = stream.codec_context, stream.time_base
        assert base is not None
        return Recoded(
            frames=frames, unread=unread, payload_sha256=load.hexdigest(), codec=context.codec.canonical_name,
            width_px=context.width, height_px=context.height, time_base=(base.numerator, base.denominator),
        )  # fmt: skip
