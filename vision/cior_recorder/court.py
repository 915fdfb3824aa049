"""The holds that are not the recorder's own: those of courts, in the centre's register (law 7).

They are asked, not copied: at each sweep, and once more by the claim, which fails when a hold came in between. Who
gives them is wired at the edge. Until they are told, nothing may be removed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from cior_core.model import Struct
from cior_recorder.holds import Hold, Shot


class CourtHold(Struct, frozen=True):
    """Footage of ``cameras`` (none: of all) in ``[from_ms, to_ms)``, UTC ms, is kept until ``until_ms`` (None: until
    somebody lifts it).
    """

    cameras: tuple[str, ...]
    from_ms: int
    to_ms: int
    until_ms: int | None = None


class CourtHolds(Struct, frozen=True):
    """All that stand; ``mark``: what a claim must still find."""

    mark: int
    holds: tuple[CourtHold, ...]


class Claimed(Struct, frozen=True):
    """Footage of a camera that is about to go: from its first instant to the latest that its last may have, UTC ms.

    Within a day of the ring.
    """

    camera: str
    from_ms: int
    to_ms: int


class CourtPort(Protocol):
    """Whom a recorder asks. Any error of :mod:`cior_core.errors` out of it means that nothing may go."""

    def standing(self) -> CourtHolds:
        """Every hold that stands now."""
        ...

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        """Write down that it goes. Raises ``AccessDenied`` when a hold was placed since ``mark`` was told."""
        ...

    def close(self) -> None:
        """It is not asked any more; idempotent."""
        ...


class Kept:
    """What all holds keep together, by camera; built once for many questions."""

    def __init__(self, cameras: Iterable[str], *, own: Iterable[Hold], court: Iterable[CourtHold]) -> None:
        spans: dict[str, list[tuple[int, int]]] = {camera: [] for camera in cameras}
        for hold in own:
            spans.get(hold.camera, []).append((hold.from_ms, hold.to_ms))
        for order in court:
            for camera in order.cameras or spans:
                spans.get(camera, []).append((order.from_ms, order.to_ms))
        self._spans = {camera: _joined(found) for camera, found in spans.items()}
        self._starts = {camera: [each[0] for each in found] for camera, found in self._spans.items()}

    def covers(self, shot: Shot) -> bool:
        """Whether any hold needs some of it."""
        at = bisect_right(self._starts[shot.camera], shot.end_ms - 1)
        return at > 0 and self._spans[shot.camera][at - 1][1] > shot.start_ms

    def cameras(self) -> tuple[str, ...]:
        """Those of which something is kept."""
        return tuple(camera for camera, found in self._spans.items() if found)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Apart and in order; an empty interval is none."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(each for each in spans if each[0] < each[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    assert all(before[1] < after[0] for before, after in pairwise(joined))
    return joined
