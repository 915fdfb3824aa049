"""The accounts cover cameras: a real RTSP camera, a real broker, the sink's own consumers and a real store, and what
they say of its stretches.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_bus.spool import Spool
from cior_core import codec
from cior_core.camera_stretch import CONTENT_TYPE, CameraStretch, StretchEnd
from cior_core.catalogue import Kind
from cior_core.model import RawRecord
from cior_sink.reconciling import Reconciler
from cior_sink.storing import StoreSink
from cior_store import reconcile
from cior_store.answers import BalanceRow
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import Questions
from cior_store.reconcile import Balance
from cior_vision.settings import AnyVisionSettings
from cior_vision.worker import VisionWorker
from engines.rtsp import RtspServer
from integration.bus.brokers import Broker
from integration.vision.conftest import SETTINGS, camera, catalogue_toml
from integration.vision.shirts import ShirtDetector

LATER_MS = 10 * 60_000
PROCESS = Path(__file__).with_name("vision_process.py")


class Accounts:
    """A broker, a store and the sink between them."""

    def __init__(self, tansu: Tansu, folder: Path) -> None:
        self.bus_settings = BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")
        self.broker = Broker(tansu, Profile.TANSU)
        Topics(self.bus_settings).ensure()
        self.store = Store.open(f"chdb://{folder / 'store'}")
        migrate(self.store)
        self.bus = Bus(self.bus_settings)
        self._sink = StoreSink(self.bus_settings, self.store, self.bus)
        self._sink.start()

    def close(self) -> None:
        self._sink.stop()
        self.bus.close()
        self.store.close()

    def rows(self) -> list[BalanceRow]:
        now_ms = time.time_ns() // 1_000_000
        found = Questions(self.store).reconciliation(since_ms=now_ms - LATER_MS, until_ms=now_ms + 60_000)
        return [row for row in found if row.connector == "vision"]

    def sums(self) -> tuple[int, int, int, int]:
        """Accepted, stored, declared, stored events and dead letters."""
        rows = self.rows()
        return (
            sum(row.accepted or 0 for row in rows),
            sum(row.raw_stored for row in rows),
            sum(row.outcomes_declared for row in rows),
            sum(row.events_stored + row.dead_stored for row in rows),
        )

    def verdicts(self, *, after_ms: int = 0) -> set[Balance]:
        now_ms = time.time_ns() // 1_000_000 + after_ms
        checked = reconcile.check(Questions(self.store), now_ms=now_ms)
        return {each.verdict for each in checked if each.row.connector == "vision"}

    def later(self) -> Reconciler:
        """The reconciler as it will look ten minutes from now, when nothing counts as in flight any more."""
        return Reconciler(self.store, self.bus, now_ms=lambda: time.time_ns() // 1_000_000 + LATER_MS)

    def stretches(self) -> list[CameraStretch]:
        records: dict[str, RawRecord] = {
            record.id: record
            for _, value in self.broker.values(topics.RAW.name, at_least=1)
            for record in codec.records(Kind.RAW, value)
        }
        assert {record.content_type for record in records.values()} == {CONTENT_TYPE}
        return [msgspec.json.decode(record.payload, type=CameraStretch) for record in records.values()]


@pytest.fixture
def accounts(tansu: Tansu, tmp_path: Path) -> Iterator[Accounts]:
    opened = Accounts(tansu, tmp_path)
    yield opened
    opened.close()


class Losing:
    """The way to the broker, on which the second stretch is lost although it was said to be durable."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.seen = 0
        self.lost: list[MessageOut] = []

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        for message in messages:
            if message.topic == topics.RAW.name:
                self.seen += 1
                if self.seen == 2:
                    self.lost.append(message)
        await self._bus.publish([each for each in messages if each not in self.lost])


def plaza(url: str, folder: Path, *, stretch_s: int) -> AnyVisionSettings:
    return camera(url, folder, SETTINGS.replace("[worker]\n", f"[worker]\nstretch_s = {stretch_s}\n"))


async def watch(settings: AnyVisionSettings, sink: Bus | Losing, *, until_: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(VisionWorker(settings, sink, detector=ShirtDetector()).run(stop))
    deadline_s = time.monotonic() + 60
    while not until_():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.1)
    stop.set()
    await running


@contextmanager
def bus_of(accounts: Accounts, folder: Path) -> Iterator[Bus]:
    """A worker's own way to the broker, with a spool."""
    spool = Spool.open(folder / "spool")
    with Bus(accounts.bus_settings, spool=spool) as bus:
        yield bus
    spool.close()


