"""Who copies held footage of a ring into a bucket of the test's server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from cior_bus.metrics import Metrics
from cior_core.errors import CiorError
from cior_recorder.copy_notes import Notes
from cior_recorder.copying import FootageCopier, Pause, Where
from cior_recorder.court import Claimed, CourtHold, CourtHolds
from cior_recorder.holds import Holds
from cior_store.locked import BucketPlace, LockedBucket
from engines.versitygw import KEY_ID, REGION, SECRET

PREFIX = "c/footage/r/"


class Court:
    """Holds of courts as the test has them; ``fails``: what the register says instead."""

    def __init__(self, *holds: CourtHold) -> None:
        self.holds: tuple[CourtHold, ...] = holds
        self.fails: CiorError | None = None

    def standing(self) -> CourtHolds:
        if self.fails is not None:
            raise self.fails
        return CourtHolds(0, self.holds)

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        raise AssertionError("who copies deletes nothing")

    def close(self) -> None:
        pass


def bucket_at(endpoint: str, name: str, *, key_id: str = KEY_ID, secret: str = SECRET) -> LockedBucket:
    return LockedBucket(
        BucketPlace(endpoint=endpoint, bucket=name, region=REGION, key_id=key_id, secret=secret)
    )


def copier(
    ring: Path,
    folder: Path,
    *,
    court: Court | None = None,
    metrics: Metrics | None = None,
    pause: Pause = lambda _: None,
    later_ms: int = 0,
) -> FootageCopier:
    """A process that begins anew, with the receipts below ``folder``, ``later_ms`` from now."""
    return FootageCopier(
        Where(ring, ("plaza", "esquina"), PREFIX),
        notes=Notes(folder / "notes"),
        holds=Holds(ring),
        court=court or Court(),
        now_ms=lambda: time.time_ns() // 1_000_000 + later_ms,
        metrics=metrics or Metrics(),
        pause=pause,
    )
