"""Segments of H.265 as H.264: the same pictures, no hole where some are lost, and nothing that a camera may send does
more than be refused.
"""

from __future__ import annotations

import io
import random
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.fragments import fragments_of, head_of
from cior_video import h264
from cior_video.converter import Converter
from integration.console.footage_rig import clock_clip, code_of
from integration.recorder.fed_track import Fed
from integration.recorder.footage_read import played, segments

LACKS_AV = """
import sys
sys.modules["av"] = None
from cior_video.converting import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recorded second, ten pictures, each with its number."""
    folder = tmp_path_factory.mktemp("native")
    return recorded(folder, clock_clip(folder / "plaza.mp4", seconds=2, codec="libx265"), 12)[0]


def recorded(folder: Path, clip: Path, pictures: int) -> list[bytes]:
    """Segments as the recorder writes them."""
    fed = Fed(folder / "ring", clip)
    fed.connection(pictures)
    fed.kill()
    return [(fed.ring / each.path).read_bytes() for each in segments(fed.ring)]


def drawn(path: Path, size: tuple[int, int], pictures: int, **options: str) -> Path:
    """A grey clip of H.265, ten pictures a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=10, options={"preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, 10)
        for number in range(pictures):
            image = np.full((size[1], size[0], 3), 60 + number, np.uint8)
            image[:, : 10 * number + 10] = 200
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def shown(content: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(content), "r") as container:
        return list(container.decode(video=0))


def lasts(content: bytes) -> tuple[int, int]:
    """From when to when it is shown, in its file's own units."""
    with av.open(io.BytesIO(content), "r") as container:
        times = [
            (each.pts or 0, each.duration or 0)
            for each in container.demux(container.streams.video[0])
            if each.size
        ]
    return min(at for at, _ in times), max(at + length for at, length in times)


def test_a_conversion_has_the_pictures_of_the_segment_and_is_what_it_says(native: bytes) -> None:
    made = h264.converted(native)
    head = head_of(made.content)
    assert head is not None
    assert (head.codec, made.is_blank) == (h264.CODEC, False)
    assert lasts(made.content) == lasts(native)
    assert [code_of(each.to_ndarray(format="bgr24")) for each in shown(made.content)] == list(range(10))
    assert [each.is_key for each in fragments_of(made.content, head.size)] == [True]
    assert made == h264.converted(native), "the same segment is the same conversion"


def test_where_leading_pictures_of_an_open_group_have_nothing_before_them_there_is_no_hole(
    tmp_path: Path,
) -> None:
    params = "keyint=10:min-keyint=10:bframes=3:b-adapt=0:open-gop=1:scenecut=0:log-level=none"
    clip = drawn(tmp_path / "open.mp4", (320, 180), 40, **{"x265-params": params})
    found = recorded(tmp_path, clip, 40)
    assert len(found) >= 2
    lost = []
    for each in found:
        made = h264.converted(each)
        assert lasts(made.content) == lasts(each)
        lost.append(len(shown(each)) < len(played(each)))
        assert len(shown(made.content)) == len(shown(each))
    assert any(lost), "the clip has groups that are open"


def test_what_is_larger_than_a_page_shows_is_made_smaller_and_keeps_its_shape(tmp_path: Path) -> None:
    clip = drawn(tmp_path / "large.mp4", (2560, 1440), 1, **{"x265-params": "log-level=none"})
    first = shown(h264.converted(clip.read_bytes()).content)[0]
    assert (first.width, first.height) == (1920, 1080)


def test_whatever_comes_is_converted_black_or_refused(native: bytes) -> None:
    rng = random.Random(7)
    outcomes = set()
    for _ in range(60):
        torn = bytearray(native[: rng.randrange(len(native) // 2, len(native) + 1)])
        for _ in range(rng.choice((0, 1, 40))):
            torn[rng.randrange(len(torn))] ^= 1 << rng.randrange(8)
        try:
            made = h264.converted(bytes(torn))
        except PayloadRejected as refused:
            outcomes.add(refused.code)
        else:
            assert shown(made.content)
            outcomes.add("black" if made.is_blank else "made")
    assert "made" in outcomes
    with pytest.raises(PayloadRejected, match=r"conversion\.unreadable"):
        h264.converted(b"nothing of ours")


def test_an_ffmpeg_that_cannot_write_h264_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"h264", "hevc"})
    with pytest.raises(ConfigInvalid) as raised:
        h264.check_encoder()
    assert (raised.value.code, "requirements/" in raised.value.cure) == ("conversion.no_encoder", True)


async def test_a_machine_without_av_is_said_by_the_process_with_its_cure() -> None:
    with pytest.raises(ConfigInvalid) as raised:
        await Converter.start((sys.executable, "-c", LACKS_AV))
    assert (raised.value.code, "cior[vision]" in raised.value.cure) == ("conversion.no_av", True)