def until(condition: Callable[[], bool], *, within_s: float, why: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, why()
        time.sleep(0.2)


@pytest.mark.timeout(120)
def test_what_a_camera_sent_is_accepted_and_stored_and_so_is_every_event_of_it(
    accounts: Accounts, rtsp: RtspServer, tmp_path: Path
) -> None:
    with bus_of(accounts, tmp_path) as bus:
        over_s = time.monotonic() + 12
        settings = plaza(rtsp.url("loiterer.mp4"), tmp_path, stretch_s=2)
        asyncio.run(watch(settings, bus, until_=lambda: time.monotonic() > over_s))
        assert bus.flush(timeout_s=20)
    stretches: list[CameraStretch] = []
    sums: list[int] = []

    def counted() -> bool:
        stretches[:], sums[:] = accounts.stretches(), accounts.sums()
        is_whole = any(each.ended is StretchEnd.STOPPED for each in stretches)
        is_even = sums[0] == sums[1] == len(stretches) and sums[2] == sums[3]
        return is_whole and is_even and accounts.verdicts() == {Balance.BALANCED}

    until(counted, within_s=60, why=accounts.rows)
    accepted, stored, declared, landed = sums
    assert accepted == stored == len(stretches) >= 3
    assert declared == landed >= 3, "somebody was in the picture for seconds"
    assert accounts.later().look() == ()
    assert sum(len(each.events) for each in stretches) == declared
    assert {each.ended for each in stretches} == {StretchEnd.TIME, StretchEnd.STOPPED}
    assert all(each.closed_ms - each.opened_ms < 6_000 for each in stretches)
    assert {each.form.codec for each in stretches if each.form is not None} == {"h264"}
    assert all(each.packets > 5 and each.received_bytes > 1_000 for each in stretches[:-1])


@pytest.mark.timeout(120)
def test_a_lost_stretch_raises_the_gap(accounts: Accounts, rtsp: RtspServer, tmp_path: Path) -> None:
    with bus_of(accounts, tmp_path) as bus:
        losing = Losing(bus)
        asyncio.run(
            watch(
                plaza(rtsp.url("loiterer.mp4"), tmp_path, stretch_s=1),
                losing,
                until_=lambda: losing.seen >= 3,
            )
        )
        assert bus.flush(timeout_s=20)
    assert len(losing.lost) == 1
    until(
        lambda: accounts.sums()[1] >= 2 and accounts.sums()[0] == accounts.sums()[1] + 1,
        within_s=30,
        why=accounts.rows,
    )
    gaps = accounts.later().look()
    assert [(gap.connector, gap.instance, gap.missing_raw) for gap in gaps] == [("vision", "vision", 1)]
    told = [
        event
        for _, value in accounts.broker.values(topics.URGENT.name, at_least=1)
        for event in codec.records(Kind.EVENT, value)
        if event.type == "accounting.gap"
    ]
    assert [(event.subject, event.attributes["missing_raw"]) for event in told] == [("connector:vision", 1)]


@pytest.mark.crash
@pytest.mark.timeout(180)
def test_a_killed_worker_is_in_flight_then_a_gap_and_balanced_once_it_is_back(
    accounts: Accounts, rtsp: RtspServer, tmp_path: Path
) -> None:
    settings = tmp_path / "camaras.toml"
    settings.write_text(SETTINGS.replace("[worker]\n", "[worker]\nstretch_s = 60\n"), encoding="utf-8")
    catalogue = catalogue_toml(rtsp.url("loiterer.mp4"))
    settings.with_name("cameras.toml").write_text(catalogue, encoding="utf-8")
    first = started(accounts, settings, tmp_path)
    try:
        accounts.broker.values(topics.URGENT.name, at_least=1, timeout_s=40)
        until(lambda: accounts.sums()[0] == 1, within_s=30, why=accounts.rows)
    finally:
        first.kill()
        first.wait()
    assert accounts.sums()[:2] == (1, 0)
    assert accounts.verdicts() == {Balance.IN_FLIGHT}
    assert accounts.verdicts(after_ms=LATER_MS) == {Balance.GAP}
    second = started(accounts, settings, tmp_path)
    try:
        until(lambda: accounts.sums()[0] == 2 and accounts.sums()[1] == 1, within_s=40, why=accounts.rows)
        assert sum(row.missing_outcomes for row in accounts.rows()) == 0, "the killed one's events too"
    finally:
        second.terminate()
        assert second.wait(20) == 0
    until(lambda: accounts.verdicts(after_ms=LATER_MS) == {Balance.BALANCED}, within_s=30, why=accounts.rows)
    by_end = {each.ended: each for each in accounts.stretches()}
    assert set(by_end) == {StretchEnd.KILLED, StretchEnd.STOPPED}
    assert by_end[StretchEnd.KILLED].events


def started(accounts: Accounts, settings: Path, folder: Path) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path for path in sys.path if path)
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(PROCESS), accounts.bus_settings.dsn, str(settings), str(folder)],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": paths},
        )
