"""One connection to a camera or a file, by PyAV: how it is opened, what is known of each packet besides its bytes.

Facts about the library that shape this file (measured on PyAV 18): a closed connection ends as an *empty packet*, not
as an exception; the first packet over RTSP may have no PTS; probing costs 1.9 s unless ``analyzeduration`` is cut; an
RTCP sender report, once received, is attached to every packet as ``prft`` side data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import av
import av.error
import msgspec
from av.container import InputContainer

from cior_core.camera_stretch import PictureForm
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_video.orientation import Turn

REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every settings struct: frozen, unknown keys refused."""


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
    catalogue, and may hold a password: it is never printed nor published. ``masks``: polygons of the upright picture,
    normalised, that whoever decodes it blanks.
    """

    url: str
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether the source ends by itself and has no clock."""
        return "://" not in self.url

    def __repr__(self) -> str:
        return f"SourceSettings({'file' if self.is_file else self.url.split('://')[0]}, fps={self.fps})"


PROBE_S = 0.2
"""How much of a stream is looked at before its packets come. Decoding needs no more."""
PATIENT_PROBE_S = 15.0
"""For who must know how large the pictures are before the first of them, of a camera that says so only in its key
pictures: it ends at the first one, and what was looked at is not lost.
"""
_PROBE_BYTES = 50_000_000


def open_source(source: SourceSettings, *, probe_s: float = PROBE_S) -> InputContainer:
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
        options = {
            "rtsp_transport": "tcp",
            "analyzeduration": str(round(probe_s * 1e6)),
            "probesize": str(_PROBE_BYTES),
        }
        open_s = source.open_timeout_s + probe_s
        return av.open(source.url, options=options, timeout=(open_s, source.stall_s / 2))
    except REFUSED as error:
        raise CredentialsRefused(
            "vision.credentials_refused",
            "the camera refused the user or password",
            cure="correct the camera's url",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnavailable(
            "vision.source_unreachable",
            f"the source could not be opened ({type(error).__name__})",
            cure="a camera: its address, its network, how many viewers it allows; a file: it is empty or cut short",
        ) from None


def form_of(stream: av.VideoStream) -> PictureForm:
    """How its pictures are coded."""
    context = stream.codec_context
    return PictureForm(codec=context.name, width_px=context.width, height_px=context.height)


def packets_of(container: InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """Until the connection ends. Raises ``SourceUnavailable`` when it breaks."""
    try:
        yield from container.demux(stream)
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnavailable(
            "vision.source_broken",
            f"the connection broke ({type(error).__name__})",
            cure="a camera: its network; a file: it is cut short or damaged, give a whole one",
        ) from None


def sender_ms(packet: av.Packet[av.VideoStream]) -> int | None:
    """The sender's claim about this packet: ``AVProducerReferenceTime``, UTC microseconds as a native 64-bit integer
    first (FFmpeg avutil).
    """
    if not packet.has_sidedata("prft"):
        return None
    wall_us = int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True)
    return wall_us // 1000 if wall_us > 0 else None
