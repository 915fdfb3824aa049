"""What the recorder's files look like to whoever hands them on without decoding them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from cior_core.errors import PayloadRejected
from cior_core.fragments import fragments_of, head_of, retimed
from integration.console.footage_rig import clock_clip
from integration.recorder.fed_track import Fed
from integration.recorder.footage_read import packets_of, played, segments


@pytest.fixture
def ring(clip: Path, tmp_path: Path) -> Path:
    """Three whole seconds, and a file that is being written."""
    fed = Fed(tmp_path / "ring", clip)
    fed.connection(35)
    fed.kill()
    return fed.ring


def files(ring: Path) -> list[bytes]:
    return [each.read_bytes() for each in sorted((ring / "plaza").rglob("*.mp4*"))]


def test_the_files_of_a_connection_joined_play_as_one_and_have_the_recorded_pictures(
    ring: Path, clip: Path
) -> None:
    joined = b""
    for data in files(ring):
        head = head_of(data)
        assert head is not None
        joined = joined or head.init
        joined += retimed(data, fragments_of(data, head.size), head.shift)
    packets = played(joined)
    assert [bytes(each) for each in packets] == packets_of(clip)[: len(packets)]
    assert len(packets) == 34, "the file that is being written lacks its newest picture"
    assert len({(after.pts or 0) - (before.pts or 0) for before, after in pairwise(packets)}) == 1


def test_a_header_says_which_segment_it_is_and_all_of_a_connection_send_the_same(ring: Path) -> None:
    heads = [head_of(data) for data in files(ring)]
    assert [each.note.number for each in heads if each is not None] == [1, 2, 3, 4]
    assert len({each.init for each in heads if each is not None}) == 1
    first = heads[0]
    assert first is not None
    assert (first.codec[:5], first.note.start_ms) == ("avc1.", segments(ring)[0].start_ms)
    assert b"plaza" not in first.init, "what the file says of itself stays behind"


def test_key_pictures_and_lengths_are_read_without_decoding(ring: Path) -> None:
    data = files(ring)[1]
    head = head_of(data)
    assert head is not None
    found = fragments_of(data, head.size)
    assert [each.is_key for each in found] == [True] + [False] * 9
    assert sum(each.length for each in found) / head.scale == pytest.approx(1.0)


def test_h265_is_named_so_that_a_browser_can_say_whether_it_plays_it(tmp_path: Path) -> None:
    clip = clock_clip(tmp_path / "hevc.mp4", seconds=2, codec="libx265")
    fed = Fed(tmp_path / "ring", clip)
    fed.connection(12)
    fed.kill()
    head = head_of(files(fed.ring)[0])
    assert head is not None
    assert head.codec.startswith("hev1.1.6.L"), head.codec


def test_any_cut_of_a_file_gives_whole_pictures_or_none(ring: Path) -> None:
    data = files(ring)[0]
    whole = head_of(data)
    assert whole is not None
    all_of_it = fragments_of(data, whole.size)
    for end in range(0, len(data), 97):
        head = head_of(data[:end])
        assert (head is None) == (end < whole.size)
        if head is not None:
            found = fragments_of(data[:end], head.size)
            assert found == all_of_it[: len(found)]
            assert all(each.end <= end for each in found)


def test_a_file_that_is_none_of_ours_is_refused(ring: Path) -> None:
    data = files(ring)[0].replace(b"avcC", b"xxxx").replace(b"mdhd", b"xxxx")
    with pytest.raises(PayloadRejected, match="as a recorder writes it"):
        head_of(data)
