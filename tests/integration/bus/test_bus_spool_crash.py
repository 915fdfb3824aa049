"""The spool against kill -9 and a full disk, with real processes and a real file system."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from cior_bus import metrics as m
from cior_bus.spool import Entry, Spool, SpoolClass, SpoolLimits
from cior_core.errors import CapacityExhausted
from engines.long_runs import often

WRITER = Path(__file__).with_name("spool_writer.py")


def run_and_kill(directory: Path, first: int, *, mode: str, after_s: float) -> dict[str, list[int]]:
    """What the process said before it was killed: ``a <class>`` acknowledged, ``d <class>`` drained."""
    log = directory.parent / "said"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(WRITER), str(directory), str(first), mode], stdout=output
        )
        deadline = time.monotonic() + 20
        while log.stat().st_size < 200 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(after_s)
        process.kill()
        process.wait()
    said: dict[str, list[int]] = defaultdict(list)
    for line in log.read_text().splitlines():
        match line.split(" "):
            case [("a" | "d") as what, spool_class, number] if line:
                said[f"{what} {spool_class}"].append(int(number))
    return said


def contents(spool: Spool, spool_class: SpoolClass) -> list[int]:
    return [
        int(s.entries[0].value.split(b":")[0])
        for s in spool.read(spool_class, max_records=10**6, max_bytes=10**9)
    ]


@pytest.mark.crash
@pytest.mark.long
@pytest.mark.parametrize("mode", ["keep", "drain"])
def test_law_1_every_acknowledged_record_survives_kill_9_at_any_moment(tmp_path: Path, mode: str) -> None:
    """Eight lives of one spool (400 in the long form), each ended at a random moment."""
    directory = tmp_path / "spool"
    chance = random.Random(7)
    acknowledged: dict[str, list[int]] = defaultdict(list)
    drained: set[int] = set()
    for life in range(often(8, long=400)):
        said = run_and_kill(directory, life * 100_000, mode=mode, after_s=chance.uniform(0.0, 0.25))
        for name, numbers in said.items():
            if name.startswith("a "):
                acknowledged[name[2:]] += numbers
            else:
                drained.update(numbers)
    spool = Spool.open(directory)
    for spool_class in SpoolClass:
        found = contents(spool, spool_class)
        assert found == sorted(found), "order kept over all lives"
        missing = set(acknowledged[spool_class.value]) - set(found) - drained
        assert not missing, f"{len(missing)} acknowledged records are gone"
        assert len(acknowledged[spool_class.value]) > 50, "the test must have seen something"
    spool.close()


def test_a_file_system_that_refuses_more_is_said_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse writes beyond 12 kB a file, as a full disk does, in the middle of a
    record.
    """
    directory = tmp_path / "spool"
    ran = subprocess.run(
        [sys.executable, str(WRITER), str(directory), "0", "keep", "12000"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = ran.stdout.splitlines()
    assert any("spool.disk_full" in line for line in lines), ran.stderr[-2_000:]
    acknowledged = [int(line.split()[2]) for line in lines if line.startswith("a life_safety")]
    spool = Spool.open(directory)
    assert contents(spool, SpoolClass.LIFE_SAFETY) == acknowledged
    assert len(acknowledged) >= 10
    spool.close()


def test_a_full_disk_takes_room_from_telemetry_first_and_never_from_life_safety(tmp_path: Path) -> None:
    """A 2 MB file system of its own. What gives way is counted as meant."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system (RLIMIT_FSIZE covers the refusal itself)")
    metrics = m.Metrics()
    try:
        spool = Spool(tmp_path / "spool", limits=SpoolLimits(segment_bytes=100_000), metrics=metrics)
        blob = b"x" * 10_000
        for _ in range(50):
            spool.append(SpoolClass.TELEMETRY, [Entry(topic="t", key=b"k", value=blob)]).result(5)
            spool.append(SpoolClass.NORMAL, [Entry(topic="t", key=b"k", value=blob)]).result(5)
        accepted = 0
        with pytest.raises(CapacityExhausted, match="disk_full"):  # noqa: PT012
            for _ in range(1_000):
                spool.append(SpoolClass.LIFE_SAFETY, [Entry(topic="t", key=b"k", value=blob)]).result(5)
                accepted += 1
        assert 150 < accepted < 210
        assert spool.depth()[SpoolClass.LIFE_SAFETY].messages == accepted
        assert metrics.value(m.DROPPED, "telemetry", "disk_full", "true") == 50
        assert metrics.value(m.DROPPED, "normal", "disk_full", "true") == 50
        assert metrics.value(m.DROPPED, "life_safety") == 0
        spool.close()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
