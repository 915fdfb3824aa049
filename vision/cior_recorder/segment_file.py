"""One segment on its way to disk: packets as they came, in a fragmented MP4 with a fragment a picture, each handed to
the kernel at once and to the disk once a second.

The muxer writes a picture when the next one has told how long it lasts. So a killed process leaves a ``.part`` that
lacks the newest picture at most, and a power cut takes the last second besides. No edit list, nothing rewritten, no
trailer, no packet decoded. The file says in its own ``comment`` which segment it is (:class:`Note`), so that one
without an index entry can be entered later.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import msgspec
from av.container import OutputContainer

from cior_bus.durable_file import sync_folder
from cior_core.canonical import canonical
from cior_core.fragments import Note
from cior_recorder.boxes import BoxReader

PART: Final = ".part"
_OPTIONS: Final = {
    "movflags": "frag_every_frame+empty_moov+default_base_moof+skip_trailer",
    "use_editlist": "0",
    "fflags": "+bitexact",
    "flush_packets": "1",
}


@dataclass(frozen=True)
class Written:
    """A closed file: bytes, whole pictures, digests in hex."""

    size_bytes: int
    frames: int
    keyframes: int
    sha256: str
    payload_sha256: str


class _Sink:
    """What the muxer writes to: each piece reaches the kernel at once and is hashed on its way."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self.digest, self.boxes, self.size = hashlib.sha256(), BoxReader(), 0

    def write(self, piece: bytes) -> int:
        """All of ``piece``; nothing any more after :meth:`close`. Raises ``OSError``."""
        if self._file.closed:
            return len(piece)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]
        self.digest.update(piece)
        self.boxes.feed(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def sync(self) -> None:
        """To the disk."""
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """The file stands as it is."""
        self._file.close()


class SegmentFile:
    """Open from its first packet to :meth:`close`. Every method raises ``OSError`` or ``av.error.FFmpegError``."""

    def __init__(self, path: Path, template: av.VideoStream, note: Note) -> None:
        self._path, self._part = path, path.with_name(path.name + PART)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = _Sink(self._part)
        with ExitStack() as undone:
            undone.callback(self._sink.close)
            self._out: OutputContainer = av.open(self._sink, "w", format="mp4", options=_OPTIONS)
            self._stream = self._out.add_stream_from_template(template)
            self._out.metadata["comment"] = canonical(note).decode()
            undone.pop_all()
        self._base: int | None = None
        self.keyframes = 0

    def add(self, packet: av.Packet[av.VideoStream], *, at: int) -> None:
        """A packet, changed in its times only.

        ``at``: its decoding time in the camera's own units, before which it cannot be shown.
        """
        if self._base is None:
            self._base = at
        if packet.pts is not None:
            packet.pts = max(packet.pts, at) - self._base
        packet.dts = at - self._base
        packet.stream = self._stream
        self.keyframes += packet.is_keyframe
        self._out.mux(packet)

    def sync(self) -> None:
        """What was added is on the disk on return."""
        self._sink.sync()

    def close(self) -> Written:
        """Durable under its own name on return."""
        self._out.close()
        self.sync()
        self._sink.close()
        boxes = self._sink.boxes
        self._part.rename(self._path)
        sync_folder(self._path.parent)
        return Written(
            size_bytes=self._sink.size,
            frames=boxes.frames,
            keyframes=self.keyframes,
            sha256=self._sink.digest.hexdigest(),
            payload_sha256=boxes.payload.hexdigest(),
        )

    def abandon(self) -> None:
        """Let go of what cannot be written on; the ``.part`` stays as a killed process leaves it."""
        self._sink.close()
        with suppress(av.error.FFmpegError, OSError):
            self._out.close()


@dataclass(frozen=True)
class Found:
    """A file that a killed recorder left, cut after its last whole picture."""

    note: Note
    written: Written
    form: tuple[str, int, int]
    codec_sha256: str
    length_ms: int


def has_pictures(path: Path) -> bool:
    """Whether any picture in the file is whole."""
    boxes = BoxReader()
    boxes.feed(path.read_bytes())
    return boxes.frames > 0


def mended(path: Path) -> Found | None:
    """The file, cut after its last whole picture; None when it is none of our segments. Raises ``OSError``."""
    content = path.read_bytes()
    boxes = BoxReader()
    boxes.feed(content)
    if boxes.whole_bytes < len(content):
        content = content[: boxes.whole_bytes]
        with path.open("r+b") as file:
            file.truncate(boxes.whole_bytes)
            os.fdatasync(file.fileno())
    try:
        return _looked_into(path, content, boxes)
    except (av.error.FFmpegError, msgspec.MsgspecError):
        return None


def _looked_into(path: Path, content: bytes, boxes: BoxReader) -> Found:
    with av.open(str(path)) as container:
        note = msgspec.json.decode(container.metadata.get("comment", ""), type=Note)
        stream = container.streams.video[0]
        context = stream.codec_context
        base = stream.time_base or Fraction(1, 90_000)
        times = [(each.dts or 0, each.is_keyframe) for each in container.demux(stream) if each.size]
        form, extradata = (context.name, context.width, context.height), context.extradata or b""
    last = times[-1][0] if times else 0
    step = last - times[-2][0] if len(times) > 1 else 0
    return Found(
        note=note,
        written=Written(
            size_bytes=len(content),
            frames=boxes.frames,
            keyframes=sum(is_key for _, is_key in times),
            sha256=hashlib.sha256(content).hexdigest(),
            payload_sha256=boxes.payload.hexdigest(),
        ),
        form=form,
        codec_sha256=hashlib.sha256(extradata).hexdigest(),
        length_ms=max(1, round((last + step) * base * 1000)),
    )
