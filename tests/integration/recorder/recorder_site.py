"""A recorder without its threads, on a clock that only the test moves: real files, cameras that send a key picture each
two seconds, and every fault when the test says so.
"""

from __future__ import annotations

import gc
import os
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest

from cior_bus.metrics import Metrics
from cior_core import footage
from cior_core.footage import GapCause, Segment
from cior_core.model import Struct
from cior_recorder.copy_notes import Notes
from cior_recorder.copying import FootageCopier, Where
from cior_recorder.court import CourtHold, CourtHolds
from cior_recorder.disk import Room
from cior_recorder.holds import Hold, Holds
from cior_recorder.ledger import Ledger
from cior_recorder.pruning import Pruner
from cior_recorder.recovery import entered_late, resumed
from cior_recorder.sweeping import Sweeper
from cior_recorder.track import Cutting, Shelf, Track
from cior_store.locked import LockedBucket
from cior_video.timing import PacketTimes
from doubles.courts import NoOrders
from integration.recorder.fed_track import Clock

EVERY_S = 2.0


class Orders(NoOrders):
    """Orders of courts as the test has them. What was claimed is counted, not kept: a register's table is not here."""

    def __init__(self) -> None:
        super().__init__()
        self.holds: tuple[CourtHold, ...] = ()

    def standing(self) -> CourtHolds:
        self.claimed.clear()
        return CourtHolds(0, self.holds)


class Camera:
    """One key picture, told again with the time of now."""

    def __init__(self, clip: Path) -> None:
        self._container = av.open(str(clip))
        self.stream = self._container.streams.video[0]
        packets = [each for each in self._container.demux(self.stream) if each.size and each.is_keyframe]
        self._key, self._base = bytes(packets[0]), self.stream.time_base or Fraction(1, 90_000)

    def picture(self, number: int) -> av.Packet[av.VideoStream]:
        """The next of a connection."""
        made = cast("av.Packet[av.VideoStream]", av.Packet(self._key))
        made.time_base, made.is_keyframe = self._base, True
        made.pts = made.dts = round(number * EVERY_S / self._base)
        return made


class Facts(Struct, frozen=True, kw_only=True):
    """What a recorder takes: files and bytes of segments, all that tells of them but for past days, those, what the
    process has open and in memory, and names that a start had to list.
    """

    files: int
    segment_bytes: int
    telling_bytes: int
    past_bytes: int
    folders: int
    open_files: int
    memory_blocks: int
    listed: int


