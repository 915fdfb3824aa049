"""A recorded segment as H.264, for whoever's browser cannot decode what the camera sent: for looking, never for a
package (law 8). Bytes in, bytes out; no file is opened.

What comes out is fragmented MP4 (ISO/IEC 14496-12 §8.8) in one fragment, with the native file's own note and its times:
each picture is shown when the native one is. It lasts exactly as long as the native segment, so that a player goes on
without a hole where pictures could not be decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from cior_core.errors import ConfigInvalid, PayloadRejected

ENCODER: Final = "libx264"
CODEC: Final = "avc1.640028"
"""RFC 6381 of every conversion: High profile, level 4 (ITU-T H.264 annex A), which all browsers decode."""
LONG_SIDE_PX: Final = 1920
"""What is larger is made smaller: level 4 ends here, and a page shows no more."""
_CODING: Final = {
    "preset": "superfast", "tune": "zerolatency", "crf": "23", "level": "40", "threads": "1", "bf": "0",
    "g": "100000", "sc_threshold": "0",
}  # fmt: skip
"""One thread, no picture that waits for a later one, one key picture: a segment is played from its beginning."""
_BLACK: Final = (16, 128, 128)
_MUXING: Final = {
    "movflags": "empty_moov+default_base_moof+frag_discont+skip_trailer",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
    "fflags": "+bitexact",
}
"""``frag_discont`` and ``avoid_negative_ts``: times stand as they are and do not begin at 0."""


class Viewable(NamedTuple):
    """A conversion. ``is_blank``: no picture could be decoded; it is black for as long as the segment lasts."""

    content: bytes
    is_blank: bool


def check_encoder() -> None:
    """Raises ``ConfigInvalid`` (``conversion.no_encoder``) when this FFmpeg cannot write H.264."""
    if ENCODER not in av.codecs_available:
        raise ConfigInvalid(
            "conversion.no_encoder",
            f"this build of PyAV has no {ENCODER}: nothing can be converted",
            cure="install the av of requirements/ (its wheel has it)",
        )


class Pictures:
    """The pictures of a container's first video stream as they are shown. A packet that gives none is counted, and the
    rest goes on.
    """

    def __init__(self, native: InputContainer) -> None:
        self._native, self._stream = native, native.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self.unread = 0

    def __iter__(self) -> Iterator[VideoFrame]:
        packets = frames = 0
        for packet in self._native.demux(self._stream):
            packets += bool(packet.size)
            try:
                for frame in packet.decode():
                    frames += 1
                    yield frame
            except av.InvalidDataError:
                continue
        self.unread = max(0, packets - frames)


class _Span(NamedTuple):
    """When a segment is shown, in units of ``base``, and what its file says of itself."""

    start: int
    end: int
    base: Fraction
    size: tuple[int, int]
    aspect: Fraction | None
    note: str


def converted(native: bytes) -> Viewable:
    """``native``, a segment's header and whole pictures. Raises ``PayloadRejected`` (``conversion.unreadable``) when
    nothing of it can be read, not even how long it lasts.
    """
    try:
        span = _span(native)
        with av.open(io.BytesIO(native), "r") as container:
            writer = _Writer(span)
            for frame in Pictures(container):
                writer.put(frame)
        is_blank = not writer.frames
        if is_blank:
            writer.put(_black(span))
        return Viewable(writer.finished(), is_blank)
    except (av.FFmpegError, MemoryError, OverflowError, ValueError, IndexError) as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> PayloadRejected:
    return PayloadRejected(
        "conversion.unreadable",
        f"a segment cannot be converted: {why}",
        cure="play the native file with the maker's own program; it is whole in its ring",
    )


def _span(native: bytes) -> _Span:
    with av.open(io.BytesIO(native), "r") as container:
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise _unreadable("nothing here decodes its format")
        times = [(each.pts or 0, each.duration or 0) for each in container.demux(stream) if each.size]
        base = stream.time_base or Fraction(1, 90_000)
        start, end = min(at for at, _ in times), max(at + length for at, length in times)
        context, note = stream.codec_context, container.metadata.get("comment", "")
        size = context.width or 640, context.height or 360
        return _Span(start, max(end, start + 1), base, size, context.sample_aspect_ratio, note)


def _black(span: _Span) -> VideoFrame:
    frame = VideoFrame(*span.size, "yuv420p")
    for plane, level in zip(frame.planes, _BLACK, strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    frame.pts, frame.time_base = span.start, span.base
    return frame


def _fitted(frame: VideoFrame) -> tuple[int, int]:
    """Width and height as they are encoded: even, and not above :data:`LONG_SIDE_PX`."""
    scale = min(1.0, LONG_SIDE_PX / max(frame.width, frame.height))
    return max(2, int(frame.width * scale) // 2 * 2), max(2, int(frame.height * scale) // 2 * 2)


class _Writer:
    """The conversion while it is made. The first picture is shown from the segment's beginning, the last one to its
    end: leading pictures of an open group have nothing before them here.
    """

    def __init__(self, span: _Span) -> None:
        self._span, self._target = span, io.BytesIO()
        self._out: Any = av.open(
            self._target, "w", format="mp4",
            options={**_MUXING, "video_track_timescale": str(span.base.denominator)},
        )  # fmt: skip
        self._out.metadata["comment"] = span.note
        self._stream: Any = None
        self._size = (0, 0)
        self._last: Any = None
        self._last_pts: int | None = None
        self.frames = 0

    def put(self, frame: VideoFrame) -> None:
        """Add a picture; one that is not after the one before it is left out."""
        before = self._last_pts
        at = self._span.start if before is None else frame.pts
        if at is None or (before is not None and at <= before) or at >= self._span.end:
            return
        if self._stream is None:
            self._begin(frame)
        width_px, height_px = self._size
        # As it was decoded it says that it was a key picture or not, and the encoder would obey.
        plain = frame.reformat(width=width_px, height=height_px, format="yuv420p")
        plain.pict_type, plain.pts, plain.time_base = 0, at, self._span.base
        self._last_pts = at
        self._mux(self._stream.encode(plain))
        self.frames += 1

    def _begin(self, frame: VideoFrame) -> None:
        self._size = _fitted(frame)
        self._stream = self._out.add_stream(ENCODER, options=_CODING)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = self._span.base
        if self._span.aspect:
            self._stream.codec_context.sample_aspect_ratio = self._span.aspect

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if self._last is not None:
                self._last.duration = packet.pts - self._last.pts
                self._out.mux(self._last)
            self._last = packet

    def finished(self) -> bytes:
        """All of it; the writer is over."""
        self._mux(self._stream.encode(None))
        self._last.duration = self._span.end - self._last.pts
        self._out.mux(self._last)
        self._out.close()
        return self._target.getvalue()
