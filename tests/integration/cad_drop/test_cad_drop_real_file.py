"""A county's real 911 file by configuration alone, and a very large one."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_connectors.builtin.cad_drop.source import CadDropSource
from cior_connectors.builtin.cad_drop.state import DropState
from cior_connectors.contract import Accepted
from cior_connectors.registry import package_text

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("CIOR_TEST_DATA", ROOT.parent / "shared" / "data")) / "cad" / "montgomery_911.csv"
Until = Callable[[Callable[[], bool]], Awaitable[None]]


def keyed(word: str) -> str:
    return hmac.new(b"k" * 32, word.encode(), "sha256").hexdigest()


@pytest.mark.skipif(not DATA.exists(), reason=f"the county's 911 file is not at {DATA}: set CIOR_TEST_DATA")
async def test_every_record_of_a_real_county_file_is_an_event_or_a_dead_letter(
    desk: Any, until: Until
) -> None:
    desk.config = msgspec.structs.replace(
        desk.read(package_text("cior_connectors.builtin.cad_drop", "examples/county_csv.toml")),
        folder=str(desk.inbox),
        ready="rename",
        poll_s=0.05,
    )
    data = DATA.read_bytes()
    desk.put("calls.csv", data)
    async with desk.running():
        await until((desk.inbox / "done" / "calls.csv").exists)
    raws, events, dead = desk.accounted()
    assert raws == events + dead == 3051
    assert dead == 0
    in_order = sorted(desk.sink.raws(), key=lambda record: int(record.facts["record"]))
    assert b"".join(record.payload for record in in_order) == data
    found = desk.sink.decoded()
    assert len({event.id for event in found}) == 3051
    kinds = Counter(event.type for event in found)
    assert kinds["call.other"] < 3051 * 0.1, "families of natures are recognised"
    assert all(event.place.located and 39 < (event.place.lat or 0) < 41 for event in found)
    assert all(
        1_450_000_000_000 < event.occurred_ms < 1_545_000_000_000 and event.clock_error_s == 60
        for event in found
    )
    assert all("column_2" not in event.attributes for event in found)


async def test_a_file_of_eight_thousand_rows_is_read_in_the_memory_of_a_few(
    desk: Any, tmp_path: Path
) -> None:
    """Memory of the reader and its labels, with and without numbers: no object stays behind a record."""
    rows = 8_000
    path = desk.inbox / "big.csv"
    with path.open("wb") as stream:
        stream.write(b"number,created,nature,lat,lon\n")
        for n in range(rows):
            stream.write(
                b"%d,2026-09-21 10:00,choque en la esquina de siempre numero %d,-32.9,-60.6\n" % (n, n)
            )
    assert path.stat().st_size > 600_000
    for numbered in (True, False):
        desk.configure(
            columns=msgspec.structs.replace(desk.config.columns, id=("number",) if numbered else ())
        )
        tracemalloc.start()
        count = await _drain(desk, path, tmp_path / f"state-{numbered}")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == rows
        assert peak < 600_000
        path = next((desk.inbox / "done").glob("big*.csv")).rename(path)


class _Context:
    instance, max_payload_bytes = "desk", 800_000

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def keyed(self, *words: str) -> str:
        return keyed("\0".join(words))

    def keyed_before(self, *words: str) -> tuple[str, ...]:
        return ()

    def degraded(self, reason: str, /) -> None:
        raise AssertionError(reason)

    def recovered(self) -> None:
        """Nothing was wrong."""


async def _drain(desk: Any, path: Path, state: Path) -> int:
    """Run the source until it has acknowledged the file; every record is answered at once.

    Gives the number of records.
    """
    state.mkdir()  # noqa: ASYNC240
    source = CadDropSource(desk.config)
    await source.open(_Context(state))
    count = 0

    async def consume() -> None:
        nonlocal count
        async for unit in source.receive():
            await unit.ack(Accepted(events=1))
            count += 1

    task = asyncio.ensure_future(consume())
    while path.exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    await source.close()
    return count


def test_versions_are_forgotten_after_their_time(tmp_path: Path) -> None:
    day_ms = 86_400_000
    state = DropState(tmp_path / "s", now_ms=0, remember_days=10, keyed=keyed)
    assert not state.known("a", "1", now_ms=0)
    assert state.known("a", "2", now_ms=0)
    state.close()
    state = DropState(tmp_path / "s", now_ms=9 * day_ms, remember_days=10, keyed=keyed)
    assert state.known("a", "2", now_ms=9 * day_ms)
    state.close()
    state = DropState(tmp_path / "s", now_ms=11 * day_ms, remember_days=10, keyed=keyed)
    assert not state.known("a", "3", now_ms=11 * day_ms)
    state.close()
