"""Addresses of streams that would be tried for ever are refused with a cure, and none is repeated."""

from __future__ import annotations

import pytest

from cior_core.camera_stream import stream_fault
from cior_core.cameras import Cameras
from cior_core.strict_toml import ConfigFault


@pytest.mark.parametrize(
    "stream",
    [
        "",
        "clip.mp4",
        "/srv/video/clip#2.mp4",
        "C:/video/clip.mp4",
        "rtsp://192.0.2.7/live",
        "rtsp://camera.example:554/cam/realmonitor?channel=1&subtype=1",
        "rtsp://admin:geheim@192.0.2.7:554/Streaming/Channels/102",
        "rtsp://admin:p%23a%2Fs%3Fs@192.0.2.7/live",
        "rtsp://admin:p@ss@192.0.2.7/live",
        "rtsp://admin:@192.0.2.7/live",
        "rtsp://[2001:db8::7]:554/live",
        "rtsp://admin:geheim@[2001:db8::7]/live",
        "http://192.0.2.7:8080/mjpg/video.mjpg?user=a@b",
        "rtsp://192.0.2.7:554/live@main",
        "http://192.0.2.7",
    ],
)
def test_addresses_that_may_work_are_let_be(stream: str) -> None:
    assert stream_fault(stream) is None


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("file:///srv/video/clip.mp4", "cameras.stream_file"),
        ("FILE://clip.mp4", "cameras.stream_file"),
        ("rtsp://admin:gh#1@192.0.2.7/live", "cameras.stream_password"),
        ("rtsp://admin:gh/1@192.0.2.7/live", "cameras.stream_password"),
        ("rtsp://admin:gh?1@192.0.2.7/live", "cameras.stream_password"),
        ("rtsp://admin:12#1@192.0.2.7/live", "cameras.stream_password"),
        ("rtsp://admin:12?1@192.0.2.7/live", "cameras.stream_password"),
        ("rtsp://admin:geheim@/live", "cameras.stream_address"),
        ("rtsp:///live", "cameras.stream_address"),
        ("rtsp://192.0.2.7:live", "cameras.stream_address"),
        ("rtsp://:554/live", "cameras.stream_address"),
        ("rtsp://[2001:db8::7]:x/live", "cameras.stream_address"),
    ],
)
def test_addresses_that_cannot_work_are_told_with_a_cure_and_without_the_password(
    stream: str, code: str
) -> None:
    found = stream_fault(stream)
    assert found is not None
    assert found[0] == code
    assert found[2]
    for secret in ("gh", "geheim", "192.0.2.7"):
        assert secret not in " ".join(found)


def test_the_catalogue_refuses_them_at_their_line() -> None:
    text = (
        '[[camera]]\nid = "x"\nplace = {lat = 1.0, lon = 1.0}\nstream = "rtsp://admin:gh#1@192.0.2.7/live"\n'
    )
    with pytest.raises(ConfigFault) as told:
        Cameras.load(text)
    assert (told.value.code, told.value.line) == ("cameras.stream_password", 4)
    assert "%23" in told.value.cure
    assert "gh#1" not in str(told.value)