class Site:
    """``keep_ms`` of ``cameras`` in ``ring``, on a disk of ``disk_bytes``. ``recorded``: by camera, number, first and
    last instant of each segment, one after another; ``removed``, ``past``: how many segments went, and days.
    """

    def __init__(self, folder: Path, clip: Path, *, cameras: int, keep_ms: int, disk_bytes: int) -> None:
        self.ring, self._state, self._keep_ms, self._disk_bytes = (
            folder / "ring",
            folder / "state",
            keep_ms,
            disk_bytes,
        )
        self.clock, self.court, self._camera = Clock(), Orders(), Camera(clip)
        self.cameras = tuple(f"camera-{n}" for n in range(cameras))
        self.recorded = {camera: array("q") for camera in self.cameras}
        self._others_bytes, self._free_bytes = 0, disk_bytes
        self._holds_placed = 0
        self.ring.mkdir(parents=True)
        self.removed = self.past = 0
        self.start()

    # --- a process ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process."""
        now_ms = self.clock.now_ms
        self._holds = Holds(self.ring)
        self._ledgers = {camera: Ledger(self.ring, camera) for camera in self.cameras}
        self._tracks = {camera: self._track(camera) for camera in self.cameras}
        for camera in self.cameras:
            entered_late(self.ring, camera, self._ledgers[camera])
        self._sweeper = Sweeper(
            self.ring, self._ledgers, holds=self._holds, court=self.court, room=self._room, now_ms=now_ms
        )
        self._pruner = Pruner(self.ring, self._ledgers, holds=self._holds, court=self.court, now_ms=now_ms)
        self._copier = FootageCopier(
            Where(self.ring, self.cameras, ""), notes=Notes(self._state / "copies"), holds=self._holds,
            court=self.court, now_ms=now_ms, metrics=Metrics(),
        )  # fmt: skip

    def _track(self, camera: str) -> Track:
        ledger = self._ledgers[camera]
        left = resumed(self.ring, camera, ledger, now_ms=self.clock.now_ms())
        shelf = Shelf(ring=self.ring, ledger=ledger, has_room=self.has_room, closed=self._closed)
        return Track(
            camera, shelf, left=left, clock=self.clock, cutting=Cutting(segment_s=20.0, sync_s=3600.0)
        )

    def stop(self) -> None:
        """As it is asked to."""
        for track in self._tracks.values():
            track.stop()

    def kill(self) -> None:
        """Without a word, in the middle of a picture where one is written."""
        for track in self._tracks.values():
            if track._open is not None:
                track._open.file.abandon()

    def _closed(self, segment: Segment) -> None:
        self._holds.keep(segment, self._holds.recent())
        self.recorded[segment.camera].extend((segment.number, segment.start_ms, segment.end_ms))

    # --- cameras ------------------------------------------------------------------------------------------------

    def film(self, seconds: float, *, leaves_open: bool = False) -> None:
        """One connection of each camera."""
        for track in self._tracks.values():
            track.connected(self._camera.stream)
        for number in range(round(seconds / EVERY_S)):
            now_ms = self.clock.now_ms()
            for track in self._tracks.values():
                track.packet(self._camera.picture(number), PacketTimes(arrival_ms=now_ms, sender_ms=now_ms))
            self.clock.advance(round(EVERY_S * 1000))
        if not leaves_open:
            for track in self._tracks.values():
                track.ended(GapCause.RECONNECT)

    def away(self, seconds: float, *, told_each_s: float = 60.0) -> None:
        """No camera sends anything."""
        for track in self._tracks.values():
            track.ended(GapCause.CAMERA_AWAY)
        for _ in range(round(seconds / told_each_s)):
            self.clock.advance(round(told_each_s * 1000))
            for track in self._tracks.values():
                track.tick()

    # --- the disk -----------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        return self._free_bytes >= self._disk_bytes // 100

    def _room(self) -> Room:
        self._free_bytes = max(0, self._disk_bytes - self._others_bytes - size_of(self.ring))
        return Room(free_bytes=self._free_bytes, whole_bytes=self._disk_bytes)

    def fill(self) -> None:
        """Somebody else takes all that is free."""
        self._others_bytes += self._room().free_bytes
        self._room()

    def clear(self) -> None:
        """And gives it back."""
        self._others_bytes = 0
        self._room()

    # --- what recorders do meanwhile ----------------------------------------------------------------------------

    def hold(self, back_ms: int, *, for_ms: int) -> None:
        """As an alert asks: the last minutes of every camera."""
        now_ms = self.clock.now_ms()
        for camera in self.cameras:
            self._holds_placed += 1
            hold = Hold(
                id=f"h{self._holds_placed}", camera=camera, from_ms=now_ms - back_ms, to_ms=now_ms + back_ms,
                placed_ms=now_ms, reason="alert a1", until_ms=now_ms + for_ms,
            )  # fmt: skip
            days = footage.days_of(hold.from_ms, hold.to_ms)
            told = [each.record for day in days for each in self._ledgers[camera].entries(day)]
            self._holds.place(hold, [each for each in told if isinstance(each, Segment)])

    def sweep(self) -> None:
        """What a recorder does each half minute."""
        self._holds.lapse(self.clock.now_ms())
        swept = self._sweeper.sweep(keep_ms=self._keep_ms, reserve_bytes=self._disk_bytes // 20)
        assert not swept.is_blocked
        self.removed += swept.removed
        self.past += self._pruner.prune(keep_ms=self._keep_ms, years=10)

    def copy(self, bucket: LockedBucket) -> None:
        """All that is held, into the bucket."""
        while self._copier.look(bucket):
            pass

    # --- what it takes ------------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """As of now."""
        files = [path for top in (self.ring, self._state) if top.exists() for path in top.rglob("*")]
        segments = [path for path in files if path.suffix == ".mp4"]
        telling = [path for path in files if path.suffix in {".jsonl", ".json"}]
        past = [path for path in telling if path.match(footage.PAST)]
        gc.collect()
        return Facts(
            files=sum(path.is_file() for path in files),
            segment_bytes=sum(path.stat().st_size for path in segments),
            telling_bytes=sum(path.stat().st_size for path in telling if path not in past),
            past_bytes=sum(path.stat().st_size for path in past),
            folders=sum(path.is_dir() for path in files),
            open_files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  (their number)
            memory_blocks=sys.getallocatedblocks(),
            listed=self._listed_by_a_start(),
        )

    def _listed_by_a_start(self) -> int:
        with counted_names() as names:
            for camera in self.cameras:
                ledger = Ledger(self.ring, camera)
                days = ledger.days[-2:]
                assert days
                resumed(self.ring, camera, ledger, now_ms=0)
        return sum(names)


def size_of(ring: Path) -> int:
    """Bytes of its segments, each file once."""
    found = {}
    for folder, _, names in os.walk(ring):
        for name in names:
            if ".mp4" in name:
                seen = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118  (many)
                found[seen.st_ino] = seen.st_size
    return sum(found.values())


@contextmanager
def counted_names() -> Iterator[list[int]]:
    """How many names folders had that were listed meanwhile."""
    names: list[int] = []
    scandir, listdir = os.scandir, os.listdir

    def scanned(path: str = ".") -> object:
        names.append(len(listdir(path)))
        return scandir(path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "scandir", scanned)
        yield names
