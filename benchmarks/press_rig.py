"""A whole centre of real processes with a city of buttons laid on a grid, and the eyes that see when a press is on
the wall and in the store.

Each press is made by a button of its own, 700 m from its neighbours, so that each opens an alert of its own (the
merge radius is 300 m). An alert is matched to its press by its place. All clock readings are of one host.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import psutil
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cior_bus import topics  # noqa: E402
from cior_bus.admin import Topics  # noqa: E402
from cior_bus.log_epoch import name_in  # noqa: E402
from cior_demo.roster import Actor, Roster, registry_toml  # noqa: E402
from cior_demo.watching import WallWatch  # noqa: E402
from e2e.running_centre import RunningCentre  # noqa: E402
from measured import now_ms  # noqa: E402

PITCH_M = 700.0
ROWS = 26
WARM_UP = 6
PANIC = "120"
"""Contact ID 120, a panic alarm.

Of a private panel alone it opens a P3 alert: on the feed as any other, but not in the store's P1 question.
"""

OTHERS = "everything else on the machine"
HOP = topics.TopicSpec(
    name="bench.hop",
    key="-",
    value="bytes",
    partitions=1,
    retention_s=3_600,
    purpose="baseline of the benchmarks",
)
Spot = tuple[float, float]


class Press(msgspec.Struct, kw_only=True):
    """One press. ``at_ms``: the moment before its first byte was written.

    The others stay None when it did not happen.
    """

    wire: str
    spot: Spot
    at_ms: int
    acked_ms: int | None = None
    feed_ms: int | None = None
    store_ms: int | None = None


class GridCentre(RunningCentre):
    """A running centre whose registry holds the grid's buttons (two kinds, alternating): buses with a button, panels
    of persons.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        with_camera: bool = False,
        edit: Callable[[str], str] = lambda text: text,
    ) -> None:
        super().__init__(folder, with_camera=with_camera, edit=edit)
        self.grid = _grid(self.city.bounds, seed=seed)
        actors = Roster(actors={**self.roster.actors, **{actor.name: actor for actor in self.grid}})
        text = registry_toml(actors, self.city)
        (folder / "registry.toml").write_text(text, encoding="utf-8")

    def group_position(self, group: str, topic: topics.TopicSpec) -> dict[int, int]:
        """What a consumer group has committed, by partition."""
        admin = Topics(self.stack.bus)
        consumer = Consumer(self.stack.bus.consumer(name_in(admin.epoch(), group)))
        try:
            count = admin.existing()[topic.name]
            found = consumer.committed(
                [TopicPartition(topic.name, each) for each in range(count)], timeout=5.0
            )
        except KafkaException:
            return {}
        finally:
            consumer.close()
        return {each.partition: each.offset for each in found}


def _grid(bounds: tuple[float, float, float, float], *, seed: int) -> list[Actor]:
    south, west, north, east = bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    spots = [
        (
            round(lat + (row - ROWS / 2) * PITCH_M / 111_195, 6),
            round(lon + (column - ROWS / 2) * PITCH_M / 93_300, 6),
        )
        for row in range(ROWS)
        for column in range(ROWS)
    ]
    random.Random(seed).shuffle(spots)
    return [_actor(number, spot) for number, spot in enumerate(spots)]


def _actor(number: int, spot: Spot) -> Actor:
    if number % 2:
        account = str(4_000 + number)
        return Actor(
            name=f"button-{number:04d}",
            kind="panel",
            native=account,
            subject=f"panel:{account}",
            lat=spot[0],
            lon=spot[1],
            block=f"b-{number}",
        )
    native = f"pressbus-{number:04d}"
    return Actor(
        name=native, kind="bus", native=native, subject=f"vehicle:{native}", lat=spot[0], lon=spot[1]
    )


