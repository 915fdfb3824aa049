from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cior_vision.synthetic import encode, loiterer
from engines.cache import EngineAbsent
from engines.rtsp import RtspServer


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures a second, a key picture each second, eight seconds."""
    return encode(loiterer(arrives_s=1.0, stays_s=4.0), tmp_path_factory.mktemp("clips") / "plaza.mp4")


@pytest.fixture
def camera(clip: Path, tmp_path: Path) -> Iterator[RtspServer]:
    """The clip as a camera, over another party's RTSP server."""
    try:
        server = RtspServer(clip.parent, tmp_path / "rtsp.log")
    except EngineAbsent as absent:
        pytest.skip(str(absent))
    with server:
        yield server
