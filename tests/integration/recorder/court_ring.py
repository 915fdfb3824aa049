"""A ring of some hours, and a recorder's sweep over it that asks a real register."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cior_core import footage
from cior_core.footage import GapCause
from cior_recorder.court import CourtPort
from cior_recorder.disk import Room
from cior_recorder.footage_holds import FootageHolds
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from cior_recorder.sweeping import Sweeper, days_of, stored
from cior_register.deleting import Deleter
from integration.recorder import footage_read
from integration.recorder.fed_track import Clock, Fed

HOUR_MS = 3_600_000
WIDE = Room(free_bytes=10**12, whole_bytes=2 * 10**12)
FULL = Room(free_bytes=0, whole_bytes=10**12)


def filmed(ring: Path, clip: Path, camera: str, *, at_ms: Iterable[int]) -> None:
    """Three seconds of a camera at each of the instants, in segments of one."""
    fed: Fed | None = None
    for start_ms in at_ms:
        if fed is None:
            fed = Fed(ring, clip, Clock(start_ms), camera=camera)
        else:
            fed.track.ended(GapCause.RECONNECT)
            fed.clock.advance(start_ms - fed.clock.now_ms())
        fed.connection(30)
    assert fed is not None
    fed.track.stop()


def court_of(dsn: str, *, now_ms: int, kind: type[FootageHolds] = FootageHolds) -> FootageHolds:
    """As the composition root makes it."""
    deleter = Deleter(lambda: dsn, actor="cior.recorder", now_ms=lambda: now_ms)
    return kind(deleter, name="centro", now_ms=lambda: now_ms)


def sweeper(
    ring: Path, court: CourtPort, cameras: Iterable[str], *, now_ms: int, room: Room = WIDE
) -> Sweeper:
    ledgers = {camera: Ledger(ring, camera) for camera in cameras}
    return Sweeper(ring, ledgers, holds=Holds(ring), court=court, room=lambda: room, now_ms=lambda: now_ms)


def there(ring: Path, camera: str) -> list[int]:
    """Instants at which the files of a camera begin, to the second, UTC ms."""
    return [
        each.start_ms // 1000 * 1000 for day in days_of(ring, camera) for each in stored(ring, camera, day)
    ]


def removals(ring: Path, camera: str) -> list[footage.Removal]:
    return [each for each in footage_read.records(ring, camera) if isinstance(each, footage.Removal)]
