"""Pictures that refer forward, stamped as they are sent: real x264, from a file, over RTSP and into the recorder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cior_video.clock import StandingClock
from cior_video.drops import DropCounter, DropReason
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes, WallSource
from cior_vision.frames import Frame, Image
from cior_vision.sources import Probe, read_frames
from engines.cache import EngineAbsent
from engines.rtsp import RtspServer
from integration.recorder import footage_read
from integration.recorder.fed_track import Fed

START_MS = 1_790_000_000_000
PICTURES = 114
MARKS = 7


def picture(number: int) -> Image:
    """Says its number in white and black bars, and moves smoothly, so that x264 finds something to refer to."""
    rows, columns = np.mgrid[0:96, 0:160]
    image = 120 + 50 * np.sin((columns + 2 * number) / 9.0) + 20 * np.cos(rows / 7.0)
    for bit in range(MARKS):
        image[:32, bit * 22 : bit * 22 + 22] = 235 if number >> bit & 1 else 20
    return np.repeat(image.astype(np.uint8)[..., None], 3, axis=2)


def number_of(image: Image) -> int:
    """The number that a picture says."""
    return sum(int(image[8:24, bit * 22 + 6 : bit * 22 + 16].mean() > 128) << bit for bit in range(MARKS))


def stamped_as_sent(path: Path, *, fps: int, referring: int) -> Path:
    """The pictures, coded with up to ``referring`` in a row that refer forward, and stamped in the order of sending."""
    options = {"bf": str(referring), "preset": "veryfast", "threads": "1", "b_strategy": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 96, "yuv420p", 24
        packets = []
        for number in range(PICTURES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            packets += stream.encode(frame)
        assert any(one.pts is not None and one.pts != one.dts for one in packets), "some refer forward"
        for sent, packet in enumerate([*packets, *stream.encode(None)]):
            packet.pts = packet.dts = sent
            packet.time_base = Fraction(1, fps)
            container.mux(packet)
    return path


@pytest.mark.parametrize("referring", [1, 3])
@pytest.mark.parametrize("fps", [1, 5, 10, 25])
def test_pictures_stamped_in_the_order_of_sending_are_watched_at_their_own_times(
    tmp_path: Path, fps: int, referring: int
) -> None:
    """Fifty of 114 were dropped; at one picture a second each step back opened an epoch."""
    clip = stamped_as_sent(tmp_path / "clip.mkv", fps=fps, referring=referring)
    source, drops = SourceSettings(url=str(clip), fps=30.0), DropCounter()
    with open_source(source) as container:
        found = list(
            read_frames(
                container,
                times=EpochTimes(file_start_ms=START_MS),
                source=source,
                clock=StandingClock(START_MS),
                drops=drops,
                probe=Probe(),
                stopped=lambda: False,
            )
        )
    frames = [one for one in found if isinstance(one, Frame)]
    lost = drops.snapshot().get(DropReason.PTS_NOT_ADVANCING, 0)
    assert len(frames) == len(found) == PICTURES - lost
    assert lost <= referring, "the first group, until it is known"
    assert {one.time.epoch for one in frames} == {0}
    told = [(number_of(one.image), round(one.time.stream_s * fps, 3)) for one in frames]
    assert told[referring + 1 :] == [(n, float(n)) for n in range(told[referring + 1][0], PICTURES)]


def test_a_server_that_stamps_as_it_sends_is_watched_whole(tmp_path: Path) -> None:
    stamped_as_sent(tmp_path / "plaza.mp4", fps=25, referring=3)
    try:
        server = RtspServer(tmp_path, tmp_path / "rtsp.log")
    except EngineAbsent as missing:
        pytest.skip(str(missing))
    drops, numbers = DropCounter(), list[int]()
    with server:
        source = SourceSettings(url=server.url("plaza.mp4"), fps=30.0)
        with open_source(source) as container:
            for one in read_frames(
                container,
                times=EpochTimes(watches_pace=True),
                source=source,
                clock=StandingClock(START_MS),
                drops=drops,
                probe=Probe(),
                stopped=lambda: len(numbers) >= 60,
            ):
                assert isinstance(one, Frame)
                assert one.time.epoch == 0
                assert one.time.wall_source in {WallSource.RTCP, WallSource.ARRIVAL}
                numbers.append(number_of(one.image))
    assert drops.snapshot().get(DropReason.PTS_NOT_ADVANCING, 0) <= 3
    assert numbers[4:60] == list(range(numbers[4], numbers[4] + 56))


def test_what_is_stamped_as_it_is_sent_is_recorded_whole(tmp_path: Path) -> None:
    """The library knows no decoding time of the first packets; two of them were left out."""
    clip = stamped_as_sent(tmp_path / "clip.mkv", fps=10, referring=3)
    ring = tmp_path / "ring"
    fed = Fed(ring, clip)
    fed.connection(PICTURES)
    fed.track.stop()
    kept = footage_read.segments(ring)
    assert fed.track.drops.snapshot() == {}
    packets = [packet for each in kept for packet in footage_read.checked(ring, each)]
    assert packets == footage_read.packets_of(clip)
    assert {each.epoch for each in kept} == {0}
    shown = list[int]()
    for each in kept:
        with av.open(str(ring / each.path)) as container:
            shown += [
                number_of(np.asarray(one.to_ndarray(format="bgr24"), np.uint8))
                for one in container.decode(video=0)
            ]
    assert shown == list(range(PICTURES))