class Wall(WallWatch):
    """An open page that also remembers where each alert first stood."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.first_ms: dict[Spot, int] = {}

    def _note(self, alert: dict[str, Any]) -> None:
        super()._note(alert)
        if alert["lat"] is not None:
            self.first_ms.setdefault(
                (round(alert["lat"], 6), round(alert["lon"], 6)), self.seen[alert["id"]].first_ms
            )


class StoreEyes:
    """Asks the store's P1 question again and again while presses are under way: ``first_ms[k]`` is when it first
    counted ``k`` alerts.
    """

    def __init__(self, wall_url: str, *, every_s: float = 0.03) -> None:
        parts = urlsplit(wall_url)
        self._url = f"{parts.scheme}://{parts.netloc}/api/ask/latency"
        self._headers = {"Authorization": f"Bearer {parse_qs(parts.query)['token'][0]}"}
        self._every_s = every_s
        self.first_ms: dict[int, int] = {}
        self.wanted = self.counted = self.asked = self.refused = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while True:
                if self.counted < self.wanted:
                    await self._look(session)
                await asyncio.sleep(self._every_s)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        self.asked += 1
        try:
            async with session.get(self._url) as answer:
                body = await answer.read() if answer.status == 200 else b""
        except aiohttp.ClientError:
            body = b""
        if not body:
            self.refused += 1
            return
        found, at_ms = json.loads(body)["n"], now_ms()
        for count in range(self.counted + 1, found + 1):
            self.first_ms[count] = at_ms
        self.counted = max(self.counted, found)


class Hops(threading.Thread):
    """The baseline: a bare confluent producer and a bare consumer of the same broker, one message of a press's size,
    one hop, all the while.
    """

    def __init__(self, centre: RunningCentre, *, every_s: float = 0.5) -> None:
        super().__init__(name="hops", daemon=True)
        self._bus, self._every_s = centre.stack.bus, every_s
        self._over = threading.Event()
        self._sent: dict[bytes, float] = {}
        self.took_ms: list[float] = []
        Topics(self._bus).ensure((HOP,))

    def run(self) -> None:
        """Send at random instants; read in this thread's sibling."""
        reader = threading.Thread(target=self._read, name="hops-reader", daemon=True)
        reader.start()
        producer = Producer({**self._bus.producer(), "linger.ms": 0})
        dice, number = random.Random(5), 0
        while not self._over.wait(dice.uniform(0.5, 1.5) * self._every_s):
            number += 1
            value = b"%08d" % number + b"x" * 900
            self._sent[value[:8]] = time.perf_counter()
            producer.produce(HOP.name, value=value, partition=0)
            producer.flush(5)
        reader.join(5)

    def _read(self) -> None:
        consumer = Consumer(self._bus.consumer("bench-hops"))
        consumer.assign([TopicPartition(HOP.name, 0, 0)])
        while not self._over.is_set():
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                self.took_ms.append((time.perf_counter() - self._sent[(message.value() or b"")[:8]]) * 1000)
        consumer.close()

    def stop(self) -> None:
        """End both threads."""
        self._over.set()
        self.join(10)


class CityLoad:
    """The generator process (:mod:`city_load`) around a block; ``told`` holds its figures afterwards."""

    def __init__(self, centre: RunningCentre, *, rate: float, front_rate: float) -> None:
        url = f"http://127.0.0.1:{centre.world.traccar_port}/traccar"
        self._argv = [
            sys.executable,
            str(Path(__file__).with_name("city_load.py")),
            centre.stack.addresses.bus_dsn,
            "--rate",
            str(rate),
            "--front",
            url,
            "--front-rate",
            str(front_rate),
        ]
        self._secret = centre.keys.traccar_secret
        self.told: dict[str, Any] = {}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CIOR_TRACCAR_SECRET": self._secret},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "started", "the generator did not start"
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.process is not None
        out, _ = self.process.communicate(timeout=60)
        self.told = json.loads(out.splitlines()[-1]) if out.strip() else {}


class Busy:
    """Processor seconds of every part between :meth:`start` and :meth:`shares`."""

    def __init__(self, centre: RunningCentre, **others: int) -> None:
        self._pids = {
            name: part.pid for name, part in centre.stack.supervisor.parts.items() if part.pid is not None
        } | others
        self._pids["presses and eyes"] = os.getpid()
        self._began = {name: _cpu_s(pid) for name, pid in self._pids.items()}
        self._began_s, self._machine_s = time.monotonic(), _busy_s()

    def shares(self) -> dict[str, float]:
        """Percent of one core by process; a part that was restarted meanwhile is left out."""
        lasted_s = time.monotonic() - self._began_s
        ended = {name: _cpu_s(pid) for name, pid in self._pids.items()}
        found = {
            name: round(100 * (end - begin) / lasted_s, 1)
            for name, end in ended.items()
            if end is not None and (begin := self._began[name]) is not None
        }
        whole = 100 * (_busy_s() - self._machine_s) / lasted_s
        return found | {OTHERS: round(max(0.0, whole - sum(found.values())), 1)}


