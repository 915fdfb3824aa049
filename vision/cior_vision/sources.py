"""Pictures from a camera or a file, by PyAV: one connection, exact PTS, honest times.

:func:`read_frames` is the whole way of one connection (demux, decode, stamp, sample) without threads; the clip replay
uses it directly.
:class:`cior_vision.reader.CameraReader` runs it in a thread with reconnection. Facts about the library that shape this
file (measured on PyAV 18): a
closed connection ends as an *empty packet*, not as an exception; the first packet over RTSP may have no PTS; probing
costs 1.9 s unless ``analyzeduration`` is cut; an RTCP sender report, once received, is attached to every packet as
``prft`` side data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import av
import av.error
import msgspec
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData

from cior_core.camera_stretch import PictureForm
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_vision.clock import EdgeClock
from cior_vision.damage import Damage
from cior_vision.drops import DropCounter, DropReason
from cior_vision.frames import Damaged, Frame
from cior_vision.orientation import Turn, turn_of, upright
from cior_vision.rule_settings import Strict
from cior_vision.timing import EpochTimes, FrameTime, PacketTimes, Sampler

REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
BROKEN_DATA = (av.error.InvalidDataError, av.error.EOFError)


class Reading(Strict, frozen=True, kw_only=True):
    """How pictures are read, whatever their address.

    ``file_start_ms`` (files only) is the UTC instant of the first picture, by the operator's word; without it the
    instant of opening is taken. ``turn``: how to set the pictures upright; without it the stream's own display matrix
    is heard.
    """

    fps: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 5.0
    stall_s: Annotated[float, msgspec.Meta(ge=0.5, le=600.0)] = 5.0
    open_timeout_s: Annotated[float, msgspec.Meta(ge=0.5, le=120.0)] = 8.0
    backoff_s: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 0.5
    backoff_max_s: Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)] = 30.0
    pace: Literal["realtime", "fast"] = "realtime"
    at_end: Literal["stop", "loop"] = "stop"
    file_start_ms: int | None = None
    turn: Turn | None = None


class SourceSettings(Reading, frozen=True, kw_only=True):
    """Where pictures come from and how they are read. ``url`` is ``rtsp://…`` or a file's path, of the camera
    catalogue, and may hold a password: it is never printed nor published.
    """

    url: str

    @property
    def is_file(self) -> bool:
        """Whether the source ends by itself and has no clock."""
        return "://" not in self.url

    def __repr__(self) -> str:
        return f"SourceSettings({'file' if self.is_file else self.url.split('://')[0]}, fps={self.fps})"


class Probe:
    """Told by the reading side what happens, cheaply and from its own thread."""

    def connected(self, form: PictureForm) -> None:
        """A new connection begins."""

    def packet(self, data: bytes) -> None:
        """A packet arrived."""

    def decoded(self, at: FrameTime) -> None:
        """A picture was decoded and stamped."""


def open_source(source: SourceSettings) -> InputContainer:
    """Connect. Raises ``ConfigInvalid`` (no such file), ``CredentialsRefused`` (401, 403) or ``SourceUnavailable``; no
    message holds the URL.
    """
    try:
        if source.is_file:
            if not Path(source.url).is_file():
                raise ConfigInvalid(
                    "vision.file_missing", "the video file does not exist", cure="correct the camera's url"
                )
            return av.open(source.url)
        options = {"rtsp_transport": "tcp", "analyzeduration": "200000"}
        return av.open(source.url, options=options, timeout=(source.open_timeout_s, source.stall_s / 2))
    except REFUSED as error:
        raise CredentialsRefused(
            "vision.credentials_refused",
            "the camera refused the user or password",
            cure="correct the camera's url",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnavailable(
            "vision.source_unreachable", f"the source could not be opened ({type(error).__name__})"
        ) from None


def read_frames(
    container: InputContainer,
    *,
    times: EpochTimes,
    source: SourceSettings,
    clock: EdgeClock,
    drops: DropCounter,
    probe: Probe,
    stopped: Callable[[], bool],
) -> Iterator[Frame | Damaged]:
    """Wanted pictures of one connection, in order, until it ends. Every other decoded picture is counted in ``drops``
    with its reason; a wanted one that is damaged comes without its pixels.

    Raises ``SourceUnavailable`` when the connection breaks or has no video.
    """
    if not container.streams.video:
        raise SourceUnavailable("vision.no_video", "the source has no video stream")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    time_base = stream.time_base or Fraction(1, 90_000)
    arrivals = _Arrivals(clock)
    damage, sampler, after_key = Damage(), Sampler(source.fps), False
    times.reconnected()
    probe.connected(_form(stream))
    for packet in _packets(container, stream):
        if stopped():
            return
        if packet.size:
            arrivals.note(packet)
            probe.packet(bytes(packet))
        for picture in _decode(packet, drops, damage):
            stamped = times.stamp(picture.pts, picture.time_base or time_base, arrivals.of(picture.pts))
            if isinstance(stamped, DropReason):
                drops.add(stamped)
                continue
            probe.decoded(stamped)
            is_damaged = damage.step(
                is_corrupt=picture.is_corrupt or packet.is_corrupt,
                is_key=picture.key_frame,
                at_s=stamped.stream_s,
            )
            after_key = after_key or picture.key_frame
            is_due = sampler.due(stamped)
            if is_damaged:
                drops.add(DropReason.DAMAGED)
                if is_due:
                    yield Damaged(time=stamped)
            elif not is_due:
                drops.add(DropReason.SAMPLED)
            else:
                yield _frame(picture, stamped, after_key=after_key, turn=source.turn)
                after_key = False


def _form(stream: av.VideoStream) -> PictureForm:
    context = stream.codec_context
    return PictureForm(codec=context.name, width_px=context.width, height_px=context.height)


def _packets(container: InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    try:
        yield from container.demux(stream)
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnavailable(
            "vision.source_broken", f"the connection broke ({type(error).__name__})"
        ) from None


def _decode(packet: av.Packet[av.VideoStream], drops: DropCounter, damage: Damage) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except BROKEN_DATA:
        if packet.size:
            drops.add(DropReason.DECODE_ERROR)
            damage.lost()
        return []


def _frame(picture: av.VideoFrame, time: FrameTime, *, after_key: bool, turn: Turn | None) -> Frame:
    """The pixels, upright: by the operator's word, else by the stream's own display matrix."""
    image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
    if turn is None:
        matrix = picture.side_data.get("DISPLAYMATRIX")
        turn = turn_of(bytes(matrix)) if isinstance(matrix, SideData) else Turn.NONE
    return Frame(image=upright(image, turn), time=time, after_key=after_key, turn=turn)


class _Arrivals:
    """When each packet came, until its picture leaves the decoder."""

    def __init__(self, clock: EdgeClock, *, limit: int = 256) -> None:
        self._clock = clock
        self._limit = limit
        self._seen: dict[int, PacketTimes] = {}

    def note(self, packet: av.Packet[av.VideoStream]) -> None:
        if packet.pts is None:
            return
        if len(self._seen) >= self._limit:
            self._seen.pop(next(iter(self._seen)))
        self._seen[packet.pts] = PacketTimes(arrival_ms=self._clock.now_ms(), sender_ms=_sender_ms(packet))

    def of(self, pts: int | None) -> PacketTimes:
        known = None if pts is None else self._seen.pop(pts, None)
        return known or PacketTimes(arrival_ms=self._clock.now_ms())


def _sender_ms(packet: av.Packet[av.VideoStream]) -> int | None:
    """The sender's claim about this packet: ``AVProducerReferenceTime``, UTC microseconds as a native 64-bit integer
    first (FFmpeg avutil).
    """
    if not packet.has_sidedata("prft"):
        return None
    wall_us = int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True)
    return wall_us // 1000 if wall_us > 0 else None
