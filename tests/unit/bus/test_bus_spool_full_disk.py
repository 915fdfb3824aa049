"""A full disk, played on a folder of its own: what gives way, what never does.

(The kernel's own refusals: tests/integration/bus.)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cior_bus import metrics as m
from cior_bus.spool import Entry, Spool, SpoolClass, SpoolLimits
from cior_core.errors import CapacityExhausted

LIFE, UNPROVEN, NORMAL, TELEMETRY, UNREAD = SpoolClass
DISK_BYTES = 60_000
LIMITS = SpoolLimits(segment_bytes=4_096, normal_gather_s=0.001, telemetry_sync_s=0.001)


@pytest.fixture
def metrics() -> m.Metrics:
    return m.Metrics()


class Disk:
    """A folder that takes no more than ``size_bytes``."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder, self.size_bytes = folder, size_bytes

    @property
    def used_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A write beyond its end stops in the middle, the next is refused, as the kernel does it."""
    disk, real = Disk(tmp_path, DISK_BYTES), os.write

    def write(fd: int, data: Any) -> int:
        if not Path(f"/proc/self/fd/{fd}").readlink().is_relative_to(tmp_path):
            return real(fd, data)
        room = disk.size_bytes - disk.used_bytes
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data[:room])

    monkeypatch.setattr(os, "write", write)
    return disk


@pytest.fixture
def spool(disk: Disk, metrics: m.Metrics) -> Iterator[Spool]:
    spool = Spool(disk.folder / "spool", limits=LIMITS, metrics=metrics)
    yield spool
    spool.close()


def fill(spool: Spool, spool_class: SpoolClass, records: int) -> None:
    for n in range(records):
        spool.append(spool_class, [Entry(topic="t", key=b"k", value=b"%d:" % n + b"x" * 900)]).result(5)


def held(spool: Spool, spool_class: SpoolClass) -> int:
    return spool.depth()[spool_class].messages


def dropped(metrics: m.Metrics, spool_class: SpoolClass) -> float:
    return metrics.value(m.DROPPED, spool_class.value, "disk_full", "true")


def test_law_11_telemetry_gives_way_to_a_press_first_then_normal_and_each_is_counted(
    spool: Spool, metrics: m.Metrics
) -> None:
    fill(spool, TELEMETRY, 20)
    fill(spool, NORMAL, 20)
    fill(spool, LIFE, 25)
    assert held(spool, LIFE) == 25
    assert held(spool, NORMAL) == 20, "as long as there is telemetry, nothing else goes"
    assert dropped(metrics, TELEMETRY) == 20 - held(spool, TELEMETRY) > 0
    fill(spool, LIFE, 20)
    assert held(spool, LIFE) == 45
    assert (held(spool, TELEMETRY), dropped(metrics, TELEMETRY)) == (0, 20)
    assert dropped(metrics, NORMAL) == 20 - held(spool, NORMAL) > 0


def test_law_11_what_cannot_be_read_gives_way_before_telemetry_and_a_press_that_nobody_proved_never(
    spool: Spool, metrics: m.Metrics
) -> None:
    fill(spool, UNPROVEN, 15)
    fill(spool, UNREAD, 15)
    fill(spool, TELEMETRY, 15)
    fill(spool, LIFE, 20)
    assert (held(spool, UNPROVEN), held(spool, TELEMETRY), held(spool, LIFE)) == (15, 15, 20)
    assert dropped(metrics, UNREAD) == 15 - held(spool, UNREAD) > 0
    with pytest.raises(CapacityExhausted, match=r"spool\.disk_full"):
        fill(spool, LIFE, 100)
    assert (held(spool, UNPROVEN), dropped(metrics, UNPROVEN)) == (15, 0)


def test_law_11_a_disk_full_of_presses_refuses_the_next_and_drops_none(
    spool: Spool, metrics: m.Metrics
) -> None:
    with pytest.raises(CapacityExhausted, match=r"spool\.disk_full"):
        fill(spool, LIFE, 100)
    assert 50 < held(spool, LIFE) < 70
    assert dropped(metrics, LIFE) == 0
    assert metrics.value(m.REFUSED, "life_safety", "spool.disk_full") == 1


def test_law_1_what_follows_a_record_that_the_disk_cut_short_is_read_again(
    spool: Spool, tmp_path: Path
) -> None:
    with pytest.raises(CapacityExhausted, match=r"spool\.disk_full"):
        fill(spool, LIFE, 100)
    before = held(spool, LIFE)
    spool.advance(LIFE, spool.read(LIFE, max_records=20))
    fill(spool, LIFE, 5)
    spool.close()
    again = Spool(tmp_path / "spool", limits=LIMITS)
    assert held(again, LIFE) == before - 20 + 5
    again.close()


def test_normal_makes_room_for_itself(spool: Spool, metrics: m.Metrics) -> None:
    fill(spool, NORMAL, 100)
    assert dropped(metrics, NORMAL) == 100 - held(spool, NORMAL) > 0


def test_telemetry_takes_no_room_from_normal(spool: Spool, disk: Disk) -> None:
    fill(spool, NORMAL, 20)
    disk.size_bytes = disk.used_bytes
    with pytest.raises(CapacityExhausted, match=r"spool\.disk_full"):
        fill(spool, TELEMETRY, 1)
    assert held(spool, NORMAL) == 20


def test_the_file_being_written_is_not_given_up_for_its_age(tmp_path: Path) -> None:
    now_ms = 1_000
    spool = Spool(tmp_path, limits=LIMITS, now_ms=lambda: now_ms)
    fill(spool, NORMAL, 1)
    now_ms += 30 * 86_400_000
    fill(spool, NORMAL, 1)
    assert held(spool, NORMAL) == 2
    spool.close()
