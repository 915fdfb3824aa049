"""A real RTSP server for tests: ``rtsp-server`` of aio-rtsp-toolkit (Apache-2.0, a dev dependency), another party's
implementation of the protocol.

It serves every H.264 or H.265 file of a folder as ``rtsp://127.0.0.1:PORT/NAME`` in real time, for ever (a file that
ends begins again), RTP interleaved in the RTSP connection (TCP), with RTCP sender reports. By hand, or from a demo,
the same is::

    rtsp-server --dir FOLDER --host 127.0.0.1 --port PORT --control-port OTHER_PORT

Host and control port must both be given: their defaults are fixed and on all interfaces. The script stands beside the
interpreter (``Path(sys.executable).parent / "rtsp-server"``). A client must ask for TCP (``rtsp_transport=tcp``).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from cior_bus.embedded.tansu import LOOPBACK, free_port
from engines.cache import EngineAbsent
from engines.process import EngineProcess

_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "TZ")


class RtspServer:
    """Serves ``folder``. Keeps its ports over stop, kill and start, as a camera keeps its address."""

    def __init__(self, folder: Path, log_path: Path) -> None:
        script = Path(sys.executable).parent / "rtsp-server"
        if not script.is_file():
            raise EngineAbsent("rtsp-server is not installed (dev extra: aio-rtsp-toolkit[server])")
        self._port, control = free_port(), free_port()
        argv = [
            str(script),
            "--dir",
            str(folder),
            "--host",
            LOOPBACK,
            "--port",
            str(self._port),
            "--control-port",
            str(control),
        ]
        env = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = EngineProcess("rtsp-server", argv, log_path=log_path, env=env)

    def url(self, name: str) -> str:
        """Address of a file of the folder."""
        return f"rtsp://{LOOPBACK}:{self._port}/{name}"

    def start(self) -> Self:
        """Start, and return when the port answers."""
        if self._process.pid is None:
            self._process.start(self._answers, timeout_s=20.0)
        return self

    def stop(self) -> None:
        """End it; a paused one too."""
        self.resume()
        self._process.stop(timeout_s=5.0)

    def kill(self) -> None:
        """Gone without a word, sockets closed by the kernel."""
        self._process.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and say nothing, as when a switch or a camera hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        pid = self._process.pid
        if pid is not None:
            os.kill(pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=0.5):
                return True
        except OSError:
            return False
