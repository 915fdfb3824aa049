"""The simulated camera: a clip that we draw ourselves, or one that is given, served over RTSP by another party's server
(aio-rtsp-toolkit, Apache-2.0), for ever.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from cior.supervisor import PartSpec
from cior_bus.embedded.tansu import LOOPBACK, free_port
from cior_core.errors import ConfigInvalid

SERVED = ("h264", "hevc")
"""What the server of the simulated camera sends."""
LONGEST_CLIP_S = 300.0


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


def copy_clip(given: Path, path: Path) -> Path:
    """The first minutes of somebody's film, its pictures as they are coded, its sound left out.

    Raises ``ConfigInvalid`` for what no camera could send.
    """
    import av
    import av.error

    try:
        with av.open(str(given)) as source:
            if not source.streams.video:
                raise ConfigInvalid("demo.clip_unusable", f"{given} has no pictures", cure="give a film")
            stream = source.streams.video[0]
            if stream.codec_context.name not in SERVED:
                raise ConfigInvalid(
                    "demo.clip_unusable",
                    f"{given} is coded as {stream.codec_context.name}, which the simulated camera does not send",
                    cure=f"code it anew: ffmpeg -i {given} -an -c:v libx264 -bf 0 film.mp4",
                )
            with av.open(str(path), "w") as target:
                copy = target.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if (
                        packet.dts is None
                        or packet.pts is None
                        or packet.pts * packet.time_base > LONGEST_CLIP_S
                    ):
                        continue
                    packet.stream = copy
                    target.mux(packet)
    except (av.error.FFmpegError, OSError) as error:
        raise ConfigInvalid(
            "demo.clip_unusable",
            f"{given} cannot be read as a film ({type(error).__name__})",
            cure="give a whole MP4 with H.264 or H.265",
        ) from error
    return path


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
