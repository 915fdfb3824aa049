"""What the spool does at its limits: a record larger than its part, a full disk, and records dropped while they were
being drained.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from cior_bus import metrics as m
from cior_bus.segments import SegmentLog
from cior_bus.spool import Spool
from cior_core.errors import CapacityExhausted
from unit.bus.test_bus_spool import LIFE, NORMAL, SMALL, TELEMETRY, entry, waiting


def test_a_normal_record_larger_than_its_part_is_refused_and_pushes_nobody_out(tmp_path: Path) -> None:
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics)
    spool.append(NORMAL, [entry(1)]).result(5)
    with pytest.raises(CapacityExhausted) as refused:
        spool.append(NORMAL, [entry(2, size_bytes=SMALL.normal_bytes)])
    assert refused.value.code == "spool.full"
    assert waiting(spool, NORMAL) == [1]
    assert metrics.value(m.DROPPED) == 0
    assert metrics.value(m.REFUSED, "normal", "spool.full") == 1
    spool.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it fills the disk: nothing can be written any more until a file of the spool is deleted."""
    append, drop = SegmentLog.append, SegmentLog.drop_oldest
    is_full = False

    def writing(log: SegmentLog, payload: bytes, *, at_ms: int) -> int:
        if is_full:
            raise OSError(errno.ENOSPC, "no space left on device")
        return append(log, payload, at_ms=at_ms)

    def dropping(log: SegmentLog) -> list[bytes]:
        nonlocal is_full
        is_full = False
        return drop(log)

    monkeypatch.setattr(SegmentLog, "append", writing)
    monkeypatch.setattr(SegmentLog, "drop_oldest", dropping)

    def fill() -> None:
        nonlocal is_full
        is_full = True

    return fill


def test_law_11_on_a_full_disk_normal_makes_room_for_itself_and_counts_what_it_gave_up(
    tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics)
    spool.append(LIFE, [entry(0)]).result(5)
    spool.append(NORMAL, [entry(1)]).result(5)
    full_disk()
    spool.append(NORMAL, [entry(2)]).result(5)
    assert waiting(spool, NORMAL) == [2]
    assert metrics.value(m.DROPPED, "normal", "disk_full", "true") == 1
    assert waiting(spool, LIFE) == [0], "nothing gives way to something less important"
    spool.close()


def test_on_a_full_disk_telemetry_gives_way_first_and_life_safety_never(
    tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    for spool_class in (LIFE, NORMAL, TELEMETRY):
        spool.append(spool_class, [entry(1)]).result(5)
    for spool_class, left in ((LIFE, (1, 1, 0)), (LIFE, (1, 0, 0))):
        full_disk()
        spool.append(spool_class, [entry(2)]).result(5)
        assert tuple(waiting(spool, each).count(1) for each in (LIFE, NORMAL, TELEMETRY)) == left
    full_disk()
    with pytest.raises(CapacityExhausted) as refused:
        spool.append(LIFE, [entry(3)])
    assert refused.value.code == "spool.disk_full"
    assert waiting(spool, LIFE) == [1, 2, 2]
    spool.close()


def test_records_dropped_while_they_were_being_drained_are_not_taken_off_twice(tmp_path: Path) -> None:
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics)
    spool.append(NORMAL, [entry(-1)]).result(5)
    under_way = spool.read(NORMAL, max_records=1)
    for n in range(1_000):
        spool.append(NORMAL, [entry(n)])
    assert metrics.value(m.DROPPED, "normal", "spool_full", "true") > 0, "the drained record was dropped"
    left = waiting(spool, NORMAL)
    spool.advance(NORMAL, under_way)
    assert spool.depth()[NORMAL].messages == len(left) == len(waiting(spool, NORMAL))
    assert spool.holds("t", b"k")
    spool.close()


def test_a_drain_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    for n in range(4):
        spool.append(NORMAL, [entry(n)]).result(5)
    drained = spool.read(NORMAL, max_records=2)
    for _ in range(2):
        spool.advance(NORMAL, drained)
    assert spool.depth()[NORMAL].messages == len(waiting(spool, NORMAL)) == 2
    spool.close()
