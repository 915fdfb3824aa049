"""Pictures from a camera or a file, by PyAV: one connection, exact PTS, honest times.

:func:`read_frames` is the whole way of one connection (demux, decode, stamp, sample) without threads; the clip replay
uses it directly. :class:`cior_vision.reader.CameraReader` runs it in a thread with reconnection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Final

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from cior_core.camera_stretch import PictureForm
from cior_core.errors import SourceUnavailable
from cior_video.clock import EdgeClock
from cior_video.drops import DropCounter, DropReason
from cior_video.order import ShownOrder
from cior_video.orientation import Turn, Turns, upright
from cior_video.sources import SourceSettings, form_of, packets_of, sender_ms
from cior_video.timing import EpochTimes, FrameTime, PacketTimes, Sampler
from cior_vision.damage import Damage
from cior_vision.frames import Damaged, Frame, Grey, Image, Picture
from cior_vision.masks import blanked
from cior_vision.shrunk import luma_of, shrink

WHITE: Final = 255
BROKEN_DATA = (av.error.InvalidDataError, av.error.EOFError)


class Probe:
    """Told by the reading side what happens, cheaply and from its own thread."""

    def connected(self, form: PictureForm) -> None:
        """A new connection begins."""

    def packet(self, data: bytes) -> None:
        """A packet arrived."""

    def decoded(self, at: FrameTime) -> None:
        """A picture was decoded and stamped."""


def read_frames(  # noqa: PLR0913  (what one connection works with, all named)
    container: InputContainer,
    *,
    times: EpochTimes,
    source: SourceSettings,
    clock: EdgeClock,
    drops: DropCounter,
    probe: Probe,
    stopped: Callable[[], bool],
    fps: Callable[[], float | None] = lambda: None,
) -> Iterator[Frame | Damaged]:
    """Wanted pictures of one connection, in order, until it ends. Every other decoded picture is counted in ``drops``
    with its reason; a wanted one that is damaged comes without its pixels. ``fps``: how many a second are wanted now,
    None: the source's own setting.

    Raises ``SourceUnavailable`` when the connection breaks or has no video.
    """
    stream = _video_of(container)
    time_base = stream.time_base or Fraction(1, 90_000)
    arrivals = _Arrivals(clock)
    damage, sampler, after_key = Damage(stream.codec_context.name), Sampler(source.fps), False
    pixels = _Pixels(source)
    times.reconnected()
    probe.connected(form_of(stream))
    for packet in packets_of(container, stream):
        if stopped():
            return
        if packet.size:
            arrivals.note(packet)
            probe.packet(data := bytes(packet))
            damage.arrived(data)
        for picture in _decode(packet, drops, damage):
            pts = arrivals.stamp_of(picture)
            if pts is None and picture.pts is not None:
                drops.add(DropReason.PTS_NOT_ADVANCING)
                continue
            stamped = times.stamp(pts, picture.time_base or time_base, arrivals.of(pts))
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
            is_due = sampler.due(stamped, fps=fps())
            if is_damaged:
                drops.add(DropReason.DAMAGED)
                if is_due:
                    yield Damaged(time=stamped)
            elif not is_due:
                drops.add(DropReason.SAMPLED)
            else:
                yield pixels.frame(picture, stamped, after_key=after_key)
                after_key = False


def _video_of(container: InputContainer) -> av.VideoStream:
    """Its pictures, decoded by one thread: cameras are what goes side by side."""
    if not container.streams.video:
        raise SourceUnavailable(
            "vision.no_video",
            "the source has no video stream",
            cure="give one with pictures: this has sound at most",
        )
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    return stream


def _decode(packet: av.Packet[av.VideoStream], drops: DropCounter, damage: Damage) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except BROKEN_DATA:
        if packet.size:
            drops.add(DropReason.DECODE_ERROR)
            damage.lost()
        return []


class _Pixels:
    """The pixels of one connection's pictures, upright (by the operator's word, else by the stream's own display
    matrix), without what is masked. Colours are made for who asks, in the asker's thread.

    One scaler for all of them, of one thread: each picture's own would start two.
    """

    def __init__(self, source: SourceSettings) -> None:
        self._source = source
        self._for_asker, self._for_reader = VideoReformatter(), VideoReformatter()
        self._turns = Turns()
        self._shown: dict[tuple[int, int], Grey] = {}

    def frame(self, picture: av.VideoFrame, time: FrameTime, *, after_key: bool) -> Frame:
        turn = self._turn(picture)
        stored_px = (picture.height, picture.width)
        size_px = stored_px[::-1] if turn.is_quarter else stored_px
        luma = luma_of(picture, turn)
        if luma is None:
            image = self._coloured(picture, turn, self._for_reader)
            whole, small = Picture.of(image), shrink(image)
        else:
            whole = Picture(size_px, cache(lambda: self._coloured(picture, turn, self._for_asker)))
            small = self._unmasked(luma, size_px)
        return Frame(picture=whole, small=small, time=time, after_key=after_key, turn=turn)

    def _coloured(self, picture: av.VideoFrame, turn: Turn, scaler: VideoReformatter) -> Image:
        plain = scaler.reformat(picture, format="bgr24", threads=1)
        image = np.asarray(plain.to_ndarray(), np.uint8)
        return blanked(upright(image, turn), self._source.masks)

    def _unmasked(self, luma: Grey, size_px: tuple[int, int]) -> Grey:
        """``luma`` black wherever a masked pixel would be in it."""
        if not self._source.masks:
            return luma
        if size_px not in self._shown:
            white = np.full((*size_px, 3), 255, np.uint8)
            is_whole = shrink(blanked(white, self._source.masks)) == WHITE
            self._shown = {size_px: is_whole.astype(np.uint8)}
        return np.asarray(cv2.multiply(luma, self._shown[size_px]), np.uint8)

    def _turn(self, picture: av.VideoFrame) -> Turn:
        return self._source.turn if self._source.turn is not None else self._turns.of(picture)


class _Arrivals:
    """When each packet came, until its picture leaves the decoder, and which stamp that is then given."""

    def __init__(self, clock: EdgeClock, *, limit: int = 256) -> None:
        self._clock = clock
        self._limit = limit
        self._seen: dict[int, PacketTimes] = {}
        self._order = ShownOrder()

    def note(self, packet: av.Packet[av.VideoStream]) -> None:
        if packet.pts is None:
            return
        if len(self._seen) >= self._limit:
            self._seen.pop(next(iter(self._seen)))
        self._seen[packet.pts] = PacketTimes(arrival_ms=self._clock.now_ms(), sender_ms=sender_ms(packet))
        self._order.sent(packet.pts)

    def stamp_of(self, picture: av.VideoFrame) -> int | None:
        return self._order.shown(picture.pts)

    def of(self, pts: int | None) -> PacketTimes:
        known = None if pts is None else self._seen.pop(pts, None)
        return known or PacketTimes(arrival_ms=self._clock.now_ms())
