"""The simulated camera: a clip that we draw ourselves, served over RTSP by another party's server (aio-rtsp-toolkit,
Apache-2.0), for ever.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from cior.embedded.tansu import LOOPBACK, free_port
from cior.supervisor import PartSpec
from cior_core.errors import ConfigInvalid


def draw_clip(path: Path) -> Path:
    """Somebody enters the square, stays, leaves; then a hand covers the lens for a while. 36 seconds."""
    from dataclasses import replace

    from cior_vision.synthetic import encode, loiterer

    scene = loiterer(arrives_s=1.0, stays_s=12.0)
    return encode(
        replace(
            scene,
            duration_s=scene.duration_s + 10.0,
            covered=((scene.duration_s - 2.0, scene.duration_s + 7.0),),
        ),
        path,
    )


def camera_part(folder: Path, port: int) -> PartSpec:
    """The server process for the supervisor. Raises ``ConfigInvalid`` when the server is not installed."""
    script = Path(sys.executable).parent / "rtsp-server"
    if not script.is_file():
        raise ConfigInvalid(
            "simulator.no_rtsp_server",
            "the RTSP server of the simulator is not installed",
            cure="pip install 'cior[simulator]'",
        )
    argv = [
        sys.executable,
        str(script),
        "--dir",
        str(folder),
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--control-port",
        str(free_port()),
    ]
    return PartSpec(
        name="simulated-camera",
        argv=argv,
        ready=lambda _pid: _answers(port),
        ready_timeout_s=20,
        stop_timeout_s=3,
    )


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.2):
            return True
    except OSError:
        return False
