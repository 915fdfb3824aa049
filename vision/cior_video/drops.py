"""Dropping is counted, with reason and intent (law 11)."""

from __future__ import annotations

import threading
from enum import StrEnum


class DropReason(StrEnum):
    """Why a picture never reached the detector."""

    SAMPLED = "sampled"
    QUEUE_FULL = "queue_full"
    NO_PTS = "no_pts"
    PTS_NOT_ADVANCING = "pts_not_advancing"
    DECODE_ERROR = "decode_error"
    DAMAGED = "damaged"
    LIGHT_SWITCH = "light_switch"
    STOPPING = "stopping"

    @property
    def intentional(self) -> bool:
        """True for a decision of ours (rate, overload, recalibration, our stop), false when the stream was at fault."""
        return self in {
            DropReason.SAMPLED,
            DropReason.QUEUE_FULL,
            DropReason.LIGHT_SWITCH,
            DropReason.STOPPING,
        }


class DropCounter:
    """Counts by reason, from the reader's thread and the pipeline's; never reset: who reads, forms differences."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[DropReason, int] = {}

    def add(self, reason: DropReason, count: int = 1) -> None:
        """Count ``count`` lost pictures."""
        with self._lock:
            self._counts[reason] = self._counts.get(reason, 0) + count

    def snapshot(self) -> dict[DropReason, int]:
        """The totals so far, as a copy."""
        with self._lock:
            return dict(self._counts)


def as_rows(counts: dict[DropReason, int]) -> list[dict[str, str | int | bool]]:
    """Totals as publishable rows ``{reason, intentional, count}``, sorted by reason."""
    return [
        {"reason": str(reason), "intentional": reason.intentional, "count": counts[reason]}
        for reason in sorted(counts)
    ]