def _busy_s() -> float:
    """Processor seconds that the whole machine has worked."""
    times = psutil.cpu_times()
    return float(
        times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    )


def _cpu_s(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)


class Presser:
    """Presses buttons of the grid, each once, and fills in when they were seen."""

    def __init__(self, centre: GridCentre, wall: Wall, eyes: StoreEyes | None = None) -> None:
        self._traccar, self._panels, self._wall, self._eyes = centre.traccar(), centre.panels(), wall, eyes
        self._buttons = iter(centre.grid)
        self._counted_before = 0
        self.presses: list[Press] = []

    async def warm_up(self, *, count: int = WARM_UP, settle_s: float = 3.0) -> None:
        """Presses that are not measured: connections, caches, first rows; and the one city-wide alert that three
        attacks on buses open.
        """
        for _ in range(count):
            await self._press(next(self._buttons))
            await asyncio.sleep(0.2)
        await self.settled(within_s=30)
        await asyncio.sleep(settle_s)
        self.presses.clear()
        if self._eyes is not None:
            self._eyes.wanted = (
                self._eyes.counted + 1_000_000
            )  # look for a moment, to know where counting starts
            await asyncio.sleep(1.0)
            self.start_counting(self._eyes.counted)

    def start_counting(self, counted: int) -> None:
        """The store's P1 question counts so many alerts before the first measured press."""
        if self._eyes is not None:
            self._counted_before = self._eyes.wanted = self._eyes.counted = counted

    async def poisson(self, count: int, *, per_s: float, seed: int) -> None:
        """``count`` presses at random instants."""
        dice = random.Random(seed)
        pauses = [dice.expovariate(per_s) for _ in range(count)]
        await self._at(pauses)

    async def steadily(self, *, every_s: float, until: asyncio.Event, most: int) -> None:
        """A press each ``every_s`` until told."""
        tasks: list[asyncio.Task[None]] = []
        started_s = time.monotonic()
        while not until.is_set() and len(tasks) < most:
            tasks.append(asyncio.ensure_future(self._press(next(self._buttons))))
            await asyncio.sleep(max(0.0, started_s + len(tasks) * every_s - time.monotonic()))
        await asyncio.gather(*tasks)

    async def _at(self, pauses: Sequence[float]) -> None:
        tasks, due_s = [], time.monotonic()
        for pause_s in pauses:
            due_s += pause_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            tasks.append(asyncio.ensure_future(self._press(next(self._buttons))))
        await asyncio.gather(*tasks)

    async def _press(self, actor: Actor) -> None:
        press = Press(
            wire="dc09" if actor.kind == "panel" else "traccar", spot=(actor.lat, actor.lon), at_ms=now_ms()
        )
        self.presses.append(press)
        if self._eyes is not None and press.wire == "traccar":
            self._eyes.wanted += 1
        if actor.kind == "panel":
            sent = await self._panels.alarm(actor, PANIC)
        else:
            sent = await self._traccar.position(actor, actor.lat, actor.lon, speed_kmh=20.0, alarm="sos")
        press.at_ms, press.acked_ms = sent.at_ms, sent.acked_ms

    async def settled(self, *, within_s: float) -> None:
        """Wait until every press was seen, at most so long; then fill in what was."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            if all(press.spot in self._wall.first_ms for press in self.presses) and (
                self._eyes is None or self._eyes.counted >= self._eyes.wanted
            ):
                break
            await asyncio.sleep(0.1)
        for press in self.presses:
            press.feed_ms = self._wall.first_ms.get(press.spot)
        if self._eyes is None:
            return
        mine = sorted((press for press in self.presses if press.wire == "traccar"), key=lambda one: one.at_ms)
        for place, press in enumerate(mine, start=self._counted_before + 1):
            press.store_ms = self._eyes.first_ms.get(place)

    async def close(self) -> None:
        """Hang up."""
        await self._traccar.close()
        await self._panels.close()
