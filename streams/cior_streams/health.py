"""What a worker says of itself, in a file; whoever reads it need not load what a worker runs on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior_streams.settings import StreamSettings


class Health(msgspec.Struct, frozen=True):
    """The health file, replaced every second.

    ``ready`` is false while recovering, rebalancing or without a broker. A file older than a few seconds means that
    nobody is at home. ``diagnosis`` "late", and ``oldest_waiting_s`` above 2: something that may be a press was not
    processed for so long, and the wall must say so. ``metrics_url``: where its numbers are served; empty: nowhere.
    """

    ready: bool
    diagnosis: str
    commit_age_s: float
    at_ms: int
    pid: int
    worker: str
    metrics_url: str
    oldest_waiting_s: float = 0.0


def health_path(settings: StreamSettings) -> Path:
    """Where the worker writes its health."""
    return settings.state_dir / f"{settings.app_id}-{settings.worker}.health.json"


def read_health(settings: StreamSettings) -> Health | None:
    """The last health that was written; None if there is none."""
    try:
        return msgspec.json.decode(health_path(settings).read_bytes(), type=Health)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
