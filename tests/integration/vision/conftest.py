from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cior_core.cameras import Cameras
from cior_vision.settings import AnyVisionSettings, parse_settings
from cior_vision.synthetic import encode, loiterer
from engines.cache import EngineAbsent
from engines.rtsp import RtspServer

SETTINGS = """\
[worker]
health_every_s = 1

[detector]
engine = "none"

[[camera]]
id = "camera-plaza"
source = { pace = "fast", stall_s = 1.5, backoff_s = 0.2, backoff_max_s = 1.0 }

[[zone]]
id = "acera"
camera = "camera-plaza"
polygon = [[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]

[[rule]]
kind = "intrusion"
id = "nadie"
zone = "acera"

[[rule]]
kind = "loitering"
id = "merodeo"
zone = "acera"
after_s = 6
"""


def camera(url: str, folder: Path, text: str = SETTINGS) -> AnyVisionSettings:
    """One camera at the plaza with a zone, an intrusion rule and a loitering rule."""
    catalogue = Cameras.load(catalogue_toml(url))
    return parse_settings(text, file="camaras.toml", folder=folder, cameras=catalogue)


def catalogue_toml(url: str) -> str:
    """The camera at the plaza, as the catalogue has it."""
    return f"""[[camera]]
id = "camera-plaza"
name = "Plaza"
place = {{ lat = -32.95, lon = -60.64, district = "Centro" }}
stream = "{url}"
"""


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``loiterer.mp4``: 26 s, one visitor who stays ten seconds in the middle."""
    folder = tmp_path_factory.mktemp("clips")
    encode(loiterer(arrives_s=1.0, stays_s=10.0), folder / "loiterer.mp4")
    return folder


@pytest.fixture
def rtsp(clips: Path, tmp_path: Path) -> Iterator[RtspServer]:
    """A real RTSP server with the clips, yours to kill and pause."""
    try:
        server = RtspServer(clips, tmp_path / "rtsp.log")
    except EngineAbsent as missing:
        pytest.skip(str(missing))
    with server:
        yield server
