"""Ready files: how a part tells its supervisor, and whoever looks, that it serves.

Written atomically; holds the pid, so a stale file means nothing.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import msgspec

from cior_bus import durable_file


def announce(path: Path, *, pid: int | None = None, **facts: Any) -> None:
    """Say that this process (or ``pid``) is ready; ``facts`` (a port) go with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_file.replace(path, msgspec.json.encode({"pid": pid or os.getpid(), **facts}), is_synced=False)


def facts(path: Path) -> dict[str, Any]:
    """What a part announced; empty when it did not (yet)."""
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
    return found


def is_ready(path: Path, pid: int) -> bool:
    """Whether the process ``pid`` announced itself."""
    return facts(path).get("pid") == pid


def port_of_before(path: Path, host: str) -> int:
    """The port that this part served when it was ready last, if nobody else took it since: whoever is connected finds
    it again. 0: any free one.
    """
    port = facts(path).get("port")
    if not isinstance(port, int):
        return 0
    try:
        with socket.create_server((host, port)):
            return port
    except (OSError, OverflowError):
        return 0
