"""A recorder's sweep that says what it claimed and then stands still until somebody kills it:
``claiming_child.py DSN RING NOW_MS CAMERA...``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cior_recorder.court import Claimed
from cior_recorder.footage_holds import FootageHolds
from integration.recorder.court_ring import court_of, sweeper


class Stands(FootageHolds):
    """What is claimed is claimed; nothing comes after it."""

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        super().claim(claimed, mark=mark)
        print("claimed", flush=True)
        time.sleep(3_600)


def main(dsn: str, ring: str, now_ms: str, *cameras: str) -> None:
    court = court_of(dsn, now_ms=int(now_ms), kind=Stands)
    sweeper(Path(ring), court, cameras, now_ms=int(now_ms)).sweep(keep_ms=1, reserve_bytes=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
