"""Which held segments are copied and how long they are asked to be locked, with a bucket in memory: where no
Go builds a real one, this still runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import pytest

from cior_bus.metrics import Metrics
from cior_core import footage
from cior_core.errors import SourceUnavailable
from cior_core.footage import Segment
from cior_recorder import metrics as m
from cior_recorder.court import CourtHold
from cior_store.locked import Kept, Lock, LockedBucket
from integration.recorder import footage_read
from integration.recorder.bucket_copies import PREFIX, Court, copier
from integration.recorder.court_ring import HOUR_MS, filmed
from integration.recorder.fed_track import NOON_MS

ALL = CourtHold((), NOON_MS, NOON_MS + HOUR_MS)


class MemoryBucket:
    """Takes what it is given, when it is what was announced."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def keep(
        self,
        key: str,
        content: BinaryIO,
        *,
        size_bytes: int,
        sha256: str,
        lock: Lock,
        told: Mapping[str, str],
    ) -> Kept:
        assert hashlib.sha256(content.read()).hexdigest() == sha256 == told["sha256"]
        assert key not in self.kept, "put twice"
        self.kept[key] = Kept(key=key, version="1", sha256=sha256, size_bytes=size_bytes, lock=lock)
        return self.kept[key]

    def relock(self, kept: Kept, wanted: Lock) -> Kept:
        self.kept[kept.key] = msgspec.structs.replace(kept, lock=wanted)
        return self.kept[kept.key]

    @property
    def names(self) -> set[str]:
        return {each.removeprefix(PREFIX) for each in self.kept}


@pytest.fixture
def ring(tmp_path: Path, clip: Path) -> Path:
    filmed(tmp_path / "ring", clip, "plaza", at_ms=(NOON_MS,))
    return tmp_path / "ring"


def segments(ring: Path) -> list[Segment]:
    return [each for each in footage_read.records(ring, "plaza") if isinstance(each, Segment)]


def as_bucket(bucket: MemoryBucket) -> LockedBucket:
    return cast("LockedBucket", bucket)


def test_an_order_is_lifted_when_the_register_says_so_and_not_while_it_says_nothing(
    ring: Path, tmp_path: Path
) -> None:
    bucket, court = MemoryBucket(), Court(ALL)
    copier(ring, tmp_path, court=court).look(as_bucket(bucket))
    assert {each.lock for each in bucket.kept.values()} == {Lock(is_open=True)}
    silent = Court()
    silent.fails = SourceUnavailable("register.away", "away")
    copier(ring, tmp_path, court=silent).look(as_bucket(bucket))
    assert {each.lock for each in bucket.kept.values()} == {Lock(is_open=True)}
    copier(ring, tmp_path, court=Court()).look(as_bucket(bucket))
    assert {each.lock for each in bucket.kept.values()} == {Lock()}


@pytest.mark.parametrize("spoiled", ["its bytes", "its line", "its file"])
def test_a_segment_that_is_not_as_its_chain_says_is_told_and_the_others_go_on(
    ring: Path, tmp_path: Path, spoiled: str
) -> None:
    first, *others = segments(ring)
    path, index = ring / first.path, ring / footage.index_path("plaza", footage.day_of(NOON_MS))
    match spoiled:
        case "its bytes":
            path.write_bytes(path.read_bytes() + b"!")
        case "its line":
            index.write_text(index.read_text().replace(f'"frames":{first.frames}', '"frames":999', 1))
        case _:
            path.unlink()
    bucket, metrics = MemoryBucket(), Metrics()
    copier(ring, tmp_path, court=Court(ALL), metrics=metrics).look(as_bucket(bucket))
    assert first.path not in bucket.names
    assert {each.path for each in others} <= bucket.names
    assert metrics.value(m.COPIES_LOST) == 1


def test_an_index_that_grows_is_read_on_from_where_it_was_and_nothing_is_put_twice(
    ring: Path, tmp_path: Path, clip: Path
) -> None:
    bucket = MemoryBucket()
    copies = copier(ring, tmp_path, court=Court(ALL))
    copies.look(as_bucket(bucket))
    before = bucket.names
    filmed(ring, clip, "plaza", at_ms=(NOON_MS + 600_000,))
    copies.look(as_bucket(bucket))
    added = bucket.names - before
    assert {each.path for each in segments(ring)} <= bucket.names
    assert len([each for each in added if each.endswith(".mp4")]) == 3
